"""Surfaces and balls in a volume, drawn by casting parallel rays.

- `View`: from where one looks; `View.project` gives the place of points in the picture;
- `Surface`: where a field is zero, coloured, more or less opaque; `Balls`: marks;
- `cast`: the picture of both, as RGBA.

Each ray runs from the viewer through the interpolated field; every crossing of zero adds its colour under what is in
front of it. Points are (x, y, z) here, as in a picture's axes; arrays stay (z, y, x).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from numerics.fourier import in_blocks

_LIGHT = np.array([-0.35, 0.55, 0.76])  # right, up, towards the viewer
_AMBIENT, _DIFFUSE = 0.60, 0.45
_SHINE, _GLOSS = 0.45, 40.0
_STEP = 0.45  # cells from one look at the field to the next


@dataclass(frozen=True)
class View:
    """Parallel projection.

    Attributes
    ----------
    azimuth : float
        Where the viewer stands, angle from -y towards +x, rad: 0 looks along +y.
    elevation : float
        How far above the plane, rad.
    """

    azimuth: float = np.radians(32.0)
    elevation: float = np.radians(27.0)

    @property
    def axes(self) -> np.ndarray:
        """Unit vectors to the right, up and towards the viewer, rows (x, y, z)."""
        sine, cosine = np.sin(self.azimuth), np.cos(self.azimuth)
        down, level = np.sin(self.elevation), np.cos(self.elevation)
        return np.array(
            [[cosine, sine, 0.0], [-down * sine, down * cosine, level], [level * sine, -level * cosine, down]]
        )

    def project(self, points: np.ndarray) -> np.ndarray:
        """Give the places (right, up, towards) of points (..., 3)."""
        return np.asarray(points @ self.axes.T)


@dataclass(frozen=True)
class Balls:
    """Marks.

    Attributes
    ----------
    centres : ndarray, shape (n, 3)
        (x, y, z) in the units of the picture.
    colours : ndarray, shape (n, 3)
        sRGB, 0..1.
    radius : float
    """

    centres: np.ndarray
    colours: np.ndarray
    radius: float


@dataclass(frozen=True)
class Surface:
    """What is cast: the surface on which `level` is zero.

    Attributes
    ----------
    level : ndarray, shape (z, y, x), float32
        Positive inside; at cell centres.
    colour : ndarray, shape (3, z, y, x), float32
        sRGB, 0..1.
    weight : ndarray, shape (z, y, x), float32
        What each cell's colour counts where the surface lies between cells.
    origin, step : ndarray, shape (3,)
        Centre of the first cell and cell size (x, y, z) in the units of the picture.
    opacity : float
        Of one surface seen at right angles.
    closed : bool
        Whether the array's faces are part of the surface: outside of the array nothing is inside.
    """

    level: np.ndarray
    colour: np.ndarray
    weight: np.ndarray
    origin: np.ndarray
    step: np.ndarray
    opacity: float
    closed: bool


def cast(
    surface: Surface, balls: Balls | None, view: View, *, frame: tuple[float, float, float, float], pixels: int
) -> np.ndarray:
    """Cast one ray per pixel.

    Parameters
    ----------
    surface : Surface
    balls : Balls or None
    view : View
    frame : tuple of float
        Left, right, bottom, top in the units of the picture.
    pixels : int
        Along the longer side.

    Returns
    -------
    ndarray, shape (rows, columns, 4), float32
        RGBA, 0..1, straight alpha, first row at the bottom.
    """
    left, right, bottom, top = frame
    size = max(right - left, top - bottom) / pixels
    columns, rows = max(2, round((right - left) / size)), max(2, round((top - bottom) / size))
    across = left + (np.arange(columns) + 0.5) * (right - left) / columns
    up = bottom + (np.arange(rows) + 0.5) * (top - bottom) / rows
    cells = np.array(surface.level.shape[::-1])
    # A closed surface ends half a cell beyond the last centres, one cell further nothing is left.
    rim = 1.0 if surface.closed else 0.5
    low, high = surface.origin - rim * surface.step, surface.origin + (cells - 1 + rim) * surface.step
    centres = np.zeros((0, 3)) if balls is None else np.ascontiguousarray(balls.centres, np.float64)
    tints = np.zeros((0, 3)) if balls is None else np.ascontiguousarray(balls.colours, np.float64)
    radius = 0.0 if balls is None else balls.radius
    image = np.zeros((rows, columns, 4), np.float32)
    march = float(surface.step.min()) * _STEP

    def block(first: int, last: int) -> None:
        _cast_rows(
            image, first, last, across, up, view.axes, low, high, march, surface.level, surface.colour, surface.weight,
            surface.origin, surface.step, surface.opacity, surface.closed, centres, tints, radius, _LIGHT,
        )  # fmt: skip

    in_blocks(block, rows, 16)
    return image


@njit(nogil=True, cache=True)
def _cast_rows(  # type: ignore[no-untyped-def]
    image, first, last, across, up, axes, low, high, march, level, colour, weight,
    origin, step, opacity, closed, centres, tints, radius, light,
):  # fmt: skip
    start, normal, tint, place = np.zeros(3), np.zeros(3), np.zeros(3), np.zeros(3)
    for row in range(first, last):
        for column in range(across.size):
            for c in range(3):
                start[c] = across[column] * axes[0, c] + up[row] * axes[1, c]
            nearest, stop = _first_ball(start, axes, centres, radius)
            begin, end = _through_box(start, axes, low, high)
            if nearest >= 0:
                end = min(end, stop)
            clear, red, green, blue = 1.0, 0.0, 0.0, 0.0
            before, at = 0.0, begin
            known = False
            while at < end and clear > 0.02:
                for c in range(3):
                    place[c] = start[c] - at * axes[2, c]
                value = _level(level, place, origin, step, closed)
                if known and (value > 0.0) != (before > 0.0):
                    back = march * value / (value - before)
                    for c in range(3):
                        place[c] += back * axes[2, c]
                    _slope(level, place, origin, step, closed, normal)
                    facing = normal[0] * axes[2, 0] + normal[1] * axes[2, 1] + normal[2] * axes[2, 2]
                    turn = -1.0 if facing < 0.0 else 1.0
                    bright = _brightness(normal, turn, axes, light)
                    _tint(colour, weight, place, origin, step, tint)
                    # Seen askew, more of a translucent surface lies in the way.
                    cover = 1.0 - (1.0 - opacity) ** (1.0 / max(abs(facing), 0.2))
                    red += clear * cover * tint[0] * bright
                    green += clear * cover * tint[1] * bright
                    blue += clear * cover * tint[2] * bright
                    clear *= 1.0 - cover
                before, known = value, True
                at += march
            if nearest >= 0 and clear > 0.0:
                for c in range(3):
                    normal[c] = (start[c] - stop * axes[2, c] - centres[nearest, c]) / radius
                bright = _brightness(normal, 1.0, axes, light)
                shine = _shine(normal, axes, light)
                red += clear * min(1.0, tints[nearest, 0] * bright + shine)
                green += clear * min(1.0, tints[nearest, 1] * bright + shine)
                blue += clear * min(1.0, tints[nearest, 2] * bright + shine)
                clear = 0.0
            alpha = 1.0 - clear
            if alpha > 1e-3:
                image[row, column, 0] = min(1.0, red / alpha)
                image[row, column, 1] = min(1.0, green / alpha)
                image[row, column, 2] = min(1.0, blue / alpha)
                image[row, column, 3] = alpha


@njit(nogil=True, cache=True)
def _first_ball(start, axes, centres, radius):  # type: ignore[no-untyped-def]
    """Return the ball that the ray meets first, -1 for none, and how far along the ray."""
    nearest, stop = -1, 1e30
    for ball in range(centres.shape[0]):
        along, square = 0.0, 0.0
        for c in range(3):
            offset = centres[ball, c] - start[c]
            along -= offset * axes[2, c]
            square += offset * offset
        reach = radius * radius - (square - along * along)
        if reach > 0.0:
            at = along - np.sqrt(reach)
            if at < stop:
                nearest, stop = ball, at
    return nearest, stop


@njit(nogil=True, cache=True)
def _through_box(start, axes, low, high):  # type: ignore[no-untyped-def]
    """Return where a ray enters and leaves the box; the end is before the beginning where it misses."""
    begin, end = -1e30, 1e30
    for c in range(3):
        slope = -axes[2, c]
        if abs(slope) < 1e-12:
            if start[c] < low[c] or start[c] > high[c]:
                return 0.0, -1.0
            continue
        one, two = (low[c] - start[c]) / slope, (high[c] - start[c]) / slope
        begin, end = max(begin, min(one, two)), min(end, max(one, two))
    return begin, end


@njit(nogil=True, cache=True)
def _level(level, place, origin, step, closed):  # type: ignore[no-untyped-def]
    """Interpolate `level` linearly; beyond the outermost centres as the last cell, or -1 a cell further if closed."""
    nz, ny, nx = level.shape
    sizes = (nx, ny, nz)
    total = 0.0
    x, y, z = (
        (place[0] - origin[0]) / step[0],
        (place[1] - origin[1]) / step[1],
        (place[2] - origin[2]) / step[2],
    )
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    a, b, c = x - i, y - j, z - k
    for dk in range(2):
        for dj in range(2):
            for di in range(2):
                share = (a if di else 1.0 - a) * (b if dj else 1.0 - b) * (c if dk else 1.0 - c)
                p, q, r = i + di, j + dj, k + dk
                if closed and (p < 0 or q < 0 or r < 0 or p >= sizes[0] or q >= sizes[1] or r >= sizes[2]):
                    total -= share
                    continue
                p, q, r = min(max(p, 0), nx - 1), min(max(q, 0), ny - 1), min(max(r, 0), nz - 1)
                total += share * level[r, q, p]
    return total


@njit(nogil=True, cache=True)
def _slope(level, place, origin, step, closed, normal):  # type: ignore[no-untyped-def]
    """Write the unit vector along which `level` falls into `normal`."""
    length = 0.0
    for c in range(3):
        kept = place[c]
        place[c] = kept - 0.9 * step[c]
        low = _level(level, place, origin, step, closed)
        place[c] = kept + 0.9 * step[c]
        high = _level(level, place, origin, step, closed)
        place[c] = kept
        normal[c] = (low - high) / step[c]
        length += normal[c] ** 2
    length = max(np.sqrt(length), 1e-30)
    for c in range(3):
        normal[c] /= length


@njit(nogil=True, cache=True)
def _tint(colour, weight, place, origin, step, tint):  # type: ignore[no-untyped-def]
    """Write the mean colour of the cells around a place, by nearness and weight, into `tint`."""
    nz, ny, nx = weight.shape
    x, y, z = (
        (place[0] - origin[0]) / step[0],
        (place[1] - origin[1]) / step[1],
        (place[2] - origin[2]) / step[2],
    )
    i, j, k = int(np.floor(x)), int(np.floor(y)), int(np.floor(z))
    a, b, c = x - i, y - j, z - k
    total = 1e-12
    tint[:] = 0.0
    for dk in range(2):
        for dj in range(2):
            for di in range(2):
                p, q, r = min(max(i + di, 0), nx - 1), min(max(j + dj, 0), ny - 1), min(max(k + dk, 0), nz - 1)
                near = (a if di else 1.0 - a) * (b if dj else 1.0 - b) * (c if dk else 1.0 - c)
                share = (near + 1e-3) * weight[r, q, p]
                total += share
                for n in range(3):
                    tint[n] += share * colour[n, r, q, p]
    for n in range(3):
        tint[n] /= total


@njit(nogil=True, cache=True)
def _brightness(normal, turn, axes, light):  # type: ignore[no-untyped-def]
    lit = 0.0
    for n in range(3):
        along = turn * (normal[0] * axes[n, 0] + normal[1] * axes[n, 1] + normal[2] * axes[n, 2])
        lit += along * light[n]
    return _AMBIENT + _DIFFUSE * max(lit, 0.0)


@njit(nogil=True, cache=True)
def _shine(normal, axes, light):  # type: ignore[no-untyped-def]
    half = 0.0
    length = np.sqrt(light[0] ** 2 + light[1] ** 2 + (light[2] + 1.0) ** 2)
    for n in range(3):
        along = normal[0] * axes[n, 0] + normal[1] * axes[n, 1] + normal[2] * axes[n, 2]
        half += along * (light[n] + (1.0 if n == 2 else 0.0)) / length
    return _SHINE * max(half, 0.0) ** _GLOSS
