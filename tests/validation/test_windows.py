import numpy as np
import pytest

from tests.validation.labyrinths import disc
from validation.windows import crop, eroded, soft_edged


def test_crop_repeats_the_field():
    field = np.arange(60).reshape(2, 5, 6)
    found = crop(field, (-1, 4), (3, 4))
    assert found.shape == (2, 3, 4)
    np.testing.assert_array_equal(found[0], field[0][np.ix_([4, 0, 1], [4, 5, 0, 1])])


@pytest.mark.parametrize("shape", [(21,), (21, 25), (21, 23, 25)])
def test_masks_keep_their_shape_and_end_at_the_border(shape):
    full = np.ones(shape, bool)
    inner = eroded(full, 3)
    assert inner.shape == shape
    assert inner[(slice(3, -3),) * len(shape)].all()
    assert inner.sum() == np.prod([n - 6 for n in shape])
    window = soft_edged(full, 4)
    assert window.shape == shape
    centre = tuple(n // 2 for n in shape)
    assert window[centre] == 1
    # depths of 1 to 4 px along the first axis
    line = window[(slice(0, 4), *centre[1:])]
    assert line == pytest.approx(0.5 - 0.5 * np.cos(np.pi * np.arange(1, 5) / 4))


def test_a_width_of_nothing_is_the_mask_itself():
    mask = disc(32, 9) > 0
    np.testing.assert_array_equal(soft_edged(mask, 0), mask)
    np.testing.assert_array_equal(soft_edged(3.0 * mask, 0), mask)
    np.testing.assert_array_equal(eroded(mask, 0), mask)
    assert not soft_edged(0 * mask, 5).any()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: soft_edged(m, np.nan), "width is nan"),
        (lambda m: soft_edged(m, -1), "width is -1"),
        (lambda m: eroded(m, np.nan), "distance is nan"),
        (lambda m: eroded(m, -1), "distance is -1"),
        (lambda m: eroded(np.where(m, np.nan, 0), 1), "mask holds NaN"),
    ],
)
def test_bad_input_is_told_in_one_line(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call(disc(16, 5) > 0)
    assert "\n" not in str(caught.value)
