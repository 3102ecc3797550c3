"""Scores of volumes of vectors whose error is known."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from numerics import fourier
from records import projections, projections_reconstruction, projections_truth, store
from scenarios import superlattice_scoring
from scenarios.controls import CONTROLS
from scenarios.superlattice_errors import error_rows
from scenarios.superlattice_frame import build_frame, geometry_errors, moved
from scenarios.superlattice_scoring import SuperlatticeSettings, found_metrics
from scenarios.superlattice_signal import image_signal
from scenarios.superlattice_topology import charge_rows, compare_charges, found_texture, true_texture
from tests.porous_texture import COARSE, FINE, SPACING, averaged, porous_texture
from tests.records.projections_builders import SCALARS, a_measurement, angles_of, geometry_of
from validation.registration import alignment

Array = NDArray[Any]

BETA = 4.3e-3
SETTINGS = SuperlatticeSettings(interval_draws=20, null_draws=10)


def _sites() -> dict[str, list[Any]]:
    """The octahedral and tetrahedral holes next to the sphere at the origin."""
    edge, radius = SPACING * math.sqrt(2) * FINE, SPACING / 2 * FINE
    octahedral = [tuple(s * edge / 2 * np.eye(3)[axis]) for axis in range(3) for s in (-1, 1)]
    tetrahedral = [tuple(edge / 4 * (2 * np.array(corner) - 1)) for corner in np.ndindex(2, 2, 2)]
    kinds = ["octahedral"] * len(octahedral) + ["tetrahedral"] * len(tetrahedral)
    z, y, x = np.array(octahedral + tetrahedral).T.tolist()
    return {
        "kind": kinds,
        "z": z,
        "y": y,
        "x": x,
        "radius": [(0.414 if kind == "octahedral" else 0.225) * radius for kind in kinds],
    }


def _truth_of(m: Array, magnet: Array) -> xr.Dataset:
    fill = np.clip(averaged(magnet), 0, 1)
    return projections_truth.make(
        volumes={
            "magnetization": averaged(m),
            "fill": fill,
            "charge": BETA * fill,
            "fine_magnetization": m,
            "fine_magnet": magnet,
        },
        voxel_size=COARSE,
        fine_voxel_size=FINE,
        projections={**geometry_of(), "flux": np.ones((2, 12))},
        changed=[0, 0, 0],
        notes={"setup": {}, "features": {"sites": _sites()}},
    )


@pytest.fixture(scope="module")
def truth() -> xr.Dataset:
    return _truth_of(*porous_texture(np.random.default_rng(0), shape=(44, 56, 56), smooth=2.5))


def _reconstruction(truth: xr.Dataset, **changes: Any) -> xr.Dataset:
    names = ("magnetization", "fill", "charge", "rotation", "shift")
    results: dict[str, Any] = {name: truth[name].values for name in names}
    results |= {"voxel_size": COARSE, "used": np.ones(12, int), "residual": np.full(12, 0.1)}
    return projections_reconstruction.make(
        method="test", results=results | changes, flags={"mass": (True, 0.02)}, gauge=["shift"]
    )


def _scores(reconstruction: xr.Dataset, truth: xr.Dataset, **words: Any) -> dict[str, float]:
    rows, scored = superlattice_scoring.score(
        reconstruction, truth, rng=np.random.default_rng(1), settings=SETTINGS, **words
    )
    assert scored.attrs["record"] == "scored"
    assert len({row.metric for row in rows}) == len(rows)
    return found_metrics(rows)


def _errors(reconstruction: xr.Dataset, truth: xr.Dataset, *, turned: bool = False) -> dict[str, float]:
    """Return the errors alone, after the rigid shift, or shift and turn."""
    frame = build_frame(truth, SETTINGS)
    placed = frame.place(reconstruction)
    found = moved(placed, frame.align(placed, frame.true, turned=turned))
    return found_metrics(error_rows(found, frame, gauge=""))


def _charges(reconstruction: xr.Dataset, truth: xr.Dataset) -> dict[str, float]:
    """Return the rows of the charges alone, without a shift."""
    found = found_texture(build_frame(truth, SETTINGS).place(reconstruction), voxel_size=COARSE, fine_voxel_size=FINE)
    charges = compare_charges(found, true_texture(truth), radius=SETTINGS.match, features={})
    return found_metrics(charge_rows(charges))


@pytest.fixture(scope="module")
def perfect(truth: xr.Dataset) -> tuple[dict[str, float], xr.Dataset]:
    rows, scored = superlattice_scoring.score(
        _reconstruction(truth),
        truth,
        halves=(_reconstruction(truth), _reconstruction(truth)),
        signal=image_signal(a_measurement()),
        rng=np.random.default_rng(1),
        settings=SETTINGS,
    )
    return found_metrics(rows), scored


def test_the_truth_at_the_voxel_is_without_error(perfect: tuple[dict[str, float], xr.Dataset]) -> None:
    found, _ = perfect
    for name in ("vector.error", "vector.error.x", "vector.error_transverse", "fill.error", "charge.error"):
        assert found[name] == pytest.approx(0, abs=1e-5)
    assert found["vector.error.fitted"] == pytest.approx(0, abs=1e-3)
    assert found["shift"] == pytest.approx(0, abs=1e-12)
    assert found["geometry.shift_error"] == pytest.approx(0, abs=1e-9)
    assert found["vector.length"] == pytest.approx(1)
    for name in ("fsc", "fsc_truth", "fsc_z", "fsc_truth_x", "fsc_cone_y", "fsc_truth_cone_z"):
        assert found[f"{name}.half_period"] == pytest.approx(COARSE)
        assert found[f"{name}.full_period"] == pytest.approx(2 * COARSE)
    assert found["flag.mass"] == 1
    assert found["flag.halves_disagree"] == 0


def test_the_truth_at_the_voxel_keeps_most_charges(
    truth: xr.Dataset, perfect: tuple[dict[str, float], xr.Dataset]
) -> None:
    found, _ = perfect
    assert found["hedgehogs.precision"] == 1
    assert found["hedgehogs.recall"] >= 0.8
    assert found["hedgehogs.recall_all"] > 0.6
    # One at most is spurious.
    spurious = (1 - found["hedgehogs.precision_all"]) * (found["hedgehogs.found"] + found["hedgehogs.border_found"])
    assert spurious < 1.5
    assert found["hedgehogs.position_error"] < 1.2e-9
    own = found_metrics(superlattice_scoring.score_truth(truth, rng=np.random.default_rng(2), settings=SETTINGS))
    for name in ("hedgehogs.plus", "hedgehogs.minus", "pairs.opposite", "sites.octahedral.plus", "voids.virtual_plus"):
        assert found[f"{name}.truth"] == own[name]
    total = found["hedgehogs.true"] + found["hedgehogs.border_true"]
    assert own["hedgehogs.plus"] + own["hedgehogs.minus"] == total
    sites = [value for name, value in own.items() if name.startswith("sites.")]
    assert len(sites) == 6
    assert sum(sites) == total


def test_scored_holds_what_a_page_needs(perfect: tuple[dict[str, float], xr.Dataset], tmp_path: Path) -> None:
    found, scored = perfect
    path = tmp_path / "scored.nc"
    store.save(scored, path)
    again = store.load(path)
    xr.testing.assert_equal(again, scored)
    np.testing.assert_allclose(scored["difference"], scored["magnetization"] - scored["true_magnetization"])
    assert scored["magnetization"].dtype == np.float32
    partner, matched = scored["hedgehog_partner"].values, scored["hedgehog_matched"].values
    assert np.array_equal(partner >= 0, matched)
    own = np.flatnonzero(matched)
    assert np.array_equal(scored["true_hedgehog_partner"].values[partner[own]], own)
    apart = scored["hedgehog_position"].values[own] - scored["true_hedgehog_position"].values[partner[own]]
    np.testing.assert_allclose(np.linalg.norm(apart, axis=1), scored["hedgehog_distance"].values[own])
    assert int(scored["site_count"].sel(source="truth").sum()) == scored.sizes["true_hedgehog"]
    faces, vertices = scored["void_face"].values, scored["void_vertex"].values
    assert 0 <= faces.min() <= faces.max() < len(vertices)
    assert scored["void_face_label"].values.max() < scored.sizes["void"]
    assert scored.sizes["closest_pair"] == 3
    share = scored["line_share"].values
    assert ((share >= 0) & (share <= 1)).all()
    signs = np.sign(scored["hedgehog_charge"].values[scored["line_hedgehogs"].values])
    assert signs.tolist() == [[1, -1], [1, 1], [-1, -1]]
    assert share[0] > share[1:].max()
    np.testing.assert_allclose(scored["tilt"].values[:4], np.radians(np.linspace(-62, 62, 4)))
    turns = scored["in_plane"].values - np.repeat(np.radians([0, 120, 240]), 4)
    np.testing.assert_allclose(np.sin(turns), 0, atol=1e-9)
    assert {"fsc", "fsc_component", "fsc_truth_cone", "signal_density", "pair_density", "residual"} <= set(scored)
    assert json.loads(scored.attrs["metrics"])["vector.error"] == found["vector.error"]


def test_the_difference_of_the_helicities_reaches_as_far_as_its_signal() -> None:
    rng = np.random.default_rng(2)
    n, pixel, edge = 96, 5e-9, 1 / 40e-9
    noise = 0.01 * rng.standard_normal((2, 12, n, n))
    spectrum = fourier.fftn(rng.standard_normal((12, n, n)), axes=(1, 2))
    f = fourier.unshifted_frequencies(n, pixel)
    band = np.hypot(f[:, None], f) < edge
    signal = fourier.ifftn(spectrum * band, axes=(1, 2)).real
    density = noise + np.array([1, -1])[:, None, None, None] * 0.02 * signal
    made = projections.make(
        images={"optical_density": density, "variance": np.full(density.shape, 1e-4)},
        angles=angles_of(),
        scalars=SCALARS,
    )
    found = image_signal(made)
    assert found.extent.full_period == pytest.approx(40e-9, rel=0.05)
    beyond = found.density.mean[found.density.frequency > 1.1 * edge]
    np.testing.assert_allclose(beyond, found.noise[-1], rtol=0.1)


def test_a_box_of_another_size_and_a_shift_are_no_error(
    truth: xr.Dataset, perfect: tuple[dict[str, float], xr.Dataset]
) -> None:
    shift = (0.3, -1.4, 2.25)
    parts = {}
    for name in ("magnetization", "fill", "charge"):
        values = truth[name].values
        wide = np.pad(values, [(0, 0)] * (values.ndim - 3) + [(5, 5), (4, 4), (6, 6)])
        parts[name] = alignment.moved(wide, shift)
    parts["fill"] = np.clip(parts["fill"], 0, 1)
    found = _scores(_reconstruction(truth, **parts), truth)
    assert found["shift"] == pytest.approx(COARSE * math.hypot(*shift), rel=0.01)
    assert found["vector.error"] < 0.02
    assert found["hedgehogs.recall"] == perfect[0]["hedgehogs.recall"]
    assert found["hedgehogs.recall_all"] == pytest.approx(perfect[0]["hedgehogs.recall_all"], abs=0.05)


def test_one_motion_of_the_sample_is_free_in_the_geometry(truth: xr.Dataset) -> None:
    rotation, rng = truth["rotation"].values, np.random.default_rng(7)
    common = Rotation.from_rotvec([0.01, -0.02, 0.005]).as_matrix()
    motion = np.array([3.0, -2.0, 1.0])
    shift = truth["shift"].values + (rotation @ motion)[:, [1, 0]]
    errors = geometry_errors(_reconstruction(truth, rotation=rotation @ common, shift=shift), truth)
    assert errors is not None
    np.testing.assert_allclose(errors.shift, 0, atol=1e-9)
    np.testing.assert_allclose(errors.angle, math.sqrt(0.01**2 + 0.02**2 + 0.005**2))
    np.testing.assert_allclose(errors.angle_fitted, 0, atol=1e-7)
    used = np.ones(12, int)
    used[3] = 0
    shift[3] = 100
    shift += 0.1 * rng.standard_normal(shift.shape)
    errors = geometry_errors(_reconstruction(truth, shift=shift, used=used), truth)
    assert errors is not None
    assert np.isnan(errors.shift[3]).all()
    assert math.sqrt(np.nanmean(errors.shift**2)) == pytest.approx(0.1, rel=0.3)


def test_what_no_projection_sees_is_longitudinal(truth: xr.Dataset) -> None:
    fill = truth["fill"].values
    potential = ndimage.gaussian_filter(np.random.default_rng(3).standard_normal(fill.shape), 2.0)
    z, y, x = (alignment.derivative(potential, axis) for axis in range(3))
    added = np.stack([x, y, z])
    added *= 0.3 * np.linalg.norm(truth["magnetization"].values) / np.linalg.norm(added)
    wrong = truth["magnetization"].values + added.astype(np.float32)
    found = _errors(_reconstruction(truth, magnetization=wrong), truth)
    assert found["vector.error_longitudinal"] == pytest.approx(0.3, rel=0.05)
    assert found["vector.error_transverse"] < 0.1


def test_a_wrong_helicity_turns_every_charge(truth: xr.Dataset) -> None:
    wrong = _reconstruction(truth, magnetization=-truth["magnetization"].values)
    found = _errors(wrong, truth) | _charges(wrong, truth)
    assert found["vector.error"] == pytest.approx(2)
    assert found["vector.angle_median"] == pytest.approx(180)
    assert found["hedgehogs.plus"] == pytest.approx(found["hedgehogs.minus.truth"], rel=0.5)
    assert found["hedgehogs.recall"] < 0.5


def test_only_the_fitted_rows_turn_the_volume(truth: xr.Dataset) -> None:
    turn = Rotation.from_rotvec([0.02, 0.0, 0.05]).as_matrix()
    spacing = (COARSE,) * 3
    parts = {}
    for name in ("magnetization", "fill", "charge"):
        values = truth[name].values.astype(np.float64)
        wide = np.pad(values, [(0, 0)] * (values.ndim - 3) + [(6, 6)] * 3)
        parts[name] = alignment.turned(wide, turn, shift=(0, 0, 0), spacing=spacing)
    parts["fill"] = np.clip(parts["fill"], 0, 1)
    turned = _reconstruction(truth, **parts)
    headline, fitted = _errors(turned, truth), _errors(turned, truth, turned=True)
    assert headline["vector.error"] > 0.2
    assert fitted["vector.error"] < 0.6 * headline["vector.error"]


def test_noise_costs_charges_and_resolution(truth: xr.Dataset) -> None:
    rng, fill = np.random.default_rng(4), truth["fill"].values

    def noisy(level: float) -> xr.Dataset:
        m = truth["magnetization"].values
        m = m + level * fill * rng.standard_normal(m.shape)
        charge = truth["charge"].values + 0.3 * level * BETA * rng.standard_normal(fill.shape)
        return _reconstruction(truth, magnetization=m, charge=charge)

    weak, strong = (_scores(noisy(level), truth, halves=(noisy(level), noisy(level))) for level in (0.1, 0.8))
    assert weak["vector.error"] == pytest.approx(0.1 * math.sqrt(3), rel=0.15)
    assert weak["hedgehogs.f1_all"] > strong["hedgehogs.f1_all"] + 0.1
    assert weak["fsc_truth_z.full_period"] <= strong["fsc_truth_z.full_period"]
    assert strong["fsc_x.full_period"] > strong["fsc_truth_x.full_period"]
    assert strong["fsc_z.full_period"] == pytest.approx(2 * strong["fsc_z.half_period"])


def test_controls(truth: xr.Dataset, perfect: tuple[dict[str, float], xr.Dataset]) -> None:
    measurement, rng = a_measurement(), np.random.default_rng(5)
    ceiling, floor = (
        _errors(record, truth) | _charges(record, truth)
        for record in (CONTROLS[name](measurement, truth, rng=rng) for name in ("ceiling", "floor"))
    )
    assert ceiling["hedgehogs.recall"] == perfect[0]["hedgehogs.recall"]
    assert ceiling["vector.error"] == pytest.approx(0, abs=1e-5)
    assert floor["vector.error"] == pytest.approx(math.sqrt(2), rel=0.15)
    assert floor["vector.angle_median"] == pytest.approx(90, abs=15)
    assert floor["fill.error"] == pytest.approx(0, abs=1e-5)
    assert floor["hedgehogs.recall_all"] < 0.3


def test_nothing_found_is_no_crash(truth: xr.Dataset) -> None:
    nothing = np.zeros(truth["fill"].shape)
    blank = _reconstruction(truth, magnetization=np.zeros((3, *nothing.shape)), fill=nothing, charge=nothing)
    found = _scores(blank, truth, halves=(blank, blank))
    assert found["vector.error"] == pytest.approx(1)
    assert found["hedgehogs.recall"] == 0
    for name in ("hedgehogs.precision", "pairs.opposite", "fsc.full_period", "fsc_truth_x.full_period"):
        assert math.isnan(found[name])


def test_a_truth_without_charges_gives_rows_without_values(truth: xr.Dataset) -> None:
    magnet = truth["fine_magnet"].values
    uniform = np.zeros((3, *magnet.shape), np.float32)
    uniform[2] = magnet
    flat = _truth_of(uniform, magnet)
    rows, _ = superlattice_scoring.score(_reconstruction(flat), flat, rng=np.random.default_rng(1), settings=SETTINGS)
    found = found_metrics(rows)
    assert found["hedgehogs.true"] == 0
    assert math.isnan(found["hedgehogs.recall"])
    assert math.isnan(found["vector.error.x"])
    note = next(row.criterion for row in rows if row.metric == "pairs.plus")
    assert "allowed" in note
    assert found_metrics(superlattice_scoring.score_truth(flat, rng=np.random.default_rng(2)))["hedgehogs.plus"] == 0


def test_other_voxels_are_refused(truth: xr.Dataset) -> None:
    other = _reconstruction(truth, voxel_size=2 * COARSE)
    with pytest.raises(ValueError, match="voxel_size of the reconstruction is 1e-08"):
        _scores(other, truth)


def test_settings_are_checked() -> None:
    with pytest.raises(ValueError, match="match is -1"):
        SuperlatticeSettings(match=-1)
