"""The manners of ``truespin measure``: what it writes, and one line on what cannot be measured."""

import os
import re
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile

from records import sample
from records.sample_files import write_sample
from tests.scenarios.own_arrays import desk, halves, point, saved, stored, stripes

FOREIGN = Path(os.environ.get("TRUESPIN_FOREIGN_FILES", "")) / "ovf"
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "measure.md"


@pytest.fixture
def told(capsys, tmp_path, monkeypatch):
    return desk(capsys, tmp_path, monkeypatch)


def test_group_alone_shows_its_help(told):
    code, out, err = told()
    assert (code, err) == (0, "")
    for name in ("frc", "hedgehogs", "walls"):
        assert name in out


def test_help_imports_nothing_heavy():
    program = (
        "import sys; from scenarios import cli; cli.call(['measure', 'frc', '-h']); "
        "sys.exit(bool({'numpy', 'xarray', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert "--criterion" in done.stdout


BAD = [
    (["frc", "a.npy", "b.npy"], ["pixel is missing", "--pixel 5.3nm"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5.3"], ["pixel is '5.3'", "a length with its unit", "5.3nm"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5.3m"], ["pixel is 5.3m", "from 1pm to 1mm"]),
    (["frc", "a.npy", "b.npy", "--pixel", "0nm"], ["pixel is 0nm", "from 1pm"]),
    (["frc", "a.npy", "b.npy", "--pixel=-5nm"], ["pixel is -5nm", "from 1pm"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5.3eV"], ["pixel is '5.3eV', in 'eV'", "unit"]),
    (["frc", "a.npy", "b.npy", "--pixel", "nannm"], ["pixel is 'nannm'"]),
    (["frc", "a.npy", "b.npy", "--pixel", "1e400nm"], ["pixel is 1e400nm"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm,5nm,5nm"], ["3 lengths; allowed: 1, or 2"]),
    (["frc", "a.npy", "c.npy", "--pixel", "5nm"], ["no such file"]),
    (["frc", "a.npy", "small.npy", "--pixel", "5nm"], ["small.npy has shape (16, 16)", "(128, 128)"]),
    (["frc", "a.npy", "nan.npy", "--pixel", "5nm"], ["nan.npy: 1 of 16384 values are not finite"]),
    (["frc", "a.npy", "flat.npy", "--pixel", "5nm"], ["flat.npy: every value is 3", "varies"]),
    (["frc", "a.npy", "line.npy", "--pixel", "5nm"], ["line.npy: shape (128,)"]),
    (["frc", "tiny.npy", "tiny.npy", "--pixel", "5nm"], ["tiny.npy: shape (4, 4)", "from 16 px along"]),
    (["frc", "thin.npy", "thin.npy", "--pixel", "5nm"], ["shape (128, 15)", "from 16 px along"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--mask", "two.npy"], ["leave 2 px of 16384", "from 256"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--mask", "square.npy"], ["leave 100 px of 16384", "from 256"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--mask", "faint.npy"], ["faint.npy: the largest value is 1e-200"]),
    (["frc", "large.npy", "large.npy", "--pixel", "5nm"], ["large.npy: the largest value is", "e+200"]),
    (["frc", "a.npy", "b.npy", "--pixel", "1e99999999999999999999nm"], ["pixel is 1e9999", "from 1pm"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--draws", "1"], ["draws is 1;", "0 for no interval, or from 20"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--mask", "small.npy"], ["mask small.npy has shape (16, 16)"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--mask", "zero.npy"], ["mask zero.npy is 0 everywhere"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--mask", "flat.npy"], ["holds 3 to 3", "from 0 to 1"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--mask", "corner.npy"], ["inside the mask"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--taper", "9um"], ["taper is 9um", "half of the image"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--criterion", "halfbit"], ["did you mean 'half-bit'"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--data-set", "third"], ["unknown data-set 'third'"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--n-convention", "n"], ["unknown n-convention 'n'"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--draws", "-1"], ["draws is -1"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--figure", "f.gif"], ["figure is 'f.gif'", ".png or .svg"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--json", "a.npy"], ["json is 'a.npy', which is measured"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--json", "f.png", "--figure", "f.png"], ["two files"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--out", "a.npy"], ["out is 'a.npy', a file"]),
    (["frc", "a.npy", "b.npy", "--pixel", "5nm", "--out", "d", "--table-only"], ["--table-only"]),
    (["frc", "a.npy", "m.npy", "--pixel", "5nm"], ["m.npy: shape (3, 2, 3, 4)", "an image or a volume"]),
    (["walls", "nan.npy", "--pixel", "5nm"], ["not finite"]),
    (["walls", "flat.npy", "--pixel", "5nm"], ["every value is 3"]),
    (["walls", "complex.npy", "--pixel", "5nm"], ["is complex", "real image"]),
    (["walls", "stack.npy", "--pixel", "5nm"], ["2 layers", "--layer 0"]),
    (["walls", "stack.npy", "--pixel", "5nm", "--layer", "2"], ["layer is 2", "from 0 to 1"]),
    (["walls", "a.npy", "--pixel", "5nm", "--layer", "0"], ["with a volume only"]),
    (["walls", "a.npy", "--pixel", "5nm,6nm"], ["square pixels"]),
    (["walls", "a.npy", "--pixel", "20nm"], ["pixel is 20 nm", "from 0.1 to 15 nm"]),
    (["walls", "a.npy", "--pixel", "5.3pm"], ["pixel is 0.0053 nm", "from 0.1 to 15 nm"]),
    (["walls", "a.npy", "--pixel", "4A"], ["51.2 nm wide", "more than 60 nm"]),
    (["walls", "noise.npy", "--pixel", "5.3nm"], ["no domain wall"]),
    (["walls", "a.npy", "--pixel", "5nm", "--transfer", "sharp:5nm"], ["unknown transfer 'sharp'"]),
    (["walls", "a.npy", "--pixel", "5nm", "--transfer", "hard"], ["transfer hard is ''"]),
    (["walls", "a.npy", "--pixel", "5nm", "--transfer", "film:5nm"], ["film:THICKNESS,WAVELENGTH"]),
    (["walls", "a.npy", "--pixel", "5nm", "--average", "0"], ["average is 0"]),
    (["walls", "blob.npy", "--pixel", "2nm"], ["blob.npy: the mean profile", "delta 100 ±", "to 100 nm"]),
    (["walls", "wall.npy", "--pixel", "5.3nm", "--transfer", "gaussian:90nm"], ["delta 0.3 ±", "or a transfer"]),
    (["walls", "large.npy", "--pixel", "5nm"], ["large.npy: the largest value is", "e+200"]),
    (["walls", "doc.npz", "--pixel", "5nm"], ["doc.npz: 'doc.txt' in this archive is no array"]),
    (["hedgehogs", "huge.npy", "--voxel", "5nm"], ["huge.npy: the largest value is", "e+200"]),
    (["walls", "rgb.tif", "--pixel", "5nm"], ["a colour picture"]),
    (["hedgehogs", "m.npy"], ["does not say how large a voxel is", "--voxel"]),
    (["hedgehogs", "a.npy", "--voxel", "5nm"], ["shape (128, 128)", "(3, z, y, x)"]),
    (["hedgehogs", "last.npy", "--voxel", "5nm"], ["components last"]),
    (["hedgehogs", "m.npy", "--voxel", "5"], ["voxel is '5'"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--method", "peaks"], ["unknown method 'peaks'"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--low-pass", "1nm"], ["low_pass is 1e-09"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--low-pass", "12"], ["low-pass is '12'"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--layers", "--low-pass", "12nm"], ["layers takes no --low-pass"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--magnet", "zero.npy"], ["zero.npy is 0 everywhere"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--magnet", "small.npy"], ["small.npy holds"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--magnet", "corner.npy"], ["magnet has shape (128, 128)"]),
    (["hedgehogs", "m.npy", "--voxel", "5nm", "--magnet", "plane.npy"], ["no cell has all of its 8 corners"]),
    (["hedgehogs", "row.npy", "--voxel", "5nm"], ["a single layer along z and y", "two layers"]),
    (["hedgehogs", "void.npy", "--voxel", "5nm"], ["all vectors are 0"]),
    (["hedgehogs", "huge.ovf"], ["voxel of the file is 5 m", "from 1pm"]),
    (["walls", "huge.ovf:z", "--layer", "0"], ["pixel of the file is 5 m"]),
    (["measure"], ["measure"]),
]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    """Return a folder with everything that is wrong."""
    folder = tmp_path_factory.mktemp("shelf")
    rng = np.random.default_rng(9)
    a, b = halves(0)
    corner, nan, plane = np.zeros((128, 128)), a.copy(), np.zeros((2, 3, 4))
    corner[0, 0], nan[5, 6], plane[0] = 1, np.nan, 1
    m = rng.standard_normal((3, 2, 3, 4))
    m /= np.linalg.norm(m, axis=0)
    arrays = {"a": a, "b": b, "nan": nan, "corner": corner, "plane": plane, "m": m, "last": np.moveaxis(m, 0, -1)}
    arrays |= {"small": a[:16, :16], "flat": np.full(a.shape, 3.0), "line": a[0], "tiny": a[:4, :4], "zero": 0 * a}
    arrays |= {"complex": a + 1j * b, "stack": np.stack([a, b]), "noise": rng.standard_normal((64, 64))}
    arrays |= {"row": m[:, :1, :1], "void": 0 * m, "thin": a[:, :15], "large": np.float64(a) * 1e200, "huge": m * 3e200}
    arrays |= {"two": np.pad(np.ones((1, 2)), ((0, 127), (0, 126))), "square": np.pad(np.ones((10, 10)), (9, 109))}
    arrays |= {"faint": np.full(a.shape, 1e-200), "wall": stripes(8e-9, seed=4, noise=0.02)}
    arrays |= {"blob": np.exp(-(np.hypot(*np.mgrid[-128:128, -128:128]) ** 2) / 12800)}
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    with zipfile.ZipFile(folder / "doc.npz", "w") as archive:
        archive.writestr("doc.txt", "no numbers")
    tifffile.imwrite(folder / "rgb.tif", np.zeros((9, 8, 3), np.uint8), photometric="rgb")
    write_sample(sample.make(magnetization=m, voxel_size=5.0), folder / "huge.ovf")
    return folder


@pytest.mark.parametrize(("words", "fragments"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_bad_input_is_one_line_and_leaves_nothing(told, shelf, monkeypatch, words, fragments):
    monkeypatch.chdir(shelf)
    before = sorted(os.listdir())
    code, out, err = told(*words)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("truespin: ")
    assert "error of truespin itself" not in err
    for fragment in fragments:
        assert fragment in err
    assert sorted(os.listdir()) == before


def test_names_of_results(told):
    saved(1)
    words = ["frc", "a.npy", "b.npy", "--pixel", "5.3nm", "--draws", "0"]
    assert told(*words, "--out", "new/folder")[0] == 0
    assert sorted(os.listdir("new/folder")) == ["a-frc.json", "a-frc.png"]
    code, out, _ = told(*words, "--json", "deep/r.json", "--figure", "f.svg")
    assert code == 0
    assert "json:   deep/r.json" in out
    assert "figure: f.svg" in out
    assert stored("deep/r.json")["results"] == stored("new/folder/a-frc.json")["results"]
    assert stored("deep/r.json")["results"][0]["half_period_interval_m"] == [None, None]
    before = Path("f.svg").read_bytes()
    assert told(*words, "--json", "r.json", "--figure", "f.svg")[0] == 0
    assert Path("f.svg").read_bytes() == before
    assert Path("r.json").read_bytes() == Path("deep/r.json").read_bytes()


@pytest.mark.parametrize("name", [r"a$\frac$", "a_$x$_b", "日本", os.fsdecode(b"A\xff")])
def test_any_name_of_a_file(told, name):
    saved(1)
    os.rename("a.npy", f"{name}.npy")
    code, out, err = told("frc", f"{name}.npy", "b.npy", "--pixel", "5.3nm", "--draws", "0")
    assert (code, err) == (0, "")
    assert sorted(os.listdir()) == sorted([f"{name}-frc.json", f"{name}-frc.png", f"{name}.npy", "b.npy"])
    assert stored(f"{name}-frc.json")["inputs"][0]["name"] == f"{name}.npy".replace("\udcff", "?")
    assert "\udcff" not in out


def test_layers_have_names_of_their_own(told):
    np.save("stack.npy", np.stack([stripes(8e-9, seed=seed, noise=0.02) for seed in (1, 2)]))
    for layer in (0, 1):
        assert told("walls", "stack.npy", "--layer", layer, "--pixel", "5.3nm", "--figure", f"{layer}.svg")[0] == 0
        assert stored(f"stack-layer{layer}-walls.json")["conventions"]["layer"] == layer
        assert f"stack.npy, layer {layer}" in Path(f"{layer}.svg").read_text()


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device", "a-frc.png")])
def test_an_interruption_leaves_the_former_files(told, monkeypatch, error):
    saved(1)
    words = ["frc", "a.npy", "b.npy", "--pixel", "5.3nm"]
    assert told(*words)[0] == 0
    before = {name: Path(name).read_bytes() for name in os.listdir()}

    def fail(*_, **__):
        raise error

    monkeypatch.setattr("reports.figure_measure.draw_frc", fail)
    code, _, err = told(*words, "--criterion", "0.5")
    assert code == (130 if isinstance(error, KeyboardInterrupt) else 2)
    assert err.count("\n") == 1
    assert {name: Path(name).read_bytes() for name in os.listdir()} == before


@pytest.mark.skipif(not (os.environ.get("TRUESPIN_FOREIGN_FILES") and FOREIGN.is_dir()), reason="no files are there")
def test_files_of_other_software(told):
    paths = sorted(FOREIGN.glob("*.o[vm]f"))
    assert len(paths) >= 7
    for path in paths:
        code, out, err = told("hedgehogs", path)
        if code == 0:
            found = stored(f"{path.stem}-hedgehogs.json")
            assert err == ""
            assert f"{found['results']['hedgehogs']} hedgehogs" in out
            assert len(found["hedgehogs"]) == found["results"]["hedgehogs"]
            assert found["results"]["density_per_m3"] * found["results"]["volume_m3"] < 0.01 * found["results"]["cells"]
        else:
            assert (code, out, err.count("\n")) == (2, "", 1)
            assert "single layer along z" in err
            assert told("hedgehogs", path, "--layers")[0] == 0
            charges = [row["charge"] for row in stored(f"{path.stem}-layers.json")["results"]]
            assert np.all(np.abs(charges) < 1.05)


def test_a_pipe_is_not_replaced_by_a_result(told):
    saved(1)
    os.mkfifo("pipe.json")
    code, _, err = told("frc", "a.npy", "b.npy", "--pixel", "5nm", "--json", "pipe.json")
    assert (code, err.count("\n")) == (2, 1)
    assert "a device or a pipe; allowed: a file" in err
    assert Path("pipe.json").is_fifo()


def test_the_commands_of_the_document(told):
    saved(1)
    write_sample(sample.make(magnetization=point(1)[0], voxel_size=2e-9), "relaxed.ovf")
    np.save("volume.npy", point(2)[0])
    np.save("mask.npy", np.ones((128, 128)))
    image = stripes(8e-9, seed=1, noise=0.02)
    with h5py.File("scan.h5", "w") as file:
        file["/entry/image"] = image
    tifffile.imwrite("stack.tif", np.stack([image, image, image]).astype(np.float32), photometric="minisblack")
    blocks = re.findall(r"^```console\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    commands = [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    assert len(commands) >= 8
    for command in commands:
        program, group, *words = shlex.split(command)
        assert (program, group) == ("truespin", "measure")
        # Pictures take their time, and other tests draw them.
        code, _, err = told(*words, *([] if "--figure" in words else ["--table-only"]))
        assert (code, err) == (0, ""), command
