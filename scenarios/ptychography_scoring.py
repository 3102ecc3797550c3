"""Score one ptychographic reconstruction against its truth.

- `score`: rows and a data set of everything that a report shows; `score_truth`: the rows of the method ``truth``.

The gauge of the headline rows is found without the truth, but for ONE rigid shift and a phase: a method knows the power
of its probe from the mean frame only, so the truth is given that scale. Rows that end in ``.fitted`` have the best
scale and phase ramp removed too.

========================================  ====  =========  =============================================================
metric                                    unit  direction  what
========================================  ====  =========  =============================================================
``nrmse``                                 1     lower      error of the object of the first helicity
``frc_truth.half_period``, ...            m     lower      ring correlation of that object with the truth, 1-bit curve
``frc_halves.half_period``, ...           m     lower      the same between odd and even frames, without the truth
``shift``                                 m     lower      modulus of the rigid shift of the object
``probe_nrmse``                           1     lower      error of the probe, mixing of its modes free
``mode_power.N``, ``.truth``              1     match      share of the N-th orthogonal mode
``position_error``, ``.residual``         m     lower      rms distance of the positions; without the affine part
``position_error.nominal``                m     none       the same of the positions that the method was given
``flux_error``                            1     lower      rms relative error of the flux of the frames
``faults.precision``, ``.recall``         1     higher     corrupt frames found, both helicities
``faults.false``                          1     lower      share of good frames left out
``magnetic.nrmse``                        1     lower      error of the magnetic image
``magnetic.frc_truth.half_period``, ...   m     lower      its ring correlation with the truth
``magnetic.contrast``, ``.correlation``   1     match      slope on the truth; Pearson's
``flag.NAME``, ``flag_value.NAME``        1     none       what a method distrusts of itself, and the number behind it
========================================  ====  =========  =============================================================

What a reconstruction does not hold gives no row, nor do faults where there are none.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.holography_rows import MetricValue, agreement_rows, correlate, flag_rows, resolution_rows
from scenarios.ptychography_frame import FITTED, HEADLINE, Frame, build_frame, power_gauge
from scenarios.ptychography_pictures import Curves, pictures
from scenarios.scoring_settings import ScoringSettings

Array = NDArray[Any]

_ROUNDING = 1e-14  # m
_GAUGE = "phase, power from the mean frame, shift"


def score(
    reconstruction: xr.Dataset,
    truth: xr.Dataset,
    measurement: xr.Dataset,
    *,
    photons: float,
    halves: tuple[xr.Dataset, xr.Dataset] | None = None,
    rng: np.random.Generator,
    settings: ScoringSettings | None = None,
) -> tuple[list[MetricValue], xr.Dataset]:
    """Score a reconstruction.

    Parameters
    ----------
    reconstruction, truth, measurement : Dataset
        The records; the frames of the measurement are not read.
    photons : float
        Mean sum of a detected frame: what an experimenter's probe power is.
    halves : tuple of Dataset, optional
        Reconstructions of the even and the odd frames.
    rng : numpy.random.Generator
        For the intervals.
    settings : ScoringSettings, optional

    Returns
    -------
    list of MetricValue
        See the module's table.
    Dataset
        The record ``scored``; attribute ``metrics`` repeats the values (JSON).

    Raises
    ------
    ValueError
        If the grids differ or the scan is too small for the margin.
    """
    chosen = settings or ScoringSettings()
    frame = build_frame(truth, chosen)
    factor = power_gauge(truth, photons=photons)
    wanted = factor * frame.window(truth["object"][0]).astype(np.complex128)
    found = frame.window(reconstruction["object"][0]).astype(np.complex128)
    headline = frame.align(found, wanted, HEADLINE)
    rows, curve = _object_rows(frame, headline, wanted, chosen, rng, suffix="", gauge=_GAUGE)
    fitted = frame.align(found, wanted, FITTED)
    rows += _object_rows(
        frame, fitted, wanted, chosen, rng, suffix=".fitted", gauge="truth-fitted: " + ", ".join(FITTED)
    )[0]
    curves = Curves(truth=curve)
    if halves is not None:
        half_curve = _halves_curve(frame, halves)
        rows += resolution_rows(
            half_curve, "frc_halves", chosen, rng, gauge="shift, ramp, phase, scale of one half to the other"
        )
        rows += _agreement(half_curve, curve, chosen)
        curves = replace(curves, halves=half_curve)
    rows += _probe_rows(reconstruction, truth, factor, headline)
    rows += _position_rows(reconstruction, truth, measurement)
    rows += _fault_rows(reconstruction, truth)
    magnetic = _magnetic(frame, reconstruction, truth, headline)
    if magnetic is not None:
        magnetic_rows, magnetic_curve = _magnetic_rows(frame, *magnetic, chosen, rng)
        rows += magnetic_rows
        curves = replace(curves, magnetic=magnetic_curve)
    rows += flag_rows(reconstruction)
    scored = pictures(frame, headline.image, wanted, magnetic, curves, reconstruction, truth, measurement, factor)
    scored.attrs["metrics"] = json.dumps({row.metric: row.value for row in rows if math.isfinite(row.value)})
    return rows, scored


def score_truth(truth: xr.Dataset) -> list[MetricValue]:
    """Return the truth's own rows: shares of the probe's modes, share of corrupt frames, spread of the flux."""
    powers = validation.mode_powers(_probe(truth))
    rows = [MetricValue(metric=f"mode_power.{index + 1}", value=float(share)) for index, share in enumerate(powers)]
    faults = float(np.mean(truth["fault"].values != 0))
    return [*rows, MetricValue(metric="faults.share", value=faults)]


def _object_rows(
    frame: Frame,
    found: validation.Registration,
    wanted: Array,
    settings: ScoringSettings,
    rng: np.random.Generator,
    *,
    suffix: str,
    gauge: str,
) -> tuple[list[MetricValue], validation.CorrelationCurve]:
    error = validation.complex_error(found.image, wanted, mask=frame.mask, gauge=("phase",))
    curve = correlate(found.image, wanted, frame)
    shift = frame.pixel_size * math.hypot(*found.shift)
    rows = [
        MetricValue(metric=f"nrmse{suffix}", value=error, direction="lower", gauge=gauge),
        *resolution_rows(curve, "frc_truth", settings, rng, suffix=suffix, gauge=gauge),
        MetricValue(metric=f"shift{suffix}", value=shift, unit="m", direction="lower", gauge="coordinates of the scan"),
    ]
    return rows, curve


def _halves_curve(frame: Frame, halves: tuple[xr.Dataset, xr.Dataset]) -> validation.CorrelationCurve:
    first, second = (frame.window(half["object"][0]).astype(np.complex128) for half in halves)
    if all(validation.varies(image, mask=frame.soft) for image in (first, second)):
        second = frame.align(second, first, FITTED).image
    return correlate(first, second, frame)


def _agreement(
    halves: validation.CorrelationCurve, truth: validation.CorrelationCurve, settings: ScoringSettings
) -> list[MetricValue]:
    found = validation.halves_against_truth(halves, truth, criterion="1-bit", level=settings.halves_disagree)
    return agreement_rows(found, settings.halves_disagree)


def _probe(record: xr.Dataset) -> Array:
    """Return the modes (mode, y, x) of a record's probe, those of the first helicity where each has its own."""
    probe = record["probe"].values
    return np.asarray(probe[0] if probe.ndim == 4 else probe)


