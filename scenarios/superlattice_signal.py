"""How far the magnetic signal of the raw data stands above noise.

- `SignalSpectrum`: power and noise by ring, and where they meet; `signal_rows`: its rows;
- `image_signal`: of projections, from half the difference of the helicities' optical densities;
- `frame_difference`, `summed`: the difference of the helicities' frames, of one projection and of several;
- `frame_signal`: the spectrum of that, as Rana et al. (Nat. Nanotechnol. 18, 227 (2023), fig. S4B) have it.

A frame is a spectrum itself: its difference needs no image, and the noise is known of every pixel. An image by
ptychography hides its noise where no frame was.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from records import frames as frame_files
from records import ptychography
from scenarios.holography_rows import MetricValue

Array = NDArray[Any]

_BORDER = 4  # px of an image's edge from which noise is read where no variance is given
_TINY = 1e-30
_KNOWN = 0.01
"""How well the noise of frames is known, of itself: gain, read noise and what a photon makes of electrons."""


@dataclass(frozen=True)
class SignalSpectrum:
    """Power of the difference of the helicities by ring, and that of its noise.

    Attributes
    ----------
    density : RingMean
        Mean over all images or frames.
    noise : (rings,) float64 array
        Of the same.
    unit : str
        Of both: "m2", of an optical density, or "photon2", of a pixel of a frame.
    extent : Resolution
        Where the signal ends.
    """

    density: validation.RingMean
    noise: Array
    unit: str
    extent: validation.Resolution


def image_signal(measurement: xr.Dataset) -> SignalSpectrum:
    """Return the spectrum of half the difference of the helicities' optical densities, averaged over the images.

    Parameters
    ----------
    measurement : Dataset
        Of kind "projections".
    """
    density = measurement["optical_density"].values
    pixel = float(measurement["pixel_size"])
    images = (density[0].astype(np.float64) - density[1]) / 2
    if "valid" in measurement:
        images = np.where(measurement["valid"].values, images, 0)
    rings = [validation.power_spectral_density(image - image.mean(), pixel_size=pixel) for image in images]
    mean = validation.RingMean(
        rings[0].frequency, np.mean([ring.mean for ring in rings], axis=0), rings[0].count * len(rings)
    )
    noise = np.full(len(mean.mean), max(_image_noise(measurement, images) * pixel**2, _TINY))
    return SignalSpectrum(mean, noise, "m2", validation.spectral_extent(mean, noise=noise))


def frame_difference(node: xr.Dataset) -> xr.Dataset:
    """Sum the squared difference of the helicities' frames, and the noise in it, over the positions of a projection.

    Helicity - is scaled to the photons of helicity +, all frames alike: flux that walks otherwise in one scan than in
    the other, other positions and corrupt frames count as difference. Pixels that are not valid stay 0.

    Parameters
    ----------
    node : Dataset
        Record of kind "ptychography" with both helicities; its frames may be lazy.

    Returns
    -------
    Dataset
        ``square`` and ``noise`` (y, x), photons^2; ``frames`` (y, x), how many were added; attribute
        ``frequency_step``, cycles/m.
    """
    valid, gain = node["valid"].values, float(node["gain"])
    order = [list(node["helicity"].values).index(sign) for sign in (1, -1)]
    linear, squares, cross = np.zeros((2, *valid.shape)), np.zeros((2, *valid.shape)), np.zeros(valid.shape)
    for first, last in frame_files.blocks(node):
        pair = [
            (node["counts"][index, first:last].values.astype(np.float64) - node["dark"].values) / gain
            for index in order
        ]
        for index, photons in enumerate(pair):
            linear[index] += photons.sum(axis=0)
            squares[index] += np.square(photons).sum(axis=0)
        cross += (pair[0] * pair[1]).sum(axis=0)
    ratio = float(linear[0][valid].sum() / linear[1][valid].sum())
    count = node.sizes["position"]
    read_out = count * (float(node["read_noise"]) / gain) ** 2
    parts = {
        "square": squares[0] - 2 * ratio * cross + ratio**2 * squares[1],
        "noise": linear[0] + ratio**2 * linear[1] + (1 + ratio**2) * read_out,
        "frames": np.full(valid.shape, float(count)),
    }
    step = 1 / (node.sizes["x"] * ptychography.pixel_size(node))
    return xr.Dataset(
        {name: (("y", "x"), np.where(valid, values, 0.0)) for name, values in parts.items()},
        attrs={"frequency_step": step},
    )


def summed(parts: Sequence[xr.Dataset]) -> xr.Dataset:
    """Return the sum of several of `frame_difference`, of one detector."""
    names = ("square", "noise", "frames")
    return xr.Dataset(
        {name: (("y", "x"), np.sum([part[name].values for part in parts], axis=0)) for name in names},
        attrs=parts[0].attrs,
    )


def frame_signal(difference: xr.Dataset) -> SignalSpectrum:
    """Return the spectrum of the difference of the helicities' frames, a frame and pixel.

    Photons scatter by more than their number at few a pixel, which the ring's scatter is given; the noise is taken to
    be known to 1 %, so that a hundredth of it is no signal however many frames there are.

    Parameters
    ----------
    difference : Dataset
        Of `frame_difference` or `summed`.
    """
    frames, step = difference["frames"].values, float(difference.attrs["frequency_step"])
    seen = frames > 0
    per_frame = {
        name: np.divide(difference[name].values, frames, out=np.zeros(frames.shape), where=seen)
        for name in ("square", "noise")
    }
    square, noise = (validation.ring_mean(values, frequency_step=step, valid=seen) for values in per_frame.values())
    count = square.count * float(frames.max())
    level = np.where(noise.mean > 0, noise.mean, _TINY)
    # of Skellam numbers the square scatters by 2 v^2 + v, of Gaussian ones by 2 v^2
    effective = count / (1 + 0.5 / level)
    counted = validation.RingMean(square.frequency, square.mean, effective)
    extent = validation.spectral_extent(counted, noise=(1 + _KNOWN) * level)
    return SignalSpectrum(square, level, "photon2", extent)


def signal_rows(spectrum: SignalSpectrum) -> list[MetricValue]:
    """Return both periods to which the data hold magnetic signal."""
    found = spectrum.extent
    return [
        MetricValue(metric=f"signal.{name}", value=value, unit="m", direction="lower", criterion=found.criterion)
        for name, value in (("half_period", found.half_period), ("full_period", found.full_period))
    ]


def _image_noise(measurement: xr.Dataset, images: Array) -> float:
    """Return the variance of a pixel of the difference."""
    if "variance" in measurement:
        usable = measurement["valid"].values if "valid" in measurement else np.ones(images.shape, bool)
        return float(measurement["variance"].values.sum(axis=0, dtype=np.float64)[usable].mean()) / 4
    edge = np.ones(images.shape[1:], bool)
    edge[_BORDER:-_BORDER, _BORDER:-_BORDER] = False
    return float(images[:, edge].var(axis=1).mean())
