"""How near two hedgehogs of opposite charge may be and still come back as two.

- `STUDY`: what the runner needs; the tables are in `hedgehog_pairs_tables`, the profiles in ``hedgehog_pairs.toml``;
- `points`: volumes of many pairs each, over separation, source and noise;
- `truth`, `projections`, `frames`: the stages of a point; `assemble` is in `hedgehog_pairs_results`;
- ``python -m scenarios.hedgehog_pairs`` is ``truespin run hedgehog-pairs``.

After the resolution test of Rana et al., Nat. Nanotechnol. 18, 227 (2023), Fig. S4, of one pair at 10 nm.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.hedgehog_pairs_results import assemble
from scenarios.hedgehog_pairs_tables import FRAMES, PROJECTIONS, TRUTH, HedgehogPairs, volume_of, volumes_for
from scenarios.stages import POINT, write_rows
from scenarios.study import ASSEMBLE, Point, Study

if TYPE_CHECKING:
    import xarray as xr

    from scenarios.hedgehog_pairs_slices import Pairs
    from validation.topology.pair_recovery import PairRecovery

_NM = 1e-9
_PLANE = (30e-9, 60e-9)  # shown of a pair, across and along its axis


def points(configuration: HedgehogPairs) -> Sequence[Point]:
    """Return the volumes: separations of the truth, of each noise level, and from frames."""
    sweep, tables = configuration.sweep, configuration.model_dump()
    return [
        *_volumes(tables, {"source": TRUTH}, sweep.truth_nm, sweep.truth_pairs),
        *(
            point
            for photons in sweep.photons_per_pixel
            for point in _volumes(
                tables, {"source": PROJECTIONS, "photons": photons}, sweep.projections_nm, sweep.projections_pairs
            )
        ),
        *_volumes(
            tables, {"source": FRAMES, "photons": configuration.detector.photons}, sweep.frames_nm, sweep.frames_pairs
        ),
    ]


def _volumes(
    tables: Mapping[str, Any], curve: Mapping[str, Any], separations: Sequence[float], pairs: int
) -> Iterator[Point]:
    """Yield the volumes of one curve, enough at each separation for so many pairs."""
    for separation in separations:
        for volume in range(volumes_for(tables, pairs=pairs, separation_nm=separation)):
            yield Point(curve["source"], {**curve, "separation_nm": separation, "volume": volume})


def truth(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Look for the pairs of a volume at the resolution of a reconstruction, with nothing else between."""
    from records import sample as sample_record
    from scenarios.hedgehog_pairs_slices import pair_slice, pairs_of
    from scenarios.hedgehog_pairs_volumes import make_sample, truth_volume
    from validation.topology.pair_recovery import pair_recovery

    tables = arguments["configuration"]
    coarse = _NM * tables["optics"]["pixel_nm"]
    sample = make_sample(tables, volume_of(tables, arguments["point"]), seed=arguments["seed"])
    pairs = pairs_of(sample)
    m, fill = truth_volume(sample, coarse=coarse)
    found = pair_recovery(
        m, fill, plus=pairs.plus, minus=pairs.minus, voxel_size=coarse, medium=tables["sample"]["share"]
    )
    fine = pair_slice(
        sample["magnetization"].values,
        pairs,
        pairs.middlemost,
        voxel_size=sample_record.voxel_size(sample)[0],
        extent=_PLANE,
    )
    shown = pair_slice(m, pairs, pairs.middlemost, voxel_size=coarse, extent=_PLANE)
    _write(found, pairs, folder, slice=shown, sample=fine)


