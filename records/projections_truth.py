"""The record `Truth` of kind ``"projections"``: the volumes that a reconstruction is scored against.

- `make`: assemble one;
- `check`: raise one line on what is wrong.

=======================  =======================================  =====================================================
variable                 dims                                     holds
=======================  =======================================  =====================================================
``magnetization``        (component, z, y, x)                     float32 mean of the fine grid, weighted by the fill
``fill``                 (z, y, x)                                float32 fill fraction of the magnet, 0..1
``charge``               (z, y, x)                                float32 absorption beta
``voxel_size``           ()                                       m
``fine_magnetization``   (component, fz, fy, fx)                  float32 unit vectors inside the magnet, 0 outside
``fine_magnet``          (fz, fy, fx)                             float32 fill fraction, 0..1
``fine_voxel_size``      ()                                       m
``rotation``             (projection, row, column)                from sample coordinates (x, y, z) to those of the beam
``shift``                (projection, image_axis)                 px: where the sample's origin lies from index n//2
``flux``                 (helicity, projection)                   incident, relative
``changed``              (series)                                 int8, 1 where a series saw another texture
``optical_density``      (helicity, projection, image_y,          float32 without noise, optional
                         image_x)
=======================  =======================================  =====================================================

Coordinates: ``component`` = (x, y, z); ``z``, ``y``, ``x``, those of the fine grid and those of the images, whose pixel
is the voxel, in m with zero at index ``n//2``. Attributes: ``kind``, ``setup`` and ``features`` of the sample (JSON).
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from records.checks import (
    SCHEMA,
    Layout,
    Variable,
    assemble,
    check_json_attributes,
    check_kind,
    check_layout,
    check_names,
    check_unit_vectors,
    coordinate,
    json_text,
    number,
    require,
    scalar,
    variable,
)
from records.coordinates import centred_coordinate, check_helicity
from records.projections_volume import (
    GEOMETRY,
    GRID,
    LABELS,
    check_cubes,
    check_rotations,
    check_volume,
    volume_coordinates,
)

_FINE = ("fz", "fy", "fx")
_IMAGE = ("image_y", "image_x")

VOLUMES: Final[dict[str, Variable]] = {
    "magnetization": Variable((("component", *GRID),), units="1"),
    "fill": Variable((GRID,), units="1", minimum=0.0, maximum=1.0),
    "charge": Variable((GRID,), units="1"),
    "fine_magnetization": Variable((("component", *_FINE),), units="1"),
    "fine_magnet": Variable((_FINE,), units="1", minimum=0.0, maximum=1.0),
}
"""Layout of the volumes, all float32; `make` takes them by these names."""

PROJECTIONS: Final[dict[str, Variable]] = {
    **GEOMETRY,
    "flux": Variable((("helicity", "projection"),), units="1", positive=True),
    "optical_density": Variable((("helicity", "projection", *_IMAGE),), units="1", optional=True),
}
"""Layout of what each projection has; `make` takes them by these names."""

NOTES: Final = ("setup", "features")
"""Attributes that hold JSON text."""

LAYOUT: Final = Layout(
    record="truth",
    variables={
        **LABELS,
        "helicity": Variable((("helicity",),), "int"),
        **{dim: Variable(((dim,),), units="m") for dim in _FINE},
        **{dim: Variable(((dim,),), units="m", optional=True) for dim in _IMAGE},
        **VOLUMES,
        "voxel_size": number("m", positive=True),
        "fine_voxel_size": number("m", positive=True),
        **PROJECTIONS,
        "changed": Variable((("series",),), "int", minimum=0, maximum=1),
    },
    attributes=("kind", *NOTES),
)

_ROUNDING: Final = 1e-3  # of lengths, as of unit vectors


def make(
    *,
    volumes: Mapping[str, ArrayLike],
    voxel_size: float,
    fine_voxel_size: float,
    projections: Mapping[str, ArrayLike],
    changed: ArrayLike,
    notes: Mapping[str, Mapping[str, Any]],
) -> xr.Dataset:
    """Assemble a `Truth` of kind ``"projections"`` and check it.

    Parameters
    ----------
    volumes : mapping
        ``magnetization`` (3, nz, ny, nx), ``fill`` and ``charge`` (nz, ny, nx) at the scored resolution;
        ``fine_magnetization`` (3, fz, fy, fx) and ``fine_magnet`` (fz, fy, fx) as simulated.
    voxel_size, fine_voxel_size : float
        m.
    projections : mapping
        ``rotation`` (projections, 3, 3), ``shift`` (projections, 2) in px along (y, x), ``flux`` (2, projections) of
        helicity +1 and -1 and, optionally, ``optical_density`` (2, projections, ny, nx) of any number of pixels.
    changed : (series,) array
        1 where a series saw another texture, else 0.
    notes : mapping
        ``setup`` and ``features`` of the sample; must fit into JSON.

    Returns
    -------
    Dataset
        The record.

    Raises
    ------
    RecordError
        If the parts do not make a truth.
    """
    check_names("Truth volumes", volumes, VOLUMES)
    check_names("Truth projections", projections, PROJECTIONS)
    require(set(notes) == set(NOTES), "Truth notes", f"found {sorted(notes)}", str(sorted(NOTES)))
    variables: dict[str, Any] = {
        name: variable(VOLUMES[name].dims[0], values, "1", np.float32) for name, values in volumes.items()
    }
    for name, values in projections.items():
        dtype = np.float32 if name == "optical_density" else np.float64
        variables[name] = variable(PROJECTIONS[name].dims[0], values, PROJECTIONS[name].units, dtype)
    variables |= {"voxel_size": scalar(voxel_size, "m"), "fine_voxel_size": scalar(fine_voxel_size, "m")}
    variables["changed"] = variable(("series",), changed, None, np.int8)
    coords = volume_coordinates(variables["fill"].shape, voxel_size, variables["rotation"].shape[0])
    coords["helicity"] = coordinate("helicity", np.array([1, -1]))
    grids: list[tuple[tuple[str, ...], tuple[int, ...], float]] = [
        (_FINE, variables["fine_magnet"].shape, fine_voxel_size)
    ]
    if "optical_density" in variables:
        grids.append((_IMAGE, variables["optical_density"].shape[2:], voxel_size))
    for dims, shape, step in grids:
        coords |= {dim: centred_coordinate(dim, n, step) for dim, n in zip(dims, shape, strict=True)}
    attrs: dict[str, Any] = {"record": "truth", "schema": SCHEMA, "kind": "projections"}
    attrs |= {name: json_text(dict(notes[name])) for name in NOTES}
    dataset = assemble("Truth", variables, coords, attrs)
    check(dataset)
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete `Truth` of kind ``"projections"``.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_layout(dataset, LAYOUT)
    check_kind(dataset, LAYOUT, "projections")
    check_volume(dataset, LAYOUT)
    check_cubes(dataset, LAYOUT, _FINE, "fine_voxel_size")
    check_helicity(dataset, LAYOUT)
    require(dataset.sizes["helicity"] == 2, "Truth.helicity", "one", "[1, -1]")
    if "optical_density" in dataset:
        present = all(dim in dataset.coords for dim in _IMAGE)
        require(present, "Truth.optical_density", "without coordinates", f"{_IMAGE} in m")
        check_cubes(dataset, LAYOUT, _IMAGE, "voxel_size")
    check_rotations(dataset, LAYOUT)
    _check_vectors(dataset)
    check_json_attributes(dataset, LAYOUT, dict.fromkeys(NOTES, dict))


def _check_vectors(dataset: xr.Dataset) -> None:
    """Check the fine unit vectors, and that a mean over a voxel is no longer than its fill."""
    fine = dataset["fine_magnet"].values > 0
    require(bool(fine.any()), "Truth.fine_magnet", "0 everywhere", "a magnet")
    check_unit_vectors("Truth.fine_magnetization", dataset["fine_magnetization"].values, fine)
    vectors = dataset["magnetization"].values
    length = np.sqrt(np.einsum("c...,c...->...", vectors, vectors, dtype=np.float64))
    excess = float((length - dataset["fill"].values).max())
    require(excess < _ROUNDING, "Truth.magnetization", f"longer than the fill by {excess:.3g}", "lengths up to it")
