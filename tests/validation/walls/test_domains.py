import math

import numpy as np
import pytest

from validation import domain_contrast, domain_period

PIXEL = 5e-9


def stripes(period, angle, n=200):
    axis = (np.arange(n) - n // 2) * PIXEL
    along = axis[:, None] * math.sin(angle) + axis[None, :] * math.cos(angle)
    return np.tanh(4 * np.sin(2 * np.pi * along / period))


@pytest.mark.parametrize("period", [60e-9, 100e-9, 160e-9])
@pytest.mark.parametrize("angle", [0.1, 0.7, 1.3])
def test_stripes_in_any_direction(period, angle):
    y, x = np.indices((200, 200)) - 100
    mask = np.hypot(y, x) < 80
    assert domain_period(stripes(period, angle), pixel_size=PIXEL, mask=mask) == pytest.approx(period, rel=0.04)


def test_two_regions_of_one_image():
    image = np.where(np.arange(200)[None, :] < 100, stripes(60e-9, math.pi / 2), stripes(120e-9, math.pi / 2))
    left = np.zeros((200, 200), bool)
    left[:, 5:95] = True
    ratio = domain_period(image, pixel_size=PIXEL, mask=left[:, ::-1]) / domain_period(
        image, pixel_size=PIXEL, mask=left
    )
    assert ratio == pytest.approx(2, rel=0.05)


def test_a_region_without_walls_has_no_period():
    assert domain_period(np.ones((50, 50)), pixel_size=PIXEL) == math.inf
    assert domain_contrast(np.array([[1.0, -3.0]]), level=1.0) == 2.0


@pytest.mark.parametrize(
    ("image", "words", "message"),
    [
        (np.ones(5), {}, "image of shape"),
        (np.full((5, 5), np.nan), {}, "image of shape"),
        (np.ones((5, 5)), {"pixel_size": 5.0}, "pixel_size is 5.0"),
        (np.ones((5, 5)), {"mask": np.zeros((5, 5), bool)}, "mask has shape"),
        (np.ones((5, 5)), {"mask": np.full((5, 5), np.nan)}, "mask has shape"),
        (np.ones((5, 5)), {"mask": np.ones((5, 5), complex)}, "mask has shape"),
        (np.ones((5, 5)), {"pixel_size": "1nm"}, "pixel_size is '1nm'"),
        (np.ones((5, 5)), {"level": np.nan}, "level is nan"),
    ],
)
def test_wrong_input_is_refused(image, words, message):
    with pytest.raises(ValueError, match=message):
        domain_period(image, **{"pixel_size": PIXEL, **words})


@pytest.mark.parametrize(
    ("words", "message"), [({"mask": np.full((5, 5), np.nan)}, "mask has shape"), ({"level": np.nan}, "level is nan")]
)
def test_wrong_input_of_a_contrast_is_refused(words, message):
    with pytest.raises(ValueError, match=message):
        domain_contrast(np.ones((5, 5)), **words)


def test_a_list_is_an_image():
    image = stripes(60e-9, 0.3)
    assert domain_period(image.tolist(), pixel_size=PIXEL) == domain_period(image, pixel_size=PIXEL)
