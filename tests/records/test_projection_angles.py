"""Angles of projections from a text: order, unit and series, and what cannot be angles."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from records import RecordError
from records.projection_angles import read_angles, series_of
from tests.records.projections_builders import angles_file, angles_of, refused


class OneLine(Exception):
    """An error that is as it must be."""


@contextlib.contextmanager
def one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except RecordError as error:
        if "\n" in str(error) or not str(error).startswith(str(path)):
            raise
        raise OneLine from error


@pytest.mark.parametrize("columns", [2, 3])
@pytest.mark.parametrize(
    "head", ["", "\ufeff", "# run 7, tilt stage; by hand\n\n", "tilt, in-plane", "# theta phi (degrees)"]
)
def test_texts_of_angles(head: str, columns: int, tmp_path: Path) -> None:
    head += {"tilt, in-plane": ", series\n" if columns == 3 else "\n"}.get(head, "")
    head += {"# theta phi (degrees)": " series\n" if columns == 3 else "\n"}.get(head, "")
    found = read_angles(angles_file(tmp_path / "a.txt", columns=columns, head=head))
    for name, values in angles_of().items():
        np.testing.assert_allclose(getattr(found, name), values, atol=1e-9)


def test_a_line_of_names_says_order_and_unit(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Series;Phi_rad;Theta_rad\n2;0.5;-1.0 # first\n\n2;0.5;1.0\n4;2.5;0.25\n")
    found = read_angles(tmp_path / "a.txt")
    assert found.tilt.tolist() == [-1, 1, 0.25]
    assert found.in_plane.tolist() == [0.5, 0.5, 2.5]
    assert found.series.tolist() == [0, 0, 1]
    # numpy.savetxt puts names behind a #.
    np.savetxt(tmp_path / "b.txt", [[120.0, -62.0], [0.0, 62.0]], header="in_plane tilt")
    np.testing.assert_allclose(np.degrees(read_angles(tmp_path / "b.txt").tilt), [-62, 62])


def test_the_unit_may_be_told(tmp_path: Path) -> None:
    path = angles_file(tmp_path / "a.txt", unit=np.radians)
    refused("tilt: angles look like radians, up to 1.08", lambda: read_angles(path), path)
    np.testing.assert_allclose(read_angles(path, "rad").tilt, angles_of()["tilt"], atol=1e-8)
    refused("angle_units: found 'grad'", lambda: read_angles(path, "grad"))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "no angles; expected a line of"),
        ("# nothing\n", "no angles; expected a line of"),
        ("1\n2\n", "line 1: 1 columns; expected tilt, in_plane"),
        ("1 2 3 4\n", "line 1: 4 columns"),
        ("1 2\n\n1 2 3\n", "line 3: 3 columns"),
        ("10 0\n20 zero\n", "line 2: '20 zero'; expected numbers"),
        ("10 0\ntilt in_plane\n", "line 2: 'tilt in_plane'; expected numbers"),
        ("angle_a, angle_b\n1, 2\n", "line 1: names 'angle_a, angle_b'; expected tilt and in_plane"),
        ("tilt_deg phi_rad\n1 2\n", "line 1: degrees and radians; expected one unit"),
        ("10 0\n20 nan\n", "line 2: not finite"),
        ("10 0\n95 0\n", "tilt: 95 deg in projection 1; expected up to 90 deg"),
        ("10 400\n", "in_plane: 400 deg in projection 0; expected up to 360 deg"),
        ("10 0 0.5\n", "series: fractions"),
        ("0.1 0\n0.2 0\n-1.5 0\n", "angles look like radians, up to 1.5 degrees"),
    ],
)
def test_texts_that_hold_no_angles(content: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(content)
    refused(line, lambda: read_angles(path), path)


def test_two_small_tilts_may_be_degrees(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("-1 0\n1 0\n1 120\n")
    np.testing.assert_allclose(np.degrees(read_angles(tmp_path / "a.txt").tilt), [-1, 1, 1])


def test_what_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00\x01")
    refused("no text; expected a text of angles", lambda: read_angles(tmp_path / "a.txt"), tmp_path / "a.txt")
    refused("No such file", lambda: read_angles(tmp_path / "gone.txt"), tmp_path / "gone.txt")


def test_series_that_nobody_names_are_images_of_one_in_plane_angle() -> None:
    assert series_of(np.radians([240.0, 0, 240, 360, -120, 0])).tolist() == [0, 1, 0, 1, 0, 1]
    assert series_of(np.radians([0.0, 30, 60, 90])).tolist() == [0, 0, 0, 0]
    assert series_of(np.zeros(1)).tolist() == [0]


@settings(max_examples=40, deadline=None)
@given(
    rows=st.lists(st.tuples(st.floats(-90, 90), st.floats(-360, 360), st.integers(-3, 3)), min_size=3, max_size=12),
    comma=st.sampled_from([",", " , ", ";", "\t", "   "]),
)
def test_any_table_of_angles(rows: list[Any], comma: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("angles") / "a.csv"
    path.write_text("\n".join(comma.join(repr(cell) for cell in row) for row in rows))
    tilt, in_plane, series = (np.array(column) for column in zip(*rows, strict=True))
    if np.unique(tilt).size >= 3 and np.abs(tilt).max() < 1.6:
        refused("angles look like radians", lambda: read_angles(path))
        return
    found = read_angles(path)
    np.testing.assert_allclose(np.degrees(found.tilt), tilt, atol=1e-9)
    np.testing.assert_allclose(np.degrees(found.in_plane), in_plane, atol=1e-9)
    assert sorted(set(found.series.tolist())) == list(range(len(set(series.tolist()))))
    np.testing.assert_array_equal(np.sign(np.diff(found.series)), np.sign(np.diff(series)))


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="0123456789.-+e ,;#\n\ttilphnradegs_", max_size=60))
def test_any_text_gives_angles_or_one_line(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = tmp_path_factory.mktemp("text") / "a.txt"
    path.write_text(content)
    with contextlib.suppress(OneLine), one_line(path):
        found = read_angles(path)
        assert found.tilt.shape == found.in_plane.shape == found.series.shape
        assert np.abs(found.tilt).max() <= np.pi / 2 + 1e-5
