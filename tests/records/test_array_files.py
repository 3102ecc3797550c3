"""Anybody's arrays: every format gives the same numbers, and what is no number is refused in one line."""

import os
import pickle
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from records import RecordError, sample
from records.array_files import read_array, split_name, whole_array
from records.field_files import read_field
from records.sample_files import write_sample
from records.store import save
from tests.records.volumes import a_volume

FOREIGN = Path(os.environ.get("TRUESPIN_FOREIGN_FILES", "")) / "ovf"
NUMBERS = ["<f4", ">f4", "<f8", ">f8", "<f2", "<i2", ">i4", "|u1", ">u2", "|b1", "<c8", ">c16"]


def some(dtype, shape=(5, 7), seed=1):
    values = np.random.default_rng(seed).uniform(0, 100, shape)
    return (values > 50 if np.dtype(dtype).kind == "b" else values).astype(dtype)


def write(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".npz":
        np.savez(path, image=array)
    elif path.suffix == ".h5":
        with h5py.File(path, "w") as file:
            file["entry/data/image"] = array
            file["entry/energy"] = 778.0
            file["entry/title"] = "a film"
    else:
        tifffile.imwrite(path, array, byteorder="<", photometric="minisblack")
    return str(path)


@pytest.mark.parametrize("dtype", NUMBERS)
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".tif"])
def test_numbers_of_any_sort(tmp_path, suffix, dtype):
    array = some(dtype)
    if suffix == ".tif" and dtype == "|b1":
        array = array.astype(np.uint8)
    found = read_array(write(tmp_path / f"a{suffix}", array))
    assert found.array.dtype.isnative
    assert found.array.dtype.kind == array.dtype.kind
    np.testing.assert_array_equal(found.array, array)
    assert found.voxel_size is None


@settings(max_examples=30, deadline=None)
@given(
    array=arrays.arrays(
        st.sampled_from([np.float64, np.int32, np.complex64]),
        arrays.array_shapes(min_dims=2, max_dims=3, min_side=2, max_side=6),
        elements=st.integers(-100, 100),
    )
)
def test_npy_round_trip(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("a") / "a.dat"
    with path.open("wb") as stream:
        np.save(stream, np.asfortranarray(array))
    found = read_array(str(path))
    assert found.format == "npy"
    assert found.array.flags.c_contiguous
    np.testing.assert_array_equal(found.array, array)


def test_format_is_told_by_the_content(tmp_path):
    path = tmp_path / "image.tif"
    write(tmp_path / "a.h5", some("f4"))
    (tmp_path / "a.h5").rename(path)
    assert read_array(str(path)).format == "HDF5"


def test_pages_are_a_volume_and_axes_of_one_go(tmp_path):
    stack = some("u2", (3, 5, 7))
    tifffile.imwrite(tmp_path / "pages.tif", stack, photometric="minisblack")
    tifffile.imwrite(tmp_path / "big.tif", stack, bigtiff=True, byteorder=">", photometric="minisblack")
    for name in ("pages.tif", "big.tif"):
        np.testing.assert_array_equal(read_array(str(tmp_path / name)).array, stack)
    np.save(tmp_path / "one.npy", stack[:1])
    assert read_array(str(tmp_path / "one.npy")).array.shape == (5, 7)
    assert whole_array(str(tmp_path / "one.npy")).array.shape == (1, 5, 7)


def test_keys(tmp_path):
    first, second = some("f4"), some("f4", seed=2)
    np.savez(tmp_path / "two.npz", first=first, second=second)
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a/first"], file["a/second:real"] = first, second
    os.rename(tmp_path / "two.h5", tmp_path / "two:1.h5")
    for name, expected in (
        ("two.npz:second", second),
        ("two:1.h5:/a/first", first),
        ("two:1.h5::a/first", first),
        ("two:1.h5:/a/second:real", second),
    ):
        np.testing.assert_array_equal(read_array(f"{tmp_path}/{name}").array, expected)
    assert split_name(f"{tmp_path}/two:1.h5") == (tmp_path / "two:1.h5", "")


@pytest.mark.parametrize("suffix", [".ovf", ".vti"])
def test_components_of_a_magnetization(tmp_path, suffix):
    record = a_volume(partly=False)
    write_sample(record, tmp_path / f"m{suffix}")
    for index, axis in enumerate("xyz"):
        found = read_array(f"{tmp_path}/m{suffix}:{axis}")
        np.testing.assert_allclose(found.array, record["magnetization"].values[index], atol=1e-6)
        assert found.voxel_size == pytest.approx((3e-9, 2e-9, 1e-9))
    with pytest.raises(RecordError, match="vectors of three components"):
        read_array(f"{tmp_path}/m{suffix}")


def refused(name, read=read_array, **words):
    with pytest.raises(RecordError) as caught:
        read(str(name), **words)
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 500
    return text


def test_objects_are_never_unpickled(tmp_path):
    class Bomb:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "exploded"),)

    bomb = np.empty(1, object)
    bomb[0] = Bomb()
    np.save(tmp_path / "a.npy", bomb, allow_pickle=True)
    np.savez(tmp_path / "a.npz", a=bomb)
    (tmp_path / "a.pickle").write_bytes(pickle.dumps(bomb))
    for name in ("a.npy", "a.npz:a"):
        assert "Python objects" in refused(tmp_path / name)
    assert "unknown format" in refused(tmp_path / "a.pickle")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".tif"])
