"""Alignment of a tilt series of an fcc block of nickel and silica, by exact line integrals."""

import numpy as np
import pytest

from numerics.streams import stream
from reconstructors.projections.alignment import align_series, centre_of_mass, correlate_neighbours, mass_drift
from reconstructors.projections.background import harmonic_background
from reconstructors.projections.common_line import along_axis
from reconstructors.projections.exterior import find_exterior
from tests.reconstructors.ball_block import rotation, series

TILTS = np.deg2rad(np.arange(-62, 63, 4))
PERIOD = 20.0
PUBLISHED = np.deg2rad([3.0, 120.0, 240.0])


def problem(in_plane, *, noise=0.01, offset=(3.0, -4.0, 5.0), seed=0):
    """Return densities of 1 % noise and the true shifts of up to 5 px; the lattice lies askew in the block."""
    rng = stream(seed, "series")
    shifts = rng.uniform(-5, 5, (len(TILTS), 2))
    clean = series(TILTS, shifts, in_plane, constant=PERIOD, offset=offset)
    return clean + noise * clean.max() * rng.standard_normal(clean.shape), shifts


def misfit(found, true, in_plane):
    """Return what remains (n, 2) beside one rigid shift of the sample, and that shift (x, y, z)."""
    seen = np.concatenate([rotation(tilt, in_plane)[[1, 0]] for tilt in TILTS])
    error = (found - true).ravel()
    rigid = np.linalg.lstsq(seen, error, rcond=None)[0]
    return (error - seen @ rigid).reshape(-1, 2), rigid


def rms(found, true, in_plane):
    return np.sqrt(np.mean(misfit(found, true, in_plane)[0] ** 2, axis=0))


@pytest.fixture(scope="module")
def block():
    return problem(PUBLISHED[0])


@pytest.mark.parametrize("in_plane", PUBLISHED)
def test_shifts_are_found_to_a_fraction_of_a_pixel(in_plane):
    stack, shifts = problem(in_plane)
    y, x = rms(align_series(stack, tilt=TILTS), shifts, in_plane)
    assert x <= 0.1
    assert y <= 0.3


def test_the_steps_are_sharper_than_asked(block):
    stack, shifts = block
    y, x = rms(align_series(stack, tilt=TILTS), shifts, PUBLISHED[0])
    assert x <= 0.04
    assert y <= 0.03


def test_the_centre_of_mass_is_the_origin():
    """Of a lattice symmetric about the sample's origin that is the origin itself."""
    stack, shifts = problem(PUBLISHED[0], offset=(0.0, 0.0, 0.0))
    assert misfit(align_series(stack, tilt=TILTS), shifts, PUBLISHED[0])[1] == pytest.approx([0, 0, 0], abs=0.03)


def test_moving_the_images_moves_the_shifts(block):
    stack, _ = block
    moved = np.roll(stack, (3, -2), (1, 2))
    difference = align_series(moved, tilt=TILTS) - align_series(stack, tilt=TILTS)
    assert np.abs(difference - (3, -2)).max() < 0.05


def test_neighbours_give_whole_pixels_for_a_start(block):
    stack, shifts = block
    found = correlate_neighbours(stack, TILTS, np.zeros_like(shifts))
    assert np.abs(misfit(found, shifts, PUBLISHED[0])[0]).max() < 3
    assert np.sqrt(np.mean(misfit(np.zeros_like(shifts), shifts, PUBLISHED[0])[0] ** 2)) > 2.5


def test_mass_ends_where_it_ends_from_whole_periods_off(block):
    stack, shifts = block
    right = centre_of_mass(stack, TILTS, np.zeros_like(shifts))
    wrong = right + PERIOD * stream(0, "periods").integers(-1, 2, right.shape)
    assert centre_of_mass(stack, TILTS, wrong) == pytest.approx(right, abs=0.05)


