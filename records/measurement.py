"""The record `Measurement`: everything an experimenter knows, and nothing else.

- `make`: assemble one of kind ``"holography"``;
- `check`: raise one line on what is wrong; a variable or attribute that is not of the record is refused, so no truth
  can hide in it;
- `halves`: the even and the odd exposures as two measurements;
- `reconstruction_pixel`: pixel of the exit plane, m.

========================  ==============================  =============================================================
variable                  dims                            holds
========================  ==============================  =============================================================
``counts``                (helicity, exposure, y, x)      uint32 raw ADU, sum over the reads; includes the dark offset
``dark``                  (y, x)                          float32 measured mean dark offset of one read, ADU
``valid``                 (exposure, y, x)                bool, False under the nominal beam stop and on bad pixels
``exposure_time``         (helicity, exposure)            s
``accumulations``         (exposure)                      reads summed in the exposure
``stop_radius``           (exposure)                      beam stop radius at the detector, m
``hole_x``, ``hole_y``    (hole)                          nominal mask drawing, m
``hole_diameter``         (hole)                          nominal mask drawing, m
``hole_kind``             (hole)                          ``"object"`` or ``"reference"``
``energy``                ()                              photon energy, eV
``distance``              ()                              mask to detector, m
``pixel_pitch``           ()                              m
``gain``                  ()                              ADU/photon
``saturation``            ()                              ADU at which one read is saturated
``read_noise``            ()                              ADU rms of one read
``polarization``          ()                              degree of circular polarisation
``beta_m_t``              ()                              nominal magnetic absorption times magnetic thickness, m
``delta_m_t``             ()                              nominal magnetic dispersion times magnetic thickness, m
``film_thickness``        ()                              first to last magnetic layer, m
``reference_distance``    ()                              nominal mean distance from object to references, m
========================  ==============================  =============================================================

Coordinates: ``helicity`` = (+1, -1), ``exposure`` = 0.., ``y`` and ``x`` on the detector in m with the optical axis at
index ``n//2``. Attributes: ``kind``, ``title``.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from records import detector
from records.checks import (
    SCHEMA,
    Layout,
    Variable,
    assemble,
    check_kind,
    check_layout,
    check_names,
    coordinate,
    number,
    require,
    scalar_variables,
    variable,
)
from records.coordinates import centred_coordinate, check_pixels

SCALARS: dict[str, Variable] = {
    **detector.SCALARS,
    "polarization": Variable(((),), units="1", minimum=-1.0, maximum=1.0),
    "beta_m_t": number("m"),
    "delta_m_t": number("m"),
    "film_thickness": Variable(((),), units="m", minimum=0.0),
    "reference_distance": number("m", positive=True),
}
"""Layout of the scalars; `make` takes their values by these names, in these units."""

LAYOUT = Layout(
    record="measurement",
    variables={
        "helicity": Variable((("helicity",),), "int"),
        "exposure": Variable((("exposure",),), "int"),
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        "counts": Variable((("helicity", "exposure", "y", "x"),), "int", units="ADU"),
        "dark": Variable((("y", "x"),), units="ADU", minimum=0.0),
        "valid": Variable((("exposure", "y", "x"),), "bool"),
        "exposure_time": Variable((("helicity", "exposure"),), units="s", positive=True),
        "accumulations": Variable((("exposure",),), "int", positive=True),
        "stop_radius": Variable((("exposure",),), units="m", minimum=0.0),
        "hole_x": Variable((("hole",),), units="m"),
        "hole_y": Variable((("hole",),), units="m"),
        "hole_diameter": Variable((("hole",),), units="m", positive=True),
        "hole_kind": Variable((("hole",),), "text"),
        **SCALARS,
    },
    attributes=("kind", "title"),
    closed=True,
)


def make(
    *,
    counts: ArrayLike,
    dark: ArrayLike,
    valid: ArrayLike,
    exposures: Mapping[str, ArrayLike],
    holes: Mapping[str, ArrayLike],
    scalars: Mapping[str, float],
    title: str = "holography",
) -> xr.Dataset:
    """Assemble a `Measurement` of kind ``"holography"`` and check it.

    Parameters
    ----------
    counts : (2, exposures, n, n) array
        Raw ADU of helicity +1 and -1.
    dark : (n, n) array
        Mean dark offset of one read, ADU.
    valid : (exposures, n, n) bool array
        Pixels that can be used.
    exposures : mapping
        ``exposure_time`` (2, exposures) in s, ``accumulations`` (exposures), ``stop_radius`` (exposures) in m.
    holes : mapping
        ``hole_x``, ``hole_y``, ``hole_diameter`` in m and ``hole_kind``, one value per hole.
    scalars : mapping
        A value for each of `SCALARS`, in its units.
    title : str
        One line for people.

    Returns
    -------
    Dataset
        The record.

    Raises
    ------
    RecordError
        If the parts do not make a measurement.
    """
    check_names("Measurement scalars", scalars, SCALARS)
    for name, given, wanted in (
        ("exposures", exposures, {"exposure_time", "accumulations", "stop_radius"}),
        ("holes", holes, {"hole_x", "hole_y", "hole_diameter", "hole_kind"}),
    ):
        require(set(given) == wanted, f"Measurement {name}", f"found {sorted(given)}", str(sorted(wanted)))
    frames = np.asarray(counts)
    require(frames.ndim == 4, "Measurement.counts", f"shape {frames.shape}", "(2, exposures, n, n)")
    variables: dict[str, Any] = {
        "counts": variable(("helicity", "exposure", "y", "x"), frames, "ADU", np.uint32),
        "dark": variable(("y", "x"), dark, "ADU", np.float32),
        "valid": variable(("exposure", "y", "x"), valid, None, np.bool_),
        "exposure_time": variable(("helicity", "exposure"), exposures["exposure_time"], "s", np.float64),
        "accumulations": variable(("exposure",), exposures["accumulations"], None, np.int64),
        "stop_radius": variable(("exposure",), exposures["stop_radius"], "m", np.float64),
        "hole_kind": variable(("hole",), holes["hole_kind"]),
    }
    variables |= {name: variable(("hole",), holes[name], "m", np.float64) for name in holes if name != "hole_kind"}
    variables |= scalar_variables(scalars, SCALARS)
    pitch = scalars["pixel_pitch"]
    coords = {
        "helicity": coordinate("helicity", np.array([1, -1])),
        "exposure": coordinate("exposure", np.arange(frames.shape[1])),
        "y": centred_coordinate("y", frames.shape[2], pitch),
        "x": centred_coordinate("x", frames.shape[3], pitch),
    }
    attrs = {"record": "measurement", "schema": SCHEMA, "kind": "holography", "title": title}
    dataset = assemble("Measurement", variables, coords, attrs)
    check(dataset)
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete `Measurement` that holds nothing else.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_kind(dataset, LAYOUT, "holography")
    check_layout(dataset, LAYOUT)
    counts = dataset["counts"]
    require(counts.dtype == np.uint32, "Measurement.counts", f"dtype {counts.dtype}", "uint32")
    detector.check_square("Measurement.counts", counts.shape[-2:])
    check_pixels(dataset, LAYOUT, "pixel_pitch")
    _check_labels("helicity", dataset["helicity"].values, np.array([1, -1]))
    _check_labels("exposure", dataset["exposure"].values, np.arange(dataset.sizes["exposure"]))
    for name in ("beta_m_t", "polarization"):
        require(float(dataset[name]) != 0, f"Measurement.{name}", "is 0", "a value that gives magnetic contrast")
    require(bool(dataset["valid"].values.any()), "Measurement.valid", "no valid pixel", "some")
    kinds = {str(kind) for kind in dataset["hole_kind"].values}
    allowed = "'object' and 'reference', at least one object"
    require("object" in kinds <= {"object", "reference"}, "Measurement.hole_kind", f"found {sorted(kinds)}", allowed)


def _check_labels(dim: str, found: NDArray[Any], wanted: NDArray[Any]) -> None:
    require(np.array_equal(found, wanted), f"Measurement.{dim}", f"found {found.tolist()}", str(wanted.tolist()))


def halves(measurement: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the even and the odd exposures as two measurements of the same thing with independent noise.

    Raises
    ------
    RecordError
        If a beam stop was not used in both halves.
    """
    radii = measurement["stop_radius"].values
    even, odd = sorted(set(radii[::2])), sorted(set(radii[1::2]))
    require(
        even == odd, "Measurement.stop_radius", f"even exposures {even}, odd ones {odd}", "the same beam stops in both"
    )
    first, second = (
        measurement.isel(exposure=slice(start, None, 2)).copy().assign_coords(exposure=np.arange(len(radii[start::2])))
        for start in (0, 1)
    )
    return first, second


def reconstruction_pixel(measurement: xr.Dataset) -> float:
    """Return the pixel of the exit plane, m: wavelength times distance over the detector's width."""
    return detector.far_field_pixel(measurement)
