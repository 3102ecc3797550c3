"""Lines of the emergent field.

- `trace_field_lines`: lines through given seeds, from where they begin to where they end;
- `LineEnds`, `ends_of_lines`: where many lines end, without their points.

The field is that of `emergent_field`: its face fluxes, interpolated linearly between opposite faces. Its divergence is
the charge of each cell, spread evenly over the cell and zero elsewhere, so that lines begin and end in charged cells or
where the cells that count stop: at a surface of the magnet or at the border of the array.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from numerics import fourier
from validation.topology.field_line_kernels import BORDER, CHARGE, RUNNING, STILL, follow_lines
from validation.topology.hedgehogs import VoxelSize, checked_voxel_size

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

END_NAMES = {RUNNING: "running", CHARGE: "charge", BORDER: "border", STILL: "still"}
"""How a line may end, in words."""

_LINES = 128  # in one block of the threads
_FINEST = 1e-4  # step, voxels
_METRES = 1e-3  # voxels; seeds all nearer to the origin than this were given in another unit
_SPENT = math.log(1000)  # a line that has lost so much of the logarithm of its flux has ended


@dataclass(frozen=True, eq=False)
class LineField:
    """A field as the kernels take it.

    Attributes
    ----------
    fluxes : tuple of float64 arrays
        Through the faces normal to (z, y, x).
    counted : (nz-1, ny-1, nx-1) bool array
    charge : (nz-1, ny-1, nx-1) int8 array
    """

    fluxes: tuple[Floats, Floats, Floats]
    counted: NDArray[np.bool_]
    charge: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class LineEnds:
    """Where lines end.

    Attributes
    ----------
    kind : (n,) int8 array
        `field_line_kernels.CHARGE`, `BORDER`, `STILL` or `RUNNING`.
    cell : (n, 3) int64 array
        Last cell, (z, y, x).
    index : (n, 3) float64 array
        Last place, in indices of the lattice of spins.
    points : (total, 3) float64 array
        Points on the way, line after line, in the same indices.
    first : (n + 1,) int64 array
        Where each line's points begin in `points`.
    """

    kind: NDArray[np.int8]
    cell: Integers
    index: Floats
    points: Floats
    first: Integers


def trace_field_lines(
    field: xr.Dataset, *, seeds: ArrayLike, step: float = 0.25, voxel_size: VoxelSize | None = None
) -> xr.Dataset:
    """Follow the lines of the emergent field through seeds, both ways.

    Inside of a cell a line is known in closed form: `step` only says how far apart points are stored. A line that runs
    into a cell of charge passes it if the field on the other side still leads out. It ends in the cell where all of the
    field leads in, or where it has lost 99.9 % of the flux that goes with it. A closed line never ends; it is cut after
    crossing 100 times as many cells as the edges of the array have.

    Parameters
    ----------
    field : Dataset
        As of `emergent_field`.
    seeds : (n, 3) array
        Points (z, y, x), index ``n//2`` the origin, in voxels, or in metres if `voxel_size` is given.
    step : float
        Largest distance of neighbouring points, voxels, from 0.0001.
    voxel_size : float or tuple of float, optional
        Metres, one number or (z, y, x). The field itself does not know it.

    Returns
    -------
    Dataset
        By `point`: `position (point, axis)` in the unit of the seeds and `line_number`, the points of each line from
        its beginning to its end in the direction of the field. By `line`: `begin` and `end` ("charge", "border",
        "still": a place without any field, "running": not reached), `begin_cell` and `end_cell (line, axis)`, the last
        cell on that side, `begin_charge` and `end_charge`, its charge if the line ends there and else 0.

    Raises
    ------
    ValueError
        On a dataset that is no emergent field, seeds of a wrong shape, outside of the cells that count or, without a
        `voxel_size`, in metres, or a step that is too small.
    """
    lattice = line_field(field)
    if not (np.isfinite(step) and step >= _FINEST):
        raise ValueError(f"step is {step!r} voxels; allowed: a finite length from {_FINEST:g}")
    farthest = np.abs(np.asarray(seeds, np.float64)).max(initial=0.0)
    if voxel_size is None and 0 < farthest < _METRES:
        raise ValueError(f"seeds are within {farthest:.3g} of the origin; allowed: voxels, or metres with voxel_size")
    sizes = np.ones(3) if voxel_size is None else checked_voxel_size(voxel_size)
    shape = np.array(lattice.counted.shape) + 1
    cells, places = _seed_cells(seeds, sizes, shape, lattice.counted)
    count = len(cells)
    back, ahead = (
        ends_of_lines(lattice, cells, places, direction=np.full(count, sign), budget=np.full(count, _SPENT), step=step)
        for sign in (-1.0, 1.0)
    )
    position, line = _joined(back, ahead, cells + places)
    variables: dict[str, Any] = {
        "position": (
            ("point", "axis"),
            (position - shape // 2) * sizes,
            {"units": "voxel" if voxel_size is None else "m"},
        ),
        "line_number": ("point", line),
    }
    for name, side in (("begin", back), ("end", ahead)):
        charge = np.where(side.kind == CHARGE, lattice.charge[tuple(side.cell.T)], 0)
        variables[name] = ("line", np.array([END_NAMES[int(kind)] for kind in side.kind], dtype="U7"))
        variables[f"{name}_cell"] = (("line", "axis"), side.cell)
        variables[f"{name}_charge"] = ("line", charge.astype(np.int64))
    return xr.Dataset(variables, coords={"axis": list("zyx")}, attrs={"step": float(step)})


def ends_of_lines(
    field: LineField,
    cells: Integers,
    places: Floats,
    *,
    direction: Floats,
    budget: Floats,
    step: float | None = None,
) -> LineEnds:
    """Follow lines one way.

    Parameters
    ----------
    field : LineField
    cells, places : (n, 3) arrays
        Cell of each seed and its place in it, from 0 to 1.
    direction : (n,) float64 array
        1 along the field, -1 against it.
    budget : (n,) float64 array
        A bundle of lines loses flux while it crosses a charged cell into which the field leads, as exp(-charge time).
        A line ends where the exponent reaches its budget; drawn from the exponential distribution, it ends with the
        share of the flux that does.
    step : float, optional
        Store points at most this far apart, voxels; default none but one per cell and those not kept.
    """
    count = len(cells)
    last, place = cells.astype(np.int64), places.astype(np.float64)
    kind, first = np.zeros(count, np.int8), np.zeros(count, np.int64)

    def run(points: Floats) -> None:
        def change(low: int, high: int) -> None:
            own = slice(low, high)
            follow_lines(
                *field.fluxes,
                field.counted,
                field.charge,
                direction[own],
                budget[own],
                np.inf if step is None else step,
                last[own],
                place[own],
                kind[own],
                first[own],
                points,
            )

        fourier.in_blocks(change, count, _LINES)

    points = np.empty((0, 3))
    run(points)
    starts = np.zeros(count + 1, np.int64)
    if step is not None:
        # The first pass has counted the points, the second writes them.
        np.cumsum(first, out=starts[1:])
        first[:] = starts[:-1]
        last[:], place[:] = cells, places
        points = np.empty((int(starts[-1]), 3))
        run(points)
    return LineEnds(kind, last, last + place, points, starts)


def line_field(field: xr.Dataset) -> LineField:
    """Return a dataset of `emergent_field` as the kernels take it.

    Raises
    ------
    ValueError
        If a variable is missing, shapes do not fit, or values are not finite.
    """
    names = ("flux_z", "flux_y", "flux_x", "divergence", "counted")
    missing = [name for name in names if name not in field]
    if missing:
        raise ValueError(f"field has no {missing[0]!r}; allowed: a dataset of emergent_field")
    fluxes = [np.ascontiguousarray(field[name].values, np.float64) for name in names[:3]]
    divergence, counted = field["divergence"].values, np.ascontiguousarray(field["counted"].values, bool)
    wanted = [tuple(n + (axis == other) for other, n in enumerate(counted.shape)) for axis in range(3)]
    if counted.ndim != 3 or [flux.shape for flux in fluxes] != wanted or divergence.shape != counted.shape:
        raise ValueError(f"field has fluxes of shape {[f.shape for f in fluxes]}; allowed: {wanted}")
    if not (all(np.isfinite(flux).all() for flux in fluxes) and np.isfinite(divergence).all()):
        raise ValueError("field is not finite; allowed: finite fluxes")
    return LineField((fluxes[0], fluxes[1], fluxes[2]), counted, np.rint(divergence).astype(np.int8))


def _seed_cells(
    seeds: ArrayLike, sizes: Floats, shape: Integers, counted: NDArray[np.bool_]
) -> tuple[Integers, Floats]:
    points = np.asarray(seeds, np.float64)
    if points.ndim != 2 or points.shape[1:] != (3,) or not np.isfinite(points).all():
        raise ValueError(f"seeds is of shape {points.shape}; allowed: (n, 3), finite")
    index = points / sizes + shape // 2
    cells = np.minimum(np.floor(index).astype(np.int64), shape - 2)
    inside = np.all((index >= 0) & (index <= shape - 1), axis=1)
    inside[inside] = counted[tuple(cells[inside].T)]
    if not inside.all():
        raise ValueError(f"seeds hold {points[~inside][0].tolist()}; allowed: points in cells of eight spins")
    return cells, index - cells


def _joined(back: LineEnds, ahead: LineEnds, seeds: Floats) -> tuple[Floats, Integers]:
    """Return the points of whole lines, and the number of the line of each."""
    pieces, number = [], []
    for line, seed in enumerate(seeds):
        before = back.points[back.first[line] : back.first[line + 1]][::-1]
        after = ahead.points[ahead.first[line] : ahead.first[line + 1]]
        pieces += [before, seed[None], after]
        number.append(np.full(len(before) + 1 + len(after), line))
    if not pieces:
        return np.empty((0, 3)), np.empty(0, np.int64)
    return np.concatenate(pieces), np.concatenate(number)
