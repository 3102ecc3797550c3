"""The table at the end of a run."""

import io

import pytest
from rich.console import Console

from records.scorecard import Row, Scorecard, Status
from scenarios import progress
from scenarios.progress import summary

METHODS = ["floor", "hapre+"]
METRICS = {
    "frc_truth.half_period": (5.71e-9, "m"),
    "frc_halves.half_period": (169.6e-9, "m"),
    "wall_width": (5.28e-9, "m"),
    "contrast": (1.002, "1"),
    "correlation": (0.999, "1"),
    "flag.misfit": (1.0, "1"),
}


def printed(seeds, states=("done", "done"), width=80):
    place = {"scenario": "any", "profile": "quick", "draw": 0}
    rows = [
        Row(**place, seed=seed, method=method, metric=metric, value=value * (1 + 0.01 * seed), unit=unit)
        for seed in range(seeds)
        for method in METHODS
        for metric, (value, unit) in METRICS.items()
        if not (metric.startswith("flag") and (method == "floor" or seed))
    ]
    status = [
        Status(**place, seed=seed, method=method, state=state, reason="")
        for seed in range(seeds)
        for method, state in zip(METHODS, states, strict=True)
    ]
    stream = io.StringIO()
    card = Scorecard(config={}, rows=tuple(rows), status=tuple(status))
    Console(file=stream, width=width, highlight=False).print(summary(card, METHODS))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("width", [80, 120])
def test_a_line_for_each_method_on_a_narrow_terminal(seeds, width):
    lines = printed(seeds, width=width)
    assert [line.split()[0] for line in lines[2:5]] == ["truth", *METHODS]
    assert lines[5].startswith("Resolutions are half periods")
    assert lines[6:] == ["hapre+: flags misfit"]
    assert not any("\u2026" in line for line in lines)


def test_mean_and_spread():
    assert "169.6" in printed(1)[3]
    assert "5.71 " in printed(1)[3]
    assert "5.74 \u00b1 0.04" in printed(2)[3]
    assert "170.4 \u00b1 1.2" in printed(2)[3]


def test_hundreds_of_what_is_counted_have_no_decimals():
    assert progress._spread([123.0], 0) == "123"
    assert progress._spread([123.0, 125.0], 1) == "124 \u00b1 1"


def test_what_is_not_done_is_said():
    assert printed(1, states=("done", "failed"))[6:] == ["hapre+: failed", "hapre+: flags misfit"]
    assert printed(2, states=("unsupported", "done"))[6] == "floor: 2 unsupported"


POINTS = [{"state": "210 mT"}, {"state": "partial demagnetisation"}]
POOLED = {
    "sites.recall": (0.75, "1"),
    "sites.position_error": (3.25e-9, "m"),
    "dose.enough": (5e9, "photon"),
    "damage.growth": (1.3, "1"),
    "damage.growth.truth": (1.4, "1"),
}


def swept(seeds=1, methods=("floor", "ceiling", "fth", "hapre", "hapre+"), width=100, lost=None):
    place = {"scenario": "any", "profile": "quick", "draw": 0}
    rows, status = [], []
    for seed in range(seeds):
        for number, point in enumerate(POINTS):
            at = {**place, "seed": seed, "sweep": point}
            rows.append(Row(**at, method="truth", metric="wall_width", value=5.11e-9, unit="m"))
            for method in methods:
                state = "failed" if (method, number) == lost else "done"
                status.append(Status(**at, method=method, state=state, reason=""))
                rows += [
                    Row(**at, method=method, metric=metric, value=value * (1 + number + 0.01 * seed), unit=unit)
                    for metric, (value, unit) in METRICS.items()
                    if state == "done"
                ]
        rows += [
            Row(**place, seed=seed, method=method, metric=metric, value=value * (1 + 0.1 * seed), unit=unit)
            for method in methods
            if method != "floor"
            for metric, (value, unit) in POOLED.items()
        ]
    card = Scorecard(config={"run": {"points": POINTS}}, rows=tuple(rows), status=tuple(status))
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False).print(summary(card, methods))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


def test_a_sweep_tells_what_all_points_say_and_then_each_point():
    lines = swept()
    assert lines[0].split() == [
        "all",
        "points",
        "together",
        "unit",
        "truth",
        "floor",
        "ceiling",
        "fth",
        "hapre",
        "hapre+",
    ]
    assert [line.split()[0] for line in lines[1:5]] == [name for name in POOLED if not name.endswith(".truth")]
    assert lines[1].split()[1:] == ["0.75"] * 4, "the floor has none"
    assert lines[2].split()[1:] == ["nm", *["3.25"] * 4]
    assert lines[3].split()[1:] == ["photon", *["5e+09"] * 4]
    assert lines[4].split()[1:] == ["1.4", *["1.3"] * 4], "the true value stands before the others"
    assert lines[5] == ""
    assert lines[7].split()[:2] == ["state", "method"]
    assert lines[8].split() == ["210", "mT", "fth", "5.71", "169.6", "5.28", "5.11"]
    assert [line.split()[-4] for line in lines[9:12]] == ["hapre", "hapre+", "ceiling"]
    assert lines[12].startswith("partial demagnetisation")
    assert lines[12].split()[-4:-1] == ["11.42", "339.2", "10.56"], "points are not averaged"
    assert lines[16].startswith("Resolutions are half periods")


@pytest.mark.parametrize(
    ("seeds", "methods"), [(1, ("floor", "ceiling", "fth", "hapre", "hapre+")), (3, ("floor", "ceiling", "hapre+"))]
)
def test_a_sweep_fits_a_hundred_columns(seeds, methods):
    lines = swept(seeds, methods)
    assert max(len(line) for line in lines) <= 100
    assert not any("\u2026" in line for line in lines)
    assert len(lines) == 5 + 1 + 2 + len(POINTS) * (len(methods) - 1) + 1 + len(methods)


def test_spread_over_seeds_in_a_sweep():
    lines = swept(2, ("floor", "ceiling", "hapre+"))
    assert "0.788 \u00b1 0.053" in lines[1]
    assert "5.74 \u00b1 0.04" in lines[8]


def test_a_lost_point_leaves_its_line_empty():
    lines = swept(lost=("hapre", 1))
    assert lines[13].split() == ["hapre"]
    assert "hapre: 1 done, 1 failed" in lines
