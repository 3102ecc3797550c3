"""Field lines: exact paths, ends only in charges or at borders, and flux that is the same seen from both its ends."""

import numpy as np
import pytest
import xarray as xr
from scipy.integrate import solve_ivp
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

from numerics.threads import use_threads
from simulators.samples.textures import hedgehog_pair
from validation.topology.emergent import emergent_field
from validation.topology.field_lines import trace_field_lines
from validation.topology.flux_links import flux_links

MIDDLE = (-0.23, -0.17, -0.31)  # (z, y, x), voxels


def coordinates(*shape: int):
    """Return (x, y, z) in voxels, index n//2 the origin."""
    z, y, x = np.meshgrid(*(np.arange(n) - float(n // 2) for n in shape), indexing="ij")
    return np.stack([x, y, z])


def smooth_spins(rng: np.random.Generator, n: int, length: float):
    return np.stack([gaussian_filter(rng.standard_normal((n, n, n)), length, mode="wrap") for _ in range(3)])


def charged_cells(field: xr.Dataset) -> xr.Dataset:
    charge = np.rint(field.divergence.values).astype(np.int64)
    cells = np.argwhere(charge)
    return xr.Dataset({"cell": (("hedgehog", "axis"), cells), "charge": ("hedgehog", charge[tuple(cells.T)])})


def fluxes(flux_z, flux_y, flux_x) -> xr.Dataset:
    """Return a field of given face fluxes, all cells counted."""
    divergence = np.diff(flux_z, axis=0) + np.diff(flux_y, axis=1) + np.diff(flux_x, axis=2)
    cell = ("z_cell", "y_cell", "x_cell")
    return xr.Dataset(
        {
            "flux_z": (("z", *cell[1:]), flux_z),
            "flux_y": (("z_cell", "y", "x_cell"), flux_y),
            "flux_x": ((*cell[:2], "x"), flux_x),
            "divergence": (cell, divergence),
            "counted": (cell, np.ones(divergence.shape, bool)),
        }
    )


def pair(shape, separation: float, charges: tuple[int, int]):
    """Return two hedgehogs on the x axis, off the lattice, about the origin."""
    x, y, z = coordinates(*shape)
    return hedgehog_pair(z, y, x, separation=separation, axis=(1, 0, 0), charges=charges, centre=MIDDLE)


def interpolated(field: xr.Dataset, places):
    """Return the field at places (n, 3), indices of the lattice: linear between opposite faces."""
    cells = np.floor(places).astype(int)
    share = places - cells
    result = np.empty_like(places)
    for axis, name in enumerate(("flux_z", "flux_y", "flux_x")):
        flux = field[name].values
        far = cells + np.eye(3, dtype=int)[axis]
        low, high = flux[tuple(cells.T)], flux[tuple(far.T)]
        result[:, axis] = low + (high - low) * share[:, axis]
    return result


@pytest.mark.parametrize("seed", range(3))
def test_lines_end_only_in_charged_cells_or_at_the_border(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m = smooth_spins(rng, 28, 2.5)
    magnet = np.ones((28, 28, 28))
    magnet[10:16, 12:17, 9:14] = 0
    field = emergent_field(m, magnet=magnet)
    counted, charge = field.counted.values, np.rint(field.divergence.values)
    seeds = rng.uniform(0, 27, (600, 3))
    seeds = seeds[counted[tuple(seeds.astype(int).T)]] - 14
    found = trace_field_lines(field, seeds=seeds)
    # Divergence-free fields have closed lines; few seeds lie on them.
    cut = (found.begin.values == "running") | (found.end.values == "running")
    assert cut.mean() < 0.01
    assert set(found.begin.values[~cut]) | set(found.end.values[~cut]) == {"charge", "border"}
    for name, sign in (("begin", 1), ("end", -1)):
        kind, cell = found[name].values, found[f"{name}_cell"].values
        at_charge = charge[tuple(cell.T)]
        assert np.all(np.sign(at_charge[kind == "charge"]) == sign)
        np.testing.assert_array_equal(found[f"{name}_charge"].values, np.where(kind == "charge", at_charge, 0))
        position = found.position.values + 14
        first = np.flatnonzero(np.diff(found.line_number.values, prepend=-1))
        last = np.append(first[1:], len(position)) - 1
        place = position[first if name == "begin" else last]
        # The end lies in its cell, and at a border on a face behind which no cell counts.
        assert np.all((place >= cell - 1e-9) & (place <= cell + 1 + 1e-9))
        for end, where in zip(place[kind == "border"], cell[kind == "border"], strict=True):
            beyond = (
                where + np.where(np.abs(end - where) < 1e-9, -1, 0) + np.where(np.abs(end - where - 1) < 1e-9, 1, 0)
            )
            sides = [where + step * np.eye(3, dtype=int)[a] for a, step in enumerate(beyond - where) if step]
            assert any(np.any(s < 0) or np.any(s >= counted.shape) or not counted[tuple(s)] for s in sides)


def test_points_lie_a_step_apart_on_the_line_that_an_integrator_finds() -> None:
    rng = np.random.default_rng(7)
    field = emergent_field(smooth_spins(rng, 24, 3.0))
    seeds = rng.uniform(-8, 8, (10, 3))
    found = trace_field_lines(field, seeds=seeds, step=0.1)
    position, number = found.position.values, found.line_number.values

    def direction(_, place):
        b = interpolated(field, place[None] + 12)[0]
        return b / np.linalg.norm(b)

    compared = 0.0
    for line, seed in enumerate(seeds):
        points = position[number == line]
        gaps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        assert gaps.max() < 0.1 + 1e-9
        here = int(np.argmin(np.linalg.norm(points - seed, axis=1)))
        np.testing.assert_allclose(points[here], seed, atol=1e-12)
        length = min(2.5, 0.9 * gaps[here:].sum())
        path = solve_ivp(direction, (0, length), seed, rtol=1e-7, atol=1e-8, max_step=0.1).y.T
        assert cKDTree(points).query(path)[0].max() < 0.055
        compared += length
    assert compared > 10


@pytest.mark.parametrize("step", [0.5, 0.01, 0.003])
def test_no_step_leaves_gaps(step: float) -> None:
    # Lines that end after infinite time, and such that do not.
    rng = np.random.default_rng(8)
    field = emergent_field(smooth_spins(rng, 16, 2.0))
    found = trace_field_lines(field, seeds=rng.uniform(-6, 6, (30, 3)), step=step)
    assert {"charge", "border"} <= set(found.end.values)
    gaps = np.linalg.norm(np.diff(found.position.values, axis=0), axis=1)[np.diff(found.line_number.values) == 0]
    assert gaps.max() <= step * (1 + 1e-9)
    assert gaps.mean() > 0.5 * min(step, 0.5)


def test_line_is_the_exact_one_in_a_linear_field() -> None:
    # One cell: v = (-1 + 3 z, 1 - 0.4 y, 0.5 + x) in (z, y, x); time from z: exponential along each axis.
    flux_z, flux_y, flux_x = np.array([0.5, 3.5]), np.array([1.0, 0.6]), np.array([0.5, 1.5])
    field = fluxes(flux_z.reshape(2, 1, 1), flux_y.reshape(1, 2, 1), flux_x.reshape(1, 1, 2))
    seed = np.array([0.1, 0.2, 0.15])
    found = trace_field_lines(field, seeds=[seed - 1], step=0.01)
    points = found.position.values + 1
    rate = np.array([3.0, -0.4, 1.0])
    start = np.array([0.5, 1.0, 0.5])
    time = np.log((start[0] + rate[0] * points[:, 0]) / (start[0] + rate[0] * seed[0])) / rate[0]
    fixed = start / rate
    expected = (seed + fixed) * np.exp(rate * time[:, None]) - fixed
    np.testing.assert_allclose(points, expected, atol=1e-12)
    assert found.end.values.tolist() == ["border"]


def test_lines_of_a_skyrmion_tube_are_straight_and_run_down() -> None:
    x, y, _ = coordinates(12, 21, 21)
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    polar = np.pi * np.exp(-((radius / 4) ** 2))
    m = np.stack([np.sin(polar) * np.cos(angle), np.sin(polar) * np.sin(angle), np.cos(polar)])
    field = emergent_field(m)
    seeds = np.array([[0.3, 2.3, 0.4], [-2.0, -1.2, 3.1], [1.0, 0.6, -2.2]])
    found = trace_field_lines(field, seeds=seeds)
    for line, seed in enumerate(seeds):
        points = found.position.values[found.line_number.values == line]
        np.testing.assert_allclose(points[:, 1:], np.broadcast_to(seed[1:], (len(points), 2)), atol=1e-9)
        assert points[0, 0] == pytest.approx(5)
        assert points[-1, 0] == pytest.approx(-6)
    assert set(found.begin.values) | set(found.end.values) == {"border"}


def test_lines_of_one_hedgehog_go_to_all_sides() -> None:
    m = coordinates(25, 25, 25) - np.array([0.4, 0.6, 0.5])[:, None, None, None]
    field = emergent_field(m)
    hedgehogs = charged_cells(field)
    assert hedgehogs.charge.values.tolist() == [1]
    found = flux_links(field, hedgehogs, rng=np.random.default_rng(0), lines=4000)
    assert float(found.border[0]) == 1
    assert float(found.share[0, 0]) == 0
    # Radial outside of the cell itself.
    rays = np.random.default_rng(1).standard_normal((200, 3))
    rays /= np.linalg.norm(rays, axis=1)[:, None]
    place = np.array([0.5, 0.6, 0.4])
    lines = trace_field_lines(field, seeds=place + 4 * rays)
    assert set(lines.begin.values) == {"charge"}
    last = np.append(np.flatnonzero(np.diff(lines.line_number.values)), lines.sizes["point"] - 1)
    away = lines.position.values[last] - place
    cosine = np.sum(away * rays, axis=1) / np.linalg.norm(away, axis=1)
    assert np.degrees(np.arccos(cosine)).max() < 3


def test_opposite_hedgehogs_share_a_part_of_their_flux() -> None:
    # The rest reaches the border: the more, the further they are apart.
    lines, shares = 4000, []
    for separation in (4.0, 8.0, 14.0):
        field = emergent_field(pair((26, 26, 30), separation, (1, -1)))
        hedgehogs = charged_cells(field)
        assert sorted(hedgehogs.charge.values) == [-1, 1]
        found = flux_links(field, hedgehogs, rng=np.random.default_rng(0), lines=lines)
        there, back = float(found.share[0, 1]), float(found.share[1, 0])
        assert abs(there - back) < 4 * np.sqrt(2 * there * (1 - there) / lines)
        np.testing.assert_array_equal(np.diag(found.share), 0)
        np.testing.assert_allclose(found.share.sum("partner") + found.border, 1)
        shares.append(there)
    assert 1 > shares[0] > shares[1] + 0.02 > shares[2] + 0.04
    assert shares[2] > 0.1


@pytest.mark.parametrize("charges", [(1, 1), (-1, -1)])
def test_like_hedgehogs_repel(charges: tuple[int, int]) -> None:
    field = emergent_field(pair((26, 26, 30), 6.0, charges))
    hedgehogs = charged_cells(field)
    assert hedgehogs.charge.values.tolist() == list(charges)
    found = flux_links(field, hedgehogs, rng=np.random.default_rng(2), lines=500)
    assert not found.share.values.any()
    np.testing.assert_allclose(found.border, 1)
    # No line crosses the plane between the two.
    rng = np.random.default_rng(3)
    middle = np.array(MIDDLE)
    for side in (-1, 1):
        rays = rng.standard_normal((150, 3))
        start = middle + np.array([0, 0, 3.0 * side]) + 1.5 * rays / np.linalg.norm(rays, axis=1)[:, None]
        lines = trace_field_lines(field, seeds=start)
        assert np.min(side * (lines.position.values[:, 2] - middle[2])) > -0.5


@pytest.mark.parametrize("seed", range(3))
def test_links_are_mutual(seed: int) -> None:
    # What leads from a positive charge to a negative one, counted from either end along other lines.
    rng = np.random.default_rng(seed)
    field = emergent_field(smooth_spins(rng, 32, 2.5))
    hedgehogs = charged_cells(field)
    lines = 1500
    found = flux_links(field, hedgehogs, rng=rng, lines=lines)
    total = found.share.sum("partner") + found.border + found.elsewhere + found.unfinished
    np.testing.assert_allclose(total, 1)
    assert not found.elsewhere.any()
    assert not found.unfinished.any()
    flux = found.share.values * np.abs(hedgehogs.charge.values)[:, None]
    alike = np.equal.outer(hedgehogs.charge.values > 0, hedgehogs.charge.values > 0)
    assert not flux[alike].any()
    mean = (flux + flux.T) / 2
    well = (mean > 0.02) & (mean < 0.98) & np.triu(np.ones(mean.shape, bool))
    score = (flux - flux.T)[well] / np.sqrt(2 * mean * (1 - mean) / lines)[well]
    assert well.sum() > 50
    assert 0.8 < score.std() < 1.25
    assert np.abs(score).max() < 5


def test_flux_that_passes_a_charge_goes_on() -> None:
    # A source of 3 in the first cell, sinks of 1 and of 1 in a row behind it: a third ends in each.
    flux_z = np.array([0.0, 3.0, 2.0, 1.0, 1.0]).reshape(5, 1, 1)
    field = fluxes(flux_z, np.zeros((4, 2, 1)), np.zeros((4, 1, 2)))
    hedgehogs = charged_cells(field)
    assert hedgehogs.charge.values.tolist() == [3, -1, -1]
    lines = 20_000
    found = flux_links(field, hedgehogs, rng=np.random.default_rng(0), lines=lines)
    scatter = np.sqrt(2 / 9 / lines)
    np.testing.assert_allclose(found.share[0], [0, 1 / 3, 1 / 3], atol=4 * scatter)
    assert float(found.border[0]) == pytest.approx(1 / 3, abs=4 * scatter)
    np.testing.assert_allclose(found.share[1:, 0], 1)
    # Of a list without the second sink, its share is elsewhere.
    partly = flux_links(field, hedgehogs.isel(hedgehog=[0, 1]), rng=np.random.default_rng(0), lines=lines)
    assert float(partly.elsewhere[0]) == pytest.approx(1 / 3, abs=4 * scatter)


def test_closed_lines_are_cut() -> None:
    y, x = np.meshgrid(np.arange(20) - 9.5, np.arange(20) - 9.5, indexing="ij")
    flux_y = np.broadcast_to((np.arange(20) - 9.5)[None, None, :], (3, 21, 20)).copy()
    flux_x = np.broadcast_to(-(np.arange(20) - 9.5)[None, :, None], (3, 20, 21)).copy()
    del x, y
    field = fluxes(np.zeros((4, 20, 20)), flux_y, flux_x)
    found = trace_field_lines(field, seeds=[[0.3, 0.1, 5.2]])
    assert found.begin.values.tolist() == found.end.values.tolist() == ["running"]
    radius = np.linalg.norm(found.position.values[:, 1:], axis=1)
    assert radius.min() > 4
    assert radius.max() < 6.5


def test_lines_rest_where_there_is_no_field() -> None:
    m = np.zeros((3, 6, 6, 6))
    m[2] = 1
    found = trace_field_lines(emergent_field(m), seeds=[[0.2, 0.3, 0.4]])
    assert found.end.values.tolist() == ["still"]
    np.testing.assert_allclose(found.position, np.broadcast_to([0.2, 0.3, 0.4], found.position.shape))


def test_lines_of_a_void_begin_at_its_surface() -> None:
    r = coordinates(21, 21, 21) - np.array([0.3, 0.2, 0.1])[:, None, None, None]
    solid = np.linalg.norm(r, axis=0) > 4.2
    field = emergent_field(r * solid, magnet=solid)
    found = trace_field_lines(field, seeds=[[7.2, 0.1, 0.4], [0.3, -7.4, 2.2]])
    assert set(found.begin.values) | set(found.end.values) == {"border"}
    first = np.flatnonzero(np.diff(found.line_number.values, prepend=-1))
    assert np.all(np.linalg.norm(found.position.values[first], axis=1) < 7)


def test_seeds_in_metres() -> None:
    rng = np.random.default_rng(5)
    field = emergent_field(smooth_spins(rng, 16, 2.5))
    seeds = rng.uniform(-6, 6, (20, 3))
    sizes = np.array([2e-9, 3e-9, 5e-9])
    voxels = trace_field_lines(field, seeds=seeds)
    metres = trace_field_lines(field, seeds=seeds * sizes, voxel_size=tuple(sizes))
    assert voxels.position.attrs["units"] == "voxel"
    assert metres.position.attrs["units"] == "m"
    np.testing.assert_allclose(metres.position, voxels.position * sizes, atol=1e-15)


def test_same_bytes_for_any_number_of_threads() -> None:
    rng = np.random.default_rng(6)
    field = emergent_field(smooth_spins(rng, 20, 2.0))
    seeds = rng.uniform(-9, 9, (700, 3))
    results = []
    for count in (1, 2, 4):
        with use_threads(count):
            lines = trace_field_lines(field, seeds=seeds)
            links = flux_links(field, charged_cells(field), rng=np.random.default_rng(1), lines=50)
            results.append(
                (lines.position.values.tobytes(), links.share.values.tobytes(), links.border.values.tobytes())
            )
    assert results[0] == results[1] == results[2]


def test_no_seeds_and_no_hedgehogs() -> None:
    m = np.zeros((3, 6, 6, 6))
    m[2] = 1
    field = emergent_field(m)
    assert trace_field_lines(field, seeds=np.empty((0, 3))).sizes["point"] == 0
    assert flux_links(field, charged_cells(field), rng=np.random.default_rng(0)).share.shape == (0, 0)


def test_wrong_input() -> None:
    field = emergent_field(coordinates(8, 8, 8) - 0.4)
    hedgehogs = charged_cells(field)
    rng = np.random.default_rng(0)
    for seeds, message in (
        (np.zeros(3), r"seeds is of shape \(3,\)"),
        (np.full((1, 3), np.nan), "seeds is of shape"),
        ([[9.0, 0, 0]], r"seeds hold \[9.0, 0.0, 0.0\]"),
    ):
        with pytest.raises(ValueError, match=message):
            trace_field_lines(field, seeds=seeds)
    with pytest.raises(ValueError, match="step is 0 voxels; allowed"):
        trace_field_lines(field, seeds=[[0, 0, 0]], step=0)
    with pytest.raises(ValueError, match="step is 1e-05 voxels; allowed"):
        trace_field_lines(field, seeds=[[0, 0, 0]], step=1e-5)
    with pytest.raises(ValueError, match=r"seeds are within 1e-08 of the origin; allowed: voxels, or metres"):
        trace_field_lines(field, seeds=[[0, 1e-8, -2e-9], [0, 0, 0]])
    with pytest.raises(ValueError, match=r"voxel_size is 5\.3"):
        trace_field_lines(field, seeds=[[0, 0, 0]], voxel_size=5.3)
    with pytest.raises(ValueError, match="field has no 'flux_y'"):
        trace_field_lines(field.drop_vars("flux_y"), seeds=[[0, 0, 0]])
    with pytest.raises(ValueError, match="field has fluxes of shape"):
        trace_field_lines(field.assign(flux_y=field.flux_z), seeds=[[0, 0, 0]])
    with pytest.raises(ValueError, match="field is not finite"):
        trace_field_lines(field.assign(flux_y=field.flux_y * np.nan), seeds=[[0, 0, 0]])
    with pytest.raises(ValueError, match="lines is 0; allowed"):
        flux_links(field, hedgehogs, rng=rng, lines=0)
    with pytest.raises(ValueError, match="hedgehogs has no 'cell'"):
        flux_links(field, hedgehogs.drop_vars("cell"), rng=rng)
    with pytest.raises(ValueError, match="hedgehogs hold charge -1 in the cell"):
        flux_links(field, hedgehogs.assign(charge=-hedgehogs.charge), rng=rng)
    with pytest.raises(ValueError, match="hedgehogs hold charge 1 in the cell"):
        flux_links(field, hedgehogs.assign(cell=hedgehogs.cell + 1), rng=rng)
