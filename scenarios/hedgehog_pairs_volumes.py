"""Volumes in which pairs are looked for: the sample's own, and what is reconstructed of its images.

- `make_sample`; `truth_volume`: its mean over the voxels of a reconstruction;
- `from_projections`, `from_frames`: what a method makes of images with noise, or of ptychography;
- `displacement`: where the sample lies in a reconstruction.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.streams import stream
from records import frames as frame_files
from scenarios.hedgehog_pairs_tables import Volume, scan_setup, series_setup
from scenarios.stages import solve

Array = NDArray[Any]
Floats = NDArray[np.float64]

_NM = 1e-9
_SEEDS = 2**31


def make_sample(tables: Mapping[str, Any], volume: Volume, *, seed: int) -> xr.Dataset:
    """Make the block with the pairs of a volume."""
    from simulators.samples.block import Block
    from simulators.samples.pair_lattice import PairGrid, pair_lattice

    table = tables["sample"]
    return pair_lattice(
        volume.separation,
        grid=PairGrid(volume.cells),
        block=Block(size=volume.block),
        share=table["share"],
        soft=_NM * table["soft_nm"],
        voxel_size=_NM * table["voxel_nm"],
        rng=stream(seed, "sample", "pairs", *volume.names),
    )


def truth_volume(sample: xr.Dataset, *, coarse: float) -> tuple[Array, Array]:
    """Return magnetization weighted by the fill, and the fill, on coarse voxels."""
    from records import sample as sample_record
    from simulators.experiments.tilt_series_truth import scored_shape, volume_mean

    fill, sizes = sample["magnet"].values, sample_record.voxel_size(sample)
    shape = scored_shape(fill > 0, voxel_size=sizes, coarse=coarse)
    parts = (sample["magnetization"].values * fill, fill)
    m, mean = (volume_mean(part, shape=shape, voxel_size=sizes, coarse=coarse) for part in parts)
    return m, np.clip(mean, 0, 1)


def from_projections(arguments: Mapping[str, Any], sample: xr.Dataset, volume: Volume, *, photons: float) -> xr.Dataset:
    """Reconstruct a sample from its projections with the noise of so many photons; a `Reconstruction`."""
    from simulators.experiments.tilt_series import simulate_tilt_series

    tables = arguments["configuration"]
    setup = series_setup(tables, volume, photons=photons)
    data, _ = simulate_tilt_series(sample, setup, seed=_series_seed(arguments["seed"], volume))
    return _solved(arguments, "reconstruction", data, names=())


def from_frames(arguments: Mapping[str, Any], sample: xr.Dataset, volume: Volume, *, folder: Path) -> xr.Dataset:
    """Reconstruct a sample from frames of photons: ptychography of every projection, then tomography.

    Parameters
    ----------
    arguments : mapping
        Of the stage.
    sample : Dataset
    volume : Volume
    folder : path
        Where frames lie while they are needed.
    """
    from reconstructors.projections.stack import imaged, projections_of
    from simulators.experiments.tilt_series import nominal_box
    from simulators.experiments.tilted_ptychography import simulate_pose

    tables = arguments["configuration"]
    setup, seed = scan_setup(tables, volume), _series_seed(arguments["seed"], volume)
    path, found = folder / "frames.nc", []
    for index in range(len(setup.series.poses)):
        simulate_pose(sample, setup, index, seed=seed, path=path)
        with frame_files.open_node(path) as data:
            made = _solved(arguments, "imaging", data, names=("projection", index))
            found.append(imaged(made, data, n=setup.series.image.n))
            scalars = {name: float(data[name]) for name in ("energy", "polarization")}
        path.unlink()
    box = nominal_box(sample)
    return _solved(arguments, "reconstruction", projections_of(found, scalars=scalars, box=box), names=())


def displacement(reconstruction: xr.Dataset, fill: Array, *, bound: float) -> Floats:
    """Return where the sample's origin lies in a reconstruction, (z, y, x) in m: the one rigid shift that is gauge.

    Found on the charge, never on the vectors that are scored; what the boxes of the two do not
    share is empty.

    Parameters
    ----------
    reconstruction : Dataset
    fill : (z, y, x) array
        Of the truth; its charge is the same on another scale, for the medium is even.
    bound : float
        Largest shift, m.
    """
    import validation

    size = float(reconstruction["voxel_size"])
    charge = reconstruction["charge"].values
    if not np.ptp(charge) > 0:
        return np.zeros(3)
    shape = tuple(max(a, b) for a, b in zip(charge.shape, fill.shape, strict=True))
    found = validation.register_volume(
        _padded(charge, shape), _padded(fill, shape), voxel_size=size, bound=max(1.0, bound / size)
    )
    return -size * np.array(found.shift, float)


def _padded(values: Array, shape: tuple[int, ...]) -> Array:
    """Return values in a larger box; index ``n//2`` stays the origin."""
    out = np.zeros(shape, np.float32)
    first = [wide // 2 - n // 2 for wide, n in zip(shape, values.shape, strict=True)]
    out[tuple(slice(low, low + n) for low, n in zip(first, values.shape, strict=True))] = values
    return out


def _solved(arguments: Mapping[str, Any], table: str, data: xr.Dataset, *, names: tuple[str | int, ...]) -> xr.Dataset:
    """Run the method that a table of the configuration names."""
    chosen = arguments["configuration"][table]
    told = {"method": chosen["method"], "parameters": chosen["parameters"].get(chosen["method"], {}), "draw": 0}
    return solve({**told, "seed": arguments["seed"], "point": arguments["point"]}, data, truth=None, names=names)


def _series_seed(seed: int, volume: Volume) -> int:
    """Return a seed for the noise of one volume, apart from those of all others."""
    return int(stream(seed, "series", "pairs", *volume.names).integers(_SEEDS))
