"""``truespin sample``: what it writes and prints, and one line on what cannot be."""

import io
import json
import os
import time

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from records import store
from records.sample_files import read_sample, write_sample
from scenarios import cli, samples
from scenarios.cli_sample import Told
from scenarios.request import request
from tests.records.builders import a_truth
from tests.records.volumes import a_volume

SMALL = ["--set", "size_nm=[10.0, 40.0, 40.0]", "--set", "cell_nm=[10.0, 2.0, 2.0]"]


@pytest.fixture
def told(capsys):
    def call(*words):
        code = cli.call(list(words))
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def here(tmp_path, monkeypatch):
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def test_list(told):
    code, out, err = told("sample")
    assert (code, err) == (0, "")
    for name, entry in samples.ENTRIES.items():
        assert f"{name} " in out
        assert entry.summary in out
    code, out, err = told("sample", "bloch-wall", "--list", "--set", "wall_width_nm=7")
    assert code == 0
    assert "wall_width_nm = 7.0" in out


@pytest.mark.parametrize("suffix", [".ovf", ".nc", ".vti"])
def test_a_file_and_its_picture(told, here, suffix):
    code, out, err = told("sample", "skyrmion", *SMALL, "--set", "radius_nm=10", "--out", f"s{suffix}")
    assert (code, err) == (0, "")
    assert sorted(os.listdir()) == sorted([f"s{suffix}", "s.png"])
    back = read_sample(here / f"s{suffix}")
    assert back.attrs["origin"] == "analytic"
    assert json.loads(back.attrs["features"])["texture"] == "skyrmion"
    for line in ("cells (z, y, x)      1 x 20 x 20", "wall width", "picture              s.png", f"s{suffix}"):
        assert line in out
    with Image.open(here / "s.png") as image:
        assert image.format == "PNG"


def test_no_picture_and_replaced_whole(told, here):
    (here / "s.nc").write_text("something else")
    assert told("sample", "neel-wall", *SMALL, "--no-picture", "--out", "s.nc")[0] == 0
    assert os.listdir() == ["s.nc"]
    assert read_sample(here / "s.nc")["magnet"].shape == (1, 20, 20)


