"""The lattice with its hedgehogs in three dimensions.

Contents: :func:`draw_sides` (truth and leading method, from fixed sides), :func:`draw_methods` (every method, askew).
"""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from reports.lattice_view import draw_askew, draw_side, mark_keys
from reports.panels import panel_grid
from reports.results import Case, Results
from reports.style import letter, new_figure
from reports.superlattice_scored import Grid3, Hedgehogs, leading, show


def draw_sides(results: Results) -> Figure | None:
    """Draw the true lattice and that of the leading method askew, from above, from the front and from the right.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    case = leading(results)
    if case is None:
        return None
    grid, marks = Grid3.of(case.scored), Hedgehogs.of(case.scored)
    rows = [(case.method, "", marks)]
    if "true_magnetization" in case.scored:
        rows.insert(0, ("truth", "true_", marks.truth))
    figure = new_figure(11.4, 3.9 * len(rows) + 0.3)
    names: Any = [[f"{row}{spot}" for spot in spots] for row in range(len(rows)) for spots in ("abc", "abd")]
    panels = figure.subplot_mosaic(names, width_ratios=[1.45, 1.05, 1.05])
    marked = iter("abcdefgh")
    for row, (name, prefix, shown) in enumerate(rows):
        m, fill = (case.scored[f"{prefix}{part}"].values for part in ("magnetization", "fill"))
        draw_askew(panels[f"{row}a"], m, fill, grid, shown)
        heading = f"{name}: {_count(shown)}"
        for spot, normal, title in (("b", 0, "from above"), ("c", 1, "from the front"), ("d", 2, "from the right")):
            draw_side(panels[f"{row}{spot}"], fill, grid, shown, normal)
            if spot == "b":
                letter(panels[f"{row}a"], next(marked), heading)
            letter(panels[f"{row}{spot}"], next(marked), title)
    figure.legend(handles=mark_keys(), loc="outside lower center", ncols=4)
    return figure


def draw_methods(results: Results) -> Figure | None:
    """Draw the lattice that every method gives, with what it found, missed and invented.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where fewer than two methods have a result.
    """
    cases = show(results)
    if len(cases) < 2:
        return None
    columns = 2 if len(cases) in (2, 4) else 3
    rows = -(-len(cases) // columns)
    figure = new_figure(11.4, 8.7 / columns * rows + 0.3)
    panels = panel_grid(figure, rows, columns, len(cases))
    for axes, mark, (method, case) in zip(panels, "abcdefghijklmnop", cases.items(), strict=False):
        marks = Hedgehogs.of(case.scored)
        scored = case.scored
        draw_askew(axes, scored["magnetization"].values, scored["fill"].values, Grid3.of(scored), marks)
        letter(axes, mark, f"{method}: {_found(case, marks)}")
    figure.legend(handles=mark_keys(), loc="outside lower center", ncols=4)
    return figure


def _count(marks: Hedgehogs) -> str:
    plus = int((marks.found_charge > 0).sum())
    return f"{plus} hedgehogs, {len(marks.found) - plus} anti-hedgehogs"


def _found(case: Case, marks: Hedgehogs) -> str:
    if "hedgehog_position" not in case.scored:
        return "no hedgehogs stored"
    inside = ~marks.true_border
    return f"{int(inside.sum() - marks.missed.sum())} of {int(inside.sum())} found, {int(marks.false.sum())} false"
