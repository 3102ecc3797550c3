"""What the slope of a wall in a pixelated image says about its width.

- `SlopeCurve`: delta of a wall by one over the slope that `wall_lines` reads off it.

Smoothing and pixels widen walls nearly in quadrature, not by a common factor: a wall of twice the width has less than
twice the inverse slope. So walls of known width are drawn, and read as those of the images are.
"""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from validation.walls.lines import SMOOTHING
from validation.walls.model import LARGEST, SMALLEST, blurred_wall
from validation.walls.transfers import GaussianTransfer

Floats = NDArray[np.float64]

_WIDTHS = 60
_FULL_WIDTH = math.sqrt(8 * math.log(2))  # of a Gaussian, in standard deviations
_REACH, _STEP = 2.5, 0.05  # px, of a drawn wall: a pixel's corners and their neighbours
_NARROWEST, _MOST_BLUR = 0.05, 20.0  # px; beyond these, pixels show no difference, or no walls
_ANGLES = np.deg2rad([0.0, 15.0, 30.0, 45.0])
_PLACES = (np.arange(5) + 0.5) / 5  # of a point of wall between the pixels


class SlopeCurve:
    """delta by one over the slope of a wall, for the instrument that makes `usual` of walls of the width `reference`.

    The instrument is a Gaussian: the one width that it needs is that by which walls of the reference width look as they
    do. Where no Gaussian is narrow enough, because the images are sharper than the reference says, there is none, and
    the rest is a common factor, as of the domains' level.

    Parameters
    ----------
    reference : float
        delta of a wall, metres.
    usual : float
        One over the slope of such a wall in the smoothed image of domains at -1 and 1, px.
    pixel_size : float
        Metres.

    Attributes
    ----------
    blur : float
        Standard deviation of the instrument, px.
    delta : (widths,) float64 array
        Metres, increasing.
    inverse_slope : (widths,) float64 array
        px; increasing.
    """

    def __init__(self, *, reference: float, usual: float, pixel_size: float) -> None:
        width = max(reference / pixel_size, _NARROWEST)
        self.blur = _blur(width, usual)
        factor = usual / _inverse_slope(width, self.blur)
        ends = max(SMALLEST, _NARROWEST * pixel_size), LARGEST
        self.delta: Floats = np.union1d(np.geomspace(*ends, _WIDTHS), np.clip(reference, *ends))
        drawn = [_inverse_slope(delta / pixel_size, self.blur) for delta in self.delta]
        self.inverse_slope: Floats = factor * np.array(drawn)

    def widths(self, inverse_slope: Floats) -> Floats:
        """Return delta (m), within the limits of a fit; NaN of NaN."""
        return np.asarray(np.interp(inverse_slope, self.inverse_slope, self.delta))

    def errors(self, inverse_slope: Floats, error: Floats) -> Floats:
        """Return the standard error of delta (m): what one of the inverse slope does to it, up or down."""
        place = np.clip(inverse_slope, self.inverse_slope[0], self.inverse_slope[-1])
        middle = self.widths(place)
        return np.asarray(np.maximum(self.widths(place + error) - middle, middle - self.widths(place - error)))


def _blur(width: float, usual: float) -> float:
    """Return the standard deviation, px, of the Gaussian that makes `usual` of walls of a width (px)."""

    def excess(blur: float) -> float:
        return _inverse_slope(width, blur) - usual

    if excess(0.0) >= 0:
        return 0.0
    return float(brentq(excess, 0.0, _MOST_BLUR, xtol=1e-6)) if excess(_MOST_BLUR) > 0 else _MOST_BLUR


def _inverse_slope(width: float, blur: float) -> float:
    """Return one over the mean slope of straight walls, px, read as `wall_lines` reads it.

    Walls lie in several directions, at several places between the pixels: central differences shorten with the angle,
    and the mean of the four pixels around a point is less than what is at the point.
    """
    along = np.arange(0, _REACH + _STEP, _STEP)
    profile = blurred_wall(along, width, GaussianTransfer(_FULL_WIDTH * math.hypot(SMOOTHING, blur)))

    def wall(distance: Floats) -> Floats:
        return np.asarray(np.sign(distance) * np.interp(np.abs(distance), along, profile))

    place_y, place_x, angle = np.meshgrid(_PLACES, _PLACES, _ANGLES, indexing="ij")
    slope = np.zeros(angle.shape)
    for y in (0, 1):
        for x in (0, 1):
            from_wall = (y - place_y) * np.sin(angle) + (x - place_x) * np.cos(angle)
            steps = [(wall(from_wall + step) - wall(from_wall - step)) / 2 for step in (np.sin(angle), np.cos(angle))]
            slope += np.hypot(*steps) * np.abs((1 - y - place_y) * (1 - x - place_x))
    return 1 / float(slope.mean())
