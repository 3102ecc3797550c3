"""What first order leaves out: against a multislice calculation on a finer grid, and in the method."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.fourier import fourier_resample, unshifted_frequencies
from numerics.threads import use_threads
from reconstructors.tomography.explained import VolumeParameters
from reconstructors.tomography.geometry import Geometry, nominal_geometry
from reconstructors.tomography.methods import METHODS, solve
from reconstructors.tomography.multiple_scattering import scattered_again
from reconstructors.tomography.poses import PoseParameters
from reconstructors.tomography.vector_plus import VectorPlusParameters
from reconstructors.tomography.waves import plan_waves, project_index
from tests.reconstructors.tomography.wave_builders import wave_measurement

CURVATURE, DICHROISM, N, SIZE = 0.3, 8e-4, 32, 24
WAVENUMBER = 2 * np.pi / CURVATURE
HOW = {"detector": (N, N), "curvature": CURVATURE, "dichroism": DICHROISM}


def drops(points):
    """Absorption, delay and m at points (3, ...) in voxels (x, y, z): smooth drops, known everywhere."""
    rng = np.random.default_rng(5)
    values = np.zeros((5, *points.shape[1:]))
    for _ in range(14):
        centre, size = rng.uniform(-4, 4, 3), rng.uniform(1.5, 2.0)
        own = np.exp(-np.sum((points.T - centre) ** 2, axis=-1).T / (2 * size**2))
        direction = rng.standard_normal(3)
        parts = (4e-3, 1.5e-3 * rng.uniform(0.2, 1), *(direction / np.linalg.norm(direction)))
        values += np.multiply.outer(parts, own)
    return values


def volumes():
    z, y, x = np.indices((SIZE, SIZE, SIZE)) - SIZE // 2
    values = drops(np.stack([x, y, z]).astype(float)).astype(np.float32)
    return values[:2], values[2:]


def series():
    turns, tilts = np.deg2rad([0, 0, 70, 120]), np.deg2rad([0, 50, -30, 62])
    straight = nominal_geometry(in_plane=turns, tilt=tilts)
    return Geometry(straight.rotations, np.array([[0, 0], [1.3, -0.6], [0, 2.0], [-0.7, 0.2]]))


def waves_behind(rotation, shift):
    """Both helicities behind the drops, in double precision: half slices, four samples a voxel."""
    heights = np.arange(-SIZE, SIZE) / 2 + 0.25
    y, x = (np.arange(N) - N // 2 - part for part in shift)
    z, y, x = np.meshgrid(heights, y, x, indexing="ij")
    beta, delta, *m = drops(np.tensordot(rotation.T, np.stack([x, y, z]), 1))
    along = np.tensordot(rotation[2], m, 1)
    f = unshifted_frequencies(4 * N, 0.25)
    q = 2 * np.pi * (np.sqrt(CURVATURE**-2 - f[:, None] ** 2 - f**2) - 1 / CURVATURE)
    waves = []
    for helicity in (1, -1):
        field = np.ones((4 * N, 4 * N), complex)
        for weak in 0.5 * WAVENUMBER * (beta + 1j * delta + helicity * DICHROISM * along):
            field = np.fft.ifft2(np.fft.fft2(field * np.exp(-fourier_resample(weak, field.shape))) * np.exp(0.5j * q))
        field = np.fft.ifft2(np.fft.fft2(field) * np.exp(-1j * q * (heights[-1] + 0.5)))
        waves.append(fourier_resample(field, (N, N)))
    return np.array(waves)


def complex_images(images):
    return images[:, :N] + 1j * images[:, N:]


def test_first_order_and_what_it_leaves_out_are_multislice():
    index, m = volumes()
    found = [complex_images(part) for part in scattered_again(index, m, series(), **HOW)]
    plan = plan_waves(index.shape[1:], series(), detector=(N, N), curvature=CURVATURE, dtype=np.float64)
    first = complex_images(project_index(index, plan))
    for i, (rotation, shift) in enumerate(zip(series().rotations, series().shifts, strict=True)):
        left = -np.log(waves_behind(rotation, shift) * np.exp(WAVENUMBER * first[i])) / WAVENUMBER
        sums, differences = (left[0] + left[1]) / 2, (left[0] - left[1]) / (2 * DICHROISM)
        assert np.linalg.norm(found[0][i] - sums) < 0.06 * np.linalg.norm(sums)
        own = plan_waves(index.shape[1:], series().of(np.array([i])), detector=(N, N), curvature=CURVATURE)
        along = complex_images(own.engine.forward(m, rotation[2][None]))[0]
        differences = differences - along
        assert np.linalg.norm(along) > 5 * np.linalg.norm(differences)
        assert np.linalg.norm(found[1][i] - differences) < 0.06 * np.linalg.norm(differences)


def test_it_is_of_second_order():
    index, m = volumes()
    small, smaller = (scattered_again(part * index, m, series(), **HOW) for part in (np.float32(0.6), np.float32(0.3)))
    assert np.linalg.norm(small[0]) == pytest.approx(4 * np.linalg.norm(smaller[0]), rel=0.1)
    assert np.linalg.norm(small[1]) == pytest.approx(2 * np.linalg.norm(smaller[1]), rel=0.1)


def test_an_empty_view_has_none():
    index, m = volumes()
    away = Geometry(series().rotations, series().shifts + 200)
    for images in (*scattered_again(0 * index, m, series(), **HOW), *scattered_again(index, m, away, **HOW)):
        assert not images.any()


def test_what_lets_no_light_through_is_left_as_it_is():
    index, m = volumes()
    for images in scattered_again(np.float32(300) * index, m, series(), **HOW):
        assert np.isfinite(images).all()


def test_bytes_do_not_depend_on_threads():
    results = []
    for count in (1, 2):
        with use_threads(count):
            results.append([part.tobytes() for part in scattered_again(*volumes(), series(), **HOW)])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"index": np.zeros((3, 4, 4, 4))}, r"index has shape \(3, 4, 4, 4\); allowed: \(2, z, y, x\)"),
        ({"m": np.zeros((3, 4, 4, 5))}, r"m has shape \(3, 4, 4, 5\); allowed: \(3, z, y, x\), both of one volume"),
        ({"curvature": 0.0}, "curvature is 0.0; allowed: above 0"),
        ({"dichroism": np.nan}, "modulus of dichroism is nan; allowed: above 0"),
    ],
)
def test_what_cannot_be_is_refused(change, text):
    index, m = volumes()
    told = {"index": index, "m": m, "geometry": series(), **HOW} | change
    with pytest.raises(ValueError, match=text):
        scattered_again(told.pop("index"), told.pop("m"), told.pop("geometry"), **told)


def test_the_method_takes_it_off_unless_told_otherwise():
    quick = VectorPlusParameters(exchange=(0.1, 0.01, 0.001), fine_exchange=(), every=0, steps=6)
    poses = PoseParameters(align=False, refine=False)
    residual = {}
    for again in (False, True):
        data = wave_measurement(again=again)
        for multislice in (False, True):
            volumes = VolumeParameters(waves=True, charge_steps=30, multislice=multislice)
            told = replace(METHODS["vector+"], recipe=quick, poses=poses, volumes=volumes)
            found = solve(data, name="vector+", parameters=told, rng=np.random.default_rng(0))
            residual[again, multislice] = float(found["residual"].mean())
    assert residual[True, True] < 0.98 * residual[True, False]
    assert residual[False, False] < 0.98 * residual[False, True]
