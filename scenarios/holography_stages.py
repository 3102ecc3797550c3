"""The stages that all scenarios of holography share.

- `image`: the noise-free patterns and the truth of a sample, into a folder; `measurement`: detect them once;
- `score`, `truth_rows`: the rows of a reconstruction, and of the truth;
- `SIMULATION`, `SCORING`: modules whose sources they use, beside those of the scenario.
"""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.domain_walls_tables import settings_of, setup_of
from scenarios.stages import MEASUREMENT, RECONSTRUCTION, SCORED, TRUTH, half, start, write_rows

if TYPE_CHECKING:
    import xarray as xr

    from simulators.experiments.holography import ExpectedPatterns
    from simulators.experiments.setups import HolographySetup

SIMULATION = ("simulators", "scenarios.domain_walls_tables", "scenarios.holography_stages")
SCORING = (
    "validation",
    "scenarios.domain_walls_tables",
    "scenarios.holography_stages",
    "scenarios.holography_scoring",
    "scenarios.holography_frame",
    "scenarios.holography_pictures",
    "scenarios.holography_rows",
    "scenarios.scoring_settings",
)
_PATTERNS, _NOMINAL = "patterns.npy", "nominal.json"


def image(sample: "xr.Dataset", setup: "HolographySetup", *, seed: int, folder: Path) -> None:
    """Compute the noise-free patterns and the truth of a sample."""
    import numpy as np

    from records import store
    from simulators.experiments.holography import expected_patterns

    found = expected_patterns(sample, setup, seed=seed)
    np.save(folder / _PATTERNS, found.patterns)
    holes = [dataclasses.asdict(hole) for hole in found.nominal.holes]
    (folder / _NOMINAL).write_text(json.dumps(holes), encoding="utf-8")
    store.save(found.truth, folder / TRUTH)


def measurement(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Detect the patterns of a seed once; each point of a sweep has noise of its own."""
    from records import store
    from simulators.experiments.holography import detect

    setup = setup_of(arguments["configuration"])
    names = tuple(str(part) for pair in sorted(arguments.get("point", {}).items()) for part in pair)
    patterns = _stored(inputs["expected"])
    data = detect(patterns, setup, seed=arguments["seed"], draw=arguments["draw"], names=names)
    store.save(data, folder / MEASUREMENT)


def score(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Score a reconstruction, its halves and its random starts against the truth."""
    from numerics.streams import stream
    from records import store
    from scenarios import holography_scoring

    halves = starts = None
    if "halves" in inputs:
        halves = (store.load(inputs["halves"] / half(0)), store.load(inputs["halves"] / half(1)))
    if "starts" in inputs:
        starts = [store.load(inputs["starts"] / start(index)) for index in range(arguments["starts"])]
    rows, scored = holography_scoring.score(
        store.load(inputs["reconstruct"] / RECONSTRUCTION),
        store.load(inputs["expected"] / TRUTH),
        store.load(inputs["measurement"] / MEASUREMENT),
        halves=halves,
        random_starts=starts,
        rng=stream(arguments["seed"], "score", arguments["method"], arguments["draw"]),
        settings=settings_of(arguments["configuration"]),
    )
    scored.attrs.update(method=arguments["method"], seed=arguments["seed"], draw=arguments["draw"])
    store.save(scored, folder / SCORED)
    write_rows([dataclasses.asdict(row) for row in rows], folder)


def truth_rows(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Write the rows of the method ``truth``."""
    from records import store
    from scenarios import holography_scoring

    truth = store.load(inputs["expected"] / TRUTH)
    data = store.load(inputs["measurement"] / MEASUREMENT)
    rows = holography_scoring.score_truth(truth, data, settings=settings_of(arguments["configuration"]))
    write_rows([dataclasses.asdict(row) for row in rows], folder)


def _stored(folder: Path) -> "ExpectedPatterns":
    import numpy as np

    from records import store
    from simulators.beamline.mask import Drawing, Hole
    from simulators.experiments.holography import ExpectedPatterns

    holes = json.loads((folder / _NOMINAL).read_text(encoding="utf-8"))
    return ExpectedPatterns(
        patterns=np.load(folder / _PATTERNS, allow_pickle=False),
        truth=store.load(folder / TRUTH),
        nominal=Drawing(tuple(Hole(**hole) for hole in holes)),
    )
