"""What the parameters of engines and corrections may be.

- `whole_from_one`, `shares`, `positive`: refuse values that cannot be meant, each with one line.
"""

from typing import Any


def whole_from_one(parameters: Any, *names: str) -> None:
    """Refuse numbers below 1 among the attributes `names`.

    Raises
    ------
    ValueError
        At the first that is.
    """
    for name in names:
        if getattr(parameters, name) < 1:
            raise ValueError(f"{name} is {getattr(parameters, name)}; allowed: whole numbers from 1")


def shares(parameters: Any, *names: str) -> None:
    """Refuse what is not above 0 to 1 among the attributes `names`.

    Raises
    ------
    ValueError
        At the first that is not.
    """
    for name in names:
        if not 0 < getattr(parameters, name) <= 1:
            raise ValueError(f"{name} is {getattr(parameters, name)}; allowed: above 0 to 1")


def positive(parameters: Any, *names: str) -> None:
    """Refuse what is not above 0 among the attributes `names`.

    Raises
    ------
    ValueError
        At the first that is not.
    """
    for name in names:
        if not getattr(parameters, name) > 0:
            raise ValueError(f"{name} is {getattr(parameters, name)}; allowed: above 0")
