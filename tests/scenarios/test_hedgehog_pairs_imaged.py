"""The study hedgehog-pairs from projections and from frames of photons: one small volume each, from end to end."""

import numpy as np

from records import store
from scenarios import catalogue, cli, hedgehog_pairs_volumes
from scenarios.configuration import resolve
from scenarios.hedgehog_pairs_tables import volume_of

STUDY = catalogue.look_up("hedgehog-pairs")
SMALL = (
    "sample.block_nm=[50, 100, 100]",
    "sample.cells=[1, 2, 2]",
    "series.tilt_step_deg=62",
    "series.image_pixels=36",
    "frames.tilt_step_deg=62",
    "scan.rows=8",
    "scan.columns=8",
    "scan.step_nm=24",
    "detector.photons=1e8",
    "imaging.parameters.rpie+coupled.engine.engine.epochs=40",
    "imaging.parameters.rpie+coupled.engine.following=30",
    "reconstruction.parameters.vector+.recipe.fine_exchange=[]",
)


def test_wide_pairs_come_back_from_projections(tmp_path, monkeypatch):
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(tmp_path / "cache"))
    more = (
        "sweep.truth_nm=[]",
        "sweep.projections_nm=[25]",
        "sweep.projections_pairs=4",
        "sweep.photons_per_pixel=[1e5]",
        "scoring.draws=20",
    )
    words = [word for override in (*SMALL, *more) for word in ("--set", override)]
    assert cli.call(["run", "hedgehog-pairs", "--out", str(tmp_path / "run"), *words]) == 0
    study = store.load(tmp_path / "run" / "study.nc")
    assert study["curve"].values.tolist() == ["projections.1e5"]
    assert study["tested_hits"].values == study["tested_count"].values == 4


def test_frames_show_the_sample_where_and_as_it_is(tmp_path, monkeypatch):
    """Nine projections by ptychography: the place to half a voxel, the spins far beyond what chance gives."""
    tables = resolve(STUDY.configuration, STUDY.text, profile="quick", overrides=list(SMALL)).model_dump()
    point = {"source": "frames", "photons": 1e8, "separation_nm": 25.0, "volume": 0}
    arguments = {"configuration": tables, "seed": 0, "point": point}
    found, solve = [], hedgehog_pairs_volumes.from_frames
    monkeypatch.setattr(hedgehog_pairs_volumes, "from_frames", lambda *a, **k: found.append(solve(*a, **k)) or found[0])
    STUDY.work["frames"](arguments, {}, tmp_path)
    kept = np.load(tmp_path / "point.npz")
    assert kept["recovered"].shape == (4,)
    assert np.linalg.norm(kept["shift"]) < 2.5e-9

    volume = volume_of(tables, point)
    sample = hedgehog_pairs_volumes.make_sample(tables, volume, seed=0)
    truth, fill = hedgehog_pairs_volumes.truth_volume(sample, coarse=5e-9)
    m = found[0]["magnetization"].values
    inside = [slice(n // 2 - 3, n // 2 + 3) for n in fill.shape]
    own = [slice(n // 2 - 3, n // 2 + 3) for n in m.shape[1:]]
    a, b = truth[(slice(None), *inside)], m[(slice(None), *own)]
    assert float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum())) > 0.85
    assert not list(tmp_path.glob("*.nc"))
