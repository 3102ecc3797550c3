"""Registration by key points and random sample consensus, as in the paper of the nickel superlattice.

- `euclidean`: rotation and shift between two amplitudes.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import distance
from skimage import feature, measure, transform

Array = NDArray[Any]

_POINTS = 500
_NEAR = 12.0  # px, to which two points are compared
_SMOOTH = 1.0  # px: corners of noise are no key points
_TRUSTED = 1.5  # px from the model
_TRIALS = 500
_LEAST = 8  # matches that agree


def euclidean(first: Array, second: Array, window: Array, *, rng: np.random.Generator | None) -> tuple[Array, Array]:
    """Return shift (2,) px and strain (2, 2) of a rotation about the window's middle.

    Key points are those of ORB (Rublee et al., ICCV 2011), matched both ways within 12 px; RANSAC keeps what agrees.

    Parameters
    ----------
    first, second : (Y, X) float arrays
        Amplitudes.
    window : (Y, X) float array
        Points where it is 0 do not count.
    rng : numpy.random.Generator
        Draws the trial samples.

    Raises
    ------
    ValueError
        If there is no rng, or fewer than 8 matches agree.
    """
    if rng is None:
        raise ValueError('rng is None; allowed with model "features": a numpy.random.Generator')
    places, descriptors = zip(*(_described(image, window) for image in (first, second)), strict=True)
    if min(map(len, places)) < _LEAST:
        raise ValueError(
            f"plus and minus have {len(places[0])} and {len(places[1])} key points; allowed: from {_LEAST}"
        )
    pairs = _matched(places, descriptors)
    if len(pairs) < _LEAST:
        raise ValueError(f"plus and minus share {len(pairs)} key points; allowed: from {_LEAST}")
    consensus: Any = measure.ransac
    found, agree = consensus(
        (places[0][pairs[:, 0]], places[1][pairs[:, 1]]),
        transform.EuclideanTransform,
        min_samples=2,
        residual_threshold=_TRUSTED,
        max_trials=_TRIALS,
        rng=rng,
    )
    if agree is None or agree.sum() < _LEAST:
        raise ValueError(
            f"plus and minus have {0 if agree is None else agree.sum()} matches that agree; allowed: from {_LEAST}"
        )
    matrix = np.asarray(found.params)
    middle = np.array([np.average(np.arange(n), weights=window.sum(1 - axis)) for axis, n in enumerate(window.shape)])
    return matrix[:2, :2] @ middle + matrix[:2, 2] - middle, matrix[:2, :2] - np.eye(2)


def _matched(places: tuple[Array, Array], descriptors: tuple[Array, Array]) -> Array:
    """Return which points (n, 2) are each other's most alike among those near: sites of a lattice all look the same."""
    unlike = distance.cdist(*descriptors, "hamming")
    unlike[distance.cdist(*places) > _NEAR] = np.inf
    there, back = unlike.argmin(axis=1), unlike.argmin(axis=0)
    first = np.arange(len(there))
    mutual = (back[there] == first) & np.isfinite(unlike[first, there])
    return np.asarray(np.stack([first, there], -1)[mutual])


def _described(image: Array, window: Array) -> tuple[Array, Array]:
    """Return places (n, 2) of key points as (y, x), and their descriptors."""
    image = ndimage.gaussian_filter(image.astype(np.float64), _SMOOTH, mode="nearest")
    low, high = np.percentile(image[window > 0], [1, 99])
    orb: Any = feature.ORB
    finder = orb(n_keypoints=_POINTS, fast_threshold=0.03)
    try:
        finder.detect_and_extract(np.clip((image - low) / max(high - low, np.finfo(np.float64).tiny), 0, 1))
    except RuntimeError:  # of ORB, where there is no corner at all
        return np.zeros((0, 2)), np.zeros((0, 256), np.bool_)
    places = np.asarray(finder.keypoints)
    inside = window[tuple(np.rint(places).astype(np.int64).T)] > 0
    return places[inside], np.asarray(finder.descriptors)[inside]
