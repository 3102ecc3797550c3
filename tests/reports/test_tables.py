"""Tables: means, spreads, best marks, controls apart, numbers printed right."""

import math

import numpy as np
import pytest

from records.scorecard import Row, Scorecard, Status
from reports import flags, grids, tables
from reports.metrics import describe, number, plain, setting, superscript
from reports.results import Results, load
from tests.reports.run_directory import write_run

PLACE = {"scenario": "s", "profile": "p"}


def results(values: dict[str, list[float | None]], metric: str = "contrast", direction: str = "match") -> Results:
    rows = [
        Row(**PLACE, seed=seed, draw=0, method=method, metric=metric, value=value, direction=direction)
        for method, column in values.items()
        for seed, value in enumerate(column)
    ]
    status = [
        Status(**PLACE, seed=seed, draw=0, method=method, state="done")
        for method, column in values.items()
        for seed in range(len(column))
    ]
    return Results(Scorecard({}, tuple(rows), tuple(status)), {}, ())


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Results:
    return load(write_run(tmp_path_factory.mktemp("run")))


def row(table: tables.MethodTable, method: str) -> tables.MethodRow:
    return next(entry for entry in table.rows if entry.method == method)


def test_mean_and_sample_deviation() -> None:
    spread = results({"a": [0.9, 1.0, 1.1]}).spread("a", "contrast")
    assert spread is not None
    assert spread.mean == pytest.approx(1.0)
    assert spread.deviation == pytest.approx(0.1)
    assert spread.count == 3


def test_undefined_values_do_not_count() -> None:
    spread = results({"a": [0.9, None]}).spread("a", "contrast")
    assert spread is not None
    assert (spread.mean, spread.count) == (0.9, 1)
    assert math.isnan(spread.deviation)


@pytest.mark.parametrize(
    ("metric", "direction", "best"),
    [("contrast", "match", "b"), ("correlation", "higher", "c"), ("nrmse", "lower", "a")],
)
def test_best_is_marked_by_direction_and_never_a_control(metric: str, direction: str, best: str) -> None:
    values = {"floor": [0.0], "a": [0.5], "b": [0.98], "c": [1.4], "ceiling": [1.0]}
    if direction == "higher":
        values["ceiling"] = [9.0]
    table = tables.method_table(results(values, metric, direction))
    marked = [entry.method for entry in table.rows if any(cell.best for cell in entry.cells)]
    assert marked == [best]


def test_single_method_is_not_called_the_best() -> None:
    table = tables.method_table(results({"floor": [0.0], "a": [0.5], "ceiling": [1.0]}))
    assert not any(cell.best for entry in table.rows for cell in entry.cells)


@pytest.mark.parametrize(("refuted", "best"), [([], ["a"]), (["a"], ["b"]), (["a", "b"], [])])
def test_halves_that_the_truth_contradicts_are_not_called_the_best(refuted: list[str], best: list[str]) -> None:
    metric = "frc_halves.half_period"
    found = results({"a": [5.3e-9], "b": [5.6e-9], "c": [6.5e-9]}, metric, "lower")
    raised = [
        Row(**PLACE, seed=0, draw=0, method=name, metric="flag.halves_disagree", value=float(name in refuted))
        for name in "abc"
    ]
    card = Scorecard({}, (*found.scorecard.rows, *raised), found.scorecard.status)
    table = tables.method_table(Results(card, {}, ()))
    assert [entry.method for entry in table.rows if any(cell.best for cell in entry.cells)] == best


def test_rows_of_the_converged_helicity_are_named_like_the_others() -> None:
    found = describe("frc_truth.half_period.0.5.second_helicity_converged", "m")
    base = describe("frc_truth.half_period.0.5", "m")
    assert found.label == f"{base.label} (second helicity converged)"
    assert (found.unit, found.scale) == ("nm", 1e9)


def test_order_is_truth_floor_methods_ceiling(stored: Results) -> None:
    table = tables.method_table(stored)
    assert [entry.method for entry in table.rows] == ["truth", "floor", "fth", "hapre", "hapre+", "ceiling"]
    assert [entry.kind for entry in table.rows] == ["truth", "control", "method", "method", "method", "control"]


