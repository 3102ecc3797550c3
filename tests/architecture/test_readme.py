"""What the README and the documents say is true: commands are accepted, links lead somewhere, code runs."""

import importlib.metadata
import re
import shlex
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from reconstructors import registry
from records import ovf, sample, store
from scenarios import cli, request, runner, study_runner
from scenarios.configuration import profiles
from scenarios.domain_walls import SCENARIO
from scenarios.plan import Request
from scenarios.study_plan import StudyRequest
from simulators.samples.textures import labyrinth
from tests.projection_files import write_small_projections
from tests.ptychography_files import write_small_scan

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
README = DOCUMENTS[0].read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def commands() -> Iterator[str]:
    for document in DOCUMENTS:
        for block in blocks(document.read_text(encoding="utf-8"), "sh"):
            yield from filter(None, block.splitlines())


COMMANDS = list(dict.fromkeys(commands()))


def of(program: str, *, run: bool | None = None) -> list[str]:
    found = [command for command in COMMANDS if shlex.split(command)[0] == program]
    return [command for command in found if run is None or (shlex.split(command)[1] == "run") is run]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the files of which the documents speak, once."""
    made = tmp_path_factory.mktemp("documents")
    up = np.zeros((3, 1, 4, 4))
    up[2] = 1
    record = sample.make(magnetization=up, voxel_size=5e-9)
    ovf.write_ovf(record, made / "relaxed.ovf")
    domains = labyrinth((96, 96), pixel_size=5e-9, period=150e-9, wall_width=5e-9, rng=np.random.default_rng(1))
    ovf.write_ovf(sample.make(magnetization=domains[:, None], voxel_size=5e-9), made / "labyrinth.ovf")
    write_small_scan(made / "scan.cxi")
    write_small_projections(made)
    store.save(record, made / "runs" / "demo" / "truth.nc")
    store.write_text(made / "runs" / "demo" / "scorecard.json", '{"schema":1,"config":{},"rows":[],"status":[]}')
    return made


@pytest.fixture
def folder(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand where copies of the files lie, with a cache of its own."""
    shutil.copytree(files, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path


def test_every_command_is_tested() -> None:
    assert set(COMMANDS) == {*of("make"), *of("truespin")}
    assert len(COMMANDS) > 10


@pytest.mark.parametrize("command", of("make"))
def test_make_knows_its_targets(command: str) -> None:
    asked = subprocess.run(["make", "-n", *shlex.split(command)[1:]], cwd=ROOT, capture_output=True, check=False)
    assert asked.returncode == 0, asked.stderr


@pytest.mark.parametrize("command", of("truespin", run=False))
def test_cheap_commands_run(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "_report", lambda directory: directory / "report.html")
    assert cli.call(shlex.split(command)[1:]) == 0


@pytest.mark.parametrize("command", of("truespin", run=True))
def test_runs_are_accepted(command: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Request | StudyRequest] = []

    def begin(request: Request | StudyRequest, **_: object) -> None:
        asked.append(request)
        raise SystemExit(0)

    monkeypatch.setattr(runner, "run", begin)
    monkeypatch.setattr(study_runner, "run_study", begin)
    assert cli.call(shlex.split(command)[1:]) == 0
    (found,) = asked
    name = found.scenario.name if isinstance(found, Request) else found.study.name
    assert name == shlex.split(command)[2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)\)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_readme_is_short_and_its_picture_small() -> None:
    assert len(README.splitlines()) < 200
    assert (ROOT / "docs" / "images" / "domain-walls.png").stat().st_size < 300_000


def test_profiles_are_those_of_the_scenario() -> None:
    header = re.findall(r"^\|.*$", README.split("## Profiles")[1], flags=re.MULTILINE)[0]
    assert re.findall(r"`([^`]+)`", header) == profiles(SCENARIO.text)


def test_rooms_are_those_of_the_house() -> None:
    rooms = re.findall(r"^\| `(\w+)` \|", README.split("## The rooms of the house")[1], flags=re.MULTILINE)
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert rooms
    assert set(rooms) == set(configuration["tool"]["importlinter"]["root_packages"])


def test_ten_lines_relax_a_film(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = blocks(README, "python")
    assert len([line for line in code.splitlines() if line and "import" not in line]) <= 10
    exec(code.replace("128, 128", "32, 32"), {})
    assert capsys.readouterr().out.startswith("converged")
    found = ovf.read_ovf(folder / "relaxed.ovf")
    assert found.sizes["x"] == 32


def test_method_of_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    methods = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    (declared,) = blocks(methods, "toml")
    (code,) = blocks(methods, "python")
    ((group, entries),) = tomllib.loads(declared)["project"]["entry-points"].items()
    ((name, target),) = entries.items()
    module: dict[str, object] = {}
    exec(code, module)
    entry = SimpleNamespace(name=name, load=lambda: module[target.partition(":")[2]])
    found = {group: [entry]}
    monkeypatch.setattr(registry, "entry_points", lambda group: found.get(group, importlib.metadata.EntryPoints()))
    asked = request.request("domain-walls", overrides=[f'reconstruction.methods=["{name}"]'])
    assert name in asked.methods
    assert registry.get(name).name == name
    assert registry.get(name).parameters.second_helicity > registry.get("hapre").parameters.second_helicity
