"""The nickel superlattice as geometry, without spins: nickel cast into close-packed silica spheres, cut to a block.

- `metalattice`: voxels and sites of a `Template`, a `Block` and an `Infiltration`;
- `Infiltration`: how the nickel went in: unfilled pores, dead layers, a cap;
- `Metalattice`: the result, with `magnet`, the solver's mask, and `features` for a sample.

The published sample: spheres of 60 nm (text) or 69 nm (supplement), a block 150 nm thick (Rana et al., Nat.
Nanotechnol. 18, 227 (2023), doi 10.1038/s41565-022-01311-0). The standard block is 480 x 480 x 150 nm in 2.5 nm voxels.
"""

import warnings
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import ConvexHull

from optics.grids import positions
from simulators.samples.block import Block, depth
from simulators.samples.lattice_sites import KINDS, Sites, find_sites, site_distances
from simulators.samples.metalattice_fill import Solids, VoxelShares, voxel_shares
from simulators.samples.sphere_packing import SpherePacking, Template, bulk_fill, hole_radius, hole_volume, pack

Array = NDArray[Any]
Lengths = tuple[float, float, float]

_SLACK = 1e-6  # of a voxel: a block this much larger than a number of voxels is not one more
_FACES = 8  # of an octahedral hole, the most


@dataclass(frozen=True)
class Infiltration:
    """How nickel fills the template; by default perfectly.

    Attributes
    ----------
    unfilled : float
        Share of the holes, octahedral and tetrahedral alike, that stay empty: drawn.
    dead_layer : float
        Thickness in m of oxide or ion damage under every surface of the nickel.
    dead_saturation : float
        Saturation magnetization there over the nickel's; at 0 the layer is no magnet.
    overfill : float
        Thickness in m of the solid nickel on top.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    unfilled: float = 0.0
    dead_layer: float = 0.0
    dead_saturation: float = 0.0
    overfill: float = 0.0

    def __post_init__(self) -> None:
        for name, unit, most in (("unfilled", "", 0.9), ("dead_saturation", "", 1.0)):
            if not 0 <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}{unit}; allowed: 0 to {most}")
        for name in ("dead_layer", "overfill"):
            if not (np.isfinite(getattr(self, name)) and getattr(self, name) >= 0):
                raise ValueError(f"{name} is {getattr(self, name)} m; allowed: 0 or more")


@dataclass(frozen=True, eq=False)
class Metalattice:
    """A block of the superlattice on a grid.

    Attributes
    ----------
    nickel : (z, y, x) float32 array
        Share of each voxel that is nickel, damaged or not.
    fill : (z, y, x) float32 array
        Share that is magnet: all nickel, or without the dead layer where that has no magnetization.
    saturation : (z, y, x) float32 array
        Mean saturation magnetization of that share over the nickel's; 0 where there is no magnet.
    silica : (z, y, x) float32 array
        Share that is silica.
    voxel_size : tuple of float
        (z, y, x), m.
    sites : Sites
        Holes and necks that lie at least partly in the block, in the coordinates of the grid.
    packing : SpherePacking
        The spheres, in the coordinates of the grid, some of them beyond the block.
    template, block, infiltration
        What was asked for.
    centre : tuple of float
        Middle of the block's box in the coordinates of the grid, (z, y, x) in m.
    fractions : dict
        ``nickel`` and ``magnet``: shares of the block with its cap, found; ``nickel_formula``, ``magnet_formula``: of
        an endless lattice with these radii and layers, so that a block of few cells differs by what its faces cut.
    """

    nickel: Array
    fill: Array
    saturation: Array
    silica: Array
    voxel_size: Lengths
    sites: Sites
    packing: SpherePacking
    template: Template
    block: Block
    infiltration: Infiltration
    centre: Lengths
    fractions: dict[str, float]

    @property
    def magnet(self) -> Array:
        """Voxels that the solver takes as magnet, at least half full: (z, y, x) bool."""
        return np.asarray(self.fill >= 0.5)

    def features(self) -> dict[str, Any]:
        """Return what a sample of this geometry knows of itself, fit for JSON: lengths in m, points (z, y, x)."""
        template = asdict(self.template) | {"orientation": self.template.rotation.tolist()}
        origin = np.add(self.centre, self.template.offset).tolist()
        template |= {
            "spacing": self.template.spacing,
            "lattice_constant": self.template.lattice_constant,
            "origin": origin,
            "layers": self.packing.layers,
        }
        template["offset"] = list(self.template.offset)
        return {
            "template": template,
            "block": asdict(self.block) | {"size": list(self.block.size), "centre": list(self.centre)},
            "infiltration": asdict(self.infiltration),
            "fractions": self.fractions | {"mask": float(self.magnet.sum() / self._voxels_in_block())},
            "sites": self.sites.columns(),
            "site_distances": site_distances(self.sites),
        }

    def _voxels_in_block(self) -> float:
        return self.block.volume(cap=self.infiltration.overfill) / float(np.prod(self.voxel_size))


def metalattice(
    template: Template | None = None,
    block: Block | None = None,
    infiltration: Infiltration | None = None,
    *,
    voxel_size: float | Lengths = 2.5e-9,
    view: Lengths | None = None,
    subsampling: int = 4,
    rng: np.random.Generator | None = None,
) -> Metalattice:
    """Cast nickel into close-packed spheres and cut a block out.

    Parameters
    ----------
    template : Template, optional
        The spheres; default touching, equal, 60 nm, face-centred cubic with [111] along z.
    block : Block, optional
        Default the standard block, 480 x 480 x 150 nm.
    infiltration : Infiltration, optional
        Default every hole full, no dead layer, no cap.
    voxel_size : float or tuple of float
        m, one or (z, y, x).
    view : tuple of float, optional
        Edges of the grid, (z, y, x) in m, rounded up to voxels; default the block with its cap, which lies in the
        middle of the view: its faces on voxel faces where the numbers allow it.
    subsampling : int
        Points along the edge of each voxel that a surface crosses.
    rng : numpy.random.Generator, optional
        Needed where something is drawn: a spread of diameters, stacking faults, unfilled holes.

    Returns
    -------
    Metalattice

    Raises
    ------
    ValueError
        If a value is impossible, or a voxel is larger than the radius of the tetrahedral holes.

    Warns
    -----
    UserWarning
        If a voxel is larger than the radius of the necks: the holes would be joined by chance.
    """
    template, block = template or Template(), block or Block()
    infiltration = infiltration or Infiltration()
    cell = _checked_cell(voxel_size, template)
    if infiltration.unfilled > 0 and rng is None:
        raise ValueError("rng is None; allowed with unfilled: a numpy Generator")
    if not 1 <= subsampling <= 64:
        raise ValueError(f"subsampling is {subsampling}; allowed: 1 to 64")
    axes, centre = _grid(block, infiltration.overfill, cell, view)
    half = np.array(block.size) / 2
    packing = pack(template, tuple(half), margin=2.5 * template.spacing, centre=centre, rng=rng)
    sites = _sites_in(block, find_sites(packing), centre)
    sites = _emptied(sites, infiltration.unfilled, rng)
    solids = _solids(packing, sites, block, infiltration, centre)
    shares = voxel_shares(solids, axes, subsampling=subsampling)
    fill, saturation = _magnet(shares, infiltration)
    fractions = _fractions(shares, fill) | _formula(template, packing, sites, block, infiltration, centre)
    return Metalattice(
        shares.nickel, fill, saturation, shares.silica, cell, sites, packing, template, block, infiltration, centre,
        fractions,
    )  # fmt: skip


def _checked_cell(voxel_size: float | Lengths, template: Template) -> Lengths:
    z, y, x = (float(size) for size in np.broadcast_to(np.asarray(voxel_size, np.float64), (3,)))
    largest, hole, neck = max(z, y, x), hole_radius(template, "tetrahedral"), hole_radius(template, "neck")
    if not 0 < min(z, y, x) <= largest <= hole:
        allowed = f"above 0, up to the tetrahedral holes' radius of {hole * 1e9:.3g} nm"
        raise ValueError(f"voxel_size is {largest * 1e9:.4g} nm; allowed: {allowed}")
    if largest > neck:
        sizes = f"voxel_size is {largest * 1e9:.3g} nm, larger than the necks' radius of {neck * 1e9:.3g} nm"
        warnings.warn(f"{sizes}: which holes are joined depends on the grid", stacklevel=3)
    return z, y, x


def _grid(block: Block, cap: float, cell: Lengths, view: Lengths | None) -> tuple[tuple[Array, Array, Array], Lengths]:
    """Return the voxel centres along z, y, x and where the middle of the block's box lies among them."""
    raised = cap / float(np.cos(block.wedge))
    box = np.add(block.size, (raised, 0, 0))
    edges = box if view is None else np.asarray(view, np.float64)
    if edges.shape != (3,) or not np.all(edges >= box * (1 - 1e-9)):
        raise ValueError(f"view is {view} m; allowed: (z, y, x) not below {tuple(float(edge) for edge in box)}")
    counts = [int(np.ceil(edge / size - _SLACK)) for edge, size in zip(edges, cell, strict=True)]
    z, y, x = (positions(n, size) for n, size in zip(counts, cell, strict=True))
    middle = [float(axis[0] + axis[-1]) / 2 for axis in (z, y, x)]
    return (z, y, x), (middle[0] - raised / 2, middle[1], middle[2])


