"""Score one holographic reconstruction against its truth.

- `score`: rows and a data set of everything that a report shows;
- `score_truth`: the rows of the method ``truth``;
- `MetricValue`: one number; `ScoringSettings`: margins and draws.

The gauge of the headline rows is found without the truth, but for ONE rigid shift; the scale is never removed. Rows
that end in ``.fitted`` use the truth for the focus too (wave error: for phase, scale, ramp and focus): upper bounds.

======================================  ======  =========  ============================================================
metric                                  unit    direction  what
======================================  ======  =========  ============================================================
``frc_truth.half_period``               m       lower      ring correlation of m_z with the truth, 1-bit curve of half
                                                           sets; ``.half_bit``, ``.1/7``, ``.0.5`` appended: the others
``frc_truth.full_period``               m       lower      the same as a full period
``frc_halves.half_period``, ...         m       lower      the same between two half data sets, without the truth
``prtf.half_period``, ``.full_period``  m       lower      phase retrieval transfer function of random starts at 1/e
``wall_width``                          m       match      delta of the mean wall profile, the image's own contours
``wall_width.truth``                    m       none       the same estimator on the truth
``wall_width.ceiling``                  m       none       the same on the truth through band and film thickness
``contrast``, ``offset``                1       match      regression of m_z on the truth; 1 and 0 are right
``correlation``                         1       higher     Pearson's, with the truth
``nrmse``                               1       lower      error of the wave of helicity +; gauge: phase, flux, shift
``visibility``, ``visibility.truth``    1       match      modulus of coherence at the reference distance
``coherence_length``, ``.x``, ``.y``    m       match      Gaussian-Schell length, mean of the axes and each; ``.truth``
``focus``, ``focus.truth``              m       match      from the mask's exit to the film
``focus_error``                         m       match      ``focus`` less ``focus.fitted``; a result's plane is free
``*.second_helicity_converged``         as *    as *       image rows had helicity - been iterated to a stop rule
``heterodyne_gain``, ``.truth``         1       none       gain of the references at the edge of the detector
``flag.NAME``, ``flag_value.NAME``      1       none       0 or 1, and the number behind it
``frc_truth.half_period.of_halves``     m       lower      the truth read where independent halves would cross
``flag.halves_disagree``                1       none       that and ``frc_halves.half_period`` differ by more than 15 %
======================================  ======  =========  ============================================================

What a reconstruction does not hold (an exit wave, a coherence) gives no row.
"""

import json
import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

import validation
from numerics import fourier
from optics.units import wavelength
from scenarios.holography_frame import FittedFrame, Frame, ScoringSettings, build_frame, fit_frame
from scenarios.holography_pictures import Curves, pictures
from scenarios.holography_rows import (
    SHIFT,
    MetricValue,
    agreement_rows,
    coherence_rows,
    correlate,
    flag_rows,
    period_rows,
    resolution_rows,
    state_rows,
)

__all__ = ["MetricValue", "ScoringSettings", "score", "score_truth"]

Floats = NDArray[np.float64]


def score(
    reconstruction: xr.Dataset,
    truth: xr.Dataset,
    measurement: xr.Dataset,
    *,
    halves: tuple[xr.Dataset, xr.Dataset] | None = None,
    random_starts: Sequence[xr.Dataset] | None = None,
    rng: np.random.Generator,
    settings: ScoringSettings | None = None,
) -> tuple[list[MetricValue], xr.Dataset]:
    """Score a reconstruction.

    Parameters
    ----------
    reconstruction, truth, measurement : Dataset
        The records.
    halves : tuple of Dataset, optional
        Reconstructions of the even and the odd exposures.
    random_starts : sequence of Dataset, optional
        Reconstructions from random starts, better at least 20; must hold exit waves.
    rng : numpy.random.Generator
        For the intervals.
    settings : ScoringSettings, optional

    Returns
    -------
    list of MetricValue
        See the module's table.
    Dataset
        The record ``scored``: registered images, curves, profiles; attribute ``metrics`` repeats the values (JSON).

    Raises
    ------
    ValueError
        If the grids differ or the hole is too small for the margin.
    """
    chosen = settings or ScoringSettings()
    frame = build_frame(reconstruction, truth, chosen)
    strength = float(measurement["polarization"]) * float(measurement["beta_m_t"])
    thickness = float(measurement["film_thickness"])
    rows, curves = _image_rows(frame, frame.image, chosen, rng, suffix="", gauge=SHIFT)
    rows += _wall_truth_rows(frame, thickness)
    if halves is not None:
        curve = _halves_curve(frame, halves, chosen)
        rows += resolution_rows(curve, "frc_halves", chosen, rng, gauge="shift of one half to the other")
        rows += _agreement(curve, curves.truth, chosen)
        curves = curves.with_halves(curve)
    if random_starts:
        transfer = _transfer(random_starts, float(reconstruction["pixel_size"]))
        rows += period_rows("prtf", validation.transfer_resolution(transfer), "", "twin, ramp, shift, phase to a start")
        curves = curves.with_transfer(transfer)
    rows += state_rows(reconstruction, truth)
    if "m_z_converged" in reconstruction:
        patient = build_frame(reconstruction.assign(m_z=reconstruction["m_z_converged"]), truth, chosen)
        rows += _image_rows(patient, patient.image, chosen, rng, suffix=".second_helicity_converged", gauge=SHIFT)[0]
    if "exit_wave" in reconstruction:
        rows += _wave_rows(frame, reconstruction, truth)
        fitted = fit_frame(frame, reconstruction, truth, strength=strength, settings=chosen)
        rows += _fitted_rows(fitted, truth, chosen, rng) if fitted else []
        if fitted is not None and "focus" in reconstruction:
            away = float(reconstruction["focus"]) - fitted.focus
            rows.append(
                MetricValue(metric="focus_error", value=away, unit="m", direction="match", gauge="truth-fitted")
            )
        curves = curves.with_heterodyne(_heterodyne(reconstruction), _truth_heterodyne(truth, like=reconstruction))
        rows += _gain_rows(curves)
    rows += flag_rows(reconstruction)
    scored = pictures(frame, curves, reconstruction, truth)
    scored.attrs["metrics"] = json.dumps({row.metric: row.value for row in rows if math.isfinite(row.value)})
    scored.attrs["score_margin"] = chosen.margin
    return rows, scored


