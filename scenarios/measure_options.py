"""What the words of ``truespin measure`` mean.

- `length`, `lengths`: lengths with their unit, in metres;
- `transfer`: ``hard:10.6nm`` and the like, as a transfer function;
- `count`: a whole number within bounds.
"""

import math
import re
from collections.abc import Sequence
from decimal import Decimal, DecimalException
from typing import TYPE_CHECKING, Final

from scenarios.configuration import InputError, choose

if TYPE_CHECKING:
    from validation.walls.transfers import Transfer

UNITS: Final = {"pm": -12, "A": -10, "Å": -10, "nm": -9, "um": -6, "µm": -6, "μm": -6, "mm": -3, "m": 0}
"""Power of ten of metres of each unit of length; A is the ångström."""

LEAST, MOST = 1e-12, 1e-3
"""Lengths that are believed, m: a pixel of 5.3 m is a wrong unit."""

TRANSFERS: Final = ("hard", "gaussian", "pixel", "film")
_LENGTH: Final = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*([^\W\d_]*)\s*")
_ALLOWED: Final = "allowed: a length with its unit (pm, A, nm, um, mm, m), such as 5.3nm"


def length(name: str, text: str) -> float:
    """Return the length that `text` says, in m; `name` is for the message.

    Raises
    ------
    InputError
        If it is no number with a unit of length, or not between 1 pm and 1 mm.
    """
    found = _LENGTH.fullmatch(text)
    if found is None or not found[2]:
        raise InputError(f"{name} is {text!r}; {_ALLOWED}")
    if found[2] not in UNITS:
        raise InputError(f"{name} is {text!r}, in {found[2]!r}; {_ALLOWED}")
    try:
        value = float(Decimal(found[1]).scaleb(UNITS[found[2]]))
    except DecimalException:  # exponents of many digits
        value = math.nan
    return believed(name, value, shown=text)


def believed(name: str, value: float, *, shown: str | None = None) -> float:
    """Return a length in m that may be that of something seen by x-rays.

    Raises
    ------
    InputError
        If it is not between 1 pm and 1 mm.
    """
    if not LEAST <= value <= MOST * (1 + 1e-9):
        raise InputError(f"{name} is {shown or f'{value:.4g} m'}; allowed: from 1pm to 1mm")
    return value


def lengths(name: str, text: str, axes: int) -> tuple[float, ...]:
    """Return one length in m, or `axes` of them from a list with commas, in the order of the array's axes.

    Raises
    ------
    InputError
        As `length`; also if their number is neither 1 nor `axes`.
    """
    parts = text.split(",")
    if len(parts) not in (1, axes):
        raise InputError(f"{name} is {text!r}, {len(parts)} lengths; allowed: 1, or {axes} in the order of the axes")
    return tuple(length(name, part) for part in parts)


def count(name: str, value: int, *, least: int, most: int) -> int:
    """Return `value` where it lies within the bounds.

    Raises
    ------
    InputError
        Otherwise.
    """
    if not least <= value <= most:
        raise InputError(f"{name} is {value}; allowed: a whole number from {least} to {most}")
    return value


def transfer(texts: Sequence[str], *, pixel_size: float) -> "Transfer | None":
    """Return the product of the transfer functions that `texts` name, or None where there is none.

    Parameters
    ----------
    texts : sequence of str
        Each one of ``hard:PERIOD`` (everything to this full period), ``gaussian:FWHM``, ``pixel`` or ``pixel:SIZE``
        (mean over a pixel), ``film:THICKNESS,WAVELENGTH`` (a thick film).
    pixel_size : float
        Of the image, m, for ``pixel`` without a size.

    Raises
    ------
    InputError
        If a name is unknown or a length missing or bad.
    """
    from validation.walls.transfers import Combined

    found = [_transfer(text, pixel_size) for text in texts]
    if len(found) < 2:
        return found[0] if found else None
    return Combined(tuple(found))


def _transfer(text: str, pixel_size: float) -> "Transfer":
    from validation.walls import transfers

    kind, _, rest = text.partition(":")
    choose("transfer", kind, TRANSFERS)
    if kind == "film":
        parts = rest.split(",")
        if len(parts) != 2:
            raise InputError(f"transfer is {text!r}; allowed: film:THICKNESS,WAVELENGTH, such as film:47nm,1.59nm")
        thickness, wavelength = (length(f"transfer {kind}", part) for part in parts)
        return transfers.ThickFilm(thickness, wavelength)
    if kind == "pixel":
        return transfers.PixelBox(length(f"transfer {kind}", rest) if rest else pixel_size)
    size = length(f"transfer {kind}", rest)
    return transfers.HardCutoff(size) if kind == "hard" else transfers.GaussianTransfer(size)


def nanometres(value: float, digits: int = 4) -> str:
    """Return a length in m as text in nm; a dash where there is none."""
    return f"{value * 1e9:.{digits}g}" if math.isfinite(value) else "-"
