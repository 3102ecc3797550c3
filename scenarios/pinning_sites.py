"""Sites in a series of states: found without the truth, and compared with it.

- `SiteSettings`: how sites are looked for; `find_sites`: those found, with their kinds;
- `true_sites`: the known ones, with the SNR that they have in the images; `site_rows`: what the comparison says.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import validation
from scenarios.holography_rows import MetricValue
from scenarios.pinning_states import REGISTERED, Series, State
from validation.windows import eroded

Floats = NDArray[np.float64]

_NM = 1e-9
_WIDE = ("over 20 nm", "lowered anisotropy")


@dataclass(frozen=True)
class SiteSettings:
    """How sites are looked for; lengths in metres."""

    diameter: float
    minimum_states: int
    minimum_snr: float
    match: float
    tolerance: float

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Self:
        """Return the settings of the table ``sites``."""
        return cls(
            diameter=_NM * table["diameter_nm"],
            minimum_states=table["minimum_states"],
            minimum_snr=table["minimum_snr"],
            match=_NM * table["match_nm"],
            tolerance=table["tolerance"],
        )


def find_sites(series: Series, search: SiteSettings) -> xr.Dataset:
    """Return the sites found in a series, with their kinds; coordinates are those of the truth's field."""
    pixel = series.frame.pixel_size
    found = validation.find_pinning_sites(
        series.images,
        pixel_size=pixel,
        diameter=search.diameter,
        minimum_states=search.minimum_states,
        minimum_snr=search.minimum_snr,
        mask=series.mask,
    )
    points = np.stack([found["y"].values, found["x"].values], axis=1)
    reference = _reference_width(series)
    widths = _widths(series, points, reference, search)
    kinds = validation.classify_pinning_sites(
        found, widths, reference_width=reference, tolerance=search.tolerance
    ).assign_attrs(reference_width=reference)
    return kinds.assign(
        {name: ("site", kinds[name].values + series.centre[axis], {"units": "m"}) for axis, name in enumerate("yx")}
    )


def _reference_width(series: Series) -> float:
    """Return delta of the walls of the image that has most; infinite where no image has walls, as of the floor."""
    widths = [
        validation.mean_wall_width(image, pixel_size=series.frame.pixel_size, mask=series.mask)
        for image in series.images
    ]
    measured = [width for width in widths if math.isfinite(width.delta)]
    return max(measured, key=lambda width: width.length).delta if measured else math.inf


def _widths(series: Series, points: Floats, reference: float, search: SiteSettings) -> xr.Dataset:
    if not math.isfinite(reference) or len(points) == 0:
        nothing = ("site", np.full(len(points), np.nan))
        return xr.Dataset({"delta": nothing, "delta_error": nothing})
    return validation.site_wall_widths(
        series.images,
        points,
        pixel_size=series.frame.pixel_size,
        reference_width=reference,
        diameter=search.diameter,
        mask=series.mask,
    )


def true_sites(state: State, series: Series, search: SiteSettings) -> xr.Dataset:
    """Return the true sites in the window, which of them lie wholly `inside` the mask, and their SNR in the images."""
    defects = state.features.get("defects", [])
    origin = state.truth["sample_origin"].values
    place = np.array([np.array(defect["centre"]) + origin for defect in defects]).reshape(-1, 2)
    kinds = np.array([str(defect["kind"]) for defect in defects], dtype=str)
    pixel, shape = series.frame.pixel_size, np.array(series.mask.shape)
    index = np.round((place - series.centre) / pixel).astype(int) + shape // 2
    shown = np.all((index >= 0) & (index < shape), axis=1)
    place, kinds, index = place[shown], kinds[shown], index[shown]
    inside = eroded(series.mask, search.diameter / 2 / pixel)[tuple(index.T)]
    snr = local_snr(series, search.diameter)[:, *index.T].T
    bright = np.sort(snr, axis=1)[:, -search.minimum_states] >= search.minimum_snr
    metres = {"units": "m"}
    return xr.Dataset(
        {
            "y": ("site", place[:, 0], metres),
            "x": ("site", place[:, 1], metres),
            "kind": ("site", kinds),
            "snr": (("site", "state"), snr),
            "inside": ("site", inside),
            "visible": ("site", inside & bright),
        }
    )


def local_snr(series: Series, diameter: float) -> Floats:
    """Return by how much ``|m_z|`` is lowered over a disc in the truth, over the error of the image's mean over it.

    (states, ny, nx). The lowering is against the domains' level; the error is the scatter of image less truth, averaged
    over the same disc, within the mask.
    """
    radius = diameter / 2 / series.frame.pixel_size
    reach = math.ceil(radius)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    disc = np.clip(radius - np.hypot(y, x) + 0.5, 0, 1)
    disc /= disc.sum()
    result = []
    for image, truth in zip(series.images, series.truths, strict=True):
        lowered = ndimage.convolve(1 - np.abs(truth), disc)
        error = ndimage.convolve((image - truth) * series.mask, disc)[series.mask]
        result.append(lowered / max(float(error.std()), 1e-9))
    return np.stack(result)


def site_rows(found: xr.Dataset, true: xr.Dataset, search: SiteSettings) -> list[MetricValue]:
    """Match found sites with true ones and say how many are right; `found` is told the true site of each, -1 for none.

    Precision counts all true sites, those at the edge too, recall the visible ones inside. Over 20 nm is right where
    the anisotropy is lowered.
    """
    points, places = (np.stack([each["y"].values, each["x"].values], axis=1) for each in (found, true))
    match = validation.match_points(points, places, radius=search.match)
    hit = np.zeros(len(places), bool)
    hit[match.truth_index] = True
    visible = true["visible"].values
    kinds = found["kind"].values.astype(str)[match.found_index]
    right = [
        k == t or (k, t) == _WIDE
        for k, t in zip(kinds, true["kind"].values.astype(str)[match.truth_index], strict=True)
    ]
    found["true_site"] = ("site", np.full(len(points), -1))
    found["true_site"].values[match.found_index] = match.truth_index
    near = f"within {1e9 * search.match:g} nm of a true site"

    def row(name: str, value: float, direction: str, *, unit: str = "1", criterion: str = near) -> MetricValue:
        return MetricValue(
            metric=name, value=value, unit=unit, direction=direction, criterion=criterion, gauge=REGISTERED
        )

    return [
        row("sites.found", len(points), "none", criterion=""),
        row("sites.visible", int(visible.sum()), "none", criterion=_visible(search)),
        row("sites.recall", _share(hit[visible]), "higher"),
        row("sites.recall.all", _share(hit[true["inside"].values]), "higher"),
        row("sites.precision", match.precision, "higher"),
        row("sites.position_error", match.mean_error, "lower", unit="m"),
        row("kinds.accuracy", _share(right), "higher"),
        row("kinds.undecided", _share(kinds == "undecided"), "lower"),
    ]


def _share(values: Any) -> float:
    return float(np.mean(values)) if len(values) else math.nan


def _visible(search: SiteSettings) -> str:
    return f"SNR from {search.minimum_snr:g} in {search.minimum_states} states"
