"""What a person types: bad input is told in one line and exit code 2, and help comes at once."""

import os
import subprocess
import sys

import numpy as np
import pytest

from reconstructors import registry
from records import sample, store
from scenarios import cli, runner

HEADER = """# OOMMF OVF 2.0
# Segment count: 1
# Begin: Segment
# Begin: Header
# Title: m
# meshtype: rectangular
# meshunit: m
# valueunits: 1 1 1
# valuelabels: m_x m_y m_z
# valuedim: 3
# xmin: 0
# ymin: 0
# zmin: 0
# xmax: 2e-8
# ymax: 1e-8
# zmax: 5e-9
# xbase: 2.5e-9
# ybase: 2.5e-9
# zbase: 2.5e-9
# xstepsize: 5e-9
# ystepsize: 5e-9
# zstepsize: 5e-9
# xnodes: 4
# ynodes: 2
# znodes: 1
# End: Header
# Begin: Data Text
"""
ENDING = "# End: Data Text\n# End: Segment\n"


def ovf(path, rows, ending=ENDING):
    path.write_text(HEADER + "".join(" ".join(map(str, row)) + "\n" for row in rows) + ending)
    return str(path)


@pytest.fixture
def told(capsys):
    """Call the command line, return its exit code and what it said on the error stream."""

    def call(*words):
        code = cli.call(list(words))
        return code, capsys.readouterr().err

    return call


@pytest.mark.parametrize(
    ("words", "fragments"),
    [
        (["lst"], ["lst"]),
        (["run"], ["scenario"]),
        (["run", "domain-wals"], ["unknown scenario 'domain-wals'", "did you mean 'domain-walls'"]),
        (["run", "domain-walls", "--profile", "papr"], ["unknown profile 'papr'", "did you mean 'paper'", "quick"]),
        (["run", "domain-walls", "--method", "ceilin"], ["unknown method 'ceilin'", "did you mean 'ceiling'"]),
        (["run", "domain-walls", "--set", "optics.hole=1"], ["unknown key 'optics.hole'", "hole_nm"]),
        (["run", "domain-walls", "--set", "optic.hole_nm=1"], ["unknown table 'optic'", "did you mean optics"]),
        (["run", "domain-walls", "--set", "optics"], ["table.key=value"]),
        (["run", "domain-walls", "--set", "optics.hole_nm=9000"], ["optics.hole_nm is 9000", "larger than the field"]),
        (["run", "domain-walls", "--set", "detector.photons=0"], ["detector.photons is 0", "greater than 0"]),
        (["run", "domain-walls", "--set", "detector.photons=many"], ["detector.photons is 'many'", "allowed"]),
        (["run", "domain-walls", "--set", "optics.visibility=1.2"], ["optics.visibility is 1.2", "less than or equal"]),
        (["run", "domain-walls", "--set", "detector.pixels=51"], ["detector.pixels is 51", "multiple of 2"]),
        (["run", "domain-walls", "--set", "reconstruction.parameters.nope.x=1"], ["unknown method 'nope'"]),
        (
            ["run", "domain-walls", "--set", "reconstruction.parameters.hapre.start=no"],
            ["hapre: start is 'no'", "random"],
        ),
        (["run", "domain-walls", "--set", "reconstruction.parameters.hapre.last=x"], ["hapre.last is 'x'", "a whole"]),
        (["run", "domain-walls", "--sample", "nowhere.ovf"], ["'nowhere.ovf'", "no such file"]),
        (["run", "domain-walls", "--beta-m-t-nm", "-1"], ["sample.beta_m_t_nm is -1", "greater than 0"]),
        (["run", "domain-walls", "--seed", "-1"], ["seed is -1", "allowed"]),
        (["run", "domain-walls", "--seeds", "0"], ["seeds is 0", "allowed"]),
        (["run", "domain-walls", "--draws", "0"], ["draws is 0", "allowed"]),
        (["run", "domain-walls", "--draws", "two"], ["--draws"]),
        (["run", "domain-walls", "--prtf", "-1"], ["reconstruction.prtf_starts is -1"]),
        (["run", "domain-walls", "--frobnicate"], ["--frobnicate"]),
        (["report", "nowhere"], ["'nowhere'", "scorecard.json"]),
        (["info", "nowhere"], ["'nowhere'", "no such file"]),
        (["info", "."], ["'.'", "scorecard.json"]),
    ],
)
def test_bad_input_is_one_line_and_leaves_nothing(told, tmp_path, monkeypatch, words, fragments):
    monkeypatch.chdir(tmp_path)
    code, said = told(*words)
    assert code == 2
    assert said.count("\n") == 1
    assert said.startswith("truespin: ")
    for fragment in fragments:
        assert fragment in said
    assert list(tmp_path.iterdir()) == []


