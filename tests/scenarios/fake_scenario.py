"""A scenario whose stages take no time and misbehave on demand: ``sample.behaviour`` and ``reconstruction.methods``."""

import json
import sys
import time

from scenarios.catalogue import Configuration, Scenario
from scenarios.configuration import Table
from scenarios.stages import MEASUREMENT, RECONSTRUCTION, ROWS, SCORED, TRUTH, Unsupported


class Sample(Table):
    behaviour: str = "sound"
    beta_m_t_nm: float = 0.0


class Fake(Configuration):
    sample: Sample


def expected(arguments, inputs, folder):
    behave(arguments["configuration"]["sample"]["behaviour"])
    (folder / TRUTH).write_text(f"truth of seed {arguments['seed']}")


def measurement(arguments, inputs, folder):
    assert (inputs["expected"] / TRUTH).exists()
    (folder / MEASUREMENT).write_text(f"measurement of draw {arguments['draw']}")


def reconstruct(arguments, inputs, folder):
    assert (inputs["measurement"] / MEASUREMENT).exists()
    behave(arguments["method"])
    (folder / RECONSTRUCTION).write_text(arguments["method"])


def other(arguments, inputs, folder):
    assert (inputs["reconstruct"] / RECONSTRUCTION).exists()


def score(arguments, inputs, folder):
    value = 7.0 + arguments["seed"] + 0.1 * arguments["draw"]
    common = {"uncertainty": None, "direction": "match", "criterion": "", "gauge": "", "unit": "m"}
    rows = [
        {"metric": "wall_width", "value": value * 1e-9, **common},
        {"metric": "wall_width.truth", "value": 5e-9, **common},
        {"metric": "flag.halves", "value": 1.0, **common, "unit": ""},
    ]
    (folder / ROWS).write_text(json.dumps(rows))
    (folder / SCORED).write_text("scored")


def truth(arguments, inputs, folder):
    (folder / ROWS).write_text(json.dumps([{"metric": "wall_width", "value": 5e-9, "unit": "m"}]))


def behave(how):
    if how == "sleep":
        time.sleep(60)
    elif how == "memory":
        bytearray(4_000_000_000)
    elif how == "crash":
        import os
        import signal

        os.kill(os.getpid(), signal.SIGSEGV)
    elif how == "exit":
        sys.exit(3)
    elif how == "bug":
        raise KeyError("a bug")
    elif how == "refuse":
        raise Unsupported("needs references")
    elif how == "value":
        raise ValueError("optics.hole_nm is 9000;\nallowed: less than the field")
    elif how == "disk":
        raise OSError(28, "No space left on device", "/somewhere")


TEXT = """
[sample]
behaviour = "sound"
[reconstruction]
methods = ["plain"]
time_limit_s = 30.0
memory_limit_gb = 2.0
[profile.quick]
[profile.slow.reconstruction]
time_limit_s = 1.0
"""


class FakeScenario(Scenario):
    @property
    def text(self):
        return TEXT


ROOMS = ("scenarios.stages",)
SCENARIO = FakeScenario(
    name="fake",
    summary="nothing at all",
    configuration=Fake,
    kind="holography",
    work={
        "expected": expected,
        "measurement": measurement,
        "reconstruct": reconstruct,
        "halves": other,
        "starts": other,
        "score": score,
        "truth": truth,
    },
    rooms=dict.fromkeys(("expected", "measurement", "score", "truth"), ROOMS),
    simulated=("sample",),
    scored=("sample",),
)
