"""The background of an optical density: exact where it is harmonic; the outline is found without truth."""

import numpy as np
import pytest

from numerics.streams import stream
from reconstructors.projections.background import harmonic_background, plan_background
from reconstructors.projections.exterior import find_exterior
from reconstructors.projections.optical_density import charge_and_magnetic
from tests.reconstructors.ball_block import density, rotation

SIZE = 128
Y, X = np.indices((SIZE, SIZE)) - SIZE // 2
HARMONIC = {
    "constant": np.full((SIZE, SIZE), 3.0),
    "ramp": 1 + 0.01 * X - 0.02 * Y,
    "saddle": (X**2 - Y**2) / 64**2,
    "product": X * Y / 64**2,
}
WAVY = 0.1 + (0.08 * (X**2 - Y**2) + 0.06 * X * Y) / 64**2 + 0.03 * X / 64 + 0.02 * (X**3 - 3 * X * Y**2) / 64**3
"""Harmonic, range 0.23."""
SERIES = [(tilt, in_plane) for tilt in (-62, -22, 0, 38, 62) for in_plane in (0, 20, 120)]


def block(tilt=62, in_plane=6, shift=(3.3, -2.6)):
    return density(rotation(*np.deg2rad([tilt, in_plane])), shift=shift, size=SIZE)


def shapes():
    ragged = np.hypot(X - 5, Y + 3) < 30 + 8 * np.cos(5 * np.arctan2(Y, X))
    return {"slab": block() > 0, "star": ragged, "two": (np.hypot(X - 30, Y) < 15) | (np.abs(X + 30) + np.abs(Y) < 20)}


@pytest.mark.parametrize("shape", shapes())
@pytest.mark.parametrize("name", HARMONIC)
def test_harmonic_backgrounds_are_exact(name, shape):
    sample, truth = shapes()[shape], HARMONIC[name]
    found = harmonic_background(np.where(sample, 50.0, truth), exterior=~sample)
    assert np.abs(found - truth).max() <= 1e-5 * max(np.ptp(truth), 1)


def test_what_lies_inside_does_not_matter():
    sample = shapes()["star"]
    rng = stream(0, "inside")
    first, second = (np.where(sample, rng.standard_normal(sample.shape) + level, WAVY) for level in (0, 9))
    assert np.array_equal(harmonic_background(first, exterior=~sample), harmonic_background(second, exterior=~sample))


@pytest.mark.parametrize("radius", [80, 100])
def test_of_a_bowl_the_fill_is_that_of_its_rim(radius):
    y, x = np.indices((256, 256)) - 128
    square = 1e-4 * (y**2 + x**2)
    found = harmonic_background(square, exterior=np.hypot(y, x) >= radius)
    assert found[128, 128] == pytest.approx(1e-4 * radius**2, rel=0.01)
    assert found[128 - 40 : 128 + 40, 128].std() < 0.002 * found[128, 128]


def test_laplaces_equation_holds_inside_to_1e_6():
    sample = shapes()["slab"]
    found = harmonic_background(WAVY + 0.05 * stream(1, "noise").standard_normal(sample.shape), exterior=~sample)
    curl = np.roll(found, 1, 0) + np.roll(found, -1, 0) + np.roll(found, 1, 1) + np.roll(found, -1, 1) - 4 * found
    inside = sample[1:-1, 1:-1]
    assert np.abs(curl[1:-1, 1:-1][inside]).max() <= 1e-6 * np.ptp(found)


def test_nothing_flows_across_the_frame():
    """A strip from frame to frame between two levels: the background falls linearly and stays level along the strip."""
    sample = np.abs(Y) <= 20
    found = harmonic_background(np.where(Y < 0, 1.0, 2.0), exterior=~sample)
    assert found[:, 0] == pytest.approx(found[:, 64], abs=1e-9)
    assert found[sample[:, 0], 0] == pytest.approx(1 + (np.arange(-20, 21) + 21) / 42, abs=1e-9)


def test_one_plan_serves_both_helicities():
    sample = shapes()["star"]
    plan = plan_background(~sample, smooth=3.0)
    for image in (WAVY, HARMONIC["ramp"]):
        assert np.array_equal(plan.of(image), harmonic_background(image, exterior=~sample, smooth=3.0))


