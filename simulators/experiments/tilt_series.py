"""A tilt series of a magnetic sample, from exact line integrals: what a perfect imaging method would hand on.

- `ideal_truth`: the `Truth` of kind "projections" with the images that a perfect instrument would take;
- `detect_tilt_series`: one draw of a `Measurement` of them; `simulate_tilt_series`: both at once;
- `series_truth`: the truth alone, for series that are imaged in another way;
- `seen_sample`: the sample that a series saw; `nominal_box`: its size.

Seeds make the optics ("optics": geometry, flux, backgrounds, the changed patch) and the noise ("noise", draw, names of
helicity and projection); the sample brings its own. Draws of one seed differ in the noise alone.
"""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from optics import scattering
from records import projections
from records import sample as sample_record
from simulators.beamline.tilted_slices import Volume
from simulators.experiments.projection_images import (
    HELICITIES,
    TrueErrors,
    counted,
    pose_images,
    true_errors,
    volume_for,
)
from simulators.experiments.tilt_series_geometry import true_geometry
from simulators.experiments.tilt_series_setups import TiltSeriesSetup, series_of
from simulators.experiments.tilt_series_truth import series_truth_of
from simulators.samples.changed_texture import changed_patch

Array = NDArray[Any]
Watch = Callable[[str, float], None]

_MAGNET, _MATRIX = "Ni", "SiO2"


def ideal_truth(sample: xr.Dataset, setup: TiltSeriesSetup, *, seed: int, watch: Watch | None = None) -> xr.Dataset:
    """Compute the images of a tilt series as a perfect instrument would take them.

    Parameters
    ----------
    sample : Dataset
        `Sample`, in voxels finer than the pixels, see `volume_for`.
    setup : TiltSeriesSetup
        Its photons do not matter yet.
    seed : int
        Of the optics.
    watch : callable, optional
        Called with a word and the fraction done.

    Returns
    -------
    Dataset
        `Truth` of kind "projections"; its images are exact line integrals in the true geometry, of each helicity in its
        own place, without noise, flux and background.

    Raises
    ------
    ValueError
        If sample and setup do not fit.
    """
    tell = watch or (lambda _word, _done: None)
    tell("sample", 0.0)
    geometry = true_geometry(setup, seed=seed)
    volumes = seen_volumes(sample, setup, series=geometry.series, seed=seed)
    count, n = len(setup.poses), setup.image.n
    images = np.empty((len(HELICITIES), count, n, n), np.float32)

    def image(first: int, last: int) -> None:
        for index in range(first, last):
            tell("projections", index / count)
            turn, shift = geometry.rotation[index], geometry.shift[:, index]
            images[:, index] = pose_images(volumes[index], rotation=turn, image=setup.image, shift=shift)

    fourier.in_blocks(image, count, 1)
    tell("done", 1.0)
    return series_truth(sample, setup, seed=seed, errors=true_errors(setup, seed=seed), images=images)


def detect_tilt_series(truth: xr.Dataset, setup: TiltSeriesSetup, *, seed: int, draw: int = 0) -> xr.Dataset:
    """Take the images of a tilt series once: flux, background and photons of each.

    Parameters
    ----------
    truth : Dataset
        From `ideal_truth`, or any with its images.
    setup : TiltSeriesSetup
        As for `truth`; photons and background may differ.
    seed, draw : int
        Of the optics (seed) and of the noise (both).

    Returns
    -------
    Dataset
        `Measurement` of kind "projections".

    Raises
    ------
    ValueError
        If the truth is without images, or that of another setup or seed.
    """
    errors, n = true_errors(setup, seed=seed), setup.image.n
    _check_same(truth, setup, errors)
    ideal = truth["optical_density"].values
    density, variance = np.empty_like(ideal), np.empty_like(ideal)

    def take(first: int, last: int) -> None:
        for index in range(first, last):
            photons = setup.light.photons * setup.poses[index].exposure
            for h in range(len(HELICITIES)):
                rng = stream(seed, "noise", draw, h, index)
                found = counted(ideal[h, index] + errors.added(h, index, n), photons, rng=rng)
                density[h, index], variance[h, index] = found

    count = len(setup.poses)
    fourier.in_blocks(take, count, 1)
    known = json.loads(truth.attrs["setup"])
    return projections.make(
        images={"optical_density": density, "variance": variance},
        angles={
            "tilt": np.array([pose.tilt for pose in setup.poses]),
            "in_plane": np.array([pose.in_plane_angle for pose in setup.poses]),
            "series": series_of(setup.poses),
        },
        scalars=_known(setup, matrix=known["matrix"]),
        box=known["box"],
        title=f"{count} projections, {n} x {n} pixels of {setup.image.pixel * 1e9:.3g} nm",
    )


