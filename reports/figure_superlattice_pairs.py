"""Distances between neighbouring hedgehogs, as the published histograms show them.

Contents: :func:`draw`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from reports.panels import NANO
from reports.results import Case, Results
from reports.style import INK, MUTED, letter, method_style, new_figure
from reports.superlattice_scored import show

KINDS: Final = {"opposite": "+ to \u2212", "plus": "+ to +", "minus": "\u2212 to \u2212"}
_ROWS: Final = 2  # of methods, besides the truth that stands in all of them


def draw(results: Results) -> Figure | None:
    """Draw for each kind of pair the histogram of distances with its fit, the truth's fit and charges at random.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where no distances are stored.
    """
    cases = {method: case for method, case in show(results).items() if "pair_histogram" in case.scored}
    if not cases:
        return None
    first = results.lead if results.lead in cases else next(iter(cases))
    others = [method for method in cases if method in results.compared() and method != first]
    chosen = [first, *others[: _ROWS - 1]]
    figure = new_figure(11.4, 2.9 * len(chosen) + 0.2)
    rows = figure.subplots(len(chosen), 3, squeeze=False)
    marks = iter("abcdefghijkl")
    for panels, method in zip(rows, chosen, strict=True):
        for axes, (kind, words) in zip(panels, KINDS.items(), strict=True):
            _panel(axes, cases[method], kind, results)
            letter(axes, next(marks), f"{method}: {words}")
        panels[0].set_ylabel("share per nm")
    for axes in rows[-1]:
        axes.set_xlabel("distance to the nearest (nm)")
    return figure


def _panel(axes: Any, case: Case, kind: str, results: Results) -> None:
    scored = case.scored.sel(pair_kind=kind)
    style = method_style(case.method, results.methods)
    found, truth = scored.sel(source="found"), scored.sel(source="truth")
    bins = np.asarray(scored["distance"].values, float) * NANO
    width = bins[1] - bins[0] if bins.size > 1 else 1.0
    edges = np.append(bins - width / 2, bins[-1] + width / 2)
    shares = np.nan_to_num(found["pair_histogram"].values) / NANO
    axes.bar(bins, shares, width=0.9 * width, color=style.colour, alpha=0.32, label=_legend("found", found))
    axes.stairs(np.nan_to_num(truth["pair_histogram"].values) / NANO, edges, color=INK, linewidth=0.8, alpha=0.6)
    fine = np.asarray(scored["distance_fine"].values, float) * NANO
    for one, colour, dash, label in ((found, style.colour, "-", None), (truth, INK, "-", _legend("truth", truth))):
        if np.isfinite(one["pair_density"].values).any():
            axes.plot(fine, one["pair_density"].values / NANO, color=colour, linestyle=dash, linewidth=1.6, label=label)
        elif label:
            axes.plot([], [], color=colour, label=label)
    if "null_density" in found and np.isfinite(found["null_density"].values).any():
        axes.plot(
            fine, found["null_density"].values / NANO, color=MUTED, linestyle=":", linewidth=1.4, label=_null(found)
        )
    axes.set_xlim(0.0, float(edges[-1]))
    peak = max(float(np.nan_to_num(one["pair_histogram"].values).max()) for one in (found, truth)) / NANO
    axes.set_ylim(0.0, 1.75 * max(peak, 1e-3))
    handles, labels = axes.get_legend_handles_labels()
    order = sorted(range(len(labels)), key=lambda i: ("found", "truth", "at random").index(labels[i].partition(":")[0]))
    axes.legend([handles[i] for i in order], [labels[i] for i in order], loc="upper right", fontsize=7.3)


def _legend(name: str, one: xr.Dataset) -> str:
    count = int(np.nan_to_num(one["pair_count"].item())) if "pair_count" in one else 0
    mu = float(one["pair_mu"].item()) * NANO if "pair_mu" in one else np.nan
    if not np.isfinite(mu):
        return f"{name}: {count} distances, too few to fit"
    error = float(one["pair_mu_error"].item()) * NANO if "pair_mu_error" in one else np.nan
    spread = f" \u00b1 {error:.1f}" if np.isfinite(error) else ""
    return f"{name}: \u03bc = {mu:.1f}{spread} nm ({count})"


def _null(one: xr.Dataset) -> str:
    values = [float(one[name].item()) * NANO for name in ("null_mu", "null_low", "null_high") if name in one]
    if len(values) < 3 or not np.isfinite(values).all():
        return "at random"
    return f"at random: \u03bc = {values[0]:.1f} nm ({values[1]:.1f}\u2013{values[2]:.1f})"
