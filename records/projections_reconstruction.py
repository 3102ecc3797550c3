"""The record `Reconstruction` of kind ``"projections"``: the volumes that a method made of many projections.

- `make`: assemble one;
- `check`: raise one line on what is wrong.

=======================  =========================  ===================================================================
variable                 dims                       holds
=======================  =========================  ===================================================================
``magnetization``        (component, z, y, x)       float32, weighted by the fill: its length is the fill fraction where
                                                    the magnet is saturated
``fill``                 (z, y, x)                  float32 fill fraction of the magnet, 0..1
``charge``               (z, y, x)                  float32 absorption beta
``voxel_size``           ()                         m
``rotation``             (projection, row, column)  from sample coordinates (x, y, z) to those of the beam, as used
``shift``                (projection, image_axis)   px: where the sample's origin lies from index n//2 of the image
``used``                 (projection)               int8, 0 for a projection that was left out
``residual``             (projection)               relative, optional
``history``              (iteration)                error of the solver, optional
``noise``                ()                         relative, as found or told, optional
``operator_norm``        ()                         largest eigenvalue of the normal operator, optional
``step``                 ()                         of the solver, optional
``pair_shift``           (projection, image_axis)   px, of helicity -1 on +1, optional
``background_range``     (projection)               optical density, optional
``mass_drift``           (projection)               relative change of the sum over an image, optional
``series_residual``      (series)                   of a series in the joint fit over that in its own, optional
``coverage``             (z, y, x)                  float32 least eigenvalue of the directions by frequency, centred;
                                                    optional
``spread``               (component, z, y, x)       float32 standard deviation over draws, optional
``flag``                 (flag_name)                int8, 1 where the method distrusts its result, optional
``flag_value``           (flag_name)                the number behind each flag, optional
=======================  =========================  ===================================================================

Coordinates: ``component`` = (x, y, z); ``z``, ``y``, ``x`` in m with zero at index ``n//2``; ``image_axis`` = (y, x).
Attributes: ``kind``, ``method``, ``knowledge`` and ``gauge`` (JSON lists), ``parameters`` (JSON).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from records.checks import (
    SCHEMA,
    Layout,
    Variable,
    assemble,
    check_kind,
    check_layout,
    coordinate,
    number,
    require,
    variable,
)
from records.method_results import METHOD, check_method_attributes, given, method_attributes, result_variables
from records.projections_volume import GEOMETRY, GRID, LABELS, check_rotations, check_volume, volume_coordinates

_PROJECTION = (("projection",),)
_VOLUME = (GRID,)
_VECTORS = (("component", *GRID),)

RESULTS: Final[dict[str, Variable]] = {
    "magnetization": Variable(_VECTORS, units="1"),
    "fill": Variable(_VOLUME, units="1", minimum=0.0, maximum=1.0),
    "charge": Variable(_VOLUME, units="1"),
    "voxel_size": number("m", positive=True),
    **GEOMETRY,
    "used": Variable(_PROJECTION, "int", minimum=0, maximum=1),
    "residual": Variable(_PROJECTION, units="1", minimum=0.0, optional=True),
    "history": Variable((("iteration",),), units="1", optional=True),
    "noise": Variable(((),), units="1", minimum=0.0, optional=True),
    "operator_norm": number("1", positive=True, optional=True),
    "step": number("1", positive=True, optional=True),
    "pair_shift": Variable((("projection", "image_axis"),), units="px", optional=True),
    "background_range": Variable(_PROJECTION, units="1", minimum=0.0, optional=True),
    "mass_drift": Variable(_PROJECTION, units="1", optional=True),
    "series_residual": Variable((("series",),), units="1", minimum=0.0, optional=True),
    "coverage": Variable(_VOLUME, units="1", optional=True),
    "spread": Variable(_VECTORS, units="1", minimum=0.0, optional=True),
}
"""Layout of everything a method may return but its flags; `make` takes values by these names, in these units."""

LAYOUT: Final = Layout(
    record="reconstruction",
    variables={
        **LABELS,
        **RESULTS,
        "flag_name": Variable((("flag_name",),), "text", optional=True),
        "flag": Variable((("flag_name",),), "int", minimum=0, maximum=1, optional=True),
        "flag_value": Variable((("flag_name",),), units="1", optional=True),
    },
    attributes=("kind", *METHOD),
)

_DTYPES: Final[dict[str, Any]] = {
    **dict.fromkeys(("magnetization", "fill", "charge", "coverage", "spread"), np.float32),
    "used": np.int8,
}


def make(
    *,
    method: str,
    results: Mapping[str, ArrayLike | None],
    flags: Mapping[str, tuple[bool, float]] | None = None,
    knowledge: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    gauge: Sequence[str] = (),
) -> xr.Dataset:
    """Assemble a `Reconstruction` of kind ``"projections"`` and check it.

    Parameters
    ----------
    method : str
        Name of the method.
    results : mapping
        Values by the names of `RESULTS`, in their units. None leaves a value out.
    flags : mapping, optional
        Name of a flag to (raised, the number behind it).
    knowledge : sequence of str
        What the method was told.
    parameters : mapping, optional
        Its hyper-parameters; must fit into JSON.
    gauge : sequence of str
        Names of the gauge freedoms found from the data.

    Returns
    -------
    Dataset
        The record.

    Raises
    ------
    RecordError
        If the parts do not make a reconstruction.
    """
    found = given(results, sorted(RESULTS))
    for name, wanted in RESULTS.items():
        require(wanted.optional or name in found, f"Reconstruction.{name}", "missing", "it among the results")
    variables = result_variables(found, RESULTS, _DTYPES)
    size = float(variables["voxel_size"].values)
    coords = volume_coordinates(variables["fill"].shape, size, variables["used"].size)
    if flags:
        coords["flag_name"] = coordinate("flag_name", list(flags))
        raised, numbers = zip(*flags.values(), strict=True)
        variables["flag"] = variable(("flag_name",), raised, None, np.int8)
        variables["flag_value"] = variable(("flag_name",), numbers, "1", np.float64)
    attrs = {"record": "reconstruction", "schema": SCHEMA, "kind": "projections"}
    attrs |= method_attributes(method, knowledge, parameters, gauge)
    dataset = assemble("Reconstruction", variables, coords, attrs)
    check(dataset)
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete reconstruction; variables beyond the record's are let through.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_layout(dataset, LAYOUT)
    check_kind(dataset, LAYOUT, "projections")
    check_volume(dataset, LAYOUT)
    check_rotations(dataset, LAYOUT)
    if "flag_name" in dataset.dims:
        require("flag_name" in dataset.coords, "Reconstruction.flag_name", "coordinate missing", "it to be present")
    check_method_attributes(dataset, LAYOUT)
