"""The table at the end of a run."""

import io

import pytest
from rich.console import Console

from records.scorecard import Row, Scorecard, Status
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


def test_what_is_not_done_is_said():
    assert printed(1, states=("done", "failed"))[6:] == ["hapre+: failed", "hapre+: flags misfit"]
    assert printed(2, states=("unsupported", "done"))[6] == "floor: 2 unsupported"
