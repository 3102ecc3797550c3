"""Surfaces of the voids, and virtual hedgehogs.

Contents: :func:`draw` (all voids, one virtual hedgehog of each sign, both as maps), :func:`mesh_of`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.cm import ScalarMappable
from matplotlib.collections import PolyCollection
from matplotlib.colors import Normalize, to_rgba
from matplotlib.figure import Figure

from reports.direction_colours import colour_wheel, direction_colours
from reports.lattice_view import draw_nickel
from reports.mesh_view import Mesh, mesh_picture
from reports.metrics import number
from reports.panels import NANO, scale_bar
from reports.ray_casting import View
from reports.results import Results
from reports.style import INK, SIGNED, new_figure
from reports.superlattice_scored import Grid3, leading
from reports.volume_view import NEGATIVE, POSITIVE

_PIXELS: Final = 560
_MAP_EDGE: Final = 2.4  # radii from the middle of a map to its rim
# Inches: of the page, of a row, below the last; left edge and width of the columns.
_PAGE, _ROW, _FOOT = 11.4, 2.55, 1.05
_COLUMNS: Final = ((0.1, 3.5), (3.75, 1.8), (5.6, 1.75), (7.65, 1.8), (9.5, 1.75))


def mesh_of(scored: xr.Dataset, prefix: str) -> Mesh | None:
    """Read the mesh of all voids.

    Parameters
    ----------
    scored : Dataset
    prefix : str
        ``"true_"``, or empty for that of the estimate.

    Returns
    -------
    Mesh or None
        None where none is stored, or one without a face.
    """
    names = [f"{prefix}void_{part}" for part in ("vertex", "spin", "face", "face_label")]
    if any(name not in scored for name in names) or not scored[names[2]].size:
        return None
    vertex, spin, face, label = (scored[name].values for name in names)
    return Mesh(np.asarray(vertex, float) * NANO, np.asarray(spin, float), face, label)


def draw(results: Results) -> Figure | None:
    """Draw the voids of the truth and of the leading method, and their virtual hedgehogs.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no surface is stored.
    """
    case = leading(results)
    if case is None:
        return None
    sources = [("truth", "true_"), (case.method, "")]
    meshes = [(name, prefix, mesh) for name, prefix in sources if (mesh := mesh_of(case.scored, prefix)) is not None]
    if not meshes:
        return None
    height = _ROW * len(meshes) + _FOOT
    figure = new_figure(_PAGE, height)
    figure.set_layout_engine("none")
    marks = iter("abcdefghijkl")
    for line, (name, prefix, mesh) in enumerate(meshes):
        base = height - _ROW * (line + 1)
        panels = [_place(figure, left, base, width) for left, width in _COLUMNS]
        charge = case.scored[f"{prefix}void_charge"].values
        virtual = case.scored[f"{prefix}void_virtual"].values.astype(bool)
        _all_voids(panels[0], case.scored[f"{prefix}fill"].values, mesh, charge * virtual, Grid3.of(case.scored))
        plus, minus = int((virtual & (charge > 0)).sum()), int((virtual & (charge < 0)).sum())
        chosen = _examples(case.scored, prefix)
        headings = [f"{name}: {plus} hedgehogs, {minus} anti"]
        for position, sign in ((1, 1), (3, -1)):
            row = chosen.get(sign)
            words = "virtual hedgehog" if sign > 0 else "virtual anti-hedgehog"
            headings.append(f"no {words}" if row is None else f"{words}, Q = {number(float(charge[row]), 2)}")
            _example(case.scored, prefix, mesh, row, (panels[position], panels[position + 1]))
        for heading, left in zip(headings, (_COLUMNS[0][0], _COLUMNS[1][0], _COLUMNS[3][0]), strict=True):
            figure.text(left / _PAGE, (base + _ROW - 0.22) / height, f"{next(marks)}\u2003{heading}", fontsize=9.5)
    _legends(figure)
    return figure


def _place(figure: Figure, left: float, base: float, width: float) -> Any:
    """Add axes for a row, in inches, without a frame."""
    high = figure.get_figheight()
    axes = figure.add_axes((left / _PAGE, (base + 0.05) / high, width / _PAGE, (_ROW - 0.4) / high))
    axes.set_axis_off()
    return axes


def _legends(figure: Figure) -> None:
    high = figure.get_figheight()
    place = figure.add_axes((_COLUMNS[1][0] / _PAGE, 0.55 / high, 3.2 / _PAGE, 0.12 / high))
    bar = figure.colorbar(ScalarMappable(Normalize(-1, 1), SIGNED), cax=place, orientation="horizontal")
    bar.set_label("emergent flux per area of a facet, over the largest of the void")
    bar.outline.set_linewidth(0.5)
    colour_wheel(figure.add_axes((9.6 / _PAGE, 0.2 / high, 0.72 / _PAGE, 0.72 / high)))


def _examples(scored: xr.Dataset, prefix: str) -> dict[int, int]:
    """Return by sign the row of a virtual hedgehog whose charge is nearest to a whole one, the best covered of equals.

    Both sources show the same void where that of the truth has a partner.
    """
    charge, covered = (scored[f"{prefix}void_{part}"].values for part in ("charge", "covered"))
    virtual = scored[f"{prefix}void_virtual"].values.astype(bool)
    found: dict[int, int] = {}
    for sign in (1, -1):
        rows = np.flatnonzero(virtual & (np.sign(charge) == sign))
        if rows.size:
            cost = np.abs(np.abs(charge[rows]) - 1) - 0.2 * covered[rows]
            found[sign] = int(rows[np.argmin(cost)])
    return found


def _all_voids(axes: Any, fill: np.ndarray, mesh: Mesh, charge: np.ndarray, grid: Grid3) -> None:
    """Draw the nickel, and the surfaces of voids of any `charge` in full red or blue."""
    view = View()
    frame = draw_nickel(axes, fill, grid, view)
    known = (mesh.label >= 0) & (mesh.label < len(charge))
    sign = np.where(known, np.sign(charge)[np.where(known, mesh.label, 0)], 0)
    shown = Mesh(mesh.vertices, mesh.spins, mesh.faces[sign != 0], mesh.label[sign != 0])
    if not len(shown.faces):
        return
    colours = np.where(sign[sign != 0, None] > 0, [to_rgba(POSITIVE)], [to_rgba(NEGATIVE)])
    picture = mesh_picture(shown, colours, view, frame=frame, pixels=_PIXELS)
    axes.imshow(picture, extent=frame, origin="upper", interpolation="antialiased", zorder=3)


def _example(scored: xr.Dataset, prefix: str, mesh: Mesh, row: int | None, panels: tuple[Any, Any]) -> None:
    """Draw one void: its surface coloured by the flux through each facet, and its spins on a plane."""
    if row is None:
        return
    centre = np.asarray(scored[f"{prefix}void_position"].values[row], float) * NANO
    one = mesh.of_void(row)
    if not len(one.faces):
        return
    corners = one.vertices[one.faces]
    area = 0.5 * np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    density = one.flux / np.maximum(area, 1e-3 * area.max())
    limit = max(float(np.percentile(np.abs(density), 95)), 1e-12)
    view = View()
    middle = view.project(centre[::-1])[:2]
    reach = 1.08 * float(np.abs(view.project(corners.reshape(-1, 3)[:, ::-1])[:, :2] - middle).max())
    frame = (middle[0] - reach, middle[0] + reach, middle[1] - reach, middle[1] + reach)
    picture = mesh_picture(one, SIGNED((density / limit + 1) / 2), view, frame=frame, pixels=_PIXELS // 2)
    panels[0].imshow(picture, extent=frame, origin="upper", interpolation="antialiased")
    scale_bar(panels[0], 15.0, "15 nm")
    _map(panels[1], one, centre)


def _map(axes: Any, mesh: Mesh, centre: np.ndarray) -> None:
    """Draw the spins of a void on a plane: projected from its lowest point, (X, Y) = (x, y)/(1 + z/r)."""
    away = mesh.vertices - centre
    radius = np.maximum(np.linalg.norm(away, axis=1), 1e-9)
    flat = away[:, 1:] / (radius * np.maximum(1 + away[:, 0] / radius, 1e-3))[:, None]
    corners = flat[mesh.faces]
    near = np.hypot(corners[..., 0], corners[..., 1]).max(axis=1) < _MAP_EDGE
    spins = mesh.spins[mesh.faces[near]].mean(axis=1)
    spins /= np.maximum(np.linalg.norm(spins, axis=1, keepdims=True), 1e-9)
    colours = direction_colours(spins.T)
    triangles = PolyCollection(
        list(corners[near][..., ::-1]), facecolors=colours, edgecolors=colours, linewidths=0.3, rasterized=True
    )
    axes.add_collection(triangles)
    angle = np.linspace(0, 2 * np.pi, 181)
    axes.plot(np.cos(angle), np.sin(angle), color=INK, linewidth=0.8)
    axes.set_xlim(-_MAP_EDGE, _MAP_EDGE)
    axes.set_ylim(-_MAP_EDGE, _MAP_EDGE)
    axes.set_aspect("equal")
