"""The record `Reconstruction` of kind ``"ptychography"``: what a method made of one projection.

- `make`: assemble one;
- `check`: raise one line on what is wrong.

==============================  =========================  =========================================================
variable                        dims                       holds
==============================  =========================  =========================================================
``object``                      (helicity, y, x)           complex64 transmission
``probe``                       (helicity, mode, py, px)   complex64 modes in units of photon^1/2
``pixel_size``                  ()                         of object and probe, m
``wavelength``                  ()                         m
``position_y``, ``position_x``  (helicity, position)       refined centre of the probe on the object, m
``flux``                        (helicity, position)       found incident flux over that of the probe, optional
``frame_error``                 (helicity, position)       what the model leaves of a frame, 0 where it was left out;
                                                           optional
``corrupt``                     (helicity, position)       int8: 0 for a frame that was used, else why not; optional
``history``                     (helicity, iteration)      error of the solver, optional
``charge``, ``magnetic``        (y, x)                     float32 half sum and half difference of the optical
                                                           densities -ln|object|^2, optional
``background``                  (detector_y, detector_x)   float32 photons, optional
==============================  =========================  =========================================================

Coordinates: ``helicity``, +1 and -1 or one of them; ``y`` and ``x`` in m, the sample coordinates of the positions.
Attributes: ``kind``, ``method``, ``knowledge`` and ``gauge`` (JSON lists), ``parameters`` (JSON).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from records.checks import SCHEMA, Layout, Variable, assemble, check_kind, check_layout, number
from records.coordinates import check_even, check_helicity, check_pixels, object_coordinates
from records.method_results import METHOD, check_method_attributes, given, method_attributes, result_variables

_FRAME = (("helicity", "position"),)
_IMAGE = (("y", "x"),)

RESULTS: Final[dict[str, Variable]] = {
    "object": Variable((("helicity", "y", "x"),), "complex", units="1"),
    "probe": Variable((("helicity", "mode", "py", "px"),), "complex", units="photon^1/2"),
    "pixel_size": number("m", positive=True),
    "wavelength": number("m", positive=True),
    "position_y": Variable(_FRAME, units="m"),
    "position_x": Variable(_FRAME, units="m"),
    "flux": Variable(_FRAME, units="1", minimum=0.0, optional=True),
    "frame_error": Variable(_FRAME, units="1", minimum=0.0, optional=True),
    "corrupt": Variable(_FRAME, "int", minimum=0, optional=True),
    "history": Variable((("helicity", "iteration"),), units="1", optional=True),
    "charge": Variable(_IMAGE, units="1", optional=True),
    "magnetic": Variable(_IMAGE, units="1", optional=True),
    "background": Variable((("detector_y", "detector_x"),), units="photon", optional=True),
}
"""Layout of everything a method may return, by name; `make` takes values by these names, in these units."""

LAYOUT: Final = Layout(
    record="reconstruction",
    variables={
        "helicity": Variable((("helicity",),), "int"),
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        **RESULTS,
    },
    attributes=("kind", *METHOD),
)

_DTYPES: Final[dict[str, Any]] = {
    "object": np.complex64,
    "probe": np.complex64,
    "corrupt": np.int8,
    "charge": np.float32,
    "magnetic": np.float32,
    "background": np.float32,
}


def make(
    *,
    method: str,
    results: Mapping[str, ArrayLike | None],
    coordinates: tuple[ArrayLike, ArrayLike],
    helicity: Sequence[int] = (1, -1),
    knowledge: Sequence[str] = (),
    parameters: Mapping[str, Any] | None = None,
    gauge: Sequence[str] = (),
) -> xr.Dataset:
    """Assemble a `Reconstruction` of kind ``"ptychography"`` and check it.

    Parameters
    ----------
    method : str
        Name of the method.
    results : mapping
        Values by the names of `RESULTS`, in their units. None leaves a value out.
    coordinates : (Y,) and (X,) arrays
        Of the object's pixels in m, evenly spaced, the sample coordinates of the positions.
    helicity : sequence of int
        (1, -1), (1,) or (-1,), in the order of the first axis.
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
    variables = result_variables(given(results, sorted(RESULTS)), RESULTS, _DTYPES)
    attrs = {"record": "reconstruction", "schema": SCHEMA, "kind": "ptychography"}
    attrs |= method_attributes(method, knowledge, parameters, gauge)
    dataset = assemble("Reconstruction", variables, object_coordinates(helicity, coordinates), attrs)
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
    check_kind(dataset, LAYOUT, "ptychography")
    check_pixels(dataset, LAYOUT, "pixel_size", spacing=check_even)
    check_helicity(dataset, LAYOUT)
    check_method_attributes(dataset, LAYOUT)