def test_what_is_no_finite_number(tmp_path, suffix):
    array = some("f8")
    array[2, 3], array[4, 4] = np.nan, np.inf
    assert "2 of 35 values are not finite" in refused(write(tmp_path / f"a{suffix}", array))


@pytest.mark.parametrize("suffix", [".npy", ".npz", ".h5", ".tif"])
def test_damaged_files(tmp_path, suffix, capfd):
    path = Path(write(tmp_path / f"a{suffix}", some("f8", (64, 64))))
    whole = path.read_bytes()
    for share in (0.05, 0.5, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        assert "a" + suffix in refused(path)
    assert capfd.readouterr() == ("", "")


def test_texts_fields_empty_and_unknown(tmp_path):
    np.save(tmp_path / "text.npy", np.array([["a", "b"]]))
    np.save(tmp_path / "fields.npy", np.zeros((2, 2), [("x", "f4"), ("y", "f4")]))
    np.save(tmp_path / "empty.npy", np.zeros((0, 5)))
    np.save(tmp_path / "times.npy", np.zeros((2, 2), "M8[s]"))
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    for name, fragment in (
        ("text.npy", "dtype <U1; expected numbers"),
        ("fields.npy", "fields ('x', 'y'); expected numbers"),
        ("times.npy", "dtype datetime64[s]; expected numbers"),
        ("empty.npy", "shape (0, 5); expected at least one value"),
        ("nothing", "empty"),
        ("image.png", "unknown format; expected one of npy"),
        ("absent.npy", "no such file"),
        ("text.npy:key", "no key 'key'"),
    ):
        assert fragment in refused(tmp_path / name)
    assert "a folder" in refused(tmp_path)


def test_which_array_is_asked_for(tmp_path):
    np.savez(tmp_path / "two.npz", first=some("f4"), second=some("f4"))
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a/first"], file["a/second"] = some("f4"), some("f4")
        file["a/nothing"] = h5py.Empty("f4")
        file["text"] = "text"
    assert "two.npz:first" in refused(tmp_path / "two.npz")
    assert "no array 'third'; expected one of first, second" in refused(f"{tmp_path}/two.npz:third")
    assert "holds 2 arrays" in refused(tmp_path / "a.h5")
    assert "a group at '/a'" in refused(f"{tmp_path}/a.h5:/a")
    assert "no dataset at '/b'" in refused(f"{tmp_path}/a.h5:/b")
    assert "an empty dataset" in refused(f"{tmp_path}/a.h5:/a/nothing")
    assert "expected numbers" in refused(f"{tmp_path}/a.h5:/text")


def test_one_image_among_other_things_needs_no_key(tmp_path):
    image = some("f4")
    np.savez(tmp_path / "a.npz", image=image, note=3.0, scan=np.arange(4), text=np.array([["a"]]))
    with zipfile.ZipFile(tmp_path / "a.npz", "a") as archive:
        archive.writestr("read.me", "words")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["image"], file["note"], file["scan"] = image, 3.0, np.arange(4)
    for suffix, key in (("npz", "image"), ("h5", "/image")):
        found = read_array(f"{tmp_path}/a.{suffix}")
        assert found.key == key
        np.testing.assert_array_equal(found.array, image)
    assert "'read.me' in this archive is no array" in refused(f"{tmp_path}/a.npz:read.me")
    np.testing.assert_array_equal(read_array(f"{tmp_path}/a.npz:scan").array, np.arange(4))


@pytest.mark.parametrize("dtype", ["f8", "c16"])
@pytest.mark.parametrize("factor", [1e200, 1e-200])
def test_values_that_no_product_could_hold(tmp_path, dtype, factor):
    np.save(tmp_path / "a.npy", factor * some(dtype))
    assert "the largest value is" in refused(tmp_path / "a.npy")
    np.save(tmp_path / "a.npy", 0 * some(dtype))
    assert not read_array(f"{tmp_path}/a.npy").array.any()


@pytest.mark.parametrize("compression", ["zlib", "lzma"])
def test_compressed_tiff(tmp_path, compression):
    image = some("u2")
    tifffile.imwrite(tmp_path / "a.tif", image, compression=compression, predictor=True, photometric="minisblack")
    np.testing.assert_array_equal(read_array(f"{tmp_path}/a.tif").array, image)


def test_a_compression_that_is_not_known(tmp_path, monkeypatch):
    def lacking(*_, **__):
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    tifffile.imwrite(tmp_path / "a.tif", some("u2"), photometric="minisblack")
    monkeypatch.setattr(tifffile.TiffPageSeries, "asarray", lacking)
    assert "; expected an uncompressed TIFF, or deflate" in refused(tmp_path / "a.tif")


@pytest.mark.parametrize("words", [{"photometric": "rgb"}, {"photometric": "rgb", "planarconfig": "separate"}])
def test_a_colour_picture_is_no_signal(tmp_path, words):
    shape = (3, 9, 8) if "planarconfig" in words else (9, 8, 3)
    tifffile.imwrite(tmp_path / "rgb.tif", some("u1", shape), **words)
    assert "a colour picture" in refused(tmp_path / "rgb.tif")


def unit_vectors(shape, seed):
    vectors = np.random.default_rng(seed).standard_normal((3, *shape))
    return vectors / np.linalg.norm(vectors, axis=0)


@pytest.mark.parametrize("suffix", [".ovf", ".vti", ".nc", ".npy", ".npz", ".h5"])
@pytest.mark.parametrize("seed", [3, 14])
def test_a_field_of_any_format(tmp_path, suffix, seed):
    m = unit_vectors((3, 4, 5), seed)
    path = tmp_path / f"m{suffix}"
    if suffix in (".ovf", ".vti", ".nc"):
        write_sample(sample.make(magnetization=m, voxel_size=(3e-9, 2e-9, 1e-9)), path)
        found = read_field(str(path))
    else:
        found = read_field(write(path, m), voxel_size=(3e-9, 2e-9, 1e-9))
    np.testing.assert_allclose(found.record["magnetization"].values, m, atol=1e-6)
    assert sample.voxel_size(found.record) == pytest.approx((3e-9, 2e-9, 1e-9))
    if suffix != ".vti":
        assert found.alike
        assert found.lengths == pytest.approx((1, 1, 1), abs=1e-6)


def test_lengths_are_told(tmp_path):
    m = unit_vectors((4, 5, 6), 8)
    factor = np.random.default_rng(9).uniform(0.4, 1, m.shape[1:])
    factor[0, 0, 0], factor[0, 0, 1], factor[0, 0, 2] = 0.1, 1.0, 0.0
    np.save(tmp_path / "m.npy", m * factor)
    found = read_field(f"{tmp_path}/m.npy", voxel_size=(5e-9,))
    assert not found.alike
    assert found.lengths == pytest.approx((0.1, np.median(factor[factor > 0]), 1.0))
    assert found.short == np.count_nonzero((factor > 0) & (factor < np.median(factor[factor > 0]) / 2))
    assert found.record["magnet"].values[0, 0, 2] == 0
    kept = factor > 0.3
    masked = read_field(f"{tmp_path}/m.npy", voxel_size=(5e-9,), magnet=kept)
    np.testing.assert_array_equal(masked.record["magnet"].values, kept)
    assert masked.lengths[0] >= 0.4


def test_magnetization_in_amperes_per_metre_is_divided_by_its_length(tmp_path):
    record = a_volume(partly=False, saturation=4.8e5)
    write_sample(record, tmp_path / "m.ovf")
    found = read_field(f"{tmp_path}/m.ovf")
    assert found.alike
    assert float(found.record["saturation_magnetization"]) == pytest.approx(4.8e5)
    np.testing.assert_allclose(found.record["magnetization"].values, record["magnetization"].values, atol=1e-6)


def test_a_voxel_given_replaces_that_of_the_file(tmp_path):
    write_sample(a_volume(), tmp_path / "m.ovf")
    found = read_field(f"{tmp_path}/m.ovf", voxel_size=(4e-9,))
    assert sample.voxel_size(found.record) == pytest.approx((4e-9,) * 3)


def test_fields_that_are_refused(tmp_path):
    m = unit_vectors((4, 5, 6), 1)
    np.save(tmp_path / "m.npy", m)
    np.save(tmp_path / "last.npy", np.moveaxis(m, 0, -1))
    np.save(tmp_path / "image.npy", m[0])
    np.save(tmp_path / "complex.npy", m.astype(complex))
    np.save(tmp_path / "zero.npy", 0 * m)
    write_sample(a_volume(), tmp_path / "m.ovf")
    save(a_volume(), tmp_path / "m.nc")
    size = {"voxel_size": (5e-9,)}
    for name, words, fragment in (
        ("m.npy", {}, "does not say how large a voxel is; expected --voxel"),
        ("last.npy", size, "components last; expected them first"),
        ("image.npy", size, "shape (4, 5, 6); expected vectors"),
        ("complex.npy", size, "complex vectors"),
        ("zero.npy", size, "all vectors are 0"),
        ("m.npy", {**size, "magnet": np.ones((2, 2, 2))}, "magnet has shape (2, 2, 2)"),
        ("m.npy", {**size, "magnet": np.zeros((4, 5, 6))}, "magnet leaves nothing"),
        ("m.ovf:z", {}, "all three components are needed"),
        ("m.nc:/magnet", size, "expected vectors"),
    ):
        assert fragment in refused(tmp_path / name, read_field, **words)


@pytest.mark.skipif(not (os.environ.get("TRUESPIN_FOREIGN_FILES") and FOREIGN.is_dir()), reason="no files are there")
def test_files_of_other_software():
    paths = sorted(FOREIGN.glob("*.o[vm]f"))
    assert len(paths) >= 7
    for path in paths:
        found = read_field(str(path))
        assert found.alike
        component = read_array(f"{path}:z")
        expected = found.record["magnetization"].values[2].squeeze()
        np.testing.assert_array_equal(component.array, expected)
