"""Ptychography of a tilt series: the file says what the experimenter knows, the truth what was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from numerics.streams import stream
from records import sample
from records.frames import open_node
from simulators.beamline.frame_detector import FrameDetector
from simulators.experiments.ptychography_setups import OpticsSetup, Pose, PtychographySetup, ScanSetup
from simulators.experiments.tilt_series import series_truth
from simulators.experiments.tilt_series_geometry import true_geometry
from simulators.experiments.tilt_series_setups import ChangedTexture, GeometryErrors, TiltSeriesSetup
from simulators.experiments.tilted_ptychography import TiltedPtychographySetup, pose_setup, simulate_pose
from simulators.experiments.vector_ptychography import simulate_projection
from simulators.samples.superlattice_slab import smooth_spins

POSES = (Pose(0.0, -0.5), Pose(0.0, 0.5), Pose(2.0, 0.3))
SCAN = PtychographySetup(
    optics=OpticsSetup(defocus=2e-6), scan=ScanSetup(2, 2, 30e-9), detector=FrameDetector(n=32), slice_thickness=20e-9
)
ERRORS = GeometryErrors(shift=3.0, angle=0.02, remount_angle=0.03)
SETUP = TiltedPtychographySetup(TiltSeriesSetup(poses=POSES, geometry=ERRORS), SCAN)


def block() -> xr.Dataset:
    fill = np.zeros((8, 24, 24), np.float32)
    fill[1:-1, 4:-4, 4:-4] = 0.3
    spins = smooth_spins((8, 24, 24), voxel_size=2.5e-9, period=40e-9, rng=stream(1, "sample"))
    return sample.make(magnetization=spins * (fill > 0), magnet=fill, voxel_size=2.5e-9)


def test_header_is_nominal_and_truth_is_true(tmp_path: Path) -> None:
    truth = simulate_pose(block(), SETUP, 2, seed=3, path=tmp_path / "pose.nc")
    geometry = true_geometry(SETUP.series, seed=3)
    setup = json.loads(truth.attrs["setup"])
    assert setup["misorientation"] == pytest.approx(geometry.misorientation[2].tolist())
    assert np.linalg.norm(setup["misorientation"]) > 1e-3
    with open_node(tmp_path / "pose.nc") as node:
        assert float(node["tilt"]) == 0.3
        assert float(node["in_plane_angle"]) == 2.0
        for axis, name in enumerate(("position_y", "position_x")):
            moved = node[name].values - truth[name].values
            assert moved == pytest.approx(np.broadcast_to(geometry.shift[0, 2, axis] * 5e-9, moved.shape))


def test_frames_are_those_of_the_true_pose(tmp_path: Path) -> None:
    made = block()
    simulate_pose(made, SETUP, 1, seed=3, path=tmp_path / "pose.nc")
    alone = pose_setup(SETUP, 1, geometry=true_geometry(SETUP.series, seed=3))
    simulate_projection(made, alone, seed=3, path=tmp_path / "alone.nc")
    with open_node(tmp_path / "pose.nc") as one, open_node(tmp_path / "alone.nc") as other:
        assert np.array_equal(one["counts"].values, other["counts"].values)
        assert one["counts"].values.max() > 10


def test_series_truth_is_that_of_the_poses() -> None:
    truth = series_truth(block(), SETUP.series, seed=3)
    assert truth["rotation"].values == pytest.approx(true_geometry(SETUP.series, seed=3).rotation)
    assert "optical_density" not in truth
    changed = replace(SETUP.series, changed=ChangedTexture(1, diameter=20e-9, period=40e-9))
    noted = json.loads(series_truth(block(), changed, seed=3).attrs["setup"])
    assert noted["changed_patch"]["diameter"] == 20e-9


def test_waves_go_through_the_sample_as_the_truth_says_it_stood() -> None:
    errors = GeometryErrors(angle=0.02, remount_angle=0.03)
    setup = TiltedPtychographySetup(replace(SETUP.series, geometry=errors), SCAN)
    geometry = true_geometry(setup.series, seed=3)
    for index in range(3):
        true, nominal = pose_setup(setup, index, geometry=geometry), pose_setup(setup, index)
        assert true.turn == pytest.approx(geometry.rotation[index], abs=1e-12)
        assert (true.tilt, true.in_plane_angle) == (nominal.tilt, nominal.in_plane_angle)
        assert true.misorientation != nominal.misorientation == (0, 0, 0)


def test_a_turn_about_the_beam_turns_the_object(tmp_path: Path) -> None:
    made, turn = block(), 0.4
    upright = replace(SCAN, in_plane_angle=turn)
    turned = replace(SCAN, misorientation=(0.0, 0.0, turn))
    truths = [
        simulate_projection(made, setup, seed=3, path=tmp_path / f"{number}.nc")
        for number, setup in enumerate((SCAN, upright, turned))
    ]
    plain, same, other = (truth["object"].values for truth in truths)
    assert np.abs(same - other).max() < 1e-5
    assert np.abs(plain - other).max() > 1e-2


def test_defocus_follows_the_film(tmp_path: Path) -> None:
    truth = simulate_projection(block(), replace(SCAN, tilt=0.5), seed=3, path=tmp_path / "pose.nc")
    height = truth["defocus"].values - 2e-6
    assert height == pytest.approx(truth["position_y"].values * np.tan(0.5), abs=1e-15)
    setup = replace(SCAN, misorientation=(0.0, -0.5, 0.0))
    truth = simulate_projection(block(), setup, seed=3, path=tmp_path / "other.nc")
    height = truth["defocus"].values - 2e-6
    # a right-handed turn about y takes +x up against the beam
    assert height == pytest.approx(truth["position_x"].values * np.tan(0.5), abs=1e-15)


def test_what_waves_cannot_show_is_refused() -> None:
    with pytest.raises(ValueError, match=r"misorientation is \(1.0, 0.0, 0.0\) rad"):
        replace(SCAN, misorientation=(1.0, 0.0, 0.0))
    with pytest.raises(ValueError, match=r"helicity_shift is 0\.1 px"):
        TiltedPtychographySetup(replace(SETUP.series, geometry=GeometryErrors(helicity_shift=0.1)), SCAN)
    with pytest.raises(ValueError, match=r"scan.pixel is 4e-09 m"):
        TiltedPtychographySetup(SETUP.series, replace(SCAN, pixel=4e-9))
    with pytest.raises(ValueError, match="index is 3; allowed: 0 to 2"):
        pose_setup(SETUP, 3)