def score_truth(
    truth: xr.Dataset, measurement: xr.Dataset, *, settings: ScoringSettings | None = None
) -> list[MetricValue]:
    """Return the truth's own rows: wall width by the estimator of every row, visibility, coherence, focus, gain."""
    ideal = xr.Dataset(
        {
            "m_z": truth["m_z"],
            "object_support": truth["visible"] > 0.5,
            "pixel_size": float(truth["x"][1] - truth["x"][0]),
            "wavelength": wavelength(float(measurement["energy"])),
        }
    )
    frame = build_frame(ideal, truth, settings or ScoringSettings())
    width = _wall(frame.truth, frame)
    gain = validation.edge_gain(_truth_heterodyne(truth))
    rows = [
        MetricValue(metric="wall_width", value=width.delta, unit="m", uncertainty=width.error),
        MetricValue(metric="focus", value=float(truth["focus"]), unit="m"),
        MetricValue(metric="visibility", value=float(truth["visibility"])),
        MetricValue(metric="heterodyne_gain", value=gain),
    ]
    return rows + coherence_rows(truth, suffix="", direction="none")


def _image_rows(
    frame: Frame, image: Floats, settings: ScoringSettings, rng: np.random.Generator, *, suffix: str, gauge: str
) -> tuple[list[MetricValue], Curves]:
    """Score an m_z in the truth's frame: resolution, walls, contrast, correlation."""
    curve = correlate(image, frame.truth, frame)
    rows = resolution_rows(curve, "frc_truth", settings, rng, suffix=suffix, gauge=gauge)
    width = _wall(image, frame)
    line = validation.ContrastFit(math.nan, math.nan, math.nan, math.nan)
    if np.ptp(frame.truth[frame.mask]) > 0:
        line = validation.contrast_and_offset(image, frame.truth, mask=frame.mask)
    match = validation.correlation(image, frame.truth, mask=frame.mask)
    for metric, value, unit, error, direction in (
        ("wall_width", width.delta, "m", width.error, "match"),
        ("contrast", line.contrast, "1", line.contrast_error, "match"),
        ("offset", line.offset, "1", line.offset_error, "match"),
        ("correlation", match, "1", None, "higher"),
    ):
        criterion = "tanh, mean profile, own contours" if metric == "wall_width" else ""
        rows.append(
            MetricValue(
                metric=metric + suffix,
                value=value,
                unit=unit,
                uncertainty=error,
                direction=direction,
                criterion=criterion,
                gauge=gauge,
            )
        )
    return rows, Curves(curve, width, _wall(frame.truth, frame))


def _wall(image: Floats, frame: Frame) -> validation.MeanWallWidth:
    return validation.mean_wall_width(image, pixel_size=frame.pixel_size, mask=frame.mask)


def _wall_truth_rows(frame: Frame, thickness: float) -> list[MetricValue]:
    ceiling = validation.ceiling_image(
        frame.truth, pixel_size=frame.pixel_size, wavelength=frame.wavelength, thickness=thickness
    )
    widths = (("truth", _wall(frame.truth, frame), ""), ("ceiling", _wall(ceiling, frame), "band and film thickness"))
    return [
        MetricValue(metric=f"wall_width.{name}", value=w.delta, unit="m", uncertainty=w.error, criterion=criterion)
        for name, w, criterion in widths
    ]


