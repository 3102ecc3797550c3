"""The controls of a table of vector volumes.

- `floor`: a random texture in the true fill; `ceiling`: the truth averaged to voxels;
- `transverse`: what of the truth any set of projections measures;
- `integral_ceiling`, `projection_ceiling`: our solver with the run's parameters, on images without noise in the true
  geometry: line integrals, and waves behind the thick sample. The gap is what the projection approximation loses;
- `CONTROLS`: all by name.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

_QUIET = 1e-6  # variance of an optical density of 0
_CORRELATION = 2.5  # voxels: as smooth as textures of the superlattice are


def floor(measurement: "xr.Dataset", truth: "xr.Dataset", *, rng: "np.random.Generator") -> "xr.Dataset":
    """Give unit vectors that know nothing of the data, in the true fill and charge.

    They are smooth over a few voxels: white ones would hold a charge in every third cell.

    Parameters
    ----------
    measurement, truth : Dataset
        Of the truth, everything but its vectors.
    rng : numpy.random.Generator

    Returns
    -------
    Dataset
        The record `Reconstruction`.
    """
    import numpy as np
    from scipy import ndimage

    fill = truth["fill"].values
    spins = np.stack([ndimage.gaussian_filter(rng.standard_normal(fill.shape), _CORRELATION) for _ in range(3)])
    spins /= np.maximum(np.sqrt(np.sum(spins**2, axis=0)), np.finfo(np.float64).tiny)
    return _record("floor", truth, fill * spins)


def ceiling(measurement: "xr.Dataset", truth: "xr.Dataset", *, rng: "np.random.Generator") -> "xr.Dataset":
    """Give the truth at the scored voxel: no method can be asked for more.

    Parameters
    ----------
    measurement, truth : Dataset
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    Dataset
        The record `Reconstruction`.
    """
    return _record("ceiling", truth, truth["magnetization"].values)


def transverse(measurement: "xr.Dataset", truth: "xr.Dataset", *, rng: "np.random.Generator") -> "xr.Dataset":
    """Give the truth without its longitudinal part, ``k (k.m) / k^2``, which no projection sees.

    What reaches beyond the magnet is kept: a method without a support would find it there.

    Parameters
    ----------
    measurement, truth : Dataset
    rng : numpy.random.Generator
        Not used.

    Returns
    -------
    Dataset
        The record `Reconstruction`.
    """
    import numpy as np

    from numerics import fourier

    m = truth["magnetization"].values.astype(np.float64)
    shape = m.shape[1:]
    k = [fourier.unshifted_frequencies(n, 1.0) for n in shape]
    grid = np.stack(np.broadcast_arrays(k[2], k[1][:, None], k[0][:, None, None]))  # (x, y, z), as the components
    spectrum = fourier.fftn(m.astype(np.complex128), axes=(1, 2, 3))
    squared = np.maximum(np.sum(grid**2, axis=0), np.finfo(np.float64).tiny)
    spectrum -= grid * np.sum(grid * spectrum, axis=0) / squared
    return _record("transverse", truth, fourier.ifftn(spectrum, axes=(1, 2, 3)).real)


def integral_ceiling(
    measurement: "xr.Dataset", truth: "xr.Dataset", *, rng: "np.random.Generator", parameters: Mapping[str, Any]
) -> "xr.Dataset":
    """Solve with line integrals without noise, in the true geometry.

    Parameters
    ----------
    measurement : Dataset
        Truth of the same series, whose images are line integrals.
    truth : Dataset
    rng : numpy.random.Generator
    parameters : mapping
        Of the method that `controls.SOLVED_WITH` names, in place of some defaults.
    """
    return _solved("integral-ceiling", measurement, truth, rng, parameters)


def projection_ceiling(
    measurement: "xr.Dataset", truth: "xr.Dataset", *, rng: "np.random.Generator", parameters: Mapping[str, Any]
) -> "xr.Dataset":
    """Solve with the waves behind the thick sample without noise, in the true geometry: the best projection model.

    Parameters
    ----------
    measurement : Dataset
        Not used.
    truth : Dataset
        With images from a multislice calculation.
    rng : numpy.random.Generator
    parameters : mapping
        Of the method that `controls.SOLVED_WITH` names, in place of some defaults.
    """
    return _solved("projection-ceiling", truth, truth, rng, parameters)


def _solved(
    name: str, images: "xr.Dataset", truth: "xr.Dataset", rng: "np.random.Generator", parameters: Mapping[str, Any]
) -> "xr.Dataset":
    """Run the control's method on noise-free images of a `Truth`; the poses are the true ones."""
    import dataclasses
    import json

    import numpy as np

    from optics import scattering
    from reconstructors import registry
    from reconstructors.tomography.poses import NOMINAL
    from records import projections
    from scenarios.controls import SOLVED_WITH
    from scenarios.tuning import tuned

    setup = json.loads(truth.attrs["setup"])
    light, turns = setup["light"], [pose["in_plane_angle"] for pose in setup["poses"]]
    angles = {
        "tilt": np.array([pose["tilt"] for pose in setup["poses"]]),
        "in_plane": np.array(turns),
        "series": projections.numbered_series(np.round(turns, 6)),
    }
    density = images["optical_density"].values
    data = projections.make(
        images={"optical_density": density, "variance": (_QUIET * np.exp(density)).astype(np.float32)},
        angles=angles,
        scalars={
            "pixel_size": setup["image"]["pixel"],
            "energy": light["energy"],
            "polarization": light["polarization"],
            "beta_m": scattering.magnetic_index("Ni", light["energy"])[1],
            "beta_magnet": scattering.refractive_index("Ni", light["energy"], white_line=light["white_line"])[1],
            "beta_matrix": scattering.refractive_index("SiO2", light["energy"])[1],
        },
        box=tuple(setup["box"]),
        title="images without noise",
    )
    nominal = dict(zip(NOMINAL, angles.values(), strict=True))
    poses = ceiling(truth, truth, rng=rng).assign({key: ("projection", value) for key, value in nominal.items()})
    solver = SOLVED_WITH[name]
    method = dataclasses.replace(registry.get(solver), parameters=tuned(solver, parameters))
    found: xr.Dataset = method.reconstruct(data, rng=rng, given=poses)
    found.attrs["method"] = name
    return found


CONTROLS: "Mapping[str, Callable[..., xr.Dataset]]" = {
    "floor": floor,
    "ceiling": ceiling,
    "transverse": transverse,
    "integral-ceiling": integral_ceiling,
    "projection-ceiling": projection_ceiling,
}


def _record(name: str, truth: "xr.Dataset", magnetization: "NDArray[np.floating]") -> "xr.Dataset":
    import numpy as np

    from records import projections_reconstruction

    kept = {part: truth[part].values for part in ("fill", "charge", "voxel_size", "rotation", "shift")}
    return projections_reconstruction.make(
        method=name,
        results={
            **kept,
            "magnetization": magnetization,
            "used": np.ones(truth.sizes["projection"], np.int8),
        },
        knowledge=("truth",),
    )
