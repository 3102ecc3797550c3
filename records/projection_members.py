"""Arrays and numbers in files of projections that other software wrote, by the last part of their name.

- `Member`, `members`: what HDF5 (attributes too), npz or npy hold;
- `named`: those of a name, spelled in any way; `only`: the one of them;
- `units_of`: the unit that a member states; `real_numbers`: its values, finite and real.
"""

import contextlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from records.array_files import kind_of
from records.checks import one_line, require
from records.cxi_entry import text
from records.errors import RecordError

Array = NDArray[Any]

FORMATS: Final = "HDF5 (netCDF4 too), npz or npy"
"""That can be read."""

_NUMBERS: Final = "fiubc"
_LISTED: Final = 6
_ERRORS: Final = (OSError, RuntimeError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error)
"""Of the readers, at files that are cut off or damaged."""


@dataclass(frozen=True)
class Member:
    """An array or a number in a file.

    Attributes
    ----------
    file : str
        As the user called it.
    path : str
        Groups and name, joined by slashes; an attribute follows an ``@``. Empty for the array of an npy file.
    shape : tuple of int
    dtype : dtype
    units : str
        As stated, ``""`` where nothing is.
    read : callable
        Gives the values while the file is open.
    """

    file: str
    path: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    units: str
    read: Callable[[], Array]

    @property
    def where(self) -> str:
        """File and path, for messages."""
        return f"{self.file}: {self.path}" if self.path else self.file

    @property
    def group(self) -> str:
        """Path without the name."""
        return self.path.rpartition("/")[0]

    @property
    def name(self) -> str:
        """Last part of the path in lower case, with underscores for hyphens and blanks."""
        return re.sub(r"[-\s]", "_", re.split("[/@]", self.path)[-1].lower())


@contextlib.contextmanager
def members(path: Path, name: str) -> Iterator[list[Member]]:
    """Open a file and list the numbers in it; `name` is what the user called it.

    Raises
    ------
    RecordError
        In one line that begins with the name, if the file is of another format, cut off or damaged, or what is done in
        the block meets an error of the readers.
    """
    kind = kind_of(path, name)
    try:
        with _READERS.get(kind, _refused(kind))(path, name) as found:
            yield found
    except RecordError:
        raise
    except _ERRORS as error:
        if "allow_pickle" in str(error):
            raise RecordError(f"{name}: Python objects, which could run code; expected numbers") from None
        raise RecordError(f"{name}: cannot be read as {kind}: {one_line(error)}; expected a whole file") from error


def _refused(kind: str) -> Callable[[Path, str], Any]:
    def refuse(_path: Path, name: str) -> Any:
        raise RecordError(f"{name}: {kind}; expected projections as {FORMATS}")

    return refuse


@contextlib.contextmanager
def _hdf5(path: Path, name: str) -> Iterator[list[Member]]:
    with h5py.File(path, "r") as file:
        found: list[Member] = []

        def visit(place: str, item: Any) -> None:
            if isinstance(item, h5py.Dataset) and item.shape is not None and item.dtype.kind in _NUMBERS:
                units = text(item.attrs.get("units", ""))
                found.append(Member(name, place, item.shape, item.dtype, units, lambda: np.asarray(item[()])))
            for key in item.attrs:
                found.extend(_attribute(item, f"{place}@{key}", key, name))

        visit("", file)
        file.visititems(visit)
        yield found


def _attribute(item: Any, place: str, key: str, name: str) -> Iterator[Member]:
    """Give an attribute where it is a number or an array of them."""
    value = np.asarray(item.attrs[key])
    if value.dtype.kind in _NUMBERS:
        yield Member(name, place, value.shape, value.dtype, "", lambda: value)


@contextlib.contextmanager
def _npz(path: Path, name: str) -> Iterator[list[Member]]:
    with np.load(path, allow_pickle=False) as archive:
        yield list(_arrays(archive, name))


def _arrays(archive: Any, name: str) -> Iterator[Member]:
    for key in archive.files:
        value = archive[key]
        if isinstance(value, np.ndarray) and value.dtype.kind in _NUMBERS:
            yield _held(name, key, value)


def _held(name: str, key: str, value: Array) -> Member:
    return Member(name, key, value.shape, value.dtype, "", lambda: value)


@contextlib.contextmanager
def _npy(path: Path, name: str) -> Iterator[list[Member]]:
    with path.open("rb") as stream:
        yield [_held(name, "", np.load(stream, allow_pickle=False))]


_READERS: Final[dict[str, Callable[[Path, str], Any]]] = {"HDF5": _hdf5, "npz": _npz, "npy": _npy}


def named(found: Sequence[Member], *names: str) -> list[Member]:
    """Return the members of the first of `names` that there is; names are in lower case."""
    for name in names:
        same = [member for member in found if member.name == name]
        if same:
            return same
    return []


def only(found: Sequence[Member], what: str) -> Member | None:
    """Return the one member, None where there is none.

    Raises
    ------
    RecordError
        If there are several.
    """
    listed = [member.path for member in found[:_LISTED]]
    require(len(found) < 2, found[0].file if found else "", f"{what} in {len(found)} places, {listed}", "it in one")
    return found[0] if found else None


_SPELLINGS: Final = {
    "deg": ("deg", "degs", "degree", "degrees", "°"),
    "rad": ("rad", "rads", "radian", "radians"),
    "m": ("m", "meter", "meters", "metre", "metres"),
    "um": ("um", "µm", "μm", "micron", "microns", "micrometer", "micrometre"),
    "nm": ("nm", "nanometer", "nanometers", "nanometre", "nanometres"),
    "eV": ("ev",),
    "keV": ("kev",),
    "J": ("j", "joule", "joules"),
}


def units_of(member: Member, allowed: Sequence[str]) -> str:
    """Return the unit that a member states, by an attribute or at the end of its name (``tilt_deg``); ``""`` for none.

    Raises
    ------
    RecordError
        If it is not among those allowed.
    """
    suffix = member.name.rpartition("_")[2]
    for stated in (member.units.strip().lower(), suffix):
        for unit in allowed:
            if stated in _SPELLINGS[unit]:
                return unit
        if stated and stated != suffix:
            require(False, member.where, f"units {member.units!r}", f"one of {list(allowed)}")
    return ""


def real_numbers(member: Member) -> NDArray[np.float64]:
    """Return values in float64.

    Raises
    ------
    RecordError
        If they are no real numbers, none at all, or not all finite.
    """
    require(member.dtype.kind in "fiu", member.where, f"dtype {member.dtype}", "real numbers")
    values = np.asarray(member.read(), dtype=np.float64)
    require(values.size > 0, member.where, "empty", "numbers")
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    require(bad == 0, member.where, f"{bad} values are not finite", "finite numbers")
    return values
