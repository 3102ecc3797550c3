"""One projection of a magnetic sample by ptychography with both helicities; sweeps over dose, overlap and more.

- `SCENARIO`: what the runner needs; the tables are in `ptychography_tables`, the profiles in ``ptychography.toml``;
- the stages: `expected` (sample and noise-free frames), `measurement` (one draw, with its truth), `reconstruct`,
  `halves`, `score`, `truth_rows`; that of a sweep is `ptychography_sweep.pool`;
- ``python -m scenarios.ptychography`` is ``truespin run ptychography``.

After the second experiment of the README: Rana et al., soft x-ray vector ptychography of a nickel superlattice.
"""

import dataclasses
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import ptychography_sweep
from scenarios.catalogue import POOL, Scenario
from scenarios.ptychography_tables import Ptychography, at_point, points, settings_of, setup_of, varies
from scenarios.stages import MEASUREMENT, RECONSTRUCTION, SCORED, TRUTH, half, solve, write_rows

if TYPE_CHECKING:
    import xarray as xr

_FRAMES, _NOMINAL, _BRIGHTEST = "frames.f32", "nominal.npy", "brightest.npy"
_COMMON = ("scenarios.ptychography", "scenarios.ptychography_tables")
_SIMULATION = ("simulators", *_COMMON)
_SCORING = (
    "validation",
    *_COMMON,
    "scenarios.ptychography_controls",
    "scenarios.ptychography_scoring",
    "scenarios.ptychography_frame",
    "scenarios.ptychography_pictures",
    "scenarios.holography_rows",
    "scenarios.scoring_settings",
)


def expected(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Compute the noise-free frames and the truth of a seed."""
    import numpy as np

    from records import store
    from simulators.experiments.vector_ptychography import expected_projection

    tables = _tables(arguments)
    setup = setup_of(tables)
    sample = _sample(tables, setup, seed=arguments["seed"])
    found = expected_projection(sample, setup, seed=arguments["seed"], path=folder / _FRAMES)
    np.save(folder / _NOMINAL, found.nominal)
    np.save(folder / _BRIGHTEST, found.brightest)
    store.save(found.truth, folder / TRUTH)


def measurement(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Detect the frames of a seed once; each point of a sweep has noise of its own."""
    import numpy as np

    from records import store
    from simulators.experiments.expected_frames import FrameFile
    from simulators.experiments.vector_ptychography import ExpectedProjection, detect_projection

    setup = setup_of(_tables(arguments))
    source = inputs["expected"]
    nominal = np.load(source / _NOMINAL, allow_pickle=False)
    brightest = np.load(source / _BRIGHTEST, allow_pickle=False)
    shape = (*nominal.shape[:2], *brightest.shape)
    found = ExpectedProjection(FrameFile(source / _FRAMES, shape), store.load(source / TRUTH), nominal, brightest)
    names = tuple(str(part) for pair in sorted(arguments.get("point", {}).items()) for part in pair)
    truth = detect_projection(
        found, setup, seed=arguments["seed"], draw=arguments["draw"], path=folder / MEASUREMENT, names=names
    )
    store.save(truth, folder / TRUTH)


def reconstruct(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Reconstruct from all frames."""
    from records import frames, store

    with frames.open_node(inputs["measurement"] / MEASUREMENT) as data:
        store.save(solve(arguments, data, truth=inputs["measurement"]), folder / RECONSTRUCTION)


def halves(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Reconstruct from the even and from the odd frames."""
    from records import frames, ptychography, store

    given = store.load(inputs["reconstruct"] / RECONSTRUCTION)
    with frames.open_node(inputs["measurement"] / MEASUREMENT) as data:
        for index, part in enumerate(ptychography.halves(data)):
            found = solve(arguments, part, truth=inputs["measurement"], names=("half", index), given=given)
            store.save(found, folder / half(index))


def score(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Score a reconstruction and its halves against the truth."""
    from numerics.streams import stream
    from records import frames, store
    from scenarios import ptychography_scoring
    from scenarios.ptychography_controls import mean_photons

    truth, parts = store.load(inputs["measurement"] / TRUTH), None
    if "halves" in inputs:
        parts = (store.load(inputs["halves"] / half(0)), store.load(inputs["halves"] / half(1)))
    with frames.open_node(inputs["measurement"] / MEASUREMENT) as data:
        rows, scored = ptychography_scoring.score(
            store.load(inputs["reconstruct"] / RECONSTRUCTION),
            truth,
            data,
            photons=mean_photons(data, truth),
            halves=parts,
            rng=stream(arguments["seed"], "score", arguments["method"], arguments["draw"]),
            settings=settings_of(arguments["configuration"]),
        )
    scored.attrs.update(method=arguments["method"], seed=arguments["seed"], draw=arguments["draw"])
    store.save(scored, folder / SCORED)
    write_rows([dataclasses.asdict(row) for row in rows], folder)


def truth_rows(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Write the rows of the method ``truth``."""
    from records import store
    from scenarios import ptychography_scoring

    rows = ptychography_scoring.score_truth(store.load(inputs["measurement"] / TRUTH))
    write_rows([dataclasses.asdict(row) for row in rows], folder)


def _tables(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return at_point(arguments["configuration"], arguments.get("point", {}))


def _sample(tables: Mapping[str, Any], setup: Any, *, seed: int) -> "xr.Dataset":
    from numerics.streams import stream

    table, rng = tables["sample"], stream(seed, "sample")
    if table["kind"] == "superlattice":
        from simulators.samples.block import Block
        from simulators.samples.metalattice import Infiltration
        from simulators.samples.sphere_packing import Template
        from simulators.samples.superlattice_slab import superlattice_slab

        side, thickness = 1e-9 * table["extent_nm"], 1e-9 * table["thickness_nm"]
        return superlattice_slab(
            template=Template(
                diameter=1e-9 * table["sphere_nm"],
                spread=table["sphere_spread"],
                stacking_fault=table["stacking_fault"],
            ),
            infiltration=Infiltration(unfilled=table["unfilled"]),
            block=Block(size=(thickness, side, side)),
            voxel_size=setup.fine_pixel,
            texture_period=1e-9 * table["texture_nm"],
            rng=rng,
        )
    from simulators.samples.multilayer import labyrinth_multilayer

    scan = tables["scan"]
    reach = max(scan["rows"], scan["columns"]) * scan["step_nm"] * 1e-9
    return labyrinth_multilayer(
        extent=reach + setup.pixel * setup.detector.n,
        pixel_size=setup.fine_pixel,
        period=1e-9 * table["period_nm"],
        wall_width=1e-9 * table["wall_width_nm"],
        thickness=1e-9 * table["repeats"] * (table["cobalt_nm"] + table["platinum_nm"]),
        rng=rng,
    )


SCENARIO = Scenario(
    name="ptychography",
    summary="one projection of a nickel superlattice, or of a multilayer, by ptychography with both helicities",
    configuration=Ptychography,
    kind="ptychography",
    work={
        "expected": expected,
        "measurement": measurement,
        "reconstruct": reconstruct,
        "halves": halves,
        "score": score,
        "truth": truth_rows,
        POOL: ptychography_sweep.pool,
    },
    rooms={
        "expected": _SIMULATION,
        "measurement": _SIMULATION,
        "score": _SCORING,
        "truth": _SCORING,
        POOL: (*_SCORING, "scenarios.ptychography_sweep"),
    },
    simulated=("sample", "optics", "scan", "detector", "faults"),
    points=points,
    varies=varies,
    truth_stage="measurement",
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", SCENARIO.name, *sys.argv[1:]]))
