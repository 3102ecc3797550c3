"""The scenarios by name, and what a scenario module offers.

- `NAMES`: every scenario and its module; `look_up`: one of them, an experiment or a study.
- `Scenario`: what the runner and the command line need to know of an experiment (of a study: `study.Study`).
- `single`: the points of an experiment that is done once.
- `Configuration`, `Reconstruction`: the tables every scenario has.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from scenarios.configuration import Table, choose, shipped
from scenarios.controls import COMMON
from scenarios.study import Study

NAMES: Mapping[str, str] = {
    "domain-walls": "scenarios.domain_walls",
    "dose": "scenarios.dose",
    "ptychography": "scenarios.ptychography",
    "superlattice": "scenarios.superlattice",
    "pinning": "scenarios.pinning",
    "pinning-map": "scenarios.pinning_map",
    "hedgehog-survival": "scenarios.hedgehog_survival",
    "hedgehog-pairs": "scenarios.hedgehog_pairs",
}

Work = Callable[[Mapping[str, Any], Mapping[str, Path], Path], None]
Point = Mapping[str, str | int | float]
"""The swept parameters of one point, as they stand in the rows; empty where nothing is swept."""

POOL = "pool"
"""The stage that looks at all points of a seed, a draw and a method together."""


class Reconstruction(Table):
    """What is reconstructed, and within which limits; the limits do not enter any result."""

    methods: list[str] = Field(min_length=1)
    halves: bool = True
    prtf_starts: int = Field(default=0, ge=0)
    time_limit_s: float = Field(gt=0)
    memory_limit_gb: float = Field(gt=0)
    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Configuration(Table):
    """The tables of a scenario; each scenario adds its own."""

    reconstruction: Reconstruction


def single(configuration: Any) -> Sequence[Point]:
    """Return the one point of an experiment that sweeps nothing."""
    return ({},)


@dataclass(frozen=True)
class Scenario:
    """A named experiment, done once or at every point of a sweep: fields of the same sample, doses.

    Parameters
    ----------
    name : str
        As on the command line.
    summary : str
        One line.
    configuration : type
        The model of the tables.
    kind : str
        Kind of the measurements it makes; methods that accept another kind are refused.
    work : mapping of str to callable
        The stages ``expected``, ``measurement``, ``score`` and ``truth``: functions of (arguments, input folders,
        folder to fill). An experiment with a sweep has the stage ``pool`` too: it is told the ``points`` that are done
        and reads ``expected``, ``measurement``, ``reconstruct`` and ``score`` of each, their names ended by a dash and
        the point's place in that list; it writes `stages.POOLED` and `stages.ROWS`.
    rooms : mapping of str to tuple of str
        Modules whose sources each of these stages uses.
    simulated : tuple of str
        Tables that the simulation reads.
    scored : tuple of str
        Tables that the scoring reads.
    warnings : callable, optional
        Of (configuration, path): reads a third party's sample, returns what its owner should know. None: the scenario
        images its own samples only.
    points : callable
        Of the configuration: the points of the sweep, each once.
    sample : callable, optional
        Of the configuration: all that the sample of a seed depends on, which the stage ``sample`` is told beside the
        ``seed``. Its folder is an input of ``expected`` at every point. None: there is no such stage.
    varies : callable
        Of the configuration: the first stage that differs from point to point, ``"expected"`` or ``"measurement"``; it
        and those behind it are told the ``point``.
    chain : callable, optional
        Of the configuration: the kinds of measurement that a chain of methods reads, first to last. None: methods are
        single ones that read `kind`.
    parts : callable
        Of the configuration: the groups of projections that the first method of a chain does, each in a subprocess of
        its own: the stages ``frames`` (simulate them) and ``images`` (the method), then ``projections``, which makes
        one measurement of all images. Such an experiment has no stage ``measurement``. Empty: no chains.
    controls : tuple of str
        Of its tables, by the names of `controls.CONTROLS`.
    truth_stage : {"expected", "measurement"}
        The stage that writes the truth: the second where each measurement has accidents of its own.
    """

    name: str
    summary: str
    configuration: type[Configuration]
    kind: str
    work: Mapping[str, Work]
    rooms: Mapping[str, tuple[str, ...]]
    simulated: tuple[str, ...] = ("sample", "optics", "detector")
    scored: tuple[str, ...] = ("scoring",)
    warnings: Callable[[Any, Path], list[str]] | None = None
    points: Callable[[Any], Sequence[Point]] = single
    sample: Callable[[Any], Mapping[str, Any]] | None = None
    varies: Callable[[Any], str] = lambda configuration: "expected"
    chain: Callable[[Any], tuple[str, ...]] | None = None
    parts: Callable[[Any], Sequence[tuple[int, ...]]] = lambda configuration: ()
    controls: tuple[str, ...] = COMMON
    truth_stage: str = "expected"

    @property
    def text(self) -> str:
        """The TOML text with the defaults and the profiles."""
        return shipped(self.name)

    def kinds(self, configuration: Any) -> tuple[str, ...]:
        """Return the kinds of measurement that a chain of methods reads, first to last."""
        return (self.kind,) if self.chain is None else self.chain(configuration)

    def pools(self, configuration: Any) -> bool:
        """Return whether there are points to look at together."""
        return POOL in self.work and any(self.points(configuration))


def look_up(name: str) -> Scenario | Study:
    """Return the scenario `name`: its module's ``SCENARIO`` or ``STUDY``.

    Raises
    ------
    InputError
        If there is none; names the nearest.
    """
    module = importlib.import_module(NAMES[choose("scenario", name, NAMES)])
    found = module.SCENARIO if hasattr(module, "SCENARIO") else module.STUDY
    assert isinstance(found, Scenario | Study)
    return found
