"""A Co/Pt labyrinth with walls of known width, imaged by holography-assisted phase retrieval.

- `SCENARIO`: what the runner needs; the tables are in `domain_walls_tables`, the profiles in ``domain_walls.toml``;
- `expected`: the stage that makes and images the sample; a relaxed film is in `domain_walls_film`, the other stages are
  those of `holography_stages`;
- ``python -m scenarios.domain_walls`` is ``truespin run domain-walls``.
"""

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.catalogue import Scenario
from scenarios.domain_walls_tables import DomainWalls, setup_of
from scenarios.holography_stages import SCORING, SIMULATION, image, measurement, score, truth_rows
from scenarios.stages import Unsupported

if TYPE_CHECKING:
    import xarray as xr

    from simulators.experiments.setups import HolographySetup


def expected(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Compute the noise-free patterns and the truth of a seed.

    Raises
    ------
    Unsupported
        If the sample has no m_z.
    """
    setup = setup_of(arguments["configuration"])
    image(_sample(arguments, setup), setup, seed=arguments["seed"], folder=folder)


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


_SIMULATION = (*SIMULATION, "scenarios.domain_walls", "scenarios.domain_walls_film", "scenarios.foreign_sample")
SCENARIO = Scenario(
    name="domain-walls",
    summary="a Co/Pt multilayer with walls of known width, imaged by holography and phase retrieval at the Co L3 edge",
    configuration=DomainWalls,
    kind="holography",
    work={"expected": expected, "measurement": measurement, "score": score, "truth": truth_rows},
    rooms={"expected": _SIMULATION, "measurement": SIMULATION, "score": SCORING, "truth": SCORING},
    warnings=warnings,
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", SCENARIO.name, *sys.argv[1:]]))
