"""The kinds of pinning sites: how wide the walls are at each, and which sites an image could show.

Contents: :func:`draw_kinds`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure

from reports.figure_sites import NO_SITE, TRUE_KINDS, VERY_WIDE, Sites, mark, read_sites
from reports.metrics import number
from reports.panels import NANO
from reports.series import SeriesResults
from reports.style import INK, MUTED, letter, new_figure

_SIZE = 8.0  # of a mark, points


def draw_kinds(results: SeriesResults) -> Figure | None:
    """Draw delta at every site that was found with the bands that tell the kinds apart; and which true ones were found.

    Parameters
    ----------
    results : SeriesResults

    Returns
    -------
    Figure or None
        None where there are no sites, neither found nor true.
    """
    sites = read_sites(results)
    if sites is None or not (sites.found.size or sites.true.size):
        return None
    figure = new_figure(11.4, 3.9)
    panels = figure.subplots(1, 2, width_ratios=[1.25, 1.0])
    table = results.table("sites")
    _widths(panels[0], sites, float(table.get("tolerance", 0.2)))
    letter(panels[0], "a", f"walls at the sites, {results.lead}")
    _visibility(panels[1], sites, int(table.get("minimum_states", 1)), float(table.get("minimum_snr", 5.0)))
    letter(panels[1], "b", "true sites in the image")
    return figure


def _widths(axes: Any, sites: Sites, tolerance: float) -> None:
    pooled = sites.pooled
    reference = float(pooled["found_reference_width"]) * NANO
    delta, error = (pooled[f"found_{name}"].values * NANO for name in ("delta", "delta_error"))
    kinds = _true_kinds(sites)
    ranks = [*TRUE_KINDS, ""]
    order = sorted(range(len(kinds)), key=lambda site: (ranks.index(kinds[site]), np.nan_to_num(delta[site], nan=1e9)))
    top = 1.15 * max(VERY_WIDE, float(np.nanmax(np.append(delta + error, 0.0))))
    if np.isfinite(reference):
        _bands(axes, reference, tolerance, top)
    for kind in ranks:
        marker, colour = TRUE_KINDS.get(kind, NO_SITE)
        at = np.array([place for place, site in enumerate(order) if kinds[site] == kind], int)
        if not at.size:
            continue
        chosen = np.array(order)[at]
        passed = np.isfinite(delta[chosen])
        look = mark(marker, colour, filled=True, size=_SIZE) | {"label": f"truly {kind}" if kind else "no site there"}
        axes.errorbar(at[passed], delta[chosen][passed], yerr=error[chosen][passed], elinewidth=1.0, ecolor=INK, **look)
        axes.plot(at[~passed], np.full((~passed).sum(), 0.03 * top), **mark(marker, colour, filled=False, size=_SIZE))
    axes.set_ylim(0.0, top)
    axes.set_xlim(-0.7, max(len(order), 1) - 0.3)
    axes.set_xticks([])
    axes.set_xlabel("sites found, by true kind; open at the bottom: no wall passes")
    axes.set_ylabel("wall width \u03b4 at the site (nm)")
    axes.legend(loc="upper left")


def _bands(axes: Any, reference: float, tolerance: float, top: float) -> None:
    """Draw the width of walls elsewhere, and which widths count as which kind."""
    for low, high, colour, text in (
        (0.0, reference * (1 + tolerance / 2), "#e0f4ea", "as elsewhere"),
        (reference * (1 + tolerance), VERY_WIDE, "#fbf3dc", "wider"),
        (VERY_WIDE, top, "#f6e3dc", "over 20 nm"),
    ):
        axes.axhspan(low, high, color=colour, linewidth=0, zorder=0)
        words = {"ha": "right", "va": "center", "fontsize": 7.5, "color": MUTED}
        axes.text(0.99, (low + high) / 2, text, transform=axes.get_yaxis_transform(), **words)
    axes.axhline(reference, color=INK, linewidth=1.0, label=f"walls elsewhere\u2002{number(reference, 2)} nm")


def _true_kinds(sites: Sites) -> list[str]:
    """Give the true kind of each site found, empty where none is there."""
    kinds = sites.kinds("true")
    index = sites.pooled["found_true_site"].values
    return [kinds[site] if site >= 0 and kinds[site] in TRUE_KINDS else "" for site in index]


def _visibility(axes: Any, sites: Sites, states: int, least: float) -> None:
    """Draw the SNR that counts for each true site, filled where it was found."""
    pooled = sites.pooled
    snr = np.sort(pooled["true_snr"].values, axis=1)[:, -states]
    hit = np.isin(np.arange(len(snr)), pooled["found_true_site"].values)
    kinds = np.array(sites.kinds("true"))
    inside = np.flatnonzero(pooled["true_inside"].values)
    for place, site in enumerate(inside[np.argsort(-snr[inside], kind="stable")]):
        marker, colour = TRUE_KINDS.get(str(kinds[site]), NO_SITE)
        axes.plot(place, snr[site], **mark(marker, colour, filled=bool(hit[site]), size=_SIZE))
    axes.axhline(least, color=INK, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.text(0.99, least, f"SNR {least:g} ", transform=axes.get_yaxis_transform(), ha="right", va="bottom", fontsize=8)
    axes.set_ylim(0.0, 1.12 * max(2 * least, float(snr[inside].max(initial=0.0))))
    axes.set_xticks([])
    axes.set_xlabel("true sites; filled: found")
    axes.set_ylabel(f"local SNR, reached in {states} states")
