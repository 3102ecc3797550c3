"""What ``truespin measure`` says of arrays whose answer is known."""

import math
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from PIL import Image

from numerics import fourier
from records import sample
from records.sample_files import write_sample
from tests.scenarios.own_arrays import PIXEL, desk, halves, point, saved, stored, stripes
from validation import fourier_ring_correlation, resolution

BAND = 1 / 32e-9
"""Edge of the band of `halves`, cycles/m."""


@pytest.fixture
def told(capsys, tmp_path, monkeypatch):
    return desk(capsys, tmp_path, monkeypatch)


@pytest.mark.parametrize("seed", [2, 71, 828])
def test_frc_finds_the_edge_of_the_band(told, seed):
    saved(seed)
    code, out, err = told("frc", "a.npy", "b.npy", "--pixel", "5.3nm")
    assert (code, err) == (0, "")
    assert sorted(os.listdir()) == ["a-frc.json", "a-frc.png", "a.npy", "b.npy"]
    found = stored("a-frc.json")
    rows = {row["criterion"]: row for row in found["results"]}
    assert list(rows) == ["half-bit", "1-bit", "1/7", "0.5", "3-sigma"]
    for row in rows.values():
        assert row["crossed"]
        assert row["full_period_m"] == pytest.approx(2 * row["half_period_m"])
        # The curve is smoothed by 1.5 rings before it is crossed.
        rings = (row["frequency_per_m"] - BAND) * 128 * PIXEL
        assert -1 < rings < (1 if row["criterion"] == "0.5" else 2.5)
        assert f"{row['half_period_m'] * 1e9:.4g} (" in out
        assert f"{row['full_period_m'] * 1e9:.4g} (" in out
        low, high = row["half_period_interval_m"]
        assert 0.93 * row["half_period_m"] < low < high < 1.07 * row["half_period_m"]
        assert row["full_period_interval_m"] == pytest.approx([2 * low, 2 * high])
    assert [name for name, row in rows.items() if row["headline"]] == ["1-bit"]
    with Image.open("a-frc.png") as image:
        assert image.format == "PNG"


def test_frc_gives_the_numbers_of_the_library(told):
    saved(5)
    words = ["--criterion", "half-bit", "--data-set", "full", "--n-convention", "hermitian", "--seed", 3]
    assert told("frc", "a.npy", "b.npy", "--pixel", "53A", *words)[0] == 0
    found = stored("a-frc.json")
    curve = fourier_ring_correlation(np.load("a.npy"), np.load("b.npy"), pixel_size=PIXEL)
    np.testing.assert_allclose(found["curve"]["correlation"][1:], curve.correlation[1:], rtol=1e-12)
    np.testing.assert_allclose(found["curve"]["frequency_per_m"], curve.frequency, rtol=1e-12)
    expected = resolution(
        curve,
        criterion="half-bit",
        data_set="full",
        n_convention="hermitian",
        draws=400,
        rng=np.random.default_rng(3),
    )
    (headline,) = [row for row in found["results"] if row["headline"]]
    assert headline["criterion"] == "half-bit"
    assert headline["half_period_m"] == pytest.approx(expected.half_period, rel=1e-12)
    assert headline["half_period_interval_m"] == pytest.approx(expected.interval, rel=1e-12)
    given = found["conventions"]
    assert (given["criterion"], given["data_set"], given["n_convention"]) == ("half-bit", "full", "hermitian")
    assert given["pixel_size_m"] == pytest.approx([PIXEL, PIXEL])
    assert [file["role"] for file in found["inputs"]] == ["a", "b"]
    assert found["inputs"][0]["shape"] == [128, 128]
    assert len(found["inputs"][0]["sha256"]) == 64
    assert found["schema"] == 1


