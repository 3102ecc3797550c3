"""A tilt series of a magnetic sample, from exact line integrals: what a perfect imaging method would hand on.

- `simulate_tilt_series`: a `Measurement` of kind "projections" and its `Truth`;
- `series_truth`: the truth alone, for series that are imaged in another way;
- `seen_sample`: the sample that a series saw.

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
from simulators.experiments.tilt_series_setups import TiltSeriesSetup
from simulators.experiments.tilt_series_truth import series_truth_of
from simulators.samples.changed_texture import changed_patch

Array = NDArray[Any]
Watch = Callable[[str, float], None]

_MAGNET, _MATRIX = "Ni", "SiO2"


def simulate_tilt_series(
    sample: xr.Dataset, setup: TiltSeriesSetup, *, seed: int, draw: int = 0, watch: Watch | None = None
) -> tuple[xr.Dataset, xr.Dataset]:
    """Simulate the images of a tilt series.

    Parameters
    ----------
    sample : Dataset
        `Sample`, in voxels finer than the pixels, see `volume_for`.
    setup : TiltSeriesSetup
    seed, draw : int
        Of the optics (seed) and of the noise (both).
    watch : callable, optional
        Called with a word and the fraction done.

    Returns
    -------
    measurement, truth : Dataset
        `Measurement` and `Truth` of kind "projections"; the truth's images are without noise, flux and background.

    Raises
    ------
    ValueError
        If sample and setup do not fit.
    """
    tell = watch or (lambda _word, _done: None)
    tell("sample", 0.0)
    geometry, errors = true_geometry(setup, seed=seed), true_errors(setup, seed=seed)
    volume, changed, notes = _volumes(sample, setup, seed=seed)
    count, n = len(setup.poses), setup.image.n
    ideal = np.empty((len(HELICITIES), count, n, n), np.float32)
    density, variance = np.empty_like(ideal), np.empty_like(ideal)

    def image(first: int, last: int) -> None:
        for index in range(first, last):
            tell("projections", index / count)
            seen = changed if geometry.series[index] == setup.changed.series and changed is not None else volume
            ideal[:, index] = pose_images(
                seen, rotation=geometry.rotation[index], image=setup.image, shift=geometry.shift[:, index]
            )
            photons = setup.light.photons * setup.poses[index].exposure
            for h in range(len(HELICITIES)):
                rng = stream(seed, "noise", draw, h, index)
                found = counted(ideal[h, index] + errors.added(h, index, n), photons, rng=rng)
                density[h, index], variance[h, index] = found

    fourier.in_blocks(image, count, 1)
    tell("done", 1.0)
    measurement = projections.make(
        images={"optical_density": density, "variance": variance},
        angles={
            "tilt": np.array([pose.tilt for pose in setup.poses]),
            "in_plane": np.array([pose.in_plane_angle for pose in setup.poses]),
            "series": geometry.series,
        },
        scalars=_known(sample, setup),
        box=nominal_box(sample),
        title=f"{count} projections, {n} x {n} pixels of {setup.image.pixel * 1e9:.3g} nm",
    )
    truth = series_truth_of(sample, volume, setup, geometry=geometry, errors=errors, images=ideal, notes=notes)
    return measurement, truth


def series_truth(sample: xr.Dataset, setup: TiltSeriesSetup, *, seed: int) -> xr.Dataset:
    """Return the `Truth` of a tilt series, without images.

    Parameters
    ----------
    sample, setup, seed
        As of `simulate_tilt_series`.

    Returns
    -------
    Dataset
        With a flux of 1: that of single frames is in the truths of the projections.
    """
    geometry = true_geometry(setup, seed=seed)
    volume = volume_for(sample, setup)
    ones = np.ones((len(HELICITIES), len(setup.poses)))
    errors = TrueErrors(ones, np.zeros((*ones.shape, 1)))
    seen = seen_sample(sample, setup, series=setup.changed.series or 0, seed=seed)
    return series_truth_of(sample, volume, setup, geometry=geometry, errors=errors, notes=_patch(seen))


def seen_sample(sample: xr.Dataset, setup: TiltSeriesSetup, *, series: int, seed: int) -> xr.Dataset:
    """Return what a series sees: the sample, or one changed in a patch; stream "optics", "changed texture"."""
    if series != setup.changed.series:
        return sample
    fault = setup.changed
    rng = stream(seed, "optics", "changed texture")
    return changed_patch(sample, diameter=fault.diameter, period=fault.period, rng=rng)


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


def _volumes(sample: xr.Dataset, setup: TiltSeriesSetup, *, seed: int) -> tuple[Volume, Volume | None, dict[str, Any]]:
    """Return what light sees of the sample, of the changed one if there is one, and what is known of the change."""
    volume = volume_for(sample, setup)
    if setup.changed.series is None:
        return volume, None, {}
    other = seen_sample(sample, setup, series=setup.changed.series, seed=seed)
    return volume, volume_for(other, setup), _patch(other)


def _patch(seen: xr.Dataset) -> dict[str, Any]:
    features = json.loads(seen.attrs["features"])
    return {"changed_patch": features["changed"]} if "changed" in features else {}


def _known(sample: xr.Dataset, setup: TiltSeriesSetup) -> dict[str, float]:
    """Return what the experimenter knows of light and materials."""
    light = setup.light
    known = {
        "pixel_size": setup.image.pixel,
        "energy": light.energy,
        "polarization": light.polarization,
        "beta_m": scattering.magnetic_index(_MAGNET, light.energy)[1],
        "beta_magnet": scattering.refractive_index(_MAGNET, light.energy, white_line=light.white_line)[1],
    }
    if "silica" in sample:
        known["beta_matrix"] = scattering.refractive_index(_MATRIX, light.energy)[1]
    return known
