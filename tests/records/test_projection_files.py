"""Anybody's projections: every layout gives the same record, and what cannot be meant is refused in one line."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import xarray as xr

from records import projections, store
from records.describe import describe
from records.ovf import write_ovf
from records.projection_files import PAIRS, STACKS, Known, read_projections
from tests.records.builders import a_measurement as a_hologram
from tests.records.builders import a_sample, a_truth
from tests.records.projections_builders import SCALARS, a_measurement, angles_file, angles_of, refused

COUNT = 12
DENSITY = np.random.default_rng(8).uniform(0.2, 3, (2, COUNT, 6, 5)).astype(np.float32)
TILT = np.degrees(angles_of()["tilt"])
IN_PLANE = np.degrees(angles_of()["in_plane"])
NEEDED = {name: SCALARS[name] for name in ("pixel_size", "energy", "polarization", "beta_m")}
TOLD = Known(scalars=NEEDED)


def write(path: Path, content: dict[str, Any], *, attributes: dict[str, Any] | None = None) -> Path:
    """Write datasets, or attributes where a name has an @, with ``name|units``; None leaves one out."""
    with h5py.File(path, "w") as file:
        named = {key: value for key, value in content.items() if value is not None}
        for key, value in named.items():
            place, _, units = key.partition("|")
            if "@" not in place:
                file[place] = value
                if units:
                    file[place].attrs["units"] = units
        for key, value in (attributes or {}).items():
            place, _, name = key.rpartition("@")
            file[place or "/"].attrs[name] = value
    return path


def foreign(path: Path, stacks: dict[str, Any] | None = None, **changes: Any) -> Path:
    """A sound HDF5 file as another program writes it; `changes` by the names below."""
    content: dict[str, Any] = {
        "tilt": {"scan/tilt|deg": TILT},
        "in_plane": {"scan/in_plane|degrees": IN_PLANE},
        "scalars": {"pixel_size_nm": 5.0, "beam/energy|keV": 0.856, "beam/polarization": 0.95, "beta_m": 6e-4},
    } | changes
    found: dict[str, Any] = stacks or {"entry/Plus": DENSITY[0], "entry/Minus": DENSITY[1]}
    for each in content.values():
        found = found | (each or {})
    return write(path, found)


def check_same(found: xr.Dataset) -> None:
    projections.check(found)
    np.testing.assert_allclose(found["optical_density"], DENSITY, rtol=1e-6, atol=1e-6)
    for name in ("tilt", "in_plane", "series"):
        np.testing.assert_allclose(found[name], angles_of()[name], atol=1e-9)
    for name, value in NEEDED.items():
        assert float(found[name]) == pytest.approx(value, rel=1e-12)


def test_our_own_file(tmp_path: Path) -> None:
    store.save(a_measurement(), tmp_path / "m.nc")
    xr.testing.assert_identical(read_projections(tmp_path / "m.nc"), a_measurement())
    both: list[dict[str, Any]] = [{"known": Known()}, {"angles": "a.txt"}]
    for known in both:
        refused("a record, which holds all of it", partial(read_projections, tmp_path / "m.nc", **known))
    for other, line in ((a_hologram(), "kind 'holography'; expected 'projections'"), (a_truth(), "record 'truth'")):
        store.save(other, tmp_path / "other.nc")
        refused(line, lambda: read_projections(tmp_path / "other.nc"), tmp_path / "other.nc")


@pytest.mark.parametrize("names", PAIRS)
@pytest.mark.parametrize("spelled", [str.lower, str.upper])
def test_two_stacks_in_one_group(names: tuple[str, str], spelled: Callable[[str], str], tmp_path: Path) -> None:
    stacks = {f"a/b/{spelled(name)}": stack for name, stack in zip(names, DENSITY, strict=True)}
    check_same(read_projections(foreign(tmp_path / "scan.h5", stacks)))


def test_two_stacks_in_two_groups(tmp_path: Path) -> None:
    check_same(read_projections(foreign(tmp_path / "scan.h5", {"left/plus": DENSITY[0], "right/minus": DENSITY[1]})))


@pytest.mark.parametrize("name", STACKS)
def test_one_stack(name: str, tmp_path: Path) -> None:
    check_same(read_projections(foreign(tmp_path / "scan.h5", {f"exchange/{name}": DENSITY.astype(np.float64)})))


def test_the_first_of_a_pair_is_helicity_plus(tmp_path: Path) -> None:
    found = read_projections(foreign(tmp_path / "s.h5", {"minus": DENSITY[1], "plus": DENSITY[0]}))
    np.testing.assert_array_equal(found["optical_density"].sel(helicity=-1), DENSITY[1])


def test_one_of_several_stacks_is_chosen_by_its_key(tmp_path: Path) -> None:
    stacks = {f"{group}/{name}": DENSITY[i] + at for at, group in enumerate("ab") for i, name in enumerate(PAIRS[1])}
    path = foreign(tmp_path / "scan.h5", stacks | {"raw": DENSITY + 2})
    refused("2 stacks, .*expected one, or .*KEY", lambda: read_projections(path), path)
    check_same(read_projections(f"{path}:a"))
    assert read_projections(f"{path}:/b")["optical_density"].values.min() > 1
    assert read_projections(f"{path}:raw")["optical_density"].values.min() > 2
    refused("no stacks of both helicities", lambda: read_projections(f"{path}:c"), path)
    check_same(read_projections(f"{foreign(tmp_path / 'own.h5', {'a/absorption': DENSITY})}:/a/absorption"))


def test_images_of_one_helicity_beside_the_pair_are_let_be(tmp_path: Path) -> None:
    stacks = {"plus": DENSITY[0], "minus": DENSITY[1], "raw/data": DENSITY[0]}
    check_same(read_projections(foreign(tmp_path / "scan.h5", stacks)))


@pytest.mark.parametrize("values", ["complex transmission", "modulus", "intensity"])
def test_values_that_are_no_optical_densities(values: str, tmp_path: Path) -> None:
    modulus = np.exp(-DENSITY.astype(np.float64) / 2)
    phase = np.exp(1j * np.random.default_rng(0).uniform(0, 6, DENSITY.shape))
    images = {"complex transmission": modulus * phase, "modulus": modulus, "intensity": modulus**2}[values]
    said = "intensity" if values == "intensity" else "transmission"
    path = foreign(tmp_path / "scan.h5", {"data": images})
    check_same(read_projections(path, known=Known(values=said)))
    if images.dtype.kind == "c":
        for wrong in ("optical_density", "intensity"):
            refused("data.*dtype complex128", partial(read_projections, path, known=Known(values=wrong)), path)


def test_counts_are_no_optical_densities(tmp_path: Path) -> None:
    path = foreign(tmp_path / "scan.h5", {"data": (DENSITY * 1000).astype(np.uint16)})
    refused(r"dtype uint16; expected optical densities, or to be told", lambda: read_projections(path), path)
    assert read_projections(path, known=Known(values="intensity"))["optical_density"].values.max() < 0
    refused("values: found 'phase'", lambda: read_projections(path, known=Known(values="phase")))


@pytest.mark.parametrize("suffix", ["_deg", "_rad"])
@pytest.mark.parametrize("layout", ["pair", "one"])
def test_npz_says_its_units_in_the_names(layout: str, suffix: str, tmp_path: Path) -> None:
    unit = np.radians if suffix == "_rad" else np.asarray
    stacks = {"lcp": DENSITY[0], "rcp": DENSITY[1]} if layout == "pair" else {"od": DENSITY}
    at: dict[str, Any] = {
        f"theta{suffix}": unit(TILT),
        f"phi{suffix}": unit(IN_PLANE),
        "series": [1] * 4 + [5] * 4 + [7] * 4,
    }
    scalars = {"pixel_size": 5e-9, "energy_eV": 856.0, "polarization": 0.95, "beta_m": 6e-4}
    np.savez(tmp_path / "scan.npz", allow_pickle=False, **(stacks | at | scalars))
    check_same(read_projections(tmp_path / "scan.npz"))


def test_npy_with_a_file_of_angles(tmp_path: Path) -> None:
    np.save(tmp_path / "scan.npy", DENSITY)
    check_same(read_projections(tmp_path / "scan.npy", angles=angles_file(tmp_path / "a.csv"), known=TOLD))
    refused("no angles; expected", lambda: read_projections(tmp_path / "scan.npy", known=TOLD), tmp_path / "scan.npy")
    np.save(tmp_path / "scan.npy", DENSITY[0])
    refused(
        r"shape \(12, 6, 5\); expected \(2, projection", lambda: read_projections(tmp_path / "scan.npy", known=TOLD)
    )


def test_what_else_a_file_may_hold(tmp_path: Path) -> None:
    valid = np.ones(DENSITY.shape[1:], dtype=bool)
    valid[3, 2, 2] = False
    path = foreign(
        tmp_path / "scan.h5",
        {"od": DENSITY, "valid": valid, "variance": DENSITY, "box_nm": [15.0, 20, 20], "beta_magnet": 4.3e-3},
        tilt={"angles|rad": np.radians(np.stack([TILT, IN_PLANE], axis=1))},
        in_plane=None,
    )
    found = read_projections(path)
    np.testing.assert_allclose(found["box"], [15e-9, 20e-9, 20e-9])
    np.testing.assert_array_equal(found["variance"], DENSITY)
    np.testing.assert_array_equal(found["valid"], valid)
    np.testing.assert_allclose(np.degrees(found["in_plane"]), IN_PLANE)
    assert float(found["beta_magnet"]) == 4.3e-3
    told = Known(scalars={"beta_m": 5e-4}, box=(1e-7, 2e-7, 3e-7), title="a film")
    found = read_projections(path, known=told)
    assert float(found["beta_m"]) == 5e-4
    assert found["box"].values.tolist() == [1e-7, 2e-7, 3e-7]
    assert found.attrs["title"] == "a film"
    refused("variance: beside values of intensity", lambda: read_projections(path, known=Known(values="intensity")))


def test_pixels_that_are_not_valid_may_be_anything(tmp_path: Path) -> None:
    valid = np.ones(DENSITY.shape[1:], dtype=np.uint8)
    valid[3, 2, 2] = 0
    holed = DENSITY.copy()
    holed[:, 3, 2, 2] = np.nan, np.inf
    found = read_projections(foreign(tmp_path / "scan.h5", {"od": holed, "valid": valid}))
    assert found["optical_density"].values[:, 3, 2, 2].tolist() == [0, 0]
    np.testing.assert_array_equal(found["optical_density"].values[:, valid > 0], DENSITY[:, valid > 0])


def test_attributes_are_read_as_datasets_are(tmp_path: Path) -> None:
    attributes = {"@pixel_size_nm": 5.0, "scan@energy_eV": 856.0, "od@beta_m": 6e-4, "@polarization": 0.95}
    at = {"scan/tilt_deg": TILT, "scan/azimuth|deg": IN_PLANE}
    check_same(read_projections(write(tmp_path / "scan.h5", {"od": DENSITY} | at, attributes=attributes)))


def damaged(value: float, *places: tuple[int, int]) -> dict[str, Any]:
    stacks = DENSITY.copy()
    for helicity, projection in places:
        stacks[helicity, projection, 1, 2] = value
    return {"entry/plus": stacks[0], "entry/minus": stacks[1]}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"stacks": damaged(np.nan, (1, 7))}, "entry/minus: 1 values are not finite, in projection 7; expected"),
        ({"stacks": damaged(np.inf, (0, 7), (0, 2))}, "entry/plus: 2 values are not finite, in projection 2, 7;"),
        ({"stacks": damaged(np.nan, *((0, i) for i in range(9)))}, "in projection 0, 1, 2, 3, 4, 5 and 3 more;"),
        (
            {"stacks": {"plus": DENSITY[0], "minus": DENSITY[1, :-1]}},
            r"minus: shape \(11, 6, 5\); expected that of plus",
        ),
        ({"stacks": {"plus": DENSITY[0, 0], "minus": DENSITY[1, 0]}}, r"plus: shape \(6, 5\); expected \(projection"),
        (
            {"stacks": {"plus": DENSITY[0]}},
            "no stacks of both helicities; expected helicity_plus and helicity_minus or",
        ),
        ({"stacks": {"data": DENSITY[0]}}, r"data: shape \(12, 6, 5\); expected \(2, projection, y, x\)"),
        ({"stacks": {"data": np.swapaxes(DENSITY, 0, 1)}}, r"data: shape \(12, 2, 6, 5\); expected"),
        ({"stacks": {"data": DENSITY, "valid": np.ones((6, 5))}}, r"valid: shape \(6, 5\); expected bool \(12, 6, 5\)"),
        ({"stacks": {"data": DENSITY, "variance": 0 * DENSITY}}, "variance: holds 0"),
        ({"stacks": {"data": DENSITY[:, :0]}}, "expected"),
        ({"tilt": None}, "no angles; expected datasets tilt and in_plane, or a file of angles"),
        ({"in_plane": None}, "no in-plane angles; expected a dataset in_plane, phi, azimuth beside scan/tilt"),
        ({"tilt": {"tilt": TILT}}, "tilt: no unit; expected an attribute units, 'deg' or 'rad', or to be told"),
        ({"tilt": {"tilt|mrad": TILT}}, "tilt: units 'mrad'; expected one of"),
        ({"tilt": {"tilt|deg": np.radians(TILT)}}, "tilt: angles look like radians, up to 1.08"),
        ({"tilt": {"tilt|rad": TILT}}, "tilt: -62 rad in projection 0; expected up to 1.5708 rad; are these degrees?"),
        ({"tilt": {"tilt|deg": TILT * 2}}, "tilt: -124 deg in projection 0; expected up to 90 deg"),
        ({"in_plane": {"phi|deg": IN_PLANE * 2}}, "phi: 480 deg in projection 8; expected up to 360 deg"),
        ({"in_plane": {"phi|rad": IN_PLANE}}, "phi: 240 rad in projection 8; .*are these degrees?"),
        ({"in_plane": {"phi|deg": IN_PLANE[:-1]}}, r"phi: shape \(11,\); expected \(12,\)"),
        ({"tilt": {"tilt|deg": np.append(TILT[:-1], np.nan)}}, "tilt: 1 values are not finite"),
        ({"tilt": {"a/tilt|deg": TILT, "b/tilt|deg": TILT}}, r"tilt angles in 2 places, \['a/tilt', 'b/tilt'\]"),
        ({"series": {"series": np.linspace(0, 1, COUNT)}}, "series: fractions; expected whole numbers"),
        (
            {"scalars": {"pixel_size_nm": 5.0, "energy": 856.0, "polarization": 1.0}},
            "no beta_m; expected it in 1 in the",
        ),
        (
            {"scalars": {"pixel_size": 5.0, "energy": 856.0, "polarization": 1.0, "beta_m": 1e-3}},
            "pixel_size: holds 5;",
        ),
        ({"scalars": {"pixel_size|mm": 5.0}}, "pixel_size: units 'mm'; expected one of"),
        ({"scalars": {"energy_ev": [856.0, 850.0]}}, "energy: 2 different values; expected one number"),
        ({"scalars": {"beta_m": np.nan}}, "beta_m: 1 values are not finite"),
    ],
)
def test_files_that_cannot_be_meant(changes: dict[str, Any], line: str, tmp_path: Path) -> None:
    path = foreign(tmp_path / "scan.h5", **changes)
    refused(line, lambda: read_projections(path), path)


def test_dark_pixels_have_no_logarithm(tmp_path: Path) -> None:
    path = foreign(tmp_path / "scan.h5", damaged(0.0, (0, 4), (0, 6)))
    for values in ("transmission", "intensity"):
        line = "entry/plus: 2 values are 0 or less, in projection 4, 6; expected values above 0"
        refused(line, partial(read_projections, path, known=Known(values=values)), path)


def test_the_unit_of_datasets_may_be_told(tmp_path: Path) -> None:
    scan = foreign(tmp_path / "scan.h5", tilt={"tilt": TILT}, in_plane={"in_plane": IN_PLANE})
    check_same(read_projections(scan, known=Known(angle_units="deg")))
    refused("angle_units|unit 'grad'", lambda: read_projections(scan, known=Known(angle_units="grad")))


def test_fewer_angles_than_projections(tmp_path: Path) -> None:
    path = foreign(tmp_path / "scan.h5", {"plus": DENSITY[0, 1:], "minus": DENSITY[1, 1:]})
    refused(
        "12 angles for 11 projections; expected one tilt and in-plane angle for each", lambda: read_projections(path)
    )
    at = angles_file(tmp_path / "angles.txt")
    refused("12 angles for 11 projections", lambda: read_projections(path, angles=at), at)


@pytest.mark.parametrize("cut", [0, 20, 600, 3000, -100])
@pytest.mark.parametrize("suffix", [".h5", ".npz", ".npy", ".nc"])
def test_truncated_files(suffix: str, cut: int, tmp_path: Path) -> None:
    path = tmp_path / f"scan{suffix}"
    if suffix == ".h5":
        foreign(path)
    elif suffix == ".nc":
        store.save(a_measurement(), path)
    elif suffix == ".npz":
        np.savez(path, od=DENSITY, tilt_deg=TILT, phi_deg=IN_PLANE)
    else:
        np.save(path, DENSITY)
    path.write_bytes(path.read_bytes()[:cut])
    refused("expected|cannot be read", lambda: read_projections(path, known=None if suffix == ".nc" else TOLD), path)


def test_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "notes.h5").write_text("tilt, in_plane\n")
    refused("unknown format; expected", lambda: read_projections(tmp_path / "notes.h5"), tmp_path / "notes.h5")
    write_ovf(a_sample(), tmp_path / "m.ovf")
    refused("OVF; expected projections as HDF5", lambda: read_projections(tmp_path / "m.ovf"), tmp_path / "m.ovf")
    refused("no such file", lambda: read_projections(tmp_path / "gone.h5"), tmp_path / "gone.h5")
    refused("a folder", lambda: read_projections(tmp_path), tmp_path)
    np.save(tmp_path / "o.npy", np.array([{"a": 1}]), allow_pickle=True)
    refused("Python objects, which could run code", lambda: read_projections(tmp_path / "o.npy"), tmp_path / "o.npy")
    np.save(tmp_path / "t.npy", np.array(["a", "b"]))
    refused("expected", lambda: read_projections(tmp_path / "t.npy"), tmp_path / "t.npy")
    write(tmp_path / "empty.h5", {})
    refused("no stacks of both helicities", lambda: read_projections(tmp_path / "empty.h5"), tmp_path / "empty.h5")


def test_described_for_people(tmp_path: Path) -> None:
    lines = dict(describe(foreign(tmp_path / "scan.h5")))
    assert lines["file"] == "HDF5 with projections"
    assert (lines["check"], lines["images"]) == ("sound", "2 x 12 of 6 x 5 pixels of 5 nm")
    assert lines["series 1"] == "tilt -62 to 62 degrees, in plane 120 degrees"
    assert lines["entry/Plus"] == "12 x 6 x 5 float32"
    lines = dict(describe(foreign(tmp_path / "scan.h5", tilt=None)))
    assert "no angles; expected" in lines["check"]
    stack = {"tilt": {"theta|deg": TILT}}
    assert dict(describe(foreign(tmp_path / "scan.h5", {"data": DENSITY}, **stack)))["check"] == "sound"
    assert dict(describe(foreign(tmp_path / "scan.h5", {"data": DENSITY}, tilt=None)))["file"] == "HDF5"