def test_every_format_gives_the_same_numbers(told):
    a, b = (np.round(1000 * image).astype(np.int16) for image in halves(11))
    np.save("a.npy", a)
    np.savez("both.npz", first=a, second=b)
    with h5py.File("both.h5", "w") as file:
        file["entry/first"], file["entry/second"] = a.astype(">i4"), b.astype(np.float64)
    tifffile.imwrite("a.tif", a, byteorder=">", photometric="minisblack")
    tables = set()
    for first, second in (
        ("a.npy", "both.npz:second"),
        ("both.npz:first", "both.h5:/entry/second"),
        ("a.tif", "both.h5:entry/second"),
        ("both.h5:/entry/first", "both.npz:second"),
    ):
        code, out, err = told("frc", first, second, "--pixel", "0.0053um", "--table-only")
        assert (code, err) == (0, "")
        tables.add(out)
    assert len(tables) == 1
    assert sorted(os.listdir()) == ["a.npy", "a.tif", "both.h5", "both.npz"]


def test_frc_of_complex_images(told):
    a, b = halves(7)
    other, another = halves(8)
    np.save("a.npy", (a + 1j * other).astype(np.complex64))
    np.save("b.npy", (b + 1j * another).astype(">c16"))
    assert told("frc", "a.npy", "b.npy", "--pixel", "5.3nm")[0] == 0
    found = stored("a-frc.json")
    assert found["conventions"]["complex"]
    assert abs(found["results"][1]["frequency_per_m"] - BAND) * 128 * PIXEL < 2


def test_volumes_are_correlated_by_shells(told):
    rng = np.random.default_rng(4)
    shape, size = (32, 40, 48), (4e-9, 5e-9, 5e-9)
    axes = [fourier.unshifted_frequencies(n, d) for n, d in zip(shape, size, strict=True)]
    f = np.sqrt(sum(each**2 for each in np.meshgrid(*axes, indexing="ij")))
    signal = fourier.ifftn(fourier.fftn(rng.standard_normal(shape)) * (f <= 1 / 25e-9)).real
    signal /= signal.std()
    tifffile.imwrite("a.tif", (signal + 0.3 * rng.standard_normal(shape)).astype(np.float32), photometric="minisblack")
    np.save("b.npy", signal + 0.3 * rng.standard_normal(shape))
    code, out, err = told("frc", "a.tif", "b.npy", "--pixel", "4nm,5nm,5nm")
    assert (code, err) == (0, "")
    found = stored("a-frc.json")
    (headline,) = [row for row in found["results"] if row["headline"]]
    assert headline["criterion"] == "1/7"
    assert -1 < (headline["frequency_per_m"] - 1 / 25e-9) * 128e-9 < 2.5
    assert "shell correlation" in out
    assert "fewer than 128 px" in out


def test_limited_by_sampling_is_said(told):
    saved(1, half_period=PIXEL, noise=0.05)
    code, out, _ = told("frc", "a.npy", "b.npy", "--pixel", "5.3nm", "--table-only")
    assert code == 0
    assert out.count("limited by sampling") >= 6
    assert "5.3 " in out


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_arrays_with_nothing_in_common_have_no_resolution(told, seed):
    np.save("a.npy", halves(seed)[0])
    np.save("b.npy", halves(seed + 1)[0])
    code, out, _ = told("frc", "a.npy", "b.npy", "--pixel", "5.3nm", "--criterion", "0.5")
    assert code == 0
    assert out.count("nothing in common") == 1
    assert "below it from the first ring on" in out
    rows = {row["criterion"]: row for row in stored("a-frc.json")["results"]}
    assert rows["0.5"]["below_from_start"]


def test_frc_tells_what_to_be_careful_about(told):
    saved(3)
    assert "both arrays are the same" in told("frc", "a.npy", "a.npy", "--pixel", "5.3nm", "--table-only")[1]
    slope = 30 * np.arange(128)[None, :] / 128
    for name in "ab":
        np.save(f"{name}.npy", np.load(f"{name}.npy") + slope)
    words = ["frc", "a.npy", "b.npy", "--pixel", "5.3nm"]
    assert "opposite borders do not meet" in told(*words, "--table-only")[1]
    assert "opposite borders" not in told(*words, "--taper", "100nm")[1]
    found = stored("a-frc.json")
    assert found["conventions"]["taper"] == "100nm"
    assert found["conventions"]["mask_fraction"] < 0.9


