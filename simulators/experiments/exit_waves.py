"""The waves behind film and mask, window by window on the fine grid.

- `true_mask`: the nominal drawing and the mask as made;
- `Window`: a small, finely sampled piece of the exit wave;
- `object_window`, `reference_windows`: by multislice;
- `spectrum`: the windows' far field, and band-limited images of them.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.streams import stream
from optics import scattering
from optics.grids import positions, samples_for
from optics.propagation import propagate
from optics.units import wavelength, wavenumber
from simulators.beamline import references
from simulators.beamline.film import Film, transmit
from simulators.beamline.mask import Drawing, Hole, draw, fabricate
from simulators.beamline.references import Slab, Walls
from simulators.beamline.source import illuminate
from simulators.experiments.setups import FilmSetup, HolographySetup, MaskSetup

Array = NDArray[Any]

_REFERENCE_WINDOW = 339e-9
_SHARP_EDGE = 0.3e-9
_RIM = 16.0  # fine samples


@dataclass(frozen=True)
class Window:
    """A piece of the exit wave.

    Attributes
    ----------
    wave : (1 or 2, n, n) complex64 array
        Both helicities, or one wave for both.
    offset : tuple of int
        Place (y, x) of sample ``n//2`` in fine samples from the axis.
    """

    wave: Array
    offset: tuple[int, int]


def true_mask(setup: HolographySetup, seed: int) -> tuple[Drawing, Drawing, tuple[float, float]]:
    """Return the nominal drawing, the mask as made, and its common shift (y, x) in m."""
    mask, rng = setup.mask, stream(seed, "optics", "mask")
    nominal = draw(
        hole_diameter=mask.hole_diameter,
        field=setup.field,
        references=0 if mask.reference_kind == "none" else mask.references,
        reference_diameters=mask.reference_diameters,
        rng=rng,
    )
    shift_y, shift_x = rng.uniform(-1, 1, 2) * mask.largest_shift * setup.pixel
    shift = (float(shift_y), float(shift_x))
    made = fabricate(
        nominal,
        position_error=mask.position_error,
        diameter_error=mask.diameter_error,
        shift=shift,
        rng=rng,
    )
    return nominal, made, shift


def film_of(setup: HolographySetup) -> Film:
    """Return the setup's multilayer with the source's polarisation."""
    film: FilmSetup = setup.film
    return Film(
        element=film.element,
        thickness=film.layer_thickness,
        repeats=film.repeats,
        spacers=film.spacers,
        caps=film.caps,
        polarization=setup.source.polarization,
        white_line=film.white_line,
        beta_m_scale=setup.beta_m_scale,
        in_plane=film.in_plane,
    )


def object_window(magnetization: Array, hole: Hole, setup: HolographySetup, *, energy: float, seed: int) -> Window:
    """Send both helicities through film, membrane and object hole.

    Parameters
    ----------
    magnetization : (3, nz, n, n) array
        On the fine grid, centred on the hole.
    hole : Hole
        As made.
    setup : HolographySetup
    energy : float
        eV.
    seed : int
        Of the roughness, stream "optics".
    """
    field = transmit(magnetization, film_of(setup), energy=energy, pixel_size=setup.fine_pixel)
    material, thickness = setup.film.membrane
    if thickness > 0:
        delta, beta = scattering.refractive_index(material, energy)
        field *= np.complex64(np.exp(-wavenumber(energy) * thickness * complex(beta, delta)))
        field = propagate(field, thickness, wavelength=wavelength(energy), pixel_size=setup.fine_pixel)
    offset, centre = _place(hole, setup.fine_pixel)
    mask = setup.mask
    walls = Walls(roughness=mask.object_roughness, correlation=mask.correlation, edge_width=mask.edge_width)
    rng = stream(seed, "optics", "wall", 0)
    if mask.object_kind == "thin":
        shape = (field.shape[1], field.shape[2])
        field *= references.thin_hole(
            shape, radius=hole.diameter / 2, centre=centre, walls=walls, pixel_size=setup.fine_pixel, rng=rng
        )
        return Window(_led_to_zero(field), offset)
    field = references.through_hole(
        field,
        radius=hole.diameter / 2,
        centre=centre,
        slab=_slab(mask),
        walls=walls,
        energy=energy,
        pixel_size=setup.fine_pixel,
        rng=rng,
    )
    return Window(_led_to_zero(field), offset)


def reference_windows(holes: tuple[Hole, ...], setup: HolographySetup, *, energy: float, seed: int) -> list[Window]:
    """Send a unit plane wave through every reference hole; the film does not cover them."""
    n = samples_for(_REFERENCE_WINDOW, setup.fine_pixel)
    windows = []
    for number, hole in enumerate(holes, start=1):
        offset, centre = _place(hole, setup.fine_pixel)
        rng = stream(seed, "optics", "wall", number)
        common: dict[str, Any] = {"radius": hole.diameter / 2, "centre": centre, "pixel_size": setup.fine_pixel}
        walls = _reference_walls(setup.mask)
        if setup.mask.reference_kind == "sharp_disc":
            wave = references.thin_hole((n, n), walls=Walls(roughness=0.0, edge_width=_SHARP_EDGE), rng=rng, **common)
            windows.append(Window(wave[None], offset))
            continue
        field = np.ones((1, n, n), np.complex64)
        wave = references.through_hole(field, slab=_slab(setup.mask), walls=walls, energy=energy, rng=rng, **common)
        windows.append(Window(_led_to_zero(wave), offset))
    return windows


def lit(window: Window, setup: HolographySetup, *, energy: float) -> Window:
    """Return `window` under the illumination of each helicity."""
    beams = setup.source.illumination
    if all(beam.uniform and beam.amplitude == 1 for beam in beams):
        return window
    step = setup.fine_pixel
    y = positions(window.wave.shape[1], step)[:, None] + window.offset[0] * step
    x = positions(window.wave.shape[2], step)[None, :] + window.offset[1] * step
    factors = np.stack([illuminate(beam, y, x, wavelength=wavelength(energy)) for beam in beams])
    return Window((window.wave * factors).astype(np.complex64), window.offset)


def spectrum(window: Window, setup: HolographySetup, *, kept: int) -> Array:
    """Return the window's far field at the `kept` central steps of one over the field; (1 or 2, kept, kept)."""
    return np.stack(
        [
            fourier.window_spectrum(
                wave,
                oversampling=setup.oversampling,
                field=setup.detector.n,
                frequencies_kept=kept,
                offset=(float(window.offset[0]), float(window.offset[1])),
            )
            for wave in window.wave
        ]
    )


def _place(hole: Hole, fine_pixel: float) -> tuple[tuple[int, int], tuple[float, float]]:
    """Split a hole's place in whole fine samples and the rest in m."""
    offset = (round(hole.y / fine_pixel), round(hole.x / fine_pixel))
    return offset, (hole.y - offset[0] * fine_pixel, hole.x - offset[1] * fine_pixel)


def _slab(mask: MaskSetup) -> Slab:
    return Slab(mask.layers, mask.slice_thickness)


def _reference_walls(mask: MaskSetup) -> Walls:
    rough = 0.0 if mask.reference_kind == "smooth" else mask.roughness
    return Walls(mask.taper, mask.taper_depth, rough, mask.correlation, mask.reference_edge_width)


def _led_to_zero(field: Array) -> Array:
    """Fade a window's rim: the little that leaks through the mask there must not end in a straight edge."""
    for axis in (1, 2):
        n = field.shape[axis]
        distance = np.minimum(np.arange(n), n - 1 - np.arange(n)) + 0.5
        fade = (np.sin(0.5 * np.pi * np.clip(distance / _RIM, 0, 1)) ** 2).astype(np.float32)
        field *= fade[:, None] if axis == 1 else fade
    return field
