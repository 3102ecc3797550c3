"""Tilt series: images against line integrals by hand, the geometry's errors, the truth's voxels, the noise."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import ndimage, special

from numerics.streams import stream
from numerics.threads import use_threads
from optics import scattering
from optics.units import wavenumber
from records import projections, projections_truth, sample
from simulators.beamline.line_integrals import line_integrals
from simulators.beamline.tilted_slices import Volume, rotation, slice_volume, transmission
from simulators.experiments import tilt_series
from simulators.experiments.projection_images import counted, harmonic_background
from simulators.experiments.ptychography_setups import Pose
from simulators.experiments.tilt_series_geometry import small_rotation, true_geometry
from simulators.experiments.tilt_series_setups import (
    ChangedTexture,
    GeometryErrors,
    ImageErrors,
    TiltImage,
    TiltLight,
    TiltSeriesSetup,
    series_of,
)
from simulators.experiments.tilt_series_truth import volume_mean
from simulators.samples.superlattice_slab import smooth_spins

FINE, PIXEL = 2.5e-9, 5e-9
POSES = tuple(Pose(np.deg2rad(turn), np.deg2rad(tilt)) for turn in (0, 120) for tilt in (-62, 0, 30))
CLEAN = TiltSeriesSetup(poses=POSES, light=TiltLight(photons=np.inf), image=TiltImage(n=48))


def block(share: float = 0.3, shape: tuple[int, int, int] = (20, 40, 44)) -> xr.Dataset:
    """A block with rounded density and smooth spins, off the middle."""
    fill = np.zeros(shape, np.float32)
    fill[4:-3, 8:-12, 6:-10] = share
    fill = ndimage.uniform_filter(fill, 3)
    spins = smooth_spins(shape, voxel_size=FINE, period=60e-9, rng=stream(1, "sample"))
    return sample.make(magnetization=spins * (fill > 0), magnet=fill, voxel_size=FINE)


def ball(centre: tuple[float, float, float], sigma: float, shape: tuple[int, int, int]) -> np.ndarray:
    z, y, x = (np.arange(n) - n // 2 - c for n, c in zip(shape, centre, strict=True))
    square = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2
    return np.asarray(np.exp(-square / (2 * sigma**2)), np.float32)


@pytest.mark.parametrize("tilt", [0, 30, -62])
def test_a_gaussian_lies_where_the_rotation_puts_it(tilt: float) -> None:
    centre, sigma, shift = (3.3, -10.2, 11.7), 6.0, (1.2, -0.7)
    turn = small_rotation(np.array([0.02, -0.03, 0.01])) @ rotation(np.deg2rad(tilt), 2.1)
    values = ball(centre, sigma, (60, 80, 90))
    image = line_integrals(
        values, rotation=turn, voxel_size=(FINE,) * 3, pixel_size=PIXEL, shape=(64, 61), shift=shift, rays=4
    )
    u, v, _ = turn @ np.array(centre[::-1]) / 2
    scale = sigma / 2 * np.sqrt(2)

    def line(n: int, middle: float) -> np.ndarray:
        q = np.arange(n) - n // 2 - middle
        part = special.erf((q + 0.5) / scale) - special.erf((q - 0.5) / scale)
        return np.asarray(part * scale * np.sqrt(np.pi) / 2)

    exact = np.outer(line(64, v + shift[0]), line(61, u + shift[1])) * sigma * np.sqrt(2 * np.pi) * FINE
    # voxels interpolated between neighbours are broader than the Gaussian by 1/6 of a voxel's square
    assert np.linalg.norm(image - exact) < 5e-3 * np.linalg.norm(exact)
    assert image.sum() == pytest.approx(exact.sum(), rel=1e-4)
    for axis, wanted in ((1, v + shift[0]), (0, u + shift[1])):
        profile = image.sum(axis=axis, dtype=np.float64)
        found = np.sum(profile * (np.arange(profile.size) - profile.size // 2)) / profile.sum()
        assert found == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("tilt", [0, 30, -62])
def test_integrals_are_those_of_one_slice(tilt: float) -> None:
    beta = 1e-3 * ball((1.0, -3.0, 2.0), 4.0, (30, 40, 40))
    volume = Volume(np.zeros_like(beta), beta, None, 0.0, 0.0, (FINE,) * 3, 852.76)
    pose: dict[str, float] = {"tilt": float(np.deg2rad(tilt)), "in_plane_angle": 2.1}
    slices = slice_volume(volume, **pose, pixel_size=PIXEL, shape=(40, 40), slice_thickness=np.inf, helicities=(1,))
    wave = -2 * np.log(np.abs(transmission(slices)[0]))
    turn = rotation(pose["tilt"], pose["in_plane_angle"])
    image = line_integrals(beta, rotation=turn, voxel_size=(FINE,) * 3, pixel_size=PIXEL, shape=(40, 40), rays=2)
    assert np.abs(image * 2 * wavenumber(852.76) - wave).max() < 2e-3 * wave.max()


def test_what_cannot_be_walked_is_refused() -> None:
    kw: dict[str, Any] = {"voxel_size": (FINE,) * 3, "pixel_size": PIXEL, "shape": (8, 8)}
    values = np.zeros((4, 4, 4))
    with pytest.raises(ValueError, match=r"rotation is .*; allowed: a \(3, 3\) rotation"):
        line_integrals(values, rotation=2 * np.eye(3), **kw)
    with pytest.raises(ValueError, match="beam is 85 degrees"):
        line_integrals(values, rotation=rotation(np.deg2rad(85)), **kw)
    with pytest.raises(ValueError, match="rays is 0"):
        line_integrals(values, rotation=np.eye(3), rays=0, **kw)


def test_clean_images_hold_charge_and_magnetization() -> None:
    made, light = block(), CLEAN.light
    measurement, truth = tilt_series.simulate_tilt_series(made, CLEAN, seed=1)
    projections.check(measurement)
    projections_truth.check(truth)
    plus, minus = measurement["optical_density"].values.astype(np.float64)
    factor = 2 * wavenumber(light.energy) * PIXEL**3 / PIXEL**2
    beta, beta_m = float(measurement["beta_magnet"]), float(measurement["beta_m"])
    assert beta == scattering.refractive_index("Ni", light.energy)[1]
    charge = factor * beta * truth["fill"].values.sum(dtype=np.float64)
    moment = truth["magnetization"].values.sum(axis=(1, 2, 3), dtype=np.float64)
    for index, pose in enumerate(POSES):  # sums over a lattice of rays are those of a volume to some 1e-4
        beam = rotation(pose.tilt, pose.in_plane_angle)[2]
        assert (plus[index] + minus[index]).sum() / 2 == pytest.approx(charge, rel=5e-4)
        seen = factor * light.polarization * beta_m * float(moment @ beam)
        assert (plus[index] - minus[index]).sum() / 2 == pytest.approx(seen, abs=2e-4 * charge)


def test_errors_of_the_geometry_are_in_truth_and_images_only() -> None:
    errors = GeometryErrors(shift=2.0, helicity_shift=0.5, angle=0.01, remount_angle=0.03, remount_shift=3.0)
    setup = replace(CLEAN, geometry=errors)
    made = block()
    measurement, truth = tilt_series.simulate_tilt_series(made, setup, seed=4)
    assert measurement["tilt"].values == pytest.approx([pose.tilt for pose in POSES], abs=0)
    weight = np.asarray(made["magnet"].values, np.float64)
    places = [(np.arange(n) - n // 2) * FINE / PIXEL for n in weight.shape]
    centre = [(weight.sum(axis=tuple({0, 1, 2} - {axis})) * places[axis]).sum() / weight.sum() for axis in (2, 1, 0)]
    geometry = true_geometry(setup, seed=4)
    density = measurement["optical_density"].values.astype(np.float64)
    q = np.arange(48) - 24
    for h, index in np.ndindex(2, len(POSES)):
        image = density[h, index]
        found = np.array([(image.sum(axis=1) * q).sum(), (image.sum(axis=0) * q).sum()]) / image.sum()
        expected = (geometry.rotation[index] @ centre)[[1, 0]] + geometry.shift[h, index]
        # the magnetic part moves the centre of mass by some tenths of a pixel
        assert found == pytest.approx(expected, abs=0.6)
    assert truth["shift"].values == pytest.approx(geometry.shift[0])
    assert truth["rotation"].values == pytest.approx(geometry.rotation)


def test_geometry_is_of_the_size_asked_for() -> None:
    poses = tuple(Pose(np.deg2rad(turn), np.deg2rad(tilt)) for turn in range(0, 360, 3) for tilt in (-30, 0, 30))
    errors = GeometryErrors(shift=2.0, helicity_shift=0.5, angle=0.01)
    found = true_geometry(TiltSeriesSetup(poses=poses, geometry=errors), seed=1)
    assert found.shift[0].std() == pytest.approx(2.0, rel=0.1)
    assert (found.shift[1] - found.shift[0]).std() == pytest.approx(0.5, rel=0.1)
    nominal = np.array([rotation(pose.tilt, pose.in_plane_angle) for pose in poses])
    between = np.einsum("pij,pkj->pik", found.rotation, nominal)
    angles = np.stack([between[:, 2, 1], between[:, 0, 2], between[:, 1, 0]])
    assert angles.std(axis=1) == pytest.approx([0.01] * 3, rel=0.15)


def test_remounting_is_common_to_a_series_and_the_first_has_none() -> None:
    setup = replace(CLEAN, geometry=GeometryErrors(remount_angle=0.03, remount_shift=2.0))
    found = true_geometry(setup, seed=1)
    nominal = np.array([rotation(pose.tilt, pose.in_plane_angle) for pose in POSES])
    mount = np.einsum("pji,pjk->pik", nominal, found.rotation)
    assert mount[:3] == pytest.approx(np.broadcast_to(np.eye(3), (3, 3, 3)))
    assert mount[3:] == pytest.approx(np.broadcast_to(mount[3], (3, 3, 3)))
    assert not np.allclose(mount[3], np.eye(3), atol=1e-3)
    assert found.shift[:, :3] == pytest.approx(0)


def test_draws_differ_in_the_noise_alone() -> None:
    setup = replace(CLEAN, light=TiltLight(photons=1e4), errors=ImageErrors(flux=0.05, background=0.1))
    made = block()
    (first, truth), (again, _), (other, same) = (
        tilt_series.simulate_tilt_series(made, setup, seed=2, draw=draw) for draw in (0, 0, 1)
    )
    assert first.identical(again)
    assert truth.identical(same)
    noise = (first["optical_density"] - other["optical_density"]).values / np.sqrt(2)
    expected = np.sqrt(first["variance"].values.mean())
    assert noise.std() == pytest.approx(expected, rel=0.03)


def test_one_truth_serves_all_doses_and_no_other_seed() -> None:
    made, setup = block(), replace(CLEAN, light=TiltLight(photons=1e3), errors=ImageErrors(flux=0.05, background=0.1))
    truth = tilt_series.ideal_truth(made, CLEAN, seed=2)
    with pytest.raises(ValueError, match=r"truth\.flux is that of another setup or seed"):
        tilt_series.detect_tilt_series(truth, setup, seed=2)
    truth = tilt_series.ideal_truth(made, setup, seed=2)
    for photons in (1e3, 1e5):
        dose = replace(setup, light=TiltLight(photons=photons))
        found = tilt_series.detect_tilt_series(truth, dose, seed=2, draw=1)
        assert found.identical(tilt_series.simulate_tilt_series(made, dose, seed=2, draw=1)[0])
    with pytest.raises(ValueError, match=r"truth\.optical_density is missing"):
        tilt_series.detect_tilt_series(tilt_series.series_truth(made, setup, seed=2), setup, seed=2)
    with pytest.raises(ValueError, match=r"shape \(2, 6, 48, 48\); allowed: \(2, 6, 40, 40\)"):
        tilt_series.detect_tilt_series(truth, replace(setup, image=TiltImage(n=40)), seed=2)


def test_images_do_not_depend_on_threads() -> None:
    setup = replace(CLEAN, light=TiltLight(photons=1e3), geometry=GeometryErrors(shift=1.0, angle=0.01))
    made = block()
    found = []
    for count in (1, 3):
        with use_threads(count):
            found.append(tilt_series.simulate_tilt_series(made, setup, seed=2))
    assert found[0][0].identical(found[1][0])
    assert found[0][1].identical(found[1][1])


def test_noise_follows_the_photons() -> None:
    density = np.full((200, 200), 2.0)
    seen, variance = counted(density, 1e4, rng=stream(1, "noise"))
    assert np.var(seen) == pytest.approx(np.exp(2) / 1e4, rel=0.05)
    assert variance.mean() == pytest.approx(np.exp(2) / 1e4, rel=0.01)
    assert seen.mean() == pytest.approx(2.0, abs=1e-3)


def test_background_is_harmonic_and_of_its_size() -> None:
    n = 64
    rms = [np.sqrt(np.mean(harmonic_background(n, row) ** 2)) for row in np.eye(5)]
    assert rms == pytest.approx(np.ones(5))
    field = harmonic_background(n, stream(1, "b").standard_normal(9))
    curvature = ndimage.laplace(field)[1:-1, 1:-1]
    assert np.abs(curvature).max() < 1e-2 * np.abs(np.diff(field, 2, axis=0)).max()


def test_a_changed_series_sees_other_spins_in_a_ball() -> None:
    made = block()
    setup = replace(CLEAN, changed=ChangedTexture(1, diameter=30e-9, period=40e-9))
    (plain, _), (other, truth) = (tilt_series.simulate_tilt_series(made, use, seed=3) for use in (CLEAN, setup))
    differs = np.abs(plain["optical_density"].values - other["optical_density"].values).max(axis=(0, 2, 3))
    assert np.all(differs[:3] == 0)
    assert np.all(differs[3:] > 1e-3)
    assert truth["changed"].values.tolist() == [0, 1]
    seen = tilt_series.seen_sample(made, setup, series=1, seed=3)
    where = json.loads(seen.attrs["features"])["changed"]
    changed = np.abs(seen["magnetization"].values - made["magnetization"].values).max(axis=0)
    away = np.sqrt(sum((made[axis] - where[axis]) ** 2 for axis in "zyx")).transpose("z", "y", "x").values
    assert changed[away > 15.1e-9].max() == 0
    assert changed[away < 10e-9].max() > 0.1
    sample.check(seen)


@pytest.mark.parametrize(("ratio", "sigma"), [(2, 2.0), (3, 3.0), (4, 4.0), (2.5, 5.0)])
def test_coarse_voxels_keep_mass_and_its_centre(ratio: float, sigma: float) -> None:
    size = 5e-9 / ratio
    values = ball((2.3, -3.1, 4.7), sigma, (64, 65, 72)).astype(np.float64)
    coarse = volume_mean(values, shape=(41, 42, 45), voxel_size=(size,) * 3, coarse=5e-9).astype(np.float64)
    assert coarse.sum() * ratio**3 == pytest.approx(values.sum(), rel=1e-5)
    for axis in range(3):
        centres = []
        for field, step in ((values, size), (coarse, 5e-9)):
            line = field.sum(axis=tuple({0, 1, 2} - {axis}))
            centres.append((line * (np.arange(line.size) - line.size // 2)).sum() / line.sum() * step / 5e-9)
        assert centres[0] == pytest.approx(centres[1], abs=1e-6)


def test_two_voxels_per_pixel_have_weights_of_a_quarter_and_a_half() -> None:
    line = np.zeros((1, 1, 9))
    line[0, 0, 4] = 1
    found = volume_mean(line, shape=(1, 1, 5), voxel_size=(5e-9, 5e-9, 2.5e-9), coarse=5e-9)[0, 0]
    assert found == pytest.approx([0, 0, 0.5, 0, 0])
    line[0, 0, 4:6] = 0, 1
    found = volume_mean(line, shape=(1, 1, 5), voxel_size=(5e-9, 5e-9, 2.5e-9), coarse=5e-9)[0, 0]
    assert found == pytest.approx([0, 0, 0.25, 0.25, 0])


def test_what_is_impossible_is_refused() -> None:
    with pytest.raises(ValueError, match=r"voxels are 5e-09 m wide; allowed: up to 2\.5e-09 m"):
        tilt_series.simulate_tilt_series(
            sample.make(magnetization=np.ones((3, 4, 4, 4)) / np.sqrt(3), voxel_size=5e-9), CLEAN, seed=1
        )
    with pytest.raises(ValueError, match=r"changed.series is 2; allowed: None, or 0 to 1"):
        replace(CLEAN, changed=ChangedTexture(2))
    with pytest.raises(ValueError, match="photons is 0"):
        TiltLight(photons=0)
    with pytest.raises(ValueError, match=r"oversampling is 1.5"):
        TiltImage(oversampling=1.5)
    assert series_of(POSES).tolist() == [0, 0, 0, 1, 1, 1]
