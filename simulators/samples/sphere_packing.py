"""Close-packed spheres: the template that a metalattice is a cast of.

- `Template`: what is asked for: diameter, overlap, spread, orientation, stacking faults;
- `pack`: the spheres of a template around a block, a `SpherePacking`;
- `hole_radius`: radius of a hole or neck between equal spheres;
- `bulk_fill`: share of space between the spheres, `hole_volume`: that of one hole, by formula from their radii.

Points are (z, y, x) in m; rotations act on (x, y, z).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Array = NDArray[Any]

_CIRCUMRADIUS = {"octahedral": np.sqrt(2), "tetrahedral": np.sqrt(1.5), "neck": 2 / np.sqrt(3)}
"""Distance from a hole's centre to those of its spheres, in touching radii."""

_ORIENTATIONS = {
    # Rows are the block's x, y, z in the cube's axes; in "111" the layers lie in the plane, close-packed rows along x.
    "100": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "110": ((1, -1, 0), (0, 0, -1), (1, 1, 0)),
    "111": ((1, -1, 0), (1, 1, -2), (1, 1, 1)),
}
_LARGEST_SPREAD = 0.05
_CLIP = 3.0  # standard deviations at which drawn diameters are cut off
_TOUCHING = 1e-6


@dataclass(frozen=True)
class Template:
    """Silica spheres in close packing.

    Attributes
    ----------
    diameter : float
        Mean diameter of the spheres, m. The superlattice's paper says 60 nm in its text, 69 nm in its supplement.
    overlap : float
        Sphere radius over touching radius: the centres of neighbours are ``diameter/overlap`` apart. Above 1 the
        spheres have sintered together, below 1 they stand apart; at ``2/sqrt(3)`` the necks between them close.
    spread : float
        Standard deviation of the diameters over their mean, drawn from the normal distribution cut off at three
        deviations; the centres stay where they are. At most 0.05, as published.
    orientation : str or (3, 3) array
        Crystal direction along z, "100", "110" or "111" (close-packed layers in the plane, rows of touching spheres
        along x), or the rotation that takes the cube's axes to the block's (x, y, z). The paper does not say how its
        block was cut; films of such spheres grow with "111" upright.
    offset : tuple of float
        Where a sphere's centre sits, from the block's centre, (z, y, x) in m.
    stacking_fault : float
        Probability, for each layer along the crystal's [111], that the next layer repeats the one before (ABA): 0 is
        face-centred cubic, 1 hexagonal close packing, between them the mixture of the published template.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    diameter: float = 60e-9
    overlap: float = 1.0
    spread: float = 0.0
    orientation: str | tuple[tuple[float, float, float], ...] = "111"
    offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
    stacking_fault: float = 0.0

    def __post_init__(self) -> None:
        if not (np.isfinite(self.diameter) and self.diameter > 0):
            raise ValueError(f"diameter is {self.diameter} m; allowed: above 0")
        if not 0.8 <= self.overlap < _CIRCUMRADIUS["neck"]:
            raise ValueError(f"overlap is {self.overlap}; allowed: 0.8 to below 1.1547, where the necks close")
        if not 0 <= self.spread <= _LARGEST_SPREAD:
            raise ValueError(f"spread is {self.spread}; allowed: 0 to {_LARGEST_SPREAD}")
        if not 0 <= self.stacking_fault <= 1:
            raise ValueError(f"stacking_fault is {self.stacking_fault}; allowed: 0 to 1")
        if len(self.offset) != 3 or not np.isfinite(self.offset).all():
            raise ValueError(f"offset is {self.offset}; allowed: three finite lengths (z, y, x) in m")
        rotation = self.rotation
        if not (np.allclose(rotation @ rotation.T, np.eye(3), atol=1e-6) and np.linalg.det(rotation) > 0):
            raise ValueError(f"orientation is {self.orientation}; allowed: 100, 110, 111 or a (3, 3) rotation")

    @property
    def rotation(self) -> Array:
        """Rotation from the cube's axes to the block's, (3, 3), both (x, y, z)."""
        if not isinstance(self.orientation, str):
            rotation = np.asarray(self.orientation, np.float64)
            return rotation if rotation.shape == (3, 3) else np.zeros((3, 3))
        if self.orientation not in _ORIENTATIONS:
            raise ValueError(f"orientation is {self.orientation!r}; allowed: 100, 110, 111 or a (3, 3) rotation")
        rows = np.array(_ORIENTATIONS[self.orientation], np.float64)
        return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))

    @property
    def spacing(self) -> float:
        """Distance between the centres of neighbours, m."""
        return self.diameter / self.overlap

    @property
    def lattice_constant(self) -> float:
        """Edge of the face-centred cubic cell, m."""
        return self.spacing * float(np.sqrt(2))

    @property
    def is_random(self) -> bool:
        """Whether the packing is drawn."""
        return self.spread > 0 or 0 < self.stacking_fault < 1


@dataclass(frozen=True, eq=False)
class SpherePacking:
    """Spheres as they lie.

    Attributes
    ----------
    centres : (n, 3) float64 array
        (z, y, x) in m.
    radii : (n,) float64 array
        m.
    spacing : float
        Distance between the centres of neighbours, m.
    layers : str
        The stacking along the crystal's [111], such as "ABCABA", from below.
    """

    centres: Array
    radii: Array
    spacing: float
    layers: str


def hole_radius(template: Template, kind: str) -> float:
    """Return the radius in m of the largest ball in an "octahedral" or "tetrahedral" hole or a "neck".

    Between touching spheres of radius R that is 0.414 R, 0.225 R and 0.155 R.
    """
    return float(_CIRCUMRADIUS[kind] * template.spacing / 2 - template.diameter / 2)


def pack(
    template: Template,
    half_size: tuple[float, float, float],
    *,
    margin: float,
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0),
    rng: np.random.Generator | None = None,
) -> SpherePacking:
    """Return all spheres whose centres lie in a box or less than `margin` beyond its faces.

    Parameters
    ----------
    template : Template
    half_size : tuple of float
        Half the edges of the box, (z, y, x) in m.
    margin : float
        m.
    centre : tuple of float
        Of the box, (z, y, x) in m; the template's offset counts from it.
    rng : numpy.random.Generator, optional
        Needed for a spread of diameters or stacking faults.

    Raises
    ------
    ValueError
        If the template is random and there is no `rng`.
    """
    if template.is_random and rng is None:
        raise ValueError("rng is None; allowed with spread or stacking_fault: a numpy Generator")
    half = np.asarray(half_size) + margin
    offset = np.asarray(template.offset)
    reach = float(np.linalg.norm(half) + np.linalg.norm(offset)) + template.spacing
    upright, layers = _layers(template, reach, rng)
    # Rows of the "111" orientation are the axes in which layers are stacked along z.
    stacked = _ORIENTATIONS["111"]
    to_cube = np.array([np.asarray(row) / np.linalg.norm(row) for row in stacked]).T
    centres = (upright @ (template.rotation @ to_cube).T)[:, ::-1] + offset
    centres = centres[np.all(np.abs(centres) <= half, axis=1)]
    scale = np.ones(len(centres))
    if template.spread > 0:
        assert rng is not None
        scale += template.spread * np.clip(rng.standard_normal(len(centres)), -_CLIP, _CLIP)
    return SpherePacking(centres + np.asarray(centre), scale * template.diameter / 2, template.spacing, layers)


def _layers(template: Template, reach: float, rng: np.random.Generator | None) -> tuple[Array, str]:
    """Return centres (x, y, z) within `reach` of the origin, layers along z and a sphere at the origin, and letters."""
    d = template.spacing
    height, row, shift = d * np.sqrt(2 / 3), d * np.sqrt(3) / 2, d / np.sqrt(3)
    count = int(np.ceil(reach / height))
    flips = np.zeros(2 * count + 1, bool)
    if template.stacking_fault > 0:
        flips[:] = template.stacking_fault == 1 if rng is None else rng.random(flips.size) < template.stacking_fault
    steps = np.where(np.cumsum(flips) % 2 == 0, 1, -1)
    letters = np.concatenate(([0], np.cumsum(steps[:-1])))
    letters = (letters - letters[count]) % 3
    rows = int(np.ceil(reach / row)) + 1
    columns = int(np.ceil(reach / d)) + rows // 2 + 1
    j, i = np.meshgrid(np.arange(-rows, rows + 1), np.arange(-columns, columns + 1), indexing="ij")
    plane = np.stack([(i + 0.5 * j) * d, j * row], axis=-1).reshape(-1, 2)
    centres = []
    for layer, letter in zip(range(-count, count + 1), letters, strict=True):
        # The three positions A, B, C lie along y, as the hollows of a layer whose rows run along x do.
        points = np.column_stack([np.add(plane, (0, shift * letter)), np.full(len(plane), layer * height)])
        centres.append(points[np.linalg.norm(points, axis=1) <= reach])
    return np.concatenate(centres), "".join("ABC"[letter] for letter in letters)


def bulk_fill(packing: SpherePacking, *, growth: float = 0.0, weights: Array | None = None) -> float:
    """Return the share of space outside of all spheres, by formula: balls less the lenses where neighbours overlap.

    Taken over the spheres with twelve neighbours. Exact while no three spheres overlap; not a number beyond.

    Parameters
    ----------
    packing : SpherePacking
    growth : float
        m by which all radii are larger.
    weights : (n,) array, optional
        How much each sphere counts.
    """
    radii = packing.radii + growth
    if radii.mean() >= _CIRCUMRADIUS["neck"] * packing.spacing / 2:
        return float("nan")
    pairs = neighbours(packing)
    count = np.bincount(pairs.ravel(), minlength=radii.size)
    overlap = np.zeros(radii.size)
    lenses = _lens_volume(radii[pairs[:, 0]], radii[pairs[:, 1]], packing.spacing)
    for column in (0, 1):
        overlap += np.bincount(pairs[:, column], lenses / 2, minlength=radii.size)
    taken = 4 / 3 * np.pi * radii**3 - overlap
    share = (np.ones(radii.size) if weights is None else weights) * (count == 12)
    return float(1 - taken @ share / share.sum() / (packing.spacing**3 / np.sqrt(2)))


def hole_volume(template: Template, kind: str) -> float:
    """Return the volume in m3 between the spheres round an "octahedral" or "tetrahedral" hole, up to its necks.

    The polyhedron of the sphere centres less the sectors of the balls at its corners, plus the lenses at its edges.
    """
    d, radius = template.spacing, template.diameter / 2
    lens = float(_lens_volume(np.array(radius), np.array(radius), d))
    if kind == "octahedral":
        volume, corners, edges = np.sqrt(2) / 3 * d**3, 6 * 4 * np.arcsin(1 / 3), 12 * np.arccos(-1 / 3)
    else:
        volume, corners, edges = d**3 / (6 * np.sqrt(2)), 4 * np.arccos(23 / 27), 6 * np.arccos(1 / 3)
    return float(volume - corners * radius**3 / 3 + edges / (2 * np.pi) * lens)


def neighbours(packing: SpherePacking) -> Array:
    """Return the (n, 2) indices of all pairs of spheres one spacing apart."""
    tree = cKDTree(packing.centres)
    pairs = tree.query_pairs(packing.spacing * (1 + _TOUCHING), output_type="ndarray")
    return np.asarray(pairs[np.lexsort(pairs.T[::-1])])


def _lens_volume(first: Array, second: Array, distance: float) -> Array:
    """Volume common to two balls `distance` apart."""
    depth = np.maximum(first + second - distance, 0)
    squares = distance**2 + 2 * distance * (first + second) - 3 * (first - second) ** 2
    return np.asarray(np.pi * depth**2 * squares / (12 * distance))
