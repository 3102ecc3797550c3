"""A thick block with a void, and the waves behind it at many tilts as a measurement with phases."""

from functools import cache

import numpy as np
from scipy import ndimage

from optics.units import wavelength, wavenumber
from reconstructors.tomography.curved_slices import plan_curved
from reconstructors.tomography.geometry import beam_directions, nominal_geometry
from reconstructors.tomography.multiple_scattering import scattered_again
from records import projections

SCALARS = {
    "pixel_size": 5e-9,
    "energy": 260.0,
    "polarization": 0.9,
    "beta_m": 8e-4,
    "beta_magnet": 4.3e-3,
    "beta_matrix": 1.2e-4,
    "delta_magnet": 1.3e-3,
    "delta_matrix": 6e-4,
}
SIZE = 36


@cache
def thick_sample():
    """Return the share of the magnet and that of the matrix in its void, and m; (z, y, x) of 20."""
    z, y, x = np.indices((20, 20, 20)) - np.array([10, 10, 10])[:, None, None, None]
    block = (abs(z + 0.5) < 8) & (abs(y + 0.5) < 6) & (abs(x + 0.5) < 6)
    void = block & ((z - 2) ** 2 + (y + 2) ** 2 + (x - 1) ** 2 < 16)
    fill, matrix = (ndimage.gaussian_filter(part.astype(np.float32), 0.6) for part in (block & ~void, void))
    fill[fill < 0.1], matrix[matrix < 0.1] = 0, 0
    rng = np.random.default_rng(7)
    n = np.stack([ndimage.gaussian_filter(rng.standard_normal(fill.shape), 3.0, mode="wrap") for _ in range(3)])
    return fill, matrix, (fill * n / np.linalg.norm(n, axis=0)).astype(np.float32)


def angles(tilts=5):
    """Return the angles of three series."""
    return {
        "tilt": np.tile(np.deg2rad(np.linspace(-60, 60, tilts)), 3),
        "in_plane": np.repeat(np.deg2rad([0, 120, 240]), tilts),
        "series": np.repeat([0, 1, 2], tilts),
    }


@cache
def integrals(tilts=5, again=False):
    """Return sums of absorption and delay, and of m along the beam, as of waves in first order; (n, SIZE, SIZE).

    With what is scattered more than once, if `again`.
    """
    fill, matrix, m = thick_sample()
    at = angles(tilts)
    geometry = nominal_geometry(in_plane=at["in_plane"], tilt=at["tilt"])
    index = np.stack(
        [SCALARS[f"{part}_magnet"] * fill + SCALARS[f"{part}_matrix"] * matrix for part in ("beta", "delta")]
    )
    curvature = wavelength(SCALARS["energy"]) / SCALARS["pixel_size"]
    plan = plan_curved(
        fill.shape,
        geometry,
        detector=(SIZE, SIZE),
        curvature=curvature,
        accuracy=1e-9,
        dtype=np.float64,
    )
    charge = plan.forward(index.astype(np.float64), np.tile([1, 1j], (len(geometry), 1)))
    magnetic = plan.forward(m.astype(np.float64), beam_directions(geometry.rotations))
    if again:
        more = scattered_again(
            index.astype(np.float32),
            m,
            geometry,
            detector=(SIZE, SIZE),
            curvature=curvature,
            dichroism=SCALARS["polarization"] * SCALARS["beta_m"],
        )
        charge, magnetic = (
            whole + images[:, :SIZE] + 1j * images[:, SIZE:]
            for whole, images in zip((charge, magnetic), more, strict=True)
        )
    return charge, magnetic


@cache
def wave_measurement(*, tilts=5, noise=0.0, again=False):
    """Return the measurement of the waves, each with a ramp and a level of its own, and `noise` of this deviation."""
    charge, magnetic = integrals(tilts, again)
    scale = wavenumber(SCALARS["energy"]) * SCALARS["pixel_size"]
    share = SCALARS["polarization"] * SCALARS["beta_m"]
    waves = np.exp(-scale * np.stack([charge + share * magnetic, charge - share * magnetic]))
    rng = np.random.default_rng(3)
    parts = rng.standard_normal((2, *waves.shape))
    waves += noise * np.sqrt(0.5) * (parts[0] + 1j * parts[1])
    ramps, levels = (
        rng.uniform(-0.06, 0.06, (2, 2, waves.shape[1], 1, 1)),
        rng.uniform(-3, 3, (2, waves.shape[1], 1, 1)),
    )
    y, x = np.indices((SIZE, SIZE))
    phase = np.angle(waves * np.exp(1j * (2 * np.pi * (ramps[0] * y + ramps[1] * x) + levels)))
    images = {"optical_density": -2 * np.log(np.abs(waves)), "phase": phase}
    return projections.make(images=images, angles=angles(tilts), scalars=SCALARS, box=(8e-8, 6e-8, 6e-8))
