"""The record `Truth` of kind ``"ptychography"``: what the reconstruction of one projection is scored against.

- `make`: assemble one; the share of the modes and the two images follow from the object and the probe;
- `check`: raise one line on what is wrong.

==============================  ==========================  ========================================================
variable                        dims                        holds
==============================  ==========================  ========================================================
``object``                      (helicity, y, x)            complex64 transmission in projection, band-limited, at
                                                            the pixel of the reconstruction
``probe``                       ([helicity,] mode, py, px)  complex64 at the same pixel, orthogonal modes; the sum of
                                                            its squared modulus is the photons of a frame
``mode_power``                  (mode)                      share of each mode, sum 1
``position_y``, ``position_x``  (helicity, position)        true centre of the probe on the object, m
``flux``                        (helicity, position)        true incident flux over that of the probe
``fault``                       (helicity, position)        int8: 0 for a good frame, else a kind of ``fault_kinds``
``defocus``                     (helicity, position)        true, m, > 0: sample downstream of the focus; optional
``magnet``                      (y, x)                      float32 0..1, share of the column that is magnet; optional
``charge``, ``magnetic``        (y, x)                      float32 half sum and half difference of the optical
                                                            densities -ln|object|^2; where there are two helicities
``background``                  (detector_y, detector_x)    float32 photons that do not come from the sample plane,
                                                            optional
==============================  ==========================  ========================================================

Coordinates: ``helicity``, +1 and -1 or one of them; ``y`` and ``x`` in m, the sample coordinates of the positions.
Attributes: ``kind``, ``setup`` (JSON text of the true optics), ``fault_kinds`` (JSON text: number to name) and, where
there are some, ``features`` of the sample (JSON text).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from records.checks import (
    SCHEMA,
    Layout,
    Variable,
    assemble,
    check_json_attributes,
    check_kind,
    check_layout,
    check_names,
    json_text,
    require,
    variable,
)
from records.coordinates import check_even, check_helicity, object_coordinates

_FRAME = (("helicity", "position"),)
_IMAGE = (("y", "x"),)
_STACK = (("helicity", "y", "x"),)

FRAMES: Final[dict[str, Variable]] = {
    "position_y": Variable(_FRAME, units="m"),
    "position_x": Variable(_FRAME, units="m"),
    "flux": Variable(_FRAME, units="1", minimum=0.0),
    "fault": Variable(_FRAME, "int", minimum=0),
    "defocus": Variable(_FRAME, units="m", optional=True),
}
"""Layout of what each frame has one value of; `make` takes them by these names, in these units."""

IMAGES: Final[dict[str, Variable]] = {
    "magnet": Variable(_IMAGE, units="1", minimum=0.0, maximum=1.0, optional=True),
    "background": Variable((("detector_y", "detector_x"),), units="photon", minimum=0.0, optional=True),
}
"""Layout of the images that `make` takes by these names."""

NOTES: Final = ("setup", "fault_kinds", "features")
"""Attributes that hold JSON text."""

LAYOUT: Final = Layout(
    record="truth",
    variables={
        "helicity": Variable((("helicity",),), "int"),
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        "object": Variable(_STACK, "complex", units="1"),
        "probe": Variable((("mode", "py", "px"), ("helicity", "mode", "py", "px")), "complex", units="photon^1/2"),
        "mode_power": Variable((("mode",),), units="1", minimum=0.0, maximum=1.0),
        **FRAMES,
        **IMAGES,
        "charge": Variable(_IMAGE, units="1", optional=True),
        "magnetic": Variable(_IMAGE, units="1", optional=True),
    },
    attributes=("kind", "setup", "fault_kinds"),
    optional_attributes=("features",),
)


def make(
    *,
    object_: ArrayLike,
    probe: ArrayLike,
    coordinates: tuple[ArrayLike, ArrayLike],
    frames: Mapping[str, ArrayLike],
    images: Mapping[str, ArrayLike],
    notes: Mapping[str, Mapping[str, Any]],
    helicity: Sequence[int] = (1, -1),
) -> xr.Dataset:
    """Assemble a `Truth` of kind ``"ptychography"`` and check it.

    Parameters
    ----------
    object_ : (helicities, Y, X) complex array
        Transmission of the sample.
    probe : (modes, n, n) or (helicities, modes, n, n) complex array
        Orthogonal modes in units of photon^1/2.
    coordinates : (Y,) and (X,) arrays
        Of the object's pixels in m, evenly spaced, the sample coordinates of the positions.
    frames : mapping
        Values of `FRAMES` in their units, each (helicities, positions); ``defocus`` may be left out.
    images : mapping
        ``magnet`` (Y, X) and ``background`` (n, n) in photons, where there are some.
    notes : mapping
        ``setup``, ``fault_kinds`` (``{"1": "name", ...}``) and, where there are some, ``features``; must fit into JSON.
    helicity : sequence of int
        (1, -1), (1,) or (-1,), in the order of the first axis.

    Returns
    -------
    Dataset
        The record.

    Raises
    ------
    RecordError
        If the parts do not make a truth.
    """
    check_names("Truth frames", frames, FRAMES)
    require(set(images) <= set(IMAGES), "Truth images", f"found {sorted(images)}", f"names among {sorted(IMAGES)}")
    complete = {"setup", "fault_kinds"} <= set(notes) <= set(NOTES)
    require(complete, "Truth notes", f"found {sorted(notes)}", str(sorted(NOTES)))
    modes = np.asarray(probe)
    dims = LAYOUT.variables["probe"].dims[int(modes.ndim == 4)]
    variables: dict[str, Any] = {
        "object": variable(_STACK[0], object_, "1", np.complex64),
        "probe": variable(dims, modes, "photon^1/2", np.complex64),
        "mode_power": variable(("mode",), _mode_power(modes), "1", np.float64),
    }
    for name, values in frames.items():
        variables[name] = variable(_FRAME[0], values, FRAMES[name].units, np.int8 if name == "fault" else np.float64)
    for name, values in images.items():
        variables[name] = variable(IMAGES[name].dims[0], values, IMAGES[name].units, np.float32)
    if len(helicity) == 2:
        charge, magnetic = optical_densities(variables["object"].values)
        variables["charge"] = variable(_IMAGE[0], charge, "1", np.float32)
        variables["magnetic"] = variable(_IMAGE[0], magnetic, "1", np.float32)
    attrs: dict[str, Any] = {"record": "truth", "schema": SCHEMA, "kind": "ptychography"}
    attrs |= {name: json_text(dict(notes[name])) for name in NOTES if name in notes}
    dataset = assemble("Truth", variables, object_coordinates(helicity, coordinates), attrs)
    check(dataset)
    return dataset


def _mode_power(probe: NDArray[Any]) -> NDArray[np.float64]:
    """Return the share of each mode in the power, over all helicities."""
    require(probe.ndim in (3, 4), "Truth.probe", f"shape {probe.shape}", "([helicities,] modes, n, n)")
    power = np.square(np.abs(probe), dtype=np.float64).reshape(-1, *probe.shape[-3:]).sum(axis=(0, 2, 3))
    require(bool(power.sum() > 0), "Truth.probe", "without any photon", "some")
    return np.asarray(power / power.sum())


def optical_densities(object_: NDArray[np.complexfloating[Any, Any]]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return half the sum and half the difference of the optical densities -ln|object|^2 of helicity +1 and -1.

    Parameters
    ----------
    object_ : (2, Y, X) complex array
        Transmission of both helicities.

    Returns
    -------
    charge, magnetic : (Y, X) float64 arrays
        Finite: a pixel that lets nothing through has the largest optical density of float32, about 175.
    """
    floor = float(np.finfo(np.float32).tiny)
    intensity = np.square(object_.real, dtype=np.float64) + np.square(object_.imag, dtype=np.float64)
    plus, minus = -np.log(np.maximum(intensity, floor * floor))
    return 0.5 * (plus + minus), 0.5 * (plus - minus)


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete `Truth` of kind ``"ptychography"``.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_layout(dataset, LAYOUT)
    check_kind(dataset, LAYOUT, "ptychography")
    for dim in ("y", "x"):
        check_even(f"Truth.{dim}", dataset[dim])
    check_helicity(dataset, LAYOUT)
    total = float(dataset["mode_power"].sum())
    require(abs(total - 1) < 1e-6, "Truth.mode_power", f"sum {total:g}", "sum 1")
    check_json_attributes(dataset, LAYOUT, dict.fromkeys(NOTES, dict))
