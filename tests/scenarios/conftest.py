"""A fake scenario and a fake study, known here and in the subprocesses, and a cache of its own for every test."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import reconstructors
from scenarios import cache, catalogue, cells

HERE = Path(__file__).parent
SITE = """
import sys
sys.path.insert(0, {here!r})
from scenarios import catalogue
catalogue.NAMES = {{**catalogue.NAMES, "fake": "fake_scenario", "fake-study": "fake_study", "fake-sweep": "fake_sweep",
    "fake-chain": "fake_chain"}}
"""
METHODS = ("plain", "single", "sleep", "memory", "crash", "exit", "bug", "refuse", "value", "disk", "image", "volume")
READS = {"image": "ptychography", "volume": "projections"}


@dataclass(frozen=True)
class Parameters:
    steps: int = 3
    start: str = "support"


@dataclass(frozen=True)
class OneStep:
    """What a method has that does not iterate."""

    focus: float = 0.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TRUESPIN_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("TRUESPIN_DEBUG", raising=False)
    cache.code_version.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def fake(tmp_path, monkeypatch):
    """Know the scenario ``fake``, its methods and the study ``fake-study``, here and in the cells."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SITE.format(here=str(HERE)))
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{HERE.parent.parent}")
    monkeypatch.syspath_prepend(str(HERE))
    known = {**catalogue.NAMES, "fake": "fake_scenario", "fake-study": "fake_study", "fake-sweep": "fake_sweep"}
    known["fake-chain"] = "fake_chain"
    monkeypatch.setattr(catalogue, "NAMES", known)
    registry = ModuleType("reconstructors.registry")
    registry.names = lambda: list(METHODS)
    registry.get = lambda name: SimpleNamespace(
        accepts=READS.get(name, "holography"),
        parameters=OneStep() if name == "single" else Parameters(),
        knowledge=("support",),
        summary="nothing at all",
        solve=SimpleNamespace,
    )
    monkeypatch.setitem(sys.modules, "reconstructors.registry", registry)
    monkeypatch.setattr(reconstructors, "registry", registry, raising=False)
    return tmp_path


@pytest.fixture
def in_process(fake, monkeypatch):
    """Do the cells here: quick, and countable; gives the kinds of the stages that were computed."""
    done = []

    def compute(stages, *, time_limit, memory_limit, tick, stop):
        missing = [stage for stage in stages if cells.cache.find(stage.key) is None]
        done.extend(stage.kind for stage in missing)
        return cells.Outcome(**cells._attempt(missing), cached=not missing)

    monkeypatch.setattr(cells, "run", compute)
    return done