def _probe_rows(
    reconstruction: xr.Dataset, truth: xr.Dataset, factor: float, registration: validation.Registration
) -> list[MetricValue]:
    if "probe" not in reconstruction:
        return []
    found, true = _probe(reconstruction), _probe(truth) / factor
    error = validation.probe_error(found, true, shift=registration.shift)
    rows = [MetricValue(metric="probe_nrmse", value=error, direction="lower", gauge=f"{_GAUGE}, mixing of the modes")]
    powers, shares = validation.mode_powers(found), validation.mode_powers(true)
    for index in range(len(powers) if len(powers) > 1 else 0):
        rows.append(MetricValue(metric=f"mode_power.{index + 1}", value=float(powers[index]), direction="match"))
        share = float(shares[index]) if index < len(shares) else 0.0
        rows.append(MetricValue(metric=f"mode_power.{index + 1}.truth", value=share))
    return rows


def _position_rows(reconstruction: xr.Dataset, truth: xr.Dataset, measurement: xr.Dataset) -> list[MetricValue]:
    if "position_y" not in reconstruction:
        return []
    good = truth["fault"].values == 0
    if "corrupt" in reconstruction:
        good &= reconstruction["corrupt"].values == 0
    if not good.any(1).all():
        return []
    found, nominal = (
        [validation.position_error(_places(record, h), _places(truth, h), used=good[h]) for h in range(len(good))]
        for record in (reconstruction, measurement)
    )
    rms, rest, given = (
        math.sqrt(float(np.mean(np.square(values))))
        for values in ([e.rms for e in found], [e.residual for e in found], [e.rms for e in nominal])
    )
    rows = [
        ("position_error", rms, "lower", "common shift removed"),
        ("position_error.residual", rest, "lower", "common affine map removed"),
        ("position_error.nominal", given, "none", "common shift removed"),
    ]
    if "flux" in reconstruction:
        found_flux, true_flux = (
            np.stack([record["flux"].values[h] / record["flux"].values[h][good[h]].mean() for h in range(len(good))])
            for record in (reconstruction, truth)
        )
        away = float(np.sqrt(np.mean((found_flux[good] / true_flux[good] - 1) ** 2)))
        rows.append(("flux_error", away, "lower", "mean removed"))
    # Positions that nobody touched differ by rounding.
    rows = [(name, value if value > _ROUNDING else 0.0, way, gauge) for name, value, way, gauge in rows]
    return [
        MetricValue(metric=name, value=value, unit="1" if name == "flux_error" else "m", direction=way, gauge=gauge)
        for name, value, way, gauge in rows
    ]


