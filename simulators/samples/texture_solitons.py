"""Localised textures without hedgehogs, as functions of coordinates.

- `skyrmion`: a tube along z; `skyrmion_profile`: its polar angle;
- `vortex`: circulating spins with a core;
- `hopfion`: a closed, twisted ring.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.samples.texture_frames import Point, about, cylinder, require_positive, require_sign, unit

Array = NDArray[Any]


def skyrmion(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    radius: float,
    wall_width: float,
    helicity: float = 0.0,
    core: int = -1,
    centre: tuple[float, float] = (0.0, 0.0),
) -> Array:
    """Make a skyrmion, the same in all layers.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m; of shapes that fit each other.
    radius : float
        Where m_z is zero, m.
    wall_width : float
        w of the profile, m; delta of the wall if the radius is much larger.
    helicity : float
        Angle of the in-plane part from the outward direction, rad: 0 and pi are Néel, +-pi/2 Bloch skyrmions. D > 0
        favours 0 for a core down and pi for a core up.
    core : int
        m_z in the centre: -1 (the layer charge is -1) or 1 (the layer charge is 1); far away it is the opposite.
    centre : tuple of float
        (y, x), m.

    Returns
    -------
    (3, ...) float64 array
        Unit vectors, component (x, y, z).

    Raises
    ------
    ValueError
        If a length is not positive or the core no sign.

    References
    ----------
    Wang, Yuan, Wang, Commun. Phys. 1, 31 (2018), doi 10.1038/s42005-018-0029-0: the profile.
    """
    require_positive(radius=radius, wall_width=wall_width)
    require_sign(core=core)
    _, along_y, along_x = about(z, y, x, (0.0, *centre))
    distance, away_y, away_x = cylinder(along_y, along_x)
    across, upwards = skyrmion_profile(distance, radius, wall_width)
    cosine, sine = np.cos(helicity), np.sin(helicity)
    return unit(across * (cosine * away_x - sine * away_y), across * (cosine * away_y + sine * away_x), -core * upwards)


def skyrmion_profile(distance: Array, radius: ArrayLike, wall_width: float) -> tuple[Array, Array]:
    """Return sine and cosine of ``theta = 2 atan(sinh(radius/w)/sinh(distance/w))``, w the wall width.

    Parameters
    ----------
    distance : array
        From the axis, m.
    radius : float or array
        m; zero leaves everything up.
    wall_width : float
        m.

    Returns
    -------
    two float64 arrays
    """
    r, edge = distance / wall_width, np.asarray(radius) / wall_width
    largest = np.maximum(r, edge)
    # Both sinh in units of exp(largest)/2, which overflows far from the core.
    a = np.exp(edge - largest) * -np.expm1(-2 * edge)
    b = np.exp(r - largest) * -np.expm1(-2 * r)
    both = a * a + b * b
    nowhere = both == 0
    length = np.where(nowhere, 1.0, both)
    return 2 * a * b / length, np.where(nowhere, 1.0, (b * b - a * a) / length)


def vortex(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    core_radius: float,
    polarity: int = 1,
    circulation: int = 1,
    centre: tuple[float, float] = (0.0, 0.0),
) -> Array:
    """Make a vortex, the same in all layers: ``|m_phi| = 2 r c/(r^2 + c^2)`` inside of the core, in plane outside.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m.
    core_radius : float
        c, where m_z becomes zero, m.
    polarity : int
        m_z in the centre.
    circulation : int
        1: counter-clockwise seen from +z, -1: clockwise.
    centre : tuple of float
        (y, x), m.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        If the radius is not positive, or polarity or circulation is no sign.

    References
    ----------
    Usov and Peschany, J. Magn. Magn. Mater. 118, L290 (1993): the profile of the core.
    """
    require_positive(core_radius=core_radius)
    require_sign(polarity=polarity, circulation=circulation)
    _, along_y, along_x = about(z, y, x, (0.0, *centre))
    distance, away_y, away_x = cylinder(along_y, along_x)
    r = np.minimum(distance / core_radius, 1)
    around = circulation * 2 * r / (1 + r * r)
    return unit(-around * away_y, around * away_x, polarity * (1 - r * r) / (1 + r * r))


def hopfion(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    radius: float,
    linking: int = 1,
    centre: Point = (0.0, 0.0, 0.0),
) -> Array:
    """Make a hopfion: up in the centre and far away, down on the ring of `radius` around z.

    The stereographic projection of space onto the three-sphere, followed by Hopf's map:
    ``a = 2 R (x + iy)``, ``b = 2 R z + i (r^2 - R^2)``, ``m = (2 Re b*a, 2 Im b*a, |b|^2 - |a|^2)/(r^2 + R^2)^2``.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m.
    radius : float
        R, m.
    linking : int
        Linking number of the lines on which m has one direction: 1, or -1 for the mirror image.
    centre : tuple of float
        (z, y, x), m.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        If the radius is not positive or the linking number no sign.
    """
    require_positive(radius=radius)
    require_sign(linking=linking)
    along_z, along_y, along_x = (values / radius for values in about(z, y, x, centre))
    squared = along_x * along_x + along_y * along_y + along_z * along_z
    a = 2 * (along_x + 1j * along_y)
    b = 2 * linking * along_z + 1j * (squared - 1)
    product = 2 * np.conj(b) * a
    return unit(product.real, product.imag, np.abs(b) ** 2 - np.abs(a) ** 2)
