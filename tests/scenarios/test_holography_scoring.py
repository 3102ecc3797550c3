import math

import numpy as np
import pytest

from records import reconstruction as reconstruction_record
from records import store
from scenarios.holography_scoring import ScoringSettings, score, score_truth
from tests.scenarios.synthetic_holography import FOCUS, PIXEL, make_case, metrics, reconstruct


@pytest.fixture(scope="module")
def case():
    return make_case(seed=1)


def scored(case, reconstruction, **options):
    rows, dataset = score(reconstruction, case.truth, case.measurement, rng=np.random.default_rng(0), **options)
    return {row.metric: row for row in rows}, dataset


def test_a_perfect_reconstruction(case):
    rows, dataset = scored(case, reconstruct(case))
    value = {name: row.value for name, row in rows.items()}
    assert value["frc_truth.half_period"] == pytest.approx(PIXEL)
    assert value["frc_truth.full_period"] == pytest.approx(2 * PIXEL)
    assert value["contrast"] == pytest.approx(1, abs=0.005)
    assert value["offset"] == pytest.approx(0, abs=0.005)
    assert value["correlation"] > 0.999
    assert value["nrmse"] < 1e-3
    assert value["wall_width"] == pytest.approx(value["wall_width.truth"], rel=0.01)
    assert value["wall_width.truth"] == pytest.approx(5.1e-9, rel=0.01)
    assert value["wall_width.ceiling"] / value["wall_width.truth"] == pytest.approx(1.008, abs=0.003)
    assert value["visibility.truth"] == pytest.approx(0.9)
    assert value["coherence_length"] == pytest.approx(3.15e-6)
    assert value["coherence_length.x"] == pytest.approx(3.1e-6)
    assert value["coherence_length.y.truth"] == pytest.approx(3.3e-6)
    assert (value["focus"], value["focus.truth"]) == (pytest.approx(FOCUS), pytest.approx(FOCUS))
    assert value["heterodyne_gain"] > 1
    assert value["flag.missing_centre"] == 0
    assert value["flag_value.missing_centre"] == pytest.approx(1.1)
    assert metrics(dataset)["contrast"] == value["contrast"]


@pytest.mark.parametrize("shift", [(5, -7), (-9, 3)])
def test_a_rigid_shift_is_removed(case, shift):
    plain, _ = scored(case, reconstruct(case, noise=0.01))
    rows, dataset = scored(case, reconstruct(case, noise=0.01, shift=shift))
    assert np.add(dataset.attrs["shift"], np.multiply(shift, PIXEL)) == pytest.approx([0, 0], abs=0.05 * PIXEL)
    for name in ("frc_truth.half_period", "wall_width", "contrast", "nrmse"):
        assert rows[name].value == pytest.approx(plain[name].value, rel=0.02), name


def test_scale_is_never_removed(case):
    rows, _ = scored(case, reconstruct(case, scale=0.9))
    assert rows["contrast"].value == pytest.approx(0.9, abs=0.005)
    assert all("scale" not in row.gauge for name, row in rows.items() if not name.endswith(".fitted"))
    assert rows["frc_truth.half_period"].gauge == "shift"


def test_wrong_focus_costs_the_headline_and_not_the_fitted_rows(case):
    rows, _ = scored(case, reconstruct(case, defocus=200e-9))
    assert rows["frc_truth.half_period"].value > 10e-9
    assert rows["wall_width"].value > 7e-9
    assert rows["frc_truth.half_period.fitted"].value == pytest.approx(PIXEL)
    assert rows["wall_width.fitted"].value == pytest.approx(5.15e-9, rel=0.01)
    assert rows["contrast.fitted"].value == pytest.approx(1, abs=0.005)
    assert rows["focus.fitted"].value == pytest.approx(FOCUS, abs=2e-9)


def test_independent_halves_agree_with_the_truth_and_dependent_ones_do_not(case):
    noise = 0.015
    halves = tuple(reconstruct(case, noise=noise * math.sqrt(2), seed=seed) for seed in (5, 6))
    rows, dataset = scored(case, reconstruct(case, noise=noise, seed=7), halves=halves)
    assert rows["flag.halves_disagree"].value == 0
    assert rows["frc_halves.half_period"].value == pytest.approx(
        rows["frc_truth.half_period.of_halves"].value, rel=0.15
    )
    assert "frc_halves" in dataset
    shared = tuple(reconstruct(case, defocus=200e-9, noise=0.001, seed=seed) for seed in (5, 6))
    rows, _ = scored(case, reconstruct(case, defocus=200e-9), halves=shared)
    assert rows["frc_halves.half_period"].value < 6e-9
    assert rows["flag.halves_disagree"].value == 1


