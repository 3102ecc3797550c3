"""Positions of a scan and what a stage adds to them."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from numerics.streams import stream
from simulators.beamline.scan import position_errors, raster, scan_lines, spiral

STEP = 40e-9


def test_raster_runs_line_by_line_about_zero() -> None:
    places = raster(3, 5, step=STEP)
    assert places.shape == (15, 2)
    assert np.allclose(places.mean(0), 0)
    assert np.allclose(places[:5, 0], -STEP)
    assert np.allclose(np.diff(places[:5, 1]), STEP)
    assert np.allclose(places[5], [0, -2 * STEP])
    back = raster(3, 5, step=STEP, serpentine=True)
    assert np.allclose(np.abs(np.diff(back, axis=0)).sum(1), STEP)


@pytest.mark.parametrize(("distribution", "rms", "most"), [("uniform", 1 / np.sqrt(3), 1.0), ("gaussian", 1.0, 5.0)])
def test_jitter_has_its_width(distribution: str, rms: float, most: float) -> None:
    width = 6e-9
    nominal = raster(60, 60, step=STEP)
    off = raster(60, 60, step=STEP, jitter=width, distribution=distribution, rng=stream(3, "scan")) - nominal
    assert off.std(axis=0) / width == pytest.approx([rms, rms], rel=0.05)
    assert np.abs(off).max() <= most * width
    assert np.abs(off.mean(0)).max() < 0.1 * width


def test_spiral_covers_one_step_squared_per_position() -> None:
    places = spiral(900, step=STEP)
    radius = np.hypot(*places.T)
    assert np.all(np.diff(radius) > 0)
    assert np.pi * radius[-1] ** 2 / 899 == pytest.approx(STEP**2, rel=1e-6)
    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    assert nearest.min() > 0.5 * STEP  # the first two, in the middle
    assert np.median(nearest) == pytest.approx(STEP, rel=0.1)


def test_scan_lines_sort_any_positions_in_time() -> None:
    places = raster(6, 7, step=STEP)
    shuffled = stream(1, "order").permutation(places)
    assert np.allclose(shuffled[scan_lines(shuffled, line=STEP)], places)
    serpentine = raster(6, 7, step=STEP, serpentine=True)
    assert np.allclose(shuffled[scan_lines(shuffled, line=STEP, serpentine=True)], serpentine)


def test_errors_are_none_by_default_and_of_the_stated_kinds() -> None:
    places = raster(30, 30, step=STEP)
    assert not position_errors(places, rng=stream(2, "stage")).any()
    jitter = position_errors(places, rng=stream(2, "stage"), jitter=10e-9)
    assert jitter.std(axis=0) == pytest.approx([10e-9, 10e-9], rel=0.1)
    scale = np.array([[1.01, 0.002], [-0.002, 1.01]])
    affine = position_errors(places, rng=stream(2, "stage"), affine=scale)
    assert np.allclose(places + affine, places @ scale.T)


def test_drift_is_a_walk_that_ends_with_its_rms() -> None:
    places = raster(5, 20, step=STEP)
    ends = np.array(
        [position_errors(places, rng=stream(seed, "stage"), drift=20e-9)[[0, 50, -1]] for seed in range(300)]
    )
    assert not ends[:, 0].any()
    assert ends[:, 2].std(axis=0) == pytest.approx([20e-9, 20e-9], rel=0.15)
    assert ends[:, 1].std(axis=0) == pytest.approx([20e-9 * np.sqrt(50 / 99)] * 2, rel=0.15)


def test_backlash_stays_behind_the_last_move() -> None:
    places = raster(4, 6, step=STEP, serpentine=True)
    off = position_errors(places, rng=stream(2, "stage"), backlash=8e-9)
    assert np.allclose(off[1:6, 1], -4e-9)
    assert np.allclose(off[6, 1], -4e-9)  # the step to the next line moves y alone
    assert np.allclose(off[7:12, 1], 4e-9)
    assert np.allclose(off[6:, 0], -4e-9)
    assert not off[0].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: raster(0, 3, step=STEP), "rows is 0; allowed: from 1"),
        (lambda: raster(3, 3, step=0.0), "step is 0.0 m; allowed: above 0"),
        (lambda: raster(3, 3, step=STEP, jitter=1e-9), "rng is None; allowed with a jitter"),
        (lambda: raster(3, 3, step=STEP, distribution="flat"), "distribution is 'flat'; allowed: uniform, gaussian"),
        (lambda: spiral(0, step=STEP), "count is 0; allowed: from 1"),
        (
            lambda: position_errors(raster(2, 2, step=STEP), rng=stream(1), drift=-1.0),
            "drift is -1.0 m; allowed: from 0",
        ),
        (
            lambda: position_errors(raster(2, 2, step=STEP), rng=stream(1), affine=np.eye(3)),
            r"affine has shape \(3, 3\); allowed: \(2, 2\)",
        ),
    ],
)
def test_impossible_scans_are_refused(call, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()
