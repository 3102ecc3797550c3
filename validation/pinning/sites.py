"""Pinning sites of domain walls, found in images of several states of one sample.

- `find_pinning_sites`: spots of lowered ``|m_z|``, and places where walls rest in state after state.

The kinds of sites are told apart in `kinds`.
"""

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage
from skimage import feature

from validation.pinning.resting_walls import resting_places, wall_chances
from validation.walls.checks import is_number, is_whole
from validation.walls.lines import SMOOTHING, WallLines, checked_states, levels, nearest, spread, wall_lines

Array = NDArray[Any]
Floats = NDArray[np.float64]

_NEAR = 2 / 3  # diameters; nearer to a wall than this, the shapes of walls are the noise of a spot
_ENOUGH = 3.0  # times the least SNR; what is stronger is no better placed
_STEPS = 5  # towards the centroid
_WIDENING = 1.25  # a Gaussian of sigma s widens delta to the root of delta^2 + (1.25 s)^2
_FLOOR = 1e-2  # of the amplitude: ringing alone does that, however little noise there is


def find_pinning_sites(
    images: Array,
    *,
    pixel_size: float,
    diameter: float = 30e-9,
    minimum_states: int = 2,
    minimum_snr: float = 5.0,
    mask: Array | None = None,
) -> xr.Dataset:
    """Find pinning sites in registered images of several states.

    Two sorts of evidence count:

    - *spots*: ``|m_z|`` averaged over a disc is lower than walls of the usual width would make it, by `minimum_snr`
      times the scatter of that average in the image (beside walls: beside walls), in at least `minimum_states` states;
    - *walls*: in all states a wall is so near, or so bent, that chance does not bring walls together like that
      (`resting_walls.resting_places`). Needs walls in three states.

    Parameters
    ----------
    images : (states, ny, nx) real array
        m_z, or anything proportional to it, registered to one another.
    pixel_size : float
        In metres.
    diameter : float
        Of the sites that are looked for, metres.
    minimum_states : int
        States in which a spot must show.
    minimum_snr : float
    mask : (ny, nx) bool array, optional
        Where sites may lie; not nearer to its edge than half a diameter.

    Returns
    -------
    Dataset
        By `site`: `y`, `x` (m, from index ``n//2``); `snr` (site, state) of the spot, `spots` and `walls`, the number
        of states in which it shows as a spot and has a wall; `rest`, the walls' evidence; `evidence`: ``"spots"``,
        ``"walls"`` or ``"spots and walls"``. Attributes: `level` and `amplitude` of the domains, `rest_threshold`.

    Raises
    ------
    ValueError
        On images that are not 3D, real and finite or have no contrast, fewer states than `minimum_states`, a mask that
        is empty or not finite, pixels of more than a third of the diameter, or a diameter of more than half the image.
    """
    data, inside = checked_states(images, pixel_size, diameter, mask)
    if not is_whole(minimum_states) or not 1 <= minimum_states <= len(data):
        raise ValueError(
            f"minimum_states is {minimum_states!r}; allowed: integers from 1 to the {len(data)} states given"
        )
    if not is_number(minimum_snr) or not minimum_snr > 0:
        raise ValueError(f"minimum_snr is {minimum_snr!r}; allowed: above 0")
    level, amplitude = levels(data[:, inside])
    size = diameter / pixel_size
    smooth = data  # a copy of the images, smoothed in place
    for state in smooth:
        state[...] = ndimage.gaussian_filter((state - level) / amplitude, SMOOTHING)
    walls = [wall_lines(state, arc=size) for state in smooth]
    width = _usual_width(walls, inside)
    snr = np.stack(
        [_spot_snr(*pair, inside=inside, size=size, width=width) for pair in zip(smooth, walls, strict=True)]
    )
    within = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1] > size / 2

    def peaks(score: Floats, threshold: float) -> Floats:
        return _peaks(score, threshold, within, size)

    spots = peaks(np.sort(snr, axis=0)[-minimum_states], minimum_snr)
    # No single state says where a site is: a wall that passes beside it draws the spot towards itself.
    spots = _settled(spots, np.clip(snr, 0, _ENOUGH * minimum_snr).mean(axis=0), size / 2)
    chances = [wall_chances(found, inside, diameter=size) for found in walls]
    resting, rest, threshold = resting_places(chances, inside, spots, diameter=size, peaks=peaks)
    places = np.concatenate([spots, resting])
    origin = np.array(inside.shape) // 2
    found = {
        name: ("site", (places[:, axis] - origin[axis]) * pixel_size, {"units": "m"}) for axis, name in enumerate("yx")
    }
    evidence = _evidence(places, len(spots), snr, rest, walls, size=size, minimum_snr=minimum_snr, threshold=threshold)
    return xr.Dataset(found | evidence, attrs={"level": level, "amplitude": amplitude, "rest_threshold": threshold})


