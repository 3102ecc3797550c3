"""Parameters of methods, as a person gives them: the right kinds only."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from scenarios import tuning
from scenarios.configuration import InputError


@dataclass(frozen=True)
class Stage:
    steps: int
    beta: float = 0.9


@dataclass(frozen=True)
class Parameters:
    start: str = "support"
    steps: int = 5
    reach: float = 1e-6
    free: bool = False
    search: tuple[int, int] = (50, 10)
    stages: tuple[Stage, ...] = (Stage(3), Stage(4))

    def __post_init__(self):
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}; allowed: from 1")


@pytest.fixture(autouse=True)
def methods(monkeypatch):
    from reconstructors import registry

    known = {"any": SimpleNamespace(parameters=Parameters()), "single": SimpleNamespace(parameters=Stage(1))}
    monkeypatch.setattr(registry, "get", known.__getitem__)


def test_values_take_the_kind_of_the_defaults():
    assert tuning.tuned("any", {}) == Parameters()
    found = tuning.tuned(
        "any", {"start": "random", "reach": 2, "free": True, "search": [7, 8], "stages": [{"beta": 1}]}
    )
    assert found == Parameters("random", 5, 2.0, True, (7, 8), (Stage(3, 1.0),))
    assert isinstance(found.reach, float)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepps": 1}, "unknown parameter of any 'stepps'; did you mean 'steps'?"),
        ({"steps": 1.5}, "reconstruction.parameters.any.steps is 1.5; allowed: a whole number"),
        ({"steps": True}, "steps is True; allowed: a whole number"),
        ({"steps": 0}, "reconstruction.parameters.any: steps is 0; allowed: from 1"),
        ({"reach": "far"}, "reach is 'far'; allowed: a finite number"),
        ({"reach": float("nan")}, "reach is nan; allowed: a finite number"),
        ({"free": 1}, "free is 1; allowed: true or false"),
        ({"start": 3}, "start is 3; allowed: a text"),
        ({"search": 7}, "search is 7; allowed: a list"),
        ({"search": [7, "x"]}, "search is 'x'; allowed: a whole number"),
        ({"stages": [7]}, "stages is 7; allowed: a table"),
        ({"stages": [{"step": 7}]}, "unknown key of reconstruction.parameters.any.stages 'step'"),
    ],
)
def test_wrong_values(values, message):
    with pytest.raises(InputError) as caught:
        tuning.tuned("any", values)
    assert message in str(caught.value)


def test_who_starts_at_random():
    assert tuning.starts_at_random("any")
    assert not tuning.starts_at_random("single")
    assert not tuning.starts_at_random("floor")


def test_controls_have_no_parameters():
    assert tuning.tuned("floor", {}) is None
    with pytest.raises(InputError, match="unknown parameter of floor 'x'"):
        tuning.tuned("floor", {"x": 1})
