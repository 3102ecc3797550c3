"""Warnings of the methods about themselves: each number, and the wrong cases of five seeds against sound data.

Thresholds and the values they separate are in `reconstructors.flags`.
"""

import numpy as np
import pytest

from reconstructors import flags, supports
from tests.reconstructors.experiments import SMALL, changed, flag_value, measured, raised, reconstructed

SEEDS = range(5)
DULL = changed(SMALL, source={"visibility": 0.7})
WIDE_STOPS = changed(SMALL, detector={"stops": (2.5, 4.0, 9.0)})
NO_REFERENCES = changed(SMALL, mask={"reference_kind": "none"})


def test_stop_is_counted_in_speckles():
    data = measured().copy(deep=True)
    field = SMALL.field
    assert flags.missing_centre(data, field=field) == (False, pytest.approx(0.9, rel=0.01))
    data["stop_radius"][:] = 2.1 * field / SMALL.mask.hole_diameter * SMALL.detector.pitch
    assert flags.missing_centre(data, field=field) == (True, pytest.approx(2.1, rel=0.01))


def test_references_are_counted():
    assert flags.no_references(measured()) == (False, 3.0)
    assert flags.no_references(measured().isel(hole=[0])) == (True, 0.0)


def patterns(photons, seed=0):
    """Return both helicities' patterns, Poisson, and the model they come from."""
    rng = np.random.default_rng(seed)
    model = rng.exponential(photons, (2, 96, 96))
    return rng.poisson(model).astype(np.float64), model


def test_misfit_of_the_true_model_is_one():
    found, model = patterns(2000.0)
    good = np.random.default_rng(1).random((96, 96)) > 0.1
    exposure = np.ones((96, 96))
    up, value = flags.misfit(found, model, good, exposure)
    assert not up
    assert value == pytest.approx(1, abs=0.05)
    found[:, ~good] = 1e9
    assert flags.misfit(found, model, good, exposure)[1] == pytest.approx(value)


def test_misfit_counts_photons_of_a_shorter_exposure_less():
    rng = np.random.default_rng(2)
    model = np.full((2, 96, 96), 4000.0)
    exposure = np.where(np.arange(96) < 48, 0.1, 1.0) * np.ones((96, 1))
    found = rng.poisson(model * exposure) / exposure
    assert flags.misfit(found, model, exposure > 0, exposure)[1] == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(("photons", "up"), [(3e6, True), (10.0, False)])
def test_misfit_is_raised_by_what_is_beyond_noise_and_matters(photons, up):
    found, model = patterns(photons)
    everywhere = np.ones((96, 96), bool)
    assert flags.misfit(found, 1.1 * model, everywhere, np.ones((96, 96)))[0] == up
    # A thousandth of a percent off is a fault that many photons find and no picture shows.
    up, value = flags.misfit(found * 1.002, model, everywhere, np.ones((96, 96)))
    assert not up
    assert value > 5 or photons < 100


@pytest.mark.parametrize(
    ("call", "arguments", "up", "value"),
    [
        (flags.unexplained, (1e-3, 2e-3), False, 2e-3),
        (flags.unexplained, (1e-3, 2e-2), True, 2e-2),
        (flags.not_collinear, (0.01, 1.0), False, 0.01),
        (flags.not_collinear, (0.3, 0.6), True, 0.5),
        (flags.not_collinear, (0.0, 0.0), True, 1.0),
        (flags.second_helicity, (2e-4, 2.1e-4), False, 1.05),
        (flags.second_helicity, (2e-4, 8e-4), True, 4.0),
        (flags.second_helicity, (0.0, 1.0), True, np.inf),
    ],
)
def test_plain_numbers(call, arguments, up, value):
    assert call(*arguments) == (up, pytest.approx(value))


def test_rim_of_a_small_support_is_bright():
    hole = supports.disc(128, supports.Circle(3.0, -4.0, 30.0))
    wide = supports.disc(128, supports.Circle(3.0, -4.0, 33.0))
    small = supports.disc(128, supports.Circle(3.0, -4.0, 27.0))
    wave = hole.astype(np.complex64)
    assert flags.bright_rim(wave, wide) == (False, pytest.approx(0, abs=1e-3))
    assert flags.bright_rim(wave * small, small) == (True, pytest.approx(1, abs=0.01))
    assert flags.bright_rim(wave, np.zeros_like(hole)) == (False, 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_sound_data_raise_nothing(seed):
    assert raised(reconstructed("hapre+", seed=seed)) == set()


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("setup", "parameters", "name"), [
    pytest.param(SMALL, {"coherence": "none"}, "misfit", id="coherence of 0.9 left out"),
    pytest.param(DULL, {"coherence": "none"}, "misfit", id="coherence of 0.7 left out"),
    pytest.param(NO_REFERENCES, {}, "no_references", id="no references"),
    pytest.param(WIDE_STOPS, {}, "missing_centre", id="beam stops from 2.5 speckles"),
    # As many pixels as 5 % of a hole of 600 nm are.
    pytest.param(SMALL, {"object_scale": 0.885}, "bright_rim", id="support 2.8 pixels small"),
])  # fmt: skip
def test_wrong_cases_are_caught(setup, parameters, name, seed):
    assert name in raised(reconstructed("hapre+", setup, seed, **parameters))


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_second_helicity_that_was_stopped_early_is_caught(seed):
    """A recipe that leaves helicity - after a few steps has less contrast than it could have, and says so."""
    inner = supports.from_drawing(measured(seed=seed), SMALL.pixel).object_mask(-8)

    def contrast(result):
        return flags.lost_contrast(result["m_z"].values, result["m_z_converged"].values, inner)

    early = reconstructed("hapre", SMALL, seed, second_helicity=3)
    assert contrast(early) == (True, pytest.approx(0.78, abs=0.08))
    usual = reconstructed("hapre", SMALL, seed)
    assert contrast(usual) == (False, pytest.approx(1, abs=0.04))
    assert "second_helicity" not in raised(usual)
    assert flag_value(early, "second_helicity") > flag_value(usual, "second_helicity")


def test_contrast_is_a_slope():
    rng = np.random.default_rng(0)
    m_z = rng.normal(size=(32, 32))
    inner = np.ones((32, 32), bool)
    inner[:4] = False
    early = 0.8 * m_z + 0.3
    early[:4] = 99
    assert flags.lost_contrast(early, m_z, inner) == (True, pytest.approx(0.8))
    assert flags.lost_contrast(m_z, m_z, inner) == (False, pytest.approx(1))
    assert flags.lost_contrast(m_z, np.ones((32, 32)), inner) == (False, 1.0)
