"""The demagnetising tensor and its convolution: exact factors of prisms, far cells, direct sums."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.threads import use_threads
from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import DemagOperator, Mesh, demag_tensor

# A. Aharoni, J. Appl. Phys. 83, 3432 (1998), eq. 1, exact; sides (x, y, z) and factors along them.
PRISMS = {
    (1, 1, 1): (1 / 3, 1 / 3, 1 / 3),
    (1, 1, 2): (0.4008419236, 0.4008419236, 0.1983161528),
    (5, 5, 3): (0.2737656678, 0.2737656678, 0.4524686644),
    (3, 8, 6): (0.5274201612, 0.2013249792, 0.2712548595),
}
CELLS = [(3, 4, 2), (1, 1, 1), (2, 2, 2), (7, 3, 5)]
ODD = ((), (), (), (1, 2), (0, 2), (0, 1))


def mean_factors(sides, cells):
    """Return the mean over all pairs of cells (x, y, z) of a prism of `sides`, in nm."""
    shape = cells[::-1]
    cell = tuple(side * 1e-9 / n for side, n in zip(sides[::-1], shape, strict=True))
    tensor = demag_tensor(shape, cell)
    weights = [np.where(np.arange(n) == 0, n, 2.0 * (n - np.arange(n))) for n in shape]
    return [np.einsum("zyx,z,y,x->", tensor[c], *weights) / np.prod(shape) for c in range(3)]


def aharoni(a, b, c):
    """Return the factor along c of a prism with half sides a, b, c (Aharoni 1998, eq. 1)."""
    ab, bc, ac, abc = np.hypot(a, b), np.hypot(b, c), np.hypot(a, c), np.sqrt(a * a + b * b + c * c)
    total = (b * b - c * c) / (2 * b * c) * np.log((abc - a) / (abc + a))
    total += (a * a - c * c) / (2 * a * c) * np.log((abc - b) / (abc + b))
    total += b / (2 * c) * np.log((ab + a) / (ab - a)) + a / (2 * c) * np.log((ab + b) / (ab - b))
    total += c / (2 * a) * np.log((bc - b) / (bc + b)) + c / (2 * b) * np.log((ac - a) / (ac + a))
    total += 2 * np.arctan(a * b / (c * abc)) + (a**3 + b**3 - 2 * c**3) / (3 * a * b * c)
    total += (a * a + b * b - 2 * c * c) / (3 * a * b * c) * abc + c / (a * b) * (ac + bc)
    total -= (ab**3 + bc**3 + ac**3) / (3 * a * b * c)
    return total / np.pi


@pytest.mark.parametrize("cells", CELLS)
@pytest.mark.parametrize("sides", PRISMS)
def test_prisms_have_their_exact_factors_with_any_cells(sides, cells) -> None:
    found = mean_factors(sides, cells)
    assert found == pytest.approx(PRISMS[sides], abs=1e-8)
    assert sum(found) == pytest.approx(1, abs=1e-10)


@given(
    st.tuples(*[st.floats(0.3, 6)] * 3),
    st.tuples(*[st.integers(1, 6)] * 3),
)
def test_any_prism_has_the_factor_of_the_closed_form(sides, cells) -> None:
    x, y, z = (side / 2 for side in sides)
    expected = [aharoni(y, z, x), aharoni(z, x, y), aharoni(x, y, z)]
    assert mean_factors(sides, cells) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("cell", [(2e-9, 2e-9, 2e-9), (49.5e-9, 2e-9, 2e-9), (1e-9, 2e-9, 5e-9), (1e-10, 4e-9, 4e-9)])
def test_trace_is_one_in_the_cell_and_zero_elsewhere(cell) -> None:
    tensor = demag_tensor((6, 9, 60), cell)
    trace = tensor[:3].sum(axis=0)
    assert trace[0, 0, 0] == pytest.approx(1, abs=1e-12)
    trace[0, 0, 0] = 0
    # Rounding of the near formula, which grows with the aspect ratio of the cell.
    assert np.abs(trace).max() < 1e-11


@pytest.mark.parametrize("cell", [(2e-9, 2e-9, 2e-9), (49.5e-9, 2e-9, 2e-9), (2e-9, 3e-9, 30e-9)])
def test_far_cells_agree_with_the_same_volume_in_smaller_cells(cell) -> None:
    """A pair of cells is the mean over their parts, so that the near formula and the far one must meet."""
    shape, parts = (3, 40, 40), (2, 2, 2)
    whole = demag_tensor(shape, cell)
    fine = demag_tensor(
        tuple(n * p + p for n, p in zip(shape, parts, strict=True)),
        tuple(size / p for size, p in zip(cell, parts, strict=True)),
    )
    for z, y, x in [(0, 1, 0), (0, 2, 3), (1, 4, 4), (2, 9, 1), (0, 12, 12), (1, 20, 17), (2, 39, 39), (0, 39, 0)]:
        total = np.zeros(6)
        for shift in itertools.product((-1, 0, 1), repeat=3):
            at = np.array([2 * z, 2 * y, 2 * x]) + shift
            weight = np.prod([1.0 if s else 2.0 for s in shift])
            signs = [np.prod([np.sign(at[axis]) or 1 for axis in odd]) for odd in ODD]
            total += weight * np.array(signs) * fine[:, *np.abs(at)]
        # Eight parts feel eight parts.
        assert np.abs(total / 8 - whole[:, z, y, x]).max() < 1e-11


def test_far_cells_feel_dipoles() -> None:
    """The leading correction of cubes to point dipoles is of the fourth order: (h/r)^4 of 1/r^3."""
    n, h = 200, 2e-9
    tensor = demag_tensor((1, n, n), (h, h, h))[:, 0]
    y, x = np.mgrid[:n, :n] * h
    r = np.hypot(x, y)
    far = r > 50 * h
    dipole = h**3 / (4 * np.pi * r[far] ** 3)
    assert tensor[0][far] == pytest.approx(dipole * (1 - 3 * x[far] ** 2 / r[far] ** 2), rel=1e-5, abs=1e-12)
    assert np.abs(tensor[2][far] / dipole - 1).max() < 1e-6
    assert np.abs(tensor[3][far] / dipole + 3 * x[far] * y[far] / r[far] ** 2).max() < 1e-6


def full_tensor(shape, cell, periodic):
    """Return N at signed displacements (6, 2 nz - 1, 2 ny - 1, 2 nx - 1); displacement 0 in the middle."""
    octant = demag_tensor(shape, cell, periodic=periodic)
    index = [np.abs(np.arange(1 - n, n)) for n in shape]
    full = octant[:, index[0][:, None, None], index[1][None, :, None], index[2][None, None, :]]
    signs = [np.where(np.arange(1 - n, n) < 0, -1.0, 1.0) for n in shape]
    for component, odd in enumerate(ODD):
        for axis in odd:
            full[component] *= np.expand_dims(signs[axis], tuple({0, 1, 2} - {axis}))
    return full


def direct_field(moment, cell, periodic):
    """Return mu0 H by the double sum over cells."""
    shape = moment.shape[1:]
    tensor = full_tensor(shape, cell, periodic)
    field = np.zeros(moment.shape)
    pairs = ((0, 3, 4), (3, 1, 5), (4, 5, 2))
    for z, y, x in np.ndindex(*shape):
        # N at (here - there), for all cells there.
        part = tensor[:, *(slice(i, i + n) for i, n in zip((z, y, x), shape, strict=True))][:, ::-1, ::-1, ::-1]
        for a in range(3):
            field[a, z, y, x] = -VACUUM_PERMEABILITY * sum(np.sum(part[pairs[a][b]] * moment[b]) for b in range(3))
    return field


SHAPES = [(1, 1, 1), (1, 1, 6), (1, 5, 1), (4, 1, 1), (1, 4, 7), (3, 5, 4), (2, 3, 9), (5, 1, 3), (3, 4, 1), (1, 3, 37)]


@pytest.mark.parametrize("periodic", list(itertools.product((False, True), repeat=2)))
@pytest.mark.parametrize("shape", SHAPES)
def test_convolution_is_the_sum_over_all_pairs(shape, periodic) -> None:
    cell = (3e-9, 2e-9, 1.5e-9)
    moment = np.random.default_rng(sum(shape)).standard_normal((3, *shape)) * 8e5
    expected = direct_field(moment, cell, periodic)
    # The operator sets what it knows exactly (a uniform film, zeros by symmetry); the image sums are good to 1e-9.
    exact = 1e-9 if any(periodic) else 2e-14
    for dtype, tolerance in ((np.float64, exact), (np.float32, 2e-6)):
        given_ = moment.astype(dtype)
        found = np.empty_like(given_)
        DemagOperator(Mesh(shape, cell, periodic), dtype=dtype).apply(given_, found)
        assert np.abs(found - expected).max() < tolerance * VACUUM_PERMEABILITY * np.abs(moment).max()
        assert np.array_equal(given_, moment.astype(dtype))


@pytest.mark.parametrize("shape", [(1, 70, 129), (9, 40, 75), (33, 18, 20)])
def test_convolution_of_many_cells_is_that_of_plain_transforms(shape) -> None:
    """Large enough for several blocks of rows, columns and stacks, whose lengths do not divide them."""
    cell = (3e-9, 2e-9, 1.5e-9)
    moment = np.random.default_rng(2).standard_normal((3, *shape)) * 8e5
    tensor = full_tensor(shape, cell, (False, False))
    size = tuple(2 * n - 1 for n in shape)
    spectra = np.fft.rfftn(np.fft.ifftshift(tensor, axes=(1, 2, 3)), axes=(1, 2, 3))
    given_ = np.fft.rfftn(moment, size, axes=(1, 2, 3))
    rows = ((0, 3, 4), (3, 1, 5), (4, 5, 2))
    taken = np.stack([sum(spectra[rows[a][b]] * given_[b] for b in range(3)) for a in range(3)])
    whole = np.fft.irfftn(taken, size, axes=(1, 2, 3))
    expected = -VACUUM_PERMEABILITY * whole[:, : shape[0], : shape[1], : shape[2]]
    found = np.empty_like(moment)
    DemagOperator(Mesh(shape, cell)).apply(moment, found)
    assert np.abs(found - expected).max() < 1e-14 * VACUUM_PERMEABILITY * np.abs(moment).max() * 10


@pytest.mark.parametrize("place", [(0, 0, 0), (2, 5, 16), (1, 3, 9)])
def test_a_single_magnetised_cell_shows_the_tensor(place) -> None:
    """Scale, centring and signs of the transforms at once (chapter, trap 3)."""
    shape, cell = (3, 6, 17), (2e-9, 2e-9, 2e-9)
    tensor = full_tensor(shape, cell, (False, False))
    operator = DemagOperator(Mesh(shape, cell))
    rows = ((0, 3, 4), (3, 1, 5), (4, 5, 2))
    for source in range(3):
        moment, field = np.zeros((3, *shape)), np.empty((3, *shape))
        moment[source, *place] = 8e5
        operator.apply(moment, field)
        window = tuple(slice(n - 1 - i, 2 * n - 1 - i) for i, n in zip(place, shape, strict=True))
        for target in range(3):
            expected = -VACUUM_PERMEABILITY * 8e5 * tensor[rows[source][target], *window]
            assert np.abs(field[target] - expected).max() < 1e-14


def test_operator_is_symmetric() -> None:
    """Reciprocity: the field of a on b is the field of b on a."""
    rng = np.random.default_rng(5)
    mesh = Mesh((3, 20, 33), (2e-9, 3e-9, 2e-9), (False, True))
    operator = DemagOperator(mesh)
    a, b = (rng.standard_normal((3, *mesh.shape)) for _ in range(2))
    of_a, of_b = np.empty_like(a), np.empty_like(b)
    operator.apply(a, of_a)
    operator.apply(b, of_b)
    assert np.vdot(of_a, b) == pytest.approx(np.vdot(a, of_b), rel=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 4])
def test_threads_of_the_operator_change_nothing(threads) -> None:
    mesh = Mesh((5, 60, 70), (2e-9,) * 3)
    moment = np.random.default_rng(1).standard_normal((3, *mesh.shape))
    expected, found = np.empty_like(moment), np.empty_like(moment)
    with use_threads(3):
        DemagOperator(mesh).apply(moment, expected)
        DemagOperator(mesh, threads=threads).apply(moment, found)
    assert np.array_equal(found, expected)


def test_moments_that_do_not_fit_are_refused() -> None:
    operator = DemagOperator(Mesh((1, 2, 3), (1e-9,) * 3))
    good = np.zeros((3, 1, 2, 3))
    with pytest.raises(ValueError, match=r"^moment is \(3, 1, 2, 2\) float64; allowed: \(3, 1, 2, 3\) float64$"):
        operator.apply(good[..., :2], good)
    with pytest.raises(ValueError, match=r"^out is \(3, 1, 2, 3\) float32; allowed: \(3, 1, 2, 3\) float64$"):
        operator.apply(good, good.astype(np.float32))
