"""Pictures of samples: colours that mean one direction, cuts the right way round, rays that hit what is there."""

import io

import numpy as np
import pytest
from PIL import Image

from numerics.threads import use_threads
from records import sample
from reports.direction_colours import direction_colours
from reports.ray_casting import Balls, Surface, View, cast
from reports.sample_pictures import LARGEST, _Cuts, sample_picture
from tests.reports.test_figures import lightness


def directions(*vectors: tuple[float, float, float]) -> np.ndarray:
    m = np.array(vectors, float).T
    return direction_colours(m / np.linalg.norm(m, axis=0))


def test_directions_in_the_plane_are_equally_light() -> None:
    angle = np.radians(np.arange(0, 360, 3))
    colours = direction_colours(np.stack([np.cos(angle), np.sin(angle), 0 * angle]))
    levels = lightness(colours)
    assert np.ptp(levels) < 8
    steps = np.linalg.norm(np.diff(np.concatenate([colours, colours[:1]]), axis=0), axis=1)
    assert steps.min() > 0.2 * steps.max()
    red, _, cyan, _ = directions((1, 0, 0), (0, 1, 0), (-1, 0, 0), (0, -1, 0))
    assert red[0] > red[2]
    assert cyan[2] > cyan[0]


def test_up_is_white_and_down_is_black() -> None:
    up, plane, down = (lightness(directions(v)[None, 0])[0] for v in ((0, 0, 1), (1, 0, 0), (0, 0, -1)))
    assert up > 95
    assert down < 15
    assert 60 < plane < 80


def ball(radius: float, n: int = 41) -> Surface:
    place = np.arange(n) - (n - 1) / 2
    distance = np.sqrt(sum(axis**2 for axis in np.ix_(place, place, place)))
    colour = np.zeros((3, n, n, n), np.float32)
    colour[0] = 1
    ones = np.ones((n, n, n), np.float32)
    level = (radius - distance).astype(np.float32)
    return Surface(level, colour, ones, np.full(3, place[0]), np.ones(3), opacity=0.999, closed=True)


FRAME = (-20.0, 20.0, -20.0, 20.0)


def test_shadow_of_a_ball_is_a_disc_from_everywhere() -> None:
    for view in (View(), View(0.0, 0.0), View(2.0, 1.2)):
        image = cast(ball(12.0), None, view, frame=FRAME, pixels=200)
        assert image.shape == (200, 200, 4)
        assert (image[..., 3] > 0.5).mean() * 1600 == pytest.approx(np.pi * 144, rel=0.01)
        inside = image[..., 3] > 0.99
        assert np.abs(image[..., 1:3][inside]).max() == 0
        assert image[..., 0][inside].min() > 0.5


def test_faces_of_a_full_block_are_where_it_ends() -> None:
    full = Surface(
        np.ones((4, 6, 8), np.float32), np.ones((3, 4, 6, 8), np.float32), np.ones((4, 6, 8), np.float32),
        np.array([-3.5, -2.5, -1.5]), np.ones(3), opacity=0.999, closed=True,
    )  # fmt: skip
    front = cast(full, None, View(0.0, 0.0), frame=(-6.0, 6.0, -6.0, 6.0), pixels=240)
    assert (front[..., 3] > 0.5).mean() * 144 == pytest.approx(8 * 4, rel=0.03)
    above = cast(full, None, View(0.0, np.pi / 2), frame=(-6.0, 6.0, -6.0, 6.0), pixels=240)
    assert (above[..., 3] > 0.5).mean() * 144 == pytest.approx(8 * 6, rel=0.03)


