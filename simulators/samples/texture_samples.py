"""Textures as samples, with what their fields hold as features.

- `texture_sample`: a `Sample` of any texture of `TEXTURES`;
- `handedness`: how spins turn from cell to cell, measured.

=====================  ==========================================================================================
feature                holds
=====================  ==========================================================================================
``texture``            name
``requested``          parameters of the function, defaults too; lengths in m, centres in axis order (z, y, x)
``requested_charges``  hedgehogs as asked for: ``z``, ``y``, ``x`` (m) and ``q``; where the texture has any
``charges``            those found (`charges.charge_list`)
``flux``               `charges.FluxBalance`: sums of either sign, outer flux, flux of each void
``layer_charges``      of skyrmions and bobbers, by layer
``wall_width``         delta: one over the slope of m_z at m_z = 0, m (of a bobber at the surface)
``kittel_width``       pi delta, m
``handedness``         ``screw`` and ``cycloid``, -1..1
=====================  ==========================================================================================
"""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from optics.grids import positions
from records import sample
from simulators.samples.charges import charge_list, flux_balance, layer_charges
from simulators.samples.texture_frames import unit
from simulators.samples.texture_points import bobber, hedgehog, hedgehog_pair
from simulators.samples.texture_solitons import hopfion, skyrmion, vortex
from simulators.samples.texture_walls import helix, kittel_stripes, kittel_wall, stripe_wall_width, stripes, wall

Array = NDArray[Any]

TEXTURES: Final[dict[str, Callable[..., Array]]] = {
    function.__name__: function
    for function in (
        wall,
        kittel_wall,
        stripes,
        kittel_stripes,
        helix,
        skyrmion,
        vortex,
        hopfion,
        hedgehog,
        hedgehog_pair,
        bobber,
    )
}
"""Functions of coordinates by name."""


def texture_sample(
    name: str,
    *,
    shape: tuple[int, int, int],
    voxel_size: float | tuple[float, float, float],
    magnet: ArrayLike | None = None,
    saturation_magnetization: ArrayLike | None = None,
    **parameters: Any,
) -> xr.Dataset:
    """Make a sample of a texture.

    Parameters
    ----------
    name : str
        One of `TEXTURES`.
    shape : tuple of int
        Cells (z, y, x); index ``n//2`` is the origin.
    voxel_size : float or tuple of float
        Cell size in m, one or (z, y, x).
    magnet : (nz, ny, nx) array, optional
        Fill fraction; default 1 everywhere.
    saturation_magnetization : float or array, optional
        A/m.
    **parameters
        Of the texture's function. The thickness and middle of a flux-closing film and the surface of a bobber are, if
        not given, those of the whole array.

    Returns
    -------
    Sample
        Of origin ``"analytic"``; features as in the table of this module, found in the field as stored.

    Raises
    ------
    ValueError
        If the name, a parameter or its value is not allowed.
    """
    if name not in TEXTURES:
        raise ValueError(f"texture is {name!r}; allowed: {', '.join(TEXTURES)}")
    sizes = [float(size) for size in np.broadcast_to(np.asarray(voxel_size, np.float64), (3,))]
    axes = np.ix_(*(positions(n, size) for n, size in zip(shape, sizes, strict=True)))
    requested = _complete(name, parameters, shape[0], sizes[0])
    fill = np.ones(shape, np.float32) if magnet is None else np.asarray(magnet, np.float32)
    if fill.shape != tuple(shape):
        raise ValueError(f"magnet is of shape {fill.shape}; allowed: that of the sample, {tuple(shape)}")
    m = np.where(fill > 0, TEXTURES[name](*axes, **requested), 0).astype(np.float32)
    return sample.make(
        magnetization=m,
        magnet=fill,
        saturation_magnetization=saturation_magnetization,
        voxel_size=(sizes[0], sizes[1], sizes[2]),
        origin="analytic",
        features=_features(name, requested, m, fill, (sizes[0], sizes[1], sizes[2])),
    )


