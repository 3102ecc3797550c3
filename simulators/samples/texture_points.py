"""Textures with hedgehogs (Bloch points), as functions of coordinates.

- `hedgehog`: one, of either charge;
- `hedgehog_pair`: two, of opposite or of like charge;
- `bobber`: a skyrmion tube that ends inside of the film, at a hedgehog.

At the singular points themselves, where no direction is right, a value is defined, so that all spins have length 1.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.samples.texture_frames import (
    Point,
    about,
    cylinder,
    frame,
    require_positive,
    require_sign,
    rotate,
    unit,
)
from simulators.samples.texture_solitons import skyrmion_profile

Array = NDArray[Any]


def hedgehog(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    charge: int = 1,
    rotation: ArrayLike | None = None,
    centre: Point = (0.0, 0.0, 0.0),
) -> Array:
    """Make a hedgehog: ``m = charge R r/|r|`` about its centre.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m; of shapes that fit each other.
    charge : int
        1 or -1. ``(x, y, -z)/|r|`` is -1 with the rotation by pi about z.
    rotation : (3, 3) array_like, optional
        R, a proper rotation of the spins, components (x, y, z).
    centre : tuple of float
        (z, y, x), m; there the spin is `charge` times the rotated z axis.

    Returns
    -------
    (3, ...) float64 array
        Unit vectors, component (x, y, z).

    Raises
    ------
    ValueError
        If the charge is no sign or the matrix no rotation.
    """
    require_sign(charge=charge)
    turn = np.eye(3) if rotation is None else _proper(rotation)
    along_z, along_y, along_x = about(z, y, x, centre)
    at_centre = (along_z == 0) & (along_y == 0) & (along_x == 0)
    return unit(*rotate(charge * unit(along_x, along_y, np.where(at_centre, 1.0, along_z)), turn))


def hedgehog_pair(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    separation: float,
    axis: ArrayLike = (0.0, 0.0, 1.0),
    charges: tuple[int, int] = (1, -1),
    helicity: float = 0.0,
    centre: Point = (0.0, 0.0, 0.0),
) -> Array:
    """Make two hedgehogs at ``centre + axis separation/2`` and ``centre - axis separation/2``.

    Opposite charges: the azimuth about the axis is that of the place, the polar angle the difference of the angles at
    which the place is seen from the two centres; all times the first charge. Far away the spins lie along the axis, or
    against it if the first charge is -1. Like charges: the direction of ``(Re w, Im w, v)``,
    ``w = (s + iu)^2/separation - separation/4``, in coordinates (u, v, s) with s along the axis, times the charge; its
    two zeros are the only ones, and isotropic. Far away it winds twice.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m.
    separation : float
        m.
    axis : (3,) array_like
        Direction (x, y, z) from the second to the first hedgehog.
    charges : tuple of int
        Of the first and the second.
    helicity : float
        Angle by which all spins are turned: about the axis for opposite charges, for like ones about the direction at
        right angles to it, rad.
    centre : tuple of float
        Middle of the pair (z, y, x), m.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        If the separation is not positive, the axis no direction or a charge no sign.
    """
    require_positive(separation=separation)
    if len(charges) != 2:
        raise ValueError(f"charges are {charges}; allowed: two of 1, -1")
    require_sign(first_charge=charges[0], second_charge=charges[1])
    turn = frame("axis", axis)
    along_z, along_y, along_x = about(z, y, x, centre)
    # The coordinates in units of half the separation, in the frame whose third axis is that of the pair.
    u, v, s = (
        (turn[0, c] * along_x + turn[1, c] * along_y + turn[2, c] * along_z) * (2 / separation) for c in range(3)
    )
    pair = _like_pair if charges[0] == charges[1] else _opposite_pair
    return charges[0] * unit(*rotate(pair(u, v, s, helicity), turn))


def _opposite_pair(u: Array, v: Array, s: Array, helicity: float) -> Array:
    """Return the pair of charges +1 at s = 1 and -1 at s = -1; u and v are at right angles to the axis."""
    radius, away_v, away_u = cylinder(v, u)
    cosine_1, sine_1 = _angle(s - 1, radius)
    cosine_2, sine_2 = _angle(s + 1, radius)
    across = sine_1 * cosine_2 - cosine_1 * sine_2
    cosine, sine = np.cos(helicity), np.sin(helicity)
    in_plane = (across * (cosine * away_u - sine * away_v), across * (cosine * away_v + sine * away_u))
    return np.stack([*in_plane, cosine_1 * cosine_2 + sine_1 * sine_2])


def _angle(height: Array, radius: Array) -> tuple[Array, Array]:
    """Return cosine and sine of the angle from the axis at which a place is seen; 0 at the centre itself."""
    distance = np.hypot(height, radius)
    at_centre = distance == 0
    length = np.where(at_centre, 1.0, distance)
    return np.where(at_centre, 1.0, height / length), radius / length


def _like_pair(u: Array, v: Array, s: Array, helicity: float) -> Array:
    """Return the pair of charges +1 at s = 1 and s = -1, in the plane of s and u, v normal to it."""
    real, imaginary = (s * s - u * u - 1) / 2, s * u
    singular = (real == 0) & (imaginary == 0) & (v == 0)
    cosine, sine = np.cos(helicity), np.sin(helicity)
    return unit(cosine * imaginary + sine * real, np.where(singular, 1.0, v), cosine * real - sine * imaginary)


def bobber(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    radius: float,
    wall_width: float,
    length: float,
    surface: float = 0.0,
    side: str = "top",
    helicity: float = 0.0,
    core: int = -1,
    centre: tuple[float, float] = (0.0, 0.0),
) -> Array:
    """Make a chiral bobber: a skyrmion whose radius falls as ``radius sqrt(1 - depth/length)``.

    One hedgehog sits at its end, of the charge `core` below a top surface and of the opposite charge above a bottom
    one. Beyond it m_z is that far from the core.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m.
    radius : float
        At the surface, m.
    wall_width, helicity, core, centre
        As for `skyrmion`.
    length : float
        Depth of the hedgehog, m.
    surface : float
        Height z of the film's surface, m.
    side : str
        ``"top"``: the bobber hangs down from the surface; ``"bottom"``: it stands on it.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        If a length is not positive, the core no sign or the side unknown.
    """
    require_positive(radius=radius, wall_width=wall_width, length=length)
    require_sign(core=core)
    if side not in ("top", "bottom"):
        raise ValueError(f"side is {side!r}; allowed: 'top', 'bottom'")
    along_z, along_y, along_x = about(z, y, x, (surface, *centre))
    depth = -along_z if side == "top" else along_z
    narrowing = np.sqrt(np.clip(1 - np.maximum(depth, 0) / length, 0, 1))
    distance, away_y, away_x = cylinder(along_y, along_x)
    across, upwards = skyrmion_profile(distance, radius * narrowing, wall_width)
    cosine, sine = np.cos(helicity), np.sin(helicity)
    return unit(across * (cosine * away_x - sine * away_y), across * (cosine * away_y + sine * away_x), -core * upwards)


def _proper(rotation: ArrayLike) -> Array:
    matrix = np.asarray(rotation, np.float64)
    fits = matrix.shape == (3, 3) and np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-9)
    if not fits or np.linalg.det(matrix) < 0:
        raise ValueError(f"rotation is {matrix.tolist()}; allowed: a (3, 3) rotation matrix of determinant 1")
    return matrix
