"""``truespin measure hedgehogs``: where a magnetization has its hedgehogs, or the charge of each of its layers.

- `measure`: reads the vectors, counts and places the charges; `Options`: what may be chosen.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records.array_files import whole_array
from records.field_files import Field, read_field
from records.sample import voxel_size
from scenarios.configuration import InputError, choose
from scenarios.measure_options import believed, length, lengths, nanometres
from scenarios.measure_result import Notes, Result, columns, document, mask_window, source
from validation.topology.charge import layer_charges
from validation.topology.hedgehogs import find_hedgehogs

if TYPE_CHECKING:
    from rich.console import RenderableType

Array = NDArray[Any]

METHODS: Final = ("cells", "maxima")
_SHOWN: Final = 20
"""Rows of the table on the console; the JSON file has them all."""
_MANY: Final = 10
_DENSE: Final = 3e-3
"""Charges, and charges per cell, from which they may be those of noise."""
_FILLED: Final = 0.5


@dataclass(frozen=True)
class Options:
    """What may be chosen.

    Attributes
    ----------
    voxel : str, optional
        Size of a voxel with its unit, one or one per axis (z, y, x); needed where the file says none.
    low_pass : str, optional
        Full period, with its unit, below which spins are smoothed first.
    method : {"cells", "maxima"}
        As in `validation.topology.hedgehogs.find_hedgehogs`.
    magnet : str, optional
        File of the fill fraction.
    layers : bool
        Take the charge of each layer along z instead.
    """

    voxel: str | None = None
    low_pass: str | None = None
    method: str = "cells"
    magnet: str | None = None
    layers: bool = False


def measure(name: str, options: Options) -> Result:
    """Find the hedgehogs of a vector field, or the charges of its layers.

    Parameters
    ----------
    name : str
        File as `records.field_files.read_field` takes it.
    options : Options

    Raises
    ------
    ValueError
        In one line, on a file without vectors, a volume without cells or options that are not allowed.
    """
    choose("method", options.method, METHODS)
    if options.layers and (options.low_pass is not None or options.method != METHODS[0]):
        raise InputError("layers takes no --low-pass and no --method; allowed: either layers or hedgehogs")
    low_pass = None if options.low_pass is None else length("low-pass", options.low_pass)
    note = Notes()
    given = None if options.voxel is None else lengths("voxel", options.voxel, 3)
    mask = None if options.magnet is None else whole_array(options.magnet)
    fill = None if mask is None else mask_window(mask, mask.array.shape, note)
    field = read_field(name, voxel_size=given, magnet=fill)
    sizes = voxel_size(field.record)
    for size in sizes:
        believed("voxel of the file", size)
    _remark_lengths(field, note)
    inputs = [source(field, role="field", shape=field.record["magnetization"].shape, dtype="float32")]
    if mask is not None:
        inputs.append(source(mask, role="magnet", shape=mask.array.shape, dtype=str(mask.array.dtype)))
    sort = "layers" if options.layers else "hedgehogs"
    content = document(sort, inputs=inputs, conventions=_conventions(sizes, options))
    m, magnet = field.record["magnetization"].values, field.record["magnet"].values
    if options.layers:
        content["results"] = _layers(m, magnet, sizes[0])
    else:
        _check_cells(name, magnet)
        found = find_hedgehogs(m, voxel_size=sizes, magnet=magnet, method=options.method, low_pass=low_pass)
        rows = _rows(found)
        content["results"], content["hedgehogs"] = _counted(rows, magnet, sizes), rows
        _remark_density(content["results"], options, note)
    content["notes"] = note.texts
    return Result(content, table(content), lambda suffix: _draw(content, m, magnet, suffix))


def _remark_lengths(field: Field, note: Notes) -> None:
    """Say what was done to the lengths of the vectors."""
    record = field.record
    if "saturation_magnetization" in record:
        moments = record["saturation_magnetization"].values
        inside = np.broadcast_to(moments, record["magnet"].shape)[record["magnet"].values > 0]
        low, high = float(inside.min()), float(inside.max())
        span = f"{low:.6g}" if low == high else f"{low:.6g} to {high:.6g}"
        note(f"values in A/m were divided by their lengths, Ms = {span} A/m")
    elif field.lengths is None:
        note(f"{field.format} vectors were made unit vectors, whatever their lengths")
    elif not field.alike:
        least, median, largest = field.lengths
        note(
            f"the lengths of the vectors vary, {least:.4g} to {largest:.4g}, median {median:.4g}: all were made unit "
            f"vectors; {field.short} are shorter than half of the median, and their directions may be noise (--magnet "
            "leaves cells out)"
        )
    elif abs(field.lengths[1] - 1) > 1e-3:
        note(f"vectors of length {field.lengths[1]:.6g} were made unit vectors")


def _check_cells(name: str, magnet: Array) -> None:
    """Refuse a volume without a cell, the cube of eight neighbouring spins."""
    flat = [axis for axis, n in zip("zyx", magnet.shape, strict=True) if n < 2]
    if flat:
        instead = "; --layers gives the charge of each layer along z" if flat == ["z"] else ""
        raise InputError(
            f"{name}: a single layer along {' and '.join(flat)} has no cells, hence no hedgehogs; allowed: two layers "
            f"or more{instead}"
        )
    if not _cells(magnet).any():
        raise InputError(
            f"{name}: no cell has all of its 8 corners in the magnet, hence no hedgehogs; allowed: a magnet of two "
            "layers or more along each axis"
        )


def _cells(magnet: Array) -> NDArray[np.bool_]:
    """Tell which cells have all corners in the magnet."""
    inside = magnet >= _FILLED
    for axis in range(3):
        low, high = (np.take(inside, np.arange(inside.shape[axis] - 1) + step, axis) for step in (0, 1))
        inside = low & high
    return inside


def _conventions(sizes: tuple[float, float, float], options: Options) -> dict[str, Any]:
    common = {
        "voxel_size_m": list(sizes),
        "axes": "z, y, x",
        "origin": "z = y = x = 0 is the centre of the voxel at index n//2",
        "charge": "+1 for m = r/|r|; a skyrmion with its core down in a film that is up has -1",
    }
    if options.layers:
        return {**common, "layers": "along z"}
    return {**common, "method": options.method, "low_pass": options.low_pass, "magnet": options.magnet}


def _layers(m: Array, magnet: Array, size: float) -> list[dict[str, Any]]:
    charges = layer_charges(m, magnet=magnet)
    return [
        {"layer": layer, "z_m": (layer - len(charges) // 2) * size, "charge": float(charge)}
        for layer, charge in enumerate(charges)
    ]


def _rows(found: xr.Dataset) -> list[dict[str, Any]]:
    """Return one row for each hedgehog."""
    places, cells = found["position"].values, found["cell"].values
    return [
        dict(zip(("z_m", "y_m", "x_m"), map(float, places[row]), strict=True))
        | {
            "charge": int(found["charge"].values[row]),
            "error_m": float(found["position_error"].values[row]),
            "border_distance_m": float(found["border_distance"].values[row]),
            "at_border": bool(found["at_border"].values[row]),
            "cell": [int(index) for index in cells[row]],
        }
        for row in range(found.sizes["hedgehog"])
    ]


def _counted(rows: list[dict[str, Any]], magnet: Array, sizes: tuple[float, float, float]) -> dict[str, Any]:
    cells = int(np.count_nonzero(_cells(magnet)))
    volume = cells * float(np.prod(sizes))
    charges = [row["charge"] for row in rows]
    return {
        "hedgehogs": len(rows),
        "plus": sum(charge > 0 for charge in charges),
        "minus": sum(charge < 0 for charge in charges),
        "total_charge": sum(charges),
        "at_border": sum(row["at_border"] for row in rows),
        "cells": cells,
        "volume_m3": volume,
        "density_per_m3": len(rows) / volume,
    }


def _remark_density(found: dict[str, Any], options: Options, note: Notes) -> None:
    if found["at_border"]:
        note(f"{found['at_border']} lie within a voxel of the border of the magnet, where spins miss neighbours")
    share = found["hedgehogs"] / found["cells"]
    if found["hedgehogs"] >= _MANY and share > _DENSE and options.low_pass is None:
        note(f"{1000 * share:.3g} charges per 1000 cells are as many as noise of half a spin makes; try --low-pass")


def table(content: dict[str, Any]) -> "RenderableType":
    """Return the table of a document of this module."""
    voxel = " x ".join(nanometres(size) for size in content["conventions"]["voxel_size_m"])
    if content["measure"] == "layers":
        layers = [
            (str(row["layer"]), "", nanometres(row["z_m"]), f"{round(row['charge'], 4) + 0.0:+.4f}")
            for row in _first(content["results"])
        ]
        return columns(
            f"charge of each layer along z, voxel {voxel} nm (z, y, x)", ("layer", "", "z (nm)", "charge"), layers
        )
    from rich.console import Group
    from rich.text import Text

    found = content["results"]
    words = (
        f"{found['hedgehogs']} hedgehogs: {found['plus']} positive, {found['minus']} negative, total charge "
        f"{found['total_charge']}; {found['at_border']} at the border; {found['cells']} cells of {voxel} nm "
        "(z, y, x)"
    )
    heads = ("charge", "", "z (nm)", "y (nm)", "x (nm)", "error (nm)", "to the border (nm)")
    keys = ("z_m", "y_m", "x_m", "error_m", "border_distance_m")
    rows = [
        (f"{row['charge']:+d}", "border" if row["at_border"] else "", *(f"{row[key] * 1e9:.2f}" for key in keys))
        for row in _first(content["hedgehogs"])
    ]
    if not rows:
        return Text(words)
    left = len(content["hedgehogs"]) - len(rows)
    more = [Text(f"and {left} more, in the JSON file", style="dim")] if left else []
    return Group(columns(words, heads, rows), *more)


def _first(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return rows[:_SHOWN]


def _draw(content: dict[str, Any], m: Array, magnet: Array, suffix: str) -> bytes:
    from reports.figure_measure_hedgehogs import draw_hedgehogs, draw_layers

    if content["measure"] == "layers":
        return draw_layers(content, m, magnet, suffix=suffix)
    return draw_hedgehogs(content, magnet, suffix=suffix)
