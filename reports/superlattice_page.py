"""The page of vector tomography: the lattice in three dimensions, its vectors, hedgehogs, pairs and voids.

Contents: :func:`render`.
"""

from __future__ import annotations

from typing import Final

from reports import (
    figure_superlattice_curves,
    figure_superlattice_geometry,
    figure_superlattice_lines,
    figure_superlattice_pairs,
    figure_superlattice_slices,
    figure_superlattice_voids,
    figure_superlattice_volumes,
    run_page,
    summary,
    tables,
)
from reports.drawings import Drawing, drawn
from reports.results import Results
from reports.superlattice_words import (
    COLUMNS,
    HEADLINES,
    key_parameters,
    knowledge_table,
    lead_paragraph,
    losses_table,
    pairs_table,
    sites_table,
)
from reports.templating import fill

_PLAN: Final[tuple[Drawing[Results], ...]] = (
    (
        "overview",
        "Overview",
        figure_superlattice_volumes.draw_sides,
        "The nickel, translucent, with hedgehogs (red) and anti-hedgehogs (blue), in truth and by the leading method. "
        "Rings: true ones that were missed; crosses: some that are not there in truth.",
        "The lattice with its hedgehogs from four fixed sides, truth above the leading method.",
    ),
    (
        "methods",
        "Fig. 1",
        figure_superlattice_volumes.draw_methods,
        "What every method makes of the lattice, and its hedgehogs beside the true ones.",
        "The lattice with its hedgehogs for each method.",
    ),
    (
        "directions",
        "Fig. 2",
        figure_superlattice_slices.draw_directions,
        "Direction of the magnetization in the cuts through the middle along z (large), y (below) and x (beside): hue "
        "is the angle in the plane, light up, dark down; pale where the vector is shorter than one.",
        "Three cuts of directions for the truth and each method.",
    ),
    (
        "differences",
        "Fig. 2, continued",
        figure_superlattice_slices.draw_differences,
        "Length of the difference from the true vectors in the same cuts.",
        "Three cuts of the error of the vectors for each method.",
    ),
    (
        "fill",
        "Fig. 3",
        figure_superlattice_slices.draw_fill,
        "Share of nickel in every voxel: the truth, and each method less the truth.",
        "Three cuts of the fill for the truth and of its error for each method.",
    ),
    (
        "charge",
        "Fig. 4",
        figure_superlattice_curves.draw_charge,
        "(a) Shell correlation of the charge with the truth (controls dashed) and between half sets of the projections "
        "(dotted). (b) The same in cones about the three axes: that about z holds the missing wedges. (c) Power of "
        "the helicities' difference less its noise, and the noise: of all frames, or, without any, of half the "
        "difference of the images' optical densities.",
        "Curves of shell correlation against spatial frequency with the line at one seventh, and a power spectrum.",
    ),
    (
        "components",
        "Fig. 4, continued",
        figure_superlattice_curves.draw_components,
        "Shell correlation of every component of the magnetization with the truth (controls dashed) and between half "
        "sets (dotted). Half sets do not see the parts that no projection measures.",
        "Curves of shell correlation of the three components.",
    ),
    (
        "pairs",
        "Fig. 5",
        figure_superlattice_pairs.draw,
        "Distance from each hedgehog to the nearest of the other sign and of its own. Bars and coloured line: found, "
        "with its fit of a generalised extreme-value distribution; black: truth; dotted: as many charges at random.",
        "Histograms of the distances of neighbouring hedgehogs with fitted curves.",
    ),
    (
        "lines",
        "Fig. 6",
        figure_superlattice_lines.draw,
        "Lines of the emergent magnetic field round the closest pair of opposite charges, of positive and of negative "
        "ones; those that lead from one of the pair to the other are orange, distant ones pale. Shared: how much of "
        "the flux of the first ends at the second.",
        "Field lines round pairs of hedgehogs, truth above the leading method.",
    ),
    (
        "voids",
        "Fig. 7",
        figure_superlattice_voids.draw,
        "Surfaces of the silica spheres: virtual hedgehogs red, virtual anti-hedgehogs blue. One of each sign with the "
        "emergent flux through its facets, and its spins on a plane (stereographic from below; the circle is the "
        "equator; colours are directions as in Fig. 2).",
        "All voids, and one virtual hedgehog of each sign with its flux and its spins as a map.",
    ),
    (
        "geometry",
        "Fig. 8",
        figure_superlattice_geometry.draw,
        "What was found of each projection's place and angles, less the truth and one common motion, and what the "
        "volume leaves of each image. Crosses: projections that were left out.",
        "Errors of shifts and angles, residual of each projection over its tilt, and convergence.",
    ),
)

_SECTIONS: Final = (
    ("Every method", ("methods", "directions", "differences", "fill"), ""),
    ("Resolution", ("charge", "components"), ""),
    ("Hedgehogs", ("pairs", "lines"), "hedgehogs"),
    ("Virtual hedgehogs", ("voids",), ""),
    ("Geometry", ("geometry",), ""),
)
"""Headings, the figures below them, and which tables follow."""


def render(results: Results) -> str:
    """Make the text of the page.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
        HTML; the same results give the same text.
    """
    figures = {picture.name: picture for picture in drawn(_PLAN, results)}
    sections = [
        (heading, [name for name in names if name in figures], _missing(names, figures), grids)
        for heading, names, grids in _SECTIONS
    ]
    shared = run_page.parts(results, figures) | {"gauge": knowledge_table(results)}
    return fill(
        "superlattice.html.j2",
        lead=lead_paragraph(results),
        key_parameters=key_parameters(results),
        headlines=summary.headlines(results, HEADLINES),
        table=tables.method_table(results, COLUMNS),
        sections=sections,
        sites=sites_table(results),
        pairs=pairs_table(results),
        losses=losses_table(results),
        **shared,
    )


_WHAT: Final = {
    "methods": "the comparison of methods (fewer than two have a result)",
    "directions": "cuts of the vectors",
    "differences": "cuts of their errors",
    "fill": "cuts of the fill",
    "charge": "shell correlations of the charge",
    "components": "shell correlations of the components",
    "pairs": "distances of pairs",
    "lines": "field lines",
    "voids": "surfaces of voids",
    "geometry": "errors of the geometry",
}


def _missing(names: tuple[str, ...], figures: object) -> str:
    """Name the figures that have nothing to show, for a reader who looks for them."""
    return ", ".join(_WHAT[name] for name in names if name not in figures)  # type: ignore[operator]
