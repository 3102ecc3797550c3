"""Spatial frequencies that one image got wrong: found by what a volume from all images says, and taken from it.

- `without_outliers`: the data term with such frequencies replaced by the volume's.

The noise of an image is spread over its spectrum; what ptychography gets wrong of a periodic sample sits in few
frequencies, one helicity otherwise than the other, and a volume takes it for magnetization. Where the residual of an
image is noise, its powers in a ring of frequencies follow an exponential law: what lies far above their median is none.
It is replaced, which takes its vote away.
"""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.waves import apart

Array = NDArray[Any]

_WIDTH = 0.025
"""Of a ring, cycles per pixel."""


def without_outliers(term: DataTerm, model: Array, *, limit: float) -> DataTerm:
    """Return the data term whose images have the frequencies that are wrong from `model`.

    Parameters
    ----------
    term : DataTerm
    model : (n, y, x) array
        Images of a volume that explains the data.
    limit : float
        Over the median power of the residual in a ring of frequencies: from where it is no noise. Of noise alone,
        a share of ``2**-limit`` lies above it.

    Raises
    ------
    ValueError
        If `limit` is not above 1.
    """
    if not limit > 1:
        raise ValueError(f"limit is {limit}; allowed: above 1")
    rest = (term.data - model).astype(np.float32, copy=False)
    if term.weights is not None:
        rest[term.weights == 0] = 0
    images = apart(rest, term.plan)
    shape = (images.shape[1], images.shape[2])
    ring = _rings(shape)
    for i, image in enumerate(images):
        spectrum = fourier.rfft2(image)
        wrong = _outliers(spectrum, ring, limit)
        images[i] = fourier.irfft2(np.where(wrong, spectrum, 0), shape)
    data = term.data - images.reshape(term.data.shape)
    return replace(term, data=data.astype(np.float32, copy=False))


def _rings(shape: tuple[int, int]) -> NDArray[np.intp]:
    """Return the number of the ring of every frequency of a half spectrum."""
    v, u = fourier.unshifted_frequencies(shape[0], 1.0), fourier.half_frequencies(shape[1], 1.0)
    ring = (np.hypot(v[:, None], u) / _WIDTH).astype(np.intp)
    return np.minimum(ring, int(0.5 / _WIDTH) - 1)


def _outliers(spectrum: Array, ring: NDArray[np.intp], limit: float) -> NDArray[np.bool_]:
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    order = np.argsort(ring, axis=None, kind="stable")
    groups = np.split(power.ravel()[order], np.cumsum(np.bincount(ring.ravel()))[:-1])
    median = np.array([np.median(group) if group.size else 0.0 for group in groups])
    return np.asarray(power > limit * median[ring])
