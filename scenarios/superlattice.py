"""The nickel superlattice in three dimensions: vector ptychography from photons, or from projections, to hedgehogs.

- `SCENARIO`: what the runner needs; the tables are in `superlattice_tables`, the profiles in ``superlattice.toml``;
- the stages: `sample`, `expected` (the truth and noise-free images), from projections `measurement`, from photons
  `frames` and `images` of a few projections each and `projections` of all of them; then `reconstruct`, `halves`,
  `score`, `truth_rows`;
- ``python -m scenarios.superlattice`` is ``truespin run superlattice``.

After the second experiment of the README: Rana et al., soft x-ray vector ptychography of a nickel superlattice.
"""

import dataclasses
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.catalogue import Scenario
from scenarios.chains import FRAMES, IMAGES, PROJECTIONS
from scenarios.controls import COMMON, CONTROLS, OF_VOLUMES
from scenarios.stages import MEASUREMENT, RECONSTRUCTION, SCORED, TRUTH, half, solve, write_rows
from scenarios.superlattice_tables import (
    Superlattice,
    groups,
    kinds,
    make_sample,
    scan_setup,
    series_setup,
    settings_of,
)

_SAMPLE, _KNOWN, _INTEGRALS, _DIFFERENCE = "sample.nc", "known.json", "integrals.nc", "difference.nc"
_COMMON = ("scenarios.superlattice", "scenarios.superlattice_tables", "scenarios.ptychography_tables")
_SIMULATION = ("simulators", *_COMMON)
_PARTS = ("scoring", "errors", "frame", "curves", "signal", "topology", "pairs", "voids", "pictures")
_SCORING = (
    "validation",
    *_COMMON,
    *(f"scenarios.superlattice_{part}" for part in _PARTS),
    "scenarios.holography_rows",
)


def sample_content(configuration: Superlattice) -> dict[str, Any]:
    """Return all that the sample of a seed depends on."""
    return {**configuration.sample.model_dump(), "pixel_nm": configuration.optics.pixel_nm}


