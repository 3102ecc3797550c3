"""The rules of the house, held against the sources."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("numerics", "optics", "records", "simulators", "reconstructors", "validation", "reports", "scenarios")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TEXTS = [path for room in ROOMS for path in (ROOT / room).rglob("*") if path.suffix in (".py", ".toml", ".j2", ".css")]
LONGEST = 400

TRANSFORMS = ("numpy.fft", "scipy.fft", "scipy.fftpack", "finufft", "pyfftw", "mkl_fft", "ducc0", "cupy.fft")
CALLERS = {ROOT / "numerics" / "fourier.py": set(TRANSFORMS), ROOT / "numerics" / "nonuniform.py": {"finufft"}}
"""Who may call which transform libraries."""


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(module: ast.Module) -> Iterator[str]:
    """Yield the full names of everything that a module imports, inside of functions too."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def transforms_used(module: ast.Module) -> set[str]:
    """Return the transform libraries that a module imports or reaches through attributes (``np.fft``)."""
    names = set(imports(module))
    names |= {dotted(node) for node in ast.walk(module) if isinstance(node, ast.Attribute)}
    full = {re.sub(r"^np\.", "numpy.", item) for item in names}
    return {library for library in TRANSFORMS for item in full if f"{item}.".startswith(f"{library}.")}


def test_import_contracts() -> None:
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_only_fourier_and_nonuniform_call_a_transform_library(path: Path) -> None:
    assert transforms_used(tree(path)) <= CALLERS.get(path, set())


@pytest.mark.parametrize(
    "text",
    [
        "import numpy.fft",
        "from numpy import fft",
        "import scipy.fft as f",
        "from scipy.fft import fft2",
        "import numpy as np\nnp.fft.fft2(1)",
        "def f():\n    import finufft",
    ],
)
def test_the_scan_finds_transforms(text: str) -> None:
    assert transforms_used(ast.parse(text))


@pytest.mark.parametrize("path", [path for path in SOURCES if path.is_relative_to(ROOT / "reconstructors")], ids=name)
def test_reconstructors_never_see_truth(path: Path) -> None:
    rooms = {item.split(".")[0] for item in imports(tree(path))}
    assert not rooms & {"simulators", "validation", "reports", "scenarios"}
    assert "records.truth" not in set(imports(tree(path)))


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_is_typed_and_packaged(room: str) -> None:
    assert (ROOT / room / "py.typed").is_file()
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    listed = set(settings["tool"]["setuptools"]["packages"])
    found = {name(path.parent).replace("/", ".") for path in (ROOT / room).rglob("*.py")}
    assert found <= listed
    assert all((ROOT / package.replace(".", "/") / "__init__.py").is_file() for package in found)


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_every_module_says_what_it_holds(path: Path) -> None:
    assert ast.get_docstring(tree(path))


@pytest.mark.parametrize("path", [*SOURCES, *TESTS], ids=name)
def test_files_stay_small(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST
    assert path.name not in ("utils.py", "util.py", "helpers.py", "misc.py")


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_no_path_of_a_machine(path: Path) -> None:
    found = re.findall(r"(?<![\w./:<])/(?:home|root|work|tmp|Users|mnt|opt)/\w+", path.read_text(encoding="utf-8"))
    assert not found


def test_constraints_pin_every_requirement() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*settings["dependencies"], *settings["optional-dependencies"]["dev"]]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all(re.fullmatch(r'[\w.-]+==[\w.]+(; python_version (>=|<) "3\.12")?', pin) for pin in pins)
    pinned = {pin.split("==")[0].lower() for pin in pins}
    assert {re.split(r"[<>=!~\[; ]", item)[0].lower() for item in wanted} <= pinned
