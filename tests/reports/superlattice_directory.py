"""A run directory of vector tomography that nobody reconstructed: a lattice, methods with known errors, scores."""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from scipy import ndimage
from scipy.spatial.transform import Rotation

from records import projections_reconstruction, store
from records.scorecard import Row, Scorecard, Status
from scenarios import superlattice_controls, superlattice_scoring
from scenarios.configuration import resolve, shipped
from scenarios.superlattice_signal import image_signal
from scenarios.superlattice_tables import Superlattice, series_setup
from simulators.experiments.tilt_series import detect_tilt_series, ideal_truth
from simulators.samples.block import Block
from simulators.samples.hedgehog_superlattice import hedgehog_superlattice

METHODS = {"floor": 0.0, "cgls": 0.45, "vector+": 0.2, "ceiling": 0.0}
"""Methods of the run, and by how much their vectors are wrong."""

_PLACE: dict[str, Any] = {"scenario": "superlattice", "profile": "quick", "seed": 0, "draw": 0}
_SETTINGS = superlattice_scoring.SuperlatticeSettings(interval_draws=2, null_draws=2)


def write(
    folder: Path,
    *,
    methods: Sequence[str] = tuple(METHODS),
    failed: str = "",
    halves: bool = True,
    size_nm: tuple[float, float, float] = (60.0, 110.0, 110.0),
) -> Path:
    """Fill `folder` with a run, of which one method may have `failed` and halves may be missing."""
    rng = np.random.default_rng(4)
    configuration = resolve(Superlattice, shipped("superlattice"), profile="quick")
    tables = configuration.model_dump()
    tables["series"] |= {"from": "projections", "tilt_step_deg": 31.0, "image_pixels": 48}
    truth, measurement = _experiment(tables, size_nm, rng)
    rows = [_row("truth", value) for value in superlattice_scoring.score_truth(truth, rng=rng, settings=_SETTINGS)]
    status = []
    for method in methods:
        if method == failed:
            status.append(Status(**_PLACE, method=method, state="failed", reason="it was told to"))
            continue
        found = reconstruction(truth, method, rng)
        parts = (
            (reconstruction(truth, method, rng), reconstruction(truth, method, rng))
            if halves and METHODS[method]
            else None
        )
        values, scored = superlattice_scoring.score(
            found,
            truth,
            halves=parts,
            signal=image_signal(measurement),
            rng=rng,
            settings=_SETTINGS,
        )
        scored.attrs.update(method=method, seed=0, draw=0)
        store.save(scored, folder / "scored" / method / "0.nc")
        store.save(found, folder / "reconstructions" / method / "0.nc")
        rows += [_row(method, value) for value in values]
        status.append(Status(**_PLACE, method=method, state="done"))
    run = {"scenario": "superlattice", "profile": "quick", "seeds": [0], "draws": 1, "sample": None, "points": []}
    config = {**configuration.model_dump(exclude_none=True), "run": run | {"warnings": []}}
    card = Scorecard(config=config, rows=tuple(rows), status=tuple(status))
    store.write_text(folder / "scorecard.json", card.to_json())
    return folder


def reconstruction(truth: xr.Dataset, method: str, rng: np.random.Generator) -> xr.Dataset:
    """Return a control, or the truth with smooth errors of the method's size and what a method says of itself."""
    if method in ("floor", "ceiling"):
        made: xr.Dataset = getattr(superlattice_controls, method)(truth, truth, rng=rng)
        return made
    error, count = METHODS[method], truth.sizes["projection"]
    fill, m = truth["fill"].values, truth["magnetization"].values
    noise = np.stack([ndimage.gaussian_filter(rng.standard_normal(fill.shape), 1.0) for _ in range(3)])
    smooth = ndimage.gaussian_filter(fill, 0.5) + 0.05 * error * rng.standard_normal(fill.shape)
    turns = Rotation.from_rotvec(np.radians(error * rng.standard_normal((count, 3))))
    used = np.ones(count, np.int8)
    used[2] = 0
    results = {
        "voxel_size": truth["voxel_size"].values,
        "rotation": turns.as_matrix() @ truth["rotation"].values,
        "magnetization": m + error * fill * noise / noise.std(),
        "fill": np.clip(smooth, 0, 1),
        "charge": truth["charge"].values + 5e-3 * error * rng.standard_normal(fill.shape),
        "shift": truth["shift"].values + 0.3 * error * rng.standard_normal((count, 2)),
        "used": used,
        "residual": 0.02 + 0.1 * error * rng.random(count),
        "mass_drift": 0.01 * rng.standard_normal(count),
        "history": error * (0.1 + 1 / np.arange(1, 31)),
    }
    return projections_reconstruction.make(
        method=method,
        results=results,
        flags={"mass": (error > 0.3, 0.02 * error)},
        knowledge=("nominal angles", "beta_m"),
        gauge=("rigid motion",),
    )


def _experiment(
    tables: dict[str, Any], size_nm: tuple[float, float, float], rng: np.random.Generator
) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the truth of a small lattice, and a measurement of it for the power of its signal."""
    setup = series_setup(tables)
    block = Block(size=(1e-9 * size_nm[0], 1e-9 * size_nm[1], 1e-9 * size_nm[2]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sample = hedgehog_superlattice(block=block, voxel_size=2.5e-9, rng=rng)
        truth = ideal_truth(sample, setup, seed=0)
    return truth, detect_tilt_series(truth, setup, seed=0, draw=0)


def _row(method: str, value: Any) -> Row:
    plain = dataclasses.asdict(value)
    finite: dict[str, Any] = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in plain.items()}
    return Row(**_PLACE, method=method, **finite)
