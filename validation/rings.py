"""Rings and shells of spatial frequency, the one binning rule of the room.

- `RingGrid`, `ring_grid`: which sample of a spectrum lies on which ring, with its weight;
- `RingMean`, `ring_mean`: mean of a centred map over its rings;
- `power_spectral_density`: of an image, by rings.

Ring ``k`` holds the samples with ``round(|f| / step) == k``, step the largest ``1/(N_i d_i)`` of all axes (the rule of
``getFSC`` in 3dem/relion where all axes are equal). Rings reach the smallest Nyquist frequency; corners are dropped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]
Floats = NDArray[np.float64]
Size = float | Sequence[float]


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


def sizes(value: Size, dimensions: int, *, name: str = "pixel_size") -> tuple[float, ...]:
    """Return one positive size per axis from one number or a sequence.

    Raises
    ------
    ValueError
        If a size is not positive and finite, or their number is not 1 or `dimensions`.
    """
    given = np.atleast_1d(np.asarray(value, np.float64))
    if given.size not in (1, dimensions) or not np.all(np.isfinite(given)) or np.any(given <= 0):
        raise ValueError(f"{name} is {value!r}; allowed: one positive number, or {dimensions} of them")
    return tuple(float(v) for v in np.broadcast_to(given, (dimensions,)))


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
        Order of the spectrum's samples; "half" is that of a real transform, whose samples off the planes ``k = 0`` and
        Nyquist of the last axis count twice.
    ring_width : float
        Width of a ring in units of the frequency step.

    Raises
    ------
    ValueError
        On a bad size, ring width or layout.
    """
    spacing = sizes(pixel_size, len(shape))
    if not ring_width >= 1:
        raise ValueError(f"ring_width is {ring_width!r}; allowed: from 1")
    axes = [fourier.unshifted_frequencies(n, d) for n, d in zip(shape, spacing, strict=True)]
    weight = np.ones(1)
    if layout == "half":
        axes[-1] = fourier.half_frequencies(shape[-1], spacing[-1])
        weight = np.full(axes[-1].size, 2.0)
        weight[0] = 1.0
        if shape[-1] % 2 == 0:
            weight[-1] = 1.0
    elif layout == "centred":
        axes = [fourier.frequencies(n, d) for n, d in zip(shape, spacing, strict=True)]
    elif layout != "unshifted":
        raise ValueError(f"layout is {layout!r}; allowed: 'unshifted', 'half', 'centred'")
    step = ring_width * max(1.0 / (n * d) for n, d in zip(shape, spacing, strict=True))
    rings = int(min(0.5 / d for d in spacing) / step + 1e-9) + 1
    squared = sum(f.reshape([-1 if i == axis else 1 for i in range(len(axes))]) ** 2 for axis, f in enumerate(axes))
    index = np.minimum((np.sqrt(squared) / step + 0.5).astype(np.int64), rings)
    grid = RingGrid(index, weight, np.asarray(np.arange(rings) * step, np.float64), np.zeros(rings))
    return RingGrid(index, weight, grid.frequency, grid.total(np.ones(index.shape)))


def ring_mean(values: Array, *, frequency_step: Size, valid: Array | None = None) -> RingMean:
    """Average a centred map over its rings.

    Parameters
    ----------
    values : (ny, nx) real array
        Map whose zero frequency is at index ``n//2``.
    frequency_step : float or sequence
        Spacing of the map's samples in cycles per metre.
    valid : (ny, nx) bool array, optional
        Samples that count; others may hold anything, NaN included.

    Raises
    ------
    ValueError
        On a complex map, a bad step or a mask of another shape.
    """
    if np.iscomplexobj(values):
        raise ValueError("values are complex; allowed: a real map")
    step = sizes(frequency_step, values.ndim, name="frequency_step")
    grid = ring_grid(
        values.shape, pixel_size=[1 / (n * s) for n, s in zip(values.shape, step, strict=True)], layout="centred"
    )
    data, count = np.asarray(values, np.float64), grid.count
    if valid is not None:
        if valid.shape != values.shape:
            raise ValueError(f"valid has shape {valid.shape}; allowed: that of values, {values.shape}")
        data, count = np.where(valid, data, 0.0), grid.total(valid)
    with np.errstate(invalid="ignore", divide="ignore"):
        return RingMean(grid.frequency, grid.total(data) / count, count)


def power_spectral_density(image: Array, *, pixel_size: Size, mask: Array | None = None) -> RingMean:
    """Average the power spectral density of an image over rings.

    The density integrates over the frequency plane to the mean square of the (masked) image, its mean not removed; its
    unit is that of the image squared times m^2.

    Parameters
    ----------
    image : (ny, nx) real or complex array
    pixel_size : float or sequence
        In metres.
    mask : (ny, nx) array, optional
        Window from 0 to 1; the density is divided by the mean of its square.
    """
    spacing = sizes(pixel_size, image.ndim)
    window = np.ones(1) if mask is None else np.asarray(mask, np.float64)
    spectrum = fourier.centred_fft2(image * window)
    power = (np.abs(spectrum).astype(np.float64) ** 2) * np.prod(spacing) / np.mean(window**2)
    return ring_mean(power, frequency_step=[1 / (n * d) for n, d in zip(image.shape, spacing, strict=True)])
