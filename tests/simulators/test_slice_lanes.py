"""Our own transforms on a wave's way through slices do what the library's do."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from numerics.streams import stream
from simulators.beamline.slice_lanes import LaneSteps, fits
from simulators.beamline.slice_walk import free_space

Array = NDArray[Any]
Path = list[tuple[Array, int, int, int | None]]

ENERGY, PIXEL = 852.76, 2.5e-9
BOXES = ((5, 7, 40, 33), (-10, -20, 50, 45), (30, 100, 64, 70), (0, 16, 64, 32), (3, 15, 7, 1), (-9, 0, 5, 5))


def random(name: str, *shape: int) -> Array:
    rng = stream(1, name)
    return np.asarray(rng.standard_normal(shape) + 1j * rng.standard_normal(shape), np.complex64)


def reference(field: Array, path: Path, transfers: dict[int, Array]) -> Array:
    """Double precision."""
    wave = field.astype(np.complex128)
    ny, nx = wave.shape
    for part, y, x, name in path:
        whole = np.ones((ny + 256, nx + 256), complex)
        whole[128 + y : 128 + y + part.shape[0], 128 + x : 128 + x + part.shape[1]] = part
        wave *= whole[128:-128, 128:-128]
        if name is not None:
            wave = np.fft.ifft2(np.fft.fft2(wave) * transfers[name])
    return wave


@pytest.mark.parametrize("shape", [(64, 128), (128, 64), (192, 192), (256, 320)])
def test_a_path_is_that_in_double_precision(shape: tuple[int, int]) -> None:
    transfers = {gap: free_space(shape, 9e-9 * gap, PIXEL, ENERGY) for gap in (1, 3)}
    ways: list[int | None] = [1, 3, 1, 1, 3, None]
    path: Path = [
        (0.5 * random(f"box {i}", height, width), y, x, way)
        for i, ((y, x, height, width), way) in enumerate(zip(BOXES, ways, strict=True))
    ]
    field = random("field", *shape)
    expected = reference(field, path, transfers)
    LaneSteps(shape, transfers).through(field, path)
    assert np.linalg.norm(field - expected) < 1e-6 * np.linalg.norm(expected)


def test_no_way_at_all_leaves_a_field_as_it_is() -> None:
    field = random("field", 64, 64)
    before = field.copy()
    LaneSteps((64, 64), {}).through(field, [])
    assert np.array_equal(field, before)


def test_which_fields_fit() -> None:
    assert fits((256, 320))
    assert not fits((256, 300))
