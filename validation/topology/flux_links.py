"""How much of a hedgehog's flux goes to which other.

- `flux_links`: the share of its field lines that ends at each partner, or at the border.
"""

from typing import Any

import numpy as np
import xarray as xr

from validation.topology.field_line_kernels import BORDER, CHARGE
from validation.topology.field_lines import LineField, ends_of_lines, line_field

_PLACES = 3


def flux_links(field: xr.Dataset, hedgehogs: xr.Dataset, *, rng: np.random.Generator, lines: int = 1000) -> xr.Dataset:
    """Return where the field lines of each hedgehog end.

    Lines start evenly in the volume of a charged cell, as the charge is spread over it, and follow the field from a
    positive charge, or run against it from a negative one. Crossing a cell of the other sign they end with the share of
    the flux that does. All lines then carry the same flux, and the links are mutual: what leads from one hedgehog to
    another in units of the flux, `charge` times `share`, is the same seen from either, but for counting.

    Parameters
    ----------
    field : Dataset
        As of `emergent_field`.
    hedgehogs : Dataset
        By `hedgehog`: `cell (hedgehog, axis)`, indices (z, y, x) of the cell, and `charge`; as of `find_hedgehogs` for
        the same magnetization.
    rng : numpy.random.Generator
    lines : int
        Per hedgehog; a share s is uncertain by sqrt(s (1 - s)/lines).

    Returns
    -------
    Dataset
        `share (hedgehog, partner)`; by `hedgehog`: `border`, the share that ends at a surface of the magnet or at the
        border of the array, `elsewhere`, in charged cells that are not listed, and `unfinished`, on lines that were cut
        or came to rest. All shares of a hedgehog add up to 1. Like charges share nothing. Attribute `lines`.

    Raises
    ------
    ValueError
        If `field` is no emergent field, a hedgehog has no charged cell of its sign in it, or `lines` is below 1.
    """
    lattice = line_field(field)
    if lines < 1 or lines != int(lines):
        raise ValueError(f"lines is {lines!r}; allowed: whole numbers from 1")
    lines = int(lines)
    cells, charge = _checked_hedgehogs(hedgehogs, lattice)
    count = len(cells)
    places = rng.random((count, lines, _PLACES)).reshape(-1, _PLACES)
    budget = rng.exponential(size=(count, lines)).ravel()
    direction = np.repeat(np.sign(charge).astype(np.float64), lines)
    found = ends_of_lines(lattice, np.repeat(cells, lines, axis=0), places, direction=direction, budget=budget)
    owner = np.full(lattice.charge.shape, -1, np.int64)
    # Where two rows name one cell, the first has its lines.
    owner[tuple(cells[::-1].T)] = np.arange(count)[::-1]
    partner = np.where(found.kind == CHARGE, owner[tuple(found.cell.T)], -1)
    source = np.repeat(np.arange(count), lines)
    kept = partner >= 0
    share = np.zeros((count, count))
    np.add.at(share, (source[kept], partner[kept]), 1 / lines)
    rest: dict[str, Any] = {
        "border": found.kind == BORDER,
        "elsewhere": (found.kind == CHARGE) & ~kept,
        "unfinished": (found.kind != CHARGE) & (found.kind != BORDER),
    }
    variables: dict[str, Any] = {"share": (("hedgehog", "partner"), share)}
    variables |= {name: ("hedgehog", chosen.reshape(count, lines).mean(axis=1)) for name, chosen in rest.items()}
    return xr.Dataset(variables, attrs={"lines": lines})


def _checked_hedgehogs(hedgehogs: xr.Dataset, field: LineField) -> tuple[Any, Any]:
    for name in ("cell", "charge"):
        if name not in hedgehogs:
            raise ValueError(f"hedgehogs has no {name!r}; allowed: a dataset of find_hedgehogs")
    cells = np.asarray(hedgehogs["cell"].values, np.int64).reshape(-1, _PLACES)
    charge = np.asarray(hedgehogs["charge"].values)
    inside = np.all((cells >= 0) & (cells < field.charge.shape), axis=1)
    own = np.zeros(len(cells), np.int64)
    own[inside] = field.charge[tuple(cells[inside].T)]
    wrong = own * np.sign(charge) <= 0
    if wrong.any():
        first = int(np.argmax(wrong))
        raise ValueError(
            f"hedgehogs hold charge {charge[first]} in the cell {cells[first].tolist()}, where the field's is "
            f"{own[first]}; allowed: hedgehogs of this field"
        )
    return cells, charge
