"""The study hedgehog-pairs: its points, and a small truth from end to end."""

from collections import Counter

import numpy as np
import pytest

from records import scorecard as scorecards
from records import store
from scenarios import catalogue, cli
from scenarios.configuration import InputError, resolve
from scenarios.hedgehog_pairs_tables import volume_of

STUDY = catalogue.look_up("hedgehog-pairs")
TINY = (
    "sample.block_nm=[50, 100, 100]",
    "sample.cells=[1, 2, 2]",
    "sweep.truth_nm=[5, 7.5, 20]",
    "sweep.projections_nm=[]",
    "sweep.truth_pairs=8",
    "scoring.draws=50",
)


def resolved(*overrides, profile="quick"):
    return resolve(STUDY.configuration, STUDY.text, profile=profile, overrides=list(overrides))


def pairs_of_points(configuration):
    """Count the pairs of every curve at every separation."""
    tables, counts = configuration.model_dump(), Counter()
    for point in STUDY.points(configuration):
        curve = point.kind, point.values.get("photons"), point.values["separation_nm"]
        counts[curve] += int(np.prod(volume_of(tables, point.values).cells))
    return counts


@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_profiles_have_a_hundred_pairs_of_the_truth(profile):
    configuration = resolved(profile=profile)
    points = STUDY.points(configuration)
    assert len({(p.kind, *sorted(p.values.items())) for p in points}) == len(points)
    counts = pairs_of_points(configuration)
    assert min(count for (kind, *_), count in counts.items() if kind == "truth") >= 100


def test_paper_profile_has_a_hundred_pairs_of_every_point():
    configuration = resolved(profile="paper")
    counts = pairs_of_points(configuration)
    assert 100 <= min(counts.values()) <= max(counts.values()) < 120
    sweep = configuration.sweep
    assert len(counts) == len(sweep.truth_nm) + 3 * len(sweep.projections_nm) + len(sweep.frames_nm)
    assert min(sweep.projections_nm) == 5
    assert max(sweep.projections_nm) == 40


def test_pairs_far_apart_lie_in_larger_cells():
    tables = resolved().model_dump()
    near, far = (volume_of(tables, {"separation_nm": nm, "volume": 0}) for nm in (25.0, 40.0))
    edges = [min(length / count for length, count in zip(v.block, v.cells, strict=True)) for v in (near, far)]
    assert edges[0] < edges[1]
    assert far.block[0] == near.block[0]
    assert max(far.block) <= max(near.block)


def test_more_separations_keep_what_is_done():
    assert all("sweep" not in STUDY.tables[kind] for kind in ("truth", "projections", "frames"))


def test_another_ptychography_keeps_what_is_from_projections():
    assert not {"imaging", "scan", "detector", "frames"} & set(STUDY.tables["projections"])
    assert {"imaging", "scan", "detector", "frames"} <= set(STUDY.tables["frames"])


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("sweep.truth_nm=[4]", r"sweep.truth_nm is \[4.0\]"),
        ("sweep.truth_nm=[10, 10]", "each value once"),
        ("sweep.frames_nm=[60]", "what a cell holds"),
        ("sweep.truth_pairs=0", "sweep.truth_pairs"),
        ("sample.share=0", "sample.share is 0"),
        ("sample.voxel_nm=4", "sample.voxel_nm is 4"),
        ("scoring.success=1", "scoring.success is 1"),
        ("reconstruction.method=vektor", "unknown method 'vektor'"),
        ("imaging.method=vector+", r"reads projections; allowed: methods that read ptychography"),
        ("imaging.parameters.rpie+coupled.engine.engine.epochs=1.5", r"imaging.parameters.*epochs is 1.5"),
        ("reconstruction.parameters.vector+.recipe.stepz=3", "did you mean 'steps'"),
    ],
)
def test_impossible_configurations(override, message):
    with pytest.raises(InputError, match=message):
        resolved(override)


def test_nothing_to_sweep():
    with pytest.raises(InputError, match="at least one separation"):
        resolved("sweep.truth_nm=[]", "sweep.projections_nm=[]")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pairs")
    patch = pytest.MonkeyPatch()
    patch.setenv("TRUESPIN_CACHE_DIR", str(folder / "cache"))
    words = [word for override in TINY for word in ("--set", override)]
    assert cli.call(["run", "hedgehog-pairs", "--out", str(folder / "run"), *words]) == 0
    patch.undo()
    return folder / "run"


def test_truth_shows_wide_pairs_and_no_narrow_ones(run):
    study = store.load(run / "study.nc")
    shares = (study["tested_hits"] / study["tested_count"]).values
    assert study["tested_count"].values.tolist() == [8, 8, 8]
    assert shares[0] == 0
    assert shares[2] == 1
    assert study["curve"].values.tolist() == ["truth"]


def test_rows_say_what_the_study_holds(run):
    study, card = store.load(run / "study.nc"), scorecards.load(run / "scorecard.json")
    whole = {row.metric: row for row in card.rows if not row.sweep}
    value, low, high = study["reach"].values[0]
    assert whole["separation_95.truth"].value == pytest.approx(value)
    assert low <= value <= high
    assert 5e-9 < value < 20e-9
    swept = [r for r in card.rows if r.metric == "pairs.success" and "curve" in r.sweep]
    assert [row.sweep["separation_nm"] for row in swept] == [5, 7.5, 20]


def test_slices_show_two_cores_on_the_axis(run):
    """In the pair's frame spins point along it far away, and against it between the cores."""
    study = store.load(run / "study.nc")
    wide = np.isclose(study["slice_separation"].values, 20e-9, atol=0)
    for picture in study["slice"].values[wide]:
        middle = tuple(n // 2 for n in picture.shape[1:])
        assert picture[2][middle] < -0.9
        assert picture[2][0, 0] > 0.5
    assert set(study["slice_curve"].values[wide]) == {-1, 0}


def test_page_has_both_figures(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    assert page.count("<figure") == 2
    assert "95 % told apart, truth at the voxel" in page