def _complete(name: str, parameters: Mapping[str, Any], nz: int, step: float) -> dict[str, Any]:
    """Return the parameters of a texture with all defaults."""
    known = {
        key: entry.default
        for key, entry in inspect.signature(TEXTURES[name]).parameters.items()
        if entry.kind is inspect.Parameter.KEYWORD_ONLY
    }
    for key in parameters:
        if key not in known:
            raise ValueError(f"parameter of {name} is {key!r}; allowed: {', '.join(known)}")
    low, high = (-(nz // 2) - 0.5) * step, (nz - nz // 2 - 0.5) * step
    if "thickness" in known:
        known |= {"thickness": high - low, "middle": (low + high) / 2}
    if "surface" in known:
        known["surface"] = low if parameters.get("side") == "bottom" else high
    known |= parameters
    missing = [key for key, value in known.items() if value is inspect.Parameter.empty]
    if missing:
        raise ValueError(f"{missing[0]} of {name} is not given; allowed: a value for each of {', '.join(missing)}")
    return known


def _features(
    name: str, requested: dict[str, Any], m: Array, fill: Array, voxel_size: tuple[float, float, float]
) -> dict[str, Any]:
    features: dict[str, Any] = {
        "texture": name,
        "requested": {key: _plain(value) for key, value in requested.items()},
        "charges": charge_list(m, fill, voxel_size),
        "flux": asdict(flux_balance(m, fill, voxel_size=voxel_size)),
        "handedness": handedness(m, voxel_size),
    }
    width = _wall_width(name, requested)
    if width is not None:
        features |= {"wall_width": width, "kittel_width": np.pi * width}
    asked = _requested_charges(name, requested)
    if asked:
        features["requested_charges"] = asked
    if name in ("skyrmion", "bobber"):
        features["layer_charges"] = layer_charges(m, magnet=fill).round(9).tolist()
    return features


def _plain(value: Any) -> Any:
    """Return a parameter as what JSON holds."""
    if value is None or isinstance(value, str):
        return value
    return np.asarray(value).tolist()


def _wall_width(name: str, requested: Mapping[str, Any]) -> float | None:
    """Return delta as the slope of m_z where m_z is zero gives it, or None where there is no wall of one width."""
    width = requested.get("wall_width")
    if width is None:
        return None
    if name in ("stripes", "kittel_stripes"):
        return stripe_wall_width(period=requested["period"], wall_width=width)
    if name in ("skyrmion", "bobber"):
        return float(width * np.tanh(requested["radius"] / width))
    return float(width)


def _requested_charges(name: str, requested: Mapping[str, Any]) -> list[dict[str, Any]]:
    if name == "hedgehog":
        return [_charge(np.asarray(requested["centre"]), requested["charge"])]
    if name == "hedgehog_pair":
        half = unit(*np.asarray(requested["axis"], np.float64))[::-1] * requested["separation"] / 2
        centre = np.asarray(requested["centre"])
        return [_charge(centre + sign * half, q) for sign, q in zip((1, -1), requested["charges"], strict=True)]
    if name == "bobber":
        inwards = -1 if requested["side"] == "top" else 1
        end = requested["surface"] + inwards * requested["length"]
        return [_charge(np.array([end, *requested["centre"]]), -inwards * requested["core"])]
    return []


def _charge(place: Array, q: int) -> dict[str, Any]:
    z, y, x = place.tolist()
    return {"z": z, "y": y, "x": x, "q": int(q)}


def handedness(m: Array, voxel_size: tuple[float, float, float]) -> dict[str, float]:
    """Measure in which sense spins turn from cell to cell.

    Neighbours a, b along an axis turn by a x b. Its part along the axis, summed over all bonds per distance and divided
    by the sum of all turning, is ``screw``: 1 for right-handed helices and Bloch walls, -1 for left-handed ones. The
    part about ``axis x z``, likewise, is ``cycloid``: 1 for Néel walls that D > 0 favours, -1 for the other sense.

    Parameters
    ----------
    m : (3, nz, ny, nx) array
        Spins, zero outside of the magnet.
    voxel_size : tuple of float
        (z, y, x), m.

    Returns
    -------
    dict
        ``screw`` and ``cycloid``; 0 where nothing turns.
    """
    screw = cycloid = total = 0.0
    for axis, step in enumerate(voxel_size):
        length = m.shape[axis + 1]
        low, high = (np.take(m, np.arange(start, length - 1 + start), axis + 1) for start in (0, 1))
        turn = np.cross(low, high, axis=0)
        component = 2 - axis
        total += float(np.sqrt(np.einsum("c...,c...->...", turn, turn)).sum(dtype=np.float64)) / step
        screw += float(turn[component].sum(dtype=np.float64)) / step
        if component < 2:
            # axis x z is -y for x and x for y
            sign = -1 if component == 0 else 1
            cycloid += sign * float(turn[1 - component].sum(dtype=np.float64)) / step
    total = total or 1.0
    return {"screw": round(screw / total, 9), "cycloid": round(cycloid / total, 9)}