def projections(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Look for the pairs of a volume that is reconstructed from projections with noise."""
    from scenarios.hedgehog_pairs_volumes import from_projections, make_sample

    tables, point = arguments["configuration"], arguments["point"]
    volume = volume_of(tables, point)
    sample = make_sample(tables, volume, seed=arguments["seed"])
    found = from_projections(arguments, sample, volume, photons=point["photons"])
    _score(arguments, sample, found, folder)


def frames(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Look for the pairs of a volume that is reconstructed from frames of photons."""
    from scenarios.hedgehog_pairs_volumes import from_frames, make_sample

    tables = arguments["configuration"]
    volume = volume_of(tables, arguments["point"])
    sample = make_sample(tables, volume, seed=arguments["seed"])
    _score(arguments, sample, from_frames(arguments, sample, volume, folder=folder), folder)


def _score(arguments: Mapping[str, Any], sample: "xr.Dataset", made: "xr.Dataset", folder: Path) -> None:
    """Count charges round the places of the pairs, moved with the sample to where it lies in a reconstruction."""
    from scenarios.hedgehog_pairs_slices import pair_slice, pairs_of
    from scenarios.hedgehog_pairs_volumes import displacement, truth_volume
    from validation.topology.pair_recovery import pair_recovery

    tables = arguments["configuration"]
    size = float(made["voxel_size"])
    pairs = pairs_of(sample)
    _, fill = truth_volume(sample, coarse=size)
    shift = displacement(made, fill, bound=_NM * tables["scoring"]["largest_shift_nm"])
    m = made["magnetization"].values
    found = pair_recovery(
        m,
        made["fill"].values,
        plus=pairs.plus + shift,
        minus=pairs.minus + shift,
        voxel_size=size,
        medium=tables["sample"]["share"],
    )
    shown = pair_slice(m, pairs, pairs.middlemost, voxel_size=size, extent=_PLANE, shift=shift)
    _write(found, pairs, folder, slice=shown, shift=shift)


def _write(found: "PairRecovery", pairs: "Pairs", folder: Path, **arrays: Any) -> None:
    import numpy as np

    from validation.topology.hedgehog_matching import binomial_error

    kept: dict[str, Any] = {name: getattr(found, name) for name in ("whole", "plus", "minus", "recovered")}
    np.savez(folder / POINT, shown=pairs.middlemost, **kept, **arrays)
    count, right = len(found.recovered), {"success": found.recovered, "plus": found.plus == 1}
    right |= {"minus": found.minus == -1, "whole": found.whole == 0}
    write_rows(
        [
            {
                "metric": f"pairs.{name}",
                "value": float(mask.mean()),
                "uncertainty": binomial_error(int(mask.sum()), count),
                "criterion": f"of {count} pairs",
                "direction": "higher",
            }
            for name, mask in right.items()
        ],
        folder,
    )


_COMMON = (
    "simulators",
    "optics",
    "validation",
    "scenarios.hedgehog_pairs",
    "scenarios.hedgehog_pairs_tables",
    "scenarios.hedgehog_pairs_volumes",
    "scenarios.hedgehog_pairs_slices",
)
_IMAGED = (*_COMMON, "reconstructors", "scenarios.ptychography_tables")
_TABLES = ("sample", "wide", "optics", "series", "reconstruction", "scoring")
STUDY = Study(
    name="hedgehog-pairs",
    summary="pairs of hedgehogs at set separations: how near they may be and still be told apart",
    configuration=HedgehogPairs,
    points=points,
    work={TRUTH: truth, PROJECTIONS: projections, FRAMES: frames, ASSEMBLE: assemble},
    rooms={
        TRUTH: _COMMON,
        PROJECTIONS: _IMAGED,
        FRAMES: _IMAGED,
        ASSEMBLE: ("scenarios.hedgehog_pairs_results", "scenarios.hedgehog_pairs_curve"),
    },
    tables={
        TRUTH: ("sample", "wide", "series", "optics"),
        PROJECTIONS: _TABLES,
        FRAMES: (*_TABLES, "frames", "scan", "detector", "imaging"),
        ASSEMBLE: ("sample", "optics", "scoring"),
    },
)


if __name__ == "__main__":
    from scenarios.cli import call

    sys.exit(call(["run", STUDY.name, *sys.argv[1:]]))
