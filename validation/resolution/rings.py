"""Means over rings and shells of spatial frequency.

- `RingGrid`, `ring_grid`: which sample of a spectrum lies on which ring, with its weight;
- `RingMean`, `ring_mean`: mean of a centred map over its rings; `check_valid`: which samples count;
- `power_spectral_density`: of an image or volume, by rings; `spectral_extent`: how far it stands above the noise.

The rule that bins is that of `binning`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.resolution.binning import Size, outer_sum, ring_of, ring_rule, sizes
from validation.resolution.crossings import Resolution
from validation.resolution.spectra import check_array, check_window, masked_spectra, ring_sums

__all__ = [
    "RingGrid",
    "RingMean",
    "Size",
    "check_valid",
    "power_spectral_density",
    "ring_grid",
    "ring_mean",
    "sizes",
    "spectral_extent",
]

Array = NDArray[Any]
Floats = NDArray[np.float64]

_BLOCK = 2**16  # samples


@dataclass(frozen=True)
class RingGrid:
    """Rings of a spectrum's samples.

    Attributes
    ----------
    index : int64 array of the spectrum's shape
        Ring of each sample; ``frequency.size`` for a sample beyond the last ring.
    weight : float64 array
        How many samples of the full plane each stands for (broadcasts against `index`).
    frequency : (rings,) float64 array
        Centre of each ring in cycles per metre.
    count : (rings,) float64 array
        Samples of the full plane on each ring.
    """

    index: NDArray[np.int64]
    weight: Floats
    frequency: Floats
    count: Floats

    def total(self, values: Array) -> Floats:
        """Sum real `values` over each ring in float64, samples weighted as the full plane holds them."""
        rings = self.frequency.size
        weighted = np.asarray(values, np.float64) * self.weight
        return np.asarray(np.bincount(self.index.ravel(), weights=weighted.ravel(), minlength=rings + 1)[:rings])


@dataclass(frozen=True)
class RingMean:
    """Mean over rings: `frequency` (cycles/m), `mean` (NaN on an empty ring) and `count` of samples taken."""

    frequency: Floats
    mean: Floats
    count: Floats


def ring_grid(
    shape: tuple[int, ...], *, pixel_size: Size, layout: str = "unshifted", ring_width: float = 1.0
) -> RingGrid:
    """Bin the samples of the spectrum of an array of `shape` into rings (2D) or shells (3D).

    Parameters
    ----------
    shape : tuple of int
        Shape of the array in real space.
    pixel_size : float or sequence
        Sampling in metres.
    layout : {"unshifted", "half", "centred"}
        As in `binning.ring_rule`.
    ring_width : float
        Width of a ring in units of the frequency step.

    Raises
    ------
    ValueError
        On a bad size, ring width or layout.
    """
    return _grid(shape, sizes(pixel_size, len(shape)), layout, ring_width)


def _grid(shape: tuple[int, ...], spacing: tuple[float, ...], layout: str, ring_width: float = 1.0) -> RingGrid:
    rule = ring_rule(shape, spacing=spacing, layout=layout, ring_width=ring_width)
    index = ring_of(outer_sum([f**2 for f in rule.axes]), rule)
    grid = RingGrid(index, rule.weight, rule.frequency, np.zeros(rule.rings))
    return RingGrid(index, rule.weight, rule.frequency, grid.total(np.ones(index.shape)))


def ring_mean(values: Array, *, frequency_step: Size, valid: Array | None = None) -> RingMean:
    """Average a centred map over its rings.

    Parameters
    ----------
    values : (ny, nx) or (nz, ny, nx) real array
        Map whose zero frequency is at index ``n//2``.
    frequency_step : float or sequence
        Spacing of the map's samples in cycles per metre.
    valid : bool array, optional
        Samples that count; others may hold anything, NaN included.

    Raises
    ------
    ValueError
        On a complex map or one that is not 2D or 3D, a bad step, a mask as in `check_valid`, or values that are valid
        and not finite.
    """
    data = check_array(values, "values")
    if np.iscomplexobj(data):
        raise ValueError("values are complex; allowed: a real map")
    step = sizes(frequency_step, data.ndim, name="frequency_step")
    counted = None if valid is None else check_valid(valid, data.shape)
    rule = ring_rule(data.shape, spacing=[1 / (n * s) for n, s in zip(data.shape, step, strict=True)], layout="centred")
    sums = np.zeros((2, rule.rings + 1))
    first, *others = [f**2 for f in rule.axes]
    plane = outer_sum(others)
    # In blocks: the rings of all samples at once would take several times the map.
    size = max(1, _BLOCK // plane.size)
    for start in range(0, len(data), size):
        rows = slice(start, start + size)
        ring = ring_of(first[rows].reshape(-1, *[1] * plane.ndim) + plane, rule)
        block = np.asarray(data[rows], np.float64)
        if counted is not None:
            ring, block = ring[counted[rows]], block[counted[rows]]
        if not np.all(np.isfinite(block)):
            raise ValueError(f"values hold {block[~np.isfinite(block)].flat[0]} where valid; allowed: finite numbers")
        sums[0] += np.bincount(ring.ravel(), weights=block.ravel(), minlength=rule.rings + 1)
        sums[1] += np.bincount(ring.ravel(), minlength=rule.rings + 1)
    total, count = sums[:, :-1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return RingMean(rule.frequency, total / count, count.copy())


def check_valid(valid: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return which samples count, as bools.

    Raises
    ------
    ValueError
        On another shape, values other than 0 and 1, or without any sample that counts.
    """
    given = np.asarray(valid)
    if given.shape != shape:
        raise ValueError(f"valid has shape {given.shape}; allowed: {shape}")
    result = given.astype(bool)
    if given.dtype.kind not in "biuf" or not np.array_equal(result, given):
        raise ValueError(f"valid is of dtype {given.dtype} and not 0 or 1 everywhere; allowed: bool")
    if not result.any():
        raise ValueError("valid is False everywhere; allowed: at least one sample that counts")
    return result


