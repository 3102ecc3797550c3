"""From a probe and a tilted volume to exit waves and expected photons.

- `projection_exit_wave`, `multislice_exit_wave`: one probe in the middle of a volume, with and without projection;
- `exit_waves`: the modes of a probe at one position behind `TiltedSlices`;
- `expected_frames`, `expected_near_field`: photons per detector pixel for a batch of positions;
- `find_slice_thickness`: the slice at which frames stop changing.

Multislice with the transmission of each slice in its middle, and free space from middle to middle: half a step,
transmit, half a step, of second order in the slice. Boxes that the window does not meet are stepped over at once.
Probes are given in the plane of the sample's origin; each frame starts at the first slice of its own window, so that
the defocus varies over a tilted sample by itself.

Sampling. Modes and slices live on one fine grid, at least twice finer than the reconstruction's pixel: the detector
then sees the inner half of the simulated angles, and the outer ones, which a real detector would not see either, are
cut off instead of folded back. The detector's pixels are integrated over samples at half-pixel steps or finer: the
window's transform gives one sample per pixel, its transform after a half-pixel tilt those between, Simpson's rule the
mean. Frames are sampled evenly in spatial frequency (no Ewald curvature): pixels of pitch times n, distance and
wavelength give the reconstruction's pixel.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from simulators.beamline.far_field import FarField
from simulators.beamline.slice_kernels import add_intensity, bin_pixels
from simulators.beamline.slice_walk import SliceWalk, propagate_in_place
from simulators.beamline.tilted_slices import TiltedSlices, Volume, slice_volume, transmission

Array = NDArray[Any]

_WHOLE = 1e-6
_THICKEST, _THINNEST = 80e-9, 1e-9  # m


def projection_exit_wave(
    volume: Volume,
    probe: Array,
    *,
    tilt: float,
    helicity: int,
    pixel_size: float,
    in_plane_angle: float = 0.0,
) -> Array:
    """Return the probe times ``exp(i k ∫(-delta + i beta) dz)`` through the middle of a tilted volume.

    Parameters
    ----------
    volume : Volume
    probe : (..., ny, nx) complex array
        In the plane of the sample's origin, which its pixel ``n//2`` meets.
    tilt, in_plane_angle : float
        rad.
    helicity : int
        +1 or -1.
    pixel_size : float
        m.

    Returns
    -------
    complex64 array of the shape of `probe`
    """
    shape = (probe.shape[-2], probe.shape[-1])
    slices = slice_volume(
        volume,
        tilt=tilt,
        in_plane_angle=in_plane_angle,
        pixel_size=pixel_size,
        shape=shape,
        slice_thickness=np.inf,
        helicities=(helicity,),
    )
    return np.asarray(probe * transmission(slices)[0], np.complex64)


def multislice_exit_wave(
    volume: Volume,
    probe: Array,
    *,
    tilt: float,
    slice_thickness: float,
    helicity: int,
    pixel_size: float,
    in_plane_angle: float = 0.0,
) -> Array:
    """Return the wave behind the middle of a tilted volume, brought back to the plane of the sample's origin.

    Parameters are those of `projection_exit_wave`; `slice_thickness` is in m. Without a sample the result is the probe.
    """
    modes = np.asarray(probe, np.complex64).reshape(-1, *probe.shape[-2:])
    slices = slice_volume(
        volume,
        tilt=tilt,
        in_plane_angle=in_plane_angle,
        pixel_size=pixel_size,
        shape=(probe.shape[-2], probe.shape[-1]),
        slice_thickness=slice_thickness,
        helicities=(helicity,),
    )
    return exit_waves(slices, modes, (0.0, 0.0), helicity=helicity).reshape(probe.shape)


def exit_waves(
    slices: TiltedSlices, modes: Array, position: tuple[float, float], *, helicity: int, height: float = 0.0
) -> Array:
    """Return the modes of a probe at one position behind the sample, (modes, ny, nx) complex64.

    Parameters
    ----------
    slices : TiltedSlices
    modes : (modes, ny, nx) complex64 array
        Probe in the plane of the sample's origin, with the pixel of the slices.
    position : tuple of float
        Where the probe's pixel ``n//2`` lies from the sample's origin, (y, x) in m.
    helicity : int
    height : float
        Plane in which the waves are given, as seen from behind through free space: m from the sample's origin.
    """
    walk = SliceWalk(slices, modes, np.asarray([position], np.float64), helicity)
    fields = np.stack([walk.exit(0, mode)[0] for mode in range(len(modes))])
    fields = fourier.fft2(fields, overwrite=True)
    fields *= walk.step(height - walk.last_height(0))
    return fourier.ifft2(fields, overwrite=True)


def expected_frames(
    slices: TiltedSlices, modes: Array, positions: Array, *, helicity: int, n: int, pixel_size: float
) -> Array:
    """Return the expected photons of far-field frames.

    Parameters
    ----------
    slices : TiltedSlices
    modes : (modes, m, m) complex64 array
        Incoherent modes of the probe in the plane of the sample's origin, with the pixel of the slices; all ``|.|²``
        together are the photons that reach the sample per frame.
    positions : (frames, 2) float64 array
        Where the modes' pixel ``m//2`` lies from the sample's origin, (y, x) in m; fractions of a pixel are exact.
    helicity : int
    n : int
        Detector pixels a side.
    pixel_size : float
        Of the reconstruction, ``wavelength distance/(n pitch)``, m. The modes' field, m times their pixel, must be a
        whole multiple of ``n pixel_size``; one is the least that holds the probe, two also its far wings.

    Returns
    -------
    (frames, n, n) float32 array
        Photons per pixel, integrated over its area, zero frequency in the centre.

    Raises
    ------
    ValueError
        If the grids do not fit together.
    """
    multiple = _field_multiple(modes, slices, n, pixel_size)
    walk = SliceWalk(slices, modes, positions, helicity)
    result = np.empty((len(positions), n, n), np.float32)

    def compute(first: int, last: int) -> None:
        for frame in range(first, last):
            detector = FarField(walk.shape[0], n, multiple)
            for mode in range(len(modes)):
                detector.add(*walk.exit(frame, mode))
            detector.write(result[frame])

    fourier.in_blocks(compute, len(positions), 1)
    return result


def expected_near_field(
    slices: TiltedSlices, modes: Array, positions: Array, *, helicity: int, distance: float, binning: int
) -> Array:
    """Return the expected photons of frames at a short distance behind the sample.

    Parameters
    ----------
    slices, modes, positions, helicity
        As in `expected_frames`.
    distance : float
        From the sample's origin to the detector, m; in a diverging beam the effective distance.
    binning : int
        Fine pixels along the edge of a detector pixel, whose photons are summed.

    Returns
    -------
    (frames, m // binning, m // binning) float32 array
    """
    size = modes.shape[-1] // binning
    if binning < 1 or size * binning != modes.shape[-1] or modes.shape[-2] != modes.shape[-1]:
        raise ValueError(f"binning is {binning}; allowed: a divisor of the modes' {modes.shape[-1]} pixels")
    walk = SliceWalk(slices, modes, positions, helicity)
    steps = {height: walk.step(distance - height) for height in walk.last_heights()}
    result = np.empty((len(positions), size, size), np.float32)

    def compute(first: int, last: int) -> None:
        for frame in range(first, last):
            total = np.zeros(walk.shape, np.float32)
            for mode in range(len(modes)):
                field = walk.exit(frame, mode)[0]
                propagate_in_place(field, steps[walk.last_height(frame)])
                add_intensity(field, total)
            bin_pixels(total, binning, result[frame])

    fourier.in_blocks(compute, len(positions), 1)
    return result


def find_slice_thickness(
    volume: Volume,
    modes: Array,
    positions: Array,
    *,
    tilt: float,
    in_plane_angle: float = 0.0,
    pixel_size: float,
    n: int,
    tolerance: float = 1e-3,
) -> tuple[float, list[tuple[float, float]]]:
    """Find the slice at which frames stop changing: the amplitudes' nrmse against half of it below `tolerance`.

    Parameters
    ----------
    volume : Volume
    modes, positions
        As in `expected_frames`; a few positions that matter.
    tilt, in_plane_angle : float
        rad; the steepest of a series is the worst.
    pixel_size : float
        Of the modes, m.
    n : int
        Detector pixels a side, over the modes' field.
    tolerance : float

    Returns
    -------
    thickness : float
        m.
    tried : list of (thickness, nrmse)
        To be recorded beside the result.

    Raises
    ------
    ValueError
        If slices thinner than a nanometre still change the frames.
    """
    reach = np.abs(positions).max() / pixel_size + max(modes.shape[-2:]) / 2 + 1
    shape = (2 * int(np.ceil(reach)),) * 2
    pixel = pixel_size * modes.shape[-1] / n

    def amplitudes(thickness: float) -> tuple[float, Array]:
        slices = slice_volume(
            volume,
            tilt=tilt,
            in_plane_angle=in_plane_angle,
            pixel_size=pixel_size,
            shape=shape,
            slice_thickness=thickness,
            helicities=(1,),
        )
        frames = expected_frames(slices, modes, positions, helicity=1, n=n, pixel_size=pixel)
        return slices.thickness, np.sqrt(frames).astype(np.float64)

    tried: list[tuple[float, float]] = []
    thickness, coarse = amplitudes(_THICKEST)
    while thickness > _THINNEST:
        half, fine = amplitudes(thickness / 2)
        tried.append((thickness, float(np.linalg.norm(coarse - fine) / np.linalg.norm(fine))))
        if tried[-1][1] < tolerance:
            return thickness, tried
        thickness, coarse = half, fine
    raise ValueError(
        f"tolerance is {tolerance}; allowed: above {tried[-1][1]:.2g}, reached by slices of {thickness:.2g} m"
    )


def _field_multiple(modes: Array, slices: TiltedSlices, n: int, pixel_size: float) -> int:
    if modes.ndim != 3 or modes.shape[1] != modes.shape[2]:
        raise ValueError(f"modes has shape {modes.shape}; allowed: (modes, m, m)")
    m = modes.shape[-1]
    multiple = float(m * slices.pixel_size / (n * pixel_size))
    whole = round(multiple)
    if whole < 1 or abs(multiple - whole) > _WHOLE:
        raise ValueError(f"modes have a field of {multiple:.6g} frames; allowed: a whole number of n pixel_size")
    if n * whole > m:
        raise ValueError(f"n is {n}; allowed: up to {m // whole}, the angles that the modes' pixel holds")
    return whole
