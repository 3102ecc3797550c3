"""The record `Measurement` of kind ``"projections"``: registered images of one sample from many directions.

- `make`: assemble one; `check`: raise one line on what is wrong; a variable or attribute that is not of the record is
  refused, so no truth can hide in it;
- `select`: some of the projections; `halves`: every other one of each series, as two measurements;
- `images_per_series`; `numbered_series`: labels of series as the record has them.

====================  ============================  ===================================================================
variable              dims                          holds
====================  ============================  ===================================================================
``optical_density``   (helicity, projection, y, x)  float32 -ln(intensity) of the transmission
``variance``          (helicity, projection, y, x)  float32, of the optical density, optional
``phase``             (helicity, projection, y, x)  float32 rad, argument of the transmission, up to a constant and a
                                                    ramp in each image, wrapped or not; optional
``valid``             (projection, y, x)            bool, False where a pixel cannot be used; optional
``tilt``              (projection)                  nominal, rad: about x, after the rotation about z
``in_plane``          (projection)                  nominal, rad: about z
``series``            (projection)                  0..: images of one series were taken without remounting the sample
``pixel_size``        ()                            m, of the images on the sample
``energy``            ()                            eV
``polarization``      ()                            degree of circular polarisation, -1 to 1 but not 0
``beta_m``            ()                            magnetic absorption of the full magnet along the beam
``beta_magnet``       ()                            charge absorption of the full magnet, optional
``beta_matrix``       ()                            absorption of what fills the rest of the sample, optional
``delta_magnet``      ()                            of the magnet, 1 less the real part of its index; optional
``delta_matrix``      ()                            of what fills the rest, optional
``box``               (axis)                        nominal size (z, y, x) of the sample, m, optional
====================  ============================  ===================================================================

Coordinates: ``helicity`` = (+1, -1), ``projection`` = 0.., ``y`` and ``x`` in m with zero at index ``n//2``.
Attributes: ``kind``, ``title``. The rotation Rx(tilt) Rz(in_plane) takes sample coordinates (x, y, z) to the beam's.
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
    check_kind,
    check_layout,
    check_names,
    coordinate,
    require,
    scalar_variables,
    variable,
)
from records.coordinates import centred_coordinate, check_pixels

_PROJECTION = (("projection",),)
_STACK = (("helicity", "projection", "y", "x"),)

SCALARS: Final[dict[str, Variable]] = {
    "pixel_size": Variable(((),), units="m", positive=True, maximum=1e-4),
    "energy": Variable(((),), units="eV", minimum=10.0, maximum=2e5),
    "polarization": Variable(((),), units="1", minimum=-1.0, maximum=1.0),
    "beta_m": Variable(((),), units="1", positive=True, maximum=1.0),
    "beta_magnet": Variable(((),), units="1", positive=True, maximum=1.0, optional=True),
    "beta_matrix": Variable(((),), units="1", minimum=0.0, maximum=1.0, optional=True),
    "delta_magnet": Variable(((),), units="1", minimum=-1.0, maximum=1.0, optional=True),
    "delta_matrix": Variable(((),), units="1", minimum=-1.0, maximum=1.0, optional=True),
}
"""Layout of the scalars; `make` takes their values by these names, in these units."""

ANGLES: Final[dict[str, Variable]] = {
    "tilt": Variable(_PROJECTION, units="rad"),
    "in_plane": Variable(_PROJECTION, units="rad"),
    "series": Variable(_PROJECTION, "int", minimum=0),
}
"""Layout of what each projection has one value of; `make` takes them by these names, in these units."""

IMAGES: Final[dict[str, Variable]] = {
    "optical_density": Variable(_STACK, units="1"),
    "variance": Variable(_STACK, units="1", positive=True, optional=True),
    "phase": Variable(_STACK, units="rad", optional=True),
    "valid": Variable((("projection", "y", "x"),), "bool", optional=True),
}
"""Layout of the images; `make` takes them by these names."""

LAYOUT: Final = Layout(
    record="measurement",
    variables={
        "helicity": Variable((("helicity",),), "int"),
        "projection": Variable(_PROJECTION, "int"),
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        "axis": Variable((("axis",),), "text", optional=True),
        **IMAGES,
        **ANGLES,
        **SCALARS,
        "box": Variable((("axis",),), units="m", positive=True, maximum=1e-2, optional=True),
    },
    attributes=("kind", "title"),
    closed=True,
)

LARGEST_TILT: Final = np.pi / 2
"""rad; beyond it the beam would enter through the back of the sample."""

LARGEST_IN_PLANE: Final = 2 * np.pi
"""rad, a full turn."""

_ROUNDING: Final = 1e-6  # rad, of angles kept as float32

_DTYPES: Final[dict[str, Any]] = {name: np.bool_ if own.kind == "bool" else np.float32 for name, own in IMAGES.items()}


def make(
    *,
    images: Mapping[str, ArrayLike],
    angles: Mapping[str, ArrayLike],
    scalars: Mapping[str, float],
    box: Sequence[float] | None = None,
    title: str = "projections",
) -> xr.Dataset:
    """Assemble a `Measurement` of kind ``"projections"`` and check it.

    Parameters
    ----------
    images : mapping
        ``optical_density`` (2, projections, ny, nx) of helicity +1 and -1 and, optionally, its ``variance`` and the
        ``phase`` of the transmission of the same shape and ``valid`` (projections, ny, nx), True where both images can
        be used.
    angles : mapping
        ``tilt`` and ``in_plane`` in rad and ``series`` from 0 without gaps, each (projections).
    scalars : mapping
        Values of `SCALARS` in their units; the optional ones may be left out.
    box : sequence of float, optional
        Nominal size (z, y, x) of the sample, m.
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
    for name, given, layout in (("images", images, IMAGES), ("angles", angles, ANGLES), ("scalars", scalars, SCALARS)):
        check_names(f"Measurement {name}", given, layout)
    variables: dict[str, Any] = {
        name: variable(IMAGES[name].dims[0], values, IMAGES[name].units, _DTYPES[name])
        for name, values in images.items()
    }
    for name, values in angles.items():
        dtype = np.float64 if ANGLES[name].kind == "float" else None
        variables[name] = variable(_PROJECTION[0], values, ANGLES[name].units, dtype)
    variables |= scalar_variables(scalars, SCALARS)
    _, projections, ny, nx = variables["optical_density"].shape
    coords = {
        "helicity": coordinate("helicity", np.array([1, -1])),
        "projection": coordinate("projection", np.arange(projections)),
        "y": centred_coordinate("y", ny, scalars["pixel_size"]),
        "x": centred_coordinate("x", nx, scalars["pixel_size"]),
    }
    if box is not None:
        variables["box"] = variable(("axis",), box, "m", np.float64)
        coords["axis"] = coordinate("axis", ["z", "y", "x"])
    attrs = {"record": "measurement", "schema": SCHEMA, "kind": "projections", "title": title}
    dataset = assemble("Measurement", variables, coords, attrs)
    check(dataset)
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete `Measurement` of kind ``"projections"`` that holds nothing else.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_layout(dataset, LAYOUT)
    check_kind(dataset, LAYOUT, "projections")
    for dim, labels in (("helicity", [1, -1]), ("projection", list(range(dataset.sizes["projection"])))):
        found = dataset[dim].values.tolist()
        require(found == labels, f"Measurement.{dim}", f"found {str(found)[:60]}", str(labels[:3]))
    side = min(dataset.sizes["y"], dataset.sizes["x"])
    require(side > 1, "Measurement.optical_density", f"images of {side} pixel across", "two or more")
    check_pixels(dataset, LAYOUT, "pixel_size")
    require(float(dataset["polarization"]) != 0, "Measurement.polarization", "is 0", "-1 to 1, without 0")
    _check_angles(dataset)
    if "valid" in dataset:
        shown = dataset["valid"].values.any(axis=(1, 2))
        blind = np.flatnonzero(~shown).tolist()
        require(not blind, "Measurement.valid", f"no valid pixel in projection {blind[:8]}", "some in each")
    if "box" in dataset:
        found = [str(label) for label in dataset["axis"].values] if "axis" in dataset.coords else []
        require(found == ["z", "y", "x"], "Measurement.axis", f"found {found}", "['z', 'y', 'x'] beside box")


