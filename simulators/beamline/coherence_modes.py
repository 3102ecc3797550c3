"""A partly coherent probe as orthogonal modes.

- `schell_modes`: of a Gaussian-Schell beam on the pupil, by its coherence length or its source;
- `shifted_modes`: the same by the width of the source's image on the sample;
- `first_share`, `spread_for_share`: power of the first mode, and the image that gives a wanted one;
- `coherence_on_pupil`: coherence length of such an image;
- `orthogonal_modes`: of any list of incoherent fields.

The mutual intensity of the stopped pupil, ``J(u1, u2) = A(u1) A*(u2) mu(u1 - u2)``, ``mu(s) = exp(-s²/(2 xi²))``, is a
sum over tilts with Gaussian weights, here 6 or more along either axis. A tilt of the pupil shifts the probe, so that J
is also the probe smeared over the source's image of rms width ``wavelength f/(2 pi xi)``. The modes are those of the
small Gram matrix of the tilts.

References
----------
A. Starikov and E. Wolf, *J. Opt. Soc. Am.* **72**, 923 (1982), for the untruncated Gaussian.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier

Array = NDArray[Any]

_MOST_NODES = 40
_TAIL = 4.3  # widths after which a Gaussian has fallen below 1e-4
_ACCURACY = 1e-4
_NEGLIGIBLE = 1e-12


def schell_modes(
    probe: Array,
    *,
    coherence_length: float | tuple[float, float] | None,
    source_size: float | tuple[float, float] | None = None,
    wavelength: float,
    focal_length: float,
    pixel_size: float,
    keep: float = 0.999,
) -> Array:
    """Return the modes of a probe whose pupil is lit by a Gaussian-Schell beam.

    Parameters
    ----------
    probe : (ny, nx) complex array
        Coherent probe at the sample; its spectrum is the stopped pupil at ``u = wavelength focal_length f``.
    coherence_length : float or tuple of float or None
        xi on the pupil, m, one or (y, x); infinite is coherent. None takes it from `source_size`.
    source_size : float or tuple of float, optional
        rms angle under which the pupil sees the source, rad, one or (y, x).
    wavelength, focal_length, pixel_size : float
        m.
    keep : float
        Share of the power that the modes must hold; the rest is dropped and its power spread over those kept.

    Returns
    -------
    (modes, ny, nx) complex64 array
        Orthogonal, strongest first; all ``|.|²`` together sum to that of `probe`.

    Raises
    ------
    ValueError
        If neither length nor source is given, or one is not positive.
    """
    if (coherence_length is None) == (source_size is None):
        raise ValueError(
            f"coherence_length is {coherence_length}, source_size is {source_size}; allowed: one given, the other None"
        )
    if coherence_length is not None:
        length = _pair("coherence_length", coherence_length, "m")
        if min(length) == 0:
            raise ValueError(f"coherence_length is {coherence_length} m; allowed: above 0")
        # xi and the width are each other's inverse by the same formula
        spread = coherence_on_pupil(length, wavelength=wavelength, focal_length=focal_length)
    else:
        assert source_size is not None
        angle = _pair("source_size", source_size, "rad")
        spread = (focal_length * angle[0], focal_length * angle[1])
    return shifted_modes(probe, spread=spread, pixel_size=pixel_size, keep=keep)


def shifted_modes(
    probe: Array, *, spread: float | tuple[float, float], pixel_size: float, keep: float = 0.999
) -> Array:
    """Return the modes of a probe smeared over a Gaussian image of the source.

    Parameters
    ----------
    probe : (ny, nx) complex array
    spread : float or tuple of float
        rms width of the image, m, one or (y, x).
    pixel_size : float
        m.
    keep : float
        As in `schell_modes`.

    Returns
    -------
    (modes, ny, nx) complex64 array
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep is {keep}; allowed: above 0, up to 1")
    spectrum = fourier.fft2(np.asarray(probe, np.complex128))
    tilts = _tilts(spectrum, _pair("spread", spread, "m"), pixel_size)
    powers, vectors = _diagonalise(_gram(np.abs(spectrum) ** 2, tilts))
    count = _count(powers, keep)
    scale = np.sqrt(powers.sum() / powers[:count].sum())
    (weights_y, waves_y), (weights_x, waves_x) = tilts
    modes = []
    for vector in vectors.T[:count]:
        # eigenvectors of the Gram matrix are weights of the tilted fields; their sum has the eigenvalue as its power
        factor = waves_y @ (weights_y[:, None] * vector.reshape(weights_y.size, -1) * weights_x) @ waves_x.T
        modes.append(fourier.ifft2(spectrum * factor) * scale)
    return np.asarray(modes, np.complex64)


def first_share(probe: Array, *, spread: float | tuple[float, float], pixel_size: float) -> float:
    """Return the share of the power in the first mode of `shifted_modes`."""
    spectrum = fourier.fft2(np.asarray(probe, np.complex128))
    tilts = _tilts(spectrum, _pair("spread", spread, "m"), pixel_size)
    powers, _ = _diagonalise(_gram(np.abs(spectrum) ** 2, tilts))
    return float(powers[0] / powers.sum())