def test_a_negative_is_told(told):
    saved(4)
    np.save("b.npy", -np.load("a.npy"))
    code, out, _ = told("frc", "a.npy", "b.npy", "--pixel", "5.3nm", "--draws", "0", "--table-only")
    assert code == 0
    assert "the correlation is negative, -1 at the first ring: opposite contrast" in out
    assert "nothing in common" not in out


def test_pixels_of_every_axis_are_told(told):
    rng = np.random.default_rng(5)
    for name in "ab":
        np.save(f"{name}.npy", rng.standard_normal((16, 17, 18)))
    words = ["frc", "a.npy", "b.npy", "--draws", "0", "--table-only", "--pixel"]
    assert "pixel 5 x 4 x 5 nm" in told(*words, "5nm,4nm,5nm")[1]
    assert "pixel 5 nm" in told(*words, "5nm")[1]


def test_masks_that_bias_are_remarked_on(told):
    saved(6)
    away = np.hypot(*np.mgrid[-64:64, -64:64])
    masks = {"hard": away < 50, "soft": np.clip((60 - away) / 10, 0, 1), "small": np.clip((20 - away) / 10, 0, 1)}
    for name, mask in masks.items():
        np.save("mask.npy", mask)
        code, out, _ = told(
            "frc", "a.npy", "b.npy", "--pixel", "5.3nm", "--mask", "mask.npy", "--draws", "0", "--table-only"
        )
        assert code == 0
        assert ("hard edge" in out) is (name == "hard")
        assert ("% of the field" in out) is (name == "small")


def test_masks(told):
    saved(6)
    disc = np.hypot(*np.mgrid[-64:64, -64:64]) < 50
    np.save("mask.npy", disc)
    tifffile.imwrite("mask.tif", 255 * disc.astype(np.uint8), photometric="minisblack")
    results = []
    for mask in ("mask.npy", "mask.tif"):
        code, out, err = told("frc", "a.npy", "b.npy", "--pixel", "5.3nm", "--mask", mask, "--json", "r.json")
        assert (code, err) == (0, "")
        results.append(stored("r.json")["results"])
        assert ("holds 0 and 255" in out) is (mask == "mask.tif")
    assert results[0] == results[1]
    assert stored("r.json")["inputs"][2]["role"] == "mask"


@pytest.mark.parametrize(("delta", "seed"), [(5.1e-9, 1), (8e-9, 22), (12e-9, 333)])
def test_walls_have_their_width(told, delta, seed):
    np.save("image.npy", stripes(delta, seed=seed, noise=0.02))
    code, out, err = told("walls", "image.npy", "--pixel", "5.3nm", "--transfer", "pixel")
    assert (code, err) == (0, "")
    found = stored("image-walls.json")
    assert found["results"]["delta_m"] == pytest.approx(delta, rel=0.03)
    assert found["results"]["kittel_width_m"] == pytest.approx(math.pi * found["results"]["delta_m"])
    assert found["results"]["local_median_m"] == pytest.approx(delta, rel=0.06)
    assert f"{found['results']['delta_m'] * 1e9:.4g}" in out
    points = found["points"]
    assert len(points["delta"]) == len(points["y"]) == found["results"]["points"] > 100
    assert np.abs(points["normal_x"]).min() > 0.9
    assert found["conventions"]["transfer"] == ["pixel"]
    with Image.open("image-walls.png") as image:
        assert image.format == "PNG"


