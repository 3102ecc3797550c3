"""What the checks of all records share.

- `Layout`, `Variable`: a record written down as a table of variables, coordinates and attributes;
- `check_layout`: hold a dataset against its layout;
- `require`: one condition, one line;
- `check_names`, `check_kind`, `check_unit_vectors`, `check_json`, `check_json_attributes`: conditions that several
  records share, those on coordinates in `coordinates`;
- `scalar`, `scalar_variables`, `variable`, `coordinate`: what the builders assemble records from.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from records.errors import RecordError

SCHEMA: Final = 1
"""Version of the layout of all records."""

Kind = Literal["float", "int", "bool", "complex", "text"]

_DTYPE_KINDS: Final[dict[Kind, str]] = {"float": "f", "int": "iu", "bool": "b", "complex": "c", "text": "UOT"}


@dataclass(frozen=True)
class Variable:
    """What one variable or coordinate must be.

    Parameters
    ----------
    dims : tuple of tuple of str
        Allowed dimensions, one tuple per alternative; ``((),)`` is a scalar.
    kind : str
        Kind of numbers, or ``"text"``.
    units : str, optional
        Value of the attribute ``units``; None where none is needed.
    optional : bool
        Whether the record is complete without it.
    minimum, maximum : float, optional
        Bounds of the values, themselves allowed.
    positive : bool
        Whether every value must be greater than zero.
    """

    dims: tuple[tuple[str, ...], ...]
    kind: Kind = "float"
    units: str | None = None
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    positive: bool = False

    @property
    def bounded(self) -> bool:
        """Whether there is a bound to hold the values against."""
        return self.positive or self.minimum is not None or self.maximum is not None


@dataclass(frozen=True)
class Layout:
    """A record as a table: its name, variables (coordinates too) and required attributes.

    `closed` records hold nothing else: a variable or attribute that is not in the table is refused.
    """

    record: str
    variables: Mapping[str, Variable]
    attributes: tuple[str, ...] = ()
    optional_attributes: tuple[str, ...] = ()
    closed: bool = False

    @property
    def title(self) -> str:
        """Name of the record in messages."""
        return self.record.capitalize()


def number(units: str, *, positive: bool = False, optional: bool = False) -> Variable:
    """Return the layout of a real scalar in `units`."""
    return Variable(((),), units=units, positive=positive, optional=optional)


def require(condition: bool | np.bool_, name: str, found: object, expected: str) -> None:
    """Raise one line that says what was found and what is allowed, unless `condition` holds.

    Raises
    ------
    RecordError
        If `condition` is false.
    """
    if not condition:
        raise RecordError(f"{name}: {found}; expected {expected}")


def check_layout(dataset: xr.Dataset, layout: Layout) -> None:
    """Check names, dimensions, kinds, units and plain bounds of all variables of a record.

    Raises
    ------
    RecordError
        At the first thing that differs from the `layout`.
    """
    title = layout.title
    found = dataset.attrs.get("record")
    require(found == layout.record, f"{title}.record", f"found {found!r}", repr(layout.record))
    schema = dataset.attrs.get("schema")
    require(schema == SCHEMA, f"{title}.schema", f"found {schema!r}", str(SCHEMA))
    for name in layout.attributes:
        require(name in dataset.attrs, f"{title}.{name}", "attribute missing", "it to be present")
    if layout.closed:
        _check_nothing_else(dataset, layout)
    for name, wanted in layout.variables.items():
        if name in dataset.variables:
            _check_variable(f"{title}.{name}", dataset[name], wanted)
        else:
            require(wanted.optional, f"{title}.{name}", "variable missing", _dims_text(wanted))


def _check_nothing_else(dataset: xr.Dataset, layout: Layout) -> None:
    for name in dataset.variables:
        require(name in layout.variables, f"{layout.title}.{name}", "unknown variable", "only those of the record")
    allowed = {"record", "schema", *layout.attributes, *layout.optional_attributes}
    for attribute in dataset.attrs:
        require(attribute in allowed, f"{layout.title}.{attribute}", "unknown attribute", f"only {sorted(allowed)}")


def _dims_text(wanted: Variable) -> str:
    return "dims " + " or ".join(str(dims) for dims in wanted.dims)


def _check_variable(name: str, array: xr.DataArray, wanted: Variable) -> None:
    require(array.dims in wanted.dims, name, f"dims {array.dims}", _dims_text(wanted))
    kind = array.dtype.kind
    require(kind in _DTYPE_KINDS[wanted.kind], name, f"dtype {array.dtype}", f"{wanted.kind} values")
    if wanted.units is not None:
        units = array.attrs.get("units")
        require(units == wanted.units, name, f"units {units!r}", f"units {wanted.units!r}")
    require(array.size > 0, name, f"shape {array.shape}", "at least one value")
    if kind not in "fc" and not wanted.bounded:
        return  # not read: it may be larger than the memory
    values = array.values
    if kind in "fc":
        bad = int(values.size - np.count_nonzero(np.isfinite(values)))
        require(bad == 0, name, f"{bad} values are not finite", "finite values")
    if kind in "fiu":
        _check_bounds(name, values, wanted)


def _check_bounds(name: str, values: NDArray[Any], wanted: Variable) -> None:
    least, most = values.min(), values.max()
    if wanted.positive:
        require(least > 0, name, f"holds {least:g}", "values greater than 0")
    if wanted.minimum is not None:
        require(least >= wanted.minimum, name, f"holds {least:g}", f"values from {wanted.minimum:g}")
    if wanted.maximum is not None:
        require(most <= wanted.maximum, name, f"holds {most:g}", f"values up to {wanted.maximum:g}")


def check_names(title: str, given: Mapping[str, Any], layout: Mapping[str, Variable]) -> None:
    """Check that a builder was given all that `layout` needs and nothing else.

    Raises
    ------
    RecordError
        If it was not.
    """
    needed = {name for name, wanted in layout.items() if not wanted.optional}
    require(needed <= set(given) <= set(layout), title, f"found {sorted(given)}", str(sorted(layout)))


def check_kind(dataset: xr.Dataset, layout: Layout, wanted: str) -> None:
    """Check the attribute ``kind`` of a record.

    Raises
    ------
    RecordError
        If it is not the one wanted.
    """
    kind = dataset.attrs.get("kind")
    require(kind == wanted, f"{layout.title}.kind", f"found {kind!r}", repr(wanted))


def check_unit_vectors(name: str, vectors: NDArray[Any], inside: NDArray[np.bool_]) -> None:
    """Check that `vectors` (component first) have length 1 within 1e-3 `inside` and are 0 elsewhere.

    Raises
    ------
    RecordError
        If they do not.
    """
    length = np.sqrt(np.einsum("c...,c...->...", vectors, vectors, dtype=np.float64))
    worst = np.abs(length - inside).max()
    require(worst < 1e-3, name, f"lengths are off by {worst:.3g}", "length 1 inside the magnet and 0 outside")


def check_json(name: str, text: object, kind: type) -> None:
    """Check that an attribute is JSON text of a dict or list.

    Raises
    ------
    RecordError
        If it is not.
    """
    try:
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        value = None
    require(isinstance(value, kind), name, f"{str(text)[:40]!r}", f"JSON text of a {kind.__name__}")


def check_json_attributes(dataset: xr.Dataset, layout: Layout, kinds: Mapping[str, type]) -> None:
    """Check that those attributes which are there are JSON text of their `kinds`.

    Raises
    ------
    RecordError
        At the first that is not.
    """
    for name, kind in kinds.items():
        if name in dataset.attrs:
            check_json(f"{layout.title}.{name}", dataset.attrs[name], kind)


def json_text(value: object) -> str:
    """Return `value` as JSON text of one line with sorted keys."""
    return json.dumps(value, sort_keys=True)


def scalar(value: float, units: str) -> xr.Variable:
    """Return a 0-d float64 variable with `units`."""
    return xr.Variable((), np.float64(value), {"units": units})


def scalar_variables(values: Mapping[str, float], layout: Mapping[str, Variable]) -> dict[str, xr.Variable]:
    """Return numbers as 0-d variables with the units of their layout."""
    return {name: scalar(value, layout[name].units or "1") for name, value in values.items()}


def variable(dims: tuple[str, ...], values: ArrayLike, units: str | None = None, dtype: Any = None) -> xr.Variable:
    """Return a variable with `units`, made contiguous.

    Raises
    ------
    RecordError
        If the number of axes is not that of `dims`.
    """
    array = np.ascontiguousarray(values, dtype=dtype) if len(dims) else np.asarray(values, dtype=dtype)
    require(array.ndim == len(dims), f"array of dims {dims}", f"shape {array.shape}", f"{len(dims)} axes")
    return xr.Variable(dims, array, {} if units is None else {"units": units})


def coordinate(dim: str, values: ArrayLike, units: str | None = None) -> xr.Variable:
    """Return a coordinate variable along `dim`."""
    return variable((dim,), values, units)


def assemble(title: str, variables: dict[str, Any], coords: dict[str, Any], attrs: dict[str, Any]) -> xr.Dataset:
    """Return the dataset of the parts, with one line instead of a conflict of sizes.

    Raises
    ------
    RecordError
        If sizes along a shared dimension differ.
    """
    try:
        return xr.Dataset(variables, coords, attrs)
    except ValueError as error:
        raise RecordError(f"{title}: {one_line(error)}; expected one size along each dimension") from None


def one_line(error: object) -> str:
    """Return the text of an error without its line breaks."""
    return " ".join(str(error).split())
