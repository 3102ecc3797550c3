"""The ptychographic experiment: frames against truth, noise, faults, what the measurement does not say."""

import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from numerics import fourier
from numerics.threads import use_threads
from records import frames as frame_files
from records import ptychography, sample
from simulators.beamline.detector import Detector
from simulators.beamline.faults import KINDS, FaultRates
from simulators.beamline.flux import FluxSetup
from simulators.beamline.frame_background import BackgroundSetup
from simulators.beamline.frame_detector import FrameDetector
from simulators.beamline.zone_plate import ZonePlate
from simulators.experiments.frame_detection import plan_detection
from simulators.experiments.ptychography_setups import (
    HelicitySetup,
    MaterialSetup,
    OpticsSetup,
    Pose,
    PtychographySetup,
    ScanSetup,
)
from simulators.experiments.vector_ptychography import (
    ExpectedProjection,
    converged_slice,
    detect_projection,
    expected_projection,
    simulate_projection,
    simulate_series,
)

N = 64
NO_BAD = Detector(electrons_per_photon=235.0, read_noise=4.0, bad_fraction=0.0)


def block() -> xr.Dataset:
    """Return a nickel block with a texture without symmetry, 100 x 150 x 160 nm, in 5 nm voxels."""
    z, y, x = np.mgrid[:20, :30, :32]
    turn = 0.25 * x + 0.1 * y + 0.05 * z
    m = np.stack([np.cos(turn) * 0.6, np.sin(turn) * 0.6, np.where((x + 2 * y) % 24 < 12, 0.8, -0.8)])
    inside = ((x - 20) ** 2 + (y - 12) ** 2 < 14**2) & ((x + z) % 9 > 2)
    return sample.make(magnetization=(m * inside).astype(np.float32), magnet=inside.astype(np.float32), voxel_size=5e-9)


def small(**changes: Any) -> PtychographySetup:
    setup = PtychographySetup(
        scan=ScanSetup(rows=3, columns=4, step=30e-9),
        detector=FrameDetector(n=N, chip=NO_BAD),
        optics=OpticsSetup(defocus=2e-6, plate=ZonePlate(rim=0.1)),
        slice_thickness=np.inf,
        photons=1e5,
    )
    return replace(setup, **changes)


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> ExpectedProjection:
    return expected_projection(block(), small(), seed=1, path=tmp_path_factory.mktemp("frames") / "expected")


def detected(expected: ExpectedProjection, setup: PtychographySetup, folder: Path, **more: Any) -> tuple[Any, Any]:
    truth = detect_projection(expected, setup, seed=1, path=folder / "m.nc", **more)
    with frame_files.open_node(folder / "m.nc") as node:
        return node.load(), truth


def photons_of(node: xr.Dataset) -> np.ndarray:
    return (node["counts"].values.astype(np.float64) - node["dark"].values) / float(node["gain"])