def _places(record: xr.Dataset, helicity: int) -> Array:
    return np.stack([record["position_y"].values[helicity], record["position_x"].values[helicity]], axis=1)


def _fault_rows(reconstruction: xr.Dataset, truth: xr.Dataset) -> list[MetricValue]:
    if "corrupt" not in reconstruction:
        return []
    found = validation.detection(reconstruction["corrupt"].values, truth["fault"].values)
    if not found.true and not found.found:
        return []
    rows = [
        ("precision", found.precision, "higher"),
        ("recall", found.recall, "higher"),
        ("false", found.false_share, "lower"),
    ]
    return [MetricValue(metric=f"faults.{name}", value=value, direction=way) for name, value, way in rows]


def _magnetic(
    frame: Frame, reconstruction: xr.Dataset, truth: xr.Dataset, registration: validation.Registration
) -> tuple[Array, Array] | None:
    """Return the magnetic image, moved as its object was, and the truth's; None where either has none."""
    if "magnetic" not in reconstruction or "magnetic" not in truth:
        return None
    shift = validation.Registration(registration.image, shift=registration.shift)
    found = validation.apply_registration(frame.window(reconstruction["magnetic"]).astype(np.float64), shift)
    return found, frame.window(truth["magnetic"]).astype(np.float64)


def _magnetic_rows(
    frame: Frame, found: Array, true: Array, settings: ScoringSettings, rng: np.random.Generator
) -> tuple[list[MetricValue], validation.CorrelationCurve]:
    curve = correlate(found, true, frame)
    rows = resolution_rows(curve, "magnetic.frc_truth", settings, rng, gauge="shift of the object")
    if not np.ptp(true[frame.mask]) > 0:
        return rows, curve
    line = validation.contrast_and_offset(found, true, mask=frame.mask)
    values = [
        ("nrmse", validation.complex_error(found, true, mask=frame.mask, gauge=()), None, "lower"),
        ("contrast", line.contrast, line.contrast_error, "match"),
        ("offset", line.offset, line.offset_error, "match"),
        ("correlation", validation.correlation(found, true, mask=frame.mask), None, "higher"),
    ]
    more = [
        MetricValue(
            metric=f"magnetic.{name}", value=value, uncertainty=error, direction=way, gauge="shift of the object"
        )
        for name, value, error, way in values
    ]
    return rows + more, curve


def found_metrics(rows: Sequence[MetricValue]) -> dict[str, float]:
    """Return the values of rows by metric."""
    return {row.metric: row.value for row in rows}
