"""``truespin reconstruct vector``: projections in, a volume, its picture and its hedgehogs out, or one line why not."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from reconstructors import registry
from reconstructors.registry import Method
from records import sample_files, store
from records.field_files import read_field
from reports import figure_vector_reconstruction
from scenarios.cli import call
from tests.records.builders import a_measurement as a_hologram
from tests.records.builders import a_sample
from tests.scenarios.fake_tomography import (
    COUNT,
    DENSITY,
    IN_PLANE,
    SCALARS,
    TILT,
    TOLD,
    Parameters,
    a_series,
    one_image_series,
    solve,
    two_charges,
)


@pytest.fixture(autouse=True)
def _fake_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        name: Method(name, kind, (), (), Parameters(), solve, one_image_series)
        for name, kind in (("vector+", "projections"), ("ball", "projections"), ("hapre", "holography"))
    }
    monkeypatch.setattr(registry, "names", lambda: tuple(own))
    monkeypatch.setattr(registry, "get", own.__getitem__)


@pytest.fixture
def _plain_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the drawing, which has tests of its own."""
    monkeypatch.setattr(
        figure_vector_reconstruction, "picture", lambda *_, suffix: {".png": b"\x89PNG", ".svg": b"<svg"}[suffix]
    )


@pytest.fixture
def stacks(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "stacks.h5", "w") as file:
        file["scan_7/left"], file["scan_7/right"] = DENSITY
    return tmp_path / "stacks.h5"


@pytest.fixture
def angles(tmp_path: Path) -> Path:
    lines = [f"{tilt:g} {turn:g} {turn // 120:g}" for tilt, turn in zip(TILT, IN_PLANE, strict=True)]
    (tmp_path / "angles.txt").write_text("\n".join(lines))
    return tmp_path / "angles.txt"


def _call(file: Path | str, *words: str) -> int:
    return call(["reconstruct", "vector", str(file), *words])


def told_once(capsys: pytest.CaptureFixture[str]) -> str:
    told = capsys.readouterr()
    assert not told.out
    assert told.err.startswith("truespin: ")
    assert told.err.count("\n") == 1
    return told.err


