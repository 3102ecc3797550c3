"""Small sound records of kind "projections" for tests, a text of their angles, and what a refusal looks like."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray

from records import RecordError, projections, projections_reconstruction, projections_truth

SCALARS = {
    "pixel_size": 5e-9,
    "energy": 856.0,
    "polarization": 0.95,
    "beta_m": 6e-4,
    "beta_magnet": 4.3e-3,
    "beta_matrix": 4e-4,
}
SHAPE = (4, 6, 5)


def angles_of(series: int = 3, tilts: int = 4) -> dict[str, NDArray[Any]]:
    """Tilts from -62 to 62 degrees in each series, the series 120 degrees apart."""
    return {
        "tilt": np.tile(np.radians(np.linspace(-62, 62, tilts)), series),
        "in_plane": np.repeat(np.radians(120.0 * np.arange(series)), tilts),
        "series": np.repeat(np.arange(series), tilts),
    }


def a_measurement(series: int = 3, tilts: int = 4, ny: int = 6, nx: int = 5, **changes: Any) -> xr.Dataset:
    rng = np.random.default_rng(1)
    shape = (2, series * tilts, ny, nx)
    valid = np.ones(shape[1:], dtype=bool)
    valid[0, 0, 2] = False
    images = {"optical_density": rng.normal(size=shape), "variance": rng.uniform(0.1, 1, shape), "valid": valid}
    images["phase"] = rng.uniform(-np.pi, np.pi, shape)
    parts: dict[str, Any] = {
        "images": images | changes.pop("images", {}),
        "angles": angles_of(series, tilts) | changes.pop("angles", {}),
        "scalars": SCALARS | changes.pop("scalars", {}),
        "box": (1.5e-8, 2e-8, 2e-8),
    }
    return projections.make(**(parts | changes))


def a_plain_measurement(**changes: Any) -> xr.Dataset:
    """Nothing that is optional."""
    needed = {name: SCALARS[name] for name in ("pixel_size", "energy", "polarization", "beta_m")}
    images = {"optical_density": np.random.default_rng(2).normal(size=(2, 12, 6, 5))}
    return projections.make(**({"images": images, "angles": angles_of(), "scalars": needed} | changes))


def rotations_of(tilt: NDArray[Any], in_plane: NDArray[Any]) -> NDArray[np.float64]:
    """Rx(tilt) Rz(in_plane) for each projection, written out."""
    c, s, cp, sp = np.cos(tilt), np.sin(tilt), np.cos(in_plane), np.sin(in_plane)
    zero = np.zeros_like(c)
    rows = [[cp, -sp, zero], [c * sp, c * cp, -s], [s * sp, s * cp, c]]
    return np.moveaxis(np.array(rows), -1, 0)


def geometry_of(series: int = 3, tilts: int = 4) -> dict[str, NDArray[Any]]:
    angles = angles_of(series, tilts)
    rng = np.random.default_rng(4)
    return {
        "rotation": rotations_of(angles["tilt"], angles["in_plane"]),
        "shift": rng.normal(size=(series * tilts, 2)),
    }


def a_reconstruction(*, results: Any = None, complete: bool = True, **changes: Any) -> xr.Dataset:
    rng = np.random.default_rng(5)
    found: dict[str, Any] = {
        "magnetization": rng.normal(size=(3, *SHAPE)),
        "fill": rng.random(SHAPE),
        "charge": rng.random(SHAPE) * 4e-3,
        "voxel_size": 5e-9,
        **geometry_of(),
        "used": np.tile([1, 1, 0, 1], 3),
    }
    if complete:
        found |= {
            "residual": rng.random(12),
            "history": rng.random(7),
            "noise": 0.01,
            "operator_norm": 12.5,
            "step": 0.08,
            "pair_shift": rng.normal(size=(12, 2)),
            "background_range": rng.random(12),
            "mass_drift": rng.normal(size=12),
            "series_residual": rng.random(3),
            "coverage": rng.random(SHAPE),
            "spread": rng.random((3, *SHAPE)),
        }
    parts: dict[str, Any] = {
        "method": "ball",
        "results": found | (results or {}),
        "flags": {"changed_texture": (True, 1.7), "mass": (False, 0.002)} if complete else None,
        "knowledge": ["angles", "beta_m"],
        "parameters": {"iterations": 100},
        "gauge": ["rigid motion"],
    }
    return projections_reconstruction.make(**(parts | changes))


def a_truth(*, volumes: Any = None, projections: Any = None, **changes: Any) -> xr.Dataset:
    rng = np.random.default_rng(6)
    fine = tuple(2 * n for n in SHAPE)
    vectors = rng.normal(size=(3, *fine))
    magnet = (rng.random(fine) > 0.3).astype(float)
    vectors *= magnet / np.linalg.norm(vectors, axis=0)
    fill, mean = _coarse(magnet), _coarse(vectors * magnet)
    parts: dict[str, Any] = {
        "volumes": {
            "magnetization": mean,
            "fill": fill,
            "charge": 4.3e-3 * fill + 4e-4 * (1 - fill),
            "fine_magnetization": vectors,
            "fine_magnet": magnet,
        }
        | (volumes or {}),
        "voxel_size": 5e-9,
        "fine_voxel_size": 2.5e-9,
        "projections": {
            **geometry_of(),
            "flux": rng.uniform(0.9, 1.1, (2, 12)),
            "optical_density": rng.random((2, 12, 8, 7)),
        }
        | (projections or {}),
        "changed": [0, 1, 0],
        "notes": {"setup": {"energy": 856.0}, "features": {"charges": []}},
    }
    return projections_truth.make(**(parts | changes))


def _coarse(values: NDArray[Any]) -> NDArray[Any]:
    """Means over 2 x 2 x 2 cells."""
    z, y, x = (n // 2 for n in values.shape[-3:])
    return values.reshape(*values.shape[:-3], z, 2, y, 2, x, 2).mean(axis=(-5, -3, -1))


def angles_file(path: Path, *, columns: int = 3, head: str = "", unit: Callable[[Any], Any] = np.asarray) -> Path:
    tilt, in_plane = (np.degrees(angles_of()[name]) for name in ("tilt", "in_plane"))
    table = np.stack([unit(tilt), unit(in_plane), angles_of()["series"]], axis=1)[:, :columns]
    path.write_text(head + "\n".join(", ".join(f"{value:.9g}" for value in row) for row in table) + "\n")
    return path


def refused(line: str, call: Callable[[], object], path: Path | None = None) -> str:
    with pytest.raises(RecordError, match=line) as caught:
        call()
    message = str(caught.value)
    assert "\n" not in message
    if path is not None:
        assert message.startswith(str(path))
    return message
