"""The record `Sample`: a magnetization of which every spin is known.

- `make`: assemble one from arrays;
- `check`: raise one line on what is wrong;
- `voxel_size`: cell sizes (z, y, x).

=============================  ======================  ====================================================
variable                       dims                    holds
=============================  ======================  ====================================================
``magnetization``              (component, z, y, x)    float32 unit vectors inside the magnet, 0 outside
``magnet``                     (z, y, x)               float32 fill fraction, 0..1
``voxel_size``                 (axis)                  cell sizes (z, y, x), m
``saturation_magnetization``   (z, y, x) or ()         A/m; absent where the file did not say
=============================  ======================  ====================================================

Coordinates ``z``, ``y``, ``x`` are cell centres in m with zero at index ``n//2``. Attributes: ``origin`` (where the
sample comes from: ``"analytic"``, ``"file"``, ...) and ``features`` (JSON text of known lengths in m and the like).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from records.checks import (
    SCHEMA,
    Layout,
    Variable,
    assemble,
    check_json,
    check_layout,
    check_unit_vectors,
    coordinate,
    json_text,
    require,
    variable,
)
from records.coordinates import centred_coordinate, check_coordinate, check_step

_GRID = ("z", "y", "x")

LAYOUT = Layout(
    record="sample",
    variables={
        "component": Variable((("component",),), "text"),
        "axis": Variable((("axis",),), "text"),
        "z": Variable((("z",),), units="m"),
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        "magnetization": Variable((("component", *_GRID),)),
        "magnet": Variable((_GRID,), minimum=0.0, maximum=1.0),
        "voxel_size": Variable((("axis",),), units="m", positive=True),
        "saturation_magnetization": Variable(((), _GRID), units="A/m", minimum=0.0, optional=True),
    },
    attributes=("origin", "features"),
)


def make(
    *,
    magnetization: NDArray[Any],
    voxel_size: float | tuple[float, float, float],
    magnet: ArrayLike | None = None,
    saturation_magnetization: ArrayLike | None = None,
    origin: str = "analytic",
    features: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Assemble a `Sample` and check it.

    Parameters
    ----------
    magnetization : (3, nz, ny, nx) array
        Components (x, y, z) of unit vectors; 0 outside the magnet.
    voxel_size : float or tuple of float
        Cell size in m, one or (z, y, x).
    magnet : (nz, ny, nx) array, optional
        Fill fraction, 0..1; default 1 wherever the magnetization is not zero.
    saturation_magnetization : float or (nz, ny, nx) array, optional
        A/m.
    origin : str
        Where the sample comes from.
    features : mapping, optional
        Known features, such as ``{"wall_width": 5.1e-9}``; must fit into JSON.

    Returns
    -------
    Dataset
        The record.

    Raises
    ------
    RecordError
        If the parts do not make a sample.
    """
    require(magnetization.ndim == 4, "Sample.magnetization", f"shape {magnetization.shape}", "(3, nz, ny, nx)")
    require(magnetization.shape[0] == 3, "Sample.magnetization", f"{magnetization.shape[0]} components", "3")
    fill = np.any(magnetization != 0, axis=0) if magnet is None else magnet
    sizes = np.broadcast_to(np.asarray(voxel_size, dtype=np.float64), (3,))
    variables: dict[str, Any] = {
        "magnetization": variable(("component", *_GRID), magnetization, "1", np.float32),
        "magnet": variable(_GRID, fill, "1", np.float32),
        "voxel_size": variable(("axis",), sizes, "m"),
    }
    if saturation_magnetization is not None:
        field = np.asarray(saturation_magnetization)
        dims = () if field.ndim == 0 else _GRID
        variables["saturation_magnetization"] = variable(dims, field, "A/m", np.float64 if not dims else np.float32)
    coords: dict[str, Any] = {
        dim: centred_coordinate(dim, n, step)
        for dim, n, step in zip(_GRID, magnetization.shape[1:], sizes, strict=True)
    }
    coords |= {"component": coordinate("component", ["x", "y", "z"]), "axis": coordinate("axis", list(_GRID))}
    attrs = {"record": "sample", "schema": SCHEMA, "origin": origin, "features": json_text(dict(features or {}))}
    dataset = assemble("Sample", variables, coords, attrs)
    check(dataset)
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete `Sample`.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_layout(dataset, LAYOUT)
    for dim, labels in (("component", ["x", "y", "z"]), ("axis", list(_GRID))):
        found = [str(label) for label in dataset[dim].values]
        require(found == labels, f"Sample.{dim}", f"found {found}", str(labels))
    for dim, size in zip(_GRID, voxel_size(dataset), strict=True):
        check_step(f"Sample.{dim}", check_coordinate(f"Sample.{dim}", dataset[dim]), size, "voxel_size")
    inside = dataset["magnet"].values > 0
    require(bool(inside.any()), "Sample.magnet", "0 everywhere", "a magnet")
    check_unit_vectors("Sample.magnetization", dataset["magnetization"].values, inside)
    check_json("Sample.features", dataset.attrs["features"], dict)
    if "saturation_magnetization" in dataset:
        moments = np.broadcast_to(dataset["saturation_magnetization"].values, inside.shape)
        least = float(moments[inside].min())
        require(least > 0, "Sample.saturation_magnetization", f"{least:g} A/m", "values greater than 0 in the magnet")


def voxel_size(dataset: xr.Dataset) -> tuple[float, float, float]:
    """Return the cell sizes (z, y, x) in m."""
    z, y, x = (float(size) for size in dataset["voxel_size"].values)
    return z, y, x
