"""Small experiments that the tests of the reconstructors share; each is made once."""

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

from numerics.streams import stream
from reconstructors import registry
from reconstructors.phase_retrieval.hapre_plus import Stage
from simulators.experiments import holography
from simulators.experiments.holography import ExpectedPatterns
from simulators.experiments.setups import DetectorSetup, HolographySetup, MaskSetup
from simulators.samples.multilayer import labyrinth_multilayer

SMALL = HolographySetup(
    mask=MaskSetup(hole_diameter=260e-9, references=3),
    detector=DetectorSetup(n=256, photons=1e9),
)
"""A hole of 49 pixels that shows two or three domains, and three references; as bright as the standard experiment."""

BRIEF: dict[str, dict[str, Any]] = {
    "fth": {"focus_range": 0.3e-6},
    "hapre": {"reflections": 10, "reductions": 35, "second_helicity": 5, "focus_range": 0.3e-6},
    "hapre+": {
        "search": (4, 2),
        "rounds": ((Stage(3, 3, 4, 0.9, 4),), (Stage(6, 8, 4, 0.9, 4),)),
        "focus_range": 0.3e-6,
    },
}
"""Parameters for tests of anything but quality."""


def changed(setup: HolographySetup, **tables: dict[str, Any]) -> HolographySetup:
    """Return `setup` with some values of its tables changed."""
    return replace(setup, **{name: replace(getattr(setup, name), **values) for name, values in tables.items()})


@cache
def expected(setup: HolographySetup = SMALL, seed: int = 0) -> ExpectedPatterns:
    film = labyrinth_multilayer(extent=setup.window, pixel_size=setup.fine_pixel, rng=stream(seed, "sample"))
    return holography.expected_patterns(film, setup, seed=seed)


@cache
def measured(setup: HolographySetup = SMALL, seed: int = 0) -> xr.Dataset:
    # The exit waves do not depend on the detector, so other detectors share them.
    usual = replace(setup, detector=replace(SMALL.detector, n=setup.detector.n))
    return holography.detect(expected(usual, seed), setup, seed=seed)


def method(name: str, **parameters: Any) -> registry.Method:
    """Return a registered method with some of its parameters changed."""
    found = registry.get(name)
    return replace(found, parameters=replace(found.parameters, **parameters))


@cache
def reconstructed(name: str, setup: HolographySetup = SMALL, seed: int = 0, **parameters: Any) -> xr.Dataset:
    return method(name, **parameters).reconstruct(measured(setup, seed), rng=stream(seed, "reconstruct", name))


def raised(reconstruction: xr.Dataset) -> set[str]:
    """Return the names of the flags that are up."""
    up = reconstruction["flag"].values == 1
    return {str(name) for name in reconstruction["flag_name"].values[up]}


def flag_value(reconstruction: xr.Dataset, name: str) -> float:
    return float(reconstruction["flag_value"].sel(flag_name=name))


def correlation(a: Any, b: Any, mask: Any) -> float:
    return float(np.corrcoef(np.asarray(a)[mask], np.asarray(b)[mask])[0, 1])
