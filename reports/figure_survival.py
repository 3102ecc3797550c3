"""The figure of a survival study: hedgehogs left against time.

Contents: :func:`draw`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from reports.style import INK, MUTED, letter, new_figure

_PLUS, _MINUS, _TOTAL = "#c0392b", "#1f5fbf", INK


def draw(study: xr.Dataset) -> Figure | None:
    """Draw the numbers of both signs against time on logarithmic axes, and the share of starts with any left.

    Parameters
    ----------
    study : Dataset
        Content of ``study.nc``.

    Returns
    -------
    Figure
    """
    figure = new_figure(11.4, 4.6)
    numbers, share = figure.subplots(1, 2, width_ratios=[1.75, 1.0])
    time = study["time"].values
    later = time > 0
    _numbers(numbers, study, time, later)
    total = study["plus"].values + study["minus"].values
    share.step(time[later], 100.0 * (total[:, later] > 0).mean(axis=0), where="post", color=_TOTAL, linewidth=1.7)
    share.set_xscale("log")
    share.set_ylim(-3, 106)
    share.set_xlabel("reduced time")
    share.set_ylabel("starts with any hedgehog left (%)")
    letter(share, "b", "until none is left")
    return figure


def _numbers(axes: Any, study: xr.Dataset, time: np.ndarray, later: np.ndarray) -> None:
    plus, minus = study["plus"].values, study["minus"].values
    for values, colour, label in ((plus, _PLUS, "$N_+$, each start"), (minus, _MINUS, "$N_-$, each start")):
        for index, curve in enumerate(values):
            # Zero has no place on a logarithmic axis: the curve ends where the last one goes.
            shown = later & (curve > 0)
            axes.plot(
                time[shown], curve[shown], color=colour, linewidth=0.8, alpha=0.55, label=label if index == 0 else None
            )
    total = plus + minus
    mean = total.mean(axis=0)
    shown = later & (mean > 0)
    axes.plot(time[shown], mean[shown], color=_TOTAL, linewidth=2.0, label="$N_+ + N_-$, mean")
    if len(total) > 1:
        spread = total.std(axis=0, ddof=1)
        low = np.maximum(mean - spread, 0.1)
        axes.fill_between(time[shown], low[shown], (mean + spread)[shown], color=_TOTAL, alpha=0.13, linewidth=0)
    published = float(study.attrs["published_charges"])
    axes.axhline(published, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)))
    axes.text(time[later][0], published * 1.08, " as dense as published", fontsize=7.5, color=MUTED, va="bottom")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_ylim(0.5 / len(total), None)
    axes.set_xlabel("reduced time")
    axes.set_ylabel("hedgehogs in the block")
    axes.legend(loc="upper right")
    letter(axes, "a", "hedgehogs left")
