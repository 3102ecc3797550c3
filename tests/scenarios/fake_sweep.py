"""The fake scenario at several points of a sweep; `sample.behaviour` names a point whose measurement misbehaves."""

import dataclasses
import json

import fake_scenario as base

from scenarios.catalogue import POOL
from scenarios.stages import MEASUREMENT, POOLED, ROWS, SCORED, TRUTH

STEPS = (1.5, 2.0, 8.0)


def points(configuration):
    return [{"step": step} for step in STEPS]


def sample(arguments, inputs, folder):
    (folder / "sample.txt").write_text(json.dumps(arguments["sample"]))


def expected(arguments, inputs, folder):
    assert (inputs["sample"] / "sample.txt").exists()
    (folder / TRUTH).write_text(f"truth of step {arguments['point']['step']}")


def measurement(arguments, inputs, folder):
    if arguments["configuration"]["sample"]["behaviour"] == f"bug at {arguments['point']['step']}":
        raise KeyError("a bug")
    (folder / MEASUREMENT).write_text(f"step {arguments['point']['step']}, draw {arguments['draw']}")


def pool(arguments, inputs, folder):
    steps = [point["step"] for point in arguments["points"]]
    for index, step in enumerate(steps):
        assert (inputs[f"measurement-{index}"] / MEASUREMENT).read_text().startswith(f"step {step}")
        assert (inputs[f"score-{index}"] / SCORED).exists()
        assert (inputs[f"expected-{index}"] / TRUTH).read_text() == f"truth of step {step}"
    (folder / ROWS).write_text(json.dumps([{"metric": "steps.sum", "value": sum(steps)}]))
    (folder / POOLED).write_text("pooled")


SCENARIO = dataclasses.replace(
    base.SCENARIO,
    name="fake-sweep",
    work={
        **base.SCENARIO.work,
        "sample": sample,
        "expected": expected,
        "measurement": measurement,
        POOL: pool,
    },
    rooms={**base.SCENARIO.rooms, "sample": base.ROOMS, POOL: base.ROOMS},
    points=points,
    sample=lambda configuration: {"behaviour": configuration.sample.behaviour},
)
