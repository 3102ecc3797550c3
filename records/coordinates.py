"""Coordinates of the records: pixels, evenly spaced, and helicities.

- `centred_coordinate`, `object_coordinates`: what the builders put into a record;
- `check_coordinate`, `check_even`: the spacing of one; `check_step`, `check_pixels`: that it is a record's own pixel;
- `HELICITIES`, `check_helicity`: which helicities a record of kind ``"ptychography"`` may hold.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from records.checks import Layout, coordinate, require

HELICITIES: Final = ([1, -1], [1], [-1])


def centred_coordinate(dim: str, n: int, step: float) -> xr.Variable:
    """Return `n` positions in m, `step` apart, with zero at index ``n//2``."""
    return coordinate(dim, (np.arange(n) - n // 2) * float(step), "m")


def object_coordinates(helicity: Sequence[int], pixels: tuple[ArrayLike, ArrayLike]) -> dict[str, xr.Variable]:
    """Return the coordinates ``helicity``, ``y`` and ``x`` of an object whose pixels lie anywhere.

    Parameters
    ----------
    helicity : sequence of int
        In the order of the first axis.
    pixels : (Y,) and (X,) arrays
        m.
    """
    return {
        "helicity": coordinate("helicity", np.array(helicity, dtype=np.int64)),
        "y": coordinate("y", np.asarray(pixels[0], dtype=np.float64), "m"),
        "x": coordinate("x", np.asarray(pixels[1], dtype=np.float64), "m"),
    }


def check_coordinate(name: str, array: xr.DataArray) -> float | None:
    """Check that a coordinate is evenly spaced with zero at index ``n//2``; return its step, None for one point.

    Raises
    ------
    RecordError
        If it is not.
    """
    if array.size == 1:
        require(array.values[0] == 0, name, f"holds {array.values[0]:g}", "0 where there is one point")
        return None
    return _even_step(name, array, array.size // 2, "an even spacing with 0 at index n//2")


def check_even(name: str, array: xr.DataArray) -> float | None:
    """Check that a coordinate increases in equal steps from anywhere; return its step, None for one point.

    Raises
    ------
    RecordError
        If it does not.
    """
    return None if array.size == 1 else _even_step(name, array, None, "an even spacing")


def _even_step(name: str, array: xr.DataArray, zero: int | None, expected: str) -> float:
    """Return the step of a coordinate that is even and, where `zero` is an index, 0 there."""
    values = np.asarray(array.values, dtype=np.float64)
    step = float(values[-1] - values[0]) / (values.size - 1)
    require(step > 0, name, f"step {step:g}", "increasing values")
    even = np.arange(values.size) * step + values[0] if zero is None else (np.arange(values.size) - zero) * step
    off = float(np.abs(values - even).max()) / step
    require(off < 1e-3, name, f"{off:.3g} steps off", expected)
    return step


def check_step(name: str, step: float | None, size: float, source: str) -> None:
    """Check that the step of a coordinate is the size in m that the variable `source` gives; one point has none.

    Raises
    ------
    RecordError
        If it is not.
    """
    agrees = step is None or abs(step - size) < 1e-6 * size
    require(agrees, name, f"step {step} m", f"{source}, {size} m")


def check_pixels(
    dataset: xr.Dataset,
    layout: Layout,
    source: str,
    *,
    spacing: Callable[[str, xr.DataArray], float | None] = check_coordinate,
) -> None:
    """Check the coordinates ``y`` and ``x`` of a record: their `spacing`, and their step against a scalar of it.

    Raises
    ------
    RecordError
        At the first that is wrong.
    """
    size = float(dataset[source])
    for dim in ("y", "x"):
        name = f"{layout.title}.{dim}"
        check_step(name, spacing(name, dataset[dim]), size, source)


def check_helicity(dataset: xr.Dataset, layout: Layout) -> None:
    """Check that a record holds both helicities in their order, or one.

    Raises
    ------
    RecordError
        If it does not.
    """
    found = dataset["helicity"].values.tolist()
    require(found in HELICITIES, f"{layout.title}.helicity", f"found {found}", "[1, -1], [1] or [-1]")
