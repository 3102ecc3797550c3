"""Walls in a series of states: delta along each, beside that of the truth.

What an experimenter knows of the instrument is undone: the band of the detector, and the thickness of the film, which
alone widens walls by a percent. The truth has been through the band only.

- `wall_points`: all points of wall of all states; `wall_rows`: how far delta is off, and whether its errors hold.
"""

import math

import numpy as np
import xarray as xr
from scipy.spatial import cKDTree

import validation
from scenarios.holography_rows import MetricValue
from scenarios.pinning_states import REGISTERED, Series
from validation import Combined, HardCutoff, ThickFilm

_MATCHED = 3.0  # px, between a point of wall and the truth's


def wall_points(series: Series) -> xr.Dataset:
    """Return delta along the walls of all states, in the image and, where its own wall is near, in the truth."""
    parts = []
    pixel = series.frame.pixel_size
    band = HardCutoff(2 * pixel)
    whole = Combined((band, ThickFilm(series.thickness, series.frame.wavelength))) if series.thickness > 0 else band
    for number, pair in enumerate(zip(series.images, series.truths, strict=True)):
        own, real = (
            validation.wall_width_map(each, pixel_size=pixel, mask=series.mask, transfer=transfer)
            for each, transfer in zip(pair, (whole, band), strict=True)
        )
        points, places = (np.stack([each["y"].values, each["x"].values], axis=1) for each in (own, real))
        true_delta = np.full(len(points), np.nan)
        if len(points) and len(places):
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


def wall_rows(walls: xr.Dataset) -> list[MetricValue]:
    """Compare delta along the walls with the truth's, wherever a wall of the truth is near.

    Undetermined widths count too, as the criterion says: narrow walls are flagged before wide ones are, so that what is
    left without them is too wide. Where a width has no error its interval holds nothing.
    """
    compared = np.isfinite(walls["truth"].values)
    delta, error, truth = (walls[name].values[compared] for name in ("delta", "delta_error", "truth"))
    off = np.abs(delta - truth)
    count = int(compared.sum())
    flagged = int(walls["ill_conditioned"].values[compared].sum())
    criterion = f"{count} points of wall, {flagged} of them undetermined, band and film undone"
    median = float(np.median(off / truth)) if count else math.nan
    covered = float(np.mean(off <= error)) if count else math.nan
    return [
        MetricValue(
            metric="walls.median_error", value=median, direction="lower", criterion=criterion, gauge=REGISTERED
        ),
        MetricValue(metric="walls.coverage", value=covered, criterion=f"68 % intervals, {criterion}", gauge=REGISTERED),
    ]
