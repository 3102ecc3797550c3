"""The published recipe: its numbers, its weakness, and that single precision and a cropped kernel do no harm."""

from dataclasses import replace

import numpy as np
import pytest

from numerics import fourier, iterate
from reconstructors import dichroism, preparation, supports
from reconstructors.phase_retrieval import algorithms, hapre
from reconstructors.phase_retrieval.coherence import RichardsonLucy
from reconstructors.phase_retrieval.magnitudes import BlurredMagnitudes, CoherentMagnitudes
from tests.reconstructors.experiments import SMALL, correlation, expected, measured, reconstructed
from validation.walls import mean_wall_width


def test_recipe_is_the_published_one():
    recipe = hapre.Parameters()
    assert (recipe.start, recipe.reflections, recipe.reductions, recipe.second_helicity) == ("support", 700, 50, 50)
    assert (recipe.deconvolve_every, recipe.deconvolutions, recipe.averaged, recipe.last) == (20, 50, 30, 60)
    beta = algorithms.raar_schedule(700)
    assert [beta(step) for step in (0, 350, 699)] == pytest.approx([0.935, 0.74, 0.545], abs=1e-3)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"start": "flat"}, "start is 'flat'; allowed: support, random"),
        ({"coherence": "full"}, "coherence is 'full'; allowed: richardson-lucy, none"),
        ({"reflections": 0}, "reflections, reductions and second_helicity; allowed: from 1"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(changes, text):
    with pytest.raises(ValueError, match=f"^{text}$"):
        hapre.Parameters(**changes)


def small(seed=0):
    """Return patterns and the unshifted support of the small experiment."""
    patterns = preparation.prepare(measured(seed=seed))
    holes = supports.from_drawing(measured(seed=seed), patterns.pixel_size)
    support = np.ascontiguousarray(fourier.from_centre(holes.support(3, 3)))
    return patterns, [patterns.pattern(index) for index in range(2)], support


def test_one_wave_for_each_helicity_with_the_measured_light():
    _, measures, support = small()
    recipe = replace(hapre.Parameters(), reflections=10, reductions=35, second_helicity=5, coherence="none")
    steps: list[int] = []
    found = hapre.retrieve(
        measures,
        support,
        parameters=recipe,
        rng=np.random.default_rng(0),
        watch=[lambda step, error: steps.append(step)],
    )
    assert found.kernel is None
    assert len(found.errors) == 45
    assert len(steps) == 50
    for model, measure in zip(found.models, measures, strict=True):
        assert model[measure.valid].sum() == pytest.approx(measure.photons(), rel=0.01)
    assert found.misfits[0] < found.errors[0]


def test_random_starts_follow_the_generator():
    _, measures, support = small()
    recipe = replace(
        hapre.Parameters(), start="random", reflections=3, reductions=2, second_helicity=1, averaged=2, last=3,
        coherence="none",
    )  # fmt: skip
    runs = [
        hapre.retrieve(measures, support, parameters=recipe, rng=np.random.default_rng(seed)).waves[0]
        for seed in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0], runs[1])
    assert np.abs(runs[0] - runs[2]).max() > 0.1 * np.abs(runs[0]).max()


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_few_steps_of_the_second_helicity_cost_contrast(seed):
    """The recipe's weakness: helicity - remembers helicity +, so the difference comes out too small."""
    result = reconstructed("hapre", seed=seed, second_helicity=3)
    inner = supports.from_drawing(measured(seed=seed), SMALL.pixel).object_mask(-8)
    truth = expected(seed=seed).truth["m_z"].values[inner]
    early, patient = (result[name].values[inner] for name in ("m_z", "m_z_converged"))
    assert np.polyfit(patient, early, 1)[0] < 0.9
    assert early.std() < 0.9 * truth.std()
    assert patient.std() == pytest.approx(truth.std(), rel=0.15)
    assert correlation(early, patient, slice(None)) > 0.9


@pytest.mark.slow
def test_single_precision_costs_no_contrast():
    """complex64 against complex128 through 150 steps of each helicity: contrast within 0.5 %, delta in its error."""
    _, measures, support = small()
    images = []
    for dtype in (np.complex64, np.complex128):
        waves = []
        for measure in measures:
            precise = replace(measure, amplitude=measure.amplitude.astype(np.float64))
            magnitudes = CoherentMagnitudes(precise if dtype == np.complex128 else measure)
            beta, wave = algorithms.raar_schedule(100), (support * 100).astype(dtype)
            for solver, steps in (
                (algorithms.RelaxedAlternatingReflections(magnitudes, support, beta=beta, dtype=dtype), 100),
                (algorithms.ErrorReduction(magnitudes, support, dtype=dtype), 50),
            ):
                wave, _ = iterate.run(solver, wave, steps=steps)
            waves.append(wave)
        images.append(image(waves))
    same(*images, width=0.02)


@pytest.mark.slow
@pytest.mark.parametrize(("cropped", "width"), [(65, 0.005), (33, 0.025)])
def test_cropped_kernel_costs_no_contrast(cropped, width):
    """A cropped kernel against one of 127 pixels, 50 steps with each: contrast within 0.5 %.

    On this small hole delta is known to 1 %; it moves by 0.3 % for a kernel of 65 pixels and by 1.8 % for one of 33.
    """
    _, measures, support = small()
    start = [fourier.from_centre(wave) for wave in reconstructed("hapre")["exit_wave"].values]
    start = [np.ascontiguousarray(wave * support) for wave in start]
    own = np.abs(fourier.fft2(start[0].astype(np.complex128))) ** 2
    images = []
    for size in (cropped, 127):
        kernel = RichardsonLucy(n=support.shape[0], width=size, window=256)
        for _ in range(4):
            kernel.update(own, measures[0].amplitude.astype(np.float64) ** 2, measures[0].valid, steps=50)
        waves = []
        for measure, wave in zip(measures, start, strict=True):
            solver = algorithms.ErrorReduction(BlurredMagnitudes(measure, kernel.mutual()), support)
            waves.append(iterate.run(solver, wave.copy(), steps=50)[0])
        images.append(image(waves))
    same(*images, width=width)


def image(waves):
    """Return m_z in the film's plane, centred, and where it is looked at."""
    data = measured()
    holes = supports.from_drawing(data, SMALL.pixel)
    cut = dichroism.Refocus(
        waves, holes.object_mask(-8), holes.object_mask(3), wavelength=SMALL.wavelength, pixel_size=SMALL.pixel
    )
    plus, minus = (cut.whole(wave, holes.n) for wave in cut.at(dichroism.find_focus(cut, search=1.5e-6)[0]))
    known = {"wavelength": SMALL.wavelength, "polarization": 0.9, "beta_m_t": float(data["beta_m_t"])}
    m_z = np.where(holes.object_mask(3), dichroism.out_of_plane(plus, minus, **known), 0)
    return np.asarray(m_z, dtype=np.float64), holes.object_mask(-8)


def same(one, other, *, width):
    inner = one[1]
    assert np.polyfit(other[0][inner], one[0][inner], 1)[0] == pytest.approx(1, abs=0.005)
    widths = [mean_wall_width(m_z, pixel_size=SMALL.pixel, mask=inner).delta for m_z, _ in (one, other)]
    assert 3e-9 < widths[0] < 15e-9
    assert widths[0] == pytest.approx(widths[1], rel=width)
