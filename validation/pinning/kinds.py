"""The kinds of pinning sites, told apart by the width of the walls that pass them.

- `site_wall_widths`: delta of the walls that pass a site, over all states;
- `classify_pinning_sites`: lowered anisotropy where walls are wider than elsewhere, raised DMI where they are not.

A site lowers the energy ``4 sqrt(A K) - pi |D|`` of walls either way, but changes their width ``sqrt(A/K)`` by the
anisotropy only (HAPRE, Optica 11, 234 (2024), Figs. 3g and 4). How deep a spot is does not tell the kinds apart.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from validation.walls.lines import FEWEST, SMOOTHING, checked_states, levels, nearest, spread, wall_lines

Array = NDArray[Any]
Floats = NDArray[np.float64]

LOWERED_ANISOTROPY, RAISED_DMI, VERY_WIDE, UNDECIDED = "lowered anisotropy", "raised DMI", "over 20 nm", "undecided"
KINDS = (LOWERED_ANISOTROPY, RAISED_DMI, VERY_WIDE, UNDECIDED)

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
    slope where m_z passes the mid level asks for none: relative to the median slope of walls far from all sites, which
    the instrument flattens alike, it gives delta relative to the `reference_width` of those walls.

    Parameters
    ----------
    images : (states, ny, nx) real array
        As for `find_pinning_sites`.
    points : (n, 2) array
        Sites (y, x), m from index ``n//2``.
    pixel_size, diameter : float
        In metres.
    reference_width : float
        delta of walls far from the sites, metres, such as `mean_wall_width` gives it.
    mask : (ny, nx) bool array, optional
        Where walls are looked at.

    Returns
    -------
    Dataset
        By `site`: `delta`, `delta_error` (m): median over the states in which a wall passes within half a diameter, and
        its error from their scatter (a robust one) and that of the reference; NaN where none passes. By (site, state):
        `state_delta`. Attribute `reference_scatter`: relative scatter of single places far from the sites.

    Raises
    ------
    ValueError
        On bad images, points or sizes, or where no wall is far from all sites.
    """
    data, inside = checked_states(images, pixel_size, diameter, mask)
    places = np.asarray(points, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not np.all(np.isfinite(places)):
        raise ValueError(f"points have shape {places.shape}; allowed: finite, (n, 2) for y, x in metres")
    if not 0 < reference_width < 100e-9:
        raise ValueError(f"reference_width is {reference_width!r} m; allowed: above 0, below 1e-7")
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
                each[site, state] = np.median(1 / found.slope[near]) / usual
    delta, error = _over_states(each, scatter)
    metres = {"units": "m"}
    return xr.Dataset(
        {
            "delta": ("site", delta * reference_width, metres),
            "delta_error": ("site", error * reference_width, metres),
            "state_delta": (("site", "state"), each * reference_width, metres),
        },
        attrs={"reference_scatter": float(scatter), "reference_width": reference_width},
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
        `delta` and `delta_error` (m) by `site`, such as `site_wall_widths` gives.
    reference_width : float
        delta far from the sites, metres.
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
        If the two have different numbers of sites, or a number is impossible.
    """
    if sites.sizes["site"] != widths.sizes["site"]:
        raise ValueError(f"widths has {widths.sizes['site']} sites; allowed: {sites.sizes['site']}, as sites has")
    if not reference_width > 0 or not 0 < tolerance < 1:
        raise ValueError(
            f"reference_width is {reference_width!r} and tolerance {tolerance!r}; allowed: above 0, and 0 to 1"
        )
    delta, error = (widths[name].values.astype(np.float64) for name in ("delta", "delta_error"))
    ratio = delta / reference_width
    sure = np.isfinite(ratio) & (error / reference_width < tolerance * np.maximum(np.nan_to_num(ratio, nan=1), 1))
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
