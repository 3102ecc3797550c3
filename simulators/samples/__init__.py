"""Samples.

- `textures`: walls, stripes, helices, skyrmions, vortices, hopfions, hedgehogs, bobbers, labyrinths; analytic truth.
- `charges`: topological charges and fluxes that a magnetization holds.
- `multilayer`: a labyrinth as a film, a `Sample`.
- `superlattice_slab`: the nickel superlattice as an imaging experiment sees it, a `Sample`.
- `imported`: a third party's magnetization in the middle of a non-magnetic film.
"""
