"""The registered methods: a measurement of projections in, a `Reconstruction` with three volumes out.

- `TomographyParameters`: what any method is told beside its recipe; `METHODS`: by name;
- `solve`: the steps in turn; `refusal`: why a measurement cannot be used; `knowledge`: what a method is told.

Halves of a data set share the poses that were found from all of it, its exchange and its blur, but no volume.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import xarray as xr

from numerics.iterate import Watcher
from reconstructors.tomography.explained import VolumeParameters
from reconstructors.tomography.pipeline import refined_by_waves, solve_volumes
from reconstructors.tomography.poses import PoseParameters, Poses, find_poses, poses_of
from reconstructors.tomography.preparation import PreparationParameters, Prepared, prepare
from reconstructors.tomography.results import assembled
from reconstructors.tomography.vector import BallParameters, CglsParameters, ResireParameters
from reconstructors.tomography.vector_plus import VectorPlusParameters

Recipe = ResireParameters | CglsParameters | BallParameters | VectorPlusParameters

_RIM: Final = 6  # voxels above and below the nominal box
_TURN: Final = float(np.deg2rad(2.0))  # by which the sample may lie in its frame otherwise than written down


@dataclass(frozen=True)
class TomographyParameters:
    """What a method is told beside the data.

    Parameters
    ----------
    recipe : dataclass
        Of the vector solve.
    preparation : PreparationParameters
        Background, registration of the helicities.
    poses : PoseParameters
        Alignment and refinement.
    volumes : VolumeParameters
        Projector, charge and fill.
    """

    recipe: Recipe
    preparation: PreparationParameters = field(default_factory=PreparationParameters)
    poses: PoseParameters = field(default_factory=PoseParameters)
    volumes: VolumeParameters = field(default_factory=VolumeParameters)


METHODS: Final[Mapping[str, TomographyParameters]] = {
    "resire": TomographyParameters(ResireParameters()),
    "cgls": TomographyParameters(CglsParameters()),
    "ball": TomographyParameters(BallParameters()),
    "vector+": TomographyParameters(VectorPlusParameters(), volumes=VolumeParameters(waves=True)),
}
"""Parameters of the methods."""

_RECIPES: Final[Mapping[type, str]] = {
    ResireParameters: "resire",
    CglsParameters: "cgls",
    BallParameters: "ball",
    VectorPlusParameters: "vector_plus",
}

_BETAS: Final = {"beta_magnet": "absorption of the magnet", "beta_matrix": "absorption of the matrix"}
_DELTAS: Final = {"delta_magnet": "dispersion of the magnet", "delta_matrix": "dispersion of the matrix"}


def knowledge(parameters: TomographyParameters) -> tuple[str, ...]:
    """Return what a method is told beyond the images."""
    return (*_told(parameters), *(f"{text}, where the measurement has it" for text in _materials(parameters).values()))


def _materials(parameters: TomographyParameters) -> Mapping[str, str]:
    return _BETAS | _DELTAS if parameters.volumes.waves else _BETAS


def _told(parameters: TomographyParameters) -> tuple[str, ...]:
    poses = parameters.poses
    angles = "angles to start from" if poses.refine and poses.angles else "angles"
    shifts = () if poses.align or poses.refine else ("shifts: none",)
    return angles, *shifts, "photon energy", "degree of polarization", "magnetic absorption beta_m"


def refusal(measurement: xr.Dataset) -> str | None:
    """Return why `measurement` cannot be used, None where it can."""
    count = measurement.sizes["projection"]
    return None if count > 1 else f"{count} projection; allowed: from 2"


def solve(
    measurement: xr.Dataset,
    *,
    name: str,
    parameters: TomographyParameters,
    rng: np.random.Generator,
    given: xr.Dataset | None = None,
    watch: Sequence[Watcher] = (),
) -> xr.Dataset:
    """Reconstruct charge, fill and magnetization.

    Parameters
    ----------
    measurement : Dataset
        Of kind ``"projections"``.
    name : str
        Of the method.
    parameters : TomographyParameters
    rng : numpy.random.Generator
        Of the starts of power iterations.
    given : Dataset, optional
        `Reconstruction` from more projections of the same measurement, whose poses are reused, and whose exchange and
        blur if it has any.
    watch : sequence of callable
        Each called with (step, error); a stage before the vector solve is one step, with the error 1 of no volume.

    Returns
    -------
    Dataset
        The record `Reconstruction` of kind ``"projections"``.

    Raises
    ------
    ValueError
        If a series is too short, no magnet is found, or the magnetic images are empty.
    """
    stages = _Stages(watch)
    prepared = prepare(measurement, parameters.preparation)
    stages.tell("preparation")
    poses = None if given is None else poses_of(prepared, given)
    if poses is None:
        poses = _poses(measurement, prepared, parameters, rng=rng, stages=stages)
    stages.tell("charge")
    recipe = _as_in(parameters.recipe, given)
    volumes = solve_volumes(
        prepared,
        poses,
        recipe=(_RECIPES[type(recipe)], recipe),
        parameters=parameters.volumes,
        known=measurement,
        rng=rng,
        blur=None if given is None or "blur" not in given else float(given["blur"]),
        watch=stages.after(),
    )
    told = (*_told(parameters), *(text for key, text in _materials(parameters).items() if key in measurement))
    told = (*told, "nominal thickness") if "box" in measurement else told
    return assembled(measurement, prepared, poses, volumes, name=name, parameters=parameters, knowledge=told)


def _poses(
    measurement: xr.Dataset,
    prepared: Prepared,
    parameters: TomographyParameters,
    *,
    rng: np.random.Generator,
    stages: "_Stages",
) -> Poses:
    """Return poses by line integrals, then by waves where there are any."""
    how = parameters.poses
    poses = find_poses(prepared, how, depth=nominal_depth(measurement), tell=stages.tell)
    stages.tell("refinement by waves")
    return refined_by_waves(prepared, poses, parameters.volumes, how=how, known=measurement, rng=rng)


def _as_in(recipe: Recipe, given: xr.Dataset | None) -> Recipe:
    """Return a recipe that ends as one did with more projections."""
    if given is None or "exchange" not in given or not isinstance(recipe, VectorPlusParameters):
        return recipe
    return recipe.straight_to(float(given["exchange"]), fine=bool(given["exchange_fine"]))


def nominal_depth(measurement: xr.Dataset) -> int | None:
    """Return the voxels along z that hold the nominal box, a rim and a small turn; None without a nominal box."""
    if "box" not in measurement:
        return None
    height, *sides = measurement["box"].values / float(measurement["pixel_size"])
    return int(np.ceil(height + max(sides) * np.sin(_TURN))) + 2 * _RIM


class _Stages:
    """Counts stages as steps for those who watch."""

    def __init__(self, watch: Sequence[Watcher]) -> None:
        self._watch = watch
        self._done = 0

    def tell(self, _word: str) -> None:
        """Report one stage."""
        for watcher in self._watch:
            watcher(self._done, 1.0)
        self._done += 1

    def after(self) -> tuple[Watcher, ...]:
        """Return watchers that count on from the stages done."""
        done = self._done

        def later(watcher: Watcher) -> Watcher:
            return lambda step, error: watcher(done + step, error)

        return tuple(later(watcher) for watcher in self._watch)


def solver(name: str) -> Callable[..., xr.Dataset]:
    """Return `solve` under the name of a method, as the registry calls it."""

    def run(measurement: xr.Dataset, **words: Any) -> xr.Dataset:
        return solve(measurement, name=name, **words)

    return run
