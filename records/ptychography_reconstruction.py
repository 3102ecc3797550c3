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

from records.checks import (
    SCHEMA,
    Layout,
    Variable,
    assemble,
    check_even,
    check_json,
    check_layout,
    coordinate,
    json_text,
    number,
    require,
    variable,
)
from records.ptychography import HELICITIES

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
    attributes=("kind", "method", "knowledge", "parameters", "gauge"),
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
    given = {name: value for name, value in results.items() if value is not None}
    unknown = sorted(set(given) - set(RESULTS))
    require(not unknown, "Reconstruction results", f"unknown {unknown}", f"names among {sorted(RESULTS)}")
    variables = {
        name: variable(RESULTS[name].dims[0], value, RESULTS[name].units, _DTYPES.get(name, np.float64))
        for name, value in given.items()
    }
    coords = {
        "helicity": coordinate("helicity", np.array(helicity, dtype=np.int64)),
        "y": coordinate("y", np.asarray(coordinates[0], dtype=np.float64), "m"),
        "x": coordinate("x", np.asarray(coordinates[1], dtype=np.float64), "m"),
    }
    attrs = {
        "record": "reconstruction",
        "schema": SCHEMA,
        "kind": "ptychography",
        "method": method,
        "knowledge": json_text(list(knowledge)),
        "parameters": json_text(dict(parameters or {})),
        "gauge": json_text(list(gauge)),
    }
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
    kind = dataset.attrs["kind"]
    require(kind == "ptychography", "Reconstruction.kind", f"found {kind!r}", "'ptychography'")
    pixel = float(dataset["pixel_size"])
    for dim in ("y", "x"):
        step = check_even(f"Reconstruction.{dim}", dataset[dim])
        agrees = step is None or abs(step - pixel) < 1e-6 * pixel
        require(agrees, f"Reconstruction.{dim}", f"step {step} m", f"pixel_size, {pixel} m")
    helicity = dataset["helicity"].values.tolist()
    require(helicity in HELICITIES, "Reconstruction.helicity", f"found {helicity}", "[1, -1], [1] or [-1]")
    for name, sort in (("knowledge", list), ("parameters", dict), ("gauge", list)):
        check_json(f"Reconstruction.{name}", dataset.attrs[name], sort)