def simulate_tilt_series(
    sample: xr.Dataset, setup: TiltSeriesSetup, *, seed: int, draw: int = 0, watch: Watch | None = None
) -> tuple[xr.Dataset, xr.Dataset]:
    """Simulate the images of a tilt series.

    Parameters
    ----------
    sample, setup, watch
        As of `ideal_truth`.
    seed, draw : int
        Of the optics (seed) and of the noise (both).

    Returns
    -------
    measurement, truth : Dataset
        `Measurement` and `Truth` of kind "projections"; the truth's images are without noise, flux and background.
    """
    truth = ideal_truth(sample, setup, seed=seed, watch=watch)
    return detect_tilt_series(truth, setup, seed=seed, draw=draw), truth


def series_truth(
    sample: xr.Dataset,
    setup: TiltSeriesSetup,
    *,
    seed: int,
    errors: TrueErrors | None = None,
    images: Array | None = None,
) -> xr.Dataset:
    """Return the `Truth` of a tilt series.

    Parameters
    ----------
    sample, setup, seed
        As of `ideal_truth`.
    errors : TrueErrors, optional
        Default a flux of 1 and no background: those of single frames are in the truths of the projections.
    images : (2, projection, n, n) array, optional
        Optical densities without noise, flux and background.
    """
    ones = np.ones((len(HELICITIES), len(setup.poses)))
    seen = seen_sample(sample, setup, series=setup.changed.series, seed=seed)
    features = json.loads(seen.attrs["features"])
    notes = {"box": nominal_box(sample), "matrix": _MATRIX if "silica" in sample else None}
    return series_truth_of(
        sample,
        volume_for(sample, setup),
        setup,
        geometry=true_geometry(setup, seed=seed),
        errors=errors or TrueErrors(ones, np.zeros((*ones.shape, 1))),
        images=images,
        notes=notes | ({"changed_patch": features["changed"]} if "changed" in features else {}),
    )


def seen_sample(sample: xr.Dataset, setup: TiltSeriesSetup, *, series: int | None, seed: int) -> xr.Dataset:
    """Return what a series sees: the sample, or one changed in a patch; stream "optics", "changed texture"."""
    if series is None or series != setup.changed.series:
        return sample
    fault = setup.changed
    rng = stream(seed, "optics", "changed texture")
    return changed_patch(sample, diameter=fault.diameter, period=fault.period, rng=rng)


def seen_volumes(sample: xr.Dataset, setup: TiltSeriesSetup, *, series: Array, seed: int) -> list[Volume]:
    """Return what light sees in each projection, of `series` each; those of one sample are one volume."""
    volume = changed = volume_for(sample, setup)
    if setup.changed.series is not None:
        changed = volume_for(seen_sample(sample, setup, series=setup.changed.series, seed=seed), setup)
    return [changed if number == setup.changed.series else volume for number in series]


def nominal_box(sample: xr.Dataset) -> tuple[float, float, float]:
    """Return the size (z, y, x) of a sample, m: that of its block, or of what is filled."""
    block = json.loads(sample.attrs["features"]).get("block")
    if block is not None:
        z, y, x = (float(size) for size in block["size"])
        return z, y, x
    filled = sample["magnet"].values > 0
    for name in ("nickel", "silica"):
        if name in sample:
            filled = filled | (sample[name].values > 0)
    sizes = sample_record.voxel_size(sample)
    spans = [np.ptp(np.flatnonzero(filled.any(axis=tuple({0, 1, 2} - {axis})))) + 1 for axis in range(3)]
    z, y, x = (float(span * size) for span, size in zip(spans, sizes, strict=True))
    return z, y, x


def _check_same(truth: xr.Dataset, setup: TiltSeriesSetup, errors: TrueErrors) -> None:
    """Refuse a truth without images, or of other images, flux or poses than setup and seed have."""
    if "optical_density" not in truth:
        raise ValueError("truth.optical_density is missing; allowed: a truth from ideal_truth")
    shape = (len(HELICITIES), len(setup.poses), setup.image.n, setup.image.n)
    if truth["optical_density"].shape != shape:
        raise ValueError(f"truth.optical_density has shape {truth['optical_density'].shape}; allowed: {shape}")
    if not np.array_equal(truth["flux"].values, errors.flux):
        raise ValueError("truth.flux is that of another setup or seed; allowed: the flux of these")


def _known(setup: TiltSeriesSetup, *, matrix: str | None) -> dict[str, float]:
    """Return what the experimenter knows of light and materials; `matrix` fills the rest of the sample."""
    light = setup.light
    known = {
        "pixel_size": setup.image.pixel,
        "energy": light.energy,
        "polarization": light.polarization,
        "beta_m": scattering.magnetic_index(_MAGNET, light.energy)[1],
        "beta_magnet": scattering.refractive_index(_MAGNET, light.energy, white_line=light.white_line)[1],
    }
    if matrix is not None:
        known["beta_matrix"] = scattering.refractive_index(matrix, light.energy)[1]
    return known