def _usual_width(walls: list[WallLines], inside: Array) -> float:
    """Return the median of 1/slope over all walls, px: what a wall of the usual width looks like."""
    slopes = np.concatenate([found.within(inside).slope for found in walls])
    if slopes.size == 0:
        raise ValueError("images have no walls; allowed: domains of both signs")
    return float(np.median(1 / slopes))


def _spot_snr(smooth: Floats, walls: WallLines, *, inside: Array, size: float, width: float) -> Floats:
    """Return how far ``|m_z|`` is below that of usual walls, averaged over a disc, over its scatter; 0 outside."""
    distance, _ = walls.from_pixels(smooth.shape)
    # Walls of the usual width where walls are, seen through the same smoothing: necks of narrow domains are no spots.
    unsmoothed = math.sqrt(max(width**2 - (_WIDENING * SMOOTHING) ** 2, (width / 2) ** 2))
    usual_walls = ndimage.gaussian_filter(np.sign(smooth) * np.tanh(distance / unsmoothed), SMOOTHING)
    missing = (np.abs(usual_walls) - np.abs(smooth)) * inside
    disc = _disc(size / 2)
    cover = ndimage.convolve(inside.astype(np.float64), disc, mode="constant")
    mean = ndimage.convolve(missing, disc, mode="constant") / np.maximum(cover, 1e-3)
    result = np.zeros(smooth.shape)
    near = distance < _NEAR * size
    for place in (inside & near, inside & ~near):
        if place.any():
            usual = mean[place] if place.sum() > 10 * size**2 else mean[inside]
            result[place] = (mean[place] - max(float(np.median(usual)), 0.0)) / max(spread(usual), _FLOOR)
    return result


def _peaks(score: Floats, threshold: float, within: Array, size: float) -> Floats:
    """Return the local maxima (n, 2) above a threshold, a radius apart, the highest first, each at its centroid."""
    find: Any = feature.peak_local_max
    found = find(
        score,
        min_distance=max(1, round(size / 2)),
        threshold_abs=threshold,
        labels=within.astype(int),
        exclude_border=False,
    )
    return np.array([_centroid(score, peak.astype(np.float64), size / 2) for peak in found]).reshape(-1, 2)


def _settled(places: Floats, score: Floats, radius: float) -> Floats:
    """Move each place to the centroid of the score around it, a few times."""
    for _ in range(_STEPS):
        places = np.array([_centroid(score, place, radius) for place in places]).reshape(-1, 2)
    # Two that end less than a diameter apart are one.
    alone = [i for i, place in enumerate(places) if nearest(place[None], places[:i])[0] > 2 * radius]
    return places[alone]


def _centroid(score: Floats, place: Array, radius: float) -> Floats:
    """Return the centroid of what exceeds half of the score's highest, within `radius` px of a place."""
    corner = np.maximum(np.floor(place - radius).astype(int), 0)
    window = score[tuple(slice(c, int(p + radius) + 2) for c, p in zip(corner, place, strict=True))]
    grid = np.moveaxis(np.indices(window.shape), 0, -1) + corner
    inside = np.hypot(*np.moveaxis(grid - place, -1, 0)) <= radius
    weight = np.maximum(window - window[inside].max() / 2, 0) * inside
    return np.asarray((weight[..., None] * grid).sum(axis=(0, 1)) / weight.sum()) if weight.any() else np.asarray(place)


def _evidence(
    places: Floats,
    spots: int,
    snr: Floats,
    rest: Floats,
    walls: list[WallLines],
    *,
    size: float,
    minimum_snr: float,
    threshold: float,
) -> dict[str, Any]:
    """Return what speaks for each place; the first `spots` of them were found as spots."""
    index = np.round(places).astype(int)
    y, x = index[:, 0], index[:, 1]
    each = np.stack([ndimage.maximum_filter(state, size=3)[y, x] for state in snr], axis=1)
    near = np.stack([nearest(places, found.point) < size / 2 for found in walls], axis=1)
    strength = ndimage.maximum_filter(rest, size=3)[y, x]
    words = ["spots" if number < spots else "walls" for number in range(len(places))]
    both = [word == "spots" and value >= threshold for word, value in zip(words, strength, strict=True)]
    named = ["spots and walls" if two else word for word, two in zip(words, both, strict=True)]
    return {
        "snr": (("site", "state"), each),
        "spots": ("site", (each >= minimum_snr).sum(axis=1)),
        "walls": ("site", near.sum(axis=1)),
        "rest": ("site", strength),
        "evidence": ("site", np.array(named, dtype=str)),
    }


def _disc(radius: float) -> Floats:
    reach = int(np.ceil(radius))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    weight = np.clip(radius - np.hypot(y, x) + 0.5, 0, 1)
    return np.asarray(weight / weight.sum())
