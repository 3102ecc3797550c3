"""What the cells are made of.

- `Material`: saturation, exchange, anisotropy and interfacial DMI, uniform or cell by cell;
- `exchange_length`, `wall_width`: the lengths that cells must resolve.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from optics.units import VACUUM_PERMEABILITY

Array = NDArray[Any]


@dataclass(frozen=True, eq=False)
class Material:
    """Material parameters: numbers, or fields over the cells (z, y, x).

    Parameters
    ----------
    saturation : float or (nz, ny, nx) array
        Saturation magnetization Ms, A/m; 0 is void.
    exchange : float or (nz, ny, nx) array
        Exchange stiffness A, J/m.
    anisotropy : float or (nz, ny, nx) array
        Uniaxial anisotropy Ku, J/m3; negative makes an easy plane.
    axis : (3,) or (3, nz, ny, nx) array
        Direction of the anisotropy (x, y, z); made a unit vector.
    dmi : float or (nz, ny, nx) array
        Interfacial Dzyaloshinskii-Moriya constant D, J/m2. Positive favours an up-to-down wall along +x with m_x < 0
        in its middle.

    Raises
    ------
    ValueError
        If a value is not finite, `saturation` or `exchange` negative, or an axis without direction.
    """

    saturation: ArrayLike
    exchange: ArrayLike
    anisotropy: ArrayLike = 0.0
    axis: ArrayLike = (0.0, 0.0, 1.0)
    dmi: ArrayLike = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("saturation", "exchange", "anisotropy", "dmi"):
            values = _as_numbers(name, getattr(self, name))
            if values.ndim not in (0, 3):
                raise ValueError(f"{name} has {values.ndim} dimensions; allowed: a number, or a field (z, y, x)")
            _finite(name, values)
            if name in ("saturation", "exchange") and values.size and values.min() < 0:
                raise ValueError(f"{name} is {values.min():g}; allowed: from 0")
            object.__setattr__(self, name, values)
        axis = _as_numbers("axis", self.axis)
        if axis.shape[:1] != (3,) or axis.ndim not in (1, 4):
            raise ValueError(f"axis has shape {axis.shape}; allowed: (3,) or (3, nz, ny, nx)")
        _finite("axis", axis)
        length = np.sqrt((axis**2).sum(axis=0))
        if not (length > 0).all():
            raise ValueError("axis is 0 somewhere; allowed: a direction (x, y, z)")
        object.__setattr__(self, "axis", axis / length)

    def field(self, name: str, shape: tuple[int, int, int]) -> Array:
        """Return the parameter `name` over cells of `shape`, float64; read-only where it is uniform.

        Raises
        ------
        ValueError
            If it is a field of another shape.
        """
        values = np.asarray(getattr(self, name))
        lead = (3,) if name == "axis" else ()
        if values.ndim == len(lead):
            return np.broadcast_to(values.reshape(*lead, 1, 1, 1), (*lead, *shape))
        if values.shape != (*lead, *shape):
            raise ValueError(f"{name} has shape {values.shape}; allowed: {(*lead, *shape)}, that of the mesh")
        return values


def exchange_length(material: Material) -> float:
    """Return the least ``sqrt(2 A/(mu0 Ms**2))`` over the magnet, m; infinite where there is no exchange."""
    saturation, exchange = np.broadcast_arrays(material.saturation, material.exchange)
    inside = (saturation > 0) & (exchange > 0)
    if not inside.any():
        return np.inf
    return float(np.sqrt(2 * exchange[inside] / (VACUUM_PERMEABILITY * saturation[inside] ** 2)).min())


def wall_width(material: Material) -> float:
    """Return the least ``sqrt(A/Ku)`` over the magnet where its axis is easy, m; infinite where it is nowhere."""
    saturation, anisotropy, exchange = np.broadcast_arrays(material.saturation, material.anisotropy, material.exchange)
    inside = (saturation > 0) & (anisotropy > 0) & (exchange > 0)
    return float(np.sqrt(exchange[inside] / anisotropy[inside]).min()) if inside.any() else np.inf


def _as_numbers(name: str, values: ArrayLike) -> Array:
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} is {values!r}; allowed: a number, or an array of them") from error


def _finite(name: str, values: Array) -> None:
    bad = int(values.size - np.count_nonzero(np.isfinite(values)))
    if bad:
        raise ValueError(f"{name} is not finite in {bad} places; allowed: finite numbers")
