"""The page of a ptychographic run: what is on it, and that it holds up where something is missing."""

import re
from pathlib import Path

import numpy as np
import pytest

from reports import figure_convergence, figure_object, figure_probe, figure_reconstruction, figure_scan
from reports.page import write_report
from reports.results import load
from tests.reports import ptychography_directory


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return ptychography_directory.write(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="module")
def page(run: Path) -> bytes:
    return write_report(run).read_bytes()


def test_page_shows_every_part(page: bytes) -> None:
    text = page.decode()
    for name in ("overview", "objects", "magnetic", "probe", "scan", "convergence"):
        assert f'<figure id="{name}">' in text, name
    for heading in ("Object error", "Magnetic error", "Probe error", "Faults: recall"):
        assert heading in text
    assert "behind the focus of a zone plate" in text
    assert not re.search(r"\bnan\b", re.sub(r"data:image[^\"]*", "", text))


def test_same_files_give_the_same_page(run: Path, page: bytes) -> None:
    assert write_report(run).read_bytes() == page


def test_the_best_method_leads(run: Path) -> None:
    assert load(run).lead == "rpie+"


def test_failed_method_stays_in_the_table(tmp_path: Path) -> None:
    folder = ptychography_directory.write(tmp_path, failed="rpie+")
    text = write_report(folder).read_text(encoding="utf-8")
    assert "failed: it was told to" in text
    assert load(folder).lead == "rpie"


def test_every_figure_is_drawn(run: Path) -> None:
    results = load(run)
    for draw in (
        figure_object.draw_overview,
        figure_object.draw_objects,
        figure_object.draw_magnetic,
        figure_probe.draw,
        figure_scan.draw,
        figure_convergence.draw,
    ):
        assert draw(results) is not None


def test_hue_of_a_complex_image_follows_the_phase() -> None:
    y, x = np.mgrid[-8:8, -8:8]
    wave = np.exp(1j * np.arctan2(y + 0.5, x + 0.5))
    image = figure_probe.complex_image(wave)
    assert image.shape == (16, 16, 3)
    assert 0 <= image.min() <= image.max() <= 1
    right, left = image[8, 15], image[8, 0]
    assert np.abs(right - left).max() > 0.3
    np.testing.assert_allclose(figure_probe.complex_image(np.zeros((4, 4), complex)).std((0, 1)), 0, atol=1e-12)


def test_picture_without_a_truth(run: Path, tmp_path: Path) -> None:
    from records import store

    found = store.load(run / "reconstructions" / "rpie+" / "0.nc")
    for name in ("result.png", "result.svg"):
        figure_reconstruction.save(found, tmp_path / name)
        assert (tmp_path / name).stat().st_size > 10_000
    figure_reconstruction.save(found.drop_vars("magnetic"), tmp_path / "one.png")
