"""The background of an optical density: what the vacuum or the membrane round the sample says of it.

- `harmonic_background`: Laplace's equation inside the sample, the exterior as boundary; of one image;
- `plan_background`, `Background`: the same for many images of one outline, factorised once;
- `smoothed_exterior` is what the boundary values are: local quadratics, so no harmonic polynomial up to the second
  degree is bent at the rim of the sample.

Where the outline comes from: `exterior.find_exterior`. After Yang et al., Nature 592, 60 (2021). Take it off both
helicities before their difference.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse
from scipy.sparse import linalg

Array = NDArray[Any]

_POWERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
"""Of y and x, the terms of a local quadratic."""
_REACH = 4  # standard deviations of the window
_RIDGE = 1e-10  # of the weight: strips one pixel wide say nothing of the slope across them


def harmonic_background(image: Array, *, exterior: Array, smooth: float = 2.0) -> Array:
    """Return the background that the exterior continues into the sample without sources.

    Exact for constants, ramps, ``x² - y²`` and ``xy``. Of a bowl ``c r²`` the fill of a disc of radius R is ``c R²``:
    the error is ``c R²`` in the middle.

    Parameters
    ----------
    image : (Y, X) float array
        Optical density of one helicity.
    exterior : (Y, X) bool array
        Where there is no sample.
    smooth : float
        Standard deviation of the window in which the exterior is smoothed, px.

    Returns
    -------
    (Y, X) float64 array
        Inside the solution, outside the smoothed exterior.

    Raises
    ------
    ValueError
        As `plan_background` and `Background.of` do.
    """
    return plan_background(exterior, smooth=smooth).of(image)


@dataclass(frozen=True)
class Background:
    """Laplace's equation inside one outline, factorised.

    Attributes
    ----------
    exterior : (Y, X) bool array
    smooth : float
        px.
    combination : (6, Y, X) float64 array
        How the value of the local quadratic follows from the six moments of the exterior round a pixel.
    coupling : (inside, Y X) sparse array
        From the exterior to the equations of the inside.
    factors : object with `solve`, or None
        Of the Laplacian among the inside pixels; None where all is exterior.
    """

    exterior: Array
    smooth: float
    combination: Array
    coupling: Any
    factors: Any

    def of(self, image: Array) -> Array:
        """Return the background (Y, X) float64 of an image of this outline.

        Parameters
        ----------
        image : (Y, X) float array
            What it holds inside the outline does not matter.

        Raises
        ------
        ValueError
            If the shape differs, or the exterior holds values that are not finite.
        """
        if image.shape != self.exterior.shape:
            raise ValueError(f"image has shape {image.shape}; allowed: that of exterior, {self.exterior.shape}")
        outside = np.where(self.exterior, image, 0).astype(np.float64)
        if not np.isfinite(outside).all():
            raise ValueError(
                f"image has {np.sum(~np.isfinite(outside))} values outside that are not finite; allowed: 0"
            )
        result = self._smoothed(outside)
        if self.factors is not None:
            result[~self.exterior] = self.factors.solve(self.coupling @ result.ravel())
        return result

    def _smoothed(self, outside: Array) -> Array:
        # The level is taken off first: the moments would lose a small texture on a high level.
        level = float(outside[self.exterior].mean())
        outside = np.where(self.exterior, outside - level, 0)
        sums = sum(
            weight * _moment(outside, powers, self.smooth)
            for weight, powers in zip(self.combination, _POWERS, strict=True)
        )
        return np.where(self.exterior, sums + level, 0)


def plan_background(exterior: Array, *, smooth: float = 2.0) -> Background:
    """Factorise Laplace's equation inside one outline; for all images that share it.

    Five points; the values of the exterior's pixels next to the outline are given, and where the sample meets the
    frame nothing flows across it.

    Parameters
    ----------
    exterior : (Y, X) bool array
    smooth : float
        px, positive.

    Raises
    ------
    ValueError
        If there is no exterior, it is no image of bools, or the window is not positive.
    """
    if exterior.ndim != 2 or exterior.dtype != np.bool_:
        raise ValueError(f"exterior is {exterior.dtype} of {exterior.ndim} axes; allowed: bool of 2")
    if not exterior.any():
        raise ValueError("exterior has no pixel; allowed: from 1")
    if not smooth > 0:
        raise ValueError(f"smooth is {smooth:.4g} px; allowed: positive")
    laplacian = _laplacian(exterior.shape)
    inside = np.flatnonzero(~exterior)
    rows = laplacian[inside]
    factors = _factorised(rows[:, inside]) if inside.size else None
    return Background(exterior, smooth, _combination(exterior, smooth), -rows, factors)


def _factorised(matrix: Any) -> Any:
    return linalg.splu(
        matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", options={"SymmetricMode": True}, diag_pivot_thresh=0.0
    )


def _laplacian(shape: tuple[int, ...]) -> Any:
    """Return minus the five-point Laplacian on the frame, nothing flowing across its rim, (Y X, Y X) sparse."""
    parts = []
    for n in shape:
        slope = sparse.diags_array([-np.ones(n - 1), np.ones(n - 1)], offsets=[0, 1], shape=(n - 1, n))
        parts.append(slope.T @ slope)
    ones = [sparse.eye_array(n) for n in shape]
    return (sparse.kron(parts[0], ones[1]) + sparse.kron(ones[0], parts[1])).tocsr()


def _moment(image: Array, powers: tuple[int, int], smooth: float) -> Array:
    """Return the sum over a Gaussian window round each pixel of the image times ``(y/s)^a (x/s)^b``."""
    reach = max(int(np.ceil(_REACH * smooth)), 1)
    away = np.arange(-reach, reach + 1) / smooth
    window = np.exp(-0.5 * away**2)
    for axis, power in enumerate(powers):
        image = ndimage.correlate1d(image, window * away**power, axis=axis, mode="constant")
    return np.asarray(image)


def _combination(exterior: Array, smooth: float) -> Array:
    """Return the first row of the inverse of each exterior pixel's normal matrix, (6, Y, X)."""
    outside = exterior.astype(np.float64)
    moments = {(a, b): _moment(outside, (a, b), smooth)[exterior] for a in range(5) for b in range(5 - a)}
    normal = np.empty((int(exterior.sum()), len(_POWERS), len(_POWERS)))
    for i, first in enumerate(_POWERS):
        for j, second in enumerate(_POWERS):
            normal[:, i, j] = moments[first[0] + second[0], first[1] + second[1]]
    normal += _RIDGE * moments[0, 0][:, None, None] * np.eye(len(_POWERS))
    value = np.zeros((len(_POWERS), 1))
    value[0] = 1
    result = np.zeros((len(_POWERS), *exterior.shape))
    result[:, exterior] = np.linalg.solve(normal, value[None])[..., 0].T
    return result