UP = [(0, 0, 1)] * 8


@pytest.mark.parametrize(
    ("rows", "ending", "fragment"),
    [
        (UP[:5], "", "truncated"),
        ([*UP[:7], (0, 0, np.nan)], ENDING, "not finite"),
        ([*UP[:7], (0, "x", 1)], ENDING, "no number"),
    ],
)
def test_bad_samples(told, tmp_path, rows, ending, fragment):
    path = ovf(tmp_path / "sample.ovf", rows, ending)
    code, said = told("run", "domain-walls", "--sample", path, "--out", str(tmp_path / "run"))
    assert code == 2
    assert said.count("\n") == 1
    assert "sample.ovf" in said
    assert fragment in said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("name", "content", "fragment"),
    [
        ("notes.txt", b"no magnetization", "unknown format"),
        ("picture.png", b"\x89PNG\r\n\x1a\n" + bytes(50), "unknown format"),
        ("empty", b"", "unknown format"),
        ("cut.json", b'{"schema": ', "not JSON"),
        ("other.json", b'{"a": 1}', "expected 1"),
        ("cut.ovf", HEADER[:100].encode(), "ends inside the header"),
    ],
)
def test_info_on_what_it_cannot_read(told, tmp_path, name, content, fragment):
    path = tmp_path / name
    path.write_bytes(content)
    code, said = told("info", str(path))
    assert (code, said.count("\n")) == (2, 1)
    assert name in said
    assert fragment in said


@pytest.mark.parametrize("part", [0.01, 0.5, 0.99])
def test_info_on_a_truncated_record(told, tmp_path, part):
    path = tmp_path / "record.nc"
    up = np.eye(3)[2][:, None, None, None] * np.ones((3, 1, 99, 99))
    store.save(sample.make(magnetization=up, voxel_size=5e-9), path)
    content = path.read_bytes()
    path.write_bytes(content[: int(part * len(content))])
    code, said = told("info", str(path))
    assert (code, said.count("\n")) == (2, 1)
    assert "record.nc: damaged HDF5 file" in said


def test_sample_of_another_sort(told, tmp_path):
    path = tmp_path / "sample.ovf"
    path.write_text("no magnetization")
    code, said = told("run", "domain-walls", "--sample", str(path))
    assert (code, said.count("\n")) == (2, 1)
    assert "OVF" in said


def test_hole_that_only_the_simulation_refuses(told, tmp_path):
    out = tmp_path / "run"
    code, said = told("run", "domain-walls", "--set", "optics.hole_nm=1400", "--out", str(out), "--method", "floor")
    assert (code, said.count("\n")) == (2, 1)
    assert "hole" in said
    assert not out.exists()


def test_unwritable_places(told, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        code, said = told("run", "domain-walls", "--method", "floor", "--out", str(out))
        assert (code, said.count("\n")) == (2, 1)
        assert str(out) in said or str(tmp_path / "file") in said
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(tmp_path / "file" / "cache"))
    code, said = told("run", "domain-walls", "--method", "floor", "--out", str(tmp_path / "run"))
    assert (code, said.count("\n")) == (2, 1)
    assert "file" in said
    assert not (tmp_path / "run").exists()


