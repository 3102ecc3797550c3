"""The words and the tables of a page of vector tomography.

Contents: :func:`lead_paragraph`, :func:`key_parameters`; :data:`COLUMNS`, the table of methods, :data:`HEADLINES`;
:func:`sites_table`, :func:`pairs_table`, :func:`losses_table`, :func:`knowledge_table`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, Final

import xarray as xr

from reports.grids import Grid
from reports.metrics import MINUS, describe, plain, value_text
from reports.panels import NANO
from reports.results import CONTROLS, TRUTH, Results
from reports.summary import Grouped, config_table, grouped
from reports.superlattice_scored import show

COLUMNS: Final = (
    ("hedgehogs.recall", "", "Recall"),
    ("hedgehogs.precision", "", "Precision"),
    ("hedgehogs.f1", "", "F1"),
    ("hedgehogs.found", "", "Found inside"),
    ("hedgehogs.true", "", "True inside"),
    ("vector.error", "", "Error of m"),
    ("vector.error_longitudinal", "", "longi\u00adtudinal"),
    ("vector.error_transverse", "", "trans\u00adverse"),
    ("fsc.half_period", "fsc.full_period", "FSC, halves"),
    ("fsc_truth.half_period", "fsc_truth.full_period", "FSC, truth"),
    ("pairs.opposite", "", "Pairs +\u2060\u2212"),
)
HEADLINES: Final = (
    ("hedgehogs.recall", "of the hedgehogs found"),
    ("hedgehogs.precision", "of those found are right"),
    ("vector.error", "error of the vectors"),
    ("fsc.full_period", "resolution, full period"),
    ("pairs.opposite", "pairs of opposite ones apart"),
)
_KEYS: Final = (
    (
        "Sample",
        "sample",
        ("kind", "extent_nm", "thickness_nm", "sphere_nm", "stacking_fault", "charges", "pairs", "separation_nm"),
    ),
    (
        "Projections",
        "series",
        ("from", "in_plane_deg", "largest_tilt_deg", "tilt_step_deg", "photons", "shift_px", "angle_deg", "changed"),
    ),
    ("Optics", "optics", ("energy_ev", "polarization", "pixel_nm", "outer_zone_nm", "defocus_um", "first_mode")),
    ("Scan", "scan", ("rows", "columns", "step_nm", "jitter_nm", "error_nm")),
    ("Detector", "detector", ("photons", "pixels", "read_noise_electrons")),
    ("Scoring", "scoring", ("match_nm", "largest_shift_nm")),
)
_LABELS: Final = {
    "extent_nm": "side of the block",
    "sphere_nm": "silica spheres",
    "separation_nm": "separation of a pair",
    "charges": "hedgehogs asked for",
    "from": "starts at",
    "in_plane_deg": "series, in-plane angles",
    "shift_px": "unknown shift, rms",
    "angle_deg": "unknown angle, rms",
    "changed": "series that sees another texture",
    "pixels": "pixels a side",
    "first_mode": "first coherent mode",
    "error_nm": "unknown position error, rms",
    "match_nm": "largest distance of a match",
}
_SPECIAL: Final[Mapping[tuple[str, float], str]] = {("changed", -1): "none", ("charges", 0): "as published"}
_SITES: Final = ("octahedral", "tetrahedral", "between")
_PAIRS: Final = {"opposite": "+ \u2212", "plus": "+ +", "minus": "\u2212 \u2212"}
"""What stands for the kinds of pairs."""
_REFUSED: Final = ("distances is of shape", "allowed:")
"""Beginnings of the notes where nothing could be fitted."""
_BOUND: Final = ("the bootstrap is at the shape bound", "the null is at the shape bound")
_AT_BOUND: Final = "the shape is at its bound in some redraws"
"""Beginnings of the notes of redraws, and what stands for them; how many it is in is left to the scored file."""
_STAGES: Final = {
    "ceiling": "voxels",
    "integral-ceiling": "the solver, on line integrals without noise in known poses",
    "projection-ceiling": "the thickness of the sample, which projections do not hold",
}
_LEFT: Final = {
    "hedgehogs.recall": "recall",
    "hedgehogs.precision": "precision",
    "vector.error": "error of m",
    "vector.error_longitudinal": "longitudinal",
    "vector.error_transverse": "transverse",
    "fill.error": "error of the fill",
}
"""Columns of the table of losses by metric, after a row for each of the `_STAGES`."""


def lead_paragraph(results: Results) -> str:
    """Say in one paragraph what was simulated.

    Parameters
    ----------
    results : Results

    Returns
    -------
    str
    """
    sample, series, optics, detector = (
        config_table(results, name) for name in ("sample", "series", "optics", "detector")
    )
    angles = series.get("in_plane_deg", ())
    count = len(angles) if isinstance(angles, list | tuple) else 0
    start = (
        f"Ptychography of every projection ({plain(detector.get('photons'))} photons per frame) gives its images. "
        if series.get("from") == "photons"
        else f"Images with noise of {plain(series.get('photons'))} photons per pixel stand in for ptychography. "
    )
    return (
        f"A block of nickel, {plain(sample.get('extent_nm'))} nm wide and {plain(sample.get('thickness_nm'))} nm "
        f"thick, cast between silica spheres of {plain(sample.get('sphere_nm'))} nm, holds magnetic hedgehogs. "
        f"Soft x-rays of both helicities see it in {count} tilt series of "
        f"\u00b1{plain(series.get('largest_tilt_deg'))}\u00b0. {start}"
        f"From their optical densities each method makes the magnetization in voxels of "
        f"{plain(optics.get('pixel_nm'))} nm, knowing what an experimenter would know and nothing else. Vectors, "
        "hedgehogs, pairs and voids are then scored against the sample that was put in."
    )


def key_parameters(results: Results) -> Grouped:
    """Give the most telling parameters, by group.

    Parameters
    ----------
    results : Results

    Returns
    -------
    tuple of (group, pairs of label and value)
    """
    quenched = config_table(results, "sample").get("kind") == "quenched"
    ideal = config_table(results, "series").get("from") == "projections"
    unused = {"pairs", "separation_nm"} if quenched else {"charges"}
    frames = {"Scan", "Detector"} if ideal else set()
    keys = [
        (heading, table, tuple(key for key in wanted if ideal or (table, key) != ("series", "photons")))
        for heading, table, wanted in _KEYS
        if heading not in frames
    ]
    return grouped(results, keys, _LABELS, unused=unused, special=_SPECIAL)


def sites_table(results: Results) -> Grid:
    """Count the hedgehogs in the holes of the lattice, as published: truth and every method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Grid
        Without rows where nothing is stored.
    """
    rows: list[tuple[str, ...]] = []
    for method, case in show(results).items():
        if "site_count" not in case.scored:
            continue
        counts = case.scored["site_count"]
        sources = ((TRUTH, "truth"), (method, "found")) if not rows else ((method, "found"),)
        rows += [(name, *(_site(counts, source, kind) for kind in (*_SITES, None))) for name, source in sources]
    headings = ("", *(f"{kind} + / \u2212 / all" for kind in ("octahedral", "tetrahedral", "between", "anywhere")))
    return Grid(headings, tuple(rows))


def _site(counts: xr.DataArray, source: str, kind: str | None) -> str:
    here = counts.sel(source=source)
    here = here.sum("site_kind") if kind is None else here.sel(site_kind=kind)
    plus, minus = (int(here.sel(sign=sign)) for sign in (1, -1))
    return f"{plus} / {minus} / {plus + minus}"


def pairs_table(results: Results) -> Grid:
    """Set the fitted distances of neighbours of every method beside the truth and charges at random.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Grid
        Without rows where nothing is stored.
    """
    rows: list[tuple[str, ...]] = []
    for method, case in show(results).items():
        if "pair_mu" not in case.scored:
            continue
        sources = ((TRUTH, "truth"), (method, "found")) if not rows else ((method, "found"),)
        for name, source in sources:
            here = case.scored.sel(source=source)
            cells = [
                text for kind in _PAIRS for text in (_mu(here.sel(pair_kind=kind)), _random(here.sel(pair_kind=kind)))
            ]
            rows.append((name, *cells, _notes(here)))
    headings = ("", *(text for kind in _PAIRS.values() for text in (f"{kind}: \u03bc (nm)", "at random (nm)")), "notes")
    return Grid(headings, tuple(rows))


def _notes(one: xr.Dataset) -> str:
    """Join what the fits say of themselves, by kind; that there are too few distances stands in their cells."""
    if "pair_note" not in one:
        return ""
    told: dict[str, list[str]] = {}
    for kind, sign in _PAIRS.items():
        for part in str(one["pair_note"].sel(pair_kind=kind).item()).split("; "):
            if part and not part.startswith(_REFUSED):
                signs = told.setdefault(_AT_BOUND if part.startswith(_BOUND) else part, [])
                signs += [sign] if sign not in signs else []
    return "; ".join(f"{', '.join(signs)}: {part}" for part, signs in told.items())


def _mu(one: xr.Dataset) -> str:
    mu, error = (float(one[name]) * NANO if name in one else math.nan for name in ("pair_mu", "pair_mu_error"))
    if not math.isfinite(mu):
        return "too few"
    return f"{mu:.1f} \u00b1 {error:.1f}" if math.isfinite(error) else f"{mu:.1f}"


def _random(one: xr.Dataset) -> str:
    mu, low, high = (
        float(one[name]) * NANO if name in one else math.nan for name in ("null_mu", "null_low", "null_high")
    )
    if not math.isfinite(mu):
        return "\u2013"
    return f"{mu:.1f} ({low:.1f}\u2013{high:.1f})" if math.isfinite(low + high) else f"{mu:.1f}"


def losses_table(results: Results) -> Grid:
    """Say what each stage leaves of hedgehogs and vectors: the controls in their order, then the leading method.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Grid
        Without rows where there is no such control.
    """
    stages = [(name, what) for name, what in _STAGES.items() if name in results.methods]
    lead = results.lead
    if not stages or lead in CONTROLS or lead not in results.methods:
        return Grid((), ())
    rows = []
    for name, what in (*stages, (lead, "photons, images, poses and noise as an experiment has them")):
        spreads = [(metric, results.spread(name, metric)) for metric in _LEFT]
        texts = ("" if one is None else value_text(one, describe(metric, one.unit)) for metric, one in spreads)
        rows.append((name, what, *texts))
    return Grid(("row", "what is added", *_LEFT.values()), tuple(rows))


def knowledge_table(results: Results) -> Grid:
    """Say what each method was told, what it found itself and what the scoring removed.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Grid
    """
    rows = []
    for method, case in show(results).items():
        told = "the truth" if method == "ceiling" else ", ".join(case.knowledge) or "nothing"
        headline = next(
            (found for name, *_ in COLUMNS if (found := results.spread(method, name)) and found.gauge), None
        )
        removed = headline.gauge if headline is not None else "\u2013"
        rows.append((method, told, ", ".join(case.gauge) or "\u2013", removed, _shift(case.scored.attrs)))
    headings = ("method", "told beforehand", "found from its own data", "registered to the truth", "shift (voxels)")
    return Grid(headings, tuple(rows))


def _shift(attributes: Mapping[Any, Any]) -> str:
    stored = attributes.get("shift")
    try:
        values = json.loads(stored) if isinstance(stored, str) else [float(value) for value in stored or ()]
    except (TypeError, ValueError):
        return "\u2013"
    if not isinstance(values, list) or len(values) != 3:
        return "\u2013"
    return ", ".join(f"{axis} {float(value) + 0.0:.2f}" for axis, value in zip("zyx", values, strict=True)).replace(
        "-", MINUS
    )
