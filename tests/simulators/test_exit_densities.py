"""Images of a perfect ptychographic instrument: projections where the sample is thin, waves where it is thick."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage
from skimage.registration import phase_cross_correlation

from numerics.streams import stream
from numerics.threads import use_threads
from optics.units import wavenumber
from reconstructors import registry
from reconstructors.projections.optical_density import optical_density
from reconstructors.projections.stack import imaged
from reconstructors.tomography.geometry import Geometry
from reconstructors.tomography.projector import plan_projector, project
from records import projections_truth, sample
from records.frames import open_node
from simulators.beamline.frame_detector import FrameDetector
from simulators.beamline.tilted_slices import Volume, rotation
from simulators.experiments import tilt_series
from simulators.experiments.exit_densities import exit_densities, ideal_truth
from simulators.experiments.projection_images import pose_images, volume_for
from simulators.experiments.ptychography_setups import OpticsSetup, Pose, PtychographySetup, ScanSetup
from simulators.experiments.tilt_series_geometry import small_rotation, true_geometry
from simulators.experiments.tilt_series_setups import ChangedTexture, GeometryErrors, TiltImage, TiltSeriesSetup
from simulators.experiments.tilted_ptychography import TiltedPtychographySetup, simulate_pose
from simulators.samples.superlattice_slab import smooth_spins

FINE, PIXEL, ENERGY = 2.5e-9, 5e-9, 852.76
STEEP = float(np.deg2rad(62))
SERIES = TiltSeriesSetup(poses=(Pose(2.1, -STEEP), Pose(2.1, 0.0), Pose(0.0, 0.5)), image=TiltImage(n=40))
SCAN = PtychographySetup(slice_thickness=9e-9)
SETUP = TiltedPtychographySetup(SERIES, SCAN)


def block(nz: int, side: int = 40) -> xr.Dataset:
    """Blobs of some 15 nm with soft edges, whose spins turn slowly."""
    fill = np.zeros((nz + 8, side + 16, side + 16), np.float32)
    blobs = stream(1, "fill").random((-(-nz // 6), -(-side // 6), -(-side // 6))) < 0.5
    fill[4:-4, 8:-8, 8:-8] = 0.9 * blobs.repeat(6, 0).repeat(6, 1).repeat(6, 2)[:nz, :side, :side]
    fill = ndimage.gaussian_filter(fill, 1.5)
    fill *= fill > 1e-4
    spins = smooth_spins(fill.shape, voxel_size=FINE, period=60e-9, rng=stream(1, "sample"))
    return sample.make(magnetization=spins * (fill > 0), magnet=fill, voxel_size=FINE)


def departure(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    return float(np.linalg.norm(found - wanted) / np.linalg.norm(wanted))


def parts(density: NDArray[np.floating]) -> NDArray[np.floating]:
    return np.stack([density[0] + density[1], density[0] - density[1]]) / 2


def pose(tilt: float, turn: float = 0.0, **changes: object) -> PtychographySetup:
    return replace(SCAN, tilt=tilt, in_plane_angle=turn, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("thickness", [3e-9, np.inf])
def test_a_thin_film_is_its_projection(thickness: float) -> None:
    volume, turn = volume_for(block(2), SERIES), rotation(0.2, 2.1)
    found = exit_densities(volume, pose(0.2, 2.1, slice_thickness=thickness), n=40, shift=(0.0, 0.0))
    wanted = pose_images(volume, rotation=turn, image=SERIES.image, shift=np.zeros(2))
    # a pixel of the one is a point of a band-limited wave, of the other a mean over its area
    for one, other in zip(parts(found), parts(wanted), strict=True):
        assert departure(one, other) < 0.05


def test_one_slice_is_the_projection_of_a_thick_block() -> None:
    volume, turn = volume_for(block(32), SERIES), rotation(-STEEP, 2.1)
    wanted = parts(pose_images(volume, rotation=turn, image=SERIES.image, shift=np.zeros(2)))
    found = parts(exit_densities(volume, pose(-STEEP, 2.1, slice_thickness=np.inf), n=40, shift=(0.0, 0.0)))
    assert departure(found[0], wanted[0]) < 0.02
    assert departure(found[1], wanted[1]) < 0.05


def test_what_waves_change_falls_with_the_thickness() -> None:
    found = []
    for nz in (48, 24, 8):
        volume = volume_for(block(nz), SERIES)
        shown, wanted = (
            parts(exit_densities(volume, pose(0.3, slice_thickness=size), n=40, shift=(0.0, 0.0), focus="film"))
            for size in (9e-9, np.inf)
        )
        found.append([departure(shown[i], wanted[i]) for i in range(2)])
    for thick, thin in pairwise(found):
        assert thick[0] > 1.3 * thin[0]
        assert thick[1] > 1.3 * thin[1]


def test_a_wide_thin_film_far_off_the_beam_is_sharp_at_its_own_height() -> None:
    volume = volume_for(block(4, side=120), SERIES)
    wanted = exit_densities(volume, pose(STEEP, slice_thickness=np.inf), n=72, shift=(0.0, 0.0))
    found = [exit_densities(volume, pose(STEEP), n=72, shift=(0.0, 0.0), focus=focus) for focus in ("origin", "film")]
    blurred, sharp = (departure(parts(image)[1], parts(wanted)[1]) for image in found)
    assert sharp < 0.5 * blurred
    moved = exit_densities(volume, pose(STEEP), n=72, shift=(3.0, -2.0), focus="film")
    assert departure(moved[:, 3:, :-2], found[1][:, :-3, 2:]) < 1e-3
    with pytest.raises(ValueError, match="focus is 'top'; allowed: origin, film"):
        exit_densities(volume, pose(STEEP), n=72, shift=(0.0, 0.0), focus="top")


def test_slices_thin_enough_change_nothing() -> None:
    volume = volume_for(block(32), SERIES)
    coarse, fine = (
        exit_densities(volume, pose(STEEP, slice_thickness=size), n=40, shift=(0.0, 0.0)) for size in (9e-9, 3e-9)
    )
    assert departure(coarse, fine) < 5e-3


def test_helicity_plus_is_absorbed_more_by_a_magnet_along_the_beam() -> None:
    up = block(8)
    up["magnetization"].values[:] = np.array([0, 0, 1])[:, None, None, None] * (up["magnet"].values > 0)
    plus, minus = exit_densities(volume_for(up, SERIES), pose(0.0), n=40, shift=(0.0, 0.0))
    filled = up["magnet"].values.sum(axis=0)[4:-4:2, 4:-4:2] > 2
    assert filled.sum() > 100
    assert (plus - minus)[8:32, 8:32][filled].min() > 0.05


@pytest.mark.parametrize(("tilt", "turn"), [(0.6, 0.4), (-STEEP, 2.1)])
def test_a_ball_lies_where_the_projector_puts_it(tilt: float, turn: float) -> None:
    off, shift = (0.03, -0.02, 0.05), (1.3, -0.6)
    z, y, x = np.ogrid[-10:10, -24:24, -24:24]
    beta = 1e-3 * np.exp(-((z - 6) ** 2 + (y + 12) ** 2 + (x - 8) ** 2) / 18).astype(np.float32)
    beta[beta < 1e-6] = 0
    volume = Volume(np.zeros_like(beta), beta, None, 0.0, 0.0, (FINE,) * 3, ENERGY)
    found = exit_densities(volume, pose(tilt, turn, misorientation=off), n=41, shift=shift)[0]
    # the projector in the fine voxels, on fine pixels whose every other one is that of the image
    matrix = small_rotation(np.array(off)) @ rotation(tilt, turn)
    geometry = Geometry(matrix[None], 2 * np.array([shift]))
    plan = plan_projector(beta.shape, geometry, detector=(82, 82), accuracy=1e-4)
    wanted = 2 * wavenumber(ENERGY) * FINE * project(beta, plan)[0][1::2, 1::2]
    assert departure(found, wanted) < 0.05
    q = np.arange(41) - 20
    for axis in (0, 1):
        centres = [(image.sum(axis=axis) * q).sum() / image.sum() for image in (found, wanted)]
        assert centres[0] == pytest.approx(centres[1], abs=0.02)


def test_nothing_comes_round_the_edge_of_the_window() -> None:
    volume = volume_for(block(32), SERIES)
    small, large = (exit_densities(volume, pose(STEEP, 0.7), n=n, shift=(0.0, 0.0)) for n in (20, 120))
    assert departure(small, large[:, 50:70, 50:70]) < 1e-3


def test_truth_is_that_of_the_series_with_its_shifts_and_changes() -> None:
    errors = GeometryErrors(shift=2.0, angle=0.02, remount_angle=0.03)
    series = replace(SERIES, geometry=errors, changed=ChangedTexture(1, diameter=30e-9, period=40e-9))
    setup, made = TiltedPtychographySetup(series, SCAN), block(8)
    truth, lines = ideal_truth(made, setup, seed=3), tilt_series.ideal_truth(made, series, seed=3)
    projections_truth.check(truth)
    for name in ("rotation", "shift", "changed", "fill"):
        assert np.array_equal(truth[name].values, lines[name].values)
    for index in range(3):
        shown, wanted = (parts(each["optical_density"].values[:, index]) for each in (truth, lines))
        assert departure(shown[0], wanted[0]) < 0.06
        assert departure(shown[1], wanted[1]) < 0.12
    assert truth["changed"].values.tolist() == [0, 1]
    with use_threads(3):
        assert truth.identical(ideal_truth(made, setup, seed=3))


def test_a_reconstruction_shows_the_sample_where_the_truth_says(tmp_path: Path) -> None:
    series = replace(SERIES, poses=(Pose(0.0, 0.5),), geometry=GeometryErrors(shift=3.0, angle=0.01))
    scan = replace(
        SCAN,
        photons=1e8,
        optics=OpticsSetup(defocus=4e-6),
        scan=ScanSetup(6, 6, 38e-9),
        detector=FrameDetector(n=64, pitch=216e-6),
    )
    setup, made = TiltedPtychographySetup(series, scan), block(16)
    shift = true_geometry(series, seed=5).shift[0, 0]
    assert np.abs(shift).min() > 1  # of the wrong sign it would be seen
    simulate_pose(made, setup, 0, seed=5, path=tmp_path / "pose.nc")
    with open_node(tmp_path / "pose.nc") as node:
        found = registry.get("rpie+").reconstruct(node, rng=stream(1, "method"))
        seen = imaged(found, node, n=40).transmission
    densities = optical_density(seen)
    truth = ideal_truth(made, setup, seed=5)["optical_density"].values[:, 0]
    charge, wanted = densities.mean(axis=0), truth.mean(axis=0)
    off, _, _ = phase_cross_correlation(wanted, charge, upsample_factor=50, normalization=None)  # type: ignore[no-untyped-call]
    assert np.abs(off).max() < 0.3
    magnetic = parts(densities)[1]
    assert np.corrcoef(magnetic.ravel(), parts(truth)[1].ravel())[0, 1] > 0.85