def spread_for_share(
    probe: Array, share: float, *, pixel_size: float, ratio: tuple[float, float] = (1.0, 1.0)
) -> tuple[float, float]:
    """Return the widths (y, x) of the source's image, m, that leave `share` of the power in the first mode.

    Parameters
    ----------
    probe : (ny, nx) complex array
    share : float
        Wanted, such as 0.7.
    pixel_size : float
        m.
    ratio : tuple of float
        Proportion of the widths (y, x).

    Raises
    ------
    ValueError
        If the share is not between 0.05 and 1.
    """
    if not 0.05 <= share < 1:
        raise ValueError(f"share is {share}; allowed: 0.05 to below 1")
    low, high = 0.0, pixel_size

    def found(scale: float) -> float:
        return first_share(probe, spread=(scale * ratio[0], scale * ratio[1]), pixel_size=pixel_size)

    while found(high) > share:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if found(middle) > share else (low, middle)
        if high - low < 1e-6 * high:
            break
    return high * ratio[0], high * ratio[1]


def coherence_on_pupil(spread: tuple[float, float], *, wavelength: float, focal_length: float) -> tuple[float, float]:
    """Return the coherence lengths xi (y, x) on the pupil, m, of a source whose image has these rms widths, m."""
    y, x = (float("inf") if width == 0 else wavelength * focal_length / (2 * np.pi * width) for width in spread)
    return y, x


def orthogonal_modes(fields: Array, *, keep: float = 0.999) -> Array:
    """Return the orthogonal modes of incoherent fields.

    Parameters
    ----------
    fields : (fields, ny, nx) complex array
        Each with its power.
    keep : float
        As in `schell_modes`; empty modes are always dropped.

    Returns
    -------
    (modes, ny, nx) complex64 array
        Strongest first; the power of all is kept.
    """
    flat = np.asarray(fields, np.complex128).reshape(len(fields), -1)
    powers, vectors = _diagonalise(flat.conj() @ flat.T)
    count = _count(powers, keep)
    scale = np.sqrt(powers.sum() / powers[:count].sum())
    return np.asarray((vectors.T[:count] @ flat * scale).reshape(count, *fields.shape[1:]), np.complex64)


def _pair(name: str, value: float | tuple[float, float], unit: str) -> tuple[float, float]:
    y, x = (float(part) for part in np.broadcast_to(np.asarray(value, np.float64), (2,)))
    if not (y >= 0 and x >= 0):
        raise ValueError(f"{name} is {value} {unit}; allowed: one number or (y, x), from 0")
    return y, x


def _tilts(spectrum: Array, spread: tuple[float, float], pixel_size: float) -> list[tuple[Array, Array]]:
    """Return for either axis the roots of the weights, and the waves (frequencies, nodes), of the tilts."""
    power = np.abs(spectrum) ** 2
    tilts = []
    for axis, width in enumerate(spread):
        f = fourier.unshifted_frequencies(spectrum.shape[axis], pixel_size)
        centres, weights = _nodes(4 * np.pi * width * _extent(np.abs(f), power.sum(1 - axis)))
        tilts.append((np.sqrt(weights), np.exp(-2j * np.pi * f[:, None] * centres * width)))
    return tilts


def _extent(f: Array, power: Array) -> float:
    """Return the frequency up to which nearly all of the power lies."""
    order = np.argsort(f)
    inside = np.cumsum(power[order]) / power.sum()
    return float(f[order][np.searchsorted(inside, 1 - _ACCURACY)])


def _nodes(reach: float) -> tuple[Array, Array]:
    """Return even nodes and weights of a unit Gaussian whose Fourier transform is right up to `reach`.

    The transform of such a comb repeats; its first copy must not come near.
    """
    if reach == 0:
        return np.zeros(1), np.ones(1)
    count = int(np.ceil(_TAIL * (reach + _TAIL) / np.pi)) + 1
    if count > _MOST_NODES:
        widest = (np.pi * (_MOST_NODES - 1) / _TAIL - _TAIL) / reach
        raise ValueError(f"spread is too large; allowed: up to {widest:.2g} of it, or the probe is all but incoherent")
    centres = np.linspace(-_TAIL, _TAIL, count)
    weights = np.exp(-0.5 * centres**2)
    return centres, weights / weights.sum()


def _gram(power: Array, tilts: list[tuple[Array, Array]]) -> Array:
    """Return the inner products of the weighted tilted fields."""
    (root_y, waves_y), (root_x, waves_x) = tilts
    pairs_y = (waves_y.conj()[:, :, None] * waves_y[:, None, :]).reshape(len(waves_y), -1)
    pairs_x = (waves_x.conj()[:, :, None] * waves_x[:, None, :]).reshape(len(waves_x), -1)
    q, p = root_y.size, root_x.size
    products = (pairs_y.T @ power @ pairs_x).reshape(q, q, p, p).transpose(0, 2, 1, 3)
    root = np.outer(root_y, root_x).ravel()
    return np.asarray(products.reshape(q * p, q * p) * root[:, None] * root)


def _diagonalise(gram: Array) -> tuple[Array, Array]:
    """Return eigenvalues, largest first, and their vectors."""
    powers, vectors = np.linalg.eigh(gram)
    return np.maximum(powers[::-1], 0), vectors[:, ::-1]


def _count(powers: Array, keep: float) -> int:
    inside = np.cumsum(powers) / powers.sum()
    enough = int(np.searchsorted(inside, keep * (1 - _NEGLIGIBLE))) + 1
    return min(enough, int(np.sum(powers > _NEGLIGIBLE * powers[0])))
