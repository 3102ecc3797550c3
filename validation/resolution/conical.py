"""Correlation of volumes by direction: in cones of spatial frequency about an axis.

- `conical_shell_correlation`: F(f) inside one cone;
- `directional_resolution`: crossings along several axes and their ratio.

What a missing wedge of projections takes away along the beam is invisible in the average over shells, which the other
directions dominate. Cones of 20 degrees are those of the 3DFSC (Tan et al., Nat. Methods 14, 793 (2017),
doi:10.1038/nmeth.4347). Two halves that lack the same wedge, and are filled in it by the same prior, agree there: a
cone between halves over-states, one against the truth does not.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from validation.resolution.binning import Size
from validation.resolution.crossings import resolution
from validation.resolution.curves import CorrelationCurve, curves_in_cones
from validation.resolution.spectra import Cone

Array = NDArray[Any]
Axis = str | Sequence[float]

_HALF_ANGLE = math.radians(20)


def conical_shell_correlation(
    a: Array,
    b: Array,
    *,
    pixel_size: Size,
    axis: Axis,
    half_angle: float = _HALF_ANGLE,
    mask: Array | None = None,
) -> CorrelationCurve:
    """Correlate two arrays by shells inside the double cone about an axis.

    Parameters
    ----------
    a, b : (nz, ny, nx) real or complex arrays
        Registered volumes; images (ny, nx) are taken in sectors.
    pixel_size : float or sequence
        Sampling in metres, one number or one per array axis.
    axis : {"x", "y", "z"} or (x, y, z)
        Direction, as a name or as a vector of any length; for images without z.
    half_angle : float
        Of the cone, radian, up to pi/2 (everything).
    mask : array, optional
        Window from 0 to 1.

    Returns
    -------
    CorrelationCurve
        `count` holds the samples inside the cone. Rings without any are NaN; narrow cones leave the first ones empty
        where the axis lies between lattice points.

    Raises
    ------
    ValueError
        On a bad axis or angle, and as `fourier_ring_correlation`.
    """
    cone = _cone(axis, half_angle, np.ndim(a))
    return curves_in_cones(a, b, (cone,), pixel_size=pixel_size, mask=mask)[0]


def directional_resolution(
    a: Array,
    b: Array,
    *,
    pixel_size: Size,
    axes: Mapping[str, Axis] | Sequence[str] = ("x", "y", "z"),
    half_angle: float = _HALF_ANGLE,
    criterion: str = "1/7",
    mask: Array | None = None,
) -> xr.Dataset:
    """Read the resolution along several axes, and without a cone.

    Parameters
    ----------
    a, b, pixel_size, half_angle, mask
        As in `conical_shell_correlation`.
    axes : sequence of names, or dict of name to axis
        Directions.
    criterion : str
        A kind of `threshold_curve`.

    Returns
    -------
    Dataset
        `correlation` and `count` (direction, frequency); `half_period`, `full_period` (m) and `crossed` (direction),
        direction "all" first. Attribute `anisotropy`: the largest over the smallest period of the cones.

    Raises
    ------
    ValueError
        As `conical_shell_correlation`, and without any axis or with one that is named "all".
    """
    named = dict(axes) if isinstance(axes, Mapping) else {name: name for name in axes}
    if not named:
        raise ValueError("axes is empty; allowed: at least one direction")
    if "all" in named:
        raise ValueError("axes holds 'all', the name of the curve without a cone; allowed: other names")
    cones = [None, *(_cone(axis, half_angle, np.ndim(a)) for axis in named.values())]
    curves = curves_in_cones(a, b, cones, pixel_size=pixel_size, mask=mask)
    found = [resolution(curve, criterion=criterion) for curve in curves]
    periods = np.array([r.half_period for r in found])
    return xr.Dataset(
        {
            "correlation": (("direction", "frequency"), np.stack([c.correlation for c in curves])),
            "count": (("direction", "frequency"), np.stack([c.count for c in curves])),
            "half_period": ("direction", periods, {"units": "m"}),
            "full_period": ("direction", 2 * periods, {"units": "m"}),
            "crossed": ("direction", np.array([r.crossed for r in found])),
        },
        coords={
            "direction": ["all", *named],
            "frequency": ("frequency", curves[0].frequency, {"units": "1/m"}),
        },
        attrs={
            "anisotropy": float(periods[1:].max() / periods[1:].min()),
            "criterion": criterion,
            "data_set": found[0].data_set,
            "n_convention": found[0].n_convention,
            "half_angle": half_angle,
        },
    )


def _cone(axis: Axis, half_angle: float, dimensions: int) -> Cone:
    if not 0 < half_angle <= math.pi / 2:
        raise ValueError(f"half_angle is {half_angle!r} rad; allowed: above 0, up to pi/2")
    names = "xyz"[:dimensions]
    if isinstance(axis, str):
        if axis not in tuple(names):
            raise ValueError(f"axis is {axis!r}; allowed: {', '.join(names)}, or a vector ({', '.join(names)})")
        vector = np.array([float(axis == name) for name in names])
    else:
        vector = np.asarray(axis, np.float64)
    length = float(np.linalg.norm(vector)) if vector.shape == (dimensions,) else 0.0
    if not 0 < length < math.inf:
        raise ValueError(f"axis is {axis!r}; allowed: {', '.join(names)}, or {dimensions} components, not all 0")
    # Components lead with x, arrays with z.
    return Cone(tuple(float(v) for v in (vector / length)[::-1]), math.cos(half_angle) ** 2)
