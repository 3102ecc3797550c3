"""Micromagnetism by finite differences: energies, fields and relaxation of a magnet on a grid.

- `Mesh`, `Material`, `Problem`: what is asked;
- `effective_field`, `Energies`: the field of a state and its energies by term;
- `demag_tensor`, `DemagOperator`: the magnet's own field;
- `minimise` with `LBFGS` or `BarzilaiBorwein`, `quench`: relaxation, `Relaxation` what came of it, `random_start`;
- `save_checkpoint`, `load_checkpoint`, `part_of`: states on disk.
"""

from simulators.micromagnetics.barzilai_borwein import BarzilaiBorwein
from simulators.micromagnetics.checkpoints import load_checkpoint, part_of, save_checkpoint
from simulators.micromagnetics.demag import DemagOperator
from simulators.micromagnetics.demag_tensor import demag_tensor
from simulators.micromagnetics.effective_field import Energies, effective_field
from simulators.micromagnetics.lbfgs import LBFGS
from simulators.micromagnetics.material import Material, exchange_length, wall_width
from simulators.micromagnetics.mesh import Mesh
from simulators.micromagnetics.problem import Problem
from simulators.micromagnetics.relaxation import Relaxation, minimise, quench, random_start

__all__ = [
    "LBFGS",
    "BarzilaiBorwein",
    "DemagOperator",
    "Energies",
    "Material",
    "Mesh",
    "Problem",
    "Relaxation",
    "demag_tensor",
    "effective_field",
    "exchange_length",
    "load_checkpoint",
    "minimise",
    "part_of",
    "quench",
    "random_start",
    "save_checkpoint",
    "wall_width",
]
