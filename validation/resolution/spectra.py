"""Spectra of images and volumes, summed by rings without any array of indices.

- `check_array`, `check_window`: what may be correlated; `varies`: whether there is anything to;
- `masked_spectra`: transforms of windowed arrays, their mean removed;
- `Cone`: the samples near one direction;
- `RingSums`, `ring_sums`: products and powers of two spectra over rings.

Arrays are read in blocks: besides them, only their spectra and one windowed copy each are held. Single-precision
arrays are transformed in single precision where that is enough, see `RingSums.rounding`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from validation.resolution import kernels
from validation.resolution.binning import RingRule, outer_sum

Array = NDArray[Any]
Floats = NDArray[np.float64]

_BLOCK = 2**16  # samples
_SMALL = 2**16  # samples; below, threads cost more than they save
_ROUNDING = 4
"""Units in the last place by which values may differ on the mean and still be the same."""

_SINGLE_ERROR = 8 * float(np.finfo(np.float32).eps)
"""What bounds the error of one coefficient of a single-precision transform, relative to the root mean square of all.

One coefficient errs by about one eps (measured); the rest is for the worst of hundreds of rings.
"""


@dataclass(frozen=True)
class Cone:
    """Samples whose frequency lies within an angle of an axis, on either side.

    Attributes
    ----------
    axis : tuple of float
        Unit vector in array order, (z, y, x) or (y, x).
    cosine_squared : float
        Of the half angle.
    """

    axis: tuple[float, ...]
    cosine_squared: float


@dataclass(frozen=True)
class RingSums:
    """Sums over rings of two spectra A and B.

    Attributes
    ----------
    cross : (rings,) complex128 array
        Of ``A conj(B)``; of half the plane where that is all there is, its samples weighted.
    power : (2, rings) float64 array
        Of ``|A|^2`` and ``|B|^2``.
    count : (rings,) float64 array
        Samples of the full plane.
    mean_power : (2,) float64 array
        Over all samples, in rings or not.
    """

    cross: NDArray[np.complex128]
    power: Floats
    count: Floats
    mean_power: Floats

    def rounding(self) -> float:
        """Return a bound on what single-precision transforms change the correlation of any ring by.

        Errors of coefficients are alike over the whole spectrum: s relative to a ring's own rms biases its correlation
        by s^2 and scatters it by s/sqrt(n/2).
        """
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = _SINGLE_ERROR * np.sqrt(self.mean_power[:, None] * self.count / self.power)
            error = relative**2 + relative / np.sqrt(self.count / 2)
        return float(np.max(error, where=(self.power > 0) & (self.count > 0), initial=0.0))


def check_array(array: Any, name: str) -> Array:
    """Return `array` as it is if it is numeric and 2D or 3D.

    Raises
    ------
    ValueError
        Otherwise, and if an axis has fewer than two samples.
    """
    data = np.asarray(array)
    if data.dtype.kind not in "biufc":
        raise ValueError(f"{name} is of dtype {data.dtype}; allowed: numbers")
    if data.ndim not in (2, 3):
        raise ValueError(f"{name} has {data.ndim} dimensions; allowed: 2 or 3")
    if min(data.shape) < 2:
        raise ValueError(f"{name} has shape {data.shape}; allowed: from 2 samples along every axis")
    return data


def check_window(mask: Any, shape: tuple[int, ...]) -> float:
    """Return the mean of a mask; 1 for none.

    Raises
    ------
    ValueError
        If it has another shape, values that are not from 0 to 1, or is empty.
    """
    if mask is None:
        return 1.0
    window = np.asarray(mask)
    if window.shape != shape:
        raise ValueError(f"mask has shape {window.shape}; allowed: {shape}")
    low, high = float(window.min()), float(window.max())
    if not (low >= 0 and high <= 1):
        raise ValueError(f"mask holds values from {low:g} to {high:g}; allowed: 0 to 1")
    if high == 0:
        raise ValueError("mask is empty; allowed: at least one sample above 0")
    return float(np.mean(window, dtype=np.float64))


def varies(array: Any, *, mask: Array | None = None) -> bool:
    """Tell whether an image or a volume has any contrast (under a mask) beyond rounding.

    Raises
    ------
    ValueError
        On an array that is not 2D or 3D or holds values that are not finite; on a mask as in `check_window`.
    """
    data = check_array(array, "array")
    check_window(mask, data.shape)
    found = _moments(data, None if mask is None else np.asarray(mask), _working_type([data], double=False))
    if not found.finite:
        raise ValueError("array holds values that are not finite; allowed: finite numbers")
    return found.varies


def masked_spectra(
    arrays: dict[str, Array], mask: Array | None, *, remove_mean: bool, constant: bool = False, double: bool = False
) -> tuple[list[Array], bool]:
    """Transform arrays, their windowed mean removed.

    Parameters
    ----------
    arrays : dict of str to array
        By the name that an error calls them.
    mask : array, optional
    remove_mean : bool
        Also makes the zero frequency 0 exactly.
    constant : bool
        Whether an array may have one value everywhere.
    double : bool
        Transform single precision as double, too.

    Returns
    -------
    list of arrays
        Unshifted; half spectra if all arrays are real.
    bool
        Whether they are of single precision.

    Raises
    ------
    ValueError
        If an array is not finite, or constant under the mask.
    """
    dtype = _working_type(arrays.values(), double=double)
    is_complex = dtype.kind == "c"
    ready = []
    for name, values in arrays.items():
        mean = _mean(values, mask, name, dtype, constant)
        ready.append(_centred(values, mask, mean if remove_mean else np.zeros(2), dtype))

    def transform(first: int, last: int) -> None:
        for index in range(first, last):
            field = ready[index]
            ready[index] = fourier.fftn(field, overwrite=True) if is_complex else fourier.rfftn(field)
            if remove_mean:
                ready[index].flat[0] = 0

    if ready[0].size < _SMALL:
        transform(0, len(ready))
    else:
        fourier.in_blocks(transform, len(ready), 1)
    return ready, dtype.itemsize <= (8 if is_complex else 4)


def ring_sums(a: Array, b: Array, rule: RingRule, *, cone: Cone | None = None) -> RingSums:
    """Sum the products of two spectra over rings, optionally inside a cone."""
    axis = np.zeros(a.ndim) if cone is None else np.asarray(cone.axis)
    first, *others = rule.axes
    planes = [[f**2 for f in others], [f * c for f, c in zip(others, axis[1:], strict=True)]]
    weight = np.broadcast_to(rule.weight, a.shape[1:])
    columns = np.stack([*(outer_sum(p).ravel() for p in planes), weight.ravel()])
    rows = np.stack([first**2, first * axis[0]])
    # Of the first axis and all others, a tiny margin decides what lies on the cone itself.
    limit = -1.0 if cone is None else cone.cosine_squared * (1 - 1e-9) - 1e-12
    flat_a, flat_b = (v.reshape(v.shape[0], -1) for v in (a, b))
    size = max(1, _BLOCK // flat_a.shape[1])
    sums = np.zeros((-(-flat_a.shape[0] // size), rule.rings + 1, kernels.COLUMNS))

    def add(start: int, stop: int) -> None:
        block = np.ascontiguousarray(rows[:, start:stop])
        kernels.add_samples(
            flat_a[start:stop], flat_b[start:stop], block, columns, rule.step, limit, sums[start // size]
        )

    _over(add, flat_a.shape[0], size, flat_a.size)
    total = sums.sum(axis=0)
    inside = total[:-1]
    power = inside[:, [kernels.POWER_A, kernels.POWER_B]].T
    every = total.sum(axis=0)
    mean_power = every[[kernels.POWER_A, kernels.POWER_B]] / every[kernels.COUNT]
    cross = inside[:, kernels.REAL] + 1j * inside[:, kernels.IMAGINARY]
    return RingSums(cross, np.ascontiguousarray(power), inside[:, kernels.COUNT].copy(), mean_power)


def _mean(values: Array, mask: Array | None, name: str, dtype: np.dtype[Any], constant: bool) -> Floats:
    """Return the windowed mean's parts after the checks."""
    found = _moments(values, mask, dtype)
    if not found.finite:
        raise ValueError(f"{name} holds values that are not finite; allowed: finite numbers")
    if not constant and not found.varies:
        where = "everywhere" if mask is None else "everywhere under the mask"
        raise ValueError(f"{name} is {found.mean[0]:g} {where}; allowed: values that vary")
    return found.mean


