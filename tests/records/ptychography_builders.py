"""Small sound records of kind "ptychography" for tests."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from records import ptychography, ptychography_reconstruction, ptychography_truth

SCALARS = {
    "energy": 852.76,
    "distance": 0.1,
    "pixel_pitch": 2e-5,
    "gain": 3.7,
    "saturation": 65535.0,
    "read_noise": 2.0,
    "tilt": np.radians(-46.0),
    "in_plane_angle": np.radians(120.0),
    "outer_zone": 4.5e-8,
    "stop_fraction": 0.3,
    "defocus": -3e-6,
    "polarization": 0.9,
    "beta_c": 4.3e-3,
}


def a_header(
    positions: int = 12, n: int = 16, helicity: Sequence[int] = (1, -1), *, frames: Any = None, **changes: Any
) -> xr.Dataset:
    """A raster with a jitter of its own for each helicity, in steps of two pixels."""
    rng = np.random.default_rng(7)
    pixel = 1.239841984332e-6 / SCALARS["energy"] * SCALARS["distance"] / (n * SCALARS["pixel_pitch"])
    side = int(np.ceil(np.sqrt(positions)))
    grid = np.stack(np.divmod(np.arange(positions), side)) * 2.0
    places = (grid[:, np.newaxis] + rng.uniform(-0.4, 0.4, (2, len(helicity), positions))) * pixel
    valid = np.ones((n, n), dtype=bool)
    valid[2, 3] = False
    parts: dict[str, Any] = {
        "dark": rng.uniform(90, 110, (n, n)),
        "valid": valid,
        "frames": {"position_y": places[0], "position_x": places[1], **(frames or {})},
        "scalars": SCALARS,
        "helicity": helicity,
    }
    return ptychography.header(**(parts | changes))


def counts_of(header: xr.Dataset, *, mean: float = 60.0, dtype: Any = np.uint16) -> Any:
    """Frames of pure noise."""
    shape = (*header["position_y"].shape, *header["valid"].shape)
    return np.random.default_rng(3).poisson(mean, shape).astype(dtype)


def a_node(positions: int = 12, n: int = 16, helicity: Sequence[int] = (1, -1), **changes: Any) -> xr.Dataset:
    header = a_header(positions, n, helicity, **changes)
    return ptychography.make(header, counts_of(header))


def a_full_node() -> xr.Dataset:
    """A node with everything that is optional."""
    rng = np.random.default_rng(11)
    frames = {
        "used": rng.random((2, 12)) > 0.2,
        "monitor": rng.uniform(0.9, 1.1, (2, 12)),
        "exposure_time": rng.uniform(0.1, 0.2, (2, 12)),
    }
    scalars = SCALARS | {"delta_c": 1e-3, "beta_m": 8e-4, "delta_m": -2e-4}
    return a_node(frames=frames, scalars=scalars, title="Ni inverse opal, δ = 1")


def a_truth(helicity: Sequence[int] = (1, -1), **changes: Any) -> xr.Dataset:
    rng = np.random.default_rng(5)
    count = len(helicity)
    each = {name: rng.normal(size=(count, 6)) * 1e-8 for name in ("position_y", "position_x")}
    parts: dict[str, Any] = {
        "object_": rng.normal(size=(count, 20, 24)) + 2j,
        "probe": rng.normal(size=(2, 8, 8)) * [[[3.0]], [[1.0]]],
        "coordinates": ((np.arange(20) - 3) * 5e-9, (np.arange(24) - 12) * 5e-9),
        "frames": {**each, "flux": np.ones((count, 6)), "fault": np.tile([0, 0, 1, 0, 2, 0], (count, 1))},
        "images": {"magnet": np.ones((20, 24)), "background": np.full((8, 8), 0.02)},
        "notes": {"setup": {"energy": 852.76}, "fault_kinds": {"1": "band", "2": "flux"}},
        "helicity": helicity,
    }
    return ptychography_truth.make(**(parts | changes))


def a_reconstruction(helicity: Sequence[int] = (1, -1), results: Any = None, **changes: Any) -> xr.Dataset:
    rng = np.random.default_rng(6)
    count = len(helicity)
    found: dict[str, Any] = {
        "object": rng.normal(size=(count, 20, 24)) + 1j * rng.normal(size=(count, 20, 24)),
        "probe": rng.normal(size=(count, 2, 8, 8)) * (1 + 1j),
        "pixel_size": 5e-9,
        "wavelength": 1.4539e-9,
        "position_y": rng.normal(size=(count, 6)) * 1e-8,
        "position_x": rng.normal(size=(count, 6)) * 1e-8,
        "flux": np.ones((count, 6)),
        "frame_error": rng.random((count, 6)),
        "corrupt": np.tile([0, 0, 1, 0, 2, 0], (count, 1)),
        "history": rng.random((count, 5)),
        "charge": rng.normal(size=(20, 24)),
        "magnetic": rng.normal(size=(20, 24)),
        "background": np.full((8, 8), 0.02),
    }
    parts: dict[str, Any] = {
        "method": "rpie",
        "results": found | (results or {}),
        "coordinates": ((np.arange(20) - 3) * 5e-9, (np.arange(24) - 12) * 5e-9 + 1e-9),
        "helicity": helicity,
        "knowledge": ["probe"],
        "parameters": {"alpha": 0.1},
        "gauge": ["ramp", "scale"],
    }
    return ptychography_reconstruction.make(**(parts | changes))