def test_foreign_stacks_give_volume_picture_and_table(
    stacks: Path, angles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _call(stacks, "--angles", str(angles), *TOLD, "--box-nm", "40,60,60", "--set", "steps=7") == 0
    told = capsys.readouterr()
    assert f"{COUNT} projections of 16 x 16 pixels of 5 nm" in told.out
    assert "3 series, in plane 0, 120, 240 degrees, tilt -60 to 60 degrees; 853 eV" in told.out
    out = tmp_path / "stacks-vector+.nc"
    found = store.load(out, record="reconstruction")
    np.testing.assert_allclose(found["magnetization"], two_charges()[0], atol=1e-6)
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    rows = list(csv.DictReader((tmp_path / "stacks-vector+-hedgehogs.csv").open()))
    assert [(row["charge"], row["at_border"]) for row in rows] == [("-1", "0"), ("+1", "0")]
    for row, x in zip(rows, (-17.5, 12.5), strict=True):
        place = [float(row[f"{axis}_nm"]) for axis in "zyx"]
        np.testing.assert_allclose(place, [-2.5, -2.5, x], atol=0.3)
    lines = dict(line.split("  ", 1) for line in told.out.splitlines() if "  " in line.strip())
    assert lines["inside"].split() == ["1", "1", "0"]
    assert lines["within a voxel of the border"].split() == ["0", "0", "0"]
    assert f"{COUNT - 1} of {COUNT} used" in lines["projections"]
    assert "0.05 at most, in projection 14" in lines["residual"]
    assert "after 7 steps; noise alone 0.01" in lines["misfit"]
    assert "0.25, 0.5 px rms" in lines["shifts (y, x)"]
    assert "0.5 degrees rms from those given, 0.5 at most" in lines["angles"]
    assert "flag misfit: the misfit is 3.1 times" in told.out
    assert "flag unheard_of: 7.25" in told.out
    assert "flag mass" not in told.out
    names = {"stacks.h5", "angles.txt", "cache", out.name, "stacks-vector+.png", "stacks-vector+-hedgehogs.csv"}
    assert {path.name for path in tmp_path.iterdir()} <= names


def test_what_was_told_reaches_the_method(
    stacks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[xr.Dataset] = []

    def refuse(measurement: xr.Dataset) -> str:
        seen.append(measurement)
        return "seen enough"

    method = Method("vector+", "projections", (), (), Parameters(), solve, refuse)
    monkeypatch.setattr(registry, "get", lambda _: method)
    monkeypatch.setattr(registry, "names", lambda: ("vector+",))
    table = tmp_path / "rad.txt"
    np.savetxt(table, np.radians(np.c_[TILT, IN_PLANE]))
    words = ("--angles", str(table), "--angle-unit", "rad", "--values", "intensity", "--box-nm", "40,60,70")
    assert _call(f"{stacks}:scan_7", *words, *TOLD[:4], "--polarization", "-0.9", *TOLD[-2:]) == 2
    assert "stacks.h5:scan_7: seen enough" in told_once(capsys)
    (found,) = seen
    np.testing.assert_allclose(found["optical_density"], -np.log(DENSITY), atol=1e-5)
    np.testing.assert_allclose(np.degrees(found["tilt"]), TILT, atol=1e-6)
    np.testing.assert_allclose(found["box"], [40e-9, 60e-9, 70e-9])
    values = {name: float(found[name]) for name in SCALARS}
    assert values == pytest.approx(SCALARS | {"polarization": -0.9})


@pytest.mark.usefixtures("_plain_picture")
def test_a_measurement_of_a_run_needs_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "measurement.nc", tmp_path / "r.nc"
    store.save(a_series(), path)
    assert _call(path, "--method", "ball", "--out", str(out)) == 0
    capsys.readouterr()
    first = out.read_bytes()
    # An old result is made again: the same bits for the same seed.
    assert _call(path, "--method", "ball", "--out", str(out)) == 0
    xr.testing.assert_identical(store.load(out), store.load(tmp_path / "r.nc"))
    assert len(out.read_bytes()) == len(first)
    capsys.readouterr()
    assert _call(path, "--pixel-nm", "5", "--out", str(tmp_path / "s.nc")) == 2
    assert "a record, which holds all of it" in told_once(capsys)
    assert not (tmp_path / "s.nc").exists()


@pytest.mark.usefixtures("_plain_picture")
@pytest.mark.parametrize("suffix", [".vti", ".ovf", ".nc"])
def test_export_for_other_programs(suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, export = tmp_path / "measurement.nc", tmp_path / f"for_others{suffix}"
    store.save(a_series(), path)
    words = ("--out", str(tmp_path / "r.nc"), "--export", str(export), "--picture", str(tmp_path / "r.svg"))
    assert _call(path, *words) == 0
    assert f"export:  {export}" in capsys.readouterr().out
    m, fill = two_charges()
    found = sample_files.read_sample(export)
    unit = np.where(fill > 0, m / np.where(fill > 0, fill, 1), 0)
    np.testing.assert_allclose(found["magnetization"], unit, atol=1e-5)
    # OVF has vectors alone.
    np.testing.assert_allclose(found["magnet"], fill if suffix != ".ovf" else fill > 0, atol=1e-5)
    assert read_field(str(export)).record["voxel_size"].values == pytest.approx([5e-9] * 3)
    assert b"<svg" in (tmp_path / "r.svg").read_bytes()
    # Its own export is replaced, another's sample never.
    assert _call(path, *words) == 0
    sample_files.write_sample(a_sample(), export)
    before = export.read_bytes()
    capsys.readouterr()
    assert _call(path, *words) == 2
    assert "holds something else than an exported reconstruction" in told_once(capsys)
    assert export.read_bytes() == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "vektor+"), "did you mean 'vector+'"),
        (("--method", "hapre"), "unknown method 'hapre'"),
        (("--set", "stepps=3"), "did you mean 'steps'"),
        (("--set", "steps=0"), "steps is 0"),
        (("--set", "steps=many"), "steps is 'many'; allowed: a whole number"),
        (("--set", "nonsense"), "KEY=VALUE"),
        (("--set", "away=3"), "stacks.h5: images have no solution (SVD did not converge)"),
        (("--set", "away=2"), "stacks.h5: away is 2.0; allowed: 0"),
        (("--set", "full=0.0"), "stacks.h5: no voxel with magnet and magnetization was found"),
        (("--seed", "-1"), "seed is -1"),
        (("--values", "density"), "unknown values 'density'; did you mean 'intensity'"),
        (("--angle-unit", "degree"), "unknown angle-unit 'degree'; did you mean 'deg'"),
        (("--angle-unit", "rad"), "angles.txt: tilt: -60 rad in projection 0; expected up to 1.5708 rad"),
        (("--pixel-nm", "5e-9"), "pixel-nm is 5e-09; allowed: 0.001 to 100000"),
        (("--pixel-nm", "nan"), "pixel-nm is nan"),
        (("--energy-ev", "0.853"), "energy-ev is 0.853; allowed: 10 to 200000"),
        (("--polarization", "1.5"), "polarization is 1.5; allowed: -1 to 1, without 0"),
        (("--polarization", "0"), "polarization is 0; allowed: -1 to 1, without 0"),
        (("--beta-m", "-7e-4"), "beta-m is -0.0007"),
        (("--box-nm", "150"), "box-nm is '150'; allowed: Z,Y,X in nm"),
        (("--box-nm", "150,480,-480"), "box-nm is '150,480,-480'"),
        (("--box-nm", "150,wide,480"), "box-nm is '150,wide,480'"),
        (("--out", "result.txt"), "out is 'result.txt'; allowed: a name that ends in .nc"),
        (("--out", ""), "out is ''; allowed"),
        (("--picture", "p.doc"), "ends in .png or .svg"),
        (("--table", "t.xls"), "ends in .csv"),
        (("--export", "m.vtk"), "ends in .ovf or .nc or .vti"),
        (("--out", "/proc/r.nc"), "'/proc/r.nc' cannot be written"),
        (("--angles", "no_angles.txt"), "no_angles.txt: No such file or directory; expected a text of angles"),
    ],
)
def test_wrong_words_are_told_in_one_line(
    words: tuple[str, ...],
    said: str,
    stacks: Path,
    angles: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    # Of two options of one name the last counts.
    assert _call(stacks.name, "--angles", angles.name, *TOLD, *words) == 2
    assert said in told_once(capsys)
    assert sorted(tmp_path.iterdir()) == before


def spoilt(tmp_path: Path, change: Callable[[np.ndarray], None]) -> Path:
    both = DENSITY.copy()
    change(both)
    with h5py.File(tmp_path / "spoilt.h5", "w") as file:
        file["plus"], file["minus"] = both
    return tmp_path / "spoilt.h5"


@pytest.mark.usefixtures("_plain_picture")
def test_wrong_images_are_told_in_one_line(
    stacks: Path, angles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def bad(both: np.ndarray) -> None:
        both[1, 4, 3, 2] = np.nan
        both[1, 7] = np.inf

    given = ("--angles", str(angles), *TOLD)
    assert _call(spoilt(tmp_path, bad), *given) == 2
    assert "spoilt.h5: minus: 257 values are not finite, in projection 4, 7" in told_once(capsys)
    assert _call(stacks, *given, "--values", "transmission", "--pixel-nm", "5") == 0
    capsys.readouterr()
    with h5py.File(tmp_path / "shapes.h5", "w") as file:
        file["plus"], file["minus"] = DENSITY[0], DENSITY[1, :-1]
    assert _call(tmp_path / "shapes.h5", *given) == 2
    assert f"shape ({COUNT - 1}, 16, 16)" in told_once(capsys)
    assert _call(stacks, *TOLD) == 2
    assert "no angles" in told_once(capsys)
    assert _call(stacks, "--angles", str(angles), *TOLD[2:]) == 2
    assert "no pixel_size" in told_once(capsys)
    angles.write_text("\n".join(angles.read_text().splitlines()[:-1]))
    assert _call(stacks, *given) == 2
    assert f"angles.txt: {COUNT - 1} angles for {COUNT} projections" in told_once(capsys)


def test_a_series_of_one_projection_is_what_the_method_says(
    stacks: Path, angles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = angles.read_text().splitlines()
    angles.write_text("\n".join([*lines[:-1], f"{TILT[-1]:g} 30 3"]))
    assert _call(stacks, "--angles", str(angles), *TOLD) == 2
    assert "stacks.h5: a series has 1 projection; allowed" in told_once(capsys)


def test_bad_files_are_told_in_one_line(
    stacks: Path, angles: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, cut, notes, hologram = (tmp_path / name for name in ("no.h5", "cut.h5", "notes.h5", "hologram.nc"))
    cut.write_bytes(stacks.read_bytes()[:3000])
    notes.write_text("mine")
    store.save(a_hologram(), hologram)
    for path in (missing, cut, notes, tmp_path):
        assert _call(path, "--angles", str(angles), *TOLD, "--out", str(tmp_path / "r.nc")) == 2
        assert path.name in told_once(capsys)
    assert _call(hologram, "--out", str(tmp_path / "r.nc")) == 2
    assert "kind 'holography'" in told_once(capsys)
    assert _call(f"{stacks}:scan_8", "--angles", str(angles), *TOLD) == 2
    assert "stacks.h5:scan_8" in told_once(capsys)
    assert not (tmp_path / "r.nc").exists()


def test_what_is_no_result_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = tmp_path / "measurement.nc", tmp_path / "r.nc"
    store.save(a_series(), path)
    targets = {
        "--out": (tmp_path / "mine.nc", "a reconstruction of projections"),
        "--picture": (tmp_path / "mine.png", "a picture"),
        "--table": (tmp_path / "mine.csv", "a table of hedgehogs"),
        "--export": (tmp_path / "mine.ovf", "an exported reconstruction"),
    }
    for option, (target, held) in targets.items():
        target.write_text("mine")
        assert _call(path, *(("--out", str(out)) if option != "--out" else ()), option, str(target)) == 2
        assert f"holds something else than {held}" in told_once(capsys)
        assert target.read_text() == "mine"
    measured = path.read_bytes()
    linked = tmp_path / "linked.nc"
    linked.hardlink_to(path)
    for target, said in ((path, "named twice"), (linked, "holds something else"), (tmp_path, "ends in .nc")):
        assert _call(path, "--out", str(target)) == 2
        assert said in told_once(capsys)
    assert _call(path, "--out", str(out), "--export", str(out)) == 2
    assert "named twice" in told_once(capsys)
    assert path.read_bytes() == measured
    assert not out.exists()


@pytest.mark.usefixtures("_plain_picture")
def test_a_magnet_that_is_nowhere_half_full_has_no_hedgehogs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.save(a_series(), tmp_path / "measurement.nc")
    assert _call(tmp_path / "measurement.nc", "--set", "full=0.4", "--table", str(tmp_path / "t.csv")) == 0
    assert "no voxel is filled to more than 0.5" in capsys.readouterr().out
    assert len((tmp_path / "t.csv").read_text().splitlines()) == 1
    # The least fill that has a direction for others is 0.1.
    words = ("--out", str(tmp_path / "r.nc"), "--export", str(tmp_path / "m.vti"))
    assert _call(tmp_path / "measurement.nc", "--set", "full=0.05", *words) == 2
    assert "measurement.nc: no voxel is filled to 0.1; allowed: no --export" in told_once(capsys)


def test_images_without_contrast_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    measured = a_series()
    measured["optical_density"][:] = 1.5
    store.save(measured, tmp_path / "measurement.nc")
    assert _call(tmp_path / "measurement.nc") == 2
    assert "measurement.nc: the optical density of every image is the same everywhere" in told_once(capsys)


def test_an_interrupt_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    store.save(a_series(), tmp_path / "measurement.nc")
    before = sorted(tmp_path.iterdir())
    monkeypatch.setattr(Method, "reconstruct", interrupted)
    assert _call(tmp_path / "measurement.nc") == 130
    assert capsys.readouterr().err == "truespin: interrupted; nothing is kept\n"
    assert sorted(tmp_path.iterdir()) == before
