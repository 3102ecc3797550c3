"""The page on pairs: every source is named, and what is not reached is not given as a number."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from records import scorecard as scorecards
from records import store
from records.scorecard import Row, Scorecard, Status
from reports.figure_hedgehog_pairs import curve_label, draw_curves, draw_pairs
from reports.page import write_report
from reports.style import context, to_svg
from scenarios.hedgehog_pairs_curve import Logistic
from tests.reports.test_page import read

CURVES = ("truth", "projections.1e3", "frames.2.5e6")


def study() -> xr.Dataset:
    """Return three curves of three separations: one is reached, one is not, one is reached everywhere."""
    s = np.tile([5e-9, 10e-9, 20e-9], 3)
    hits = np.array([0, 100, 100, 0, 10, 40, 100, 100, 100])
    share, nan = hits / 100, np.nan
    slices = np.zeros((4, 3, 31, 61), np.float32)
    slices[:, 2] = 1
    return xr.Dataset(
        {
            "source": ("curve", ["truth", "projections", "frames"]),
            "photons": ("curve", [0.0, 1e3, 2.5e6]),
            "reach": (("curve", "end"), np.array([[8e-9, 5e-9, 10e-9], [nan, 20e-9, np.inf], [nan, -np.inf, 5e-9]])),
            "centre": ("curve", np.array([7e-9, 18e-9, nan])),
            "width": ("curve", np.array([0.04, 0.25, nan])),
            "lapse": ("curve", np.array([0.0, 0.5, nan])),
            "tested_curve": ("tested", np.repeat([0, 1, 2], 3)),
            "tested_separation": ("tested", s),
            "tested_hits": ("tested", hits),
            "tested_count": ("tested", np.full(9, 100)),
            "tested_low": ("tested", np.maximum(share - 0.05, 0)),
            "tested_high": ("tested", np.minimum(share + 0.05, 1)),
            "slice": (("picture", "component", "across", "along"), slices),
            "slice_curve": ("picture", [-1, 0, 1, 1]),
            "slice_separation": ("picture", [5e-9, 5e-9, 5e-9, 10e-9]),
            "slice_recovered": ("picture", np.array([0, 0, 0, 1], np.int8)),
            "slice_charges": (("picture", "surface"), np.array([[0, 0, 0], [0, 0, 0], [-1, 0, -1], [0, 1, -1]])),
            "across": ("across", (np.arange(31) - 15) * 1e-9),
            "along": ("along", (np.arange(61) - 30) * 1e-9),
        },
        coords={"curve": list(CURVES), "end": ["value", "low", "high"], "surface": ["whole", "plus", "minus"]},
        attrs={"record": "study", "study": "hedgehog-pairs", "success": 0.95, "pixel_size": 5e-9},
    )


@pytest.mark.parametrize(
    ("index", "label"),
    [
        (-1, "sample"),
        (0, "truth at the voxel"),
        (1, "projections, $10^{3}$ per pixel"),
        (2, "frames of photons, 2.5\u00b7$10^{6}$ per frame"),
    ],
)
def test_curves_have_names(index: int, label: str) -> None:
    assert curve_label(study(), index) == label


def test_figures_say_what_is_not_reached() -> None:
    with context():
        curves, pairs = (to_svg(draw(study())).decode() for draw in (draw_curves, draw_pairs))
    assert "not up to 20 nm" in curves
    assert "from 5 nm, the least tried" in curves
    assert "8.0" in curves
    assert "0, \u22121, both \u22121" in pairs
    assert "told apart" in pairs


def test_the_drawn_curve_is_the_fitted_one() -> None:
    with context():
        figure = draw_curves(study())
    assert figure is not None
    drawn = [line for line in figure.axes[0].lines if len(line.get_xdata()) > 100]
    for line, fitted in zip(drawn, (Logistic(7e-9, 0.04, 0.0), Logistic(18e-9, 0.25, 0.5)), strict=True):
        np.testing.assert_allclose(line.get_ydata(), 100 * fitted(1e-9 * np.asarray(line.get_xdata())), atol=1e-9)


def test_a_curve_of_one_separation_has_a_number_on_its_axis() -> None:
    one = study().isel(tested=[1, 4, 7])
    one["tested_separation"] = one["tested_separation"] * 1.83
    with context():
        figure = draw_curves(one)
    assert figure is not None
    assert [text.get_text() for text in figure.axes[0].get_xticklabels()] == ["18.3"]


def test_slices_of_near_separations_are_kept_apart() -> None:
    """Lengths are far below any absolute tolerance that is meant for numbers near one."""
    with context():
        figure = draw_pairs(study())
        assert figure is not None
        titles = [axes.get_title(loc="left") for axes in figure.axes if axes.get_title(loc="left")]
        said = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert titles == ["5 nm", "10 nm"]
    assert said.count("told apart") == 1


def test_no_slices_no_picture() -> None:
    assert draw_pairs(study().drop_vars("slice")) is None


def test_page_gives_no_number_where_none_is(tmp_path: Path) -> None:
    store.save(study(), tmp_path / "study.nc")
    place = {"scenario": "hedgehog-pairs", "profile": "quick", "seed": 0, "draw": 0, "method": "study"}
    asked = "95 % of the pairs recovered; "
    metrics = (
        ("separation_95.truth", 8e-9, "m", asked + "interval 5 to 10 nm"),
        ("separation_95.projections.1e3", None, "m", asked + "not reached: 40 of 100 at 20 nm"),
        ("success.10nm.truth", 1.0, "1", "100 of 100 pairs"),
        ("success.10nm.frames.2.5e6", 0.5, "1", "50 of 100 pairs"),
    )
    rows = tuple(Row(**place, metric=m, value=v, unit=u, criterion=c) for m, v, u, c in metrics)
    config = {
        "sample": {"block_nm": [100.0, 240.0, 240.0], "cells": [2, 5, 5], "share": 0.26},
        "optics": {"pixel_nm": 5.0},
        "reconstruction": {"method": "vector+"},
        "run": {"scenario": "hedgehog-pairs", "sort": "study", "profile": "quick", "seeds": [0], "points": 3},
    }
    scorecards.save(Scorecard(config, rows, (Status(**place, state="done"),)), tmp_path / "scorecard.json")
    page = read(write_report(tmp_path))
    text = " ".join(page.text.split())
    assert "50 pairs of a hedgehog" in text
    assert "not reached: 40 of 100 at 20 nm" in text
    assert "100 % in truth at the voxel; 50 % in frames of photons, 2.5e6 photons per frame" in text
    assert len(page.images) == 2
