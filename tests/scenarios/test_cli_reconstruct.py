"""``truespin reconstruct ptychography``: a file in, CXI and a picture out, and one line where it cannot be."""

import os
from pathlib import Path

import h5py
import numpy as np
import pytest

from records import cxi, frames
from scenarios.cli import call
from tests.ptychography_files import N, small_scan, write_small_scan
from tests.ptychography_problem import DEFOCUS, ENERGY, PIXEL, STOP

FOREIGN = Path(os.environ.get("TRUESPIN_FOREIGN_FILES", "")) / "cxi" / "PETRAIII_P25_Near_Field_Ptycho.cxi"


@pytest.fixture(scope="module")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "scan.cxi"
    return write_small_scan(path)


def _call(scan: Path, *words: str) -> int:
    return call(["reconstruct", "ptychography", str(scan), *words])


def _optics() -> tuple[str, ...]:
    return "--outer-zone", f"{1e9 * N * PIXEL / 40}nm", "--stop-fraction", str(STOP), "--defocus", f"{1e6 * DEFOCUS}um"


def test_writes_cxi_and_a_picture(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "result.cxi"
    words = (*_optics(), "--method", "rpie", "--set", "engine.epochs=4", "--set", "engine.batch=5")
    assert _call(scan, *words, "--out", str(out)) == 0
    told = capsys.readouterr()
    assert "Fourier error" in told.out
    assert "after 4 epochs" in told.out
    assert "128 x 128 pixels" in told.err
    found = cxi.read_reconstruction(out)
    assert found["probe"].shape[-2:] == (N, N)
    assert out.with_suffix(".png").stat().st_size > 10_000


def test_checkpoint_goes_on_with_the_same_bits(scan: Path, tmp_path: Path) -> None:
    words = (*_optics(), "--method", "rpie", "--set", "engine.batch=5")
    whole, resumed, kept = tmp_path / "whole.cxi", tmp_path / "resumed.cxi", tmp_path / "state.npz"
    assert _call(scan, *words, "--set", "engine.epochs=12", "--out", str(whole), "--checkpoint", str(kept)) == 0
    # The file holds epoch 10: what follows is done again.
    assert _call(scan, *words, "--set", "engine.epochs=12", "--out", str(resumed), "--checkpoint", str(kept)) == 0
    first, second = cxi.read_reconstruction(whole), cxi.read_reconstruction(resumed)
    np.testing.assert_array_equal(first["object"].values, second["object"].values)
    np.testing.assert_array_equal(first["probe"].values, second["probe"].values)


def test_measurement_of_a_run_is_read_too(tmp_path: Path) -> None:
    path = tmp_path / "measurement.nc"
    frames.write_nodes([small_scan()], path)
    assert _call(path, "--method", "rpie", "--set", "engine.epochs=2", "--out", str(tmp_path / "r.cxi")) == 0
    assert _call(path, "--gain", "2", "--out", str(tmp_path / "s.cxi")) == 2
    assert not (tmp_path / "s.cxi").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--method", "rpie++"), "did you mean 'rpie+'"),
        (("--method", "hapre"), "unknown method"),
        (("--set", "engine.epoch=3"), "epoch"),
        (("--set", "engine.epochs=0"), "epochs is 0"),
        (("--set", "nonsense"), "KEY=VALUE"),
        (("--set", "reject=maybe"), "reject is 'maybe'"),
        (("--defocus", "7"), "length with its unit"),
        (("--outer-zone", "45"), "length with its unit"),
        (("--stop-fraction", "1.5"), "stop-fraction is 1.5"),
        (("--gain", "-1"), "gain is -1"),
        (("--projection", "4"), "projection 4"),
        (("--seed", "-1"), "seed is -1"),
        (("--out", "result.txt"), "ends in .cxi"),
        (("--figure", "result.doc"), "ends in .png"),
        (("--focus-distance", "long"), "focus-distance"),
    ],
)
def test_wrong_words_are_told_in_one_line(
    scan: Path, tmp_path: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = () if "--out" in words else ("--out", str(tmp_path / "r.cxi"))
    assert _call(scan, *words, *out) == 2
    told = capsys.readouterr().err.strip()
    assert said in told
    assert "\n" not in told
    assert not list(tmp_path.iterdir())


def test_the_input_is_never_replaced(scan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = scan.read_bytes()
    assert _call(scan, "--out", str(scan)) == 2
    assert "named twice" in capsys.readouterr().err
    assert scan.read_bytes() == before


def test_bad_files_are_told_in_one_line(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing, cut, wrong = tmp_path / "no.cxi", tmp_path / "cut.cxi", tmp_path / "wrong.cxi"
    cut.write_bytes(scan.read_bytes()[:5000])
    wrong.write_bytes(scan.read_bytes())
    with h5py.File(wrong, "r+") as file:
        del file["entry_1/truespin"]  # as another program would have written it
        for place in ("source_1/energy", "beam_1/energy", "beam_1/incident_beam_energy"):
            file[f"entry_1/instrument_1/{place}"][...] = ENERGY  # eV in place of J
    for path in (missing, cut, wrong):
        assert _call(path, "--out", str(tmp_path / "r.cxi")) == 2
        told = capsys.readouterr().err.strip()
        assert path.name in told
        assert "\n" not in told
    assert not (tmp_path / "r.cxi").exists()


def test_checkpoint_of_something_else_is_refused(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, out = tmp_path / "state.npz", tmp_path / "r.cxi"
    words = (*_optics(), "--method", "rpie", "--set", "engine.batch=5", "--checkpoint", str(kept), "--out", str(out))
    assert _call(scan, *words, "--set", "engine.epochs=10") == 0
    assert _call(scan, *words, "--set", "engine.epochs=11") == 2
    assert "belongs to another" in capsys.readouterr().err
    kept.write_bytes(b"rubbish")
    assert _call(scan, *words, "--set", "engine.epochs=10") == 2
    assert "no checkpoint of ours" in capsys.readouterr().err


@pytest.mark.skipif(not FOREIGN.is_file(), reason="TRUESPIN_FOREIGN_FILES names no folder with the measured scan")
def test_measured_near_field_scan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "star.cxi"
    assert _call(FOREIGN, "--focus-distance", "3.65mm", "--set", "engine.epochs=25", "--out", str(out)) == 0
    assert "near field" in capsys.readouterr().err
    found = cxi.read_reconstruction(out)
    # The sample is a Siemens star: most of the power of its amplitude round a circle is in one even harmonic.
    amplitude, pixel = np.abs(found["object"].values[0]), 178.7e-9
    centre = [np.abs(found[dim].values - found[f"position_{dim}"].values.mean()).argmin() for dim in ("y", "x")]
    best = 0.0
    for dy in range(-12, 13, 3):
        for dx in range(-12, 13, 3):
            angle = np.linspace(0, 2 * np.pi, 720, endpoint=False)
            radius = 6.5e-6 / pixel
            rows = np.rint(centre[0] + dy + radius * np.sin(angle)).astype(int)
            columns = np.rint(centre[1] + dx + radius * np.cos(angle)).astype(int)
            power = np.abs(np.fft.rfft(amplitude[rows, columns] - amplitude[rows, columns].mean())) ** 2
            best = max(best, float(power.max() / power[1:].sum()))
    assert best > 0.35