def test_the_common_line_leaves_a_wrong_period(block):
    stack, _ = block
    right = align_series(stack, tilt=TILTS)
    wrong = right.copy()
    wrong[5, 1] += PERIOD
    wrong[20:26, 1] -= PERIOD
    found = along_axis(stack, TILTS, wrong)
    assert found[:, 1] - found[:, 1].mean() == pytest.approx(right[:, 1] - right[:, 1].mean(), abs=0.02)
    assert np.array_equal(found[:, 0], wrong[:, 0])
    assert found[:, 1].mean() == pytest.approx(wrong[:, 1].mean(), abs=1e-9)


def test_steps_may_be_chosen(block):
    stack, shifts = block
    assert rms(align_series(stack, tilt=TILTS, steps=("common-line",)), shifts, PUBLISHED[0])[1] <= 0.1
    assert np.abs(rms(align_series(stack, tilt=TILTS, steps=("mass",)), shifts, PUBLISHED[0])).max() <= 0.1
    assert np.array_equal(align_series(stack, tilt=TILTS, steps=()), np.zeros_like(shifts))


def test_the_order_of_the_images_does_not_matter(block):
    stack, _ = block
    order = stream(0, "order").permutation(len(TILTS))
    shuffled = align_series(stack[order], tilt=TILTS[order])
    assert shuffled == pytest.approx(align_series(stack, tilt=TILTS)[order], abs=0.01)


def test_the_whole_way_from_densities_with_background_and_noise():
    """5 % noise and a background of 0.2 that changes from image to image; nobody told where the sample is."""
    stack, shifts = problem(PUBLISHED[0], noise=0.0)
    rng = stream(1, "way")
    y, x = (np.indices(stack.shape[1:]) - 64) / 64
    for image in stack:
        a, b, c, d = rng.uniform(-0.05, 0.05, 4)
        level = rng.uniform(0, 0.2)
        image += level + a * (x**2 - y**2) + b * x * y + c * x + d * y + 0.05 * rng.standard_normal(image.shape)
    raw = align_series(stack, tilt=TILTS)
    flat = np.stack([image - harmonic_background(image, exterior=find_exterior(image)) for image in stack])
    y, x = rms(align_series(flat, tilt=TILTS), shifts, PUBLISHED[0])
    assert x <= 0.1
    assert y <= 0.3
    assert rms(raw, shifts, PUBLISHED[0])[0] > 2 * y
    assert np.abs(mass_drift(flat)).max() < 0.02
    assert np.abs(mass_drift(stack)).max() > 0.05


def test_mass_is_flat_to_one_percent_over_the_tilts(block):
    assert np.abs(mass_drift(block[0])).max() < 0.01


def test_mass_drift_tells_a_sample_that_leaves_the_view_and_a_background(block):
    stack = block[0].copy()
    stack[3] += 0.01
    assert np.argmax(np.abs(mass_drift(stack))) == 3
    assert mass_drift(stack)[3] > 0.01
    gone = block[0].copy()
    gone[7, :, :24] = 0
    assert mass_drift(gone)[7] < -0.01


def test_of_a_film_the_mass_follows_the_cosine():
    film = 1 / np.cos(TILTS)[:, None, None] * np.ones((1, 8, 8))
    assert np.abs(mass_drift(film, cos=np.cos(TILTS))).max() < 1e-12
    assert np.abs(mass_drift(film)).max() > 0.2


def test_bad_input_is_refused_in_one_line():
    stack = np.ones((3, 16, 16))
    with pytest.raises(ValueError, match="stack and tilt have shapes"):
        align_series(stack, tilt=np.zeros(2))
    with pytest.raises(ValueError, match="steps has 'centre'; allowed: correlation, mass, common-line"):
        align_series(stack, tilt=np.zeros(3), steps=("centre",))
    with pytest.raises(ValueError, match="stack 0 has mass"):
        align_series(-stack, tilt=np.zeros(3), steps=("mass",))
    stack[2] = 0
    stack[2, 2:4, 2:4] = 1
    with pytest.raises(ValueError, match="stack 2 has its mass"):
        align_series(stack, tilt=np.zeros(3), steps=("mass",))
    with pytest.raises(ValueError, match="mean mass"):
        mass_drift(-stack)
