"""Pinning sites of domain walls, in images of several states of one sample.

- `sites`: where they are; `resting_walls`: where walls rest more than chance would have it;
- `kinds`: what they are, by the width of the walls that pass; `slopes`: that width by the slope of a wall.
"""

from validation.pinning.kinds import classify_pinning_sites, site_wall_widths
from validation.pinning.sites import find_pinning_sites

__all__ = ["classify_pinning_sites", "find_pinning_sites", "site_wall_widths"]
