"""Spin textures with analytic truth, by name; no solver.

- `wall`, `kittel_wall`, `stripes`, `kittel_stripes`, `helix` (`texture_walls`);
- `skyrmion`, `vortex`, `hopfion` (`texture_solitons`);
- `hedgehog`, `hedgehog_pair`, `bobber` (`texture_points`);
- `labyrinth` (`labyrinth`): random worm domains of a film;
- `texture_sample`, `TEXTURES`: any of the functions as a `Sample` (`texture_samples`).

Functions take coordinates (z, y, x) in m, of shapes that broadcast, and give float64 unit vectors (3, ...), component
(x, y, z): of length 1 everywhere, at singular points too.
"""

from simulators.samples.labyrinth import labyrinth
from simulators.samples.texture_points import bobber, hedgehog, hedgehog_pair
from simulators.samples.texture_samples import TEXTURES, texture_sample
from simulators.samples.texture_solitons import hopfion, skyrmion, vortex
from simulators.samples.texture_walls import helix, kittel_stripes, kittel_wall, stripes, wall

__all__ = [
    "TEXTURES",
    "bobber",
    "hedgehog",
    "hedgehog_pair",
    "helix",
    "hopfion",
    "kittel_stripes",
    "kittel_wall",
    "labyrinth",
    "skyrmion",
    "stripes",
    "texture_sample",
    "vortex",
    "wall",
]
