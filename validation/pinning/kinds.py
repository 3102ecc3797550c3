"""The kinds of pinning sites, told apart by the width of the walls that pass them.

- `site_wall_widths`: delta of the walls that pass a site, over all states;
- `classify_pinning_sites`: lowered anisotropy where walls are wider than elsewhere, raised DMI where they are not.

A site lowers the energy ``4 sqrt(A K) - pi |D|`` of walls either way, but changes their width ``sqrt(A/K)`` by the
anisotropy only (HAPRE, Optica 11, 234 (2024), Figs. 3g and 4). How deep a spot is does not tell the kinds apart.
"""

import math
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from validation.pinning.slopes import SlopeCurve
from validation.walls.checks import is_number
from validation.walls.lines import FEWEST, SMOOTHING, checked_states, levels, nearest, spread, wall_lines

Array = NDArray[Any]
Floats = NDArray[np.float64]

LOWERED_ANISOTROPY, RAISED_DMI, VERY_WIDE, UNDECIDED = "lowered anisotropy", "raised DMI", "over 20 nm", "undecided"
KINDS = (LOWERED_ANISOTROPY, RAISED_DMI, VERY_WIDE, UNDECIDED)

_LARGEST_REFERENCE, _LARGEST = 100e-9, 1e-6  # m; more is a width in another unit
_WIDE = 20e-9  # m, the third class of HAPRE's Fig. 3g