def modelled(truth: xr.Dataset, helicity: int, frame: int, offset: tuple[float, float] = (0.0, 0.0)) -> np.ndarray:
    """Return the frame that the truth predicts in projection approximation; the position is off by so many pixels."""
    pixel = float(truth["x"][1] - truth["x"][0])
    image, probe = truth["object"].values[helicity], truth["probe"].values
    probe = probe[helicity] if probe.ndim == 4 else probe
    n = probe.shape[-1]
    f, phase, corner = fourier.frequencies(n, 1.0), [], []
    for dim, size, more in zip("yx", image.shape, offset, strict=True):
        place = float(truth[f"position_{dim}"][helicity, frame]) / pixel + size // 2 - n // 2 + more
        corner.append(int(np.floor(place)))
        phase.append(np.exp(-2j * np.pi * f * (place - corner[-1])))
    window = image[corner[0] : corner[0] + n, corner[1] : corner[1] + n]
    moved = fourier.centred_ifft2(fourier.centred_fft2(probe) * phase[0][:, None] * phase[1])
    exit_wave = np.pad(moved * window, ((0, 0), (n // 2, n // 2), (n // 2, n // 2)))
    half_pixels = np.sum(np.abs(2 * fourier.centred_fft2(exit_wave)) ** 2, axis=0)
    for _ in range(2):  # Simpson's rule over each pixel, one axis after the other
        half_pixels = half_pixels.T
        half_pixels = (np.roll(half_pixels, 1, 0) + 4 * half_pixels + np.roll(half_pixels, -1, 0))[::2] / 6
    return half_pixels


CONVENTIONS = {
    "flat": {},
    "tilted": {"tilt": 0.6},
    "turned": {"tilt": -0.6, "in_plane_angle": 2.0},
    "shifted": {"difference": HelicitySetup(shift=(12e-9, -7e-9), lean=(0.3, 0.0), defocus=0.4e-6, astigmatism=0.3e-6)},
    "astray": {"scan": ScanSetup(3, 4, 30e-9, error=8e-9, drift=10e-9, affine=((1.02, 0.01), (0.0, 0.97)))},
    "modes": {"optics": OpticsSetup(defocus=2e-6, plate=ZonePlate(rim=0.1), first_mode=0.7)},
    "spiral": {"scan": ScanSetup(3, 4, 30e-9, kind="spiral")},
}


@pytest.mark.parametrize("name", CONVENTIONS)
def test_frames_are_those_of_the_truth(name: str, tmp_path: Path) -> None:
    made = expected_projection(block(), small(**CONVENTIONS[name]), seed=2, path=tmp_path / "expected")
    for helicity in range(2):
        frames = np.sqrt(made.frames.read(helicity, 0, 12))
        for frame in (0, 5, 11):
            error = {}
            for offset in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)):
                model = np.sqrt(modelled(made.truth, helicity, frame, offset))
                error[offset] = np.sum((frames[frame] - model) ** 2) / np.sum(frames[frame] ** 2)
            # the least error lies at the true position: a parabola's vertex
            assert error[0, 0] < 0.02**2
            for ahead, back in (((1, 0), (-1, 0)), ((0, 1), (0, -1))):
                vertex = (error[back] - error[ahead]) / (error[back] + error[ahead] - 2 * error[0, 0]) / 2
                assert abs(vertex) < 0.15


def test_helicities_see_opposite_magnets(expected: ExpectedProjection) -> None:
    magnetic = expected.truth["magnetic"].values
    y, x = (size // 2 for size in magnetic.shape)
    seen = magnetic[y - 15 : y + 15, x - 16 : x + 16].ravel()
    m_z = (block()["magnetization"][2] * block()["magnet"]).sum("z").values.ravel()
    assert np.corrcoef(seen, m_z)[0, 1] > 0.97
    slope = 2 * 2 * np.pi / small().wavelength * 0.9 * 7.8e-4 * 5e-9
    assert np.polyfit(m_z, seen, 1)[0] == pytest.approx(slope, rel=0.1)  # its edges are smooth over a voxel


def test_mean_and_variance_of_frames_are_those_expected(expected: ExpectedProjection) -> None:
    setup = small(background=BackgroundSetup(flat=0.05, streak=0.01, ring=0.01))
    frames = []
    for draw in range(25):
        plan = plan_detection(setup, expected.brightest, seed=1, draw=draw)
        counts = np.stack([next(plan.frames(expected.frames, index))[1] for index in range(2)])
        frames.append((counts - plan.sensor.reads * plan.sensor.offset) / NO_BAD.gain)
    wanted = np.stack([expected.frames.read(index, 0, 12) for index in range(2)]) * 1e5 + plan.background
    assert plan.background.sum() == pytest.approx(0.05 * N * N + 2000, rel=1e-3)
    variance = wanted * (1 + 0.12 / 235) + (plan.sensor.read_noise / NO_BAD.gain) ** 2
    pull = (np.mean(frames, axis=0) - wanted) / np.sqrt(variance / 25)
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    total = np.sum(np.mean(frames, axis=0), axis=(2, 3))
    assert np.all(np.abs(total - wanted.sum((2, 3))) < 5 * np.sqrt(variance.sum((2, 3)) / 25))
    ratio = np.var(frames, axis=0, ddof=1)[wanted > 1] / variance[wanted > 1]
    assert ratio.mean() == pytest.approx(1, abs=5 * np.sqrt(3 / 24 / ratio.size))


def test_draws_differ_in_noise_alone(expected: ExpectedProjection, tmp_path: Path) -> None:
    setup = small(faults=FaultRates.evenly(0.2), flux=FluxSetup(walk=0.05))
    first, truth = detected(expected, setup, tmp_path, draw=0)
    again, _ = detected(expected, setup, tmp_path, draw=0)
    second, other = detected(expected, setup, tmp_path, draw=1)
    named, _ = detected(expected, setup, tmp_path, draw=0, names=("dose",))
    assert first.identical(again)
    assert truth.identical(other)
    for node in (second, named):
        assert not np.array_equal(node["counts"], first["counts"])
        assert node.drop_vars(["counts", "dark"]).identical(first.drop_vars(["counts", "dark"]))


def test_equal_bytes_for_any_threads_and_seeds_matter(tmp_path: Path) -> None:
    setup = small(faults=FaultRates.evenly(0.2), tilt=0.5, slice_thickness=20e-9)
    files = {}
    for count in (1, 3):
        with use_threads(count):
            simulate_projection(block(), setup, seed=4, path=tmp_path / f"{count}.nc")
        files[count] = (tmp_path / f"{count}.nc").read_bytes()
    assert files[1] == files[3]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1.nc", "3.nc"]
    simulate_projection(block(), setup, seed=5, path=tmp_path / "other.nc")
    with frame_files.open_node(tmp_path / "1.nc") as one, frame_files.open_node(tmp_path / "other.nc") as other:
        assert not np.array_equal(one["position_y"], other["position_y"])


def test_faulty_frames_are_as_the_truth_says(expected: ExpectedProjection, tmp_path: Path) -> None:
    kinds = set()
    for seed in range(3):
        setup = small(faults=FaultRates.evenly(0.3))
        plan_truth = detect_projection(expected, setup, seed=10 + seed, path=tmp_path / "f.nc")
        plain = detect_projection(expected, small(), seed=10 + seed, path=tmp_path / "g.nc")
        with frame_files.open_node(tmp_path / "f.nc") as node, frame_files.open_node(tmp_path / "g.nc") as good:
            counts, undisturbed = node["counts"].values.astype(int), good["counts"].values.astype(int)
            dark, saturation = good["dark"].values, float(good["saturation"])
        assert not plain["fault"].values.any()
        fault, flux = plan_truth["fault"].values, plan_truth["flux"].values
        assert fault.any()
        for helicity, frame in np.ndindex(2, 12):
            kind, found = int(fault[helicity, frame]), counts[helicity, frame]
            kinds.add(kind)
            same = np.array_equal(found, undisturbed[helicity, frame])
            assert same == (kind == 0)
            if kind == KINDS["duplicated"]:
                assert np.array_equal(found, undisturbed[helicity, frame - 1])
            elif kind == KINDS["quadrant"]:
                assert (found == 0).sum() == N * N // 4
            jumped = abs(flux[helicity, frame] - 1) >= 0.2
            assert jumped == (kind == KINDS["flux_jump"])
            if jumped:
                clear = np.maximum(found, undisturbed[helicity, frame]) < saturation
                light = [(frames[helicity, frame] - dark)[clear].sum() for frames in (counts, undisturbed)]
                assert light[0] / light[1] == pytest.approx(flux[helicity, frame], rel=0.05)
    assert len(kinds) >= 6


def test_flux_shows_in_the_frames(expected: ExpectedProjection, tmp_path: Path) -> None:
    flux = FluxSetup(walk=0.1, top_up_depth=0.1, top_up_period=5, helicity_ratio=1.5, monitor_noise=0.01)
    node, truth = detected(expected, small(flux=flux), tmp_path)
    total = photons_of(node).sum((2, 3))
    wanted = np.stack([expected.frames.read(index, 0, 12).sum((1, 2)) for index in range(2)]) * 1e5
    assert total / wanted == pytest.approx(truth["flux"].values, rel=0.025)
    assert node["monitor"].values == pytest.approx(truth["flux"].values, rel=0.05)
    assert truth["flux"].values[1].mean() / truth["flux"].values[0].mean() == pytest.approx(1.5)


def test_saturation_is_marked(expected: ExpectedProjection, tmp_path: Path) -> None:
    planned, _ = detected(expected, small(), tmp_path)
    assert planned["counts"].values.max() < float(planned["saturation"])
    node, _ = detected(expected, small(detector=FrameDetector(n=N, chip=NO_BAD, reads=1)), tmp_path)
    wanted = np.stack([expected.frames.read(index, 0, 12) for index in range(2)]) * 1e5 * 235
    marked = node["counts"].values >= float(node["saturation"])
    assert marked.any()
    assert np.all(marked[wanted > 1.3 * NO_BAD.full_well])
    assert not np.any(marked[wanted < 0.7 * NO_BAD.full_well])


def test_one_calculation_serves_a_sweep_of_doses(expected: ExpectedProjection, tmp_path: Path) -> None:
    for photons in (1e3, 1e6):
        node, truth = detected(expected, small(photons=photons), tmp_path)
        assert np.sum(np.abs(truth["probe"].values) ** 2) == pytest.approx(photons, rel=2e-3)
        passed = sum(expected.frames.read(index, 0, 12).sum() for index in range(2)) * photons
        assert photons_of(node).sum() == pytest.approx(
            passed, abs=8 * np.sqrt(passed) + 60 * np.sqrt(node["counts"].size)
        )


def test_a_tilted_sample_lets_less_through(tmp_path: Path) -> None:
    passed = {}
    for tilt in (0.0, np.deg2rad(62)):
        setup = small(tilt=tilt, scan=ScanSetup(1, 1, 10e-9, jitter=0.0), detector=FrameDetector(n=N, pitch=5e-5))
        made = expected_projection(block(), setup, seed=3, path=tmp_path / "e")
        passed[tilt] = made.frames.read(0, 0, 1).sum()
        truth = made.truth
        middle = [size // 2 for size in truth["object"].shape[1:]]
        window = truth["object"].values[
            0, middle[0] - N // 2 : middle[0] + N // 2, middle[1] - N // 2 : middle[1] + N // 2
        ]
        behind = np.sum(np.abs(truth["probe"].values[0] * window) ** 2)
        assert passed[tilt] == pytest.approx(behind, rel=0.03)
        assert truth["flux"].values == pytest.approx(1)
    assert passed[np.deg2rad(62)] < 0.95 * passed[0.0]


def test_the_measurement_knows_nothing_of_the_truth(tmp_path: Path) -> None:
    setup = small(
        scan=ScanSetup(3, 4, 30e-9, error=5e-9),
        optics=OpticsSetup(defocus=2e-6, defocus_error=3e-7, plate=ZonePlate(rim=0.1)),
        difference=HelicitySetup(shift=(12e-9, -7e-9)),
        faults=FaultRates.evenly(0.3),
        flux=FluxSetup(walk=0.1, helicity_ratio=1.1),
    )
    truth = simulate_projection(block(), setup, seed=6, path=tmp_path / "m.nc")
    with frame_files.open_node(tmp_path / "m.nc") as node:
        assert set(node.variables) <= set(ptychography.LAYOUT.variables)
        assert set(node.attrs) == {"record", "schema", "kind", "title", "propagation"}
        assert "monitor" not in node
        assert float(node["defocus"]) == pytest.approx(2.3e-6)
        off = np.stack([truth[f"position_{d}"] - node[f"position_{d}"] for d in "yx"])
        assert np.array_equal(node["position_y"][0], node["position_y"][1])
        assert 3e-9 < np.std(off[:, 0]) < 8e-9
        assert np.mean(off[:, 1], axis=1) - np.mean(off[:, 0], axis=1) == pytest.approx([12e-9, -7e-9], abs=1e-8)
    text = (tmp_path / "m.nc").read_bytes()
    assert not any(word in text for word in (b"fault", b"magnetiz", b"flux", b"features"))


def test_memory_does_not_grow_with_the_frames(tmp_path: Path) -> None:
    setup = small(helicities=(1,), detector=FrameDetector(n=N, pitch=5e-5))
    peaks = {}
    for rows in (1, 10, 100):  # the first compiles and fills caches
        scan = ScanSetup(rows, 20, 2e-9, jitter=0.0)
        tracemalloc.start()
        truth = simulate_projection(block(), replace(setup, scan=scan), seed=1, path=tmp_path / "m.nc")
        peaks[rows * 20] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert truth.sizes["position"] == rows * 20
    frame = N * N * 2
    assert peaks[2000] - peaks[200] < 100 * frame


def test_a_series_is_its_projections_in_one_file(tmp_path: Path) -> None:
    poses = [Pose(0.0, 0.0), Pose(2.0, -0.5, exposure=2.0)]
    truths = list(simulate_series(block(), small(), poses, seed=7, path=tmp_path / "series.nc"))
    assert frame_files.count_projections(tmp_path / "series.nc") == 2
    alone = simulate_projection(block(), poses[1].of(small()), seed=7, path=tmp_path / "one.nc")
    assert truths[1].identical(alone)
    assert np.sum(np.abs(alone["probe"].values) ** 2) == pytest.approx(2e5, rel=2e-3)
    with frame_files.open_node(tmp_path / "series.nc", 1) as node, frame_files.open_node(tmp_path / "one.nc") as one:
        assert node.load().identical(one.load())
        assert float(node["tilt"]) == -0.5


def test_a_series_given_up_leaves_nothing(tmp_path: Path) -> None:
    series = simulate_series(block(), small(), [Pose(0.0, 0.0)] * 3, seed=7, path=tmp_path / "series.nc")
    next(series)
    series.close()
    assert list(tmp_path.iterdir()) == []


def test_a_multilayer_is_a_film_without_end(tmp_path: Path) -> None:
    m = np.zeros((3, 1, 64, 64), np.float32)
    m[2] = np.where(np.arange(64) < 32, 1, -1)
    film = sample.make(magnetization=m, voxel_size=(47e-9, 5e-9, 5e-9))
    stack = (("Co", 0.8), ("Pt", 2.0), ("Cu", 0.5))
    setup = small(material=MaterialSetup(stack, endless=True), optics=OpticsSetup(energy=777.95, defocus=2e-6))
    truth = expected_projection(film, setup, seed=1, path=tmp_path / "e").truth
    k = 2 * np.pi * 777.95 / 1.23984e-6
    wanted = 2 * k * 0.9 * (0.8 / 3.3) * 1.85e-3 * 47e-9
    assert np.quantile(truth["magnetic"].values, (0.2, 0.8)) == pytest.approx([-wanted, wanted], rel=0.03)
    assert truth["magnet"].values == pytest.approx(1, abs=1e-3)


def test_frames_of_another_experiment_are_refused(expected: ExpectedProjection, tmp_path: Path) -> None:
    for setup in (
        small(tilt=0.1),
        small(scan=ScanSetup(3, 4, 31e-9)),
        small(detector=FrameDetector(n=N, pitch=1e-5)),
        small(detector=FrameDetector(n=32)),
    ):
        with pytest.raises(ValueError, match=r"^[^\n]*; allowed: that of the frames, [^\n]*$"):
            detect_projection(expected, setup, seed=1, path=tmp_path / "m.nc")
    assert list(tmp_path.iterdir()) == []


def test_slices_converge() -> None:
    setup = small(tilt=np.deg2rad(62))
    thickness, tried = converged_slice(block(), setup, seed=1, tolerance=3e-3)
    errors = [error for _, error in tried]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 3e-3
    assert tried[-1][0] == thickness


def test_frames_have_noise_of_their_own(expected: ExpectedProjection) -> None:
    plan = plan_detection(small(), expected.brightest, seed=1, draw=0)
    counts = np.stack([next(plan.frames(expected.frames, index))[1] for index in range(2)])
    wanted = np.stack([expected.frames.read(index, 0, 12) for index in range(2)]) * 1e5
    noise = (counts - plan.sensor.reads * plan.sensor.offset) / NO_BAD.gain - wanted
    pulls = (noise / np.sqrt(wanted + 0.05)).reshape(24, -1)
    assert abs(np.corrcoef(pulls)[~np.eye(24, dtype=bool)]).max() < 5.5 / N
