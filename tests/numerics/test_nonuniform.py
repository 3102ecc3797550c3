"""Non-uniform transforms of volumes against plain sums, and their adjoint."""

import numpy as np
import pytest

from numerics.nonuniform import plan_points
from numerics.threads import use_threads

SHAPE = (6, 9, 8)


def draw(dtype, *, grids=2, points=50):
    rng = np.random.default_rng(3)
    places = rng.uniform(-np.pi, np.pi, (3, points))
    both = [rng.normal(size=(grids, *s, 2)) @ [1, 1j] for s in (SHAPE, (points,))]
    return places, *(values.astype(dtype) for values in both)


def plain_sum(places, grids):
    z, y, x = (np.arange(n) - n // 2 for n in SHAPE)
    factors = (np.exp(-1j * np.outer(p, r)) for p, r in zip(places, (z, y, x), strict=True))
    return np.einsum("jz,jy,jx,mzyx->mj", *factors, grids)


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.complex64, 1e-3), (np.complex64, 1e-5), (np.complex128, 1e-12)])
def test_values_are_plain_sums(dtype, accuracy):
    places, grids, _ = draw(dtype)
    plan = plan_points(SHAPE, places, dtype=dtype, accuracy=accuracy)
    found, wanted = plan.evaluate(grids), plain_sum(places, grids)
    assert found.dtype == dtype
    assert np.linalg.norm(found - wanted) <= 3 * accuracy * np.linalg.norm(wanted)


@pytest.mark.parametrize(
    ("dtype", "accuracy", "limit"),
    [(np.complex64, 1e-3, 1e-6), (np.complex128, 1e-12, 1e-13), (np.complex128, 1e-3, 1e-13)],
)
def test_spreading_is_the_adjoint(dtype, accuracy, limit):
    places, grids, values = draw(dtype)
    plan = plan_points(SHAPE, places, dtype=dtype, accuracy=accuracy)
    there, back = plan.evaluate(grids), plan.spread(values)
    gap = np.vdot(values, there) - np.vdot(back, grids)
    assert abs(gap) <= limit * np.linalg.norm(values) * np.linalg.norm(there)


def test_the_library_reaches_its_accuracy_without_a_warning(capfd):
    places, grids, _ = draw(np.complex64)
    plan_points(SHAPE, places, dtype=np.complex64, accuracy=1e-5).evaluate(grids)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("grids", [1, 3])
def test_bytes_do_not_depend_on_threads(grids):
    places, given, values = draw(np.complex64, grids=grids, points=20000)
    found = []
    for count in (1, 2, 4):
        with use_threads(count):
            plan = plan_points(SHAPE, places, dtype=np.complex64, accuracy=1e-3)
            found.append((plan.evaluate(given).tobytes(), plan.spread(values).tobytes()))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(("dtype", "accuracy"), [(np.complex64, 1e-7), (np.complex128, 1e-16), (np.complex64, 1.0)])
def test_accuracy_out_of_reach_is_refused(dtype, accuracy):
    with pytest.raises(ValueError, match=rf"^accuracy is {accuracy}; allowed: .* for {np.dtype(dtype).name}$"):
        plan_points(SHAPE, np.zeros((3, 1)), dtype=dtype, accuracy=accuracy)
