"""What the pages of all runs that measure and reconstruct show alike.

Contents: :func:`parts`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from reports import flags, grids, summary
from reports.drawings import Picture
from reports.results import CONTROLS, Results


def parts(results: Results, figures: Mapping[str, Picture]) -> dict[str, Any]:
    """Give the values for the template that do not depend on the kind of measurement.

    Parameters
    ----------
    results : Results
    figures : mapping
        The pictures by name.

    Returns
    -------
    dict
    """
    seed, draw = results.shown
    return {
        "title": summary.title(results),
        "subtitle": summary.subtitle(results),
        "leading": results.lead,
        "cells": len(results.places),
        "controls": CONTROLS,
        "states": dict(Counter(status.state for status in results.scorecard.status)),
        "sentences": flags.flag_sentences(results),
        "disagreements": flags.disagreements(results),
        "flags": flags.flag_table(results),
        "gauge": grids.gauge_table(results),
        "full": grids.full_table(results),
        "settings": summary.settings(results),
        "environment": summary.environment(results),
        "figures": figures,
        "seed": seed,
        "draw": draw,
    }
