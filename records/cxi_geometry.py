"""Where the sample of a CXI entry is, in the axes of its frames.

- `pitch`: pixel of the detector; `axes`: directions in which its rows and columns count;
- `positions`: translations of the sample to the centre of the probe on it, and `translations` back;
- `angles`: tilt and in-plane angle from an orientation, and `orientation` back;
- `check_scan`: whether positions are those of a scan in metres.

CXI sees the beam along +z and y upwards, hence x to the left of who looks along the beam. Frames count their rows down
and their columns to the right unless ``basis_vectors`` say otherwise, so that array y is -y and array x is -x of CXI.
"""

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from records import ptychography
from records.checks import require
from records.cxi_entry import X_PIXEL, Y_PIXEL, Quantity, find, number, values, where
from records.errors import RecordError

TRANSLATION: Final = Quantity(
    (
        "data_1/translation",
        "sample_1/geometry_1/translation",
        "instrument_1/detector_1/translation",
        "image_1/translation",
    ),
    "m",
)
ORIENTATION: Final = Quantity(("sample_1/geometry_1/orientation",), "")
BASIS: Final = ("instrument_1/detector_1/basis_vectors",)

ROWS_DOWN: Final = np.array([[0.0, -1.0, 0.0], [-1.0, 0.0, 0.0]])
"""Directions of array y and array x where a file does not give its ``basis_vectors``."""

_SQUARE: Final = 1e-3


def pitch(entry: Any) -> float:
    """Return the pixel of the detector, m; one of both sizes is enough.

    Raises
    ------
    RecordError
        If there is none, or the pixels are not square.
    """
    sizes = [size for size in (number(entry, Y_PIXEL), number(entry, X_PIXEL)) if size is not None]
    name = f"{entry.name.lstrip('/')}/instrument_1/detector_1/x_pixel_size"
    require(bool(sizes), name, "missing", "it in m")
    square = abs(sizes[0] / sizes[-1] - 1) < _SQUARE
    require(square, name, f"{sizes[-1]:g} m, and y_pixel_size {sizes[0]:g} m", "square pixels")
    return sizes[0]


def axes(entry: Any) -> NDArray[np.float64]:
    """Return the unit vectors (2, 3) along which rows and columns of the frames count.

    ``basis_vectors`` are read as (2, 3), as columns (3, 2), or one pair for each frame of which the first is taken.

    Raises
    ------
    RecordError
        If they are no two vectors across the beam.
    """
    basis = find(entry, *BASIS)
    if basis is None:
        return ROWS_DOWN
    require(basis.dtype.kind in "fiu", where(basis), f"dtype {basis.dtype}", "two vectors (x, y, z)")
    found = np.asarray(basis[()], dtype=np.float64)
    found = found[0] if found.ndim == 3 and len(found) else found
    found = found.T if found.shape == (3, 2) else found
    require(found.shape == (2, 3), where(basis), f"shape {basis.shape}", "two vectors (x, y, z)")
    largest = np.abs(found).max(axis=1, keepdims=True)
    sound = bool(np.all(np.isfinite(largest)) and np.all(largest > 0))
    require(sound, where(basis), "a vector without a direction", "two directions across the beam")
    unit = found / largest  # a length may be too large to be squared
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    across = abs(float(unit[0] @ unit[1])) < 1e-3 and float(np.abs(unit[:, 2]).max()) < 0.1
    require(across, where(basis), "vectors that are not across beam and each other", "two directions across the beam")
    return unit


def positions(entry: Any, count: int, *, probe_moves: bool) -> NDArray[np.float64]:
    """Return the centre of the probe on the sample (2, count), (y, x) in m along the axes of the frames.

    Parameters
    ----------
    entry : h5py.Group
        The entry.
    count : int
        Number of frames.
    probe_moves : bool
        Whether the translations are those of the probe, not of the sample.

    Raises
    ------
    RecordError
        If they are missing, of another number, not finite or not in metres.
    """
    dataset = find(entry, *TRANSLATION.paths)
    if dataset is None:
        raise RecordError(
            f"{entry.name.lstrip('/')}: no translation; expected {TRANSLATION.paths[0]} ({count}, 3) in m"
        )
    fits = dataset.shape in ((count, 2), (count, 3))
    require(fits, where(dataset), f"shape {dataset.shape}", f"({count}, 3), one translation for each frame")
    moved = values(dataset, TRANSLATION)
    directions = axes(entry)[:, : moved.shape[1]]
    sign = 1.0 if probe_moves else -1.0
    # Products with -1 and 0 only, summed without rounding, where the axes are those of CXI: the way back is exact.
    return np.ascontiguousarray(sign * (moved @ directions.T).T) + 0.0


def translations(position_y: NDArray[np.float64], position_x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return translations of the sample (frames, 3) for `ROWS_DOWN`; the inverse of `positions`."""
    centre = np.stack([position_y, position_x])
    return np.asarray((-centre.T) @ ROWS_DOWN) + 0.0


def orientation(tilt: float, in_plane_angle: float) -> NDArray[np.float64]:
    """Return the orientation (6) of CXI: x and y axis of a sample tilted about x after a rotation about z.

    A rotation about array x, opposite to x of CXI, is one by the opposite angle there.
    """
    rotation = _about_x(-tilt) @ _about_z(in_plane_angle)
    return np.concatenate([rotation[:, 0], rotation[:, 1]])


def angles(entry: Any) -> tuple[float, float]:
    """Return tilt and in-plane angle, rad, of an entry; 0 and 0 where it has no orientation.

    Raises
    ------
    RecordError
        If the orientation is not a rotation about z and then x.
    """
    dataset = find(entry, *ORIENTATION.paths)
    if dataset is None:
        return 0.0, 0.0
    given = values(dataset, ORIENTATION).ravel()
    require(given.size == 6, where(dataset), f"{given.size} values", "6: the sample's x and y axis")
    x, y = given[:3], given[3:]
    unit = bool(np.allclose([x @ x, y @ y, x @ y], [1, 1, 0], rtol=0, atol=1e-3))
    require(unit, where(dataset), "axes that are not orthogonal unit vectors", "the sample's x and y axis")
    z = np.cross(x, y)
    expected = "a tilt about x after a rotation about z, or tilt and in_plane_angle given"
    require(abs(z[0]) < 1e-3, where(dataset), "another rotation", expected)
    return float(np.arctan2(z[1], z[2])), float(np.arctan2(-y[0], x[0]))


def _about_x(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[1, 0, 0], [0, c, -s], [0, s, c]])


def _about_z(angle: float) -> NDArray[np.float64]:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def check_scan(header: xr.Dataset) -> None:
    """Check that the positions are those of a ptychographic scan in metres: apart, but nearer than a frame's window.

    Raises
    ------
    RecordError
        If they are all the same, or further from each other than a probe can reach.
    """
    pixel, window = ptychography.pixel_size(header), ptychography.pixel_size(header) * header.sizes["x"]
    for index in range(header.sizes["helicity"]):
        used = header["used"].values[index] if "used" in header else slice(None)
        points = np.stack([header["position_y"].values[index][used], header["position_x"].values[index][used]], axis=1)
        if len(points) < 2:
            continue
        extent = float(np.ptp(points, axis=0).max())
        expected = f"steps in m, below the window of {window:.3g} m"
        require(extent > pixel, "translation", f"all within {extent:.3g} m, a pixel being {pixel:.3g} m", expected)
        nearest = float(np.median(cKDTree(points).query(points, k=2)[0][:, 1]))
        require(nearest < window, "translation", f"neighbours are {nearest:.3g} m apart", expected)
