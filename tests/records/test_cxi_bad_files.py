"""CXI files that would give a silent wrong image: one line each, that names the file and what is expected."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from records import RecordError, cxi, cxi_frames
from tests.records.foreign_cxi import FRAMES, PIXEL, N, foreign_file, photons, scan

DETECTOR = "entry_1/instrument_1/detector_1"
ENERGY = "entry_1/instrument_1/source_1/energy"
PLACES = "entry_1/sample_1/geometry_1/translation"
ORIENTATION = "entry_1/sample_1/geometry_1/orientation"
STOKES = "entry_1/instrument_1/beam_1/incident_polarization_stokes"


def with_nan() -> Any:
    places = scan()
    places[4, 1] = np.nan
    return places


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({ENERGY: 800.0}, r"source_1/energy: holds 800; expected joules, 1\.6e-18 to 3\.2e-14"),
        ({ENERGY: 0.8}, r"source_1/energy: holds 0\.8; expected joules"),
        ({ENERGY: np.nan}, "source_1/energy: 1 values are not finite"),
        ({ENERGY: -1.0}, "source_1/energy: holds -1; expected joules"),
        ({ENERGY: None}, "entry_1: neither energy nor wavelength; expected source_1/energy in J"),
        ({ENERGY: np.array([1, 2]) * 800 * 1.6e-19}, "source_1/energy: 2 different values; expected one number"),
        ({ENERGY: np.bytes_(b"800")}, "source_1/energy: dtype .*; expected numbers in J"),
        (
            {"entry_1/instrument_1/source_1/wavelength": 1e-10},
            "energy: holds 1.28.*e-16; expected 1.98.*e-15 J, as the",
        ),
        ({"entry_1/instrument_1/source_1/wavelength": 1.5498}, "wavelength: holds 1.5498; expected"),
        ({f"{DETECTOR}/distance": 1120.0}, r"detector_1/distance: holds 1120; expected 0\.001 to 100 m"),
        ({f"{DETECTOR}/distance": None}, "detector_1/distance: missing; expected it in m"),
        ({f"{DETECTOR}/distance": np.array([0.1, 0.2])}, "distance: 2 different values; expected one number"),
        ({f"{DETECTOR}/x_pixel_size": 20.0}, "x_pixel_size: holds 20; expected 1e-07 to 0.01 m"),
        ({f"{DETECTOR}/x_pixel_size": 4e-5}, "x_pixel_size: 4e-05 m, and y_pixel_size 2e-05 m; expected square pixels"),
        ({f"{DETECTOR}/x_pixel_size": None, f"{DETECTOR}/y_pixel_size": None}, "x_pixel_size: missing"),
        ({PLACES: None}, r"entry_1: no translation; expected data_1/translation \(9, 3\) in m"),
        ({PLACES: scan()[:-1]}, r"translation: shape \(8, 3\); expected \(9, 3\), one translation for each frame"),
        ({PLACES: scan().T}, r"translation: shape \(3, 9\); expected \(9, 3\)"),
        ({PLACES: with_nan()}, "translation: 1 values are not finite"),
        ({PLACES: scan() * 1e3}, r"translation: neighbours are .* m apart; expected steps in m, below the window"),
        ({PLACES: scan() * 1e9}, r"position_y: extends over .*; expected metres, less than 32768 pixels"),
        ({PLACES: scan() * 1e-3}, r"translation: all within .* m, a pixel being .*; expected steps in m"),
        ({PLACES: 0 * scan()}, "translation: all within 0 m"),
        ({f"{DETECTOR}/data": None}, "entry_1: no frames; expected data_1/data or instrument_1/detector_1/data"),
        ({f"{DETECTOR}/data": "/nowhere"}, "entry_1: no frames"),
        ({f"{DETECTOR}/data": photons()[0]}, r"data: shape \(16, 16\); expected \(frames, y, x\)"),
        ({f"{DETECTOR}/data": photons()[:0]}, r"data: shape \(0, 16, 16\); expected \(frames, y, x\)"),
        ({f"{DETECTOR}/data": h5py.Empty("f")}, r"data: shape None; expected \(frames, y, x\)"),
        ({f"{DETECTOR}/data": photons() * (1 + 1j)}, "data: dtype complex128; expected real numbers"),
        ({f"{DETECTOR}/data": 0 * photons()}, "data: every value is 0; expected some light"),
        ({f"{DETECTOR}/data": 0.0 * photons()}, "data: largest value 0; expected some light"),
        (
            {f"{DETECTOR}/data": np.full((FRAMES, N, N), np.nan)},
            "data: every pixel is NaN or negative; expected some li",
        ),
        ({f"{DETECTOR}/data": photons().astype(np.int64) << 40}, "data: values up to .*; expected counts below 2"),
        ({f"{DETECTOR}/mask": np.ones((N, N), np.uint32)}, "data: every pixel is masked; expected some that are not"),
        ({f"{DETECTOR}/mask": np.zeros((N, N - 1), np.uint32)}, r"mask: uint32 of shape \(16, 15\); expected CXI bits"),
        (
            {f"{DETECTOR}/data_dark": np.zeros((3, 3))},
            r"data_dark: float64 of shape \(3, 3\); expected numbers of shape",
        ),
        (
            {f"{DETECTOR}/data_dark": np.full((N, N), np.nan)},
            "data_dark: no pixel has a finite value; expected the mean",
        ),
        (
            {f"{DETECTOR}/data_dark": np.full((N, N), -9.0)},
            "data_dark: a mean of -9; expected 0 or above, but for noise",
        ),
        ({f"{DETECTOR}/counts_per_joule": 1e30}, "gain: holds .*; expected 1e-06 to 1e\\+10 ADU a photon"),
        ({f"{DETECTOR}/basis_vectors": np.eye(3)[:2] + 0j}, "basis_vectors: dtype complex128; expected two vectors"),
        ({f"{DETECTOR}/basis_vectors": np.bytes_(b"x")}, "basis_vectors: dtype .*; expected two vectors"),
        ({STOKES: np.bytes_(b"left")}, "stokes: .*; expected four numbers"),
        ({STOKES: np.ones(3)}, r"stokes: float64 of shape \(3,\); expected four numbers"),
        ({STOKES: np.array([1, 0, 0, np.nan])}, "stokes: values are not finite; expected finite values"),
        ({ORIENTATION: np.array([1.0, 0, 0, 0, 0, 1])}, "tilt: holds .*; expected radians, the beam going through"),
        ({PLACES: scan() + 1e3}, "position_y: lies 1e\\+03 m away; expected within 100 m of the origin"),
        ({f"{DETECTOR}/basis_vectors": np.zeros((2, 3))}, "basis_vectors: a vector without a direction"),
        ({f"{DETECTOR}/basis_vectors": np.eye(3)[[0, 2]]}, "basis_vectors: vectors that are not across"),
        (
            {"entry_1/sample_1/geometry_1/orientation": [0, 0, 1.0, 0, 1, 0]},
            "orientation: another rotation; expected a t",
        ),
        ({"entry_1/sample_1/geometry_1/orientation": np.ones(6)}, "orientation: axes that are not orthogonal"),
        (
            {"entry_1/instrument_1/monitor_1/data": np.ones(4)},
            "monitor_1/data: 4 values; expected 9, one for each frame",
        ),
        ({"entry_1/instrument_1/monitor_1/data": np.zeros(9)}, "monitor: no value above 0"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(fields: dict[str, Any], line: str, tmp_path: Path) -> None:
    path = foreign_file(tmp_path, fields)
    with pytest.raises(RecordError, match=line) as caught:
        cxi.open_node(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: ")
    assert text.count(str(path)) == 1
    assert "; expected " in text
    assert "\n" not in text


@pytest.mark.parametrize(
    ("attribute", "line"),
    [
        (f"{ENERGY}@units", "source_1/energy: units 'eV'; expected J, as CXI is in SI"),
        (f"{DETECTOR}/distance@units", "distance: units 'eV'; expected m"),
        (f"{PLACES}@units", "translation: units 'eV'; expected m"),
    ],
)
def test_units_that_are_not_si(attribute: str, line: str, tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=line):
        cxi.open_node(foreign_file(tmp_path, attrs={attribute: "eV"}))


def test_marks_of_bad_data_are_no_counts(tmp_path: Path) -> None:
    """-1e9 in one frame spoils it, in all frames it masks the pixel, as a NaN of the dark does."""
    data = photons().astype(np.int64)
    data[4, 3, 3], data[:, 5, 5] = -(10**9), -(10**9)
    dark = np.zeros((N, N))
    dark[7, 7] = np.nan
    with cxi.open_node(foreign_file(tmp_path, {f"{DETECTOR}/data": data, f"{DETECTOR}/data_dark": dark})) as node:
        assert np.flatnonzero(~node["used"].values[0]).tolist() == [4]
        assert np.argwhere(~node["valid"].values).tolist() == [[5, 5], [7, 7]]
        np.testing.assert_array_equal(node["counts"][0, 6, :5].values, photons()[6, :5])
    marked = photons().astype(np.uint32)
    marked[:, 2, 2] = 2**32 - 2
    with cxi.open_node(foreign_file(tmp_path, {f"{DETECTOR}/data": marked})) as node:
        assert float(node["saturation"]) == 2**32 - 2


def test_frames_that_are_all_spoilt(tmp_path: Path) -> None:
    data = photons().astype(np.float64)
    data[np.arange(FRAMES), np.arange(FRAMES), 0] = np.nan
    with pytest.raises(RecordError, match="used: no frame is used; expected some"):
        cxi.open_node(foreign_file(tmp_path, {f"{DETECTOR}/data": data}))


def test_one_frame_is_opened(tmp_path: Path) -> None:
    """Whether one frame is enough is for a method to say."""
    fields = {f"{DETECTOR}/data": photons()[:1], PLACES: scan()[:1]}
    with cxi.open_node(foreign_file(tmp_path, fields)) as node:
        assert node.sizes["position"] == 1


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def halved(path: Path) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


@pytest.mark.parametrize("spoil", [truncated, halved, lambda path: path.write_bytes(b""), lambda path: path.unlink()])
def test_files_that_are_not_whole(spoil: Callable[[Path], object], tmp_path: Path) -> None:
    path = foreign_file(tmp_path)
    spoil(path)
    for read in (cxi.open_node, cxi.count_projections, cxi.read_reconstruction):
        with pytest.raises(RecordError, match="expected a") as caught:
            read(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_a_damaged_frame_is_told_when_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cxi_frames, "BLOCK", 1)  # opening the file looks at the first block
    path = foreign_file(tmp_path, {f"{DETECTOR}/data": None})
    with h5py.File(path, "r+") as file:
        data = file.create_dataset(f"{DETECTOR}/data", data=photons(), chunks=(1, N, N), compression="gzip")
        place = data.id.get_chunk_info(6)
    content = bytearray(path.read_bytes())
    content[place.byte_offset : place.byte_offset + place.size] = bytes(place.size)
    path.write_bytes(content)
    with cxi.open_node(path) as node:
        np.testing.assert_array_equal(node["counts"][0, :6].values, photons()[:6])
        with pytest.raises(RecordError, match=r"foreign\.cxi: .*data: frames 6 to 6 cannot be read") as caught:
            node["counts"][0, 6].values  # noqa: B018
    assert "\n" not in str(caught.value)


def test_wrong_words(tmp_path: Path) -> None:
    path = foreign_file(tmp_path)
    for words, line in (
        ({"projection": 1}, "projection 1 is not there; expected 0 to 0"),
        ({"helicity": [1, -1]}, r"helicity: found \[1, -1\]; expected \+1 or -1 for each of 1 entries"),
        ({"propagation": "fresnel"}, "propagation: found 'fresnel'; expected"),
        ({"scalars": {"m_z": 1.0}}, r"unknown \['m_z'\]"),
        ({"scalars": {"gain": 0.0}}, "gain: holds 0; expected values greater than 0"),
        ({"focus_distance": -1e-3, "propagation": "near_field"}, "focus_distance: holds -0.001"),
        ({"focus_distance": 1e-3, "propagation": "far_field"}, "focus_distance: present in a far field"),
    ):
        with pytest.raises(RecordError, match=line) as caught:
            cxi.open_node(path, **words)
        assert str(caught.value).startswith(f"{path}: ")


def test_helicities_that_were_not_measured_alike(tmp_path: Path) -> None:
    for name, value, line in (
        ("distance", 0.2, "distance: 0.1 and 0.2; expected the same for both helicities"),
        ("data_dark", np.ones((N, N)), "a dark that differs; expected the same for both"),
    ):
        path = foreign_file(tmp_path)
        with h5py.File(path, "r+") as file:
            file.copy("entry_1", "entry_2")
            group = file["entry_2/instrument_1/detector_1"]
            if name in group:
                del group[name]
            group[name] = value
        with pytest.raises(RecordError, match=line):
            cxi.open_node(path, helicity=[1, -1])


def test_a_failed_export_leaves_nothing(tmp_path: Path) -> None:
    with cxi.open_node(foreign_file(tmp_path)) as node:
        wrong = node.load().assign_attrs(propagation="fresnel")
    (tmp_path / "foreign.cxi").unlink()
    with pytest.raises(RecordError, match="propagation"):
        cxi.write_nodes([wrong], tmp_path / "out.cxi")
    with pytest.raises(RecordError, match="no projection was given"):
        cxi.write_nodes([], tmp_path / "out.cxi")
    assert not list(tmp_path.iterdir())


def test_images_that_are_none(tmp_path: Path) -> None:
    image = np.ones((3, N, N), np.complex64)
    for fields, line in (
        ({}, "no image of an object; expected entry_1/image_2/data"),
        ({"entry_1/image_2/data": image}, r"image_2/data: shape \(3, 16, 16\); expected one image"),
        ({"entry_1/image_2/data": image[0].real}, "image_2/data: dtype float32; expected complex values"),
        ({"entry_1/image_2/data": image[0]}, "no image of the probe; expected image_1/data"),
    ):
        size = {"entry_1/image_2/image_size": np.array([N, N, 0]) * PIXEL} if fields else {}
        path = foreign_file(tmp_path, {**fields, **size})
        with pytest.raises(RecordError, match=line) as caught:
            cxi.read_reconstruction(path)
        assert str(caught.value).startswith(f"{path}: ")
    path = foreign_file(tmp_path, {"entry_1/image_1/data": image, "entry_1/image_2/data": image[0]})
    with pytest.raises(RecordError, match="image_2/image_size: missing; expected it in m, or pixel_size given"):
        cxi.read_reconstruction(path)
