"""Make run directories of experiments with a sweep, with invented but plausible content and without any pillar."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from records import scorecard as scorecards
from records import store
from records.scorecard import Row, Scorecard, Status
from tests.reports.run_directory import CONFIG, PIXEL, QUALITY

N = 96
STATES = ("remanence", "210 mT", "partial demagnetisation")
DAMAGED = ("damaged, 88 mT", "damaged, field removed")
DOSES = (3e7, 1e9, 2e10)
TRUE_KINDS = ("raised DMI", "lowered anisotropy", "raised DMI", "lowered anisotropy", "lowered anisotropy")
FOUND_KINDS = ("raised DMI", "lowered anisotropy", "over 20 nm", "undecided", "raised DMI")
FOUND_TRUE = (0, 1, 3, 2, -1)
PINNING: dict[str, Any] = {
    "defects": {"per_square_um": 16.0, "diameter_nm": 30.0},
    "damage": {"imaged": True, "diameter_nm": 200.0, "field_mt": 88.0},
    "sites": {"diameter_nm": 30.0, "minimum_states": 2, "minimum_snr": 5.0, "tolerance": 0.2},
}
Point = Mapping[str, Any]
Entries = list[tuple[str, float | None, str, str]]
"""Metric, value, unit and direction."""


def write_pinning(
    folder: Path, *, damaged: bool = True, sites: bool = True, walls: bool = True, **options: Any
) -> Path:
    """Write a run of ``pinning``, with `options` of `write_series`."""
    points = [{"state": name} for name in (*STATES, *(DAMAGED if damaged else ()))]
    pooled: Entries = [
        ("sites.found", 5.0, "1", "none"),
        ("sites.visible", 4.0, "1", "none"),
        ("sites.recall", 0.75, "1", "higher"),
        ("sites.precision", 0.8, "1", "higher"),
        ("sites.position_error", 3.2e-9, "m", "lower"),
        ("kinds.accuracy", 0.75, "1", "higher"),
        ("kinds.undecided", 0.25, "1", "lower"),
        ("walls.median_error", 0.062, "1", "lower"),
        ("walls.coverage", None, "1", "none"),
    ]
    if damaged:
        ratios = {"period_ratio": 0.61, "contrast_ratio": 0.72, "growth": 1.3}
        pooled += [(f"damage.{name}", value, "1", "match") for name, value in ratios.items()]
        pooled += [(f"damage.{name}.truth", 1.05 * value, "1", "none") for name, value in ratios.items()]
    return write_series(
        folder,
        ("pinning", points, PINNING | {"damage": PINNING["damage"] | {"imaged": damaged}}),
        lambda quality, seed: (pooled, pinning_pool(quality, seed, damaged=damaged, sites=sites, walls=walls)),
        lambda quality, point: point_entries(quality),
        **options,
    )


def write_dose(
    folder: Path,
    *,
    doses: Sequence[float] = DOSES,
    enough: float | None = 1e9,
    rise: float = 0.0,
    **options: Any,
) -> Path:
    """Write a run of ``dose``, with `options` of `write_series`."""
    pooled: Entries = [
        ("dose.monotone", float(rise == 0), "1", "none"),
        ("dose.largest_rise", rise, "1", "lower"),
        ("dose.enough", enough, "photon", "lower"),
    ]
    return write_series(
        folder,
        ("dose", [{"photons": photons} for photons in doses], {"dose": {"photons": list(doses)}}),
        lambda quality, seed: (pooled, dose_pool(quality, seed, doses)),
        lambda quality, point: point_entries(quality * _shown(point["photons"])),
        **options,
    )


def _shown(photons: float) -> float:
    return float(min(1.0, 0.3 + 0.07 * np.log(photons / 1e7)))


def write_series(
    folder: Path,
    sort: tuple[str, Sequence[Point], Mapping[str, Any]],
    pooled: Callable[[float, int], tuple[Entries, xr.Dataset]],
    of_point: Callable[[float, Point], Entries],
    *,
    seeds: Sequence[int] = (0,),
    methods: Sequence[str] = ("hapre+",),
    failed: Sequence[tuple[Point, str]] = (),
    unpooled: Sequence[str] = (),
) -> Path:
    """Write a run directory; `sort` is its name, points and tables, `unpooled` methods whose points fail together."""
    name, points, tables = sort
    rows: list[Row] = []
    status: list[Status] = []
    for seed in seeds:
        target = folder / f"seed-{seed}" if len(seeds) > 1 else folder
        place: dict[str, Any] = {"scenario": name, "profile": "quick", "seed": seed, "draw": 0}
        for method in ("floor", *methods, "ceiling"):
            quality = QUALITY.get(method, 0.6) * (1 - 0.01 * (seed % 3))
            for point in points:
                at = {**place, "method": method, "sweep": point}
                if (point, method) in failed:
                    status.append(Status(**at, state="failed", reason="exit code 9"))
                    continue
                status.append(Status(**at, state="done"))
                rows += [_row(at, entry) for entry in of_point(quality, point)]
            if method in unpooled:
                status.append(Status(**place, method=method, state="failed", reason="no walls"))
                continue
            entries, found = pooled(quality, seed)
            rows += [_row({**place, "method": method}, entry) for entry in entries]
            store.save(found.assign_attrs(method=method), target / "pooled" / method / "0.nc")
        rows += [_row({**place, "method": "truth", "sweep": p}, ("wall_width", 5.11e-9, "m", "none")) for p in points]
    run = {"scenario": name, "profile": "quick", "seeds": list(seeds), "draws": 1, "points": list(points)}
    scorecards.save(Scorecard({**CONFIG, **tables, "run": run}, tuple(rows), tuple(status)), folder / "scorecard.json")
    cells = [
        {"seed": seeds[0], "draw": 0, "method": method, "point": point, "state": "done", "stages": {"reconstruct": 9.5}}
        for method in methods
        for point in points
    ]
    (folder / "resources.json").write_text(json.dumps({"versions": {"numpy": "2.5.0"}, "cells": cells}))
    return folder


def _row(place: Mapping[str, Any], entry: tuple[str, float | None, str, str]) -> Row:
    metric, value, unit, direction = entry
    return Row(**place, metric=metric, value=value, unit=unit, direction=direction)


def point_entries(quality: float) -> Entries:
    """Give the rows of one point."""
    half = 5.3e-9 * (1 + 6 * (1 - quality) ** 2)
    return [
        ("frc_truth.half_period", half, "m", "lower"),
        ("frc_truth.full_period", 2 * half, "m", "lower"),
        ("frc_halves.half_period", 1.1 * half, "m", "lower"),
        ("wall_width", 5.1e-9 / (0.2 + 0.8 * quality), "m", "match"),
        ("wall_width.truth", 5.11e-9, "m", "none"),
        ("contrast", quality, "1", "match"),
        ("correlation", quality, "1", "higher"),
        ("flag.misfit", float(quality < 0.7), "1", "none"),
    ]


def _textures(count: int, quality: float, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return images, truths and a round mask."""
    rng = np.random.default_rng([seed, count])
    smooth = np.stack([gaussian_filter(rng.standard_normal((N, N)), 6, mode="wrap") for _ in range(count)])
    truths = np.tanh(2.5 * smooth / smooth.std())
    images = quality * truths + 0.1 * rng.standard_normal(truths.shape)
    y, x = np.mgrid[:N, :N] - N // 2
    return images.astype(np.float32), truths.astype(np.float32), np.hypot(y, x) < 0.4 * N


