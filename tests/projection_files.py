"""Small projections of a porous slab, as the documents name them: our own record, stacks of other software, waves."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from records import store
from simulators.experiments.ptychography_setups import Pose
from simulators.experiments.tilt_series import simulate_tilt_series
from simulators.experiments.tilt_series_setups import TiltImage, TiltLight, TiltSeriesSetup
from simulators.samples.block import Block
from simulators.samples.superlattice_slab import superlattice_slab

_TILTS, _TURNS = (-60, -30, 0, 30, 60), (0, 120, 240)
_COARSE = 4  # the waves are those of a sample so many times larger: the box of the documents


def write_small_projections(folder: Path) -> None:
    """Write ``projections.h5``, ``stacks.h5``, ``waves.h5`` and ``angles.txt``."""
    poses = tuple(Pose(tilt=np.deg2rad(t), in_plane_angle=np.deg2rad(p)) for p in _TURNS for t in _TILTS)
    block = Block(size=(30e-9, 60e-9, 60e-9))
    sample = superlattice_slab(block=block, texture_period=60e-9, rng=np.random.default_rng(0))
    setup = TiltSeriesSetup(poses=poses, light=TiltLight(photons=1e5), image=TiltImage(n=28))
    measured, _ = simulate_tilt_series(sample, setup, seed=0)
    store.save(measured, folder / "projections.h5")
    lines = [f"{tilt} {turn}" for turn in _TURNS for tilt in _TILTS]
    (folder / "angles.txt").write_text("# tilt in_plane\n" + "\n".join(lines) + "\n")
    density = measured["optical_density"].values
    known: dict[str, Any] = {"pixel_size": _COARSE * 5e-9}
    known |= {name: float(measured[name]) for name in ("energy", "polarization", "beta_m")}
    with h5py.File(folder / "stacks.h5", "w") as file:
        file["scan_7/plus"], file["scan_7/minus"] = density
    with h5py.File(folder / "waves.h5", "w") as file:
        file["plus"], file["minus"] = np.exp(-_COARSE * density / 2).astype(np.complex64)
        file.attrs.update(known)
