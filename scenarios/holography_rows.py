"""Rows of a scorecard: those of any imaging experiment, and some of holography's own.

- `MetricValue`: one number;
- `correlate`: the correlation curve of two images; `resolution_rows`, `period_rows`: of a curve, of one crossing;
- `agreement_rows`: whether half sets claim what the truth confirms;
- `state_rows`, `coherence_rows`: coherence and focus beside the truth's;
- `flag_rows`: what a method distrusts of itself.
"""

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.scoring_settings import ScoringSettings

SHIFT = "shift"
"""Gauge of the headline rows."""

# Row suffix of each criterion; the headline has none.
_CRITERIA = {"1-bit": "", "half-bit": ".half_bit", "1/7": ".1/7", "0.5": ".0.5"}


@dataclass(frozen=True, kw_only=True)
class MetricValue:
    """One row of a scorecard, without what the runner knows of the cell."""

    metric: str
    value: float
    unit: str = "1"
    uncertainty: float | None = None
    direction: str = "none"
    criterion: str = ""
    gauge: str = ""


class Scored(Protocol):
    """The window in which images are compared."""

    @property
    def pixel_size(self) -> float:
        """Metres."""

    @property
    def soft(self) -> NDArray[np.float64]:
        """Where is scored, with a soft edge."""


def correlate(first: NDArray[Any], second: NDArray[Any], frame: Scored) -> validation.CorrelationCurve:
    """Correlate two images in the frame; one without contrast, as a blank control has, gets rows that are NaN."""
    if all(validation.varies(image, mask=frame.soft) for image in (first, second)):
        return validation.fourier_ring_correlation(first, second, pixel_size=frame.pixel_size, mask=frame.soft)
    return validation.blank_correlation(first.shape, pixel_size=frame.pixel_size, mask=frame.soft)


def agreement_rows(found: validation.Agreement, level: float, *, gauge: str = "") -> list[MetricValue]:
    """Return the flag that half sets and truth differ by more than `level`, and the difference."""
    criterion = f"halves at the 1-bit curve T, truth at sqrt(2 T/(1 + T)): above {level:.0%}"
    return [
        MetricValue(metric="flag.halves_disagree", value=float(not found.agrees), criterion=criterion, gauge=gauge),
        MetricValue(metric="flag_value.halves_disagree", value=found.difference, gauge=gauge),
    ]


def resolution_rows(
    curve: validation.CorrelationCurve,
    name: str,
    settings: ScoringSettings,
    rng: np.random.Generator,
    *,
    suffix: str = "",
    gauge: str = SHIFT,
) -> list[MetricValue]:
    """Return the rows of one correlation curve: both periods at the headline threshold, half periods at the others."""
    rows: list[MetricValue] = []
    for criterion, ending in _CRITERIA.items():
        found = validation.resolution(curve, criterion=criterion, draws=settings.draws, rng=rng)
        both = period_rows(name, found, suffix, gauge, ending=ending)
        rows += both if not ending else both[:1]
    return rows


def period_rows(
    name: str, found: validation.Resolution, suffix: str, gauge: str, *, ending: str = ""
) -> list[MetricValue]:
    """Return the rows of half and full period of one crossing."""
    sets = "" if name == "prtf" else f", {found.data_set} sets, n {found.n_convention}"
    criterion = found.criterion + sets + ("" if found.crossed else "; limited by sampling")
    error = found.uncertainty if found.crossed and math.isfinite(found.uncertainty) else None
    return [
        MetricValue(
            metric=f"{name}.{period}{ending}{suffix}",
            value=value,
            unit="m",
            uncertainty=None if error is None else error * factor,
            direction="lower",
            criterion=criterion,
            gauge=gauge,
        )
        for period, value, factor in (("half_period", found.half_period, 1), ("full_period", found.full_period, 2))
    ]


def state_rows(reconstruction: xr.Dataset, truth: xr.Dataset) -> list[MetricValue]:
    """Return the rows of visibility, focus and coherence length beside the truth's."""
    rows = []
    for name, unit in (("visibility", "1"), ("focus", "m")):
        if name in reconstruction and math.isfinite(float(reconstruction[name])):
            found = float(reconstruction[name])
            rows.append(MetricValue(metric=name, value=found, unit=unit, direction="match", gauge="from the data"))
            rows.append(MetricValue(metric=f"{name}.truth", value=float(truth[name]), unit=unit))
    if "coherence_length" in reconstruction and np.all(np.isfinite(reconstruction["coherence_length"].values)):
        rows += coherence_rows(reconstruction, suffix="", direction="match")
        rows += coherence_rows(truth, suffix=".truth", direction="none")
    return rows


def coherence_rows(record: xr.Dataset, *, suffix: str, direction: str) -> list[MetricValue]:
    """Return the rows of a record's coherence length: the mean of the axes, and each."""
    y, x = (float(v) for v in record["coherence_length"].values)
    return [
        MetricValue(metric=f"coherence_length{axis}{suffix}", value=value, unit="m", direction=direction)
        for axis, value in (("", (x + y) / 2), (".x", x), (".y", y))
    ]


def flag_rows(reconstruction: xr.Dataset) -> list[MetricValue]:
    """Return a row for each flag of a reconstruction, and one for the number behind it."""
    if "flag" not in reconstruction:
        return []
    rows = []
    for name in (str(n) for n in reconstruction["flag_name"].values):
        one = reconstruction.sel(flag_name=name)
        rows.append(MetricValue(metric=f"flag.{name}", value=float(one["flag"])))
        if "flag_value" in one:
            rows.append(MetricValue(metric=f"flag_value.{name}", value=float(one["flag_value"])))
    return rows