def test_a_transfer_function_is_undone(told):
    # Half-way between the two harmonics of the stripes: there the cut of a single wall is that of a row of walls.
    np.save("image.npy", stripes(5.1e-9, size=192, cut=31.8e-9))
    plain, undone = (
        (told("walls", "image.npy", "--pixel", "5.3nm", *words)[0], stored("image-walls.json"))
        for words in ((), ("--transfer", "hard:31.8nm", "--transfer", "pixel"))
    )
    assert plain[0] == undone[0] == 0
    assert plain[1]["results"]["delta_m"] > 1.4 * 5.1e-9
    assert undone[1]["results"]["delta_m"] == pytest.approx(5.1e-9, rel=0.06)
    assert any("no transfer function was undone" in note for note in plain[1]["notes"])
    assert not undone[1]["notes"]


def test_walls_too_short_for_their_noise_keep_their_widths(told):
    np.save("image.npy", stripes(8e-9, seed=1, noise=0.02))
    code, out, err = told("walls", "image.npy", "--pixel", "5.3nm", "--average", "1000")
    assert (code, err) == (0, "")
    found = stored("image-walls.json")
    points = found["results"]["points"]
    assert f"{points} of {points} points have no error" in out
    assert "ill-conditioned" not in out
    assert found["results"]["ill_conditioned"] == 0
    assert found["results"]["without_error"] == points
    assert found["results"]["local_median_m"] == pytest.approx(found["results"]["delta_m"], rel=0.05)
    assert found["results"]["local_error_median_m"] is None


def test_flagged_points_count_in_the_median_until_they_are_too_many(told):
    image = stripes(8e-9, size=128, seed=1, noise=0.02)
    strong = np.random.default_rng(2).standard_normal(image.shape)
    for rows, told_of in ((20, True), (90, False)):
        noisy = image.copy()
        noisy[:rows] += 0.9 * strong[:rows]
        np.save("image.npy", noisy)
        assert told("walls", "image.npy", "--pixel", "5.3nm", "--average", "1")[0] == 0
        found = stored("image-walls.json")
        flagged = np.array(found["points"]["ill_conditioned"])
        assert (0 < flagged.mean() < 0.3) if told_of else (flagged.mean() > 0.3)
        assert any("too many for a local median" in note for note in found["notes"]) is not told_of
        median = found["results"]["local_median_m"]
        assert median == (pytest.approx(np.median(found["points"]["delta"])) if told_of else None)


@pytest.mark.parametrize(("delta", "wide"), [(8e-9, False), (20e-9, True)])
def test_walls_as_wide_as_the_profiles_are_remarked_on(told, delta, wide):
    np.save("image.npy", stripes(delta, size=192, seed=3, noise=0.02))
    code, out, _ = told("walls", "image.npy", "--pixel", "5.3nm", "--table-only")
    assert code == 0
    assert ("over half of the 30 nm" in out) is wide


def test_walls_in_a_layer_of_a_volume(told):
    image = stripes(8e-9, seed=1, noise=0.02)
    np.save("stack.npy", np.stack([0 * image, image]))
    np.save("image.npy", image)
    first = told("walls", "stack.npy", "--layer", "1", "--pixel", "5.3nm", "--table-only")
    assert first == told("walls", "image.npy", "--pixel", "5.3nm", "--table-only")
    m = np.zeros((3, 1, *image.shape))
    m[0], m[2] = np.sqrt(1 - np.clip(image, -1, 1) ** 2), np.clip(image, -1, 1)
    write_sample(sample.make(magnetization=m, voxel_size=PIXEL), "m.ovf")
    code, _, err = told("walls", "m.ovf:z")
    assert (code, err) == (0, "")
    assert stored("m-z-walls.json")["conventions"]["pixel_size_m"] == pytest.approx(PIXEL)