def site_wall_widths(
    images: Array,
    points: Array,
    *,
    pixel_size: float,
    reference_width: float,
    diameter: float = 30e-9,
    mask: Array | None = None,
) -> xr.Dataset:
    """Estimate the width of the walls that pass each site, from their slope.

    A wall near a site bends and may close round it, so that no profile reaches undisturbed domains on both sides. The
    slope where m_z passes the mid level asks for none. What it says about delta is read off drawn walls, seen through
    the Gaussian instrument that makes of walls of the `reference_width` what walls far from all sites look like
    (`slopes.SlopeCurve`). The walls are drawn in all directions: where all run along the pixels, three times as wide
    ones come out 2 % too wide. A site that lowers ``|m_z|`` beside its walls as well lowers their slope, and shows them
    wider than they are.

    Parameters
    ----------
    images : (states, ny, nx) real array
        As for `find_pinning_sites`.
    points : (n, 2) array
        Sites (y, x), m from index ``n//2``.
    pixel_size, diameter : float
        In metres.
    reference_width : float
        delta of walls far from the sites, metres, such as `mean_wall_width` gives it. If that is delta as the image
        shows it, so are those of the sites.
    mask : (ny, nx) bool array, optional
        Where walls are looked at.

    Returns
    -------
    Dataset
        By `site`: `delta`, `delta_error` (m): median over the states in which a wall passes within half a diameter, and
        its error from their scatter (a robust one) and that of the reference; NaN where none passes. By (site, state):
        `state_delta`. Attributes: `reference_width`; `reference_scatter`, relative scatter of one over the slope of
        single places far from the sites; `instrument_blur` (m), standard deviation of the Gaussian.

    Raises
    ------
    ValueError
        On bad images, points or sizes, or where no wall is far from all sites.
    """
    data, inside = checked_states(images, pixel_size, diameter, mask)
    places = np.asarray(points, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.all(np.isfinite(places)):
        raise ValueError(f"points have shape {places.shape}; allowed: finite, (n, 2) for y, x in metres")
    if not is_number(reference_width) or not 0 < reference_width < _LARGEST_REFERENCE:
        raise ValueError(f"reference_width is {reference_width!r} m; allowed: above 0, below {_LARGEST_REFERENCE:g}")
    level, amplitude = levels(data[:, inside])
    centres = places / pixel_size + np.array(inside.shape) // 2
    smooth = (ndimage.gaussian_filter((state - level) / amplitude, SMOOTHING) for state in data)
    seen = [wall_lines(state, arc=diameter / pixel_size).within(inside) for state in smooth]
    far = [found.slope[nearest(found.point, centres) > 2 * diameter / pixel_size] for found in seen]
    widths = 1 / np.concatenate(far) if any(f.size for f in far) else np.empty(0)
    if widths.size < 20:
        raise ValueError(f"images have {widths.size} points of wall far from the sites; allowed: from 20")
    usual = float(np.median(widths))
    scatter = spread(widths) / usual
    each = np.full((len(places), len(data)), np.nan)
    for state, found in enumerate(seen):
        for site, centre in enumerate(centres):
            near = np.hypot(*(found.point - centre).T) < diameter / 2 / pixel_size
            if near.sum() >= FEWEST:
                each[site, state] = np.median(1 / found.slope[near])
    curve = SlopeCurve(reference=reference_width, usual=usual, pixel_size=pixel_size)
    middle, error = _over_states(each, scatter)
    metres = {"units": "m"}
    return xr.Dataset(
        {
            "delta": ("site", curve.widths(middle), metres),
            "delta_error": ("site", curve.errors(middle, error), metres),
            "state_delta": (("site", "state"), curve.widths(each), metres),
        },
        attrs={
            "reference_scatter": scatter,
            "reference_width": reference_width,
            "instrument_blur": curve.blur * pixel_size,
        },
    )


def classify_pinning_sites(
    sites: xr.Dataset, widths: xr.Dataset, *, reference_width: float, tolerance: float = 0.2
) -> xr.Dataset:
    """Tell the kinds of sites apart by the width of the walls there.

    Parameters
    ----------
    sites : Dataset
        As `find_pinning_sites` gives it.
    widths : Dataset
        `delta` and `delta_error` (m) by `site`, such as `site_wall_widths` gives; NaN where unknown.
    reference_width : float
        delta far from the sites, metres; infinite where there is no wall, which leaves all sites undecided.
    tolerance : float
        Wider than the reference by this share is wider; by less than half of it is not. In between, or where the
        estimate is less sure than that, a site stays undecided.

    Returns
    -------
    Dataset
        `sites` with `kind` (one of `KINDS`), `delta`, `delta_error` and `ratio`.

    Raises
    ------
    ValueError
        If `widths` is without what is needed, the two have different numbers of sites, or a number is impossible as
        metres.
    """
    _check_widths(sites, widths)
    if not (is_number(reference_width) and 0 < reference_width < _LARGEST_REFERENCE) and reference_width != math.inf:
        raise ValueError(
            f"reference_width is {reference_width!r} m; allowed: above 0, below {_LARGEST_REFERENCE:g}, or infinite"
        )
    if not is_number(tolerance) or not 0 < tolerance < 1:
        raise ValueError(f"tolerance is {tolerance!r}; allowed: above 0, below 1")
    delta, error = (widths[name].values.astype(np.float64) for name in ("delta", "delta_error"))
    ratio = delta / reference_width
    sure = np.isfinite(ratio) & math.isfinite(reference_width)
    sure &= error / reference_width < tolerance * np.maximum(np.nan_to_num(ratio, nan=1), 1)
    kind = np.full(ratio.shape, UNDECIDED, dtype=object)
    kind[sure & (ratio < 1 + tolerance / 2)] = RAISED_DMI
    kind[sure & (ratio >= 1 + tolerance)] = LOWERED_ANISOTROPY
    kind[sure & (delta > _WIDE)] = VERY_WIDE
    metres = {"units": "m"}
    return sites.assign(
        kind=("site", kind.astype(str)),
        delta=("site", delta, metres),
        delta_error=("site", error, metres),
        ratio=("site", ratio),
    )


def _check_widths(sites: xr.Dataset, widths: xr.Dataset) -> None:
    missing = [name for name in ("delta", "delta_error") if name not in widths or widths[name].dims != ("site",)]
    if missing:
        raise ValueError(f"widths is without {', '.join(missing)} by site; allowed: a Dataset of site_wall_widths")
    if "site" not in sites.sizes:
        raise ValueError(f"sites has {tuple(map(str, sites.dims))}; allowed: site, as of find_pinning_sites")
    if sites.sizes["site"] != widths.sizes["site"]:
        raise ValueError(f"widths has {widths.sizes['site']} sites; allowed: {sites.sizes['site']}, as sites has")
    delta, error = (widths[name].values for name in ("delta", "delta_error"))
    for name, values, possible, allowed in (
        ("delta", delta, (delta > 0) & (delta < _LARGEST), f"above 0, below {_LARGEST:g}"),
        ("delta_error", error, error >= 0, "from 0"),
    ):
        wrong = values[~possible & ~np.isnan(values)]
        if wrong.size:
            raise ValueError(f"{name} of widths is {wrong[0]:g} m; allowed: {allowed}, or NaN")


def _over_states(each: Floats, scatter: float) -> tuple[Floats, Floats]:
    """Return median and error over states; one state alone has the scatter of the reference's single places."""
    count = np.isfinite(each).sum(axis=1)
    delta, error = np.full(len(each), np.nan), np.full(len(each), np.nan)
    for site in np.flatnonzero(count):
        values = each[site][np.isfinite(each[site])]
        delta[site] = np.median(values)
        own = _median_error(values)
        error[site] = np.hypot(own, scatter * delta[site])
    return delta, error


def _median_error(values: Floats) -> float:
    """Return the error of a median of few values; from three on by their median deviation, which one outlier spares."""
    if values.size < 2:
        return 0.0
    scatter = spread(values) if values.size > 2 else float(np.std(values, ddof=1))
    return float(np.sqrt(np.pi / 2) * scatter / np.sqrt(values.size))
