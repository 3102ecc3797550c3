"""Small sound records for tests."""

from typing import Any

import numpy as np
import xarray as xr

from records import measurement, reconstruction, sample, truth

N = 8
PITCH = 2e-5
MEASUREMENT_SCALARS = {
    "energy": 778.0,
    "distance": 0.3,
    "pixel_pitch": PITCH,
    "gain": 4.0,
    "saturation": 60000.0,
    "read_noise": 3.0,
    "polarization": 0.95,
    "beta_m_t": 3e-11,
    "delta_m_t": -1e-11,
    "film_thickness": 4e-8,
    "reference_distance": 3e-6,
}
TRUTH_SCALARS = {
    "visibility": 0.9,
    "reference_distance": 3e-6,
    "focus": -1e-6,
    "wall_width": 5.1e-9,
    "beta_m_t": 3e-11,
    "delta_m_t": -1e-11,
    "polarization": 0.95,
    "film_thickness": 4e-8,
}


def a_sample(seed: int = 0, shape: tuple[int, int, int] = (2, 3, 4), **changes: Any) -> xr.Dataset:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((3, *shape))
    vectors /= np.linalg.norm(vectors, axis=0)
    vectors[:, rng.random(shape) < 0.2] = 0
    vectors[:, 0, 0, 0] = (0, 0, 1)
    parts: dict[str, Any] = {"magnetization": vectors, "voxel_size": (3e-9, 2e-9, 1e-9)}
    return sample.make(**(parts | changes))


def a_measurement(exposures: int = 4, n: int = N, **changes: Any) -> xr.Dataset:
    rng = np.random.default_rng(1)
    parts: dict[str, Any] = {
        "counts": rng.poisson(50, (2, exposures, n, n)),
        "dark": np.full((n, n), 10.0),
        "valid": np.ones((exposures, n, n), dtype=bool),
        "exposures": {
            "exposure_time": np.ones((2, exposures)),
            "accumulations": np.full(exposures, 5),
            "stop_radius": np.repeat([0.0, 1e-4, 2e-4, 3e-4], 2)[:exposures],
        },
        "holes": {
            "hole_x": [0.0, 3e-6],
            "hole_y": [0.0, 1e-7],
            "hole_diameter": [1e-6, 5e-8],
            "hole_kind": ["object", "reference"],
        },
        "scalars": MEASUREMENT_SCALARS,
    }
    return measurement.make(**(parts | changes))


def a_truth(**changes: Any) -> xr.Dataset:
    image = np.zeros((N, N))
    parts: dict[str, Any] = {
        "images": {"m_z": image, "visible": image + 0.5, "reference_part": image > 0},
        "exit_wave": np.ones((2, N, N)) * (1 + 2j),
        "pixel_size": 5e-9,
        "coherence_length": (4e-6, 5e-6),
        "shift": (1e-9, -2e-9),
        "scalars": TRUTH_SCALARS,
        "setup": {"bandwidth": 1e-3},
    }
    return truth.make(**(parts | changes))


def a_reconstruction(**changes: Any) -> xr.Dataset:
    support = np.zeros((N, N), dtype=bool)
    support[2:6, 2:6] = True
    parts: dict[str, Any] = {
        "method": "plain",
        "results": {
            "m_z": 0.5 * support,
            "object_support": support,
            "pixel_size": 5e-9,
            "wavelength": 1.6e-9,
            "exit_wave": np.ones((2, N, N)) * 1j,
            "intensity": np.ones((2, N, N)),
            "valid": np.ones((N, N), dtype=bool),
            "history": [3.0, 2.0, 1.0],
            "coherence_length": [4e-6, 5e-6],
            "coherence_kernel": np.ones((3, 3)) / 9,
            "focus": None,
        },
        "flags": {"twin": (False, 0.1), "drift": (True, 4.0)},
        "knowledge": ["reference layout"],
        "parameters": {"steps": 50},
        "gauge": ["global phase"],
    }
    return reconstruction.make(**(parts | changes))
