"""A small tilt series, and a method that makes a known volume of any: a field with a hedgehog of each sign."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from records import projections, projections_reconstruction
from tests.records.projections_builders import rotations_of

N, TILTS, SERIES = 16, 5, 3
COUNT = TILTS * SERIES
SCALARS = {"pixel_size": 5e-9, "energy": 853.0, "polarization": 0.9, "beta_m": 7e-4}
TOLD = ("--pixel-nm", "5", "--energy-ev", "853", "--polarization", "0.9", "--beta-m", "7e-4")
TILT = np.tile(np.linspace(-60, 60, TILTS), SERIES)
IN_PLANE = np.repeat([0.0, 120.0, 240.0], TILTS)
DENSITY = np.random.default_rng(3).uniform(0.2, 2.0, (2, COUNT, N, N)).astype(np.float32)
SHAPE = (10, 14, 14)


@dataclass(frozen=True)
class Parameters:
    """Of the fake method."""

    steps: int = 3
    away: float = 0.0
    full: float = 1.0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}; allowed: from 1")


def two_charges() -> tuple[np.ndarray, np.ndarray]:
    """A field with a hedgehog of each sign at z = 0, x = -15 and 15 nm, and the block that it fills."""
    z, y, x = np.meshgrid(*(np.arange(n) - n // 2 + 0.5 for n in SHAPE), indexing="ij")
    # Two zeros along x, of opposite sign.
    m = np.stack([(x**2 - 9) / 6, y, z])
    m /= np.linalg.norm(m, axis=0)
    fill = np.zeros(SHAPE, np.float32)
    fill[1:-1, 1:-1, 1:-1] = 1.0
    fill[:, :, 1] *= 0.3
    return m * fill, fill


def solve(measurement: xr.Dataset, *, parameters: Any, rng: Any, given: Any, watch: Sequence[Any]) -> xr.Dataset:
    for step in range(parameters.steps):
        for each in watch:
            each(step, 0.5 / (step + 1))
    m, fill = two_charges()
    m, fill = m * parameters.full, fill * parameters.full
    if parameters.away == 3:
        raise np.linalg.LinAlgError("SVD did not converge")
    if parameters.away:
        np.float64(1.0) / np.float64(0.0)  # numpy warns
        raise ValueError(f"away is {parameters.away}; allowed: 0")
    n = measurement.sizes["projection"]
    results: dict[str, Any] = {
        "magnetization": m * (fill > 0),
        "fill": fill,
        "charge": 4e-3 * fill,
        "voxel_size": float(measurement["pixel_size"]),
        "rotation": rotations_of(measurement["tilt"].values + np.radians(0.5), measurement["in_plane"].values),
        "shift": np.tile([0.25, -0.5], (n, 1)),
        "used": np.arange(n) != 3,
        "residual": np.linspace(0.02, 0.05, n),
        "history": 0.5 / np.arange(1, parameters.steps + 1),
        "noise": 0.01,
        "coverage": rng.uniform(0, 1, SHAPE),
    }
    flags = {"misfit": (True, 3.1), "mass": (False, 0.001), "unheard_of": (True, 7.25)}
    return projections_reconstruction.make(method="vector+", results=results, flags=flags)


def one_image_series(measurement: xr.Dataset) -> str | None:
    least = min(projections.images_per_series(measurement).values())
    return None if least > 1 else "a series has 1 projection; allowed: 2 or more in each"


def a_series() -> xr.Dataset:
    at = {"tilt": np.radians(TILT), "in_plane": np.radians(IN_PLANE), "series": IN_PLANE.astype(int) // 120}
    return projections.make(images={"optical_density": DENSITY.copy()}, angles=at, scalars=SCALARS)
