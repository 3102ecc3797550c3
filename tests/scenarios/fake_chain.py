"""A scenario of chains of methods: four projections, two in a subprocess; ``sample.broken`` is one that fails."""

from fake_scenario import FakeScenario, expected, score, truth

from scenarios.catalogue import Configuration
from scenarios.chains import FRAMES, IMAGES, PROJECTIONS, parts
from scenarios.configuration import Table
from scenarios.stages import MEASUREMENT, RECONSTRUCTION


class Sample(Table):
    behaviour: str = "sound"
    broken: int = -1


class Chain(Configuration):
    sample: Sample


def sample(arguments, inputs, folder):
    (folder / "sample").write_text(f"sample of seed {arguments['seed']}")


def frames(arguments, inputs, folder):
    assert (inputs["sample"] / "sample").exists()
    for index in arguments["projections"]:
        if index == arguments["configuration"]["sample"]["broken"]:
            raise KeyError("a bug")
        (folder / str(index)).write_text(f"frames {index} of draw {arguments['draw']}")


def images(arguments, inputs, folder):
    assert "expected" not in inputs
    texts = [(inputs["frames"] / str(index)).read_text() for index in arguments["projections"]]
    (folder / MEASUREMENT).write_text("; ".join(f"{arguments['method']}: {text}" for text in texts))


def projections(arguments, inputs, folder):
    found = [(inputs[f"images-{index}"] / MEASUREMENT).read_text() for index in range(len(inputs))]
    (folder / MEASUREMENT).write_text("; ".join(found))


def reconstruct(arguments, inputs, folder):
    control = arguments["method"] in ("floor", "ceiling")
    assert ("expected" in inputs) == control
    text = "truth" if control else (inputs["measurement"] / MEASUREMENT).read_text()
    (folder / RECONSTRUCTION).write_text(f"{arguments['method']} of {text}")


def halves(arguments, inputs, folder):
    """Solve again, so the name must be one that is registered: that of the link, not of the chain."""
    made = (inputs["reconstruct"] / RECONSTRUCTION).read_text()
    assert made.startswith(f"{arguments['method']} of ")


class ChainScenario(FakeScenario):
    @property
    def text(self):
        return super().text.replace('["plain"]', '["image/volume"]')


ROOMS = ("scenarios.stages",)
SCENARIO = ChainScenario(
    name="fake-chain",
    summary="nothing at all, in two steps",
    configuration=Chain,
    kind="projections",
    work={
        "sample": sample,
        "expected": expected,
        FRAMES: frames,
        IMAGES: images,
        PROJECTIONS: projections,
        "reconstruct": reconstruct,
        "halves": halves,
        "score": score,
        "truth": truth,
    },
    rooms=dict.fromkeys(("sample", "expected", FRAMES, PROJECTIONS, "score", "truth"), ROOMS),
    simulated=("sample",),
    scored=("sample",),
    sample=lambda configuration: configuration.sample.model_dump(),
    chain=lambda configuration: ("ptychography", "projections"),
    parts=lambda configuration: parts(4, 2),
)
