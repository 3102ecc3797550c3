"""What the parameters of engines and corrections may be.

- `whole_from_one`, `shares`, `positive`: refuse values that cannot be meant, each with one line.
"""

from collections.abc import Callable
from typing import Any


def whole_from_one(parameters: Any, *names: str) -> None:
    """Refuse numbers below 1 among the attributes `names`.

    Raises
    ------
    ValueError
        At the first that is.
    """
    _hold(parameters, names, lambda value: value >= 1, "whole numbers from 1")


def shares(parameters: Any, *names: str) -> None:
    """Refuse what is not above 0 to 1 among the attributes `names`.

    Raises
    ------
    ValueError
        At the first that is not.
    """
    _hold(parameters, names, lambda value: 0 < value <= 1, "above 0 to 1")


def positive(parameters: Any, *names: str) -> None:
    """Refuse what is not above 0 among the attributes `names`.

    Raises
    ------
    ValueError
        At the first that is not.
    """
    _hold(parameters, names, lambda value: value > 0, "above 0")


def _hold(parameters: Any, names: tuple[str, ...], fits: Callable[[Any], bool], allowed: str) -> None:
    for name in names:
        if not fits(getattr(parameters, name)):
            raise ValueError(f"{name} is {getattr(parameters, name)}; allowed: {allowed}")
