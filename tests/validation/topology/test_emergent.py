"""The emergent field: its divergence is the charge, its flux through closed surfaces what they enclose."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics.streams import stream
from numerics.threads import use_threads
from tests.validation.topology.spins import (
    aligned_spins,
    coordinates,
    nearly_opposite_spins,
    random_spins,
    smooth_spins,
)
from validation.topology import cell_charges, emergent_field, layer_charges

seeds = st.integers(0, 2**32 - 1)


def outward(field):
    """Return the flux out of the box."""
    return sum(
        float(values.isel({axis: -1}).sum() - values.isel({axis: 0}).sum())
        for axis, values in ((axis, field[f"flux_{axis}"]) for axis in "zyx")
    )


@given(
    seeds,
    st.sampled_from([random_spins, aligned_spins, nearly_opposite_spins]),
    st.sampled_from([np.float32, np.float64]),
)
def test_divergence_is_the_charge_and_adds_up_to_the_outer_flux(seed, make, dtype):
    m = make(np.random.default_rng(seed), 9, 8, 10).astype(dtype)
    field, q = emergent_field(m), cell_charges(m)
    assert np.abs(field.divergence.values - q).max() < 1e-12
    assert field.counted.values.all()
    assert abs(outward(field) - q.sum(dtype=int)) < 1e-12
    assert np.abs(field.flux_z.sum(("y_cell", "x_cell")).values - layer_charges(m)).max() < 1e-12
    parts = [field[f"flux_{axis}"].diff(axis).values for axis in "zyx"]
    assert np.abs(sum(parts) - q).max() < 1e-12


@pytest.mark.parametrize("seed", range(3))
def test_divergence_is_the_charge_in_a_smooth_field(seed):
    m = smooth_spins(stream(seed, "sample"), 48, 2.0)
    field, q = emergent_field(m), cell_charges(m)
    assert np.abs(field.divergence.values - q).max() < 1e-12
    assert np.count_nonzero(q) > 100


@given(seeds)
def test_flux_through_a_face_is_the_solid_angle_under_which_a_hedgehog_sees_it(seed):
    rng = np.random.default_rng(seed)
    place = rng.uniform(-0.4, 0.4, 3)
    r = coordinates(4, 5, 6) - place[:, None, None, None] + 0.5
    field = emergent_field(r)

    def seen(axis):
        """Add up the four rectangles from the foot of the perpendicular (z, y, x) to a face's corners."""
        h, u, v = (np.moveaxis(r[2 - other], axis, 0) for other in (axis, *(o for o in range(3) if o != axis)))
        angle = np.arctan(u * v / (h * np.sqrt(h**2 + u**2 + v**2)))
        faces = angle[:, 1:, 1:] - angle[:, 1:, :-1] - angle[:, :-1, 1:] + angle[:, :-1, :-1]
        return np.moveaxis(faces, 0, axis) / (4 * np.pi)

    for axis, name in enumerate("zyx"):
        assert np.abs(field[f"flux_{name}"].values - seen(axis)).max() < 1e-14


@given(seeds)
def test_flux_out_of_a_closed_void_is_the_sign_of_the_determinant(seed):
    rng = np.random.default_rng(seed)
    matrix, zero = rng.standard_normal((3, 3)), rng.uniform(-1, 1, 3)
    r = coordinates(14, 13, 15)
    magnet = np.linalg.norm(r, axis=0) > 4
    m = np.tensordot(matrix, r - zero[:, None, None, None], axes=1) * magnet
    field = emergent_field(m, magnet=magnet)
    assert not cell_charges(m).any()
    assert abs(outward(field) - np.sign(np.linalg.det(matrix))) < 1e-9


def test_nothing_flows_where_there_is_no_magnet():
    rng = stream(0, "sample")
    m = random_spins(rng, 9, 10, 11)
    magnet = rng.random(m.shape[1:]) > 0.05
    field = emergent_field(np.where(magnet, m, np.nan), magnet=magnet)
    whole = emergent_field(m)
    corners = {
        "flux_z": magnet[:, 1:, 1:] & magnet[:, 1:, :-1] & magnet[:, :-1, 1:] & magnet[:, :-1, :-1],
        "flux_y": magnet[1:, :, 1:] & magnet[1:, :, :-1] & magnet[:-1, :, 1:] & magnet[:-1, :, :-1],
        "flux_x": magnet[1:, 1:] & magnet[1:, :-1] & magnet[:-1, 1:] & magnet[:-1, :-1],
    }
    for name, full in corners.items():
        assert np.array_equal(field[name].values, np.where(full, whole[name].values, 0))
    counted = corners["flux_z"][1:] & corners["flux_z"][:-1]
    assert np.array_equal(field.counted.values, counted)
    assert np.abs(field.divergence.values - cell_charges(m, magnet=magnet)).max() < 1e-12


def test_places_are_in_voxels_from_the_centre():
    field = emergent_field(random_spins(stream(1, "sample"), 4, 5, 6))
    assert field.flux_z.dims == ("z", "y_cell", "x_cell")
    assert field.flux_y.dims == ("z_cell", "y", "x_cell")
    assert field.flux_x.dims == ("z_cell", "y_cell", "x")
    assert field.z.values.tolist() == [-2, -1, 0, 1]
    assert field.y.values.tolist() == [-2, -1, 0, 1, 2]
    assert field.x_cell.values.tolist() == [-2.5, -1.5, -0.5, 0.5, 1.5]
    assert all(field[name].attrs["units"] == "voxel" for name in field.coords)


def test_the_number_of_threads_changes_nothing():
    m = random_spins(stream(2, "sample"), 23, 7, 8)
    with use_threads(1):
        alone = emergent_field(m)
    with use_threads(3):
        assert emergent_field(m).identical(alone)


def test_a_single_layer_has_fluxes_and_no_cells():
    m = random_spins(stream(3, "sample"), 1, 7, 8)
    field = emergent_field(m)
    assert field.divergence.shape == (0, 6, 7)
    assert float(field.flux_z.sum()) == pytest.approx(float(layer_charges(m)[0]), abs=1e-12)


def test_memory_beside_the_input():
    m = random_spins(stream(5, "sample"), 64, 64, 64).astype(np.float32)
    with use_threads(2):
        emergent_field(m)
        tracemalloc.start()
        emergent_field(m)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 6 * m.nbytes


def test_bad_input_is_refused_in_one_line():
    m = random_spins(stream(4, "sample"), 4, 5, 6)
    with pytest.raises(ValueError, match=r"m is of shape \(4, 5, 6\); allowed: \(3, nz, ny, nx\)"):
        emergent_field(m[0])
    m[0, 1, 2, 3] = np.nan
    with pytest.raises(ValueError, match=r"m is \(nan, .*\) at index \(1, 2, 3\) of the magnet"):
        emergent_field(m)