def test_second_call_builds_nothing(told, here, monkeypatch):
    assert told("sample", "helix", *SMALL, "--out", "a.ovf")[0] == 0

    def fail(*_, **__):
        raise AssertionError("built again")

    monkeypatch.setattr("simulators.samples.textures.texture_sample", fail)
    monkeypatch.setattr("reports.sample_pictures.sample_picture", fail)
    start = time.monotonic()
    assert told("sample", "helix", *SMALL, "--out", "b.ovf")[0] == 0
    assert time.monotonic() - start < 2
    assert (here / "a.ovf").read_bytes() == (here / "b.ovf").read_bytes()
    assert (here / "a.png").read_bytes() == (here / "b.png").read_bytes()


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (["skyrmon"], ["unknown sample 'skyrmon'", "did you mean 'skyrmion'"]),
        (["skyrmion", "--profile", "quik", "--out", "a.nc"], ["unknown profile 'quik'", "did you mean 'quick'"]),
        (["skyrmion", "--set", "radius=1", "--out", "a.nc"], ["unknown key 'skyrmion.radius'", "radius_nm"]),
        (["skyrmion", "--set", "radius_nm=0", "--out", "a.nc"], ["skyrmion.radius_nm is 0", "greater than 0"]),
        (["skyrmion", "--set", "radius_nm", "--out", "a.nc"], ["table.key=value"]),
        (["skyrmion", "--seed", "-1", "--out", "a.nc"], ["seed is -1"]),
        (["skyrmion"], ["out is missing", "skyrmion.ovf"]),
        (["skyrmion", "--out", "a.vtk"], ["suffix '.vtk'", ".ovf, .nc, .vti"]),
        (["skyrmion", "--out", "nowhere/a.nc"], ["'nowhere/a.nc'", "no such folder 'nowhere'"]),
        (["labyrinth", "--set", "period_nm=20", "--out", "a.nc"], ["wall_width is", "sixth of the period"]),
        (["hedgehog", "--set", "rotation_axis_x_y_z=[0.0, 0.0, 0.0]", "--out", "a.nc"], ["allowed: a direction"]),
        (["--frobnicate"], ["--frobnicate"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(told, here, words, fragments):
    code, out, err = told("sample", *words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("truespin: ")
    for fragment in fragments:
        assert fragment in err
    assert os.listdir() == []


def test_places_that_cannot_be_written(told, here):
    (here / "a.nc").mkdir()
    code, _, err = told("sample", "skyrmion", "--out", "a.nc")
    assert (code, err.count("\n")) == (2, 1)
    assert "a folder" in err
    (here / "file").write_text("")
    code, _, err = told("sample", "skyrmion", "--out", "file/a.nc")
    assert (code, err.count("\n")) == (2, 1)
    assert sorted(os.listdir()) == ["a.nc", "file"]
    os.mkfifo("pipe.nc")
    code, _, err = told("sample", "skyrmion", "--out", "pipe.nc")
    assert (code, err.count("\n")) == (2, 1)
    assert "a device or a pipe; allowed: a file" in err
    assert (here / "pipe.nc").is_fifo()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device", "a.nc")])
def test_an_interruption_leaves_the_former_file(told, here, monkeypatch, error):
    assert told("sample", "stripes", *SMALL, "--set", "period_nm=40", "--out", "a.nc")[0] == 0
    before = {name: (here / name).read_bytes() for name in os.listdir()}

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("simulators.samples.textures.texture_sample", fail)
    code, _, err = told("sample", "stripes", *SMALL, "--set", "period_nm=50", "--out", "a.nc")
    assert code == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert err.count("\n") == 1
    assert {name: (here / name).read_bytes() for name in os.listdir()} == before


def test_warnings_of_a_builder_are_lines(told, here, monkeypatch):
    import warnings

    from simulators.samples import textures

    make = textures.texture_sample

    def warn(*arguments, **options):
        warnings.warn("a voxel is\nlarge", stacklevel=1)
        warnings.warn("a voxel is\nlarge", stacklevel=1)
        return make(*arguments, **options)

    monkeypatch.setattr(textures, "texture_sample", warn)
    assert told("sample", "neel-wall", *SMALL, "--out", "a.nc")[2] == "truespin: warning: a voxel is large\n"


def test_progress_is_seen_on_a_terminal_only():
    for terminal in (True, False):
        stream = io.StringIO()
        with Told("multilayer", Console(file=stream, force_terminal=terminal, width=100)) as told:
            told("relaxing: step 3, torque [0.1]")
        assert ("multilayer: relaxing: step 3, torque [0.1]" in stream.getvalue()) is terminal
        if not terminal:
            assert stream.getvalue().strip() == ""


@pytest.mark.parametrize("suffix", [".ovf", ".nc", ".vti"])
def test_a_run_takes_it_back(told, here, suffix):
    words = ["--set", "size_nm=[20.0, 300.0, 300.0]", "--set", "cell_nm=[20.0, 5.0, 5.0]", "--no-picture"]
    assert told("sample", "stripes", *words, "--out", f"s{suffix}")[0] == 0
    asked = request("domain-walls", sample=here / f"s{suffix}")
    assert any("coarser" in warning for warning in asked.warnings)

    from scenarios.domain_walls import _foreign
    from scenarios.domain_walls_tables import setup_of

    setup = setup_of(asked.configuration.model_dump())
    found = _foreign(here / f"s{suffix}", setup)
    fill, m_z = found["magnet"].values[0], found["magnetization"].values[2, 0]
    assert fill.sum() * setup.fine_pixel**2 == pytest.approx(300e-9**2, rel=0.02)
    row = fill.shape[0] // 2
    place = np.abs(found["x"].values - 37.5e-9).argmin()
    assert m_z[row, place] > 0.99
    assert m_z[row, np.abs(found["x"].values + 37.5e-9).argmin()] < -0.99


def test_a_run_refuses_what_is_no_sample(told, here):
    write_sample(a_volume(), here / "whole.vti")
    (here / "cut.vti").write_bytes((here / "whole.vti").read_bytes()[:1500])
    store.save(a_truth(), here / "truth.nc")
    for name, fragment in (("cut.vti", "damaged or truncated XML"), ("truth.nc", "holds record 'truth'")):
        code, _, err = told("run", "domain-walls", "--sample", name, "--out", "run")
        assert (code, err.count("\n")) == (2, 1)
        assert name in err
        assert fragment in err
        code, _, err = told("info", "cut.vti")
        assert (code, err.count("\n")) == (2, 1)
    assert not (here / "run").exists()
