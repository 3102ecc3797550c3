"""Named random streams: reproducible, independent, and of every name."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.streams import stream

NAMES = st.lists(st.one_of(st.text(max_size=8), st.integers(-5, 5)), max_size=4)


@given(seed=st.integers(0, 2**64), names=NAMES)
def test_same_name_same_numbers(seed: int, names: list[str | int]) -> None:
    assert np.array_equal(stream(seed, *names).random(4), stream(seed, *names).random(4))


@given(first=NAMES, second=NAMES)
def test_other_name_other_numbers(first: list[str | int], second: list[str | int]) -> None:
    same = np.array_equal(stream(3, *first).random(4), stream(3, *second).random(4))
    assert same == (repr(first) == repr(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [(("a", "b"), ("ab",)), ((1,), ("1",)), (("noise", 1, 11), ("noise", 11, 1)), ((), ("",))],
)
def test_names_that_look_alike_differ(first: tuple[str | int, ...], second: tuple[str | int, ...]) -> None:
    assert not np.array_equal(stream(0, *first).random(4), stream(0, *second).random(4))


def test_streams_are_uncorrelated() -> None:
    a, b = (stream(7, "noise", draw).standard_normal(40_000) for draw in (0, 1))
    assert abs(np.mean(a * b)) < 4 / np.sqrt(40_000)


def test_known_numbers() -> None:
    # A change here changes every result that was ever stored.
    assert stream(0, "sample").integers(0, 2**32, 3).tolist() == [2407603024, 3170746503, 605801513]


def test_negative_seed() -> None:
    with pytest.raises(ValueError, match="seed is -1; allowed: a whole number from 0"):
        stream(-1)