def _sites_in(block: Block, sites: Sites, centre: Lengths) -> Sites:
    below = depth(block.planes, block.edge_radius, sites.position - np.asarray(centre))
    return replace(sites, depth=below).where(below > -np.maximum(sites.radius, 0))


def _emptied(sites: Sites, share: float, rng: np.random.Generator | None) -> Sites:
    if share == 0:
        return sites
    assert rng is not None
    inside = np.flatnonzero(sites.is_hole & (sites.depth > 0))
    return sites.with_empty(rng.choice(inside, round(share * inside.size), replace=False))


def _solids(packing: SpherePacking, sites: Sites, block: Block, infiltration: Infiltration, centre: Lengths) -> Solids:
    planes, top = block.with_cap(infiltration.overfill), block.planes[1]
    for rows in (planes, top):
        rows[..., 3] += rows[..., :3] @ np.asarray(centre)
    empty = np.flatnonzero(sites.is_hole & ~sites.filled)
    pores = [_faces(packing, sites.spheres[row], packing.spacing) for row in empty]
    if infiltration.overfill == 0:
        top = np.array([0.0, 0.0, 0.0, np.inf])  # no cap: spheres reach the face
    return Solids(
        planes=planes,
        edge_radius=block.edge_radius,
        top=top,
        centres=packing.centres,
        radii=packing.radii,
        empty=np.array(pores).reshape(-1, _FACES, 4),
        pore_centres=sites.position[empty],
        pore_reach=packing.spacing / np.sqrt(2),
        dead_layer=infiltration.dead_layer,
    )


