"""The heterodyne term: how the references lift the weak magnetic signal at high frequencies.

- `heterodyne_curves`: ring means of ``|2 Re(Psi_c* Psi_m)|`` with and without the references;
- `edge_gain`: their ratio at the edge of the detector.

``I+- = |Psi_c|^2 + |Psi_m|^2 +- 2 Re(Psi_c* Psi_m)``, with ``psi_c = (psi+ + psi-)/2`` and ``psi_m = (psi+ - psi-)/2``.
"""

from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from validation.resolution.rings import Size, ring_mean, sizes

Array = NDArray[Any]

# Outermost share of the rings that makes "the edge".
_EDGE = 0.02


def heterodyne_curves(
    plus: Array, minus: Array, object_mask: Array, *, pixel_size: Size, maps: bool = False
) -> xr.Dataset:
    """Average the heterodyne term over rings, with all of the mask's charge wave and with the object's alone.

    The magnetic wave is taken inside `object_mask` in both: references are not magnetic, and noise there is no signal.

    Parameters
    ----------
    plus, minus : (ny, nx) complex arrays
        Exit waves of the two helicities.
    object_mask : (ny, nx) bool array
        Where the object is.
    pixel_size : float or sequence
        In metres.
    maps : bool
        Also return the two-dimensional terms, signed.

    Returns
    -------
    Dataset
        `heterodyne_with`, `heterodyne_without`, `gain` by `frequency` (cycles/m); with `maps`, `map_with` and
        `map_without` (fy, fx), centred. Attribute `edge_gain`.

    Raises
    ------
    ValueError
        On different shapes or a mask that is empty.
    """
    if not plus.shape == minus.shape == object_mask.shape or plus.ndim != 2:
        raise ValueError(f"shapes are {plus.shape}, {minus.shape}, {object_mask.shape}; allowed: one 2D shape")
    if not object_mask.any():
        raise ValueError("object_mask is empty; allowed: at least one pixel of object")
    inside = np.asarray(object_mask, np.float32)
    charge = (plus + minus) / 2
    magnetic = fourier.centred_fft2((plus - minus) / 2 * inside)
    steps = [1 / (n * d) for n, d in zip(plus.shape, sizes(pixel_size, 2), strict=True)]
    data: dict[str, Any] = {}
    for name, wave in (("with", charge), ("without", charge * inside)):
        term = 2 * (fourier.centred_fft2(wave).conj() * magnetic).real
        rings = ring_mean(np.abs(term), frequency_step=steps)
        data[f"heterodyne_{name}"] = ("frequency", rings.mean)
        if maps:
            data[f"map_{name}"] = (("fy", "fx"), term)
    coordinates = {"frequency": ("frequency", rings.frequency, {"units": "1/m"})}
    result = xr.Dataset(data, coords=coordinates)
    result["gain"] = result["heterodyne_with"] / result["heterodyne_without"].where(result["heterodyne_without"] > 0)
    result.attrs["edge_gain"] = edge_gain(result)
    return result


def edge_gain(curves: xr.Dataset) -> float:
    """Return the gain over the outermost 2 % of the rings, at least three."""
    rings = max(3, round(_EDGE * curves.sizes["frequency"]))
    last = curves.isel(frequency=slice(-rings, None))
    without = float(last["heterodyne_without"].sum())
    return float(last["heterodyne_with"].sum()) / without if without > 0 else float("nan")
