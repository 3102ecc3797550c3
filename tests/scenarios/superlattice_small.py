"""A superlattice that is imaged in seconds, from projections or from photons, and what its scorecard says."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SMALL = (
    "sample.extent_nm=100",
    "sample.thickness_nm=60",
    "sample.charges=8",
    "series.image_pixels=44",
    "series.tilt_step_deg=30",
    "series.largest_tilt_deg=60",
    "scoring.null_draws=5",
    "scoring.interval_draws=10",
)
FROM_PROJECTIONS = (*SMALL, "series.from=projections", 'reconstruction.methods=["cgls"]')
FROM_PHOTONS = (
    *SMALL,
    'reconstruction.methods=["rpie+coupled/cgls"]',
    "reconstruction.halves=false",
    "series.projections_per_cell=8",
    "scan.rows=6",
    "scan.columns=6",
    "scan.step_nm=30",
    "scan.jitter_nm=6",
    "detector.pixels=48",
    "detector.pitch_um=288",
    "optics.defocus_um=3.5",
    "optics.defocus_error_um=0",
)


def command(overrides: Sequence[str], *, out: Path) -> list[str]:
    """Return the command of a run with `overrides`."""
    words = [word for change in overrides for word in ("--set", change)]
    return [sys.executable, "-m", "scenarios.superlattice", *words, "--out", str(out)]


def environment(cache: Path) -> dict[str, str]:
    """Return the variables of a run with a cache of its own."""
    return {**os.environ, "TRUESPIN_CACHE_DIR": str(cache)}


def values(run: Path) -> dict[tuple[str, str], Any]:
    """Return the values of a scorecard by method and metric."""
    rows = json.loads((run / "scorecard.json").read_text(encoding="utf-8"))["rows"]
    return {(row["method"], row["metric"]): row["value"] for row in rows}