def test_random_starts_give_a_transfer_function(case):
    starts = [reconstruct(case, noise=0.01, seed=seed, phase=seed, shift=(seed % 3, 0)) for seed in range(4)]
    rows, dataset = scored(case, reconstruct(case), random_starts=starts)
    assert PIXEL <= rows["prtf.half_period"].value < 20e-9
    assert rows["prtf.half_period"].criterion.startswith("1/e")
    assert dataset["prtf"].dims == ("field_frequency",)


def test_resolution_has_an_uncertainty_where_it_crosses(case):
    rows, _ = scored(case, reconstruct(case, noise=0.03))
    assert 0 < rows["frc_truth.half_period"].uncertainty < 0.1 * rows["frc_truth.half_period"].value
    assert rows["wall_width"].uncertainty > 0
    assert rows["contrast"].uncertainty > 0
    worse, _ = scored(case, reconstruct(case, noise=0.1))
    assert worse["frc_truth.half_period"].value > rows["frc_truth.half_period"].value
    thresholds = [rows["frc_truth.half_period" + end].value for end in (".0.5", "", ".half_bit")]
    assert thresholds == sorted(thresholds, reverse=True)


def test_missing_parts_give_fewer_rows(case):
    full = reconstruct(case)
    bare = full.drop_vars([n for n in full.data_vars if n not in ("m_z", "object_support", "pixel_size", "wavelength")])
    rows, dataset = scored(case, bare)
    assert "contrast" in rows
    assert not {"nrmse", "focus", "visibility", "heterodyne_gain", "contrast.fitted"} & set(rows)
    assert "pattern" not in dataset


def test_a_blank_image_is_scored_without_a_crash(case):
    length = float(reconstruct(case)["wavelength"])
    blank = reconstruction_record.make(
        method="floor",
        results={
            "m_z": np.zeros(case.support.shape),
            "object_support": case.support,
            "pixel_size": PIXEL,
            "wavelength": length,
        },
    )
    rows, _ = scored(case, blank)
    assert rows["contrast"].value == 0
    assert math.isnan(rows["wall_width"].value)
    assert math.isnan(rows["frc_truth.half_period"].value)


def test_a_truth_without_contrast_is_scored_without_a_crash(case):
    uniform = case.truth.assign(m_z=(case.truth["m_z"].dims, np.ones(case.support.shape, np.float32)))
    rows, _ = score(reconstruct(case), uniform, case.measurement, rng=np.random.default_rng(0))
    value = {row.metric: row.value for row in rows}
    assert math.isnan(value["contrast"])
    assert math.isnan(value["wall_width.truth"])


def test_without_a_focus_range_nothing_is_fitted(case):
    rows, _ = scored(case, reconstruct(case), settings=ScoringSettings(focus_range=0.0))
    assert not [name for name in rows if name.endswith(".fitted")]


def test_truth_rows(case):
    rows = {row.metric: row.value for row in score_truth(case.truth, case.measurement)}
    assert rows["wall_width"] == pytest.approx(5.1e-9, rel=0.01)
    assert rows["visibility"] == pytest.approx(0.9)
    assert rows["coherence_length"] == pytest.approx(3.15e-6)
    assert rows["focus"] == pytest.approx(FOCUS)


def test_scored_record_can_be_stored_and_is_reproducible(case, tmp_path):
    first, second = (scored(case, reconstruct(case, noise=0.01))[1] for _ in range(2))
    assert first.identical(second)
    store.save(first, tmp_path / "scored.nc")
    again = store.load(tmp_path / "scored.nc")
    np.testing.assert_array_equal(again["m_z"], first["m_z"])
    assert again["score_mask"].values.dtype == bool
    assert metrics(again) == metrics(first)


def test_bad_input_is_told_in_one_line(case):
    good = reconstruct(case)
    with pytest.raises(ValueError, match="grid"):
        scored(case, good.isel(x=slice(0, -2)))
    with pytest.raises(ValueError, match="margin"):
        scored(case, good, settings=ScoringSettings(margin=400e-9))
    with pytest.raises(ValueError, match="taper"):
        ScoringSettings(taper=-1.0)
