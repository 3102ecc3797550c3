"""Where light leaves the mask: supports from the nominal drawing.

- `Holes`: the mask's holes as circles; `from_drawing` reads them off a measurement;
- `disc`: one circle as a mask; `Holes.object_mask`, `Holes.reference_masks`: with a margin.

Masks are centred, index ``n//2`` the origin.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

Array = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Circle:
    """A hole: centre (y, x) and radius, pixels from the origin."""

    y: float
    x: float
    radius: float


@dataclass(frozen=True)
class Holes:
    """The holes of a mask on the grid of a reconstruction.

    Attributes
    ----------
    n : int
        Pixels a side.
    objects, references : tuple of Circle
    """

    n: int
    objects: tuple[Circle, ...]
    references: tuple[Circle, ...]

    def object_mask(self, margin: float) -> Mask:
        """Return the object holes, wider by `margin` pixels, (n, n)."""
        mask = np.zeros((self.n, self.n), np.bool_)
        for circle in self.objects:
            mask |= disc(self.n, circle, margin)
        return mask

    def reference_masks(self, margin: float) -> list[Mask]:
        """Return one mask for each reference hole, wider by `margin` pixels; none overlaps the object or another."""
        taken = self.object_mask(margin)
        masks = []
        for circle in self.references:
            mask = disc(self.n, circle, margin) & ~taken
            taken |= mask
            masks.append(mask)
        return masks

    def support(self, object_margin: float, reference_margin: float) -> Mask:
        """Return all holes together."""
        mask = self.object_mask(object_margin)
        for circle in self.references:
            mask |= disc(self.n, circle, reference_margin)
        return mask


def from_drawing(measurement: xr.Dataset, pixel_size: float, *, object_scale: float = 1.0) -> Holes:
    """Read the holes off the nominal drawing of a `Measurement`, the object's diameter times `object_scale`.

    Raises
    ------
    ValueError
        If a hole does not fit the field.
    """
    n = measurement.sizes["x"]
    circles: dict[str, list[Circle]] = {"object": [], "reference": []}
    columns = (measurement[name].values for name in ("hole_y", "hole_x", "hole_diameter", "hole_kind"))
    for y, x, diameter, kind in zip(*columns, strict=True):
        scale = object_scale if str(kind) == "object" else 1.0
        circle = Circle(float(y / pixel_size), float(x / pixel_size), float(diameter / 2 / pixel_size) * scale)
        if max(abs(circle.y), abs(circle.x)) + circle.radius > n / 2:
            raise ValueError(
                f"Measurement.hole_x, hole_y: a hole at ({y:.4g}, {x:.4g}) m of {diameter:.4g} m; "
                f"allowed: inside the field of {n * pixel_size:.4g} m"
            )
        circles[str(kind)].append(circle)
    return Holes(n, tuple(circles["object"]), tuple(circles["reference"]))


def disc(n: int, circle: Circle, margin: float = 0.0) -> Mask:
    """Return the pixels whose centres lie within `circle`, wider by `margin` pixels, (n, n)."""
    index = np.arange(n) - n // 2
    square = (index - circle.y)[:, None] ** 2 + (index - circle.x)[None, :] ** 2
    return np.asarray(square <= max(circle.radius + margin, 0.0) ** 2)