def _check_angles(dataset: xr.Dataset) -> None:
    for name, most, text in (
        ("tilt", LARGEST_TILT, "-pi/2 to pi/2 rad"),
        ("in_plane", LARGEST_IN_PLANE, "-2 pi to 2 pi rad"),
    ):
        values = dataset[name].values
        index = int(np.argmax(np.abs(values)))
        found = f"{values[index]:.6g} rad in projection {index}"
        fits = abs(values[index]) <= most + _ROUNDING
        require(fits, f"Measurement.{name}", found, f"{text}; are these degrees?")
    series = np.unique(dataset["series"].values)
    gapless = np.array_equal(series, np.arange(series.size))
    require(gapless, "Measurement.series", f"found {series.tolist()[:8]}", "0, 1, ... without gaps")


def select(measurement: xr.Dataset, indices: ArrayLike) -> xr.Dataset:
    """Return some of the projections, in the order asked for, numbered anew.

    Parameters
    ----------
    measurement : Dataset
        The record.
    indices : sequence of int, or of bool
        Projections by their number, none twice, or one truth value for each of them. Series that lose all of their
        images are gone, and the others numbered anew in their order.

    Raises
    ------
    RecordError
        If none is left, one is asked for twice, or there is no such projection.
    """
    count = measurement.sizes["projection"]
    chosen = np.asarray(indices)
    if chosen.dtype == np.bool_:
        require(chosen.shape == (count,), "indices", f"{chosen.shape} truth values", f"one for each of {count}")
        chosen = np.flatnonzero(chosen)
    require(chosen.ndim == 1 and chosen.size > 0, "indices", f"shape {chosen.shape}", "one projection or more")
    require(chosen.dtype.kind in "iu", "indices", f"dtype {chosen.dtype}", "whole numbers or truth values")
    outside = chosen[(chosen < 0) | (chosen >= count)]
    require(outside.size == 0, "indices", f"{outside[:1].tolist()}", f"0 to {count - 1}")
    require(np.unique(chosen).size == chosen.size, "indices", "a projection twice", "each once")
    found = measurement.isel(projection=chosen).assign_coords(projection=np.arange(chosen.size))
    series = numbered_series(found["series"].values)
    return found.assign(series=found["series"].copy(data=series))


