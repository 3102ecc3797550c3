"""The centre lines of walls: profiles found by contours, moved onto the walls that are fitted to them.

- `centred_profiles`: profiles of an image, each with its origin on the centre line.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from validation.walls.contours import WallProfiles, resampled, wall_profiles
from validation.walls.fits import fit_profiles
from validation.walls.model import WallModel
from validation.walls.noise import averaged

Array = NDArray[Any]


def centred_profiles(
    image: Array, *, pixel_size: float, model: WallModel, average: int, half_window: float, mask: Array | None
) -> WallProfiles:
    """Sample an image across its walls, the origins on the centre line.

    The line is fitted to averages of `average` neighbours. Where a fit fails the contour stays.

    Raises
    ------
    ValueError
        As `validation.walls.contours.wall_profiles`.
    """
    found = wall_profiles(image, pixel_size=pixel_size, mask=mask, half_window=half_window)
    fits = fit_profiles(found.position, averaged(found, average)[0], model=model, gains=False)
    near = fits.converged & (np.abs(fits.centre) < half_window / 3)
    return resampled(found, image, pixel_size=pixel_size, centre=np.where(near, fits.centre, 0.0))