@dataclass(frozen=True)
class _Moments:
    mean: Floats
    finite: bool
    varies: bool


def _moments(values: Array, mask: Array | None, dtype: np.dtype[Any]) -> _Moments:
    size = _rows(values.shape)
    found = np.empty((-(-values.shape[0] // size), kernels.PLACES))
    place = 0 if mask is None else int(np.argmax(mask))
    origin = _parts(np.atleast_1d(values.flat[place]), dtype)[0]
    start = origin.astype(np.float64)

    def gather(first: int, last: int) -> None:
        block = _parts(values[first:last], dtype)
        kernels.gather_moments(block, _window(mask, first, last, block.shape[0]), start, found[first // size])

    _over(gather, values.shape[0], size, values.size)
    total = found.sum(axis=0)
    weight = total[kernels.WEIGHT]
    mean = np.zeros(2)
    mean[: start.size] = start + total[kernels.SUMS : kernels.SUMS + start.size] / weight
    finite = bool(np.isfinite(total[kernels.BROKEN]))
    rounding = _ROUNDING * float(np.finfo(origin.dtype).eps) * float(np.abs(start).max())
    return _Moments(mean, finite, finite and bool(total[kernels.DISTANCE] > rounding * weight))


def _working_type(arrays: Iterable[Array], *, double: bool) -> np.dtype[Any]:
    given = list(arrays)
    single = not double and all(v.dtype.kind in "fc" and v.real.dtype.itemsize <= 4 for v in given)
    if any(np.iscomplexobj(v) for v in given):
        return np.dtype(np.complex64 if single else np.complex128)
    return np.dtype(np.float32 if single else np.float64)


def _centred(values: Array, mask: Array | None, mean: Floats, dtype: np.dtype[Any]) -> Array:
    out = np.empty(values.shape, dtype)

    def work(start: int, stop: int) -> None:
        block = _parts(values[start:stop], dtype)
        kernels.centre(block, _window(mask, start, stop, block.shape[0]), mean, _parts(out[start:stop], dtype))

    _over(work, values.shape[0], _rows(values.shape), values.size)
    return out


def _parts(block: Array, dtype: np.dtype[Any]) -> Array:
    """Return a block as (n, parts), a view where it can be one."""
    parts = 2 if dtype.kind == "c" else 1
    real = np.dtype(f"f{dtype.itemsize // parts}")
    return np.ascontiguousarray(block, dtype).view(real).reshape(-1, parts)


def _window(mask: Array | None, start: int, stop: int, size: int) -> Floats:
    return np.ones(size) if mask is None else np.ascontiguousarray(mask[start:stop], np.float64).reshape(-1)


def _rows(shape: Sequence[int]) -> int:
    return max(1, _BLOCK // int(np.prod(shape[1:])))


def _over(change: Callable[[int, int], None], length: int, size: int, samples: int) -> None:
    if samples >= _SMALL:
        fourier.in_blocks(change, length, size)
        return
    for first in range(0, length, size):
        change(first, min(first + size, length))
