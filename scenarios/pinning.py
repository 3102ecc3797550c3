"""Pinning sites in a Co/Pt film, imaged in several field states; and an area that laser pulses have damaged.

- `SCENARIO`: what the runner needs; the tables are in `pinning_tables`, the profiles in ``pinning.toml``;
- `pool`: the stage that looks at all states together; those that make and image the films are in `pinning_films`;
- ``python -m scenarios.pinning`` is ``truespin run pinning``.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scenarios.catalogue import POOL, Point, Scenario
from scenarios.domain_walls_tables import settings_of
from scenarios.holography_stages import SCORING, SIMULATION, measurement, score, truth_rows
from scenarios.pinning_films import image_state, make_films
from scenarios.pinning_tables import Pinning, sample_content, states_of
from scenarios.stages import POOLED, RECONSTRUCTION, TRUTH, write_rows


def points(configuration: Pinning) -> Sequence[Point]:
    """Return the states that are imaged."""
    return [{"state": name} for name in states_of(configuration)]


def pool(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Register the states of a method to one another, find the sites and measure the walls and the damage."""
    from records import store
    from scenarios.pinning_pool import pooled
    from scenarios.pinning_sites import SiteSettings
    from scenarios.pinning_states import State

    states = [
        State(
            point["state"],
            store.load(inputs[f"reconstruct-{index}"] / RECONSTRUCTION),
            store.load(inputs[f"expected-{index}"] / TRUTH),
        )
        for index, point in enumerate(arguments["points"])
    ]
    tables = arguments["configuration"]
    rows, found = pooled(states, settings=settings_of(tables), search=SiteSettings.of(tables["sites"]))
    found.attrs.update(method=arguments["method"], seed=arguments["seed"], draw=arguments["draw"])
    store.save(found, folder / POOLED)
    write_rows(rows, folder)


_FILMS = (
    "simulators.micromagnetics",
    "simulators.samples",
    "scenarios.pinning_films",
    "scenarios.pinning_tables",
)
_POOLING = (*SCORING, *(f"scenarios.pinning{part}" for part in ("", "_pool", "_states", "_sites", "_walls", "_damage")))
_IMAGING = (*SIMULATION, "scenarios.pinning_films", "scenarios.pinning_tables")
SCENARIO = Scenario(
    name="pinning",
    summary="pinning sites in a Co/Pt film, found and told apart from images of several field states; laser damage",
    configuration=Pinning,
    kind="holography",
    work={
        "sample": make_films,
        "expected": image_state,
        "measurement": measurement,
        "score": score,
        "truth": truth_rows,
        POOL: pool,
    },
    rooms={
        "sample": _FILMS,
        "expected": _IMAGING,
        "measurement": SIMULATION,
        "score": SCORING,
        "truth": SCORING,
        POOL: _POOLING,
    },
    simulated=("sample", "optics", "detector"),
    scored=("scoring", "sites"),
    points=points,
    sample=sample_content,
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", SCENARIO.name, *sys.argv[1:]]))
