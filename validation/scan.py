"""How well a scan is known: positions, probe, frames that are corrupt.

- `position_error`, `PositionError`: distance from the true positions, their common shift removed, and the affine part;
- `probe_error`: normalised error of a mixed probe, the mixing of its modes being free;
- `mode_powers`: of the orthogonal modes of a mixed probe;
- `detection`, `Detection`: precision and recall of a search.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from validation.registration.alignment import moved

Array = NDArray[Any]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PositionError:
    """Distance of found positions from the true ones, in the unit of the positions.

    Attributes
    ----------
    rms : float
        Root mean square of the distance, the common shift removed.
    shift : tuple of float
        Mean of found less true (y, x).
    residual : float
        Root mean square once the best affine map is removed too: a scale of the scan trades against pixel and distance.
    affine : (2, 2) float64 array
        Found less true ~ affine @ true, per unit length.
    """

    rms: float
    shift: tuple[float, float]
    residual: float
    affine: Floats


def position_error(found: ArrayLike, true: ArrayLike, *, used: ArrayLike | None = None) -> PositionError:
    """Compare positions of a scan with the true ones.

    Parameters
    ----------
    found, true : (frames, 2) arrays
        (y, x) in one unit.
    used : (frames,) bool array, optional
        Frames that count.

    Raises
    ------
    ValueError
        On different shapes, values that are not finite or no frame that counts.
    """
    first, second = (np.asarray(v, dtype=np.float64) for v in (found, true))
    if first.shape != second.shape or first.ndim != 2 or first.shape[1] != 2:
        raise ValueError(f"found has shape {first.shape} and true {second.shape}; allowed: one shape (frames, 2)")
    chosen = np.ones(len(first), bool) if used is None else np.asarray(used, dtype=bool)
    if chosen.shape != (len(first),) or not chosen.any():
        raise ValueError(
            f"used has shape {chosen.shape}, {int(chosen.sum())} true; allowed: ({len(first)},), at least one"
        )
    first, second = first[chosen], second[chosen]
    if not (np.isfinite(first).all() and np.isfinite(second).all()):
        raise ValueError("positions hold values that are not finite; allowed: finite ones")
    away = first - second
    shift = away.mean(0)
    away = away - shift
    centred = second - second.mean(0)
    affine, *_ = np.linalg.lstsq(centred, away, rcond=None)
    rest = away - centred @ affine
    return PositionError(_rms(away), (float(shift[0]), float(shift[1])), _rms(rest), affine.T)


def _rms(away: Floats) -> float:
    return math.sqrt(float(np.mean(np.sum(away**2, axis=1))))


def probe_error(found: Array, true: Array, *, shift: Sequence[float] = (0.0, 0.0), scale: bool = False) -> float:
    """Return the least ``|U found - true|/|true|`` over unitary mixings U of the modes.

    A frame is the incoherent sum of the modes' patterns, which such a mixing leaves as it is; of one it is a phase.

    Parameters
    ----------
    found, true : (modes, ny, nx) or (ny, nx) complex arrays
        The numbers of modes may differ.
    shift : pair of float
        Displacement (y, x) given to `found`, px: that which registers the object.
    scale : bool
        Leave the power free too.

    Raises
    ------
    ValueError
        On frames of different shapes, values that are not finite or a true probe that vanishes.
    """
    first, second = _modes(found, "found"), _modes(true, "true")
    if first.shape[1:] != second.shape[1:]:
        raise ValueError(f"found has {first.shape[1:]} pixels and true {second.shape[1:]}; allowed: the same")
    power = float(np.sum(np.abs(second) ** 2))
    if not power > 0:
        raise ValueError("true vanishes; allowed: a probe above 0")
    if any(shift):
        first = np.stack([moved(mode, shift) for mode in first])
    flat_first, flat_second = (v.reshape(len(v), -1) for v in (first, second))
    overlap = float(np.linalg.svd(flat_second @ flat_first.conj().T, compute_uv=False).sum())
    own = float(np.sum(np.abs(first) ** 2))
    if scale:
        return math.sqrt(max(0.0, 1 - overlap**2 / (own * power))) if own > 0 else 1.0
    return math.sqrt(max(0.0, own - 2 * overlap + power) / power)


def mode_powers(probe: Array) -> Floats:
    """Return the shares of the orthogonal modes of a mixed probe, largest first; they sum to 1.

    Parameters
    ----------
    probe : (modes, ny, nx) or (ny, nx) complex array
        Need not be orthogonal.

    Raises
    ------
    ValueError
        On values that are not finite or a probe that vanishes.
    """
    modes = _modes(probe, "probe")
    flat = modes.reshape(len(modes), -1)
    powers = np.linalg.eigvalsh(flat.conj() @ flat.T)[::-1]
    total = float(powers.sum())
    if not total > 0:
        raise ValueError("probe vanishes; allowed: a probe above 0")
    return np.asarray(np.maximum(powers, 0) / total)


def _modes(probe: Array, name: str) -> Array:
    modes = np.asarray(probe, dtype=np.complex128)
    if modes.ndim not in (2, 3):
        raise ValueError(f"{name} has shape {modes.shape}; allowed: (modes, ny, nx) or (ny, nx)")
    if not np.isfinite(modes).all():
        raise ValueError(f"{name} holds values that are not finite; allowed: finite ones")
    return modes.reshape(-1, *modes.shape[-2:])


@dataclass(frozen=True)
class Detection:
    """How a search did; precision is NaN where nothing was found, recall where there was nothing to find.

    Attributes
    ----------
    precision, recall : float
    false_share : float
        Share of what was good that was taken for bad.
    found, true, both : int
    """

    precision: float
    recall: float
    false_share: float
    found: int
    true: int
    both: int


def detection(found: ArrayLike, true: ArrayLike) -> Detection:
    """Compare what a search marked with what was there.

    Parameters
    ----------
    found, true : arrays of one shape
        Nonzero where marked.

    Raises
    ------
    ValueError
        On different shapes.
    """
    first, second = (np.asarray(v) != 0 for v in (found, true))
    if first.shape != second.shape:
        raise ValueError(f"found has shape {first.shape} and true {second.shape}; allowed: the same")
    n_found, n_true, both = int(first.sum()), int(second.sum()), int((first & second).sum())
    good = second.size - n_true
    return Detection(
        precision=both / n_found if n_found else math.nan,
        recall=both / n_true if n_true else math.nan,
        false_share=(n_found - both) / good if good else math.nan,
        found=n_found,
        true=n_true,
        both=both,
    )
