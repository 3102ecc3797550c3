"""The record `Reconstruction`: what a method made of a measurement.

- `make`: assemble one;
- `check`: raise one line on what is wrong.

========================  ====================  =======================================================================
variable                  dims                  holds
========================  ====================  =======================================================================
``m_z``                   (y, x)                float32, absolute; 0 outside of the object's support
``object_support``        (y, x)                bool
``pixel_size``            ()                    m
``wavelength``            ()                    m
``exit_wave``             (helicity, y, x)      complex64, optional
``reference_support``     (y, x)                bool, optional
``intensity``             (helicity, y, x)      float32 photons on the uniform grid of q: the prepared data, optional
``valid``                 (y, x)                bool, where ``intensity`` was measured, optional
``model_intensity``       (helicity, y, x)      float32 photons as the method explains them, optional
``history``               (iteration)           error of the solver, optional
``focus``                 ()                    from the mask's exit to the middle of the film along +z, m, optional
``visibility``            ()                    optional
``reference_distance``    ()                    m, optional
``coherence_length``      (axis)                (y, x) in m, optional
``coherence_kernel``      (ky, kx)              blur of the pattern, sum 1, optional
``flag``                  (flag_name)           int8, 1 where the method distrusts its result, optional
``flag_value``            (flag_name)           the number behind each flag, optional
========================  ====================  =======================================================================

Coordinates ``y``, ``x`` of the exit plane in m. Spectral images (``intensity``, ``valid``, ``model_intensity``) are
centred and share the dims. Attributes: ``method``, ``knowledge`` and ``gauge`` (JSON lists), ``parameters`` (JSON).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from records.checks import (
    SCHEMA,
    Layout,
    Variable,
    assemble,
    check_layout,
    coordinate,
    number,
    require,
    variable,
)
from records.coordinates import centred_coordinate, check_pixels
from records.method_results import METHOD, check_method_attributes, given, method_attributes, result_variables

_IMAGE = (("y", "x"),)
_STACK = (("helicity", "y", "x"),)

RESULTS: dict[str, Variable] = {
    "m_z": Variable(_IMAGE, units="1"),
    "object_support": Variable(_IMAGE, "bool"),
    "pixel_size": number("m", positive=True),
    "wavelength": number("m", positive=True),
    "exit_wave": Variable(_STACK, "complex", optional=True),
    "reference_support": Variable(_IMAGE, "bool", optional=True),
    "intensity": Variable(_STACK, units="photon", optional=True),
    "valid": Variable(_IMAGE, "bool", optional=True),
    "model_intensity": Variable(_STACK, units="photon", optional=True),
    "history": Variable((("iteration",),), units="1", optional=True),
    "focus": number("m", optional=True),
    "visibility": number("1", optional=True),
    "reference_distance": number("m", positive=True, optional=True),
    "coherence_length": Variable((("axis",),), units="m", positive=True, optional=True),
    "coherence_kernel": Variable((("ky", "kx"),), units="1", optional=True),
    "flag": Variable((("flag_name",),), "int", minimum=0, maximum=1, optional=True),
    "flag_value": Variable((("flag_name",),), units="1", optional=True),
}
"""Layout of everything a method may return, by name; `make` takes values by these names, in these units."""

LAYOUT = Layout(
    record="reconstruction",
    variables={
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        "helicity": Variable((("helicity",),), "int", optional=True),
        "axis": Variable((("axis",),), "text", optional=True),
        "flag_name": Variable((("flag_name",),), "text", optional=True),
        **RESULTS,
    },
    attributes=METHOD,
)

_DTYPES: dict[str, Any] = {
    "m_z": np.float32,
    "exit_wave": np.complex64,
    "intensity": np.float32,
    "model_intensity": np.float32,
    "object_support": np.bool_,
    "reference_support": np.bool_,
    "valid": np.bool_,
}


def make(
    *,
    method: str,
    results: Mapping[str, ArrayLike],
    flags: Mapping[str, tuple[bool, float]] | None = None,
    knowledge: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    gauge: Sequence[str] = (),
) -> xr.Dataset:
    """Assemble a `Reconstruction` and check it.

    Parameters
    ----------
    method : str
        Name of the method.
    results : mapping
        Values by the names of `RESULTS` but the flags; ``m_z``, ``object_support``, ``pixel_size`` and ``wavelength``
        are required. None leaves a value out.
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
    allowed = [name for name in RESULTS if not name.startswith("flag")]
    found = given(results, allowed)
    for name in allowed:
        require(RESULTS[name].optional or name in found, f"Reconstruction.{name}", "missing", "it among the results")
    variables = result_variables(found, RESULTS, _DTYPES)
    ny, nx = variables["m_z"].shape
    pixel = float(variables["pixel_size"].values)
    coords = {"y": centred_coordinate("y", ny, pixel), "x": centred_coordinate("x", nx, pixel)}
    dims = {dim for part in variables.values() for dim in part.dims}
    if "helicity" in dims:
        coords["helicity"] = coordinate("helicity", np.array([1, -1]))
    if "axis" in dims:
        coords["axis"] = coordinate("axis", ["y", "x"])
    if flags:
        coords["flag_name"] = coordinate("flag_name", list(flags))
        raised, numbers = zip(*flags.values(), strict=True)
        variables["flag"] = variable(("flag_name",), raised, None, np.int8)
        variables["flag_value"] = variable(("flag_name",), numbers, "1", np.float64)
    attrs = {"record": "reconstruction", "schema": SCHEMA}
    attrs |= method_attributes(method, knowledge, parameters, gauge)
    dataset = assemble("Reconstruction", variables, coords, attrs)
    check(dataset)
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete `Reconstruction`; variables beyond the record's are let through.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_layout(dataset, LAYOUT)
    check_pixels(dataset, LAYOUT, "pixel_size")
    outside = np.count_nonzero(dataset["m_z"].values[~dataset["object_support"].values])
    require(outside == 0, "Reconstruction.m_z", f"{outside} values outside of object_support", "0 there")
    for name in ("helicity", "axis", "flag_name"):
        needed = name in dataset.dims
        require(
            not needed or name in dataset.coords, f"Reconstruction.{name}", "coordinate missing", "it to be present"
        )
    check_method_attributes(dataset, LAYOUT)