def test_the_magnetic_exterior_is_left_without_a_mean():
    """The two helicities' backgrounds differ; what is left outside is within one deviation of its mean."""
    charge = block()
    sample = charge > 0
    plan = plan_background(~sample)
    noise = 0.03
    for seed in range(5):
        rng = stream(seed, "pair")
        plus, minus = (charge * (1 + sign * 0.05) + noise * rng.standard_normal(charge.shape) for sign in (1, -1))
        plus, minus = plus + WAVY, minus + 0.5 * WAVY - 0.04
        parts = [np.exp(-(image - plan.of(image)) / 2) for image in (plus, minus)]
        magnetic = charge_and_magnetic(*parts)[1]
        deviation = noise / np.sqrt(2 * np.sum(~sample))
        assert abs(magnetic[~sample].mean()) <= deviation
        # Inside, the noise of the rim is the error of the background.
        error = (magnetic - 0.05 * charge)[sample]
        assert abs(error.mean()) < 0.1 * noise
        assert error.std() < 0.85 * noise


def test_a_constant_would_have_done_worse():
    image = block() + WAVY
    sample = block() > 0
    constant = image[~sample].mean()
    found = harmonic_background(image, exterior=~sample)
    assert np.abs(found - WAVY)[sample].max() < 0.02 * np.abs(constant - WAVY)[sample].max()


@pytest.mark.parametrize(("tilt", "in_plane"), SERIES)
def test_the_outline_is_found_without_truth(tilt, in_plane):
    clean = block(tilt, in_plane)
    image = clean + WAVY + 0.05 * stream(tilt + 90, "outline", in_plane).standard_normal(clean.shape)
    exterior = find_exterior(image)
    assert clean[exterior].max() < 0.05
    assert np.sum(exterior & (clean == 0)) > 0.6 * np.sum(clean == 0)
    error = (harmonic_background(image, exterior=exterior) - WAVY)[~exterior]
    assert np.sqrt(np.mean(error**2)) < 0.02


def test_the_outline_of_a_stack_is_that_of_each_image():
    stack = np.stack([block(tilt) for tilt in (0, 62)])
    stack += 0.02 * stream(0, "stack").standard_normal(stack.shape)
    assert np.array_equal(find_exterior(stack), np.stack([find_exterior(image) for image in stack]))


def test_without_noise_the_outline_is_found_too():
    clean = block(30)
    exterior = find_exterior(clean + WAVY)
    assert clean[exterior].max() < 0.01
    assert np.sum(exterior) > 0.6 * np.sum(clean == 0)


def test_the_margin_widens_the_outline():
    image = block() + 0.01 * stream(0, "margin").standard_normal((SIZE, SIZE))
    narrow, wide = find_exterior(image, margin=0), find_exterior(image, margin=6)
    assert not np.any(wide & ~narrow)
    assert wide.sum() < narrow.sum()


def test_a_sample_that_fills_the_view_has_no_exterior():
    noise = 0.05 * stream(0, "full").standard_normal((SIZE, SIZE))
    lattice = density(rotation(0.4, 0.3), size=SIZE, block=(400, 400, 30))
    for image in (lattice + noise, 0.8 + noise, 0.8 + WAVY + noise, 0 * noise):
        with pytest.raises(ValueError, match=r"^charge 0 .*allowed"):
            find_exterior(image)


def test_bad_input_is_refused_in_one_line():
    image = np.zeros((8, 8))
    with pytest.raises(ValueError, match="exterior has no pixel"):
        harmonic_background(image, exterior=np.zeros((8, 8), bool))
    with pytest.raises(ValueError, match="image has shape"):
        harmonic_background(image[1:], exterior=np.ones((8, 8), bool))
    with pytest.raises(ValueError, match="not finite"):
        harmonic_background(image + np.nan, exterior=np.ones((8, 8), bool))
    with pytest.raises(ValueError, match="smooth is 0 px"):
        plan_background(np.ones((8, 8), bool), smooth=0)
    with pytest.raises(ValueError, match="exterior is float64"):
        plan_background(np.ones((8, 8)))
    with pytest.raises(ValueError, match="charge has 1 axes"):
        find_exterior(np.zeros(8))
    with pytest.raises(ValueError, match="margin and smooth"):
        find_exterior(image, margin=-1)
