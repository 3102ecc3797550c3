"""How close a magnetization is to the true one: directions, lengths, what a beam can see, resolution, charges.

- `angular_error`, `AngularError`: angle between the vectors, and their lengths apart;
- `helmholtz_error`, `HelmholtzError`: longitudinal and transverse error apart;
- `component_correlation`, `ComponentCurves`: shell correlation of each component;
- `charge_fidelity`, `ChargeFidelity`, `ChargeScore`: which hedgehogs were found, lost and invented.

Both are in one frame (`register_volume`); nothing is scaled or turned here.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from numerics import fourier
from validation.matching import Matching
from validation.resolution.binning import Size, outer_sum, sizes
from validation.resolution.curves import CorrelationCurve, blank_correlation, fourier_ring_correlation
from validation.resolution.spectra import check_window, varies
from validation.topology.hedgehog_matching import match_hedgehogs
from validation.topology.hedgehogs import VoxelSize, find_hedgehogs
from validation.topology.lattices import magnet_lattice, spin_lattice

Array = NDArray[Any]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_RADIUS_IN_VOXELS = 2.0


@dataclass(frozen=True)
class AngularError:
    """Angles between found and true vectors inside the magnet, radian, and their lengths.

    Attributes
    ----------
    mean, median, p95 : float
        Of the angle; `p95` is exceeded by one vector in twenty.
    length : float
        Mean of ``|m|/|m0|``: 1 if lengths are right on average.
    length_error : float
        Root mean square of ``|m| - |m0|`` over that of ``|m0|``.
    count : int
        Voxels compared.
    """

    mean: float
    median: float
    p95: float
    length: float
    length_error: float
    count: int


@dataclass(frozen=True)
class HelmholtzError:
    """Parts of the error relative to the root mean square of ``|m0|``: ``longitudinal^2 + transverse^2 = total^2``."""

    longitudinal: float
    transverse: float
    total: float


class ComponentCurves(NamedTuple):
    """Correlation curves of the components; all NaN for a component that has one value everywhere."""

    x: CorrelationCurve
    y: CorrelationCurve
    z: CorrelationCurve


@dataclass(frozen=True)
class ChargeScore:
    """Hedgehogs found and true, those at the border left out; each unit of charge counts.

    Attributes
    ----------
    found, true : int
        How many there are.
    recall : float
        Share of the true ones with a partner; NaN if there are none.
    precision : float
        Share of the found ones with a partner; NaN if nothing was found.
    f1 : float
        Harmonic mean of the two; 0 where one of the lists is empty, NaN where both are.
    mean_error, rms_error : float
        Distance of the partners of the true ones, metres; NaN without a match.
    """

    found: int
    true: int
    recall: float
    precision: float
    f1: float
    mean_error: float
    rms_error: float


@dataclass(frozen=True, eq=False)
class ChargeFidelity:
    """Hedgehogs of a magnetization against those of the truth.

    Attributes
    ----------
    total, plus, minus : ChargeScore
        Of both signs, and of each.
    border_found, border_true : int
        Units of charge at the border, listed apart. They serve as partners, but are neither missed nor spurious.
    matching : Matching
        Over the units of charge of both lists, in the order of `hedgehogs` and `true_hedgehogs`; one of charge 2 stands
        in it twice.
    hedgehogs, true_hedgehogs : Dataset
        As `find_hedgehogs` returns them.
    """

    total: ChargeScore
    plus: ChargeScore
    minus: ChargeScore
    border_found: int
    border_true: int
    matching: Matching
    hedgehogs: xr.Dataset
    true_hedgehogs: xr.Dataset


def angular_error(m: ArrayLike, truth: ArrayLike, *, magnet: ArrayLike) -> AngularError:
    """Return the angles ``acos(m.m0/(|m||m0|))`` inside the magnet, and the lengths apart.

    Parameters
    ----------
    m, truth : (3, z, y, x) arrays
        Components (x, y, z). Lengths may differ from 1; no vector of the magnet may vanish.
    magnet : (z, y, x) array
        Fill fraction; from 0.5 a voxel counts.

    Raises
    ------
    ValueError
        On shapes that do not fit, a fill that is not from 0 to 1 or nowhere 0.5, and vectors of the magnet that are
        zero or not finite.
    """
    found, true, solid = _checked(m, truth, magnet)
    a, b = (v[:, solid].astype(np.float64) for v in (found, true))
    # acos loses half of the digits at small angles
    angle = np.arctan2(np.linalg.norm(np.cross(a, b, axis=0), axis=0), (a * b).sum(axis=0))
    first, second = (np.linalg.norm(v, axis=0) for v in (a, b))
    median, p95 = np.quantile(angle, [0.5, 0.95])
    return AngularError(
        mean=float(angle.mean()),
        median=float(median),
        p95=float(p95),
        length=float((first / second).mean()),
        length_error=math.sqrt(float(((first - second) ** 2).sum() / (second**2).sum())),
        count=int(angle.size),
    )


def helmholtz_error(m: ArrayLike, truth: ArrayLike, *, voxel_size: Size, magnet: ArrayLike) -> HelmholtzError:
    """Split the error ``m - m0`` inside the magnet into what points along its spatial frequency and what lies across.

    Longitudinal is ``f (f.e)/f^2``. A projection along k sees ``m.k`` at the frequencies across k only, so that it
    never sees the longitudinal part: the null space of vector tomography, filled in by prior knowledge alone. The mean
    of the error, without a direction of f, is seen and counts as transverse. The highest frequency of an even number
    of voxels has either sign; the mean of both counts, so that no part depends on which way an axis points.

    Parameters
    ----------
    m, truth : (3, z, y, x) arrays
        Components (x, y, z).
    voxel_size : float or sequence
        In metres, one number or one per axis (z, y, x).
    magnet : (z, y, x) array
        Fill fraction; the error counts where it is at least 0.5.

    Raises
    ------
    ValueError
        As `angular_error`, and on an impossible voxel size.
    """
    found, true, solid = _checked(m, truth, magnet)
    spacing = sizes(voxel_size, 3, name="voxel_size")
    norm = float((true[:, solid].astype(np.float64) ** 2).sum())
    shape = solid.shape
    f = [fourier.unshifted_frequencies(n, d) for n, d in zip(shape, spacing, strict=True)]
    f[2] = fourier.half_frequencies(shape[2], spacing[2])
    weight = np.full(f[2].size, 2.0)
    weight[0] = 1.0
    if shape[2] % 2 == 0:
        weight[-1] = 1.0
    squared = outer_sum([v**2 for v in f])
    squared[0, 0, 0] = 1.0
    along: Array = np.zeros(squared.shape, np.complex128)
    seen = total = longitudinal = 0.0
    # components are (x, y, z), axes (z, y, x)
    for component, axis in zip(range(3), (2, 1, 0), strict=True):
        error = np.where(solid, found[component].astype(np.float64) - true[component], 0.0)
        total += float((error**2).sum())
        spectrum = fourier.rfftn(error)
        power = _power(spectrum) * weight
        seen += float(power.sum())
        signed = f[axis].copy()
        if shape[axis] % 2 == 0:
            # On the mean of both signs its products with other components cancel.
            highest = [shape[axis] // 2]
            plane = np.take(power, highest, axis) / np.take(squared, highest, axis)
            longitudinal += float((signed[highest] ** 2).item() * plane.sum())
            signed[highest] = 0.0
        along += spectrum * np.reshape(signed, [-1 if i == axis else 1 for i in range(3)])
    longitudinal += float((_power(along) / squared * weight).sum())
    transverse = max(seen - longitudinal, 0.0)
    return HelmholtzError(*(math.sqrt(v / norm) for v in (longitudinal, transverse, total)))


def component_correlation(
    m: ArrayLike, truth: ArrayLike, *, voxel_size: Size, mask: ArrayLike | None = None
) -> ComponentCurves:
    """Correlate each component with the true one by shells of spatial frequency.

    A component that has one value everywhere, as one of a straight wall does, correlates with nothing: its curve is NaN
    (`blank_correlation`).

    Parameters
    ----------
    m, truth : (3, z, y, x) arrays
        Components (x, y, z), each as in `fourier_ring_correlation`.
    voxel_size : float or sequence
        In metres, one number or one per axis (z, y, x).
    mask : (z, y, x) array, optional
        Window from 0 to 1, best with a soft edge. Vectors may be anything where it is 0, NaN too.

    Raises
    ------
    ValueError
        On shapes that do not fit, if no component varies in both, and as `fourier_ring_correlation`.
    """
    found, true = _same_shape(m, truth)
    check_window(mask, found.shape[1:])
    window = None if mask is None else np.asarray(mask)
    curves = [_component_curve("xyz"[i], found[i], true[i], voxel_size, window) for i in range(3)]
    if all(np.isnan(curve.correlation).all() for curve in curves):
        raise ValueError("m and truth have no component that varies in both; allowed: one at least")
    return ComponentCurves(*curves)


def _component_curve(
    component: str, m: Array, truth: Array, voxel_size: Size, window: Array | None
) -> CorrelationCurve:
    first, second = (values if window is None else np.where(window == 0, 0, values) for values in (m, truth))
    for name, values in (("m", first), ("truth", second)):
        if not np.isfinite(values).all():
            raise ValueError(f"{name}, component {component}, is not finite somewhere; allowed: finite vectors")
        if not varies(values, mask=window):
            return blank_correlation(values.shape, pixel_size=voxel_size, mask=window)
    return fourier_ring_correlation(first, second, pixel_size=voxel_size, mask=window)


def charge_fidelity(
    m: ArrayLike,
    truth: ArrayLike,
    *,
    voxel_size: VoxelSize,
    magnet: ArrayLike | None = None,
    radius: float | None = None,
    low_pass: float | None = None,
    method: str = "cells",
) -> ChargeFidelity:
    """Find the hedgehogs of `m` and match them, sign by sign, with those of the truth.

    Parameters
    ----------
    m, truth : (3, z, y, x) arrays
        Components (x, y, z).
    voxel_size : float or tuple of float
        Metres, one or (z, y, x).
    magnet : (z, y, x) array, optional
        Fill fraction; default: where each is not zero.
    radius : float, optional
        Largest distance of partners in metres; default two voxels along their longest side.
    low_pass : float, optional
        Full period in metres to which `m`, never the truth, is smoothed first: noise makes false charges.
    method : str
        How the hedgehogs of `m` are found, "cells" or "maxima"; those of the truth are counted in all cells.

    Raises
    ------
    ValueError
        As `find_hedgehogs` and `match_hedgehogs`, and on different shapes.

    Notes
    -----
    The pairing is optimal: as many partners as possible, then the least sum of distances (`match_points`). Hedgehogs in
    cells at the border can be made or removed by one layer of spins; they count in neither recall nor precision.
    """
    found, true = _same_shape(m, truth)
    lists = (
        find_hedgehogs(found, voxel_size=voxel_size, magnet=magnet, method=method, low_pass=low_pass),
        find_hedgehogs(true, voxel_size=voxel_size, magnet=magnet),
    )
    reach = _RADIUS_IN_VOXELS * max(sizes(voxel_size, 3, name="voxel_size")) if radius is None else radius
    match = match_hedgehogs(*lists, radius=reach)
    signs = [np.sign(h["charge"].values)[r] for h, r in zip(lists, (match.found_row, match.true_row), strict=True)]
    inside = match.found_inside, match.true_inside
    total, plus, minus = (
        _charge_score(match.matching, *(i & np.isin(s, kinds) for i, s in zip(inside, signs, strict=True)))
        for kinds in ((-1, 1), (1,), (-1,))
    )
    border = [int(np.count_nonzero(~i)) for i in inside]
    return ChargeFidelity(total, plus, minus, border[0], border[1], match.matching, lists[0], lists[1])


def _charge_score(matching: Matching, found: Bools, true: Bools) -> ChargeScore:
    """Score the units of both lists that count; their partners may be others."""
    good, hit = found[matching.found_index], true[matching.truth_index]
    counts = int(np.count_nonzero(found)), int(np.count_nonzero(true))
    precision = np.count_nonzero(good) / counts[0] if counts[0] else math.nan
    recall = np.count_nonzero(hit) / counts[1] if counts[1] else math.nan
    both = np.nan_to_num(precision) + np.nan_to_num(recall)
    f1 = 2 * precision * recall / both if all(counts) and both else (0.0 if any(counts) else math.nan)
    distance = matching.distance[hit]
    mean, rms = (
        (float(distance.mean()), math.sqrt(float((distance**2).mean()))) if distance.size else (math.nan, math.nan)
    )
    return ChargeScore(*counts, float(recall), float(precision), float(f1), mean, rms)


def _power(spectrum: Array) -> Floats:
    return np.asarray(spectrum.real**2 + spectrum.imag**2)


def _same_shape(m: ArrayLike, truth: ArrayLike) -> tuple[Array, Array]:
    found, true = spin_lattice(m), spin_lattice(truth)
    if found.shape != true.shape:
        raise ValueError(f"m and truth have shapes {found.shape}, {true.shape}; allowed: one shape (3, z, y, x)")
    return found, true


def _checked(m: ArrayLike, truth: ArrayLike, magnet: ArrayLike) -> tuple[Array, Array, Bools]:
    found, true = _same_shape(m, truth)
    magnet_lattice(found, magnet)
    try:
        return found, true, magnet_lattice(true, magnet)
    except ValueError as error:
        raise ValueError(str(error).replace("m is", "truth is", 1)) from error