def _axes(names: str) -> dict[str, Any]:
    place = (np.arange(N) - N // 2) * PIXEL + 40e-9
    return {f"{name}{axis}": (f"{name}{axis}", place, {"units": "m"}) for name in names for axis in "yx"}


def pinning_pool(quality: float, seed: int, *, damaged: bool, sites: bool, walls: bool) -> xr.Dataset:
    """Make the record ``pooled`` of ``pinning``: sites beside one another at 60 nm, walls on a circle."""
    images, truths, mask = _textures(len(STATES), quality, seed)
    states, window = ("state", "wy", "wx"), ("wy", "wx")
    parts: dict[str, Any] = {"images": (states, images), "truths": (states, truths), "mask": (window, mask)}
    count = len(TRUE_KINDS) if sites else 0
    x = 40e-9 + (np.arange(5)[:count] - 2) * 60e-9
    snr = np.linspace(12, 2, 5)[:count, None] * np.ones(len(STATES))
    delta = np.array([5.2, 8.0, 22.0, np.nan, 5.4])[:count] * 1e-9
    parts |= {
        "found_y": ("found_site", np.full(count, 40e-9)),
        "found_x": ("found_site", x),
        "found_kind": ("found_site", np.array(FOUND_KINDS[:count], dtype=str)),
        "found_delta": ("found_site", delta),
        "found_delta_error": ("found_site", 0.1 * delta),
        "found_true_site": ("found_site", np.array(FOUND_TRUE[:count], int)),
        "found_reference_width": ((), 5.2e-9),
        "true_y": ("true_site", np.full(count, 42e-9)),
        "true_x": ("true_site", x),
        "true_kind": ("true_site", np.array(TRUE_KINDS[:count], dtype=str)),
        "true_snr": (("true_site", "state"), snr),
        "true_inside": ("true_site", np.ones(len(snr), bool)),
        "true_visible": ("true_site", snr[:, 0] > 5),
    }
    parts |= _ring(60 if walls else 0)
    if damaged:
        images, truths, mask = _textures(2, quality, seed + 100)
        parts |= {
            "damaged_images": (("damaged_state", "dy", "dx"), images),
            "damaged_truths": (("damaged_state", "dy", "dx"), truths),
            "damaged_mask": (("dy", "dx"), mask),
            "damaged_area": (("dy", "dx"), gaussian_filter(mask.astype(float), 8) > 0.95),
            "damaged_name": ("damaged_state", np.array(DAMAGED, dtype=str)),
        }
    attributes = {"record": "pooled", "schema": 1, "pixel_size": PIXEL, "states": list(STATES)}
    return xr.Dataset(parts, coords=_axes("wd" if damaged else "w"), attrs=attributes)


def _ring(count: int) -> dict[str, Any]:
    turn = np.linspace(0, 2 * np.pi, count)
    delta = 5e-9 * (1 + 0.2 * np.sin(7 * turn))
    columns = {
        "y": 40e-9 + 100e-9 * np.sin(turn),
        "x": 40e-9 + 100e-9 * np.cos(turn),
        "normal_y": np.sin(turn),
        "normal_x": np.cos(turn),
        "delta": delta,
        "delta_error": 0.1 * delta,
        "truth": np.where(np.arange(count) % 5 == 0, np.nan, 5e-9),
        "state": np.arange(count) % len(STATES),
        "ill_conditioned": np.arange(count) % 11 == 0,
    }
    return {f"wall_{name}": ("wall_point", values) for name, values in columns.items()}


def dose_pool(quality: float, seed: int, doses: Sequence[float]) -> xr.Dataset:
    """Make the record ``pooled`` of ``dose``."""
    _, truths, mask = _textures(1, 1.0, seed)
    rng = np.random.default_rng([seed, 7])
    shown = quality * np.array([_shown(photons) for photons in doses])
    images = truths * shown[:, None, None] + (1 - shown[:, None, None]) * rng.standard_normal((len(doses), N, N))
    frequency = np.arange(1, N // 2 + 1) / (N * PIXEL)
    curves = np.exp(-((2 * frequency * PIXEL / np.maximum(shown, 0.1)[:, None]) ** 4)) * shown[:, None]
    dims = ("photons", "frequency")
    parts = {
        "photons": ("photons", np.array(doses), {"units": "photon"}),
        "images": (("photons", "wy", "wx"), images.astype(np.float32)),
        "truth_m_z": (("wy", "wx"), truths[0]),
        "score_mask": (("wy", "wx"), mask),
        "frequency": ("frequency", frequency, {"units": "1/m"}),
        "frc_truth": (dims, curves),
        "threshold_1bit": ("frequency", 1 / 3 + 0.4 / np.sqrt(np.arange(1, frequency.size + 1))),
        "frc_truth.half_period": ("photons", 5.3e-9 * (1 + 6 * (1 - shown) ** 2)),
    }
    attributes = {"record": "pooled", "schema": 1, "pixel_size": PIXEL}
    return xr.Dataset(parts, coords=_axes("w"), attrs=attributes)
