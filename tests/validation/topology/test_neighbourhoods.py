"""Distances to the border of a magnet, against those to all cells that do not count."""

import numpy as np
import pytest
from scipy import ndimage

from validation.topology.lattices import whole_cells
from validation.topology.neighbourhoods import border_distances


def to_all_cells(solid, place, sizes):
    outside = np.argwhere(~np.pad(whole_cells(solid), 1)) - 1
    away = np.abs(outside[None] + 0.5 - place[:, None])
    return np.linalg.norm(np.maximum(away - 0.5, 0) * sizes, axis=-1).min(axis=1)


@pytest.mark.parametrize("sizes", [(5, 5, 5), (5, 1, 1), (20, 1, 1), (1, 3, 8)])
def test_distance_is_to_the_nearest_face_of_all(sizes) -> None:
    rng = np.random.default_rng(1)
    slab, ball = np.zeros((2, 12, 30, 30), bool)
    slab[3:9, 4:26, 4:26] = True
    z, y, x = np.indices(ball.shape) - np.array([5.6, 14.7, 15.2])[:, None, None, None]
    ball[(2 * z) ** 2 + y**2 + x**2 < 10.5**2] = True
    lump = ndimage.gaussian_filter(rng.standard_normal(ball.shape), 2.5) > -0.02
    for solid in (slab, ball, lump):
        cells = np.argwhere(whole_cells(solid))
        place = cells[rng.integers(len(cells), size=150)] + rng.random((150, 3))
        metres = 1e-9 * np.array(sizes)
        np.testing.assert_allclose(
            border_distances(solid, place, metres), to_all_cells(solid, place, metres), atol=1e-20
        )


def test_without_cells_that_do_not_count_the_array_is_the_border() -> None:
    place = np.array([[1.0, 2.5, 2.0], [0.5, 0.1, 3.0]])
    found = border_distances(np.ones((4, 5, 6), bool), place, np.array([3e-9, 1e-9, 1e-9]))
    np.testing.assert_allclose(found, [1.5e-9, 0.1e-9])
    assert border_distances(np.ones((4, 5, 6), bool), np.empty((0, 3)), np.full(3, 1e-9)).shape == (0,)
