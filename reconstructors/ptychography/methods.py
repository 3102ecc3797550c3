"""The registered methods: a measurement of one projection in, a `Reconstruction` out.

- `ScanParameters`: what any method is told beside its engine; `METHODS`: by name;
- `solve`: each helicity for itself; `refusal`: why a measurement cannot be used.

Both helicities at once are in `coupled`. Frames that are corrupt are left out first where `ScanParameters.reject` says
so; what was left out, and why, is in the result. Nothing of a reconstruction from other data is used, so halves share
the nominal optics and positions and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import Watcher
from reconstructors.ptychography import preparation
from reconstructors.ptychography.checkpoint import Checkpoint, Keeper, task
from reconstructors.ptychography.corrections import faults
from reconstructors.ptychography.corrections.defocus import ProbeUnwrapping, heights
from reconstructors.ptychography.corrections.frame_rejection import FrameRejection
from reconstructors.ptychography.corrections.positions import PositionParameters, PositionRefinement
from reconstructors.ptychography.corrections.stretching import StretchRefinement
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.engines import difference_map, gauge, least_squares, pie, rpie_plus
from reconstructors.ptychography.engines.difference_map import DmParameters
from reconstructors.ptychography.engines.least_squares import LsqmlParameters
from reconstructors.ptychography.engines.listeners import Listener
from reconstructors.ptychography.engines.modes import FluxRefinement, Orthogonalisation
from reconstructors.ptychography.engines.pie import PieParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.preparation import Preparation, Prepared
from reconstructors.ptychography.results import assembled
from reconstructors.ptychography.state import State, start

Array = NDArray[Any]
Engine = PieParameters | RpiePlusParameters | DmParameters | LsqmlParameters | DichroicParameters

RULES: Final = ("none", *faults.RULES)
_MISFIT: Final = 18  # of `faults.REASONS`
_MIXING: Final = 10
"""Epochs up to which the modes are made orthogonal as they go; at the end they always are."""


@dataclass(frozen=True)
class ScanParameters:
    """What a method is told beside the data.

    Parameters
    ----------
    engine : dataclass
        Of the method.
    preparation : Preparation
        Modes of the probe, focus, background, memory.
    reject : {"none", "gradient", "residual"}
        How corrupt frames are found before the reconstruction; ``"residual"`` also leaves out what does not fit later.
    refine_positions : bool
    positions : PositionParameters
        How they are refined.
    refine_flux : bool
        Find the incident light of each frame.
    tilt_aware : bool
        Give each frame the probe at the height that the tilted sample has there; in the far field.
    unwrap_probe : bool
        The published constraint on the phase of the probe's pupil.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    engine: Engine
    preparation: Preparation = field(default_factory=Preparation)
    reject: str = "none"
    refine_positions: bool = False
    positions: PositionParameters = field(default_factory=PositionParameters)
    refine_flux: bool = False
    tilt_aware: bool = False
    unwrap_probe: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        if self.reject not in RULES:
            raise ValueError(f"reject is {self.reject!r}; allowed: {', '.join(RULES)}")
        refines = [name for name in ("refine_positions", "refine_flux", "unwrap_probe") if getattr(self, name)]
        if refines and isinstance(self.engine, DmParameters):
            raise ValueError(f"{refines[0]} is on; allowed: off for the difference map, whose exit waves hold it too")


METHODS: Final[Mapping[str, ScanParameters]] = {
    "epie": ScanParameters(pie.EPIE),
    "rpie": ScanParameters(PieParameters()),
    "dm": ScanParameters(DmParameters()),
    "lsqml": ScanParameters(LsqmlParameters(), Preparation(offset=0.375)),
    # Counts of photons are Poisson, but what no model holds (thickness, stray light) weighs most on the darkest pixels.
    "rpie+": ScanParameters(
        RpiePlusParameters(likelihood="amplitude"),
        Preparation(focus="shadow", background="flat", offset=0.1),
        reject="residual",
        refine_flux=True,
        tilt_aware=True,
    ),
}
"""Parameters of the methods that take each helicity for itself."""


def knowledge(parameters: ScanParameters) -> tuple[str, ...]:
    """Return what a method is told beyond the frames."""
    positions = "positions to start from" if parameters.refine_positions else "positions"
    return "nominal optics, where the measurement has them", positions


def refusal(measurement: xr.Dataset, parameters: ScanParameters) -> str | None:
    """Return why `measurement` cannot be used, None where it can; its frames are not read."""
    reason = preparation.refuses(measurement)
    if reason is None and isinstance(parameters.engine, DmParameters):
        frames, shape = measurement.sizes["position"], (measurement.sizes["y"], measurement.sizes["x"])
        limit = parameters.engine.memory_limit
        return difference_map.refusal(frames, parameters.preparation.modes, shape, limit=limit)
    return reason