def power_spectral_density(image: Array, *, pixel_size: Size, mask: Array | None = None) -> RingMean:
    """Average the power spectral density of an image or a volume over rings or shells, in double precision.

    The density integrates over the frequencies to the mean square of the (masked) image, its mean not removed; its
    unit is that of the image squared times m^2 (a volume: m^3).

    Parameters
    ----------
    image : (ny, nx) or (nz, ny, nx) real or complex array
    pixel_size : float or sequence
        In metres.
    mask : array, optional
        Window from 0 to 1; the density is divided by the mean of its square.

    Returns
    -------
    RingMean

    Raises
    ------
    ValueError
        On an image that is not 2D or 3D or not finite, a bad pixel size, or a mask as in `fourier_ring_correlation`.
    """
    data = check_array(image, "image")
    spacing = sizes(pixel_size, data.ndim)
    window = None if mask is None else np.asarray(mask)
    check_window(window, data.shape)
    (spectrum,), _ = masked_spectra({"image": data}, window, remove_mean=False, constant=True, double=True)
    rule = ring_rule(data.shape, spacing=spacing, layout="unshifted" if spectrum.shape == data.shape else "half")
    sums = ring_sums(spectrum, spectrum, rule)
    square = 1.0 if window is None else float(np.mean(np.square(window, dtype=np.float64)))
    scale = math.prod(spacing) / square
    with np.errstate(invalid="ignore", divide="ignore"):
        return RingMean(rule.frequency, sums.power[0] / sums.count * scale, sums.count)


def spectral_extent(
    density: RingMean,
    *,
    noise: float | Floats,
    sigmas: float = 3.0,
    is_complex: bool = False,
    mask_fraction: float = 1.0,
) -> Resolution:
    """Return the last ring of a spectral density that stands above the noise level by `sigmas` of its scatter.

    The ring before must stand out too, so that one outlier among hundreds of rings is no signal. A ring of n samples of
    white noise scatters by its level over ``sqrt(n/2)`` (real) or ``sqrt(n)`` (complex).

    Parameters
    ----------
    density : RingMean
        Of `power_spectral_density`.
    noise : float or (rings,) array
        Noise level in the unit of the density, known or from where nothing but noise is.
    sigmas : float
    is_complex : bool
        Whether the image was complex.
    mask_fraction : float
        Mean of the mask; lowers n by ``mask_fraction**(1/2)`` as in two dimensions.

    Returns
    -------
    Resolution
        `crossed` is False where the last ring of all stands out; NaN where none does. No interval.

    Raises
    ------
    ValueError
        On a noise level that is not positive or of another length, or sigmas that are not positive.
    """
    level = np.broadcast_to(np.asarray(noise, np.float64), np.shape(noise) or density.mean.shape)
    if level.shape != density.mean.shape or not np.all(level > 0):
        raise ValueError(
            f"noise has shape {np.shape(noise)}, least {level.min():g}; allowed: above 0, one or one a ring"
        )
    if not 0 < sigmas < math.inf:
        raise ValueError(f"sigmas is {sigmas!r}; allowed: above 0")
    if not 0 < mask_fraction <= 1:
        raise ValueError(f"mask_fraction is {mask_fraction!r}; allowed: above 0, up to 1")
    filled = np.flatnonzero((density.count > 0) & np.isfinite(density.mean))
    independent = density.count[filled] * math.sqrt(mask_fraction) / (1 if is_complex else 2)
    above = density.mean[filled] > level[filled] * (1 + sigmas / np.sqrt(independent))
    signal = filled[1:][above[1:] & above[:-1]]
    notes: tuple[str, ...] = ()
    if signal.size == 0:
        frequency, crossed, notes = math.nan, False, ("nothing stands above the noise",)
    else:
        frequency = float(density.frequency[signal[-1]])
        crossed = bool(signal[-1] != filled[-1])
        notes = () if crossed else ("signal up to the last ring: limited by sampling",)
    full = 1 / frequency if frequency > 0 else math.nan
    nothing = (math.nan, math.nan)
    name = f"{sigmas:g} sigma above noise"
    return Resolution(frequency, full / 2, full, nothing, name, "full", "full", crossed, notes)
