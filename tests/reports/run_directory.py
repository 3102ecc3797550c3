"""Make a run directory with invented but plausible content, quickly and without any of the three pillars."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy.ndimage import gaussian_filter

from records import scorecard as scorecards
from records import store
from records.scorecard import Row, Scorecard, Status

PIXEL = 5.3e-9
WINDOW = 128
QUALITY = {"floor": 0.0, "fth": 0.35, "hapre": 0.8, "hapre+": 0.97, "ceiling": 1.0}

CONFIG: dict[str, Any] = {
    "sample": {"period_nm": 150.0, "wall_width_nm": 5.1, "repeats": 15, "cobalt_nm": 0.8, "in_plane": False},
    "optics": {
        "energy_ev": 778.25,
        "polarization": 0.9,
        "pixel_nm": 5.3,
        "hole_nm": 600.0,
        "references": 7,
        "reference_kind": "multislice",
        "reference_min_nm": 40.0,
        "reference_max_nm": 60.0,
        "visibility": 0.9,
        "resolving_power": 0.0,
    },
    "detector": {"pixels": 512, "photons": 5e9, "pitch_um": 13.5, "stops_speckles": [0.9, 3.0, 9.0]},
    "reconstruction": {"methods": ["fth", "hapre", "hapre+"], "halves": True, "prtf_starts": 0, "time_limit_s": 600.0},
    "scoring": {},
}


def write_run(
    folder: Path,
    *,
    seeds: Sequence[int] = (0,),
    draws: int = 1,
    methods: Sequence[str] = ("fth", "hapre", "hapre+"),
    failed: Sequence[tuple[str, str, str]] = (),
    prtf: bool = True,
    halves: bool = True,
) -> Path:
    """Write a run directory; `failed` holds (method, state, reason) of methods without a result."""
    order = ["floor", *methods, "ceiling"]
    rows: list[Row] = []
    status: list[Status] = []
    for seed in seeds:
        target = folder / f"seed-{seed}" if len(seeds) > 1 else folder
        for draw in range(draws):
            place = {"scenario": "domain-walls", "profile": "quick", "seed": seed, "draw": draw}
            for method in order:
                rng = np.random.default_rng([seed, draw, len(method)])
                status.append(Status(**place, method=method, state="done"))
                rows += [Row(**place, method=method, **metric) for metric in _metrics(method, rng, prtf, halves)]
                dataset = scored(method, seed, rng, prtf=prtf, halves=halves)
                store.save(dataset, target / "scored" / method / f"{draw}.nc")
                told = xr.Dataset(attrs={"method": method, **_told(method)})
                store.save(told, target / "reconstructions" / method / f"{draw}.nc")
            for metric, value, unit in (("wall_width", 5.11e-9, "m"), ("visibility", 0.9, "1"), ("focus", -1e-6, "m")):
                rows.append(Row(**place, method="truth", metric=metric, value=value, unit=unit))
            status += [Status(**place, method=name, state=state, reason=why) for name, state, why in failed]
    run = {"scenario": "domain-walls", "profile": "quick", "seeds": list(seeds), "draws": draws, "sample": None}
    scorecards.save(Scorecard({**CONFIG, "run": run}, tuple(rows), tuple(status)), folder / "scorecard.json")
    (folder / "resources.json").write_text(json.dumps(_resources(order, seeds, draws)))
    (folder / "config.toml").write_text("[sample]\nperiod_nm = 150.0\n")
    return folder


def _told(method: str) -> dict[str, str]:
    knowledge = (
        [] if method in ("floor", "ceiling") else ["beta_m t", "degree of circular polarisation", "mask drawing"]
    )
    gauge = ["focus", "offset", "phase"] if method.startswith("hapre") else []
    parameters = {"raar": 700, "er": 50} if method.startswith("hapre") else {}
    return {
        "knowledge": json.dumps(knowledge),
        "gauge": json.dumps(gauge),
        "parameters": json.dumps(parameters),
    }


def _resources(methods: Sequence[str], seeds: Sequence[int], draws: int) -> dict[str, Any]:
    cells = [
        {
            "seed": seed,
            "draw": draw,
            "method": method,
            "state": "done",
            "cached": False,
            "seconds": 12.5,
            "peak_bytes": 700_000_000,
            "stages": {"reconstruct": 10.25, "score": 2.25},
        }
        for seed in seeds
        for draw in range(draws)
        for method in methods
    ]
    return {
        "schema": 1,
        "scenario": "domain-walls",
        "profile": "quick",
        "command": ["truespin", "run", "domain-walls"],
        "date": "2026-01-02T03:04:05+00:00",
        "machine": {"system": "Linux", "processor": "x86_64", "processors": 2, "threads": "2"},
        "versions": {"python": "3.13.1", "numpy": "2.5.0", "truespin": "0.1.0"},
        "cells": cells,
    }


def _metrics(method: str, rng: np.random.Generator, prtf: bool, halves: bool) -> list[dict[str, Any]]:
    quality = QUALITY.get(method, 0.6)
    noise = 1 + 0.01 * rng.standard_normal(12)
    half = 5.3e-9 * (1 + 3 * (1 - quality)) * noise[0]
    shift = {"gauge": "shift", "criterion": "1-bit, half sets, n full"}
    found = [
        _entry("frc_truth.half_period", half, "m", 1e-10, "lower", **shift),
        _entry("frc_truth.full_period", 2 * half, "m", 2e-10, "lower", **shift),
        _entry("frc_truth.half_period.half_bit", 0.95 * half, "m", 1e-10, "lower", **shift),
        _entry("wall_width", 5.1e-9 / max(quality, 0.3) * noise[1], "m", 5e-11, "match", gauge="shift"),
        _entry("wall_width.truth", 5.11e-9, "m"),
        _entry("wall_width.ceiling", 5.16e-9, "m"),
        _entry("contrast", quality * noise[2], "1", 2e-3, "match", gauge="shift"),
        _entry("offset", 0.004 * noise[3], "1", 1e-3, "match", gauge="shift"),
        _entry("correlation", min(quality * noise[4], 1.0), direction="higher", gauge="shift"),
        _entry("frc_truth.half_period.fitted", 0.98 * half, "m", None, "lower", gauge="shift, focus"),
    ]
    if halves and method != "ceiling":
        found += [
            _entry("frc_halves.half_period", 0.9 * half, "m", 1e-10, "lower", **shift),
            _entry("frc_halves.full_period", 1.8 * half, "m", 2e-10, "lower", **shift),
            _entry("flag.halves_disagree", float(method == "fth")),
            _entry("flag_value.halves_disagree", 0.1),
        ]
    if not method.startswith("hapre"):
        return found
    found += [
        _entry("nrmse", 0.1 / quality * noise[5], direction="lower", gauge="phase, shift"),
        _entry("visibility", 0.9 * noise[6], direction="match"),
        _entry("visibility.truth", 0.9),
        *[_entry(f"coherence_length{axis}", 3.27e-6 * noise[7], "m", direction="match") for axis in ("", ".x", ".y")],
        *[_entry(f"coherence_length{axis}.truth", 3.27e-6, "m") for axis in ("", ".x", ".y")],
        _entry("focus", -1.01e-6 * noise[8], "m", direction="match"),
        _entry("focus.truth", -1e-6, "m"),
        _entry("heterodyne_gain", 7.4 * noise[9]),
        _entry("heterodyne_gain.truth", 7.4),
        _entry("flag.missing_centre", 0.0),
        _entry("flag_value.missing_centre", 0.9),
        _entry("flag.second_helicity", float(method == "hapre")),
        _entry("flag_value.second_helicity", 4.0),
    ]
    if prtf:
        found += [_entry("prtf.half_period", 5.3e-9, "m", None, "lower"), _entry("prtf.full_period", 1.06e-8, "m")]
    return found


def _entry(
    metric: str,
    value: float,
    unit: str = "1",
    uncertainty: float | None = None,
    direction: str = "none",
    criterion: str = "",
    gauge: str = "",
) -> dict[str, Any]:
    return {
        "metric": metric,
        "value": value,
        "unit": unit,
        "uncertainty": uncertainty,
        "direction": direction,
        "criterion": criterion,
        "gauge": gauge,
    }


def scored(method: str, seed: int, rng: np.random.Generator, *, prtf: bool, halves: bool) -> xr.Dataset:
    """Make the record ``scored`` of a method that is as good as `QUALITY` says."""
    quality = QUALITY.get(method, 0.6)
    coordinate = (np.arange(WINDOW) - WINDOW // 2) * PIXEL
    y, x = np.meshgrid(coordinate, coordinate, indexing="ij")
    hole = np.hypot(y, x) < 300e-9
    texture = gaussian_filter(np.random.default_rng(seed).standard_normal((WINDOW, WINDOW)), 8, mode="wrap")
    truth = np.tanh(texture / texture.std() * 2.5) * hole
    image = quality * gaussian_filter(truth, 4 * (1 - quality)) + 0.05 * rng.standard_normal(truth.shape)
    image = image * hole
    images = {"m_z": image, "truth_m_z": truth, "difference": image - truth, "visible": hole.astype(float)}
    parts: dict[str, Any] = {name: (("wy", "wx"), value.astype(np.float32)) for name, value in images.items()}
    parts["score_mask"] = (("wy", "wx"), np.hypot(y, x) < 240e-9)
    parts |= _curves(quality, rng, halves) | _wall(quality)
    if method != "floor":
        parts |= _patterns(rng)
    if method.startswith("hapre"):
        parts |= _fields(prtf)
        parts["amplitude"] = (("wy", "wx"), (0.5 * hole).astype(np.float32))
        parts["coherence_kernel"] = (("ky", "kx"), _kernel())
        parts["history"] = ("iteration", np.exp(-np.arange(100) / 20) + 1e-3)
    attributes = {"record": "scored", "schema": 1, "method": method, "pixel_size": PIXEL, "shift": [1e-9, -2e-9]}
    coords = {name: (name, coordinate, {"units": "m"}) for name in ("wy", "wx")}
    return xr.Dataset(parts, coords=coords, attrs=attributes)


def _curves(quality: float, rng: np.random.Generator, halves: bool) -> dict[str, Any]:
    frequency = np.arange(1, 65) / (WINDOW * PIXEL)
    decay = np.exp(-((frequency * PIXEL * 2 / max(quality, 0.1)) ** 4)) * quality
    parts: dict[str, Any] = {
        "frequency": ("frequency", frequency, {"units": "1/m"}),
        "frc_truth": ("frequency", decay + 0.02 * rng.standard_normal(64)),
        "threshold_1bit": ("frequency", 1 / 3 + 0.4 / np.sqrt(np.arange(1, 65))),
        "threshold_half_bit": ("frequency", 0.1716 + 0.4 / np.sqrt(np.arange(1, 65))),
        "psd": ("frequency", 1e-15 * decay + 1e-19),
        "psd_truth": ("frequency", 1e-15 * np.exp(-frequency * PIXEL * 8)),
    }
    if halves:
        parts["frc_halves"] = ("frequency", decay**0.8 + 0.02 * rng.standard_normal(64))
    return parts


def _wall(quality: float) -> dict[str, Any]:
    position = np.arange(-30, 31) * 1e-9
    delta = 5.1e-9 / max(quality, 0.3)
    count = 60
    turn = np.linspace(0, 2 * np.pi, count)
    return {
        "profile_position": ("profile_position", position, {"units": "m"}),
        "profile_mean": ("profile_position", quality * np.tanh(position / delta) + 0.01, {"delta": delta}),
        "profile_fit": ("profile_position", quality * np.tanh(position / delta)),
        "profile_truth": ("profile_position", np.tanh(position / 5.1e-9), {"delta": 5.1e-9}),
        "wall_y": ("wall_point", 150e-9 * np.sin(turn), {"units": "m"}),
        "wall_x": ("wall_point", 150e-9 * np.cos(turn), {"units": "m"}),
        "wall_delta": ("wall_point", delta * (1 + 0.1 * np.sin(5 * turn)), {"units": "m"}),
    }


def _fields(prtf: bool) -> dict[str, Any]:
    frequency = np.arange(1, 257) / (512 * PIXEL)
    without = 1e4 * np.exp(-frequency * PIXEL * 12)
    gain = 1 + 6.4 * (frequency / frequency[-1])
    parts: dict[str, Any] = {"field_frequency": ("field_frequency", frequency, {"units": "1/m"})}
    for prefix in ("heterodyne_", "heterodyne_truth_"):
        parts[f"{prefix}with"] = ("field_frequency", without * gain, {"units": "photon"})
        parts[f"{prefix}without"] = ("field_frequency", without, {"units": "photon"})
    if prtf:
        parts["prtf"] = ("field_frequency", 1 - 0.5 * (frequency / frequency[-1]) ** 2, {"floor": 0.2})
    return parts


def _patterns(rng: np.random.Generator) -> dict[str, Any]:
    n = np.arange(128) - 64
    radius = np.hypot(*np.meshgrid(n, n, indexing="ij"))
    mean = 5 - 0.05 * radius + 0.3 * rng.standard_normal((128, 128))
    mean[radius < 2] = np.nan
    return {
        "pattern": (("py", "px"), mean.astype(np.float32)),
        "dichroic_pattern": (("py", "px"), (10**mean * 0.1 * rng.standard_normal((128, 128))).astype(np.float32)),
    }


def _kernel() -> np.ndarray:
    n = np.arange(9) - 4
    row = np.exp(-(n**2) / 0.5)
    kernel = np.outer(row, row)
    return np.asarray(kernel / kernel.sum())
