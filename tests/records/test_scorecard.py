"""The scorecard is the same bytes for the same content, and refuses what it does not know."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from records import RecordError, scorecard
from records.scorecard import Row, Scorecard, Status

CELL: dict[str, Any] = {"scenario": "domain-walls", "profile": "quick", "seed": 1, "draw": 0, "method": "fth"}


def a_card() -> Scorecard:
    rows = (
        Row(**CELL, metric="wall_width", value=5.1e-9, unit="m", direction="match", sweep={"photons": 1e9}),
        Row(**CELL, metric="focus", value=None, unit="m"),
    )
    return Scorecard({"sample": {"period_nm": 150.0}}, rows, (Status(**CELL, state="failed", reason="no fringes"),))


def test_round_trip(tmp_path: Path) -> None:
    scorecard.save(a_card(), tmp_path / "scorecard.json")
    assert scorecard.load(tmp_path / "scorecard.json") == a_card()


def test_layout() -> None:
    content = json.loads(a_card().to_json())
    assert list(content) == ["config", "rows", "schema", "status"]
    assert content["schema"] == 1
    assert set(content["rows"][0]) == {
        "scenario", "profile", "seed", "draw", "method", "sweep", "metric", "value", "unit", "uncertainty", "direction",
        "criterion", "gauge",
    }  # fmt: skip


@given(value=st.floats())
def test_numbers(value: float) -> None:
    card = Scorecard(rows=(Row(**CELL, metric="a", value=value),))
    text = card.to_json()
    found = Scorecard.from_json(text).rows[0].value
    if math.isfinite(value):
        assert found == pytest.approx(value, rel=1e-8, abs=0)
    else:
        assert found is None
    assert Scorecard.from_json(text).to_json() == text


def test_rounding_hides_the_last_bits() -> None:
    texts = {Scorecard(rows=(Row(**CELL, metric="a", value=value),)).to_json() for value in (0.1 + 0.2, 0.3)}
    assert len(texts) == 1


def test_order_of_keys_does_not_matter() -> None:
    assert Scorecard({"a": 1, "b": 2}).to_json() == Scorecard({"b": 2, "a": 1}).to_json()


def test_numpy_values_become_plain() -> None:
    config = {"a": np.float32(0.5), "b": np.int64(3), "c": np.array([1.0, np.nan]), "d": np.bool_(True), "e": (1, 2)}
    content = json.loads(Scorecard({**config, "f": Path("x") / "y"}).to_json())["config"]
    assert content == {"a": 0.5, "b": 3, "c": [1.0, None], "d": True, "e": [1, 2], "f": str(Path("x/y"))}


def test_unknown_direction_and_state() -> None:
    with pytest.raises(RecordError, match=r"Row\.direction: found 'up'"):
        Row(**CELL, metric="a", value=1.0, direction="up")
    with pytest.raises(RecordError, match=r"Status\.state: found 'lost'"):
        Status(**CELL, state="lost")
    with pytest.raises(RecordError, match=r"Row\.metric: is empty"):
        Row(**CELL, metric="", value=1.0)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", "not JSON"),
        ("[]", "Scorecard.schema"),
        ('{"schema": 2}', "Scorecard.schema"),
        ('{"schema": 1}', "Scorecard.rows"),
        ('{"schema": 1, "rows": [], "status": []}', "Scorecard.config"),
        ('{"schema": 1, "rows": [1], "status": [], "config": {}}', "Row: found int"),
        ('{"schema": 1, "rows": [{"x": 1}], "status": [], "config": {}}', "unknown keys ['x']"),
        ('{"schema": 1, "rows": [{}], "status": [], "config": {}}', "missing"),
    ],
)
def test_bad_files(text: str, line: str, tmp_path: Path) -> None:
    (tmp_path / "scorecard.json").write_text(text)
    with pytest.raises(RecordError) as caught:
        scorecard.load(tmp_path / "scorecard.json")
    assert line in str(caught.value)
    assert "scorecard.json: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_and_binary(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="No such file"):
        scorecard.load(tmp_path / "gone.json")
    (tmp_path / "binary.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(RecordError, match=r"binary\.json: "):
        scorecard.load(tmp_path / "binary.json")