def _halves_curve(
    frame: Frame, halves: tuple[xr.Dataset, xr.Dataset], settings: ScoringSettings
) -> validation.CorrelationCurve:
    first, second = (frame.bring_image(h["m_z"].values, h["object_support"].values, settings) for h in halves)
    if np.ptp(first) > 0 and np.ptp(second) > 0:
        second = validation.register(second, first, gauge=("shift",), mask=frame.soft, bound=5.0).image
    return correlate(first, second, frame)


def _agreement(
    halves: validation.CorrelationCurve, truth: validation.CorrelationCurve, settings: ScoringSettings
) -> list[MetricValue]:
    """Compare the resolution that the halves claim with that against the truth, each read at its own threshold."""
    found = validation.halves_against_truth(halves, truth, criterion="1-bit", level=settings.halves_disagree)
    return [
        *agreement_rows(found, settings.halves_disagree, gauge=SHIFT),
        MetricValue(
            metric="frc_truth.half_period.of_halves",
            value=found.truth.half_period,
            unit="m",
            direction="lower",
            criterion="truth at sqrt(2 T/(1 + T)), T the 1-bit curve: what independent halves would show",
            gauge=SHIFT,
        ),
    ]


def _transfer(starts: Sequence[xr.Dataset], pixel_size: float) -> validation.TransferCurve:
    """Compare random starts with their own modulus; the measured one is blurred where coherence is partial."""
    waves = [start["exit_wave"].values[0] for start in starts]
    power = np.mean([np.abs(fourier.centred_fft2(wave)) ** 2 for wave in waves], axis=0)
    return validation.phase_retrieval_transfer_function(waves, np.sqrt(power), pixel_size=pixel_size)


def _wave_rows(frame: Frame, reconstruction: xr.Dataset, truth: xr.Dataset) -> list[MetricValue]:
    wave = frame.bring(reconstruction["exit_wave"].values[0])
    expected = frame.truth_window(truth["exit_wave"].values[0]).astype(np.complex128)
    mask = frame.support.astype(np.float64)
    # The incident flux is unknown, so the modulus of a wave is free; that of m_z is not, and is never touched.
    error = validation.complex_error(wave, expected, mask=mask, gauge=("phase", "scale"))
    return [MetricValue(metric="nrmse", value=error, direction="lower", gauge="phase, incident flux, shift")]


def _fitted_rows(
    fitted: FittedFrame, truth: xr.Dataset, settings: ScoringSettings, rng: np.random.Generator
) -> list[MetricValue]:
    frame, gauge = fitted.frame, "truth-fitted: " + ", ".join(fitted.wave.removed)
    rows, _ = _image_rows(frame, frame.image, settings, rng, suffix=".fitted", gauge=gauge)
    expected = frame.truth_window(truth["exit_wave"].values[0])
    error = validation.complex_error(fitted.wave.image, expected, mask=frame.support, gauge=("phase", "scale"))
    return [
        *rows,
        MetricValue(metric="nrmse.fitted", value=error, direction="lower", gauge=gauge),
        MetricValue(metric="focus.fitted", value=fitted.focus, unit="m", gauge=gauge),
    ]


def _heterodyne(reconstruction: xr.Dataset) -> xr.Dataset:
    plus, minus = reconstruction["exit_wave"].values
    # Wide enough to cut no light of the object: an edge of our own would look like scattering to high q.
    support = ndimage.binary_dilation(reconstruction["object_support"].values, iterations=12)
    return validation.heterodyne_curves(plus, minus, support, pixel_size=float(reconstruction["pixel_size"]), maps=True)


def _truth_heterodyne(truth: xr.Dataset, *, like: xr.Dataset | None = None) -> xr.Dataset:
    """Return the truth's terms; its waves have no flux of their own and get that of the reconstruction `like`."""
    waves = truth["exit_wave"].values
    if like is not None:
        waves = waves * np.sqrt(_flux(like["exit_wave"].values) / _flux(waves))
    plus, minus = waves
    pixel = float(truth["x"][1] - truth["x"][0])
    return validation.heterodyne_curves(plus, minus, ~truth["reference_part"].values, pixel_size=pixel)


def _flux(waves: NDArray[np.complex64]) -> float:
    return float(np.sum(np.abs(waves) ** 2, dtype=np.float64))


def _gain_rows(curves: Curves) -> list[MetricValue]:
    pairs = (("heterodyne_gain", curves.heterodyne), ("heterodyne_gain.truth", curves.heterodyne_truth))
    return [MetricValue(metric=name, value=validation.edge_gain(curve)) for name, curve in pairs if curve is not None]
