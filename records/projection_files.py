"""Anybody's projections as a `Measurement` of kind ``"projections"``.

- `read_projections`: from netCDF4 of this package, HDF5, npz or npy; `Known`: what the user knows beyond the file;
- `looks_like_projections`: whether an HDF5 file holds stacks that it would read.

The images are two stacks (projection, y, x), one for each helicity, named as one of `PAIRS`, or one of
(2, projection, y, x), named as one of `STACKS`; in any group, spelled in any case. The first of each pair is helicity
+1: left circular as the receiver sees it. A negative ``polarization`` says that a file means it the other way round.

Beside them, as datasets or attributes: ``valid`` (projection, y, x), ``variance`` (2, projection, y, x), the angles of
`records.projection_angles`, the scalars of `records.projections.SCALARS` in SI and eV, or in the unit that an attribute
``units`` or the end of the name gives (``pixel_size_nm``, ``energy_kev``), and ``box`` or ``box_nm``.
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from records import projections, store
from records.array_files import kind_of, split_name
from records.checks import require
from records.errors import RecordError
from records.projection_angles import TILT, Angles, angles_in, read_angles
from records.projection_members import Array, Member, members, named, only, real_numbers, units_of

PAIRS: Final = (("helicity_plus", "helicity_minus"), ("plus", "minus"), ("left", "right"), ("cl", "cr"), ("lcp", "rcp"))
"""Names of the stacks of helicity +1 and -1."""

STACKS: Final = ("optical_density", "od", "projections", "data")
"""Names of one stack with both helicities."""

VALUES: Final = ("optical_density", "transmission", "intensity")
"""What the images may be: -ln(intensity), the complex (or the modulus of the) transmission, or its square."""

_NANO: Final = 1e-9
_JOULE: Final = 1 / 1.602176634e-19
_FACTORS: Final[dict[str, dict[str, float]]] = {
    "pixel_size": {"m": 1.0, "um": 1e-6, "nm": _NANO},
    "box": {"m": 1.0, "um": 1e-6, "nm": _NANO},
    "energy": {"eV": 1.0, "keV": 1e3, "J": _JOULE},
}
_LISTED: Final = 6


@dataclass(frozen=True)
class Known:
    """What the user knows beyond the file; it replaces what the file says.

    Parameters
    ----------
    values : str
        One of `VALUES`.
    angle_units : str, optional
        ``"deg"`` or ``"rad"``.
    scalars : mapping
        Values of `records.projections.SCALARS` in their units.
    box : sequence of float, optional
        Nominal size (z, y, x) of the sample, m.
    title : str, optional
        One line for people; default the name of the file.
    """

    values: str = "optical_density"
    angle_units: str | None = None
    scalars: Mapping[str, float] = field(default_factory=dict)
    box: Sequence[float] | None = None
    title: str | None = None


def read_projections(
    path: str | os.PathLike[str], *, angles: str | os.PathLike[str] | None = None, known: Known | None = None
) -> xr.Dataset:
    """Read projections of both helicities and where they were taken from.

    Parameters
    ----------
    path : path
        ``FILE``, or ``FILE:KEY`` where it holds several stacks: the group of the two, or the dataset.
    angles : path, optional
        Text of tilt, in-plane angle and, perhaps, series in each line, see `records.projection_angles.read_angles`; it
        replaces the angles of the file.
    known : Known, optional
        What else the user knows.

    Returns
    -------
    Dataset
        The record `Measurement` of kind ``"projections"``.

    Raises
    ------
    RecordError
        In one line: the file, the dataset, what was found and what is expected.
    """
    name = os.fspath(path)
    file, key = split_name(name)
    if kind_of(file, name) == "HDF5" and _is_record(file):
        require(angles is None and known is None, name, "a record, which holds all of it", "no angles, nothing known")
        return _record(file)
    told = known or Known()
    require(told.values in VALUES, "values", f"found {told.values!r}", str(VALUES))
    with members(file, name) as found:
        images = _images(found, key, name, told.values)
        at = _angles(found, angles, told.angle_units, name)
        scalars = _scalars(found, name) | dict(told.scalars)
        box = _box(found) if told.box is None else told.box
    count = np.shape(images["optical_density"])[1]
    placed = at.of(count, name if angles is None else os.fspath(angles))
    for scalar, wanted in projections.SCALARS.items():
        expected = f"it in {wanted.units} in the file, or told (scalars)"
        require(wanted.optional or scalar in scalars, name, f"no {scalar}", expected)
    title = told.title or file.name
    try:
        return projections.make(images=images, angles=placed, scalars=scalars, box=box, title=title)
    except RecordError as error:
        raise RecordError(f"{name}: {error}") from error


def _is_record(file: Path) -> bool:
    """Return whether an HDF5 file says that it is a record; one that is damaged is told later."""
    try:
        with h5py.File(file, "r") as opened:
            return "record" in opened.attrs
    except (OSError, RuntimeError, KeyError, ValueError):
        return False


def _record(file: Path) -> xr.Dataset:
    dataset = store.load(file, record="measurement")
    kind = dataset.attrs.get("kind")
    require(kind == "projections", str(file), f"a measurement of kind {kind!r}", "'projections'")
    return dataset


def looks_like_projections(file: Any) -> bool:
    """Return whether an open HDF5 file has two stacks under the names of `PAIRS`, or one of `STACKS` beside tilts."""
    shapes: dict[str, list[tuple[int, ...]]] = {}

    def visit(place: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            shapes.setdefault(place.rpartition("/")[2].lower(), []).append(item.shape)

    file.visititems(visit)
    stacks = {name for name, found in shapes.items() if any(len(shape) == 3 for shape in found)}
    both = {name for name, found in shapes.items() if any(len(shape) == 4 and shape[0] == 2 for shape in found)}
    return any(stacks.issuperset(pair) for pair in PAIRS) or bool(both & {*STACKS} and shapes.keys() & {*TILT})


def _images(found: Sequence[Member], key: str, name: str, values: str) -> dict[str, ArrayLike]:
    """Return optical densities and what else there is for each pixel."""
    stacks = _stacks(found, key, name)
    shape = stacks[0][1].shape
    images: dict[str, ArrayLike] = {}
    shown = only(named(found, "valid"), "valid pixels")
    valid = None
    if shown is not None:
        require(
            shown.shape == shape and shown.dtype.kind in "biu", shown.where, f"shape {shown.shape}", f"bool {shape}"
        )
        images["valid"] = valid = np.asarray(shown.read() != 0)
    images["optical_density"] = np.stack([_densities(where, stack, values, valid) for where, stack in stacks])
    variance = only(named(found, "variance"), "variance")
    if variance is not None:
        require(values == VALUES[0], variance.where, f"beside values of {values}", f"it beside {VALUES[0]} only")
        images["variance"] = real_numbers(variance)
    return images


def _stacks(found: Sequence[Member], key: str, name: str) -> list[tuple[str, Array]]:
    """Return (where, values (projection, y, x)) of helicity +1 and -1."""
    place = key.strip("/")
    inside = [each for each in found if "@" not in each.path and (not place or _below(each.path, place))]
    pairs = [pair for names in PAIRS for pair in _pairs(inside, *names)]
    alike = [each for each in inside if len(each.shape) >= 3 and (each.name in STACKS or each.path in ("", place))]
    both_in_one = [each for each in alike if len(each.shape) == 4 and each.shape[0] == 2]
    singles = both_in_one or ([] if pairs else alike)  # one that does not fit is told where there is nothing else
    candidates = [plus.path for plus, _ in pairs] + [each.path for each in singles]
    if not candidates:
        expected = f"{' or '.join(' and '.join(pair) for pair in PAIRS)}, or one of {', '.join(STACKS)}"
        raise RecordError(f"{name}: no stacks of both helicities; expected {expected}")
    listed = candidates[:_LISTED]
    require(len(candidates) == 1, name, f"{len(candidates)} stacks, {listed}", f"one, or {name}:KEY to choose it")
    if pairs:
        return _pair(*pairs[0])
    both = singles[0]
    fits = len(both.shape) == 4 and both.shape[0] == 2
    require(fits, both.where, f"shape {both.shape}", "(2, projection, y, x) of helicity +1 and -1")
    values = both.read()
    return [(f"{both.where}[{index}]", values[index]) for index in range(2)]


def _below(path: str, key: str) -> bool:
    return path == key or path.startswith(f"{key}/")


def _pairs(found: Sequence[Member], plus: str, minus: str) -> list[tuple[Member, Member]]:
    """Return the pairs of two names in one group; in any two groups where there is but one of each."""
    first, second = ([each for each in found if each.name == name and each.shape] for name in (plus, minus))
    together = [(one, other) for one in first for other in second if one.group == other.group]
    return together or ([(first[0], second[0])] if len(first) == len(second) == 1 else [])


def _pair(plus: Member, minus: Member) -> list[tuple[str, Array]]:
    for each in (plus, minus):
        require(len(each.shape) == 3, each.where, f"shape {each.shape}", "(projection, y, x)")
    require(plus.shape == minus.shape, minus.where, f"shape {minus.shape}", f"that of {plus.path}, {plus.shape}")
    return [(each.where, each.read()) for each in (plus, minus)]


def _densities(where: str, stack: Array, values: str, valid: NDArray[np.bool_] | None) -> NDArray[np.float32]:
    """Return -ln(intensity) of a stack, 0 where a pixel is not valid.

    Raises
    ------
    RecordError
        If the values are not what they are said to be, or not finite where they are valid.
    """
    kinds = {"optical_density": "f", "transmission": "fc", "intensity": "fiu"}[values]
    found = f"dtype {stack.dtype}"
    other = f"optical densities, or to be told what else (values: {', '.join(VALUES[1:])})"
    require(stack.dtype.kind in kinds, where, found, other if values == VALUES[0] else f"numbers of {values}")
    require(min(stack.shape) > 0, where, f"shape {stack.shape}", "one projection or more")
    usable = np.ones(stack.shape, dtype=bool) if valid is None else valid
    _require_all(np.isfinite(stack) | ~usable, where, "not finite", "finite values")
    if values == VALUES[0]:
        return np.where(usable, stack, 0).astype(np.float32)
    size = np.abs(stack) if values == "transmission" else stack
    _require_all((size > 0) | ~usable, where, "0 or less", "values above 0, of which there is a logarithm")
    factor = -2.0 if values == "transmission" else -1.0
    return np.asarray(factor * np.log(np.where(usable, size, 1), dtype=np.float64), dtype=np.float32)


def _require_all(good: NDArray[np.bool_], where: str, what: str, expected: str) -> None:
    """Refuse a stack in which not all is good, with the projections."""
    bad = np.count_nonzero(~good, axis=(1, 2))
    places = np.flatnonzero(bad)
    more = f" and {places.size - _LISTED} more" if places.size > _LISTED else ""
    named_places = ", ".join(str(place) for place in places[:_LISTED]) + more
    require(places.size == 0, where, f"{int(bad.sum())} values are {what}, in projection {named_places}", expected)


def _angles(found: Sequence[Member], angles: str | os.PathLike[str] | None, units: str | None, name: str) -> Angles:
    if angles is not None:
        return read_angles(angles, units)
    at = angles_in(found, units, name)
    if at is None:
        raise RecordError(f"{name}: no angles; expected datasets tilt and in_plane, or a file of angles")
    return at


def _scalars(found: Sequence[Member], name: str) -> dict[str, float]:
    """Return the scalars that a file states."""
    scalars = {}
    for scalar in projections.SCALARS:
        values = _quantity(found, scalar)
        if values is not None:
            same = bool(np.all(values == values[0]))
            require(same, f"{name}: {scalar}", f"{values.size} different values", "one number")
            scalars[scalar] = float(values[0])
    return scalars


def _box(found: Sequence[Member]) -> list[float] | None:
    values = _quantity(found, "box")
    return None if values is None else [float(value) for value in values]


def _quantity(found: Sequence[Member], quantity: str) -> NDArray[np.float64] | None:
    """Return the values of a quantity in SI and eV, whatever unit it states; None where it is not there."""
    factors = _FACTORS.get(quantity, {})
    spellings = [quantity, *(f"{quantity}_{unit.lower()}" for unit in factors)]
    member = only(named(found, *spellings), quantity)
    if member is None:
        return None
    unit = units_of(member, list(factors)) if factors else ""
    return np.asarray(real_numbers(member).ravel() * (factors[unit] if unit else 1.0))
