"""The frame in which a holographic reconstruction is compared with the truth.

- `ScoringSettings`: margins, bounds and draws of the scoring;
- `Frame`, `build_frame`: image and truth in one window round the object hole, one rigid shift removed;
- `tapered`: an image with a soft edge, fit for sub-pixel shifts;
- `focused_magnetization`: m_z from two exit waves at any focus;
- `fit_frame`, `FittedFrame`: the same with everything registered to the truth but the scale of m_z, an upper bound.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from optics.propagation import propagate
from scenarios import scoring_settings
from validation import Registration, apply_registration, register
from validation.registration.alignment import moved
from validation.windows import crop, eroded, soft_edged

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoringSettings(scoring_settings.ScoringSettings):
    """How a reconstruction is scored. Lengths in metres; `draws` and `halves_disagree` as everywhere.

    Attributes
    ----------
    margin : float
        Width left out along the edge of the hole: film and mask are about a micrometre apart, and the hole's edge is
        out of focus in the film's plane.
    taper : float
        Width of the soft edges of the image's support and of the score mask.
    largest_shift : float
        Bound of the rigid shift, beyond that of the supports' centres; well below the period of the domains.
    surroundings : float
        What the window holds beyond the hole.
    focus_range : float
        Reach of the truth-fitted focus on either side of the method's own; 0 leaves out the fitted rows.
    """

    margin: float = 60e-9
    taper: float = 30e-9
    largest_shift: float = 60e-9
    surroundings: float = 200e-9
    focus_range: float = 300e-9


@dataclass(frozen=True)
class Frame:
    """Image and truth in the truth's frame, cut to a window round the hole.

    Attributes
    ----------
    pixel_size, wavelength : float
        In metres.
    origin : tuple of int
        First pixel (y, x) of the window in the truth's field.
    whole, fraction : tuple
        The shift given to the reconstruction (px): whole pixels by cutting, the rest by Fourier transform.
    truth, visible, image : (ny, nx) float64 arrays
    support : (ny, nx) bool array
        The method's object support, moved by the whole pixels nearest to the shift.
    mask : (ny, nx) bool array
        Where is scored.
    soft : (ny, nx) float64 array
        The mask with a soft edge, for spectra.
    """

    pixel_size: float
    wavelength: float
    origin: tuple[int, int]
    whole: tuple[int, int]
    fraction: tuple[float, float]
    truth: Floats
    visible: Floats
    image: Floats
    support: NDArray[np.bool_]
    mask: NDArray[np.bool_]
    soft: Floats

    @property
    def shift(self) -> tuple[float, float]:
        """Return the whole shift (y, x) given to the reconstruction, metres."""
        y, x = ((w + f) * self.pixel_size for w, f in zip(self.whole, self.fraction, strict=True))
        return y, x

    def coordinate(self, axis: int, size: int) -> Floats:
        """Return the window's coordinate along `axis` in metres, from index ``size//2`` of the field."""
        return np.asarray((np.arange(self.truth.shape[axis]) + self.origin[axis] - size // 2) * self.pixel_size)

    def truth_window(self, field: Array) -> Array:
        """Return the window of a field of the truth."""
        return crop(field, self.origin, _shape(self.truth))

    def window(self, field: Array) -> Array:
        """Return the window of a field of the reconstruction, moved by whole pixels only."""
        origin = (self.origin[0] - self.whole[0], self.origin[1] - self.whole[1])
        return crop(field, origin, _shape(self.truth))

    def bring(self, field: Array) -> Array:
        """Return the window of a field of the reconstruction in the truth's frame, float64 or complex128."""
        window = self.window(field)
        return moved(window.astype(np.complex128 if np.iscomplexobj(window) else np.float64), self.fraction)

    def bring_image(self, m_z: Array, support: Array, settings: ScoringSettings) -> Floats:
        """Return an m_z of the same method (a half set's, say) in the truth's frame."""
        taper = settings.taper / self.pixel_size
        return np.asarray(moved(tapered(self.window(m_z), self.window(support), taper), self.fraction))


def build_frame(reconstruction: xr.Dataset, truth: xr.Dataset, settings: ScoringSettings) -> Frame:
    """Find the one rigid shift that the truth may give, and cut out what is scored.

    The supports' centres give it to a few pixels, the images under the mask the rest. Nothing else is fitted.

    Raises
    ------
    ValueError
        If the two have different grids, or if the hole is too small for the margin.
    """
    pixel = float(reconstruction["pixel_size"])
    shape, other = reconstruction["m_z"].shape, truth["m_z"].shape
    step = float(truth["x"][1] - truth["x"][0])
    if shape != other or abs(step - pixel) > 1e-3 * pixel:
        raise ValueError(
            f"reconstruction has {shape} pixels of {pixel:.4g} m; allowed: the truth's grid, {other} of {step:.4g} m"
        )
    full_visible = truth["visible"].values
    origin, size = _window(full_visible > 0.05, round(settings.surroundings / pixel))
    support = reconstruction["object_support"].values
    if not support.any():
        support = full_visible > 0.5
    centres = [_centre(full_visible > 0.5), _centre(support)]
    whole = (round(centres[0][0] - centres[1][0]), round(centres[0][1] - centres[1][1]))
    reference = crop(truth["m_z"].values, origin, size).astype(np.float64)
    visible = crop(full_visible, origin, size).astype(np.float64)
    start = Frame(
        pixel_size=pixel,
        wavelength=float(reconstruction["wavelength"]),
        origin=origin,
        whole=whole,
        fraction=(0.0, 0.0),
        truth=reference,
        visible=visible,
        image=reference,
        support=visible > 0.5,
        mask=visible > 0.5,
        soft=visible,
    )
    inner = eroded(visible > 0.95, settings.margin / pixel)
    guess = _settled(start, reconstruction["m_z"].values, support, inner, settings)
    if not guess.mask.any():
        raise ValueError(
            f"margin is {settings.margin!r} m, which leaves nothing to score; allowed: less than the hole's radius"
        )
    if not (np.ptp(guess.image[guess.mask]) > 0 and np.ptp(reference[guess.mask]) > 0):
        return guess
    bound = max(settings.largest_shift / pixel, 1.0)
    shift = register(guess.image, reference, gauge=("shift",), mask=guess.soft, bound=bound).shift
    extra = (round(shift[0]), round(shift[1]))
    found = replace(
        start,
        whole=(whole[0] + extra[0], whole[1] + extra[1]),
        fraction=(shift[0] - extra[0], shift[1] - extra[1]),
    )
    return _settled(found, reconstruction["m_z"].values, support, inner, settings)


def tapered(image: Array, support: Array, width: float) -> Floats:
    """Return the image with the edge of its support softened over `width` px inwards: a sharp one rings when moved."""
    return np.asarray(image.astype(np.float64) * soft_edged(support, width))


def focused_magnetization(
    waves: Array, *, distance: float, pixel_size: float, wavelength: float, strength: float
) -> Floats:
    """Return ``m_z = -log|plus/minus| / (2 k strength)`` of two exit waves at `distance` from their plane.

    `strength` is the degree of circular polarisation times beta_m t, metres; k the wave number.
    """
    focused = propagate(waves.astype(np.complex128), distance, wavelength=wavelength, pixel_size=pixel_size)
    modulus = np.abs(focused)
    floor = 1e-6 * float(modulus.max())
    ratio = np.log(np.maximum(modulus[0], floor) / np.maximum(modulus[1], floor))
    return np.asarray(-ratio / (4 * math.pi / wavelength * strength))


@dataclass(frozen=True)
class FittedFrame:
    """A frame whose image was read from exit waves registered to the truth's.

    Attributes
    ----------
    frame : Frame
        Its image is m_z at the true focus; the scale of m_z stays.
    focus : float
        Where the method should have read its waves, metres.
    wave : Registration
        What was removed from the exit wave of helicity +.
    """

    frame: Frame
    focus: float
    wave: Registration


def fit_frame(
    frame: Frame, reconstruction: xr.Dataset, truth: xr.Dataset, *, strength: float, settings: ScoringSettings
) -> FittedFrame | None:
    """Remove ramp, focus, shift, phase and scale of the exit waves against the truth's, and read m_z again.

    Parameters
    ----------
    frame : Frame
    reconstruction : Dataset
        Must hold the exit waves.
    truth : Dataset
    strength : float
        Degree of circular polarisation times beta_m t, metres.
    settings : ScoringSettings

    Returns
    -------
    FittedFrame or None
        None where the wave vanishes, or where the range of the focus is 0.
    """
    waves = [frame.bring(wave) for wave in reconstruction["exit_wave"].values]
    mask = frame.support.astype(np.float64)
    if settings.focus_range == 0 or not np.any(waves[0] * mask):
        return None
    found = register(
        waves[0],
        frame.truth_window(truth["exit_wave"].values[0]),
        gauge=("ramp", "focus", "shift", "phase", "scale"),
        mask=mask,
        focus=(frame.wavelength, frame.pixel_size, settings.focus_range),
        bound=5.0,
    )
    focus = float(truth["focus"])
    m_z = focused_magnetization(
        np.stack([apply_registration(wave, found) for wave in waves]),
        distance=focus,
        pixel_size=frame.pixel_size,
        wavelength=frame.wavelength,
        strength=strength,
    )
    image = tapered(m_z, frame.support, settings.taper / frame.pixel_size)
    if np.ptp(image[frame.mask]) > 0 and np.ptp(frame.truth[frame.mask]) > 0:
        image = register(image, frame.truth, gauge=("shift",), mask=frame.soft, bound=5.0).image
    return FittedFrame(replace(frame, image=image), focus + found.focus, found)


def _settled(frame: Frame, m_z: Array, support: Array, inner: Array, settings: ScoringSettings) -> Frame:
    """Fill a frame whose shift is known with the image, its support and the masks."""
    taper = settings.taper / frame.pixel_size
    moved_support = frame.window(support)
    mask = inner & eroded(moved_support, taper)
    image = frame.bring_image(m_z, support, settings)
    return replace(frame, image=image, support=moved_support, mask=mask, soft=soft_edged(mask, taper))


def _window(visible: Array, padding: int) -> tuple[tuple[int, int], tuple[int, int]]:
    if not visible.any():
        raise ValueError("truth.visible is 0 everywhere; allowed: an object hole")
    origin, size = [], []
    for axis in (1, 0):
        edge = np.flatnonzero(visible.any(axis=axis))
        length = fourier.good_size(int(edge[-1] - edge[0]) + 1 + 2 * padding)
        length = min(length + length % 2, visible.shape[1 - axis])
        origin.append(int(edge[0] + edge[-1] + 1) // 2 - length // 2)
        size.append(length)
    return (origin[0], origin[1]), (size[0], size[1])


def _centre(mask: Array) -> tuple[float, float]:
    y, x = np.nonzero(mask)
    return float(y.mean()), float(x.mean())


def _shape(array: Array) -> tuple[int, int]:
    return array.shape[0], array.shape[1]
