"""Samples with all that a file has to keep: voids, odd sizes, partly filled cells, a varying saturation."""

from typing import Any

import numpy as np
import xarray as xr

from records import sample

SHAPE = (3, 5, 7)
FEATURES: dict[str, Any] = {
    "charges": [{"z": 1e-9, "y": 0.0, "x": -2e-9, "q": 1}],
    "kind": "a  b ## c",
    "text": "é" * 2000,
}


def a_volume(*, partly: bool = True, saturation: Any = None, shape: tuple[int, int, int] = SHAPE) -> xr.Dataset:
    rng = np.random.default_rng(3)
    magnet = rng.random(shape) > 0.3
    magnet[0, 0, 0] = True
    fill = np.where(magnet, rng.uniform(0.1, 1, shape) if partly else 1.0, 0)
    fill[0, 0, 0] = 1
    vectors = rng.standard_normal((3, *shape))
    vectors = np.where(magnet, vectors / np.linalg.norm(vectors, axis=0), 0)
    return sample.make(
        magnetization=vectors,
        magnet=fill,
        voxel_size=(3e-9, 2e-9, 1e-9),
        saturation_magnetization=saturation,
        origin="quenched",
        features=FEATURES,
    )


def varying(shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.asarray(np.random.default_rng(4).uniform(3e5, 5e5, shape))
