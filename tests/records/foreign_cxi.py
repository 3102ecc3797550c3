"""CXI files as other programs write them, for tests."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

ELEMENTARY_CHARGE = 1.602176634e-19
N, FRAMES = 16, 9
PIXEL = 1.239841984332e-6 / 800.0 * 0.1 / (N * 2e-5)
"""Of the object, m."""


def scan() -> Any:
    """Where the sample moves, (frames, 3) in m: a raster of two pixels."""
    y, x = np.divmod(np.arange(FRAMES), 3) * np.array([[2.0], [2.3]]) * PIXEL
    return np.stack([x, y, 0 * x], axis=1)


def photons() -> Any:
    return np.random.default_rng(2).poisson(20, (FRAMES, N, N)).astype(np.uint16)


FIELDS: dict[str, Any] = {
    "cxi_version": 160,
    "entry_1/instrument_1/source_1/energy": 800.0 * ELEMENTARY_CHARGE,
    "entry_1/instrument_1/detector_1/data": photons(),
    "entry_1/instrument_1/detector_1/distance": 0.1,
    "entry_1/instrument_1/detector_1/x_pixel_size": 2e-5,
    "entry_1/instrument_1/detector_1/y_pixel_size": 2e-5,
    "entry_1/sample_1/geometry_1/translation": scan(),
}
"""The least that a file must have."""


def foreign_file(folder: Path, fields: dict[str, Any] | None = None, attrs: dict[str, Any] | None = None) -> Path:
    """Write the least file with some fields changed, new, or (None) left out; attributes by PATH@NAME."""
    path = folder / "foreign.cxi"
    with h5py.File(path, "w") as file:
        for name, value in (FIELDS | (fields or {})).items():
            if value is not None:
                file[name] = h5py.SoftLink(value) if isinstance(value, str) and value.startswith("/") else value
        for name, value in (attrs or {}).items():
            dataset, attribute = name.split("@")
            file[dataset].attrs[attribute] = value
    return path
