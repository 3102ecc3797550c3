"""Domain walls: where they run, how wide they are, and what domains lie between them.

- `widths`: delta of one profile, and of all walls of an image; `maps`: along each wall; `local_widths`: near a point;
- `transfers`: what an instrument passes; `model`, `fits`, `kernels`: the profile of a wall and its fit;
- `contours`, `centres`, `noise`: profiles across walls, their centre lines, and what scatters them;
- `lines`: walls as lines, how steep and how bent; `domains`: period and contrast of a region;
- `checks`: what numbers and masks must be.
"""

from validation.walls.local_widths import local_wall_width
from validation.walls.maps import wall_width_map
from validation.walls.widths import MeanWallWidth, WallFit, fit_wall_width, mean_wall_width

__all__ = ["MeanWallWidth", "WallFit", "fit_wall_width", "local_wall_width", "mean_wall_width", "wall_width_map"]
