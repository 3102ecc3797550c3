import tomllib

import pytest
from pydantic import Field

from scenarios.configuration import InputError, Table, choose, echo, profiles, resolve


class Optics(Table):
    visibility: float = Field(gt=0, le=1)
    pixels: int = 512
    stops: list[float] = Field(default_factory=lambda: [1.0])
    kind: str = "rough"
    note: float | None = None


class Detector(Table):
    photons: float = Field(gt=0)
    more: dict[str, dict[str, float]] = Field(default_factory=dict)


class Configuration(Table):
    optics: Optics
    detector: Detector


TEXT = """
[optics]
visibility = 0.9
[detector]
photons = 5e9
[profile.quick]
[profile.paper.optics]
pixels = 2048
"""


def resolved(*overrides, profile="quick"):
    return resolve(Configuration, TEXT, profile=profile, overrides=overrides)


def test_profile_changes_only_its_keys():
    assert resolved(profile="paper").optics.pixels == 2048
    assert resolved(profile="paper").optics.visibility == resolved().optics.visibility == 0.9
    assert profiles(TEXT) == ["quick", "paper"]


def test_overrides_win_and_take_bare_text():
    result = resolved("optics.pixels=1024", "optics.kind=smooth edge", "optics.stops=[2, 3.5]", "optics.pixels=256")
    assert (result.optics.pixels, result.optics.kind, result.optics.stops) == (256, "smooth edge", [2.0, 3.5])


def test_echo_resolves_to_the_same():
    first = resolved('optics.kind=a "quoted\\\\ text"', "detector.more={fth={steps=3}, 'hapre+'={x=1}}")
    assert resolve(Configuration, echo(first) + "[profile.any]\n", profile="any") == first
    assert "note" not in tomllib.loads(echo(first))["optics"]


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("optics.visibilty=0.5", "did you mean optics.visibility?"),
        ("optix.visibility=0.5", "did you mean optics?"),
        ("optics.visibility=0", "optics.visibility is 0; allowed: greater than 0"),
        ("optics.visibility=nan", "optics.visibility is nan; allowed: a finite number"),
        ("optics.visibility=inf", "optics.visibility is inf; allowed: "),
        ("optics.visibility=high", "optics.visibility is 'high'; allowed: "),
        ("optics.pixels=51.5", "optics.pixels is 51.5; allowed: "),
        ("optics.pixels=true", "optics.pixels is True; allowed: "),
        ("detector.photons=-1", "detector.photons is -1; allowed: greater than 0"),
        ("visibility=0.5", "table.key=value"),
        ("optics.visibility", "table.key=value"),
        ("optics.stops.first=3", "optics.stops"),
    ],
)
def test_complaints_are_one_line(override, told):
    with pytest.raises(InputError) as error:
        resolved(override)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_profile_names_the_nearest():
    with pytest.raises(InputError, match=r"unknown profile 'papper'; did you mean 'paper'\? allowed: quick, paper"):
        resolved(profile="papper")


def test_choose_without_a_near_name():
    with pytest.raises(InputError, match=r"unknown method 'zzz'; allowed: fth, hapre"):
        choose("method", "zzz", ["fth", "hapre"])
