"""The fields of a CXI entry, found under any of their spellings and held against their units.

- `entries`: the groups ``entry_1``, ``entry_2``, ... of a file; `find`: a dataset by its possible paths;
- `values`: numbers in their SI unit; `number`: one of them; `per_frame`: one number for each frame;
- `energy`: the photon energy, in joules or refused;
- `opened`: a file to read, every error of HDF5 as one line.

Names are told apart without regard to case and to a trailing ``_1``: ``detector_1``, ``Detector`` and ``detector`` are
the same. A unit is never guessed: a ``units`` attribute that is not SI, or a value that no experiment has in SI, is an
error that says so.
"""

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import h5py
import numpy as np
from numpy.typing import NDArray

from optics.units import HC
from records.checks import one_line, require
from records.errors import RecordError

ELEMENTARY_CHARGE: Final = 1.602176634e-19
"""J/eV, exact in the SI of 2019."""


@dataclass(frozen=True)
class Quantity:
    """A number of a CXI file: where it may be, its unit and what any experiment has."""

    paths: tuple[str, ...]
    units: str
    low: float = -np.inf
    high: float = np.inf


_METRES: Final = frozenset({"m", "meter", "meters", "metre", "metres"})
_SPELLINGS: Final[dict[str, frozenset[str]]] = {
    "m": _METRES,
    "J": frozenset({"j", "joule", "joules"}),
    "s": frozenset({"s", "sec", "second", "seconds"}),
}

DISTANCE: Final = Quantity(("instrument_1/detector_1/distance",), "m", 1e-3, 1e2)
X_PIXEL: Final = Quantity(("instrument_1/detector_1/x_pixel_size",), "m", 1e-7, 1e-2)
Y_PIXEL: Final = Quantity(("instrument_1/detector_1/y_pixel_size",), "m", 1e-7, 1e-2)
ENERGY: Final = Quantity(
    (
        "instrument_1/beam_1/energy",
        "instrument_1/beam_1/incident_beam_energy",
        "instrument_1/beam_1/incident_energy",
        "sample_1/beam_1/incident_energy",
        "instrument_1/source_1/energy",
    ),
    "J",
    10 * ELEMENTARY_CHARGE,
    2e5 * ELEMENTARY_CHARGE,
)
WAVELENGTH: Final = Quantity(
    (
        "instrument_1/source_1/wavelength",
        "instrument_1/beam_1/wavelength",
        "instrument_1/beam_1/incident_wavelength",
        "sample_1/beam_1/incident_wavelength",
    ),
    "m",
    HC / 2e5,
    HC / 10,
)
COUNTS_PER_JOULE: Final = Quantity(("instrument_1/detector_1/counts_per_joule",), "")
SATURATION: Final = Quantity(("instrument_1/detector_1/saturation_value",), "")
COUNT_TIME: Final = Quantity(("instrument_1/detector_1/count_time", "instrument_1/detector_1/exposure_time"), "s")
MONITOR: Final = Quantity(("instrument_1/monitor_1/data", "monitor_1/data", "control/data"), "")


