"""Speed of the shell correlation, as a ratio to its floor: two real transforms of the same volumes.

Both are the least of many times, taken in turns. They are printed and recorded; a test fails only where something is
badly wrong, since time on a shared machine is no fact. Accuracy and memory are facts, and are held here at full size.
"""

import tracemalloc

import numpy as np
import pytest

from numerics import fourier
from numerics.threads import use_threads
from tests.benchmarks.in_turns import least_times
from validation.resolution.curves import fourier_shell_correlation
from validation.resolution.rings import power_spectral_density

SIZE = 256
VOXEL = 5e-9
SECONDS = 6.0
TARGET_SECONDS, TARGET_RATIO, SANE = 0.5, 4.0, 12.0
MEMORY = 6.0


@pytest.fixture(scope="module")
def volumes():
    """Two noisy halves of a volume whose spectrum falls, in single precision."""
    rng = np.random.default_rng(0)
    white = rng.standard_normal((3, SIZE, SIZE, SIZE), np.float32)
    axes = [fourier.unshifted_frequencies(SIZE, 1.0), fourier.unshifted_frequencies(SIZE, 1.0)]
    z, y = (f**2 for f in axes)
    squared = z[:, None, None] + y[:, None] + fourier.half_frequencies(SIZE, 1.0) ** 2
    envelope = np.float32(0.1) / np.maximum(np.sqrt(squared, dtype=np.float32), np.float32(1 / SIZE))
    signal = fourier.irfftn(fourier.rfftn(white[0]) * envelope, (SIZE,) * 3)
    return signal + white[1], signal + white[2]


def test_shell_correlation_against_two_transforms(volumes, record_property, capsys):
    a, b = volumes
    mask = np.ones(a.shape, np.float32)
    calls = {
        "two real transforms": lambda: (fourier.rfftn(a), fourier.rfftn(b)),
        "shell correlation": lambda: fourier_shell_correlation(a, b, pixel_size=VOXEL),
        "with a mask": lambda: fourier_shell_correlation(a, b, pixel_size=VOXEL, mask=mask),
    }
    with use_threads(2):
        least = least_times(calls, SECONDS)
    floor = least["two real transforms"]
    with capsys.disabled():
        print(f"\n{SIZE}^3: two real transforms {floor:.3f} s; target {TARGET_RATIO} times, {TARGET_SECONDS} s")
        for name, seconds in list(least.items())[1:]:
            print(f"  {name:18s} {seconds:.3f} s, {seconds / floor:.2f} times")
    for name, seconds in list(least.items())[1:]:
        record_property(f"{name} / transforms", round(seconds / floor, 3))
        assert seconds / floor < SANE


def test_shell_correlation_is_exact_at_full_size(volumes):
    single = fourier_shell_correlation(*volumes, pixel_size=VOXEL)
    double = fourier_shell_correlation(*(v.astype(np.float64) for v in volumes), pixel_size=VOXEL)
    assert np.abs(single.correlation - double.correlation)[1:].max() < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_memory_with_the_input_in_it(volumes, dtype, record_property, capsys):
    a, b = (v.astype(dtype) for v in volumes)
    found = {}
    for name, call, given in (
        ("shell correlation", lambda: fourier_shell_correlation(a, b, pixel_size=VOXEL), a.nbytes + b.nbytes),
        ("spectral density", lambda: power_spectral_density(a, pixel_size=VOXEL), a.nbytes),
    ):
        tracemalloc.start()
        call()
        found[name] = 1 + tracemalloc.get_traced_memory()[1] / given
        tracemalloc.stop()
        record_property(f"memory of {name}", round(found[name], 2))
    with capsys.disabled():
        print(
            f"\n{np.dtype(dtype).name}: memory, times the input: " + ", ".join(f"{n} {v:.2f}" for n, v in found.items())
        )
    assert max(found.values()) < MEMORY
