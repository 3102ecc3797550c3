"""The page: complete, self-contained, the same twice, well-formed, and honest about what is missing."""

import html.parser
import json
import re
import urllib.parse
from pathlib import Path

import pytest

from records.errors import RecordError
from reports.page import write_report
from reports.templating import symbols
from tests.reports.run_directory import write_run

VOID = {"meta", "img", "br", "wbr", "link", "hr", "input"}


class Page(html.parser.HTMLParser):
    """Checks nesting and collects images, headings, addresses."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.images: list[dict[str, str | None]] = []
        self.addresses: list[str] = []
        self.names: list[str] = []
        self.headers: list[dict[str, str | None]] = []
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == [], f"never closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        table = dict(attrs)
        self.addresses += [str(table[name]) for name in ("src", "href", "srcset") if name in table]
        if "id" in table:
            self.names.append(str(table["id"]))
        if tag == "img":
            self.images.append(table)
        if tag == "th":
            self.headers.append(table)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += data


def read(path: Path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


TROUBLE = [("broken", "failed", "exit code 9"), ("picky", "unsupported", "no dark frame")]


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(write_run(tmp_path_factory.mktemp("run"), failed=TROUBLE))


@pytest.fixture(scope="module")
def page(path: Path) -> Page:
    return read(path)


def test_page_lies_in_the_run_directory_and_is_not_large(path: Path) -> None:
    assert path.name == "report.html"
    assert (path.parent / "scorecard.json").is_file()
    assert path.stat().st_size < 6e6
    assert not list(path.parent.glob(".report*")), "nothing temporary is left"


def test_page_needs_nothing_else(path: Path, page: Page) -> None:
    text = path.read_text(encoding="utf-8")
    assert page.addresses
    assert all(address.startswith(("data:", "#")) for address in page.addresses)
    assert "<script" not in text
    assert "@import" not in text
    assert not re.search(r"url\(\s*['\"]?https?:", text)


def test_same_content_gives_the_same_bytes_wherever_it_lies(path: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "elsewhere", failed=TROUBLE)
    assert write_report(other).read_bytes() == path.read_bytes()


def test_every_image_is_described_and_complete(page: Page) -> None:
    assert len(page.images) == 6
    for image in page.images:
        assert len(image["alt"] or "") > 20
        kind, _, data = str(image["src"]).partition(",")
        assert kind == "data:image/svg+xml"
        svg = urllib.parse.unquote(data)
        assert svg.rstrip().endswith("</svg>")
        assert not re.search(r"<dc:date>|href=\"https?:", svg)
        assert "Matplotlib v" not in svg


def test_every_header_cell_says_what_it_heads(page: Page) -> None:
    assert page.headers
    assert all(header.get("scope") in ("col", "row") for header in page.headers)


def test_figures_of_the_paper_are_there(page: Page) -> None:
    assert {"overview", "patterns", "images", "resolution", "walls", "comparison"} <= set(page.names)


def test_what_failed_stays_in_the_table_with_its_reason(page: Page) -> None:
    assert "failed: exit code 9" in page.text
    assert "unsupported: no dark frame" in page.text


def test_flags_and_disagreement_are_said(page: Page) -> None:
    assert "raised second helicity (1 of 1)" in page.text
    assert "no flag raised" in page.text
    assert "Half sets and truth disagree. fth: the half sets promise" in page.text


def test_configuration_and_versions_close_the_page(page: Page) -> None:
    assert page.text.index("wall_width_nm") > page.text.index("Gauge")
    assert "2.5.0" in page.text


@pytest.mark.parametrize(
    "options",
    [
        {"methods": ["hapre+"], "prtf": False},
        {"methods": ["fth"], "halves": False, "prtf": False},
        {"methods": []},
        {"methods": ["fth", "new/chain"]},
    ],
    ids=str,
)
def test_optional_parts_may_be_missing(tmp_path: Path, options: dict[str, object]) -> None:
    page = read(write_report(write_run(tmp_path, **options)))  # type: ignore[arg-type]
    assert "Everything else" in page.text


def test_several_seeds_and_draws_are_averaged(tmp_path: Path) -> None:
    page = read(write_report(write_run(tmp_path, seeds=(3, 4), draws=2, methods=["fth"])))
    assert "standard deviation over 4 pairs" in page.text
    assert "Figures show seed 3, draw 0" in page.text


def test_run_without_a_single_result_still_has_a_page(tmp_path: Path) -> None:
    place = {"scenario": "domain-walls", "profile": "quick", "seed": 0, "draw": 0, "method": "fth"}
    status = [{**place, "state": "time limit", "reason": "after 5 s", "sweep": {}}]
    content = {"schema": 1, "config": {"run": {"scenario": "domain-walls"}}, "rows": [], "status": status}
    (tmp_path / "scorecard.json").write_text(json.dumps(content))
    page = read(write_report(tmp_path))
    assert "time limit: after 5 s" in page.text
    assert page.images == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"schema": 7}', '{"schema": 1, "config": {}, "rows": [{"a": 1}], "status": []}']
)
def test_foreign_or_truncated_scorecard_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "scorecard.json").write_text(text)
    with pytest.raises(RecordError) as caught:
        write_report(tmp_path)
    assert "\n" not in str(caught.value)
    assert "scorecard.json" in str(caught.value)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("name", ["scored/fth/0.nc", "reconstructions/fth/0.nc", "resources.json"])
def test_damaged_file_is_one_line(tmp_path: Path, name: str) -> None:
    run = write_run(tmp_path, methods=["fth"])
    whole = (run / name).read_bytes()
    (run / name).write_bytes(whole[: len(whole) // 3])
    with pytest.raises(RecordError) as caught:
        write_report(run)
    assert "\n" not in str(caught.value)
    assert name in str(caught.value)


def test_nothing_foreign_becomes_markup(tmp_path: Path) -> None:
    run = write_run(tmp_path, methods=["fth"], failed=[("<b>", "failed", "<script>alert(1)</script>")])
    text = write_report(run).read_text(encoding="utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_symbol_is_set_and_the_rest_escaped() -> None:
    assert symbols("m_z < 1") == "<i>m</i><sub>z</sub> &lt; 1"
