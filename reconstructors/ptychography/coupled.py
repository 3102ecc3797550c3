"""The registered method `rpie+coupled`: both helicities at once.

- `PARAMETERS`: what it shares; `solve`; `refusal`: why a measurement cannot be used.

What is shared is data of one instrument and one sample seen twice, no prior: the probe up to its power; on request the
positions, and the charge image while both scans settle on it. See `dichroic`.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from numerics.iterate import Watcher
from reconstructors.ptychography import methods
from reconstructors.ptychography.checkpoint import Checkpoint, task
from reconstructors.ptychography.dichroic import coupling
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.methods import ScanParameters
from reconstructors.ptychography.preparation import Preparation
from reconstructors.ptychography.results import assembled

NAME: Final = "rpie+coupled"

PARAMETERS: Final = ScanParameters(
    DichroicParameters(engine=RpiePlusParameters(likelihood="amplitude"), shared_probe=True),
    Preparation(focus="shadow", background="flat", offset=0.1),
    reject="residual",
    refine_flux=True,
    tilt_aware=True,
)


def knowledge(parameters: ScanParameters) -> tuple[str, ...]:
    """Return what the method is told beyond the frames."""
    engine = parameters.engine
    assert isinstance(engine, DichroicParameters)
    shared = [name for name in ("probe", "positions", "charge") if getattr(engine, f"shared_{name}")]
    begun = ("helicity - begun at helicity +",) if engine.following else ()
    return *methods.knowledge(parameters), *(f"{name} shared by the helicities" for name in shared), *begun


def refusal(measurement: xr.Dataset, parameters: ScanParameters) -> str | None:
    """Return why `measurement` cannot be used, None where it can; its frames are not read."""
    helicities = measurement["helicity"].values.tolist()
    if len(helicities) != 2:
        return f"helicity is {helicities}; both are needed"
    return methods.refusal(measurement, parameters)


def solve(
    measurement: xr.Dataset,
    *,
    parameters: ScanParameters,
    rng: np.random.Generator,
    given: xr.Dataset | None = None,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
) -> xr.Dataset:
    """Reconstruct both helicities of a measurement together; the parameters are those of `methods.solve`."""
    engine = parameters.engine
    assert isinstance(engine, DichroicParameters)
    if parameters.refine_positions:
        engine = replace(engine, positions=parameters.positions)
    corrupt = methods.rejected(measurement, parameters)
    plus, minus = (methods.prepare(measurement, index, corrupt[index], parameters) for index in range(2))
    found, errors = coupling.run(
        (plus.problem, minus.problem),
        engine,
        rng=rng,
        listeners=(*methods.unwrapping(plus, parameters), *methods.corrections(parameters)),
        watch=watch,
        kept=None if checkpoint is None else Checkpoint(checkpoint, task(measurement, NAME, parameters, rng)),
    )
    states = (found.plus, found.minus)
    return assembled(
        measurement,
        (plus, minus),
        states,
        (errors, errors),
        corrupt=methods.left_out(corrupt, (plus, minus), states),
        name=NAME,
        parameters=parameters,
        knowledge=knowledge(parameters),
    )
