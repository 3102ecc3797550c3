"""``truespin reconstruct ptychography``: a file in, CXI and a picture out, and one line where it cannot be."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from reconstructors.ptychography import methods
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
        (("--defocus", "--5um"), "length with its unit"),
        (("--gain", "1e30"), "gain is 1e+30; allowed: 1e-06 to 1e+10"),
        (("--near-field", "--outer-zone", "45nm"), "outer-zone is given for a near field"),
        (("--outer-zone", "45nm", "--defocus", "1m"), "scan.cxi: defocus 1 m makes a beam of"),
        (("--set", "engine.epochs.x=3", "--set", "engine.epochs=3"), "--set 'engine.epochs=3'; allowed: a key"),
        (("--set", "engine.epochs=3", "--set", "engine.epochs.x=3"), "--set 'engine.epochs.x=3'; allowed: a key"),
        (("--set", "preparation.modes=5000"), "modes is 5000; allowed: a whole number from 1 to 64"),
        (("--set", "preparation.margin=100000"), "margin is 100000; allowed"),
        (("--set", "preparation.scratch=3"), "scratch is 3; allowed"),
        (("--out", ""), "out is ''; allowed"),
        (("--out", "/proc/r.cxi"), "'/proc/r.cxi' cannot be written"),
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


def test_what_is_no_result_is_never_replaced(scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    raw, notes, linked = tmp_path / "raw.cxi", tmp_path / "notes.cxi", tmp_path / "linked.cxi"
    raw.write_bytes(scan.read_bytes())
    notes.write_text("mine")
    linked.hardlink_to(scan)
    for path in (raw, notes, linked):
        before = path.read_bytes()
        assert _call(scan, "--out", str(path)) == 2
        assert "holds something else than a reconstruction" in capsys.readouterr().err
        assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 3


FRAMES = "entry_1/instrument_1/detector_1/data"


@pytest.fixture
def spoilt(scan: Path, tmp_path: Path) -> Callable[..., Path]:
    """Return a function that copies the scan with its frames or other datasets changed."""

    def spoil(**changes: Any) -> Path:
        path = tmp_path / "spoilt.cxi"
        path.write_bytes(scan.read_bytes())
        with h5py.File(path, "r+") as file:
            for name, change in changes.items():
                place = {"frames": FRAMES, "mask": FRAMES.replace("/data", "/mask")}[name]
                values = change(file[place][()])
                file[place][...] = values
        return path

    return spoil


def _all_like_the_first(frames: Any) -> Any:
    return np.repeat(frames[:1], len(frames), axis=0)


def _one_lit(frames: Any) -> Any:
    return frames * (np.arange(len(frames)) == 3)[:, None, None].astype(np.uint16)


@pytest.mark.parametrize(
    ("change", "words", "said"),
    [
        (_all_like_the_first, (), "1 usable frame of 16 (15 found corrupt)"),
        (_one_lit, (), "no photons above the dark offset in most frames"),
        (lambda frames: np.full_like(frames, 65535), (), "counts are saturated on every valid pixel"),
        (lambda frames: frames, ("--gain", "1e9"), "photons in the median frame, at 1e+09 ADU a photon"),
    ],
)
def test_frames_that_hold_nothing_are_told_in_one_line(
    spoilt: Callable[..., Path],
    tmp_path: Path,
    change: Callable[[Any], Any],
    words: tuple[str, ...],
    said: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path, out = spoilt(frames=change), tmp_path / "r.cxi"
    assert _call(path, *words, "--out", str(out)) == 2
    told = capsys.readouterr()
    assert told.err.startswith(f"truespin: {path}: ")
    assert said in told.err
    assert told.err.count("\n") == 1
    assert not told.out
    assert not out.exists()


def test_bad_frames_are_named_with_their_reason(
    spoilt: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def change(frames: Any) -> Any:
        frames[2], frames[5] = 0, 65535
        return frames

    path = spoilt(frames=change)
    words = (*_optics(), "--method", "rpie", "--set", "engine.epochs=4", "--out", str(tmp_path / "r.cxi"))
    assert _call(path, *words) == 0
    told = capsys.readouterr().out
    assert "2 of 16 frames left out (1 empty, 1 saturated)" in told
    assert "flag frames_left_out: 12% of the frames took no part" in told
    assert "2e+05 photons a frame" in told  # those of the good ones


def test_an_inverted_mask_is_flagged(
    spoilt: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    some_bad = np.arange(N * N).reshape(N, N) % 101 == 0
    path = spoilt(mask=lambda bits: np.where(some_bad, 0, 1))
    words = (*_optics(), "--method", "rpie", "--set", "engine.epochs=2", "--out", str(tmp_path / "r.cxi"))
    assert _call(path, *words) == 0
    told = capsys.readouterr().out
    assert "flag few_data" in told
    assert "% of the probe's light falls on masked pixels" in told


def test_a_record_of_ours_is_known_by_its_content(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    named, foreign, other = tmp_path / "own.cxi", tmp_path / "foreign.nc", tmp_path / "other.nc"
    frames.write_nodes([small_scan()], named)
    foreign.write_bytes(scan.read_bytes())
    for path in (named, foreign):
        out = str(tmp_path / "r.cxi")
        assert _call(path, "--method", "rpie", "--set", "engine.epochs=1", "--out", out) == 0
    capsys.readouterr()
    with h5py.File(other, "w") as file:
        file.attrs.update({"record": "measurement", "kind": "holography"})
    assert _call(other) == 2
    assert "other.nc: holds record 'measurement' of kind 'holography'" in capsys.readouterr().err


def test_an_interrupt_says_what_is_kept(
    scan: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(methods, "rejected", interrupted)
    out = tmp_path / "r.cxi"
    for words, said in (((), "nothing is kept"), (("--checkpoint", str(tmp_path / "k.npz")), "goes on from there")):
        assert _call(scan, "--out", str(out), *words) == 130
        assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_checkpoint_of_something_else_is_refused(
    scan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept, out = tmp_path / "state.npz", tmp_path / "r.cxi"
    words = (*_optics(), "--method", "rpie", "--set", "engine.batch=5", "--checkpoint", str(kept), "--out", str(out))
    assert _call(scan, *words, "--set", "engine.epochs=10") == 0
    assert _call(scan, *words, "--set", "engine.epochs=11") == 2
    assert "belongs to another" in capsys.readouterr().err
    assert _call(scan, *words, "--set", "engine.epochs=10", "--seed", "1") == 2
    assert "or another seed" in capsys.readouterr().err
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
