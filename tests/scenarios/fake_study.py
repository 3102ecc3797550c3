"""A study whose points take no time and misbehave on demand: the table ``film`` names the behaviour of a width."""

import json

from fake_scenario import behave
from pydantic import Field

from scenarios import stages
from scenarios.configuration import Table
from scenarios.stages import POINT, ROWS, write_rows
from scenarios.study import Point, Study, StudyConfiguration


class Film(Table):
    offset: float = 0.0


class Sweep(Table):
    widths: list[int]
    behaviour: dict[str, str] = Field(default_factory=dict)


class FakeStudy(StudyConfiguration):
    film: Film
    sweep: Sweep


def points(configuration):
    """Sweep over widths; how a point misbehaves is one of its values."""
    sweep = configuration.sweep
    return [
        Point("width", {"width": width, "behaviour": sweep.behaviour.get(str(width), "sound")})
        for width in sweep.widths
    ]


def width(arguments, inputs, folder):
    point = arguments["point"]
    behave(point["behaviour"])
    value = point["width"] + arguments["configuration"]["film"]["offset"] + arguments["seed"]
    (folder / POINT).write_text(json.dumps(value))
    write_rows([{"metric": "area", "value": value**2, "unit": "m"}, {"metric": "ratio", "value": float("nan")}], folder)


def assemble(arguments, inputs, folder):
    found = [json.loads((inputs[str(i)] / POINT).read_text()) for i in range(len(arguments["points"]))]
    assert [point["values"]["width"] for point in arguments["points"]] == sorted(
        point["values"]["width"] for point in arguments["points"]
    )
    assert (inputs["0"] / ROWS).is_file()
    (folder / stages.STUDY).write_text(json.dumps(found))
    rows = [{"metric": "total", "value": sum(found), "unit": "m", "criterion": "sum over all widths"}]
    write_rows([*rows, {"metric": "half", "value": found[0] / 2, "sweep": {"share": 0.5}}], folder)


TEXT = """
[film]
offset = 0.0
[sweep]
widths = [1, 2, 3, 4, 5]
[study]
points_per_cell = 2
time_limit_s = 30.0
memory_limit_gb = 2.0
[profile.quick]
[profile.slow.study]
time_limit_s = 1.5
"""


class FakeStudyEntry(Study):
    @property
    def text(self):
        return TEXT


ROOMS = ("scenarios.stages",)
STUDY = FakeStudyEntry(
    name="fake-study",
    summary="a sweep of nothing at all",
    configuration=FakeStudy,
    points=points,
    work={"width": width, "assemble": assemble},
    rooms={"width": ROOMS, "assemble": ROOMS},
    tables={"width": ("film",), "assemble": ("film",)},
)
