"""A run directory of a ptychographic run that nobody simulated: truth, methods with known errors, scores."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import xarray as xr

from records import ptychography_reconstruction, ptychography_truth, store
from records.scorecard import Row, Scorecard, Status
from scenarios import ptychography_scoring
from scenarios.configuration import resolve, shipped
from scenarios.ptychography_tables import Ptychography
from scenarios.scoring_settings import ScoringSettings
from tests.ptychography_problem import PIXEL, annular_probe, textured_object

METHODS = {"floor": 1.0, "rpie": 0.2, "rpie+": 0.05}
SIZE, N, PHOTONS = 160, 64, 1e5


def write(folder: Path, *, failed: str = "") -> Path:
    """Fill `folder` with a run of three methods, one of which may have `failed`."""
    rng = np.random.default_rng(4)
    truth = _truth(rng)
    place = {"scenario": "ptychography", "profile": "quick", "seed": 0, "draw": 0}
    rows, status = [], []
    for method, error in METHODS.items():
        if method == failed:
            status.append(Status(**place, method=method, state="failed", reason="it was told to"))
            continue
        found = _reconstruction(truth, method, error, rng)
        values, scored = ptychography_scoring.score(
            found, truth, truth, photons=PHOTONS, rng=rng, settings=ScoringSettings(draws=0)
        )
        scored.attrs.update(method=method, seed=0, draw=0)
        store.save(scored, folder / "scored" / method / "0.nc")
        store.save(found, folder / "reconstructions" / method / "0.nc")
        plain = [{k: _finite(v) for k, v in dataclasses.asdict(value).items()} for value in values]
        rows += [Row(**place, method=method, **value) for value in plain]
        status.append(Status(**place, method=method, state="done"))
    configuration = resolve(Ptychography, shipped("ptychography"), profile="quick")
    run = {"scenario": "ptychography", "profile": "quick", "seeds": [0], "draws": 1, "sample": None, "points": []}
    config = {**configuration.model_dump(exclude_none=True), "run": run | {"warnings": []}}
    card = Scorecard(config=config, rows=tuple(rows), status=tuple(status))
    store.write_text(folder / "scorecard.json", card.to_json())
    return folder


def _finite(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _truth(rng: np.random.Generator) -> xr.Dataset:
    charge = textured_object(SIZE, rng)
    magnetic = 0.05 * np.sign(np.real(np.log(textured_object(SIZE, rng))) + 0.22)
    axis = (np.arange(SIZE) - SIZE // 2) * PIXEL
    nodes = np.stack(np.meshgrid(*[np.linspace(-44, 44, 7)] * 2, indexing="ij"), -1).reshape(-1, 2)
    places = PIXEL * (nodes + rng.uniform(-2, 2, (2, 49, 2)))
    fault = np.zeros((2, 49), int)
    fault[0, [3, 30]], fault[1, 7] = 1, 2
    frames = {"position_y": places[..., 0], "position_x": places[..., 1], "flux": np.ones((2, 49)), "fault": fault}
    return ptychography_truth.make(
        object_=np.stack([charge * np.exp(-magnetic / 2), charge * np.exp(magnetic / 2)]),
        probe=np.sqrt(PHOTONS) * np.stack([math.sqrt(0.9) * annular_probe(N, 2e-6), _second_mode()]),
        coordinates=(axis, axis),
        frames=frames,
        images={},
        notes={"setup": {}, "fault_kinds": {"1": "band", "2": "jump"}},
    )


def _second_mode() -> np.ndarray:
    first = annular_probe(N, 2e-6)
    tilted = first * np.sin(2 * np.pi * (np.arange(N) - N // 2) / N)[None, :]
    return np.asarray(math.sqrt(0.1) * tilted / np.linalg.norm(tilted))


def _reconstruction(truth: xr.Dataset, method: str, error: float, rng: np.random.Generator) -> xr.Dataset:
    noise = rng.standard_normal((2, 2, SIZE, SIZE)) * error / 3
    corrupt = truth["fault"].values.copy()
    corrupt[0, 3], corrupt[0, 10] = 0, 1
    shift = error * PIXEL * rng.standard_normal((2, 2, 49))
    magnetic = truth["magnetic"].values + 0.1 * error * rng.standard_normal((SIZE, SIZE))
    results = {
        "object": truth["object"].values + noise[0] + 1j * noise[1],
        "probe": np.repeat(truth["probe"].values[None] * (1 + 0.1 * error), 2, axis=0),
        "pixel_size": PIXEL,
        "wavelength": 1.448e-9,
        "position_y": truth["position_y"].values + shift[0],
        "position_x": truth["position_x"].values + shift[1],
        "flux": 1 + 0.1 * error * rng.standard_normal((2, 49)) ** 2,
        "frame_error": error * (1 + 0.1 * rng.random((2, 49))),
        "corrupt": corrupt,
        "history": error * (1 + 3 / np.arange(1, 31))[None].repeat(2, axis=0),
        "magnetic": magnetic,
    }
    return ptychography_reconstruction.make(
        method=method,
        results=results,
        coordinates=(truth["y"].values, truth["x"].values),
        knowledge=("nominal optics",),
        gauge=("probe power",),
    )