def solve(
    measurement: xr.Dataset,
    *,
    name: str,
    parameters: ScanParameters,
    rng: np.random.Generator,
    given: xr.Dataset | None = None,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
) -> xr.Dataset:
    """Reconstruct each helicity of a measurement for itself.

    Parameters
    ----------
    measurement : Dataset
        Of kind ``"ptychography"``; its frames may be lazy.
    name : str
        Of the method.
    parameters : ScanParameters
    rng : numpy.random.Generator
        Of the order of the frames.
    given : Dataset, optional
        Not used.
    watch : sequence of callable
        Each called with (step, error).
    checkpoint : Path, optional
        File in which the states are kept; the run goes on from what is there.

    Returns
    -------
    Dataset
        The record `Reconstruction` of kind ``"ptychography"``.
    """
    rngs = rng.spawn(measurement.sizes["helicity"])
    corrupt = rejected(measurement, parameters)
    kept = None if checkpoint is None else Checkpoint(checkpoint, task(measurement, name, parameters, rng))
    prepared, states, histories = [], [], []
    for index, own in enumerate(rngs):
        helicity = prepare(measurement, index, corrupt[index], parameters)
        state, errors = _one(helicity, parameters, own, watch, kept=(kept, f"helicity {index}"))
        prepared.append(helicity)
        states.append(state)
        histories.append(errors)
    return assembled(
        measurement,
        prepared,
        states,
        histories,
        corrupt=left_out(corrupt, prepared, states),
        name=name,
        parameters=parameters,
        knowledge=knowledge(parameters),
    )


def rejected(measurement: xr.Dataset, parameters: ScanParameters) -> Array:
    """Return why frames are left out before anything else, (helicities, frames) int8: keys of `faults.REASONS`."""
    if parameters.reject == "none":
        return np.zeros(measurement["position_y"].shape, np.int8)
    return faults.corrupt_frames(measurement, rule=parameters.reject)


def prepare(measurement: xr.Dataset, index: int, corrupt: Array, parameters: ScanParameters) -> Prepared:
    """Return one helicity as a problem without the frames that are corrupt."""
    found = preparation.from_measurement(measurement, index, options=parameters.preparation, left_out=corrupt != 0)
    problem, used, tilt = found.problem, found.problem.used, float(measurement["tilt"])
    if parameters.tilt_aware and tilt != 0 and problem.optics.transfer is None:
        height = heights(problem.positions, used, float(np.tan(tilt)), problem.optics.pixel_size)
        problem = replace(problem, defocus=height)
    return replace(found, problem=problem)


def left_out(corrupt: Array, prepared: Sequence[Prepared], states: Sequence[State]) -> Array:
    """Return why each frame took no part, (helicities, frames) int8: keys of both tables of reasons."""
    found = np.zeros_like(corrupt)
    for index, (helicity, state) in enumerate(zip(prepared, states, strict=True)):
        reason = np.where(helicity.corrupt != 0, helicity.corrupt, corrupt[index])
        found[index] = np.where(state.used, 0, np.where(reason == 0, _MISFIT, reason))
    return found


def corrections(parameters: ScanParameters) -> tuple[Listener, ...]:
    """Return what looks after modes, flux and frames that do not fit, whatever the engine."""
    found: list[Listener] = []
    if parameters.preparation.modes > 1:
        found.append(Orthogonalisation(every=2, until=_MIXING))
    if parameters.refine_flux:
        found.append(FluxRefinement())
    if parameters.reject == "residual":
        found.append(FrameRejection())
    return tuple(found)


def _listeners(prepared: Prepared, parameters: ScanParameters) -> tuple[Listener, ...]:
    if isinstance(parameters.engine, DmParameters):
        return ()
    if not parameters.refine_positions:
        return (*unwrapping(prepared, parameters), *corrections(parameters))
    moving = PositionRefinement(prepared.problem.positions, parameters.positions)
    stretching = StretchRefinement(prepared.problem, parameters.positions)
    return moving, stretching, *unwrapping(prepared, parameters), *corrections(parameters)


def unwrapping(prepared: Prepared, parameters: ScanParameters) -> tuple[Listener, ...]:
    """Return what keeps the phase of the pupil smooth, where that is asked for."""
    return (ProbeUnwrapping(prepared.problem),) if parameters.unwrap_probe else ()


def _one(
    prepared: Prepared,
    parameters: ScanParameters,
    rng: np.random.Generator,
    watch: Sequence[Watcher],
    *,
    kept: tuple[Checkpoint | None, str],
) -> tuple[State, list[float]]:
    problem, engine = prepared.problem, parameters.engine
    checkpoint, name = kept
    before = checkpoint.load(name) if checkpoint is not None else None
    state, errors = before or (start(problem), [])
    keepers = () if checkpoint is None else (Keeper(checkpoint, {name: state}, errors),)
    words: dict[str, Any] = {
        "listeners": _listeners(prepared, parameters),
        "watch": (*(_later(watcher, len(errors)) for watcher in watch), *keepers),
        "state": state,
    }
    if isinstance(engine, DmParameters):
        state, more = difference_map.run(problem, engine, **words)
    elif isinstance(engine, LsqmlParameters):
        state, more = least_squares.run(problem, engine, rng=rng, **words)
    elif isinstance(engine, PieParameters):
        state, more = pie.run(problem, engine, rng=rng, **words)
    else:
        assert isinstance(engine, RpiePlusParameters)
        state, more = rpie_plus.run(problem, engine, rng=rng, **words)
    gauge.apply_all((*gauge.standard(problem), Orthogonalisation()), state)
    return state, [*errors, *more]


def _later(watcher: Watcher, done: int) -> Watcher:
    return lambda step, error: watcher(done + step, error)


def solver(name: str) -> Callable[..., xr.Dataset]:
    """Return `solve` under the name of a method, as the registry calls it."""

    def run(measurement: xr.Dataset, **words: Any) -> xr.Dataset:
        return solve(measurement, name=name, **words)

    return run
