"""The common line of a tilt series: its sum over y is one function of x, the tilt axis.

- `along_axis`: shifts along x from that, a fraction of a pixel (Scott et al., Nature 483, 444 (2012));
- `lines`: the sums themselves.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]

_SEARCHES = 4  # of whole pixels: the mean of lines far apart is blurred at first
_ROUNDS, _SETTLED = 30, 1e-3  # px
_LONGEST = 1.0  # px a step: further, a neighbouring site of the lattice could take over
_RIM = 4  # px over which the window falls off


def along_axis(stack: Array, tilt: Array, shifts: Array) -> Array:
    """Return `shifts` (n, 2) with x from the common line; the mean x stays.

    A correlation of every line with the mean of all finds the whole pixel, its outline and its lattice together, so it
    may start whole periods off. Then least squares, gain and offset free (Gauss-Newton); the mean is formed anew each
    round.
    """
    del tilt
    sums = lines(stack)
    result = np.array(shifts, np.float64)
    gauge = result[:, 1].mean()
    for _ in range(_SEARCHES):
        found = _whole_shifts(_moved(sums, result[:, 1]))
        result[:, 1] += found
        if not found.any():
            break
    window = _window(sums.shape[1], float(np.abs(result[:, 1]).max()))
    for _ in range(_ROUNDS):
        here = _moved(sums, result[:, 1])
        template = np.average(here, axis=0)
        slope = np.gradient(template)
        columns = np.stack([slope, template, np.ones_like(template)], -1) * window[:, None]
        factors = np.linalg.lstsq(columns, (here * window).T, rcond=None)[0]
        # A line that lies s further on reads gain (template - s slope).
        step = np.clip(-factors[0] / factors[1], -_LONGEST, _LONGEST)
        result[:, 1] += step - step.mean()
        if np.abs(step - step.mean()).max() < _SETTLED:
            break
    result[:, 1] += gauge - result[:, 1].mean()
    return result


def lines(stack: Array) -> Array:
    """Return the sum over y of each image, (projection, X) float64."""
    return np.asarray(np.sum(stack, axis=1, dtype=np.float64))


def _whole_shifts(sums: Array) -> Array:
    """Return by how many whole pixels each line lies further on than the middle line of all."""
    count, n = sums.shape
    padded = np.zeros((count, 1, fourier.good_size(2 * n)), np.complex128)
    padded[:, 0, :n] = sums - sums.mean(axis=1, keepdims=True)
    spectra = fourier.fft2(padded)
    surface = np.real(fourier.ifft2(spectra * np.conj(spectra.mean(axis=0))))[:, 0]
    lag = np.argmax(surface, axis=1)
    lag = np.where(lag > surface.shape[1] // 2, lag - surface.shape[1], lag)
    return np.asarray(lag - np.rint(np.median(lag)), np.float64)


def _window(n: int, furthest: float) -> Array:
    depth = np.minimum(np.arange(n), np.arange(n)[::-1]) - furthest
    return np.asarray(np.clip(depth / _RIM, 0, 1))


def _moved(sums: Array, shifts: Array) -> Array:
    """Return each line read at ``x + shift``."""
    f = fourier.unshifted_frequencies(sums.shape[1], 1.0)
    spectra = fourier.fft2(sums[:, None, :].astype(np.complex128))
    return np.real(fourier.ifft2(spectra * np.exp(2j * np.pi * f * shifts[:, None, None])))[:, 0]
