"""Scores of ptychographic reconstructions whose error is known."""

import math
from typing import Any

import numpy as np
import pytest
import xarray as xr

from numerics import fourier
from records import ptychography_reconstruction, ptychography_truth
from scenarios import ptychography_scoring
from scenarios.scoring_settings import ScoringSettings
from tests.ptychography_problem import PIXEL, annular_probe, textured_object

SIZE, N = 192, 64
PHOTONS = 1e5


@pytest.fixture(scope="module")
def truth() -> xr.Dataset:
    rng = np.random.default_rng(3)
    charge = textured_object(SIZE, rng)
    magnetic = 0.05 * np.sign(np.real(np.log(textured_object(SIZE, rng))) + 0.22)
    axis = (np.arange(SIZE) - SIZE // 2) * PIXEL
    places = PIXEL * (rng.uniform(-60, 60, (2, 49, 2)))
    fault = np.zeros((2, 49), int)
    fault[0, [3, 30]], fault[1, 7] = 1, 2
    return ptychography_truth.make(
        object_=np.stack([charge * np.exp(-magnetic / 2), charge * np.exp(magnetic / 2)]),
        probe=np.sqrt(PHOTONS) * annular_probe(N, 2e-6)[None],
        coordinates=(axis, axis),
        frames={
            "position_y": places[..., 0],
            "position_x": places[..., 1],
            "flux": np.ones((2, 49)),
            "fault": fault,
        },
        images={},
        notes={"setup": {}, "fault_kinds": {"1": "band", "2": "jump"}},
    )


def _reconstruction(truth: xr.Dataset, **changes: Any) -> xr.Dataset:
    """Return the truth itself as a method that knows the power of the mean frame would give it, with changes."""
    factor = math.sqrt(PHOTONS / _photons())
    results = {
        "object": factor * truth["object"].values,
        "probe": np.repeat(truth["probe"].values[None] / factor, 2, axis=0),
        "pixel_size": PIXEL,
        "wavelength": 1.448e-9,
        "position_y": truth["position_y"].values,
        "position_x": truth["position_x"].values,
        "flux": truth["flux"].values,
        "corrupt": truth["fault"].values,
        "magnetic": truth["magnetic"].values,
    }
    coordinates = (truth["y"].values, truth["x"].values)
    return ptychography_reconstruction.make(method="test", results={**results, **changes}, coordinates=coordinates)


def _photons() -> float:
    return 0.66 * PHOTONS


def _scores(reconstruction: xr.Dataset, truth: xr.Dataset, **words: Any) -> dict[str, float]:
    nominal = truth[["position_y", "position_x"]]
    rows, scored = ptychography_scoring.score(
        reconstruction,
        truth,
        nominal,
        photons=_photons(),
        rng=np.random.default_rng(1),
        settings=ScoringSettings(draws=0),
        **words,
    )
    assert scored.attrs["record"] == "scored"
    return ptychography_scoring.found_metrics(rows)


def test_truth_scores_as_such(truth: xr.Dataset) -> None:
    found = _scores(_reconstruction(truth), truth)
    for name in ("nrmse", "nrmse.fitted", "probe_nrmse", "magnetic.nrmse", "flux_error"):
        assert found[name] < 1e-4, name
    assert found["shift"] < 1e-3 * PIXEL
    assert found["position_error"] < 1e-3 * PIXEL
    assert found["magnetic.contrast"] == pytest.approx(1, abs=1e-4)
    assert found["faults.precision"] == found["faults.recall"] == 1
    assert found["frc_truth.half_period"] == pytest.approx(PIXEL, rel=0.02)


def test_phase_is_free_and_scale_is_not(truth: xr.Dataset) -> None:
    good = _reconstruction(truth)
    found = _scores(good.assign(object=1.05 * np.exp(1j) * good["object"]), truth)
    assert found["nrmse"] == pytest.approx(0.05, abs=1e-3)
    assert found["nrmse.fitted"] < 1e-4


def test_shift_is_told_and_removed(truth: xr.Dataset) -> None:
    good = _reconstruction(truth)
    f = fourier.unshifted_frequencies(SIZE, 1.0)
    ramp = np.exp(-2j * np.pi * (0.6 * f[:, None] - 0.3 * f[None, :]))
    moved = fourier.ifft2(fourier.fft2(good["object"].values.astype(complex)) * ramp)
    found = _scores(good.assign(object=(good["object"].dims, moved)), truth)
    assert found["shift"] == pytest.approx(PIXEL * math.hypot(0.6, 0.3), rel=0.01)
    assert found["nrmse"] < 0.01


def test_coordinates_of_the_result_count(truth: xr.Dataset) -> None:
    good = _reconstruction(truth)
    grown = good.pad(y=(5, 2), x=(3, 9), constant_values=0)
    grown = grown.assign_coords(
        y=good["y"].values[0] + PIXEL * (np.arange(SIZE + 7) - 5),
        x=good["x"].values[0] + PIXEL * (np.arange(SIZE + 12) - 3),
    )
    assert _scores(grown, truth)["nrmse"] < 1e-4
    displaced = grown.assign_coords(y=grown["y"] + 0.4 * PIXEL)
    assert _scores(displaced, truth)["shift"] == pytest.approx(0.4 * PIXEL, rel=0.02)


def test_noise_is_seen_as_such(truth: xr.Dataset) -> None:
    good, rng = _reconstruction(truth), np.random.default_rng(8)
    noise = rng.standard_normal((2, 2, SIZE, SIZE))
    scale = 0.1 * np.sqrt(np.mean(np.abs(good["object"].values) ** 2) / 2)
    noisy = good["object"] + scale * (noise[0] + 1j * noise[1])
    found = _scores(good.assign(object=noisy), truth)
    assert found["nrmse"] == pytest.approx(0.1, rel=0.05)
    blurred = _scores(good.assign(object=noisy), truth, halves=(good.assign(object=noisy), good))
    assert blurred["frc_halves.half_period"] < 3 * PIXEL


def test_positions_and_faults_are_counted(truth: xr.Dataset) -> None:
    rng = np.random.default_rng(2)
    off = 0.5 * PIXEL * rng.standard_normal((2, 49))
    missed = truth["fault"].values.copy()
    missed[1, 7], missed[1, 8], missed[0, 0] = 0, 1, 1
    found = _scores(_reconstruction(truth, position_y=truth["position_y"].values + off, corrupt=missed), truth)
    assert found["position_error"] == pytest.approx(0.5 * PIXEL, rel=0.15)
    assert found["faults.precision"] == pytest.approx(2 / 4)
    assert found["faults.recall"] == pytest.approx(2 / 3)


def test_weak_contrast_is_not_hidden(truth: xr.Dataset) -> None:
    found = _scores(_reconstruction(truth, magnetic=0.8 * truth["magnetic"].values), truth)
    assert found["magnetic.contrast"] == pytest.approx(0.8, abs=1e-3)
    assert found["magnetic.nrmse"] == pytest.approx(0.2, abs=1e-3)


def test_margin_beyond_the_scan_is_refused(truth: xr.Dataset) -> None:
    with pytest.raises(ValueError, match=r"scoring\.margin is 4e-07 m"):
        ptychography_scoring.score(
            _reconstruction(truth),
            truth,
            truth,
            photons=_photons(),
            rng=np.random.default_rng(1),
            settings=ScoringSettings(margin=400e-9),
        )


def test_image_without_contrast_is_scored_as_it_is(truth: xr.Dataset) -> None:
    good = _reconstruction(truth)
    found = _scores(good.assign(object=xr.full_like(good["object"], 0.8)), truth)
    assert 0.3 < found["nrmse"] < 1
    assert math.isnan(found["frc_truth.half_period"])
