"""The scenario hedgehog-survival: its numbers, and a tiny block from end to end."""

import numpy as np
import pytest

from records import scorecard as scorecards
from records import store
from scenarios import catalogue, cli
from scenarios.configuration import InputError, resolve
from scenarios.hedgehog_survival import time_to, time_unit

STUDY = catalogue.look_up("hedgehog-survival")
TINY = ("lattice.block_nm=[60, 60, 60]", "lattice.voxel_nm=3", "sweep.starts=2", "relaxation.until=3")


def test_time_to_a_number_that_stays():
    time = np.array([0.0, 1.0, 2.0, 3.0, 4.0])
    total = np.array([500, 90, 110, 40, 2])
    assert time_to(time, total, 100) == 3.0
    assert time_to(time, total, 1000) == 0.0
    assert time_to(time, total, 2) == 4.0
    assert np.isnan(time_to(time, total, 1))


def test_unit_of_time_of_nickel():
    """One over the precession frequency in a field of mu0 Ms = 0.6158 T, at 28.025 GHz/T."""
    assert time_unit(490e3) == pytest.approx(1 / (2 * np.pi * 28.02495e9 * 0.615752), rel=1e-5)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("lattice.block_nm=[60, 60]", "lattice.block_nm is"),
        ('lattice.orientation="211"', "lattice.orientation is '211'"),
        ("relaxation.until=0", "relaxation.until is 0"),
        ("sweep.starts=0", "sweep.starts is 0"),
    ],
)
def test_impossible_configurations(override, message):
    with pytest.raises(InputError, match=message):
        resolve(STUDY.configuration, STUDY.text, profile="quick", overrides=[override])


def test_more_starts_and_another_span_of_the_report_keep_what_is_done():
    few, many = (
        STUDY.points(resolve(STUDY.configuration, STUDY.text, profile="quick", overrides=[f"sweep.starts={count}"]))
        for count in (2, 5)
    )
    assert many[:2] == few
    assert "sweep" not in STUDY.tables["relaxation"]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("survival")
    patch = pytest.MonkeyPatch()
    patch.setenv("TRUESPIN_CACHE_DIR", str(folder / "cache"))
    words = [word for override in TINY for word in ("--set", override)]
    assert cli.call(["run", "hedgehog-survival", "--out", str(folder / "run"), *words]) == 0
    patch.undo()
    return folder / "run"


def test_charges_fall_from_the_random_number(run):
    study = store.load(run / "study.nc")
    total = study["plus"].values + study["minus"].values
    assert total.shape[0] == 2
    assert np.all(total[:, 0] > 100)
    assert np.all(total[:, -1] < 0.02 * total[:, 0])
    assert float(study["time"][-1]) >= 3
    assert np.all(np.diff(study["time"]) > 0)
    assert not np.array_equal(total[0], total[1])


def test_rows_say_what_the_curves_hold(run):
    study, card = store.load(run / "study.nc"), scorecards.load(run / "scorecard.json")
    total = study["plus"].values + study["minus"].values
    whole = {row.metric: row for row in card.rows if not row.sweep}
    assert whole["charges.first"].value == pytest.approx(total[:, 0].mean())
    assert whole["survivors.plus"].value == study["plus"].values[:, -1].mean()
    assert whole["starts_with_survivors"].value == (total[:, -1] > 0).mean()
    assert 0 < whole["time_to_100"].value <= whole["time_to_10"].value < 3
    assert whole["time_to_100"].unit == "reduced time"
    assert whole["decay_exponent"].value > 0.5
    single = [row for row in card.rows if row.sweep == {"start": 1} and row.metric == "charges.first"]
    assert [row.value for row in single] == [total[1, 0]]


def test_page_says_plainly_what_is_left(run):
    page = (run / "report.html").read_text(encoding="utf-8")
    survived = any(
        row.metric == "starts_with_survivors" and row.value
        for row in scorecards.load(run / "scorecard.json").rows
        if not row.sweep
    )
    assert ("None survives" in page) != survived
    assert "no equilibrium state" in page
