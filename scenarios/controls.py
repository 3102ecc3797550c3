"""The two controls of every table: what can be had for nothing, and what can be had at most.

- `floor`: the measured amplitudes with random phases, read as m_z;
- `ceiling`: the truth, through the detector's pass band and the thickness of the film;
- `CONTROLS`, `EXPLANATIONS`: both by name; those of ptychography are in `ptychography_controls`,
  those of volumes of vectors in `superlattice_controls`; `SOLVED_WITH`: those that run a method.

Controls are the only ones to see the truth, and no method of reconstruction.
"""

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr


def floor(measurement: "xr.Dataset", truth: "xr.Dataset", *, rng: "np.random.Generator") -> "xr.Dataset":
    """Give the measured amplitudes of both helicities the same random phases, and read m_z off in the drawn hole.

    Parameters
    ----------
    measurement, truth : Dataset
        The truth is not used.
    rng : numpy.random.Generator
        Draws the phases.

    Returns
    -------
    Dataset
        The record `Reconstruction`.
    """
    import numpy as np

    from numerics import fourier
    from optics.grids import radius_grid
    from reconstructors.dichroism import out_of_plane
    from reconstructors.preparation import prepare
    from records import reconstruction

    patterns = prepare(measurement)
    shape = patterns.intensity.shape[-2:]
    phases = np.exp(2j * math.pi * rng.random(shape))
    waves = fourier.centred_ifft2(np.sqrt(np.maximum(patterns.intensity, 0)) * phases).astype(np.complex64)
    hole = int(np.flatnonzero(measurement["hole_kind"].values.astype(str) == "object")[0])
    centre = float(measurement["hole_y"][hole]), float(measurement["hole_x"][hole])
    radius = float(measurement["hole_diameter"][hole]) / 2
    support = radius_grid(shape, patterns.pixel_size, centre=centre) <= radius
    m_z = out_of_plane(
        waves[0],
        waves[1],
        wavelength=patterns.wavelength,
        polarization=float(measurement["polarization"]),
        beta_m_t=float(measurement["beta_m_t"]),
    )
    return reconstruction.make(
        method="floor",
        results={
            "m_z": np.where(support, m_z, 0),
            "object_support": support,
            "pixel_size": patterns.pixel_size,
            "wavelength": patterns.wavelength,
            "exit_wave": waves,
            "intensity": patterns.intensity,
            "valid": patterns.valid,
        },
        knowledge=("object hole",),
    )


def ceiling(measurement: "xr.Dataset", truth: "xr.Dataset", *, rng: "np.random.Generator") -> "xr.Dataset":
    """Pass the true m_z through the detector's band and the thickness of the film: no method can be asked for more.

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

    from optics.units import wavelength
    from records import reconstruction
    from validation import ceiling_image

    pixel_size = float(truth["x"][1] - truth["x"][0])
    length = wavelength(float(measurement["energy"]))
    support = truth["visible"].values > 0.5
    image = ceiling_image(
        truth["m_z"].values.astype(np.float64),
        pixel_size=pixel_size,
        wavelength=length,
        thickness=float(truth["film_thickness"]),
    )
    return reconstruction.make(
        method="ceiling",
        results={
            "m_z": np.where(support, image, 0),
            "object_support": support,
            "pixel_size": pixel_size,
            "wavelength": length,
        },
        knowledge=("truth",),
    )


def _of_kind(name: str) -> "Callable[..., xr.Dataset]":
    """Return the control `name` for whatever kind of measurement it is given."""

    def control(
        measurement: "xr.Dataset",
        truth: "xr.Dataset",
        *,
        rng: "np.random.Generator",
        parameters: Mapping[str, Any] | None = None,
    ) -> "xr.Dataset":
        if "projections" in (measurement.attrs["kind"], truth.attrs.get("kind")):
            from scenarios import superlattice_controls

            told = {"parameters": parameters or {}} if name in SOLVED_WITH else {}
            volume: xr.Dataset = superlattice_controls.CONTROLS[name](measurement, truth, rng=rng, **told)
            return volume
        if measurement.attrs["kind"] == "ptychography":
            from scenarios import ptychography_controls

            result: xr.Dataset = getattr(ptychography_controls, name)(measurement, truth)
            return result
        return {"floor": floor, "ceiling": ceiling}[name](measurement, truth, rng=rng)

    return control


COMMON = ("floor", "ceiling")
"""The controls that every experiment has."""

OF_VOLUMES = ("transverse", "integral-ceiling", "projection-ceiling")
"""Further ones, of vector volumes."""

SOLVED_WITH: Mapping[str, str] = {"integral-ceiling": "vector+", "projection-ceiling": "vector+"}
"""Controls that run a method on better data: they take the parameters that the method is given."""

CONTROLS: "Mapping[str, Callable[..., xr.Dataset]]" = {name: _of_kind(name) for name in (*COMMON, *OF_VOLUMES)}
EXPLANATIONS: Mapping[str, str] = {
    "floor": "the measured amplitudes with random phases; of a scan: no object at all; of a volume: random vectors",
    "ceiling": "the truth through the detector's band and the film's thickness; of a volume: its means over voxels",
    "transverse": "of a volume: the part of the truth that projections measure, without any prior",
    "integral-ceiling": "of a volume: `vector+` on line integrals without noise in the true geometry",
    "projection-ceiling": "of a volume: the same on densities behind the thick sample, the best line integrals can do",
}
