"""Samples.

- `textures`: labyrinth domains with exact walls.
- `multilayer`: such a texture as a film, a `Sample`.
- `imported`: a third party's magnetization in the middle of a non-magnetic film.
"""
