"""Complex logarithms of the transmissions of both helicities: what they share, and what tells them apart.

- `complex_pair`: ramps, constants and smooth backgrounds off both waves, one brought onto the other, half sum and half
  difference of their logarithms, the phase unwrapped;
- `ComplexPair`: the two images and the numbers that each step left.

An optical density is minus twice the real part. Ptychography leaves the phase of each image free up to a constant and
a ramp; the exterior of the sample settles both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.restoration import unwrap_phase

from numerics import fourier
from reconstructors.projections.background import Background, plan_background
from reconstructors.projections.displacement import Place, brought_back
from reconstructors.projections.helicity_pair import register_densities
from reconstructors.projections.optical_density import optical_density

Array = NDArray[Any]

_LEAST = 0.02  # of the pixels: a smaller exterior says nothing of the background
_PADDING = 4  # of the spectrum in which the ramp is sought: an eighth of a cycle per field is left to the plane
_GUIDE = 1.0  # px, standard deviation of the smoothing that the branch of the phase is chosen after


@dataclass(frozen=True, eq=False)
class ComplexPair:
    """Complex logarithms on the pixels of helicity +1, and what was removed.

    Attributes
    ----------
    charge, magnetic : (Y, X) complex64 arrays
        ``(ln O+ + ln O-)/2`` and ``(ln O+ - ln O-)/2``: real parts ``-(OD+ ± OD-)/4``, imaginary parts phases in rad.
        Outside `seen`, and within the shift of its rim, they hold no measurement of the pair.
    shift : (2,) float64 array
        (y, x) px: where helicity +1 has a feature, -1 had it this much further on.
    ramp : (2, 2) float64 array
        Of helicity +1 and -1, (y, x), cycles per pixel.
    background_range : (2,) float64 array
        Greatest less least of the backgrounds' log modulus, and of their phase (rad) without the ramp; the larger of
        both helicities.
    residues : int
        Phase vortices within `seen`. Where there are some, the phase of the charge may be off by whole turns.
    """

    charge: Array
    magnetic: Array
    shift: Array
    ramp: Array
    background_range: Array
    residues: int


def complex_pair(plus: Array, minus: Array, *, exterior: Array, seen: Array | None = None) -> ComplexPair:
    """Return half sum and half difference of the logarithms of two transmissions.

    The displacement is found on the optical densities, as `register_densities` does, and taken from the complex image
    by its Fourier transform. The phase of the difference is that of ``O+ conj(O-)``, which never wraps; the one of the
    charge is that of ``O+`` turned back by half of it, unwrapped once. Its branch is chosen after the smoothed wave,
    in which bright pixels count for more than dark ones [1]_.

    Photon noise is circular round the transmission: log modulus and phase have the same variance, ``s²/(2 |O|²)`` for
    a noise of power ``s²``, and both are free of bias, as ``ln|z|`` is harmonic. The variance of the half sum (and half
    difference) of the optical densities, divided by 4, is that of the real and of the imaginary part.

    Parameters
    ----------
    plus, minus : (Y, X) complex arrays
        Transmissions of helicity +1 and -1, each up to a factor, a phase ramp and a smooth background.
    exterior : (Y, X) bool array
        Where there is no sample.
    seen : (Y, X) bool array, optional
        Where both images are good, by default everywhere. What they hold elsewhere does not matter.

    Raises
    ------
    ValueError
        If shapes or types are wrong, an image is not finite where it is seen or dark in the exterior, or less than
        2 % of the pixels are seen exterior.

    References
    ----------
    .. [1] M. A. Herráez et al., "Fast two-dimensional phase-unwrapping algorithm based on sorting by reliability
       following a noncontinuous path", Appl. Opt. 41, 7437 (2002), doi:10.1364/AO.41.007437.
    """
    here = np.ones(plus.shape, np.bool_) if seen is None else seen
    outside = _seen_exterior(plus, exterior, here)
    _check_wave("plus", plus, plus.shape, here, outside)
    _check_wave("minus", minus, plus.shape, here, outside)
    plan = plan_background(outside)
    first, *first_left = _levelled(plus, plan, here)
    second, *second_left = _levelled(minus, plan, here)
    _, found = register_densities(optical_density(first), optical_density(second), mask=here)
    second = brought_back(second, Place(found.shift, found.strain, here.astype(np.float64)))
    charge, magnetic, guide = _parts(first, second)
    return ComplexPair(
        charge=_grounded(charge, plan),
        magnetic=_grounded(magnetic, plan),
        shift=found.shift,
        ramp=np.stack([first_left[0], second_left[0]]),
        background_range=np.maximum(first_left[1], second_left[1]),
        residues=_residues(guide, here),
    )


def _seen_exterior(plus: Array, exterior: Array, seen: Array) -> Array:
    for name, mask in (("exterior", exterior), ("seen", seen)):
        if mask.shape != plus.shape or mask.dtype != np.bool_:
            raise ValueError(f"{name} is {mask.dtype} of shape {mask.shape}; allowed: bool of plus's, {plus.shape}")
    outside = exterior & seen
    if outside.mean() < _LEAST:
        raise ValueError(f"exterior is {outside.mean():.1%} of the view where it is seen; allowed: from {_LEAST:.0%}")
    return outside


def _check_wave(name: str, wave: Array, shape: tuple[int, ...], seen: Array, outside: Array) -> None:
    if wave.shape != shape or wave.ndim != 2 or not np.iscomplexobj(wave):
        raise ValueError(f"{name} is {wave.dtype} of shape {wave.shape}; allowed: complex of two axes, plus's shape")
    wrong = int(np.sum(~np.isfinite(wave[seen])))
    if wrong:
        raise ValueError(f"{name} has {wrong} seen values that are not finite; allowed: 0")
    dark = float(np.mean(wave[outside] == 0))
    if dark:
        raise ValueError(f"{name} is 0 in {dark:.1%} of the exterior; allowed: nowhere")


def _levelled(wave: Array, plan: Background, seen: Array) -> tuple[Array, Array, Array]:
    """Return a wave over what the exterior says of its surroundings, its ramp, and the range of its background."""
    outside = plan.exterior
    wave = _filled(wave.astype(np.complex128), seen)
    wave /= np.exp(np.mean(np.log(np.abs(wave[outside]))))
    ramp = _peak(np.where(outside, wave, 0))
    wave *= _turned(-ramp, wave.shape)
    phase = _unwrapped(wave, _smoothed(wave))
    rest = _slope(phase, outside)
    phase -= 2 * np.pi * _plane(rest, wave.shape)
    wave *= _turned(-rest, wave.shape)
    modulus, turn = plan.of(-optical_density(wave) / 2), plan.of(phase)
    # Filled again: what is not seen then joins on to the seen without the background's slope across the frame.
    wave = _filled(wave * np.exp(-modulus - 1j * turn), seen)
    return wave, ramp + rest, np.array([np.ptp(modulus), np.ptp(turn)])


def _filled(wave: Array, seen: Array) -> Array:
    """Return the image with the nearest seen value where it is not seen."""
    if seen.all():
        return wave
    places: Any = ndimage.distance_transform_edt(~seen, return_distances=False, return_indices=True)
    return np.asarray(wave[places[0], places[1]])


def _peak(outside: Array) -> Array:
    """Return the frequency (y, x) at which an image is strongest, cycles per pixel, to a fraction of 1/n."""
    shape = [fourier.good_size(_PADDING * n) for n in outside.shape]
    padded = np.zeros(shape, np.complex128)
    padded[: outside.shape[0], : outside.shape[1]] = outside
    at = np.unravel_index(np.argmax(np.abs(fourier.fft2(padded))), padded.shape)
    return np.array([fourier.unshifted_frequencies(n, 1.0)[index] for n, index in zip(shape, at, strict=True)])


def _plane(ramp: Array, shape: tuple[int, ...]) -> Array:
    y, x = (part * np.arange(n) for part, n in zip(ramp, shape, strict=True))
    return np.asarray(y[:, None] + x[None, :])


def _turned(ramp: Array, shape: tuple[int, ...]) -> Array:
    return np.asarray(np.exp(2j * np.pi * _plane(ramp, shape)))


def _slope(phase: Array, outside: Array) -> Array:
    """Return the slope (y, x) of the plane through a phase in the exterior, cycles per pixel."""
    places = np.argwhere(outside).astype(np.float64)
    places -= places.mean(axis=0)
    values = phase[outside] - phase[outside].mean()
    return np.asarray(np.linalg.lstsq(places, values, rcond=None)[0] / (2 * np.pi))


def _smoothed(wave: Array) -> Array:
    parts = [ndimage.gaussian_filter(part, _GUIDE, mode="nearest") for part in (wave.real, wave.imag)]
    return np.asarray(parts[0] + 1j * parts[1])


def _unwrapped(wave: Array, guide: Array) -> Array:
    """Return the phase of a wave on the branch nearest to the unwrapped phase of another, rad."""
    unwrap: Any = unwrap_phase
    # Pixels of equal reliability are joined in an order that the generator draws.
    return np.asarray(unwrap(np.angle(guide), rng=0) + np.angle(wave * np.conj(guide)))


def _parts(plus: Array, minus: Array) -> tuple[Array, Array, Array]:
    """Return half sum and half difference of the logarithms of two waves, and the smoothed wave of the half sum."""
    difference = np.angle(plus * np.conj(minus))
    shared = plus * np.exp(-0.5j * difference)
    guide = _smoothed(shared)
    logs = [-optical_density(wave).astype(np.float64) / 2 for wave in (plus, minus)]
    charge = (logs[0] + logs[1]) / 2 + 1j * _unwrapped(shared, guide)
    return charge, (logs[0] - logs[1]) / 2 + 0.5j * difference, guide


def _grounded(part: Array, plan: Background) -> Array:
    """Return a part less its background: the displaced wave had sample where the outline says exterior."""
    return np.asarray(part - plan.of(part.real) - 1j * plan.of(part.imag), np.complex64)


def _residues(wave: Array, seen: Array) -> int:
    """Return round how many squares of four seen pixels the phase turns."""
    phase = np.angle(wave)
    down, right = (np.angle(np.exp(1j * np.diff(phase, axis=axis))) for axis in (0, 1))
    turns = np.rint((right[:-1] + down[:, 1:] - right[1:] - down[:, :-1]) / (2 * np.pi))
    within = seen[:-1, :-1] & seen[:-1, 1:] & seen[1:, :-1] & seen[1:, 1:]
    return int(np.sum((turns != 0) & within))
