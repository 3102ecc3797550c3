"""What the light meets in a ptychographic experiment: the sample as a volume, and the probe of either helicity.

- `volume_of_sample`: refractive decrements of a `Sample`;
- `probe_modes`: incoherent modes of each helicity on the fine grid;
- `scan_positions`: nominal and true positions.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from records import sample as sample_record
from simulators.beamline import scan
from simulators.beamline.coherence_modes import orthogonal_modes, shifted_modes, spread_for_share
from simulators.beamline.tilted_slices import Volume, volume_of_shares
from simulators.beamline.zone_plate import probe_of, zone_plate_modes
from simulators.experiments.ptychography_setups import HelicitySetup, PtychographySetup

Array = NDArray[Any]

_SILICA = "SiO2"


def volume_of_sample(sample: xr.Dataset, setup: PtychographySetup) -> Volume:
    """Return what light of the setup's energy sees of a sample.

    Parameters
    ----------
    sample : Dataset
        `Sample`; ``magnet`` is the share of each voxel that is the setup's stack. It may hold ``silica``, the share
        that is silica, and ``nickel``, the share that absorbs where that is more than the magnet (dead layers,
        voxels that a solver left out). Where the saturation magnetization varies, the strongest cells have the
        stack's beta_m, weaker ones less.
    setup : PtychographySetup

    Raises
    ------
    ValueError
        If the voxels are coarser than the reconstruction's pixel.
    """
    voxel_size = sample_record.voxel_size(sample)
    if max(voxel_size[1:]) > setup.pixel * (1 + 1e-6):
        coarse = max(voxel_size[1:])
        raise ValueError(f"sample's voxels are {coarse:.4g} m wide; allowed: up to the pixel, {setup.pixel:.4g} m")
    magnet = sample["magnet"].values
    absorbing = sample["nickel"].values if "nickel" in sample else magnet
    moment = magnet * _relative_moment(sample)
    # the share that absorbs is multiplied in again where the volume is made
    ratio = moment / np.maximum(absorbing, np.finfo(np.float32).tiny)
    shares = {material: absorbing * np.float32(share) for material, share in setup.material.shares.items()}
    if "silica" in sample:
        shares[_SILICA] = shares.get(_SILICA, np.float32(0)) + sample["silica"].values
    return volume_of_shares(
        shares,
        sample["magnetization"].values * np.where(absorbing > 0, ratio, 0).astype(np.float32),
        voxel_size=voxel_size,
        energy=setup.optics.energy,
        polarization=setup.optics.polarization,
        white_line=setup.material.white_line,
        periodic=setup.material.endless,
    )


def _relative_moment(sample: xr.Dataset) -> Array | np.float32:
    if "saturation_magnetization" not in sample or sample["saturation_magnetization"].ndim == 0:
        return np.float32(1)
    moments = sample["saturation_magnetization"].values
    return np.asarray(moments / moments[sample["magnet"].values > 0].max(), np.float32)


def probe_modes(setup: PtychographySetup) -> Array:
    """Return the modes of the probe of each helicity in the plane of the sample's origin.

    Returns
    -------
    (helicity, mode, m, m) complex64 array
        On the fine grid, strongest mode first; ``|.|²`` of each helicity sums to 1.
    """
    optics = setup.optics
    common: dict[str, Any] = {"energy": optics.energy, "pixel_size": setup.fine_pixel, "shape": setup.fine_shape}
    fields = zone_plate_modes(
        optics.plate, defocus=optics.defocus, bandwidth=optics.bandwidth, leaks=optics.leaks, **common
    )
    if optics.first_mode < 1:
        coherent = probe_of(optics.plate, defocus=optics.defocus, **common)
        spread = spread_for_share(coherent, optics.first_mode, pixel_size=setup.fine_pixel)
        smeared = [shifted_modes(f, spread=spread, pixel_size=setup.fine_pixel, keep=optics.kept) for f in fields]
        fields = np.concatenate(smeared)
    if len(fields) > 1:
        fields = orthogonal_modes(fields, keep=optics.kept)
    changed = [_changed(fields, setup) if helicity < 0 else fields for helicity in setup.helicities]
    return np.stack([modes / np.linalg.norm(modes) for modes in changed]).astype(np.complex64)


def _changed(modes: Array, setup: PtychographySetup) -> Array:
    """Return the modes of helicity -1: another focus, another illumination of the zone plate; still orthogonal."""
    difference: HelicitySetup = setup.difference
    if difference.lean == (0.0, 0.0) and difference.defocus == 0 and difference.astigmatism == 0:
        return modes
    f_y, f_x = (fourier.unshifted_frequencies(n, setup.fine_pixel) for n in setup.fine_shape)
    edge = 1 / (2 * setup.optics.plate.outer_zone)
    lean = 1 + difference.lean[0] * f_y[:, None] / edge + difference.lean[1] * f_x / edge
    along_y, along_x = difference.defocus + difference.astigmatism / 2, difference.defocus - difference.astigmatism / 2
    path = along_y * f_y[:, None] ** 2 + along_x * f_x**2
    factor = np.maximum(lean, 0) * np.exp(-1j * np.pi * setup.wavelength * path)
    return orthogonal_modes(fourier.ifft2(fourier.fft2(modes) * factor), keep=1.0)


def scan_positions(setup: PtychographySetup, *, seed: int) -> tuple[Array, Array]:
    """Return nominal and true centres of the probe on the sample.

    The nominal ones are the same for both helicities; errors are each scan's own, and the beam of helicity -1 has its
    shift besides.

    Parameters
    ----------
    setup : PtychographySetup
    seed : int
        Stream "optics", "positions" and the pose.

    Returns
    -------
    nominal, true : (helicities, frames, 2) float64 arrays
        (y, x) in m.
    """
    use = setup.scan
    if use.kind == "spiral":
        places = scan.spiral(use.frames, step=use.step)
    else:
        rng = stream(seed, "optics", "positions", *setup.pose_name)
        places = scan.raster(use.rows, use.columns, step=use.step, jitter=use.jitter, rng=rng)
    nominal = np.stack([places] * len(setup.helicities))
    true = np.empty_like(nominal)
    for index, helicity in enumerate(setup.helicities):
        errors = scan.position_errors(
            places,
            jitter=use.error,
            drift=use.drift,
            backlash=use.backlash,
            affine=np.array(use.affine),
            rng=stream(seed, "optics", "position errors", helicity, *setup.pose_name),
        )
        true[index] = places + errors + (np.array(setup.difference.shift) if helicity < 0 else 0.0)
    return nominal, true
