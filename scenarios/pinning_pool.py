"""What all states of ``pinning`` tell together: sites and their kinds, walls, damage.

- `pooled`: rows and a data set of everything that the report shows; `SiteSettings`: how sites are looked for.

Sites are looked for, and told apart, without the truth: the states are registered to one another by the object hole,
and the reference width is that of the images themselves. Only then are they compared with the known defects.

==================================  ====  =====================================================================
metric                              unit  what
==================================  ====  =====================================================================
``sites.found``, ``sites.visible``  1     sites found; true ones in the image that lower ``|m_z|`` by the least SNR
                                          in the least number of states (`validation.find_pinning_sites`)
``sites.recall``                    1     share of the visible ones that were found
``sites.precision``                 1     share of the found ones that are true, visible or not
``sites.position_error``            m     mean distance of matched sites
``sites.recall.all``                1     share of all true sites in the image that were found
``kinds.accuracy``                  1     share of the matched sites whose kind is right; undecided is not right
``kinds.undecided``                 1     share of the matched sites that stay undecided
``walls.median_error``              1     median relative error of delta along all walls, against the truth's image
``walls.coverage``                  1     share of the 68 % intervals that hold the truth's delta
``states.shift_error``              m     largest error of the registration of the states to one another
``damage.period_ratio``             1     domain period in the damaged area over that beside it, in the field
``damage.contrast_ratio``           1     ``|m_z|`` in it over that beside it, in the field
``damage.growth``                   1     domain period in it after the field over that in the field
``*.truth``                         as *  the same of the true images
==================================  ====  =====================================================================
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import validation
from scenarios.holography_frame import ScoringSettings
from scenarios.holography_rows import MetricValue
from scenarios.pinning_damage import damage_parts
from scenarios.pinning_states import Series, State, build_series
from validation.windows import eroded

Array = NDArray[Any]
Floats = NDArray[np.float64]

_NM = 1e-9
_FREE = "states to one another by the hole; one shift to the truth"
_MATCHED = 3.0  # px, between a point of wall and the truth's
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


def pooled(
    states: Sequence[State], *, settings: ScoringSettings, search: SiteSettings
) -> tuple[list[Mapping[str, Any]], xr.Dataset]:
    """Look at all states of one method together.

    Parameters
    ----------
    states : sequence of State
        In the order in which they were measured; those of a damaged film say so in their names.
    settings : ScoringSettings
    search : SiteSettings

    Returns
    -------
    list of mapping
        Rows, see the module's table.
    Dataset
        The record ``pooled``.

    Raises
    ------
    ValueError
        If fewer states with sites are there than `search` asks for.
    """
    damaged = [state for state in states if state.name.startswith("damaged")]
    pinned = [state for state in states if state not in damaged]
    if len(pinned) < search.minimum_states:
        raise ValueError(
            f"states with sites that are reconstructed: {len(pinned)}; allowed: from sites.minimum_states, "
            f"{search.minimum_states}"
        )
    series = build_series(pinned, settings)
    walls = _walls(series)
    sites = find_sites(series, search)
    true = _true_sites(pinned[0], series, search)
    rows = [*_site_rows(sites, true, search), *_wall_rows(walls), _shift_row(series)]
    parts = {**_images(series), **_listed(sites, "found"), **_listed(true, "true"), **_listed(walls, "wall")}
    if damaged:
        damage_rows, damage = damage_parts(damaged, settings)
        rows, parts = [*rows, *damage_rows], {**parts, **damage}
    attributes = {"record": "pooled", "schema": 1, "pixel_size": series.frame.pixel_size, "states": list(series.names)}
    return [asdict(row) for row in rows], xr.Dataset(parts, attrs=attributes)


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


def _true_sites(state: State, series: Series, search: SiteSettings) -> xr.Dataset:
    """Return the true sites that lie wholly inside the mask, with the SNR that they have in the images."""
    defects = state.features.get("defects", [])
    origin = state.truth["sample_origin"].values
    place = np.array([np.array(defect["centre"]) + origin for defect in defects]).reshape(-1, 2)
    pixel = series.frame.pixel_size
    index = np.round((place - series.centre) / pixel).astype(int) + np.array(series.mask.shape) // 2
    bounded = np.all((index >= 0) & (index < np.array(series.mask.shape)), axis=1)
    inside = bounded.copy()
    inside[bounded] = eroded(series.mask, search.diameter / 2 / pixel)[tuple(index[bounded].T)]
    snr = local_snr(series, search.diameter)[:, *index[inside].T].T
    kinds = np.array([str(defect["kind"]) for defect in defects])[inside]
    visible = np.sort(snr, axis=1)[:, -search.minimum_states] >= search.minimum_snr
    metres = {"units": "m"}
    return xr.Dataset(
        {
            "y": ("site", place[inside, 0], metres),
            "x": ("site", place[inside, 1], metres),
            "kind": ("site", kinds.astype(str)),
            "snr": (("site", "state"), snr),
            "visible": ("site", visible),
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


def _site_rows(found: xr.Dataset, true: xr.Dataset, search: SiteSettings) -> list[MetricValue]:
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

    def share(values: Any) -> float:
        return float(np.mean(values)) if len(values) else math.nan

    return [
        MetricValue(metric="sites.found", value=len(points), gauge=_FREE),
        MetricValue(metric="sites.visible", value=int(visible.sum()), criterion=_visible(search)),
        MetricValue(metric="sites.recall", value=share(hit[visible]), direction="higher", criterion=near, gauge=_FREE),
        MetricValue(metric="sites.recall.all", value=share(hit), direction="higher", criterion=near, gauge=_FREE),
        MetricValue(metric="sites.precision", value=match.precision, direction="higher", criterion=near, gauge=_FREE),
        MetricValue(
            metric="sites.position_error",
            value=match.mean_error,
            unit="m",
            direction="lower",
            criterion=near,
            gauge=_FREE,
        ),
        MetricValue(metric="kinds.accuracy", value=share(right), direction="higher", criterion=near, gauge=_FREE),
        MetricValue(
            metric="kinds.undecided", value=share(kinds == "undecided"), direction="lower", criterion=near, gauge=_FREE
        ),
    ]


def _visible(search: SiteSettings) -> str:
    return f"SNR from {search.minimum_snr:g} in {search.minimum_states} states"


def _walls(series: Series) -> xr.Dataset:
    """Return delta along the walls of all states, in the image and, where its own wall is near, in the truth."""
    parts = []
    pixel = series.frame.pixel_size
    for number, (image, truth) in enumerate(zip(series.images, series.truths, strict=True)):
        own, real = (validation.wall_width_map(each, pixel_size=pixel, mask=series.mask) for each in (image, truth))
        points, places = (np.stack([each["y"].values, each["x"].values], axis=1) for each in (own, real))
        true_delta = np.full(len(points), np.nan)
        if len(points) and len(places):
            from scipy.spatial import cKDTree

            distance, index = cKDTree(places).query(points)
            near = distance < _MATCHED * pixel
            true_delta[near] = real["delta"].values[index[near]]
        columns = {
            name: ("point", own[name].values) for name in ("normal_y", "normal_x", "delta", "delta_error", "run")
        }
        columns |= {name: ("point", own[name].values + series.centre[axis]) for axis, name in enumerate("yx")}
        columns |= {"truth": ("point", true_delta), "state": ("point", np.full(len(points), number))}
        columns["ill_conditioned"] = ("point", own["ill_conditioned"].values)
        parts.append(xr.Dataset(columns))
    return xr.concat(parts, dim="point")


def _wall_rows(walls: xr.Dataset) -> list[MetricValue]:
    compared = np.isfinite(walls["truth"].values) & ~walls["ill_conditioned"].values.astype(bool)
    delta, error, truth = (walls[name].values[compared] for name in ("delta", "delta_error", "truth"))
    off = np.abs(delta - truth)
    count = int(compared.sum())
    criterion = f"{count} points of wall"
    median = float(np.median(off / truth)) if count else math.nan
    covered = float(np.mean(off <= error)) if count else math.nan
    return [
        MetricValue(metric="walls.median_error", value=median, direction="lower", criterion=criterion, gauge=_FREE),
        MetricValue(metric="walls.coverage", value=covered, criterion=f"68 % intervals, {criterion}", gauge=_FREE),
    ]


def _shift_row(series: Series) -> MetricValue:
    largest = float(series.shift_errors.max())
    return MetricValue(metric="states.shift_error", value=largest, unit="m", direction="lower", gauge=_FREE)


def _images(series: Series) -> dict[str, Any]:
    dims = ("state", "wy", "wx")
    size = series.mask.shape
    axes = {
        name: (name, (np.arange(n) - n // 2) * series.frame.pixel_size + centre, {"units": "m"})
        for name, n, centre in zip(("wy", "wx"), size, series.centre, strict=True)
    }
    return {
        **axes,
        "images": (dims, series.images.astype(np.float32)),
        "truths": (dims, series.truths.astype(np.float32)),
        "mask": (("wy", "wx"), series.mask),
        "shift_error": ("state", series.shift_errors, {"units": "m"}),
    }


def _listed(table: xr.Dataset, prefix: str) -> dict[str, Any]:
    """Return the columns of a table under a prefix."""
    renamed = {"site": f"{prefix}_site", "point": f"{prefix}_point"}
    listed: dict[str, Any] = {}
    for name, column in table.variables.items():
        dims = tuple(renamed.get(str(dim), str(dim)) for dim in column.dims)
        listed[f"{prefix}_{name}"] = (dims, column.values, dict(column.attrs))
    for name, value in table.attrs.items():
        listed[f"{prefix}_{name}"] = ((), float(value))
    return listed
