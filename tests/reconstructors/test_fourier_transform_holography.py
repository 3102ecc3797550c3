"""Fourier-transform holography: place, sign and orientation of the image (found in every seed)."""

import numpy as np
import pytest
from scipy import ndimage

from numerics import fourier
from reconstructors import fourier_transform_holography as holography
from reconstructors import preparation, supports
from reconstructors.supports import Circle, Holes
from tests.reconstructors.experiments import SMALL, correlation, expected, measured, reconstructed

HOLES = Holes(256, (Circle(-34.0, -34.0, 20.0),), (Circle(40.0, 20.0, 4.0), Circle(30.0, -40.0, 4.0)))


def test_clearest_reference_is_the_one_whose_image_is_free():
    crowded = Holes(256, HOLES.objects, (Circle(40.0, 20.0, 4.0), Circle(38.0, 28.0, 4.0), Circle(-30.0, 50.0, 4.0)))
    index, share = holography.clearest_reference(crowded)
    assert index == 2
    assert share == 0.0


def test_overlap_with_the_objects_own_autocorrelation_counts():
    near = Holes(256, HOLES.objects, (Circle(-34.0 + 30.0, -34.0, 4.0),))
    assert holography.clearest_reference(near)[1] > 0.3


def test_no_reference_is_said_in_one_line():
    with pytest.raises(ValueError, match=r"^Measurement.hole_kind: no reference hole[^\n]*$"):
        holography.clearest_reference(Holes(64, HOLES.objects, ()))


def test_object_image_lies_at_the_objects_place():
    n = HOLES.n
    hologram = np.zeros((n, n), np.complex64)
    thing, reference = HOLES.objects[0], HOLES.references[1]
    place = (n // 2 + round(thing.y - reference.y), n // 2 + round(thing.x - reference.x))
    hologram[place] = 1
    found = holography.object_image(hologram, HOLES, 1)
    assert np.unravel_index(np.argmax(np.abs(found)), (n, n)) == (n // 2 - 34, n // 2 - 34)


def shown(result, seed):
    """Return correlations of the image with the truth and with its twin, the best within the mask's shift."""
    truth = expected(seed=seed).truth
    holes = supports.from_drawing(measured(seed=seed), SMALL.pixel)
    inner, m_z = holes.object_mask(-5), result["m_z"].values
    thing = holes.objects[0]
    centre = (round(thing.y) + holes.n // 2, round(thing.x) + holes.n // 2)
    twin = np.roll(m_z[::-1, ::-1], [2 * c - holes.n + 1 for c in centre], (0, 1))
    shifts = [(dy, dx) for dy in range(-3, 4) for dx in range(-3, 4)]
    return [
        max(correlation(np.roll(image, shift, (0, 1)), truth["m_z"].values, inner) for shift in shifts)
        for image in (m_z, twin)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_image_shows_the_domains_upright_and_in_the_right_sign(seed):
    result = reconstructed("fth", seed=seed)
    upright, twin = shown(result, seed)
    assert upright > 0.9
    assert twin < upright - 0.3
    inner = ndimage.binary_erosion(result["object_support"].values, iterations=8)
    # That of the sample is 0.9; the reference hole blurs it.
    assert 0.6 < result["m_z"].values[inner].std() < 1.0


def test_holograms_keep_what_was_measured_and_fill_only_what_the_stop_hid():
    patterns = preparation.prepare(measured())
    holes = supports.from_drawing(measured(), SMALL.pixel)
    filled = fourier.centred_fft2(holography.holograms(patterns, holes)).real
    for image, intensity in zip(filled, patterns.intensity, strict=True):
        np.testing.assert_allclose(image[patterns.valid], intensity[patterns.valid], atol=1e-5 * intensity.max())


def test_transforms_are_bright_at_the_separations_of_points_alone():
    wave = (HOLES.support(1, 1) * np.exp(1j * np.random.default_rng(0).normal(size=(256, 256)))).astype(np.complex128)
    hologram = np.abs(fourier.centred_ifft2(np.abs(fourier.centred_fft2(wave)) ** 2 + 0j))
    bright = holography.separations(HOLES)
    assert hologram[~bright].max() < 1e-9 * hologram.max()
    assert np.mean(hologram[bright] > 1e-4 * hologram.max()) > 0.8


def stopped(radius, seed=0):
    """Return coherent `Patterns` of a mask with a structured object behind a stop of `radius` pixels, and the whole."""
    rng = np.random.default_rng(seed)
    n, index = HOLES.n, np.arange(HOLES.n) - HOLES.n // 2
    inside = HOLES.object_mask(0)
    structure = ndimage.gaussian_filter(rng.normal(size=(n, n)), 2)
    structure *= 0.1 / structure[inside].std()
    wave = inside * (0.5 + structure) + 1.2 * np.exp(0.7j) * (HOLES.support(0, 0) & ~inside)
    whole = np.stack([np.square(np.abs(fourier.centred_fft2(wave + 0j)))] * 2).astype(np.float32)
    valid = np.hypot(index[:, None], index[None, :]) >= radius
    return preparation.Patterns(whole * valid, valid, np.ones((n, n), np.float32), 5e-9, 1.6e-9, 1.0, 0.0), whole


def test_what_the_stop_hid_is_recovered():
    """A stop of 0.8 speckles. Flat waves alone are 3 to 6 % off, which costs an image half of its contrast."""
    patterns, whole = stopped(5.0)
    filled = fourier.centred_fft2(holography.holograms(patterns, HOLES)).real
    hidden = ~patterns.valid
    error = np.linalg.norm((filled[0] - whole[0])[hidden]) / np.linalg.norm(whole[0][hidden])
    assert error < 1e-3


@pytest.mark.parametrize("radius", [24.0, 31.9])
def test_under_a_stop_of_several_speckles_the_guess_stays(radius):
    patterns, whole = stopped(radius)
    filled = fourier.centred_fft2(holography.holograms(patterns, HOLES)).real
    hidden = ~patterns.valid
    assert filled[0][hidden].sum() == pytest.approx(whole[0][hidden].sum(), rel=0.5)
    assert np.abs(filled[0]).max() < 2 * whole[0].max()
