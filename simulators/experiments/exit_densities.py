"""The images of a tilt series that a perfect ptychographic instrument would hand on: no probe, no noise, but waves.

- `ideal_truth`: the `Truth` of kind "projections" of a series that is imaged by ptychography, with these images;
- `exit_densities`: the optical density of one pose, both helicities.

A plane wave goes through the slices of the sample and is brought back to the plane of its origin, where its angles are
cut to those that a frame holds, or, row by row, to the height that a tilted film has there: what a probe that knows of
the tilt shows, and nearer to a projection where a tilted sample is wide. What a projection model makes of these images
without noise, in the true geometry, is the best that it can make of any ptychography: beside the images of
`tilt_series.ideal_truth`, line integrals of the same sample in the same geometry, it shows what the curvature of the
waves costs.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier, line_fft
from optics.units import wavelength
from simulators.beamline.slice_walk import SliceWalk, propagate_in_place
from simulators.beamline.tilted_slices import TiltedSlices, Volume, box_corners, slice_turned
from simulators.experiments.projection_images import HELICITIES
from simulators.experiments.ptychography_setups import PtychographySetup
from simulators.experiments.tilt_series import seen_volumes, series_truth
from simulators.experiments.tilt_series_geometry import true_geometry
from simulators.experiments.tilted_ptychography import TiltedPtychographySetup, pose_setup

Array = NDArray[Any]
Watch = Callable[[str, float], None]

_FOCUS = ("origin", "film")
_DARKEST = 1e-4  # least amplitude that is told from nothing


def ideal_truth(
    sample: xr.Dataset,
    setup: TiltedPtychographySetup,
    *,
    seed: int,
    watch: Watch | None = None,
    focus: str = "origin",
) -> xr.Dataset:
    """Compute the truth of a series imaged by ptychography, with its images as free of errors as waves allow.

    Parameters
    ----------
    sample : Dataset
        `Sample`.
    setup : TiltedPtychographySetup
        Beam, scan and detector do not matter.
    seed : int
        Of the optics: the geometry is that of `tilted_ptychography.simulate_pose`.
    watch : callable, optional
        Called with a word and the fraction done.
    focus : {"origin", "film"}
        As of `exit_densities`.

    Returns
    -------
    Dataset
        `Truth` of kind "projections", of a flux of 1; ``optical_density`` is `exit_densities`, in its true place.

    Raises
    ------
    ValueError
        If sample and setup do not fit, or there is no such focus.
    """
    tell = watch or (lambda _word, _done: None)
    tell("sample", 0.0)
    geometry = true_geometry(setup.series, seed=seed)
    volumes = seen_volumes(sample, setup.series, series=geometry.series, seed=seed)
    n = setup.series.image.n
    images = np.empty((len(HELICITIES), len(volumes), n, n), np.float32)
    for index, volume in enumerate(volumes):
        tell("waves", index / len(volumes))
        posed = pose_setup(setup, index, geometry=geometry)
        images[:, index] = exit_densities(volume, posed, n=n, shift=geometry.shift[0, index], focus=focus)
    tell("done", 1.0)
    return series_truth(sample, setup.series, seed=seed, images=images)


def exit_densities(
    volume: Volume,
    setup: PtychographySetup,
    *,
    n: int,
    shift: Array | tuple[float, float],
    focus: str = "origin",
) -> Array:
    """Return the optical density of a plane wave behind a volume, brought back into the volume.

    Parameters
    ----------
    volume : Volume
    setup : PtychographySetup
        Its orientation, pixels and slices matter, no more; one slice alone stays where it is.
    n : int
        Pixels along the edge of the images.
    shift : (2,) array
        Where the origin lies in the images, (y, x) in px from index ``n//2``.
    focus : {"origin", "film"}
        In the plane of the volume's origin, across the beam; or each row at the height of the volume's plane z = 0.

    Returns
    -------
    (2, n, n) float32 array
        Of helicity +1 and -1: ``-ln|wave|²`` at the middles of the pixels, of a wave without angles beyond those that
        the pixels hold.

    Raises
    ------
    ValueError
        If there is no such focus.
    """
    if focus not in _FOCUS:
        raise ValueError(f"focus is {focus!r}; allowed: {', '.join(_FOCUS)}")
    shape = _window(volume, setup, n=n, shift=np.abs(shift))
    slices = slice_turned(
        volume,
        setup.turn,
        pixel_size=setup.fine_pixel,
        shape=shape,
        slice_thickness=setup.slice_thickness,
        helicities=HELICITIES,
    )
    waves = _exit_waves(slices)
    for axis, part in enumerate(shift):
        f = fourier.unshifted_frequencies(shape[axis], 1 / setup.oversampling)
        ramp = np.exp(-2j * np.pi * f * float(part)).astype(np.complex64)
        waves *= ramp[:, None] if axis == 0 else ramp
    waves = fourier.ifft2(waves, overwrite=True)
    coarse = fourier.fourier_resample(waves, (shape[0] // setup.oversampling, shape[1] // setup.oversampling))
    if focus == "film":
        turn = setup.turn
        rows = np.arange(coarse.shape[1]) - coarse.shape[1] // 2 - float(shift[0])
        _refocus(coarse, -turn[1, 2] / turn[2, 2] * rows * setup.pixel, setup)
    first = [size // 2 - n // 2 for size in coarse.shape[1:]]
    seen = np.abs(coarse[:, first[0] : first[0] + n, first[1] : first[1] + n])
    return np.asarray(-2 * np.log(np.maximum(seen, _DARKEST)), np.float32)


def _exit_waves(slices: TiltedSlices) -> Array:
    """Return the unshifted spectra, (2, ny, nx) complex64, of plane waves behind the slices, seen at the origin."""
    spectra = np.empty((len(HELICITIES), *slices.shape), np.complex64)
    plane = np.ones((1, *slices.shape), np.complex64)
    walks = [SliceWalk(slices, plane, np.zeros((1, 2)), helicity) for helicity in HELICITIES]

    def walk(first: int, last: int) -> None:
        for index in range(first, last):
            field, _ = walks[index].exit(0, 0)
            if len(slices.heights) > 1:
                propagate_in_place(field, walks[index].step(-walks[index].last_height(0)))
            spectra[index] = field

    fourier.in_blocks(walk, len(HELICITIES), 1)
    return fourier.fft2(spectra, overwrite=True)


def _refocus(waves: Array, heights: Array, setup: PtychographySetup) -> None:
    """Bring each row of waves (2, ny, nx) in the plane of the origin to its own height, m; in place."""
    ny = waves.shape[1]
    spectra = fourier.fft2(waves)
    f_y, f_x = (fourier.unshifted_frequencies(size, setup.pixel) for size in waves.shape[1:])
    along = 2 * np.pi * (np.sqrt(setup.wavelength**-2 - f_y[:, None] ** 2 - f_x**2) - 1 / setup.wavelength)

    def row(first: int, last: int) -> None:
        for y in range(first, last):
            factors = np.exp(1j * heights[y] * along).astype(np.complex64)
            line = np.exp(2j * np.pi * f_y * setup.pixel * y).astype(np.complex64) / np.float32(np.sqrt(ny))
            for index in range(len(waves)):
                waves[index, y] = line @ (spectra[index] * factors)

    fourier.in_blocks(row, ny, 8)
    fourier.transform_axis(waves, 2, inverse=True)


def _window(volume: Volume, setup: PtychographySetup, *, n: int, shift: Array) -> tuple[int, int]:
    """Return fine samples (y, x), even multiples of a pixel, that hold the images and the sample with a rim.

    The rim is as wide as the steepest waves travel sideways within the sample's height: what leaves the window on one
    side meets the sample on the other no more.
    """
    fine = setup.fine_pixel
    corners = box_corners(volume, setup.turn, pixel_size=fine, shape=(n * setup.oversampling,) * 2)
    sine = min(wavelength(volume.energy) / (2 * fine), 0.5)
    rim = np.ptp(corners[:, 2]) * sine / np.sqrt(1 - sine**2)
    sizes = []
    for axis, moved in zip((1, 0), shift, strict=True):
        reach = 2 * np.abs(corners[:, axis]).max() + rim
        pixels = max(n + 2 * moved, reach / setup.pixel)
        pairs = int(np.ceil(pixels / 2)) + 1
        fast = [size for size in line_fft.sizes() if size % (2 * setup.oversampling) == 0]
        slow = 2 * setup.oversampling * fourier.good_size(pairs)
        sizes.append(next((size for size in fast if size >= 2 * setup.oversampling * pairs), slow))
    return sizes[0], sizes[1]