@contextlib.contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open an HDF5 file to read; whatever goes wrong with it is one line that begins with its name.

    Raises
    ------
    RecordError
        If the file is not there, is cut off or damaged, or what is read in the block is not sound.
    """
    name = os.fspath(path)
    if not Path(path).is_file():
        raise RecordError(f"{name}: {'a folder' if Path(path).is_dir() else 'no such file'}; expected a CXI file")
    try:
        with h5py.File(name, "r") as file:
            yield file
    except RecordError as error:
        text = str(error)
        raise RecordError(text if text.startswith(f"{name}: ") else f"{name}: {text}") from error
    except (OSError, RuntimeError, KeyError, ValueError, TypeError) as error:
        raise RecordError(f"{name}: cannot be read: {one_line(error)}; expected a whole CXI file") from error


def entries(file: Any) -> list[Any]:
    """Return the groups ``entry_1``, ``entry_2``, ... in the order of their numbers; ``entry`` counts as the first.

    Raises
    ------
    RecordError
        If there is none.
    """
    numbered = []
    for name in file:
        match = re.fullmatch(r"entry_?(\d*)", name, re.IGNORECASE)
        if match and isinstance(file.get(name), h5py.Group):
            numbered.append((int(match[1] or 1), name))
    found = f"groups {sorted(file)[:5]}"
    require(bool(numbered), file.filename, found, "entry_1, as a CXI file has")
    return [file[name] for _, name in sorted(numbered)]


def _plain(name: str) -> str:
    return re.sub(r"_?1$", "", name.lower().replace("-", "_"))


def _member(group: Any, name: str) -> Any | None:
    """Return a member by its name or another spelling of it; None where it, or what its link leads to, is missing."""
    if not isinstance(group, h5py.Group):
        return None
    if name in group:
        return group.get(name)
    same = [key for key in group if _plain(key) == _plain(name)]
    return group.get(same[0]) if same else None


def find(entry: Any, *paths: str) -> Any | None:
    """Return the dataset at the first of `paths` that there is, or None."""
    for path in paths:
        item = entry
        for name in path.split("/"):
            item = _member(item, name)
        if isinstance(item, h5py.Dataset):
            return item
    return None


def where(dataset: Any) -> str:
    """Return the file and the path of a dataset, for messages."""
    return f"{dataset.file.filename}: {str(dataset.name).lstrip('/')}"


def text(value: Any) -> str:
    """Return text of HDF5, bytes or not, as a string of one line."""
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return one_line(value.decode("utf-8", errors="replace") if isinstance(value, bytes) else value)


def values(dataset: Any, quantity: Quantity) -> NDArray[np.float64]:
    """Return the values of a dataset in their SI unit.

    Raises
    ------
    RecordError
        If they are no finite numbers, or carry another unit.
    """
    name, units = where(dataset), quantity.units
    require(dataset.dtype.kind in "fiu", name, f"dtype {dataset.dtype}", f"numbers{units and f' in {units}'}")
    require(dataset.shape is not None and dataset.size > 0, name, "empty", f"numbers{units and f' in {units}'}")
    stated = text(dataset.attrs.get("units", ""))
    known = _SPELLINGS.get(units, frozenset())
    require(not stated or not known or stated.lower() in known, name, f"units {stated!r}", f"{units}, as CXI is in SI")
    found = np.asarray(dataset[()], dtype=np.float64)
    bad = int(found.size - np.count_nonzero(np.isfinite(found)))
    require(bad == 0, name, f"{bad} values are not finite", "finite values")
    return found


def number(entry: Any, quantity: Quantity) -> float | None:
    """Return one number of an entry in its SI unit, None where it is missing.

    Raises
    ------
    RecordError
        If it is no number, not in SI or beyond what any experiment has.
    """
    dataset = find(entry, *quantity.paths)
    if dataset is None:
        return None
    value = _one(dataset, quantity)
    expected = f"{quantity.low:.3g} to {quantity.high:.3g} {quantity.units}"
    require(quantity.low <= value <= quantity.high, where(dataset), f"holds {value:.6g}", expected)
    return value


def _one(dataset: Any, quantity: Quantity) -> float:
    """Return the one number of a dataset that may repeat it."""
    found = values(dataset, quantity).ravel()
    same = bool(np.all(np.abs(found - found[0]) <= 1e-6 * abs(found[0])))
    require(same, where(dataset), f"{found.size} different values", "one number")
    return float(found[0])


def per_frame(entry: Any, quantity: Quantity, count: int) -> NDArray[np.float64] | None:
    """Return one number for each of `count` frames, a single one repeated; None where it is missing.

    Raises
    ------
    RecordError
        If their number is neither one nor `count`.
    """
    dataset = find(entry, *quantity.paths)
    if dataset is None:
        return None
    found = values(dataset, quantity).ravel()
    require(found.size in (1, count), where(dataset), f"{found.size} values", f"{count}, one for each frame")
    return np.ascontiguousarray(np.broadcast_to(found, (count,)))


def energy(entry: Any) -> float:
    """Return the photon energy in eV, from the energy in joules and, where there is one, the wavelength.

    ``source_1/energy`` is the photon energy in CXI and that of the machine in NeXus; ``beam_1`` goes before it.

    Raises
    ------
    RecordError
        If there is neither, the energy is not in joules, or both do not agree within 0.1 %.
    """
    length = number(entry, WAVELENGTH)
    dataset = find(entry, *ENERGY.paths)
    if dataset is None:
        missing = f"{entry.file.filename}: {entry.name.lstrip('/')}"
        require(length is not None, missing, "neither energy nor wavelength", "source_1/energy in J")
        return HC / float(length or np.nan)
    joules = _one(dataset, ENERGY)
    expected = f"joules, {ENERGY.low:.3g} to {ENERGY.high:.3g} (energy in eV times 1.602e-19)"
    require(ENERGY.low <= joules <= ENERGY.high, where(dataset), f"holds {joules:.6g}", expected)
    value = joules / ELEMENTARY_CHARGE
    if length is not None:
        wanted = HC / length * ELEMENTARY_CHARGE
        expected = f"{wanted:.6g} J, as the wavelength of {length:.6g} m says"
        require(abs(joules / wanted - 1) < 1e-3, where(dataset), f"holds {joules:.6g}", expected)
    return value
