"""What truth and reconstruction of kind ``"projections"`` share: a volume of vectors, and where it was seen from.

- `GRID`, `LABELS`, `volume_coordinates`, `check_volume`, `check_cubes`: the voxels;
- `GEOMETRY`, `check_rotations`: rotation and shift of each projection.
"""

from typing import Any, Final

import numpy as np
import xarray as xr

from records.checks import Layout, Variable, coordinate, require
from records.coordinates import centred_coordinate, check_coordinate, check_step

GRID: Final = ("z", "y", "x")

COMPONENTS: Final = ["x", "y", "z"]
IMAGE_AXES: Final = ["y", "x"]

LABELS: Final[dict[str, Variable]] = {
    "component": Variable((("component",),), "text"),
    "image_axis": Variable((("image_axis",),), "text"),
    "projection": Variable((("projection",),), "int"),
    **{dim: Variable(((dim,),), units="m") for dim in GRID},
}
"""Layout of the coordinates."""

GEOMETRY: Final[dict[str, Variable]] = {
    "rotation": Variable((("projection", "row", "column"),), units="1"),
    "shift": Variable((("projection", "image_axis"),), units="px"),
}
"""Layout of what places each projection."""

_ORTHOGONAL: Final = 1e-6


def volume_coordinates(shape: tuple[int, ...], voxel_size: float, projections: int) -> dict[str, Any]:
    """Return the coordinates of `LABELS` for voxels (z, y, x) with their origin at index ``n//2``."""
    return {
        "component": coordinate("component", COMPONENTS),
        "image_axis": coordinate("image_axis", IMAGE_AXES),
        "projection": coordinate("projection", np.arange(projections)),
        **{dim: centred_coordinate(dim, n, voxel_size) for dim, n in zip(GRID, shape, strict=True)},
    }


def check_volume(dataset: xr.Dataset, layout: Layout) -> None:
    """Check the labels of a record, and that its voxels are cubes of ``voxel_size``.

    Raises
    ------
    RecordError
        At the first thing that is wrong.
    """
    for dim, labels in (("component", COMPONENTS), ("image_axis", IMAGE_AXES)):
        found = [str(label) for label in dataset[dim].values]
        require(found == labels, f"{layout.title}.{dim}", f"found {found}", str(labels))
    numbered = np.array_equal(dataset["projection"].values, np.arange(dataset.sizes["projection"]))
    require(numbered, f"{layout.title}.projection", "not numbered in order", "0, 1, 2, ...")
    check_cubes(dataset, layout, GRID, "voxel_size")


def check_cubes(dataset: xr.Dataset, layout: Layout, dims: tuple[str, ...], source: str) -> None:
    """Check that coordinates are centred and their steps are the scalar `source`.

    Raises
    ------
    RecordError
        At the first that is wrong.
    """
    for dim in dims:
        name = f"{layout.title}.{dim}"
        check_step(name, check_coordinate(name, dataset[dim]), float(dataset[source]), source)


def check_rotations(dataset: xr.Dataset, layout: Layout) -> None:
    """Check that each projection has a rotation: orthogonal, and no reflection.

    Raises
    ------
    RecordError
        At the first that is none.
    """
    name, matrices = f"{layout.title}.rotation", dataset["rotation"].values
    require(matrices.shape[1:] == (3, 3), name, f"shape {matrices.shape}", "(projections, 3, 3)")
    off = np.abs(np.einsum("pij,pkj->pik", matrices, matrices) - np.eye(3)).max(axis=(1, 2))
    worst = int(np.argmax(off))
    require(off[worst] < _ORTHOGONAL, name, f"projection {worst} is off by {off[worst]:.3g}", "orthogonal matrices")
    mirrored = np.flatnonzero(np.linalg.det(matrices) < 0)
    require(mirrored.size == 0, name, f"a reflection in projection {mirrored[:1].tolist()}", "rotations")