def sample(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Make the sample of a seed."""
    from records import store

    table = dict(arguments["sample"])
    pixel = 1e-9 * table.pop("pixel_nm")
    store.save(make_sample(table, pixel=pixel, seed=arguments["seed"]), folder / _SAMPLE)


def expected(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Compute the truth of a seed, with what perfect instruments would see: waves behind the sample, line integrals."""
    from records import store

    tables, seed = arguments["configuration"], arguments["seed"]
    from simulators.experiments import exit_densities, tilt_series

    made = store.load(inputs["sample"] / _SAMPLE)
    waves = exit_densities.ideal_truth(made, scan_setup(tables), seed=seed)
    integrals = tilt_series.ideal_truth(made, series_setup(tables), seed=seed)
    store.save(waves, folder / TRUTH)
    store.save(integrals, folder / _INTEGRALS)


def measurement(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Take the images of all projections once."""
    from records import store
    from simulators.experiments.tilt_series import detect_tilt_series

    setup = series_setup(arguments["configuration"])
    truth = store.load(inputs["expected"] / _INTEGRALS)
    store.save(detect_tilt_series(truth, setup, seed=arguments["seed"], draw=arguments["draw"]), folder / MEASUREMENT)


def frames(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Simulate and detect the frames of some projections, and add up how the helicities differ in them."""
    from records import frames as frame_files
    from records import store
    from scenarios.superlattice_signal import frame_difference, summed
    from simulators.experiments.tilt_series import nominal_box
    from simulators.experiments.tilted_ptychography import simulate_pose

    setup, made = scan_setup(arguments["configuration"]), store.load(inputs["sample"] / _SAMPLE)
    differences = []
    for index in arguments["projections"]:
        path = folder / _frames(index)
        simulate_pose(made, setup, index, seed=arguments["seed"], draw=arguments["draw"], path=path)
        with frame_files.open_node(path) as node:
            differences.append(frame_difference(node))
    store.save(summed(differences), folder / _DIFFERENCE)
    known = {"box": list(nominal_box(made)), "n": setup.series.image.n}
    (folder / _KNOWN).write_text(json.dumps(known), encoding="utf-8")


def images(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Reconstruct the images of some projections, each for itself."""
    import numpy as np
    import xarray as xr

    from reconstructors.projections.stack import imaged
    from records import frames as frame_files
    from records import store

    known = json.loads((inputs["frames"] / _KNOWN).read_text(encoding="utf-8"))
    found = []
    for index in arguments["projections"]:
        with frame_files.open_node(inputs["frames"] / _frames(index)) as data:
            made = solve(arguments, data, truth=None, names=("projection", index))
            found.append(imaged(made, data, n=known["n"]))
            light = {name: float(data[name]) for name in ("energy", "polarization")}
    stacked = xr.Dataset(
        {
            "transmission": (("projection", "helicity", "y", "x"), np.stack([each.transmission for each in found])),
            "seen": (("projection", "y", "x"), np.stack([each.seen for each in found])),
            "tilt": ("projection", [each.tilt for each in found]),
            "in_plane": ("projection", [each.in_plane for each in found]),
        },
        attrs={"pixel_size": found[0].pixel_size, "box": known["box"], **light},
    )
    store.save(stacked, folder / MEASUREMENT)
    store.save(store.load(inputs["frames"] / _DIFFERENCE), folder / _DIFFERENCE)


def projections(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Make one measurement of the images of all projections."""
    from reconstructors.projections.stack import ImagedProjection, projections_of
    from records import store
    from scenarios.superlattice_signal import summed

    found: list[ImagedProjection] = []
    differences = []
    for index in range(len(inputs)):
        differences.append(store.load(inputs[f"images-{index}"] / _DIFFERENCE))
        part = store.load(inputs[f"images-{index}"] / MEASUREMENT)
        found += [
            ImagedProjection(
                transmission=part["transmission"].values[i],
                seen=part["seen"].values[i],
                tilt=float(part["tilt"][i]),
                in_plane=float(part["in_plane"][i]),
                pixel_size=float(part.attrs["pixel_size"]),
            )
            for i in range(part.sizes["projection"])
        ]
    box = tuple(float(size) for size in part.attrs["box"])
    scalars = {name: float(part.attrs[name]) for name in ("energy", "polarization")}
    title = f"projections, imaged by {arguments['method']}"
    made = projections_of(found, scalars=scalars, box=(box[0], box[1], box[2]), title=title)
    store.save(made, folder / MEASUREMENT)
    store.save(summed(differences), folder / _DIFFERENCE)


def reconstruct(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Reconstruct from all projections, or give a control."""
    from records import store

    if arguments["method"] in CONTROLS:
        from numerics.streams import stream

        truth, integrals = (store.load(inputs["expected"] / name) for name in (TRUTH, _INTEGRALS))
        rng = stream(arguments["seed"], "method", arguments["method"], arguments["draw"])
        made = CONTROLS[arguments["method"]](integrals, truth, rng=rng, parameters=arguments["parameters"])
    else:
        made = solve(arguments, store.load(inputs["measurement"] / MEASUREMENT), truth=None)
    store.save(made, folder / RECONSTRUCTION)


def halves(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Reconstruct from the even and from the odd projections of every series."""
    from records import projections as projection_record
    from records import store

    if arguments["method"] in CONTROLS:
        return
    given = store.load(inputs["reconstruct"] / RECONSTRUCTION)
    data = store.load(inputs["measurement"] / MEASUREMENT)
    for index, part in enumerate(projection_record.halves(data)):
        found = solve(arguments, part, truth=None, names=("half", index), given=given)
        store.save(found, folder / half(index))


def score(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Score a reconstruction and its halves against the truth."""
    from numerics.streams import stream
    from records import store
    from scenarios import superlattice_scoring

    truth, parts = store.load(inputs["expected"] / TRUTH), None
    if "halves" in inputs and (inputs["halves"] / half(0)).exists():
        parts = (store.load(inputs["halves"] / half(0)), store.load(inputs["halves"] / half(1)))
    rows, scored = superlattice_scoring.score(
        store.load(inputs["reconstruct"] / RECONSTRUCTION),
        truth,
        signal=_signal(inputs["measurement"]) if "measurement" in inputs else None,
        halves=parts,
        rng=stream(arguments["seed"], "score", arguments["method"], arguments["draw"]),
        settings=settings_of(arguments["configuration"]),
    )
    scored.attrs.update(method=arguments["method"], seed=arguments["seed"], draw=arguments["draw"])
    store.save(scored, folder / SCORED)
    write_rows([dataclasses.asdict(row) for row in rows], folder)


def truth_rows(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Write the rows of the method ``truth``."""
    from numerics.streams import stream
    from records import store
    from scenarios import superlattice_scoring

    rng = stream(0, "score", "truth")
    rows = superlattice_scoring.score_truth(
        store.load(inputs["expected"] / TRUTH), rng=rng, settings=settings_of(arguments["configuration"])
    )
    write_rows([dataclasses.asdict(row) for row in rows], folder)


def _signal(folder: Path) -> Any:
    """Return the spectrum of the frames where projections were made of frames, else that of the projections."""
    from records import store
    from scenarios.superlattice_signal import frame_signal, image_signal

    if (folder / _DIFFERENCE).exists():
        return frame_signal(store.load(folder / _DIFFERENCE))
    return image_signal(store.load(folder / MEASUREMENT))


def _frames(index: int) -> str:
    return f"frames-{index:03d}.nc"


SCENARIO = Scenario(
    name="superlattice",
    summary="the 3D magnetization of a nickel superlattice by vector ptychography, and its hedgehogs",
    configuration=Superlattice,
    kind="projections",
    work={
        "sample": sample,
        "expected": expected,
        "measurement": measurement,
        FRAMES: frames,
        IMAGES: images,
        PROJECTIONS: projections,
        "reconstruct": reconstruct,
        "halves": halves,
        "score": score,
        "truth": truth_rows,
    },
    rooms={
        "sample": _SIMULATION,
        "expected": _SIMULATION,
        "measurement": _SIMULATION,
        FRAMES: (*_SIMULATION, "scenarios.superlattice_signal"),
        PROJECTIONS: ("scenarios.superlattice", "scenarios.superlattice_signal"),
        "score": _SCORING,
        "truth": _SCORING,
    },
    controls=(*COMMON, *OF_VOLUMES),
    simulated=("sample", "series", "optics", "scan", "detector", "faults"),
    sample=sample_content,
    chain=kinds,
    parts=groups,
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", SCENARIO.name, *sys.argv[1:]]))