def test_view_shows_x_to_the_right_and_z_up() -> None:
    view = View()
    np.testing.assert_allclose(view.axes @ view.axes.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(view.axes) == pytest.approx(1)
    x, y, z = view.project(np.eye(3))
    assert x[0] > 0.5
    assert y[0] > 0.3
    assert z[1] > 0.8
    assert z[0] == pytest.approx(0)


def test_balls_are_hidden_by_what_is_opaque_and_in_front() -> None:
    view = View(0.0, 0.0)  # along +y
    blue = np.array([[0.0, 0.0, 1.0]])
    behind, before = (Balls(np.array([[0.0, y, 0.0]]), blue, 3.0) for y in (16.0, -16.0))
    surface = ball(8.0)
    middle = (slice(99, 101), slice(99, 101))
    hidden = cast(surface, behind, view, frame=FRAME, pixels=200)[middle]
    shown = cast(surface, before, view, frame=FRAME, pixels=200)[middle]
    assert hidden[..., 2].max() < 0.01
    assert shown[..., 2].min() > 0.9
    clear = Surface(**{**vars(surface), "opacity": 0.2})
    through = cast(clear, Balls(np.zeros((1, 3)), blue, 3.0), view, frame=FRAME, pixels=200)[middle]
    assert 0.5 < through[..., 2].min() < through[..., 2].max() < 0.95
    assert through[..., 3].min() == pytest.approx(1)


def test_same_picture_with_any_number_of_threads() -> None:
    found = []
    for count in (1, 2):
        with use_threads(count):
            found.append(cast(ball(9.0), None, View(), frame=FRAME, pixels=120).tobytes())
    assert found[0] == found[1]


def corner_sample(nz: int) -> np.ndarray:
    """Up where x, y and z are all positive, else along -x; void at the lowest corner."""
    m = np.zeros((3, nz, 20, 30))
    m[0] = -1
    m[:, nz // 2 :, 10:, 15:] = np.array([0, 0, 1])[:, None, None, None]
    m[:, : max(nz // 2, 1), :3, :4] = 0
    return m


def test_cuts_are_the_right_way_round() -> None:
    record = sample.make(magnetization=corner_sample(8), voxel_size=(3e-9, 2e-9, 1e-9))
    cuts = _Cuts.of(record)
    for normal, across, up in ((0, 2, 1), (1, 2, 0), (2, 0, 1)):
        m, magnet = cuts.cut(normal)
        sizes = {0: 8, 1: 20, 2: 30}
        assert m.shape == (3, sizes[up], sizes[across])
        assert magnet.shape == m.shape[1:]
        assert m[2, -1, -1] == 1  # high along both axes
        assert m[2, 0, -1] == m[2, -1, 0] == 0
        left, right, bottom, top = cuts.extent(across, up)
        assert right - left == pytest.approx(sizes[across] * {0: 3, 1: 2, 2: 1}[across])
        assert top - bottom == pytest.approx(sizes[up] * {0: 3, 1: 2, 2: 1}[up])
        assert right == pytest.approx((sizes[across] / 2 - 0.5) * {0: 3, 1: 2, 2: 1}[across])


def test_charges_are_those_found_and_those_of_voids() -> None:
    place = {"z": 3e-9, "y": 0.0, "x": -1e-9}
    voids = [{**place, "requested": -1}, {**place, "requested": 0}]
    features = {"charges": [{**place, "q": 1, "site": None}, {"q": 1}], "voids": voids}
    cuts = _Cuts.of(sample.make(magnetization=corner_sample(8), voxel_size=2e-9, features=features))
    assert [(charge["q"], charge["virtual"]) for charge in cuts.charges] == [(1, False), (-1, True)]
    assert (cuts.charges[0]["z"], cuts.charges[0]["x"]) == pytest.approx((3.0, -1.0))


def pixels(content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB"), float) / 255


@pytest.mark.parametrize("nz", [1, 8])
def test_picture_of_a_film_and_of_a_volume(nz: int) -> None:
    charges = [{"z": 1e-9, "y": 0.0, "x": 0.0, "q": 1}, {"z": -4e-9, "y": 3e-9, "x": 0.0, "q": -1}, {"sites": 3}]
    parts = {"magnetization": corner_sample(nz), "voxel_size": (3e-9, 2e-9, 1e-9)}
    record = sample.make(**parts, features={"charges": charges})
    content = sample_picture(record, title="corner")
    assert content == sample_picture(record, title="corner")
    assert content != sample_picture(sample.make(**parts), title="corner")
    image = pixels(content)
    assert image.shape[1] > 1500
    found = {tuple(colour) for colour in np.round(image.reshape(-1, 3), 2)}
    # Up in both maps, along -x in the map of directions, void.
    for m in ((0, 0, 1), (-1, 0, 0)):
        assert tuple(np.round(directions(m)[0], 2)) in found
    assert tuple(np.round(np.array([0xE7, 0xEA, 0xEE]) / 255, 2)) in found


def test_large_and_noisy_pictures_stay_small() -> None:
    rng = np.random.default_rng(0)
    m = rng.standard_normal((3, 1, 1500, 1500))
    m /= np.linalg.norm(m, axis=0)
    record = sample.make(magnetization=m, voxel_size=2e-9)
    assert len(sample_picture(record)) <= LARGEST


@pytest.mark.parametrize("shape", [(2, 1, 1), (1, 1, 40), (1, 40, 1), (3, 40, 2), (40, 2, 2)])
def test_odd_sizes_are_drawn(shape: tuple[int, int, int]) -> None:
    m = np.zeros((3, *shape))
    m[1] = 1
    assert sample_picture(sample.make(magnetization=m, voxel_size=(50e-9, 2e-9, 2e-9))).startswith(b"\x89PNG")


@pytest.mark.parametrize("direction", [0, 2])
def test_uniform_volumes_are_drawn(direction: int) -> None:
    m = np.zeros((3, 6, 6, 6))
    m[direction] = 1
    image = pixels(sample_picture(sample.make(magnetization=m, voxel_size=2e-9)))
    right = image[:, 2 * image.shape[1] // 3 :]
    assert (np.ptp(right, axis=-1) > 0.15).mean() > 0.02  # a coloured body at the right


def test_defects_of_a_film_are_ringed() -> None:
    m = np.zeros((3, 1, 60, 60))
    m[2] = 1
    defects = [{"centre": [10e-9, -20e-9], "radius": 15e-9, "kind": "lowered anisotropy"}]
    plain, ringed = (
        pixels(sample_picture(sample.make(magnetization=m, voxel_size=2e-9, features=features)))
        for features in ({}, {"defects": defects})
    )
    yellow = np.array([0xF2, 0xB0, 0x1E]) / 255
    found = [(np.abs(image - yellow).max(axis=-1) < 0.02) for image in (plain, ringed)]
    assert not found[0].any()
    rows, columns = np.nonzero(found[1][:, : found[1].shape[1] // 3])
    # A circle above and left of the middle: rows run downwards in a picture.
    assert np.ptp(rows) == pytest.approx(np.ptp(columns), rel=0.1)
    assert rows.mean() < plain.shape[0] / 2
