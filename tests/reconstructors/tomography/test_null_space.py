"""What no projection measures: the gradient of a field that vanishes outside."""

import numpy as np
import pytest

from reconstructors.tomography.projector import plan_projector, project_vector
from tests.exact_line_integrals import axes, published_angles

SHAPE, SIGMA = (64, 64, 64), 3.0


def gradient():
    z, y, x = np.meshgrid(*axes(SHAPE), indexing="ij")
    phi = np.exp(-(x**2 + y**2 + z**2) / (2 * SIGMA**2))
    return np.stack([-x * phi, -y * phi, -z * phi]) / SIGMA**2


def ratio(**options):
    """Return how strong the gradient is seen, over the same field with every vector turned by 90 degrees about x."""
    plan = plan_projector(SHAPE, published_angles().of(np.arange(0, 96, 8)), detector=(64, 64), **options)
    x, y, z = gradient()
    seen, turned = project_vector(np.stack([x, y, z]), plan), project_vector(np.stack([x, -z, y]), plan)
    return np.linalg.norm(seen.astype(float)) / np.linalg.norm(turned.astype(float))


@pytest.mark.parametrize(
    ("dtype", "accuracy", "limit"),
    [(np.float64, 1e-12, 1e-9), (np.float64, 1e-10, 1e-9), (np.float32, 1e-5, 1e-5), (np.float32, 1e-3, 5e-4)],
)
def test_slices_do_not_see_a_gradient(dtype, accuracy, limit):
    assert ratio(dtype=dtype, accuracy=accuracy) <= limit


def test_interpolation_pretends_to_see_it():
    assert 1e-3 < ratio(kind="splat") < 0.1
