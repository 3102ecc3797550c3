import numpy as np
import pytest

from numerics import fourier
from tests.validation.labyrinths import disc, labyrinth
from validation import heterodyne_curves


@pytest.fixture(scope="module")
def waves():
    m_z = labyrinth(128, pixel=5.3e-9, rng=np.random.default_rng(1))
    hole = disc(128, 30, edge=1.0)
    references = disc(128, 3, centre=(40, 30)) + disc(128, 3, centre=(-35, 40))
    plus, minus = (hole * (0.6 + sign * 0.05 * m_z) + 2 * references for sign in (1, -1))
    return plus.astype(complex), minus.astype(complex), disc(128, 40) > 0


def test_term_is_half_the_difference_of_the_patterns(waves):
    curves = heterodyne_curves(*waves, pixel_size=5.3e-9, maps=True)
    patterns = [np.abs(fourier.centred_fft2(w)) ** 2 for w in waves[:2]]
    np.testing.assert_allclose(curves.map_with * 2, patterns[0] - patterns[1], atol=1e-6 * patterns[0].max())
    ring = np.round(np.hypot(*np.meshgrid(np.arange(-64, 64), np.arange(-64, 64)))) == 20
    assert float(curves.heterodyne_with[20]) == pytest.approx(np.abs(curves.map_with.values[ring]).mean())


def test_references_lift_the_edge(waves):
    curves = heterodyne_curves(*waves, pixel_size=5.3e-9)
    assert curves.attrs["edge_gain"] > 3
    assert curves.attrs["edge_gain"] > 10 * float(curves.gain[5:15].mean())


def test_gain_is_one_without_references(waves):
    plus, minus, mask = waves
    curves = heterodyne_curves(plus * mask, minus * mask, mask, pixel_size=5.3e-9)
    np.testing.assert_allclose(curves.gain, 1)


def test_bad_input_is_told_in_one_line(waves):
    plus, minus, mask = waves
    with pytest.raises(ValueError, match="shapes"):
        heterodyne_curves(plus, minus[1:], mask, pixel_size=1.0)
    with pytest.raises(ValueError, match="empty"):
        heterodyne_curves(plus, minus, mask & False, pixel_size=1.0)