def test_every_resolution_has_both_periods(stored: Results) -> None:
    table = tables.method_table(stored)
    paired = [position for position, column in enumerate(table.columns) if column.paired]
    assert len(paired) == 3
    for entry in table.rows[1:]:
        for cell in (entry.cells[position] for position in paired):
            assert not cell.mean or float(cell.full_period) == pytest.approx(2 * float(cell.mean), abs=0.011)


def test_value_at_the_band_edge_is_marked() -> None:
    entry = Row(**PLACE, seed=0, draw=0, method="a", metric="frc_truth.half_period", value=5e-9, unit="m")
    limited = Row(**{**vars(entry), "criterion": "1-bit; limited by sampling"})
    for given, expected in ((entry, False), (limited, True)):
        status = (Status(**PLACE, seed=0, draw=0, method="a", state="done"),)
        table = tables.method_table(Results(Scorecard({}, (given,), status), {}, ()))
        assert row(table, "a").cells[0].limited is expected


def test_partly_failed_method_keeps_values_and_reason() -> None:
    found = results({"a": [0.5], "b": [0.6]})
    status = (*found.scorecard.status, Status(**PLACE, seed=1, draw=0, method="a", state="memory limit", reason="8 GB"))
    table = tables.method_table(Results(Scorecard({}, found.scorecard.rows, status), {}, ()))
    assert (row(table, "a").done, row(table, "a").total) == (1, 2)
    assert row(table, "a").trouble == ("memory limit: 8 GB",)
    assert row(table, "a").cells[0].mean == "0.500"


def test_flags_are_counted_over_cells() -> None:
    found = results({"hapre": [1.0, 0.0, 1.0]}, "flag.missing_centre", "none")
    assert flags.flags(found, "hapre") == {"missing_centre": (2, 3)}
    assert flags.flag_sentences(found) == (("hapre", "raised missing centre (2 of 3)"),)


def test_pair_table_holds_both_and_the_right_value(stored: Results) -> None:
    grid = grids.pair_table(stored, "hapre", "hapre+")
    contrast = next(entry for entry in grid.rows if entry[0] == "contrast")
    assert contrast[3] == "1.000"
    assert grids.pair_table(stored, "hapre", "absent").rows == ()


def test_gauge_table_tells_knowledge_and_findings(stored: Results) -> None:
    grid = grids.gauge_table(stored)
    found = {entry[0]: entry for entry in grid.rows}
    assert "mask drawing" in found["hapre+"][1]
    assert found["hapre+"][2] == "focus, offset, phase"
    assert found["ceiling"][1] == "the truth"
    assert found["fth"][4] == "y 1.0, x \u22122.0"


def test_full_table_repeats_every_metric(stored: Results) -> None:
    assert [entry[0] for entry in grids.full_table(stored).rows] == list(stored.metrics())


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (5.304, 2, "5.30"),
        (-1000.4, 0, "\u22121000"),
        (0.0, 3, "0.000"),
        (math.nan, 2, "\u2013"),
        (2.0e-7, 3, "2\u00b710\u207b\u2077"),
        (-3.1e8, 1, "\u22123.1\u00b710\u2078"),
        (np.float64(0.25), 1, "0.2"),
    ],
)
def test_numbers(value: float, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


def test_superscript() -> None:
    assert superscript(-10) == "\u207b\u00b9\u2070"


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("period_nm", 150.0, ("period", "150\u00a0nm")),
        ("stop_radius_px", [4.0, 40.0], ("stop radius", "4, 40\u00a0px")),
        ("ewald", True, ("ewald", "yes")),
        ("photons", 5e9, ("photons", "5\u00b710\u2079")),
        ("background_photons", 0.01, ("background", "0.01\u00a0photons")),
        ("exposures", 2, ("exposures", "2")),
    ],
)
def test_configuration_keys_carry_their_units(key: str, value: object, expected: tuple[str, str]) -> None:
    assert setting(key, value) == expected


def test_plain_values() -> None:
    assert [plain(value) for value in (None, False, [], {"a_b": 1}, -2)] == [
        "\u2013",
        "no",
        "\u2013",
        "a b 1",
        "\u22122",
    ]


def test_unknown_metrics_are_printed_by_their_unit() -> None:
    assert describe("some.length", "m").unit == "nm"
    assert describe("share", "1").unit == ""
    assert describe("wall_width.fitted").scale == 1e9
    assert "half-bit" in describe("frc_truth.half_period.half_bit").label