def numbered_series(labels: ArrayLike) -> NDArray[np.int64]:
    """Return labels of series as numbers from 0 without gaps, in the order of the labels."""
    return np.asarray(np.unique(np.asarray(labels), return_inverse=True)[1], dtype=np.int64).reshape(-1)


def halves(measurement: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the even and the odd projections of each series, sorted by tilt, as two measurements.

    They are of the same sample with independent noise, and both cover the range of tilts of each series. Images of
    equal tilt are sorted by their in-plane angle.

    Raises
    ------
    RecordError
        If no series has two images.
    """
    series = measurement["series"].values
    order = np.lexsort((measurement["in_plane"].values, measurement["tilt"].values, series))
    starts = np.concatenate([[0], np.cumsum(list(images_per_series(measurement).values()))[:-1]])
    rank = np.empty(series.size, dtype=np.int64)
    rank[order] = np.arange(series.size) - starts[series[order]]
    odd = rank % 2 == 1
    require(bool(odd.any()), "Measurement.series", "one projection in each", "two or more in one, to make halves")
    return select(measurement, ~odd), select(measurement, odd)


def images_per_series(measurement: xr.Dataset) -> dict[int, int]:
    """Return the number of projections of each series."""
    labels, counts = np.unique(measurement["series"].values, return_counts=True)
    return dict(zip(labels.tolist(), counts.tolist(), strict=True))
