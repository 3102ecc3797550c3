"""The measurement of kind "ptychography": its sampling, its halves, its tree, and what it refuses."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xarray as xr

import records
from records import RecordError, ptychography
from tests.records.ptychography_builders import SCALARS, a_full_node, a_header, a_node, counts_of


def near(focus_distance: float | None = None, **scalars: float) -> xr.Dataset:
    optional = {} if focus_distance is None else {"focus_distance": focus_distance}
    return a_header(scalars={**SCALARS, **scalars, **optional}, propagation="near_field")


def test_sound_nodes_are_found_by_kind() -> None:
    for node in (a_node(), a_full_node(), a_node(helicity=(-1,)), a_node(positions=1)):
        records.check(node)


def test_the_far_field_pixel_is_wavelength_times_distance_over_the_detector() -> None:
    wavelength = 1.239841984e-6 / SCALARS["energy"]
    assert ptychography.pixel_size(a_node(n=16)) == pytest.approx(wavelength * 0.1 / (16 * 2e-5), rel=1e-9)
    assert ptychography.pixel_size(a_node(n=32)) == pytest.approx(ptychography.pixel_size(a_node(n=16)) / 2, rel=1e-12)


def test_the_near_field_obeys_the_fresnel_scaling_theorem() -> None:
    """Paganin (2006), sec. 4.1.5: a point source at z1 gives the image of a plane wave at z2 / M, M = 1 + z2 / z1."""
    parallel, diverging = near(distance=1.12), near(3.65e-3, distance=1.12)
    assert ptychography.pixel_size(parallel) == 2e-5
    assert ptychography.effective_distance(parallel) == 1.12
    magnification = (3.65e-3 + 1.12) / 3.65e-3
    assert ptychography.magnification(diverging) == pytest.approx(magnification, rel=1e-12)
    assert ptychography.pixel_size(diverging) == pytest.approx(2e-5 / magnification, rel=1e-12)
    z1, effective = 3.65e-3, ptychography.effective_distance(diverging)
    assert 1 / effective == pytest.approx(1 / z1 + 1 / 1.12, rel=1e-12)


def test_halves_are_the_even_and_the_odd_frames() -> None:
    node = a_full_node().isel(position=slice(None, 11)).assign_coords(position=np.arange(11))
    even, odd = ptychography.halves(node)
    for half, start in ((even, 0), (odd, 1)):
        ptychography.check(half)
        for name in ("counts", "position_y", "monitor", "used"):
            np.testing.assert_array_equal(half[name], node[name][:, start::2])
    with pytest.raises(RecordError, match="one position; expected two or more"):
        ptychography.halves(a_node(positions=1))


def test_a_tree_gives_its_nodes_back_in_their_order() -> None:
    nodes = [a_node(positions=2 + index) for index in range(11)]
    back = ptychography.projections(ptychography.tree(nodes))
    assert [node.sizes["position"] for node in back] == [node.sizes["position"] for node in nodes]
    for node, same in zip(nodes, back, strict=True):
        xr.testing.assert_identical(node, same)
    with pytest.raises(RecordError, match="no projection; expected one or more"):
        ptychography.tree([])
    with pytest.raises(RecordError, match=r"children \['other'\]; expected projection_0"):
        ptychography.projections(xr.DataTree.from_dict({"/other": nodes[0]}))


def test_whole_numbers_of_any_dtype_become_counts() -> None:
    header = a_header()
    node = ptychography.make(header, counts_of(header).astype(np.int64))
    assert node["counts"].dtype == np.uint32
    for frames, line in (
        (counts_of(header).astype(np.float64), "dtype float64; expected whole numbers"),
        (counts_of(header).astype(np.int32) - 1000, "do not fit uint32"),
        (counts_of(header)[:, :-1], "expected one size along each dimension"),
    ):
        with pytest.raises(RecordError, match=line) as caught:
            ptychography.make(header, frames)
        assert "\n" not in str(caught.value)


def scaled(name: str, factor: float) -> Callable[[xr.Dataset], xr.Dataset]:
    def change(node: xr.Dataset) -> xr.Dataset:
        node[name] = (node[name] * factor).assign_attrs(node[name].attrs)
        return node

    return change


def edited(**variables: Any) -> Callable[[xr.Dataset], xr.Dataset]:
    return lambda node: node.assign({name: node[name].copy(data=value) for name, value in variables.items()})


def with_nan(node: xr.Dataset) -> xr.Dataset:
    node["position_x"].values[1, 3] = np.nan
    return node


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (scaled("energy", -1), "energy: holds -852.76; expected values greater than 0"),
        (scaled("position_y", 1e6), "position_y: extends over .* m; expected metres, less than 32768 pixels"),
        (with_nan, "position_x: 1 values are not finite"),
        (edited(used=np.zeros((2, 12), bool)), "used: no frame is used; expected some"),
        (edited(valid=np.zeros((16, 16), bool)), "valid: no valid pixel; expected some"),
        (lambda node: node.assign(magnetic=1.0), "magnetic: unknown variable"),
        (lambda node: node.assign_attrs(seed=1), "seed: unknown attribute"),
        (lambda node: node.assign_attrs(propagation="fresnel"), "propagation: found 'fresnel'; expected"),
        (lambda node: node.assign_coords(helicity=[-1, 1]), r"helicity: found \[-1, 1\]; expected"),
        (lambda node: node.assign_coords(position=np.arange(12)[::-1]), "position: not numbered in order"),
        (lambda node: node.isel(x=slice(1, None)), "Measurement frames: .* a square detector"),
        (lambda node: node.drop_vars("counts"), "counts: variable missing"),
        (lambda node: node.drop_vars("position_x"), "position_x: variable missing"),
        (lambda node: node.assign(focus_distance=((), 1e-3, {"units": "m"})), "focus_distance: present in a far field"),
        (lambda node: node.assign(counts=node["counts"].astype(np.int32)), "counts: dtype int32; expected uint16 or"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(change: Callable[[xr.Dataset], xr.Dataset], line: str) -> None:
    with pytest.raises(RecordError, match=line) as caught:
        ptychography.check(change(a_full_node()))
    assert "\n" not in str(caught.value)


def test_a_stray_frame_is_let_through_once_it_is_left_out() -> None:
    node = a_full_node()
    node["position_y"].values[0, 5] = 3.0
    node["used"].values[0, 5] = True
    with pytest.raises(RecordError, match="position_y: extends over 3 m"):
        ptychography.check(node)
    node["used"].values[0, 5] = False
    ptychography.check(node)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"scalars": {**SCALARS, "m_z": 1.0}}, r"unknown \['m_z'\]"),
        ({"scalars": {name: 1.0 for name in SCALARS if name != "gain"}}, r"without \['gain'\]"),
        ({"frames": {"defocus": np.zeros((2, 12))}}, r"Measurement frames: unknown \['defocus'\]"),
        ({"frames": {"monitor": np.zeros((2, 12))}}, "monitor: holds 0; expected values greater than 0"),
        ({"dark": np.zeros((16, 15))}, "expected one size along each dimension"),
        ({"helicity": (1, 0)}, r"helicity: found \[1, 0\]"),
    ],
)
def test_headers_that_do_not_fit(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(RecordError, match=line) as caught:
        a_header(**changes)
    assert "\n" not in str(caught.value)
