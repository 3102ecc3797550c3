"""Straight walls, stripes and helices as functions of coordinates.

- `wall`: one straight wall: Bloch, Néel or any angle; `kittel_wall`: one that closes its flux through the film;
- `stripes`: parallel walls with a period; `kittel_stripes`: those that close their flux; `stripe_wall_width`;
- `closure_angle`: how the in-plane angle of a wall turns through a film that closes its flux;
- `helix`: spins that turn along a direction.

In all of them m_z is down on the side of negative distance of the wall at the origin and up on the other; the wall's
normal points from down to up. The in-plane part lies along the normal turned by the wall's angle: 0 is the Néel wall
that D > 0 favours, pi the other, pi/2 the right-handed Bloch wall and -pi/2 the left-handed one.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.samples.texture_frames import about, frame, require_positive, require_sign, sech, unit

Array = NDArray[Any]

_FAR = 40.0  # widths from a wall beyond which sech is below the last digit


def wall(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    wall_width: float,
    wall_angle: ArrayLike = np.pi / 2,
    direction: float = 0.0,
    position: float = 0.0,
) -> Array:
    """Make a straight wall ``m_z = tanh(s/wall_width)``, s the distance from it.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m; of shapes that fit each other.
    wall_width : float
        delta, m; the full width of Kittel is pi delta.
    wall_angle : float or array_like
        Angle of the in-plane part from the normal, rad; an array of a shape that fits turns the wall from place to
        place.
    direction : float
        Angle of the wall's normal from x, rad.
    position : float
        Distance of the wall from the origin along its normal, m.

    Returns
    -------
    (3, ...) float64 array
        Unit vectors, component (x, y, z).

    Raises
    ------
    ValueError
        If a length is not positive.
    """
    require_positive(wall_width=wall_width)
    s = _distance(z, y, x, direction, position) / wall_width
    return _along_normal(np.tanh(s), sech(s), direction, wall_angle)


def kittel_wall(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    wall_width: float,
    thickness: float,
    handedness: int = 1,
    direction: float = 0.0,
    position: float = 0.0,
    middle: float = 0.0,
) -> Array:
    """Make a straight wall that closes the flux of a film: Néel at the bottom, Bloch, the opposite Néel at the top.

    Parameters
    ----------
    z, y, x, wall_width, direction, position
        As for `wall`.
    thickness, handedness, middle
        As for `closure_angle`.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        If a length is not positive or the handedness no sign.
    """
    angle = closure_angle(z, thickness=thickness, handedness=handedness, middle=middle)
    return wall(z, y, x, wall_width=wall_width, wall_angle=angle, direction=direction, position=position)


def closure_angle(z: ArrayLike, *, thickness: float, handedness: int = 1, middle: float = 0.0) -> Array:
    """Return the wall angle through a film: 0 at its lower surface, pi at its upper one, in proportion to the height.

    Above an up domain the stray field leads to the down domain, against the wall's normal; below the film along it.

    Parameters
    ----------
    z : array_like
        m; outside of the film the angle is that of the surface.
    thickness : float
        m.
    handedness : int
        1: by way of the right-handed Bloch wall, -1: of the left-handed one.
    middle : float
        Height of the middle of the film, m.

    Returns
    -------
    array of the shape of `z`
        rad.

    Raises
    ------
    ValueError
        If the thickness is not positive or the handedness no sign.
    """
    require_positive(thickness=thickness)
    require_sign(handedness=handedness)
    height = np.clip((np.asarray(z, np.float64) - middle) / thickness + 0.5, 0, 1)
    return np.asarray(handedness * np.pi * height)


def stripes(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    period: float,
    wall_width: float,
    wall_angle: ArrayLike = np.pi / 2,
    direction: float = 0.0,
    position: float = 0.0,
) -> Array:
    """Make straight domains, alternately up and down, with one wall every half period.

    The spin's angle is the sum of the walls' own angles, ``gd(s/wall_width)`` each. This is smooth everywhere and an
    exact equilibrium of exchange and anisotropy (the sum is Jacobi's amplitude). All walls have one sense of rotation.

    Parameters
    ----------
    z, y, x, wall_angle, direction
        As for `wall`.
    period : float
        Distance of like walls, m.
    wall_width : float
        delta of a single wall, m; the overlap of the walls' tails makes them narrower, see `stripe_wall_width`.
    position : float
        Place of a wall from down to up, m.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        If a wall is not narrower than a sixth of the period.
    """
    if not 0 < wall_width < period / 6:
        raise ValueError(f"wall_width is {wall_width} m; allowed: above 0, below a sixth of the period {period} m")
    s = _distance(z, y, x, direction, position)
    nearest = np.rint(2 * s / period)
    half = period / (2 * wall_width)
    u = s / wall_width - nearest * half
    angle = _gudermann(u)
    for j in range(1, int(_FAR / half) + 2):
        angle = angle + _gudermann(u - j * half) + _gudermann(u + j * half)
    turn = 1 - 2 * np.mod(nearest, 2)
    return _along_normal(turn * np.sin(angle), turn * np.cos(angle), direction, wall_angle)


def kittel_stripes(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    period: float,
    wall_width: float,
    thickness: float,
    handedness: int = 1,
    direction: float = 0.0,
    position: float = 0.0,
    middle: float = 0.0,
) -> Array:
    """Make `stripes` whose walls close the flux of a film, as `kittel_wall`.

    Parameters
    ----------
    z, y, x, period, wall_width, direction, position
        As for `stripes`.
    thickness, handedness, middle
        As for `closure_angle`.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        As `stripes` and `closure_angle`.
    """
    angle = closure_angle(z, thickness=thickness, handedness=handedness, middle=middle)
    return stripes(
        z, y, x, period=period, wall_width=wall_width, wall_angle=angle, direction=direction, position=position
    )


def stripe_wall_width(*, period: float, wall_width: float) -> float:
    """Return one over the slope of m_z at the walls of `stripes`, m: 0.4 % less at 14 widths a period, 17 % at 6."""
    half = period / (2 * wall_width)
    return wall_width / float(1 + 2 * sech(half * np.arange(1, int(_FAR / half) + 2)).sum())


def helix(
    z: ArrayLike,
    y: ArrayLike,
    x: ArrayLike,
    *,
    period: float,
    axis: ArrayLike = (1.0, 0.0, 0.0),
    handedness: int = 1,
    cone: float = np.pi / 2,
    phase: float = 0.0,
) -> Array:
    """Make spins that turn about `axis` as one goes along it.

    Parameters
    ----------
    z, y, x : array_like
        Coordinates, m.
    period : float
        m.
    axis : (3,) array_like
        Direction (x, y, z) of the wave vector.
    handedness : int
        1: right-handed screw, -1: left-handed.
    cone : float
        Angle between spins and axis, rad; pi/2 is the plain helix.
    phase : float
        Angle of the spin at the origin about the axis, rad.

    Returns
    -------
    (3, ...) float64 array

    Raises
    ------
    ValueError
        If the period is not positive, the axis no direction or the handedness no sign.
    """
    require_positive(period=period)
    require_sign(handedness=handedness)
    first, second, third = frame("axis", axis).T
    along_z, along_y, along_x = about(z, y, x, (0.0, 0.0, 0.0))
    angle = handedness * 2 * np.pi * (along_x * third[0] + along_y * third[1] + along_z * third[2]) / period + phase
    across, forward = np.sin(cone), np.cos(cone)
    parts = (across * (np.cos(angle) * first[c] + np.sin(angle) * second[c]) + forward * third[c] for c in range(3))
    return unit(*parts)


def _distance(z: ArrayLike, y: ArrayLike, x: ArrayLike, direction: float, position: float) -> Array:
    _, along_y, along_x = about(z, y, x, (0.0, 0.0, 0.0))
    return np.asarray(np.cos(direction) * along_x + np.sin(direction) * along_y - position)


def _along_normal(out_of_plane: Array, in_plane: Array, direction: float, wall_angle: ArrayLike) -> Array:
    azimuth = direction + np.asarray(wall_angle, np.float64)
    return unit(in_plane * np.cos(azimuth), in_plane * np.sin(azimuth), out_of_plane)


def _gudermann(u: Array) -> Array:
    """Return the angle above the plane of a spin at the distance `u`, in widths, from a wall."""
    return np.asarray(2 * np.arctan(np.tanh(u / 2)))
