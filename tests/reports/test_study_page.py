"""The page of a study: complete, well-formed, the same twice, and honest about what is missing."""

import re

import pytest

from records.errors import RecordError
from reports.page import write_report
from reports.studies import load_study
from reports.summary import Headline
from tests.reports.run_directory import write_run
from tests.reports.study_directory import write_study
from tests.reports.test_page import Page, read


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    return read(write_report(write_study(tmp_path_factory.mktemp("study"))))


def test_page_shows_numbers_figures_and_finding(page: Page) -> None:
    assert [image["alt"] is not None for image in page.images] == [True, True]
    assert all(str(image["src"]).startswith("data:image/svg+xml,") for image in page.images)
    text = " ".join(page.text.split())
    for part in (
        "Pinning map",
        "profile quick, seed 4, 30 points",
        "From 3 random states",
        "5.11",
        "+0.91",
        "\u22120.87",
        "Keff = \u221281 kJ/m\u00b3 down: the disc has then lost its easy axis",
        "mz falls with lower Keff and with higher D",
        "at most 1.7 %",
        "points, part 1 of 1",
    ):
        assert part in text
    assert "nan" not in text.lower().replace("nanometre", "")
    assert "are done" not in text


def test_same_files_give_the_same_page(tmp_path_factory: pytest.TempPathFactory) -> None:
    pages = [write_report(write_study(tmp_path_factory.mktemp(name))).read_bytes() for name in "ab"]
    assert pages[0] == pages[1]


def test_what_is_not_done_is_said(tmp_path_factory: pytest.TempPathFactory) -> None:
    page = read(write_report(write_study(tmp_path_factory.mktemp("study"), failed=25)))
    text = " ".join(page.text.split())
    assert "5 of 30 points are done." in text
    assert text.count("time limit") == 20
    assert "5 more" in text


@pytest.mark.parametrize(
    ("parts", "images"), [({"walls": False}, 2), ({"done": False}, 0), ({"whole": False, "failed": 30}, 0)]
)
def test_parts_that_are_missing(tmp_path_factory: pytest.TempPathFactory, parts: dict[str, bool], images: int) -> None:
    page = read(write_report(write_study(tmp_path_factory.mktemp("study"), **parts)))
    assert len(page.images) == images
    assert ("no figure" in page.text or "No point" in page.text) == (images == 0)


def test_a_study_without_a_story_has_its_numbers(tmp_path_factory: pytest.TempPathFactory) -> None:
    page = read(write_report(write_study(tmp_path_factory.mktemp("study"), name="other-study")))
    assert page.images == []
    assert "Other study" in page.text
    assert re.search(r"wall width δ\s*5.11\s*nm", page.text)


def test_headlines_leave_out_what_is_not_known(tmp_path_factory: pytest.TempPathFactory) -> None:
    from reports.pinning import STORY

    results = load_study(write_study(tmp_path_factory.mktemp("study"), whole=False))
    assert STORY.headlines(results) == ()
    results = load_study(write_study(tmp_path_factory.mktemp("study")))
    shown = STORY.headlines(results)
    assert len(shown) == 5
    assert Headline("rank correlation with D", "\u22120.87", "", "mean of the starts, at the film\u2019s Keff") in shown


def test_files_of_another_sort(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = write_study(tmp_path_factory.mktemp("study"))
    (folder / "study.nc").write_bytes(b"no netCDF")
    with pytest.raises(RecordError, match=r"study\.nc"):
        write_report(folder)
    with pytest.raises(RecordError, match="is that of an experiment; expected a study"):
        load_study(write_run(tmp_path_factory.mktemp("run"), methods=("fth",)))
