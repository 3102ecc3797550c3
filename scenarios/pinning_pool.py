"""What all states of ``pinning`` tell together: sites and their kinds, walls, damage.

- `pooled`: rows and a data set of everything that the report shows.

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
``damage.period_ratio.removed``     1     the same after the field; none where less than a period lies beside it
``damage.contrast_ratio``           1     ``|m_z|`` in it over that beside it, in the field
``damage.growth``                   1     share of it that is magnetized against the field, after it over in it
``*.truth``                         as *  the same of the true images
==================================  ====  =====================================================================
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from scenarios.holography_frame import ScoringSettings
from scenarios.holography_rows import MetricValue
from scenarios.pinning_damage import damage_parts
from scenarios.pinning_sites import SiteSettings, find_sites, site_rows, true_sites
from scenarios.pinning_states import REGISTERED, Series, State, build_series
from scenarios.pinning_walls import wall_points, wall_rows


def pooled(
    states: Sequence[State], *, settings: ScoringSettings, search: SiteSettings
) -> tuple[list[Mapping[str, Any]], xr.Dataset]:
    """Look at all states of one method together.

    Parameters
    ----------
    states : sequence of State
        In the order in which they were measured, of the film with sites and of the damaged one.
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
    damaged = [state for state in states if state.damaged]
    pinned = [state for state in states if not state.damaged]
    if len(pinned) < search.minimum_states:
        raise ValueError(
            f"states with sites that are reconstructed: {len(pinned)}; allowed: from sites.minimum_states, "
            f"{search.minimum_states}"
        )
    series = build_series(pinned, settings)
    walls = wall_points(series)
    sites = find_sites(series, search)
    true = true_sites(pinned[0], series, search)
    rows = [*site_rows(sites, true, search), *wall_rows(walls), _shift_row(series)]
    parts = {**_images(series), **_listed(sites, "found"), **_listed(true, "true"), **_listed(walls, "wall")}
    if damaged:
        damage_rows, damage = damage_parts(damaged, settings)
        rows, parts = [*rows, *damage_rows], {**parts, **damage}
    attributes = {"record": "pooled", "schema": 1, "pixel_size": series.frame.pixel_size, "states": list(series.names)}
    return [asdict(row) for row in rows], xr.Dataset(parts, attrs=attributes)


def _shift_row(series: Series) -> MetricValue:
    largest = float(series.shift_errors.max())
    return MetricValue(metric="states.shift_error", value=largest, unit="m", direction="lower", gauge=REGISTERED)


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