def test_no_room_for_the_simulation(own_cache, tmp_path):
    """No file may be larger than 100 kB: what a full disk does, without one."""
    script = (
        "import resource, sys; from scenarios import cli; "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)); sys.exit(cli.call(sys.argv[1:]))"
    )
    small = ["detector.pixels=256", "optics.hole_nm=240", "optics.references=2", "sample.oversampling=2"]
    words = [word for value in small for word in ("--set", value)]
    command = [sys.executable, "-c", script, "run", "domain-walls", *words, "--method", "floor"]
    done = subprocess.run([*command, "--out", str(tmp_path / "run")], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(own_cache) in done.stderr
    assert not (tmp_path / "run").exists()
    assert [path.name for path in own_cache.rglob("*") if path.is_file()] == [".lock"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to the superuser")
def test_forbidden_directory(told, tmp_path):
    tmp_path.chmod(0o500)
    code, said = told("run", "domain-walls", "--method", "floor", "--out", str(tmp_path / "run"))
    tmp_path.chmod(0o700)
    assert (code, said.count("\n")) == (2, 1)
    assert "Permission denied" in said


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (OSError(28, "No space left on device", "/run/truth.nc"), 2, "/run/truth.nc: No space left on device"),
        (OSError(28, "No space left on device", "cache/a", None, "run/b"), 2, "run/b: No space left on device"),
        (ValueError("two\nlines"), 2, "two lines"),
        (KeyboardInterrupt(), 130, "interrupted; what is finished is kept: the same command goes on from there"),
        (KeyError("bug"), 1, "an error of truespin itself: KeyError: 'bug' (TRUESPIN_DEBUG=1 shows where)"),
    ],
)
def test_endings_of_a_run(told, fake, monkeypatch, error, code, said):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(runner, "run", fail)
    assert told("run", "fake", "--out", str(fake / "run")) == (code, f"truespin: {said}\n")


def test_a_failed_cell_is_exit_code_one(told, fake, monkeypatch):
    monkeypatch.setattr(cli, "_report", lambda directory: directory / "report.html")
    assert told("run", "fake", "--method", "bug", "--out", str(fake / "run"))[0] == 1
    assert told("run", "fake", "--method", "refuse", "--out", str(fake / "run"))[0] == 0


def test_run_tells_where_things_are(fake, monkeypatch, capsys):
    monkeypatch.setattr(cli, "_report", lambda directory: directory / "report.html")
    monkeypatch.chdir(fake)
    assert cli.call(["run", "fake", "--seed", "4", "--seeds", "2"]) == 0
    out, err = capsys.readouterr()
    assert f"report:  {os.path.join('runs', 'fake-quick-seed4-5', 'report.html')}" in out
    assert "11.50 ± 0.71" in out  # wall width over the seeds 4 and 5
    assert err.count("\n") == 2 * 4
    assert cli.call(["info", "runs/fake-quick-seed4-5"]) == 0
    assert "seed 5, draw 0, plain: done" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["--help"], ["run", "--help"], ["report", "-h"], ["info", "--help"], ["list"]])
def test_help_teaches(capsys, words):
    assert cli.call(words) == 0
    out, err = capsys.readouterr()
    assert "domain-walls" in out or "Usage" in out
    assert err == ""


def test_methods_say_what_they_are_told(capsys):
    assert cli.call(["methods"]) == 0
    out = capsys.readouterr().out
    assert {"fth", "hapre", "hapre+", "floor", "ceiling"} <= set(out.splitlines())
    assert out.count("is told: ") == len(registry.names())


def test_version(capsys):
    assert cli.call(["--version"]) == 0
    assert capsys.readouterr().out.startswith("truespin ")


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from scenarios import cli; cli.call(['run', '--help']); "
        "sys.exit(bool({'numpy', 'scipy', 'numba', 'xarray', 'h5py', 'matplotlib'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", script], stdout=subprocess.DEVNULL, check=False).returncode == 0


@pytest.mark.parametrize("module", ["scenarios.domain_walls", "scenarios.cli"])
def test_modules_are_scripts(module):
    words = ["--profile", "nope"] if module.endswith("walls") else ["run", "domain-walls", "--profile", "nope"]
    done = subprocess.run([sys.executable, "-m", module, *words], stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("truespin: unknown profile 'nope'")
