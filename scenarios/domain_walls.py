"""A Co/Pt labyrinth with walls of known width, imaged by holography-assisted phase retrieval.

- `SCENARIO`: what the runner needs; the tables are in `domain_walls_tables`, the profiles in ``domain_walls.toml``;
- `expected`, `measurement`, `score`, `truth_rows`: the stages of its cells; a relaxed film is in `domain_walls_film`;
- ``python -m scenarios.domain_walls`` is ``truespin run domain-walls``.
"""

import dataclasses
import json
import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.catalogue import Scenario
from scenarios.domain_walls_tables import DomainWalls, settings_of, setup_of
from scenarios.stages import MEASUREMENT, RECONSTRUCTION, SCORED, TRUTH, Unsupported, half, start, write_rows

if TYPE_CHECKING:
    import xarray as xr

    from simulators.experiments.holography import ExpectedPatterns
    from simulators.experiments.setups import HolographySetup

_PATTERNS, _NOMINAL = "patterns.npy", "nominal.json"


def expected(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Compute the noise-free patterns and the truth of a seed.

    Raises
    ------
    Unsupported
        If the sample has no m_z.
    """
    import numpy as np

    from records import store
    from simulators.experiments.holography import expected_patterns

    setup = setup_of(arguments["configuration"])
    sample = _sample(arguments, setup)
    found = expected_patterns(sample, setup, seed=arguments["seed"])
    np.save(folder / _PATTERNS, found.patterns)
    holes = [dataclasses.asdict(hole) for hole in found.nominal.holes]
    (folder / _NOMINAL).write_text(json.dumps(holes), encoding="utf-8")
    store.save(found.truth, folder / TRUTH)


def measurement(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Detect the patterns of a seed once."""
    from records import store
    from simulators.experiments.holography import detect

    setup = setup_of(arguments["configuration"])
    data = detect(_stored(inputs["expected"]), setup, seed=arguments["seed"], draw=arguments["draw"])
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


def warnings(configuration: DomainWalls, sample: Path) -> list[str]:
    """Read a third party's sample and return what its owner should know.

    Raises
    ------
    RecordError
        If the file cannot be used.
    """
    from records.sample_files import read_sample
    from scenarios.foreign_sample import remarks

    setup = setup_of(configuration.model_dump())
    notes = remarks(read_sample(sample), hole_diameter=setup.mask.hole_diameter, pixel_size=setup.fine_pixel)
    if configuration.sample.beta_m_t_nm is None:
        notes.append("beta_m t is that of the scenario's Co/Pt film; --beta-m-t-nm gives the sample's own")
    return notes


def _sample(arguments: Mapping[str, Any], setup: "HolographySetup") -> "xr.Dataset":
    table = arguments["configuration"]["sample"]
    if arguments.get("sample"):
        return _foreign(Path(arguments["sample"]), setup)
    if table["kind"] == "relaxed":
        from scenarios.domain_walls_film import relaxed_film

        return relaxed_film(table, setup, seed=arguments["seed"])
    from numerics.streams import stream
    from simulators.samples.multilayer import labyrinth_multilayer

    film = setup.film
    repeat = film.layer_thickness + sum(thickness for _, thickness in film.spacers)
    return labyrinth_multilayer(
        extent=setup.window,
        pixel_size=setup.fine_pixel,
        period=1e-9 * table["period_nm"],
        wall_width=1e-9 * table["wall_width_nm"],
        wall_angle=math.radians(table["wall_angle_deg"]),
        thickness=repeat * (film.repeats - 1) + film.layer_thickness,
        rng=stream(arguments["seed"], "sample"),
    )


def _foreign(path: Path, setup: "HolographySetup") -> "xr.Dataset":
    from records.sample_files import read_sample
    from scenarios.foreign_sample import embed, has_m_z

    sample = read_sample(path)
    if not has_m_z(sample):
        raise Unsupported("no m_z: the sample's magnetization lies in the plane of the film")
    return embed(sample, extent=setup.window, pixel_size=setup.fine_pixel)


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


_SIMULATION = (
    "simulators",
    "scenarios.domain_walls",
    "scenarios.domain_walls_film",
    "scenarios.domain_walls_tables",
    "scenarios.foreign_sample",
)
_SCORING = (
    "validation",
    "scenarios.domain_walls",
    "scenarios.domain_walls_tables",
    "scenarios.holography_scoring",
    "scenarios.holography_frame",
    "scenarios.holography_pictures",
    "scenarios.holography_rows",
)
SCENARIO = Scenario(
    name="domain-walls",
    summary="a Co/Pt multilayer with walls of known width, imaged by holography and phase retrieval at the Co L3 edge",
    configuration=DomainWalls,
    kind="holography",
    work={"expected": expected, "measurement": measurement, "score": score, "truth": truth_rows},
    rooms={"expected": _SIMULATION, "measurement": _SIMULATION, "score": _SCORING, "truth": _SCORING},
    warnings=warnings,
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", SCENARIO.name, *sys.argv[1:]]))