def _faces(packing: SpherePacking, spheres: Array, spacing: float) -> Array:
    """Planes (normal, offset) of the polyhedron of a hole's spheres, padded to eight."""
    faces = np.tile((0.0, 0.0, 0.0, np.inf), (_FACES, 1))
    equations = ConvexHull(packing.centres[spheres[spheres >= 0]] / spacing).equations
    faces[: len(equations)] = equations * (1, 1, 1, -spacing)
    return faces


def _magnet(shares: VoxelShares, infiltration: Infiltration) -> tuple[Array, Array]:
    """Return the magnetic share of each voxel and its relative saturation magnetization."""
    if infiltration.dead_layer == 0 or infiltration.dead_saturation == 0:
        return shares.live, (shares.live > 0).astype(np.float32)
    damaged = shares.nickel - shares.live
    moment = shares.live + np.float32(infiltration.dead_saturation) * damaged
    return shares.nickel, moment / np.maximum(shares.nickel, np.finfo(np.float32).tiny)


def _fractions(shares: VoxelShares, fill: Array) -> dict[str, float]:
    total = shares.block.sum(dtype=np.float64)
    found = {"nickel": shares.nickel, "magnet": fill}
    return {name: float(share.sum(dtype=np.float64) / total) for name, share in found.items()}


def _formula(
    template: Template, packing: SpherePacking, sites: Sites, block: Block, infiltration: Infiltration, centre: Lengths
) -> dict[str, float]:
    """Return the expected shares: bulk formula times the block's volume, less the empty holes, plus the cap."""
    cap, dead = infiltration.overfill, infiltration.dead_layer
    total = block.volume(cap=cap)
    kept = 1 - _empty_share(template, sites)
    lattice = block.volume()
    inside = depth(block.planes, block.edge_radius, packing.centres - np.asarray(centre))
    weights = np.clip(0.5 + inside / template.diameter, 0, 1)  # a sphere counts by what the block has of it
    nickel = (lattice * bulk_fill(packing, weights=weights) * kept + total - lattice) / total
    magnet = nickel
    if dead > 0 and infiltration.dead_saturation == 0:
        open_share = bulk_fill(packing, growth=dead, weights=weights)
        # Under a thick cap the lattice's top is no surface, and the spheres cut there have a dead layer above them.
        lattice, solid = block.volume(cap=min(cap, dead), shrink=dead), 0.0
        if cap > dead:
            solid = block.volume(cap=cap, shrink=dead) - lattice
            solid *= 1 - (1 - open_share) * min(dead / (cap - dead), 1)
        magnet = (lattice * open_share * kept + solid) / total
    return {"nickel_formula": float(nickel), "magnet_formula": float(magnet)}


def _empty_share(template: Template, sites: Sites) -> float:
    """Return the share of the nickel that the empty ones among the holes in the block would hold."""
    volumes = np.array([hole_volume(template, kind) for kind in KINDS[:2]])
    inside = sites.is_hole & (sites.depth > 0)
    held = volumes[sites.kind[inside]]
    return float(held[~sites.filled[inside]].sum() / held.sum()) if inside.any() else 0.0