@pytest.mark.parametrize(("seed", "charge"), [(3, 1), (14, -1), (159, 1)])
def test_a_hedgehog_is_found_where_it_is(told, seed, charge):
    m, centre = point(seed, charge=charge)
    write_sample(sample.make(magnetization=m, voxel_size=(3e-9, 2e-9, 2e-9), saturation_magnetization=4.9e5), "m.ovf")
    np.save("m.npy", m)
    places = []
    for words in (("m.ovf",), ("m.npy", "--voxel", "3nm,2nm,2nm")):
        code, out, err = told("hedgehogs", *words)
        assert (code, err) == (0, "")
        assert f"1 hedgehogs: {int(charge > 0)} positive, {int(charge < 0)} negative" in out
        found = stored("m-hedgehogs.json")
        (row,) = found["hedgehogs"]
        assert row["charge"] == found["results"]["total_charge"] == charge
        places.append([row[key] for key in ("z_m", "y_m", "x_m")])
        assert np.linalg.norm((np.array(places[-1]) - centre) / (3e-9, 2e-9, 2e-9)) < 0.2
        assert f"{row['z_m'] * 1e9:.2f}" in out
        assert ("Ms = 490000 A/m" in out) is (words[0] == "m.ovf")
    np.testing.assert_allclose(*places, atol=1e-12)
    assert found["results"]["cells"] == 8 * 9 * 10
    assert found["conventions"]["voxel_size_m"] == [3e-9, 2e-9, 2e-9]


def test_hedgehogs_with_every_option(told):
    m, _ = point(5, shape=(16, 16, 16), size=(2e-9,) * 3)
    np.save("m.npy", m * np.random.default_rng(1).uniform(0.6, 1, m.shape[1:]))
    magnet = np.ones(m.shape[1:])
    magnet[:2] = 0
    np.save("magnet.npy", magnet)
    words = ["hedgehogs", "m.npy", "--voxel", "2nm", "--low-pass", "6nm", "--magnet", "magnet.npy"]
    for method in ("cells", "maxima"):
        code, out, err = told(*words, "--method", method, "--figure", "h.svg")
        assert (code, err) == (0, "")
        assert "1 positive, 0 negative" in out
        assert "the lengths of the vectors vary, 0.6" in out
        found = stored("m-hedgehogs.json")
        assert found["conventions"]["method"] == method
        assert found["conventions"]["low_pass"] == "6nm"
        assert found["results"]["cells"] == 13 * 15 * 15
        assert Path("h.svg").read_text().startswith("<?xml")


def test_none_is_an_answer(told):
    m = np.zeros((3, 4, 5, 6))
    m[2] = 1
    np.save("up.npy", m)
    code, out, err = told("hedgehogs", "up.npy", "--voxel", "5nm")
    assert (code, err) == (0, "")
    assert "0 hedgehogs: 0 positive, 0 negative" in out
    assert stored("up-hedgehogs.json")["hedgehogs"] == []


def test_noise_is_warned_of(told):
    vectors = np.random.default_rng(2).standard_normal((3, 8, 8, 8))
    np.save("noise.npy", vectors / np.linalg.norm(vectors, axis=0))
    code, out, _ = told("hedgehogs", "noise.npy", "--voxel", "5nm")
    assert code == 0
    assert "try --low-pass" in out
    found = stored("noise-hedgehogs.json")
    assert len(found["hedgehogs"]) > 20
    assert out.count("\n") < 40
    assert "more, in the JSON file" in out


def test_the_charge_of_a_layer(told):
    y, x = np.mgrid[-20:20, -20:20] + 0.3
    r = np.hypot(y, x)
    theta = np.pi * np.clip(1 - r / 15, 0, 1)
    m = np.stack([np.sin(theta) * x / r, np.sin(theta) * y / r, np.cos(theta)])[:, None]
    write_sample(sample.make(magnetization=m, voxel_size=2e-9), "skyrmion.ovf")
    code, out, err = told("hedgehogs", "skyrmion.ovf")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "a single layer along z has no cells" in err
    assert "--layers" in err
    code, out, err = told("hedgehogs", "skyrmion.ovf", "--layers")
    assert (code, err) == (0, "")
    (row,) = stored("skyrmion-layers.json")["results"]
    assert row["charge"] == pytest.approx(-1, abs=1e-9)
    assert "-1.0000" in out
    assert Path("skyrmion-layers.png").is_file()
