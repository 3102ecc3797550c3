"""CXI: what we write we read back, other programs' spellings are read, signs and angles are those of CXI."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from records import cxi, cxi_frames, cxi_geometry, frames, ptychography
from tests.records.foreign_cxi import ELEMENTARY_CHARGE, FIELDS, FRAMES, PIXEL, N, foreign_file, photons, scan
from tests.records.ptychography_builders import SCALARS, a_full_node, a_node, a_reconstruction


def opened(path: Path, **words: Any) -> xr.Dataset:
    with cxi.open_node(path, **words) as node:
        ptychography.check(node)
        return node.load()


def without(*names: str) -> dict[str, float]:
    return {name: value for name, value in SCALARS.items() if name not in names}


NEAR = {**SCALARS, "distance": 1.12, "focus_distance": 3.65e-3}
NODES = [
    a_full_node(),
    a_node(5, 32, (-1,)),
    a_node(1, helicity=(1,)),
    a_node(propagation="near_field", scalars=NEAR),
    a_node(scalars=without("polarization", "defocus") | {"energy": 778.1234567}),
]


def test_export_and_import_are_the_identity(tmp_path: Path) -> None:
    cxi.write_nodes(NODES, tmp_path / "scan.cxi")
    assert cxi.count_projections(tmp_path / "scan.cxi") == len(NODES)
    for index, node in enumerate(NODES):
        back = opened(tmp_path / "scan.cxi", projection=index)
        assert all(back[name].dtype == node[name].dtype for name in node.variables)
        angles = ["tilt", "in_plane_angle"]
        xr.testing.assert_identical(back.drop_vars(angles), node.drop_vars(angles))
        for name in angles:
            assert float(back[name]) == pytest.approx(float(node[name]), abs=1e-12)


def test_frames_stay_in_the_file_and_go_through_one_block_at_a_time(tmp_path: Path) -> None:
    node = a_full_node()
    cxi.write_nodes(node, tmp_path / "scan.cxi")
    with cxi.open_node(tmp_path / "scan.cxi") as lazy:
        assert not isinstance(lazy["counts"].variable._data, np.ndarray)
        counts = node["counts"].values
        for key in ((0, 3), (slice(None), slice(2, 7)), (1, slice(None, None, -3)), ([1, 0], [5, 0, 1])):
            found = lazy["counts"][key].values
            np.testing.assert_array_equal(found, counts[np.ix_(*key)] if isinstance(key[0], list) else counts[key])
        np.testing.assert_array_equal(lazy["counts"][1, 4, 3:5, 7].values, counts[1, 4, 3:5, 7])
        frames.write_nodes(lazy, tmp_path / "scan.nc")
    with frames.open_node(tmp_path / "scan.nc") as back:
        np.testing.assert_array_equal(back["counts"], node["counts"])


def test_the_file_is_cxi_in_si_units(tmp_path: Path) -> None:
    node = a_full_node()
    cxi.write_nodes([node, a_node(3)], tmp_path / "scan.cxi")
    with h5py.File(tmp_path / "scan.cxi") as file:
        assert (file["cxi_version"][()], file["number_of_entries"][()]) == (160, 4)
        assert sorted(name for name in file if name.startswith("entry")) == [f"entry_{i}" for i in (1, 2, 3, 4)]
        for index, entry in ((0, file["entry_1"]), (1, file["entry_2"])):
            detector = entry["instrument_1/detector_1"]
            np.testing.assert_array_equal(entry["data_1/data"][()], node["counts"][index])
            assert entry["instrument_1/source_1/energy"][()] == pytest.approx(852.76 * ELEMENTARY_CHARGE, rel=1e-9)
            assert entry["instrument_1/source_1/wavelength"][()] == pytest.approx(1.453917e-9, rel=1e-5)
            assert (detector["mask"][()] == 0).sum() == node["valid"].sum()
            joules = 852.76 * ELEMENTARY_CHARGE
            assert detector["counts_per_joule"][()] == pytest.approx(3.7 / joules, rel=1e-9)
            translation = entry["data_1/translation"][()]
            np.testing.assert_array_equal(translation[:, 0], node["position_x"][index])
            np.testing.assert_array_equal(translation[:, 1], node["position_y"][index])
            assert entry["instrument_1/beam_1/incident_polarization_stokes"][3] == pytest.approx(0.9 * (1, -1)[index])
            assert entry["definition"][()] == b"NXcxi_ptycho"
            assert entry.attrs["NX_class"] == "NXentry"


def test_the_least_foreign_file(tmp_path: Path) -> None:
    node = opened(foreign_file(tmp_path))
    np.testing.assert_array_equal(node["counts"][0], photons())
    assert node["counts"].dtype == np.uint16
    assert float(node["energy"]) == pytest.approx(800, rel=1e-12)
    assert ptychography.pixel_size(node) == pytest.approx(PIXEL, rel=1e-9)
    np.testing.assert_allclose(node["position_y"][0], scan()[:, 1])
    np.testing.assert_allclose(node["position_x"][0], scan()[:, 0])
    known = {name: float(node[name]) for name in ("gain", "read_noise", "saturation", "tilt")}
    assert known == {"gain": 1, "read_noise": 0, "saturation": 65535, "tilt": 0}
    assert node["valid"].values.all()
    assert "used" not in node
    assert node["helicity"].values.tolist() == [1]


DETECTOR = "entry_1/instrument_1/detector_1"


@pytest.mark.parametrize(
    "fields",
    [
        {"entry_1/data_1/data": f"/{DETECTOR}/data"},
        {f"{DETECTOR}/data": None, "entry_1/data_1/data": photons()},
        {f"{DETECTOR}/data": None, f"{DETECTOR}/Data": photons()},
        {f"{DETECTOR}/y_pixel_size": None},
        {f"{DETECTOR}/x_pixel_size": None},
        {f"{DETECTOR}/distance": np.array([0.1])},
        {"entry_1/sample_1/geometry_1/translation": None, "entry_1/data_1/translation": scan()[:, :2]},
        {"entry_1/sample_1/geometry_1/translation": None, f"{DETECTOR}/translation": scan().astype(np.float32)},
        {"entry_1/instrument_1/source_1/energy": None, "entry_1/instrument_1/source_1/wavelength": 1.54980248e-9},
        {"entry_1/instrument_1/source_1/energy": 4.8e-10, "entry_1/instrument_1/beam_1/energy": 1.2817413072e-16},
        {f"{DETECTOR}/data": photons().astype(np.float64)},
        {f"{DETECTOR}/data": photons().astype(np.int64)},
        {f"{DETECTOR}/data": photons().astype(np.uint8)},
        {f"{DETECTOR}/mask": np.full((N, N), 0x1000, np.uint32)},
        {f"{DETECTOR}/basis_vectors": np.array([[0, -2e-5, 0], [-2e-5, 0, 0]])},
        {f"{DETECTOR}/basis_vectors": np.array([[0, -2e-5, 0], [-2e-5, 0, 0]]).T},
        {f"{DETECTOR}/basis_vectors": np.tile([[0, -2e-5, 0], [-2e-5, 0, 0]], (FRAMES, 1, 1))},
    ],
)
def test_other_spellings_of_the_same(fields: dict[str, Any], tmp_path: Path) -> None:
    node, same = opened(foreign_file(tmp_path, fields)), opened(foreign_file(tmp_path))
    np.testing.assert_array_equal(node["counts"], same["counts"])
    for name in ("energy", "distance", "pixel_pitch", "position_y", "position_x", "gain", "valid"):
        np.testing.assert_allclose(node[name], same[name], rtol=1e-6, atol=1e-15)


def test_nexus_names_without_numbers(tmp_path: Path) -> None:
    fields = {name: None for name in FIELDS if "/" in name}
    fields |= {name.replace("_1/", "/").replace("entry/", "Entry/"): FIELDS[name] for name in fields}
    xr.testing.assert_identical(opened(foreign_file(tmp_path, fields)), opened(foreign_file(tmp_path)))


def test_units_that_say_so_in_any_spelling(tmp_path: Path) -> None:
    attrs = {f"{DETECTOR}/distance@units": "metre", "entry_1/instrument_1/source_1/energy@units": "joules"}
    assert float(opened(foreign_file(tmp_path, attrs=attrs))["distance"]) == 0.1


def test_rows_that_count_upwards_turn_the_scan_over(tmp_path: Path) -> None:
    upwards = {f"{DETECTOR}/basis_vectors": np.array([[0, 2e-5, 0], [-2e-5, 0, 0]])}
    node = opened(foreign_file(tmp_path, upwards))
    np.testing.assert_allclose(node["position_y"][0], -scan()[:, 1])
    np.testing.assert_allclose(node["position_x"][0], scan()[:, 0])
    sideways = {f"{DETECTOR}/basis_vectors": np.array([[-2e-5, 0, 0], [0, -2e-5, 0]])}
    np.testing.assert_allclose(opened(foreign_file(tmp_path, sideways))["position_y"][0], scan()[:, 0])


def test_a_file_of_the_probes_places(tmp_path: Path) -> None:
    node = opened(foreign_file(tmp_path), probe_moves=True)
    np.testing.assert_allclose(node["position_y"][0], -scan()[:, 1])


@pytest.mark.parametrize(("tilt", "in_plane"), [(-62.0, 240.0), (30.0, 0.0), (0.0, 120.0), (14.0, -75.0)])
def test_orientation_is_that_of_the_tilted_sample(tilt: float, in_plane: float, tmp_path: Path) -> None:
    """A point of the sample goes where array axes say: about z, then about array x = -x of CXI."""
    a, t = np.radians(in_plane), np.radians(tilt)
    given = cxi_geometry.orientation(t, a)
    x, y = given[:3], given[3:]
    to_array = np.diag([-1.0, -1.0, 1.0])
    point = np.array([0.3, -0.7, 0.2])
    turned = np.array([point[0] * np.cos(a) - point[1] * np.sin(a), point[0] * np.sin(a) + point[1] * np.cos(a), 0.2])
    tilted = [turned[0], turned[1] * np.cos(t) - turned[2] * np.sin(t), turned[1] * np.sin(t) + turned[2] * np.cos(t)]
    axes = np.stack([x, y, np.cross(x, y)], axis=1)
    np.testing.assert_allclose(to_array @ axes @ to_array @ point, tilted, atol=1e-12)
    node = opened(foreign_file(tmp_path, {"entry_1/sample_1/geometry_1/orientation": given}))
    assert float(node["tilt"]) == pytest.approx(t, abs=1e-12)
    assert np.exp(1j * float(node["in_plane_angle"])) == pytest.approx(np.exp(1j * a), abs=1e-12)


def pair_of(folder: Path, first: float | None, second: float | None) -> Path:
    """Two entries with their own polarisation and all else in common."""
    path = foreign_file(folder)
    with h5py.File(path, "r+") as file:
        file.copy("entry_1", "entry_2")
        for name, circular in (("entry_1", first), ("entry_2", second)):
            if circular is not None:
                file[f"{name}/instrument_1/beam_1/incident_polarization_stokes"] = [2.0, 0.0, 0.0, circular]
    return path


def test_helicities_are_found_by_the_stokes_vector(tmp_path: Path) -> None:
    path = pair_of(tmp_path, -1.8, 1.8)
    assert cxi.count_projections(path) == 1
    node = opened(path)
    assert node["helicity"].values.tolist() == [1, -1]
    assert float(node["polarization"]) == pytest.approx(0.9)
    path = pair_of(tmp_path, -1.8, None)
    assert cxi.count_projections(path) == 1
    assert cxi.count_projections(pair_of(tmp_path, 1.8, 1.8)) == 2
    path = pair_of(tmp_path, None, None)
    assert cxi.count_projections(path) == 2
    assert opened(path, projection=1)["helicity"].values.tolist() == [1]
    assert opened(path, helicity=[-1, 1])["helicity"].values.tolist() == [1, -1]


def test_what_the_user_knows_goes_before_the_file(tmp_path: Path) -> None:
    wrong = {"entry_1/instrument_1/source_1/energy": 800.0, f"{DETECTOR}/distance": 100.0e3}
    known = {"energy": 800.0, "distance": 0.1, "gain": 12.5, "outer_zone": 4.5e-8}
    node = opened(foreign_file(tmp_path, wrong), scalars=known)
    assert {name: float(node[name]) for name in known} == known
    near = opened(foreign_file(tmp_path), focus_distance=2e-3)
    assert (near.attrs["propagation"], float(near["focus_distance"])) == ("near_field", 2e-3)
    wide = foreign_file(tmp_path, {"entry_1/sample_1/geometry_1/translation": 50 * scan()})
    assert opened(wide, propagation="near_field").attrs["propagation"] == "near_field"


def test_pixels_that_are_never_measured_are_masked_and_spoilt_frames_left_out(tmp_path: Path) -> None:
    data = photons().astype(np.float32)
    data[:, 3, 4] = np.nan
    data[:, 5, 6] = -1
    data[2, 8, 8] = np.nan
    data[5, 1, 2] = np.inf
    mask = np.zeros((N, N), np.uint32)
    mask[7, 7] = 0x8
    mask[0, 0] = 0x1000
    node = opened(foreign_file(tmp_path, {f"{DETECTOR}/data": data, f"{DETECTOR}/mask": mask}))
    assert list(zip(*np.nonzero(~node["valid"].values), strict=True)) == [(3, 4), (5, 6), (7, 7)]
    assert np.flatnonzero(~node["used"].values[0]).tolist() == [2, 5]
    good = np.delete(np.arange(FRAMES), [2, 5])
    inside = node["valid"].values
    np.testing.assert_array_equal(node["counts"].values[0, good][:, inside], photons()[good][:, inside])
    mask = np.zeros((FRAMES, N, N), np.uint32)
    mask[4, 2, 2] = 0x8
    assert not opened(foreign_file(tmp_path, {f"{DETECTOR}/mask": mask}))["valid"].values[2, 2]


@pytest.mark.parametrize("factor", [0.37, 1e-6, 3e5])
def test_fractions_and_negative_noise_come_back_within_their_rounding(factor: float, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    data = (photons() - 2.0 + rng.normal(0, 1, photons().shape)) * factor
    dark = np.full((FRAMES, N, N), 0.5 * factor)
    fields = {f"{DETECTOR}/data": data, f"{DETECTOR}/data_dark": dark}
    node = opened(foreign_file(tmp_path, fields), scalars={"gain": 2 * factor, "read_noise": factor})
    photon = (node["counts"][0].astype(float) - node["dark"]) / float(node["gain"])
    np.testing.assert_allclose(photon, (data / factor - 0.5) / 2, atol=1e-5)
    assert float(node["read_noise"]) / float(node["gain"]) == pytest.approx(0.5)
    whole = {f"{DETECTOR}/data": photons().astype(np.int16) - 3}
    node = opened(foreign_file(tmp_path, whole))
    np.testing.assert_array_equal(node["counts"][0] - node["dark"], photons().astype(float) - 3)


def test_the_gain_of_counts_per_joule(tmp_path: Path) -> None:
    fields = {f"{DETECTOR}/counts_per_joule": 5 / (800 * ELEMENTARY_CHARGE), f"{DETECTOR}/saturation_value": 4000}
    node = opened(foreign_file(tmp_path, fields))
    assert float(node["gain"]) == pytest.approx(5)
    assert float(node["saturation"]) == 4000


def test_frames_that_are_not_square_or_begin_with_the_axis(tmp_path: Path) -> None:
    wide = np.random.default_rng(0).integers(1, 99, (FRAMES, 10, N)).astype(np.uint16)
    node = opened(foreign_file(tmp_path, {f"{DETECTOR}/data": wide}))
    np.testing.assert_array_equal(node["counts"].values[0, :, 3:13], wide)  # index 5 of 10 goes to 8 of 16
    assert np.flatnonzero(node["valid"].values.all(axis=1)).tolist() == list(range(3, 13))
    corner = np.roll(photons(), (-N // 2, -N // 2), axis=(1, 2))
    attrs = {f"{DETECTOR}/data@is_fft_shifted": True}
    np.testing.assert_array_equal(
        opened(foreign_file(tmp_path, {f"{DETECTOR}/data": corner}, attrs))["counts"][0], photons()
    )


def test_monitor_and_exposure_times(tmp_path: Path) -> None:
    monitor = np.linspace(1, 2, FRAMES)
    monitor[3] = 0
    fields = {"entry_1/instrument_1/monitor_1/data": monitor, f"{DETECTOR}/count_time": 0.2}
    node = opened(foreign_file(tmp_path, fields))
    np.testing.assert_array_equal(node["exposure_time"], np.full((1, FRAMES), 0.2))
    assert np.flatnonzero(~node["used"].values[0]).tolist() == [3]
    np.testing.assert_array_equal(np.delete(node["monitor"].values[0], 3), np.delete(monitor, 3))


def test_a_scan_of_many_blocks_reads_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = photons().astype(np.float32)
    data[4, 0, 0] = np.nan
    whole = opened(foreign_file(tmp_path, {f"{DETECTOR}/data": data}))
    monkeypatch.setattr(cxi_frames, "BLOCK", 2 * N * N * 4)
    xr.testing.assert_identical(opened(foreign_file(tmp_path, {f"{DETECTOR}/data": data})), whole)


@pytest.mark.parametrize("helicity", [(1, -1), (-1,)])
def test_reconstructions_come_back(helicity: tuple[int, ...], tmp_path: Path) -> None:
    record = a_reconstruction(helicity)
    cxi.write_reconstruction(record, tmp_path / "images.cxi")
    xr.testing.assert_identical(cxi.read_reconstruction(tmp_path / "images.cxi"), record)
    with h5py.File(tmp_path / "images.cxi") as file:
        np.testing.assert_array_equal(file["entry_1/image_1/data"][()], record["probe"][0])
        np.testing.assert_array_equal(file["entry_1/image_2/data"][()], record["object"][0])
        np.testing.assert_allclose(file["entry_1/image_2/image_size"][()], [24 * 5e-9, 20 * 5e-9, 0])
        np.testing.assert_array_equal(file["entry_1/image_4/data"][()], record["magnetic"])


def test_images_of_another_program(tmp_path: Path) -> None:
    """As ptychodus writes them: image_1 the probe, image_2 the object with its layers, no group of ours."""
    rng = np.random.default_rng(0)
    object_ = (rng.normal(size=(1, 30, 40)) + 1j).astype(np.complex64)
    fields = {
        f"{DETECTOR}/data": None,
        "entry_1/image_1/data": (rng.normal(size=(3, N, N)) + 1j).astype(np.complex64),
        "entry_1/image_2/data": object_,
        "entry_1/process_1/program": "Ptychodus",
        "entry_1/ptychodus/object_pixel_width_m": PIXEL,
    }
    record = cxi.read_reconstruction(foreign_file(tmp_path, fields))
    assert record.attrs["method"] == "Ptychodus"
    np.testing.assert_array_equal(record["object"][0], object_[0])
    assert record.sizes["mode"] == 3
    middle = (float(record["y"][15]), float(record["x"][20]))
    np.testing.assert_allclose(middle, [(scan()[:, axis].min() + scan()[:, axis].max()) / 2 for axis in (1, 0)])
    fields["entry_1/ptychodus/object_pixel_width_m"] = None
    record = cxi.read_reconstruction(foreign_file(tmp_path, fields), pixel_size=7e-9)
    assert float(record["pixel_size"]) == 7e-9
