"""Where the holes of a holography mask are: as drawn, and as made.

- `Hole`, `Drawing`: positions and diameters;
- `draw`: the nominal drawing, by a rule from the object hole, the field and the number of references;
- `fabricate`: the true mask, a few nanometres off the drawing, shifted as a whole.

The rule. The autocorrelation of the mask must fit the field, so all holes lie in a square of just under half the field
a side. The object hole sits in one corner of it, the references at least 1.5 hole diameters from its centre (the edge
of the object's own autocorrelation is at one diameter), nearest first, as far apart as their number allows. So all
references are on one side of the object, and an FTH image never meets the twin of another.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_BOX = 0.4555  # side of the mask in fields: room for interpolation between detector pixels, see reconstructors.ewald
_CLEARANCE = 1.5  # least distance of a reference in hole diameters
_SPREAD = 1.08  # separation of references, in hole diameters, at which their images do not overlap
_LEAST_SEPARATION = 120e-9


@dataclass(frozen=True)
class Hole:
    """A hole: centre (y, x) and diameter in m; kind "object" or "reference"."""

    y: float
    x: float
    diameter: float
    kind: str


@dataclass(frozen=True)
class Drawing:
    """All holes of a mask, the object hole first."""

    holes: tuple[Hole, ...]

    @property
    def object_hole(self) -> Hole:
        """The object hole."""
        return self.holes[0]

    @property
    def references(self) -> tuple[Hole, ...]:
        """The reference holes."""
        return self.holes[1:]

    @property
    def reference_distance(self) -> float:
        """Mean distance of the references from the object hole, m; its diameter without references."""
        distances = [np.hypot(h.y - self.object_hole.y, h.x - self.object_hole.x) for h in self.references]
        return float(np.mean(distances)) if distances else self.object_hole.diameter


def draw(
    *,
    hole_diameter: float,
    field: float,
    references: int,
    reference_diameters: tuple[float, float],
    rng: np.random.Generator,
) -> Drawing:
    """Return the nominal drawing.

    Parameters
    ----------
    hole_diameter, field : float
        Object hole and field of the reconstruction, m.
    references : int
        Number of reference holes, 0 allowed.
    reference_diameters : tuple of float
        Least and largest, m; all between occur, in random order.
    rng : numpy.random.Generator
        Order of the diameters and a jitter of the positions, outwards.

    Raises
    ------
    ValueError
        If the holes do not fit the field.
    """
    if not hole_diameter > 0:
        raise ValueError(f"hole_diameter is {hole_diameter} m; allowed: above 0")
    box = _BOX * field
    if hole_diameter > box:
        raise ValueError(
            f"hole larger than the field allows: hole_diameter is {hole_diameter:.4g} m; allowed: up to {box:.4g} m, "
            f"just under half the field of {field:.4g} m"
        )
    if references < 0:
        raise ValueError(f"references is {references}; allowed: from 0")
    if not 0 < reference_diameters[0] <= reference_diameters[1] < hole_diameter:
        raise ValueError(f"reference_diameters is {reference_diameters} m; allowed: ascending, smaller than the hole")
    corner = -box / 2 + hole_diameter / 2
    centre = np.array([corner, corner])
    places = _places(centre, box, hole_diameter, references, reference_diameters[1])
    diameters = rng.permutation(np.linspace(*reference_diameters, references))
    jitter = rng.uniform(0, 0.03 * hole_diameter, references)
    outward = (places - centre) / np.maximum(np.linalg.norm(places - centre, axis=1, keepdims=True), 1e-12)
    limit = box / 2 - 0.6 * reference_diameters[1]
    places = np.clip(places + outward * jitter[:, None], -limit, limit)
    holes = [Hole(corner, corner, hole_diameter, "object")]
    holes += [Hole(float(y), float(x), float(d), "reference") for (y, x), d in zip(places, diameters, strict=True)]
    return Drawing(tuple(holes))


def _places(centre: Array, box: float, hole: float, count: int, largest: float) -> Array:
    """Choose the references' places, nearest first.

    If there is room, the images of the object that they make do not overlap. If there is not, one reference stands
    alone, so that one image is clear, and the others share what is left at the widest separation that holds them all.
    """
    if count == 0:
        return np.empty((0, 2))
    limit = box / 2 - 0.75 * largest
    side = np.linspace(-limit, limit, 161) if limit > 0 else np.empty(0)
    candidates = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    distance = np.linalg.norm(candidates - centre, axis=1)
    allowed = distance >= _CLEARANCE * hole
    candidates, distance = candidates[allowed], distance[allowed]
    candidates = candidates[np.lexsort((candidates[:, 0], np.round(distance / (0.02 * hole))))]
    apart = _SPREAD * hole
    chosen = _greedy(candidates, apart, count)
    if len(chosen) == count:
        return chosen
    if len(candidates):
        alone = candidates[np.argmin(np.abs(candidates[:, 0] - centre[0]) - candidates[:, 1])]
        rest = candidates[np.linalg.norm(candidates - alone, axis=1) >= apart]
        for separation in np.arange(apart, _LEAST_SEPARATION, -0.01 * hole):
            chosen = _greedy(rest, float(separation), count - 1)
            if len(chosen) == count - 1:
                return np.concatenate([alone[None], chosen])
    raise ValueError(
        f"{count} references do not fit: the field leaves a square of {box:.4g} m beside a hole of {hole:.4g} m; "
        "allowed: fewer references, a smaller hole or a larger field"
    )


def _greedy(candidates: Array, separation: float, count: int) -> Array:
    chosen: list[Array] = []
    free = np.ones(len(candidates), bool)
    while len(chosen) < count and free.any():
        place = candidates[np.argmax(free)]
        chosen.append(place)
        free &= np.linalg.norm(candidates - place, axis=1) >= separation
    return np.array(chosen).reshape(-1, 2)


def fabricate(
    drawing: Drawing,
    *,
    position_error: float,
    diameter_error: float,
    shift: tuple[float, float],
    rng: np.random.Generator,
) -> Drawing:
    """Return the mask as made: every hole a little off, all of them shifted together.

    Parameters
    ----------
    drawing : Drawing
    position_error, diameter_error : float
        rms errors of each hole's coordinates and diameter, m.
    shift : tuple of float
        Common shift (y, x), m.
    rng : numpy.random.Generator
    """
    return Drawing(
        tuple(
            replace(
                hole,
                y=hole.y + shift[0] + position_error * float(rng.standard_normal()),
                x=hole.x + shift[1] + position_error * float(rng.standard_normal()),
                diameter=max(hole.diameter + diameter_error * float(rng.standard_normal()), 0.5 * hole.diameter),
            )
            for hole in drawing.holes
        )
    )
