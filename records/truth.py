"""The record `Truth`: what a reconstruction is scored against, at its own sampling.

- `make`: assemble one of kind ``"holography"``;
- `check`: raise one line on what is wrong.

========================  ====================  =======================================================================
variable                  dims                  holds
========================  ====================  =======================================================================
``m_z``                   (y, x)                float32 column mean of m_z, band-limited; 0 outside a window
``visible``               (y, x)                float32 0..1, transmission of the object hole seen in the film plane
``exit_wave``             (helicity, y, x)      complex64 band-limited wave at the mask's exit, coherent, central energy
``reference_part``        (y, x)                bool, where the references' windows are
``visibility``            ()                    modulus of coherence at the reference distance
``reference_distance``    ()                    m
``coherence_length``      (axis)                Gaussian-Schell length, vibration included, (y, x) in m
``focus``                 ()                    from the mask's exit to the middle of the film along +z, m
``wall_width``            ()                    delta of the sample's walls, m; absent where the sample does not say
``beta_m_t``              ()                    m
``delta_m_t``             ()                    m
``polarization``          ()                    degree of circular polarisation
``film_thickness``        ()                    m
``shift``                 (axis)                true offset (y, x) of the mask, m
``sample_origin``         (axis)                where the sample's origin (y, x) is, m; absent: in the middle
========================  ====================  =======================================================================

Coordinates ``y``, ``x`` are those of the reconstruction, in m. Attributes: ``kind``, ``setup`` (JSON text of the true
optics); ``features``, where there is one, is the sample's own JSON text, its places seen from ``sample_origin``.
"""

from collections.abc import Mapping
from typing import Any

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
    coordinate,
    json_text,
    number,
    require,
    scalar_variables,
    variable,
)
from records.coordinates import centred_coordinate, check_coordinate

SCALARS: dict[str, Variable] = {
    "visibility": Variable(((),), units="1", minimum=0.0, maximum=1.0),
    "reference_distance": number("m", positive=True),
    "focus": number("m"),
    "wall_width": number("m", positive=True, optional=True),
    "beta_m_t": number("m"),
    "delta_m_t": number("m"),
    "polarization": Variable(((),), units="1", minimum=-1.0, maximum=1.0),
    "film_thickness": Variable(((),), units="m", minimum=0.0),
}
"""Layout of the scalars; `make` takes their values by these names, in these units."""

_IMAGE = (("y", "x"),)

LAYOUT = Layout(
    record="truth",
    variables={
        "helicity": Variable((("helicity",),), "int"),
        "axis": Variable((("axis",),), "text"),
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        "m_z": Variable(_IMAGE),
        "visible": Variable(_IMAGE, minimum=0.0, maximum=1.0),
        "exit_wave": Variable((("helicity", "y", "x"),), "complex"),
        "reference_part": Variable(_IMAGE, "bool"),
        "coherence_length": Variable((("axis",),), units="m", positive=True),
        "shift": Variable((("axis",),), units="m"),
        "sample_origin": Variable((("axis",),), units="m", optional=True),
        **SCALARS,
    },
    attributes=("kind", "setup"),
    optional_attributes=("features",),
)


def make(
    *,
    images: Mapping[str, ArrayLike],
    exit_wave: ArrayLike,
    pixel_size: float,
    coherence_length: tuple[float, float],
    shift: tuple[float, float],
    scalars: Mapping[str, float],
    setup: Mapping[str, Any],
    sample_origin: tuple[float, float] = (0.0, 0.0),
    features: Mapping[str, Any] | None = None,
) -> xr.Dataset:
    """Assemble a `Truth` of kind ``"holography"`` and check it.

    Parameters
    ----------
    images : mapping
        ``m_z``, ``visible`` and ``reference_part`` (bool), each (n, n).
    exit_wave : (2, n, n) complex array
        Helicity +1 and -1.
    pixel_size : float
        Pixel of the reconstruction, m.
    coherence_length, shift : tuple of float
        (y, x) in m.
    scalars : mapping
        Values of `SCALARS` in their units; ``wall_width`` may be left out.
    setup : mapping
        The true optics; must fit into JSON.
    sample_origin : tuple of float
        (y, x) in m.
    features : mapping, optional
        What is known of the sample; must fit into JSON.

    Returns
    -------
    Dataset
        The record.

    Raises
    ------
    RecordError
        If the parts do not make a truth.
    """
    check_names("Truth scalars", scalars, SCALARS)
    wanted = {"m_z", "visible", "reference_part"}
    require(set(images) == wanted, "Truth images", f"found {sorted(images)}", str(sorted(wanted)))
    waves = variable(("helicity", "y", "x"), exit_wave, None, np.complex64)
    variables: dict[str, Any] = {
        "m_z": variable(("y", "x"), images["m_z"], "1", np.float32),
        "visible": variable(("y", "x"), images["visible"], "1", np.float32),
        "exit_wave": waves,
        "reference_part": variable(("y", "x"), images["reference_part"], None, np.bool_),
        "coherence_length": variable(("axis",), coherence_length, "m", np.float64),
        "shift": variable(("axis",), shift, "m", np.float64),
        "sample_origin": variable(("axis",), sample_origin, "m", np.float64),
    }
    variables |= scalar_variables(scalars, SCALARS)
    coords = {
        "helicity": coordinate("helicity", np.array([1, -1])),
        "axis": coordinate("axis", ["y", "x"]),
        "y": centred_coordinate("y", waves.shape[1], pixel_size),
        "x": centred_coordinate("x", waves.shape[2], pixel_size),
    }
    attrs = {"record": "truth", "schema": SCHEMA, "kind": "holography", "setup": json_text(dict(setup))}
    if features is not None:
        attrs["features"] = json_text(dict(features))
    dataset = assemble("Truth", variables, coords, attrs)
    check(dataset)
    return dataset


def check(dataset: xr.Dataset) -> None:
    """Check that `dataset` is a complete `Truth`.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_kind(dataset, LAYOUT, "holography")
    check_layout(dataset, LAYOUT)
    for dim in ("y", "x"):
        check_coordinate(f"Truth.{dim}", dataset[dim])
    helicity = dataset["helicity"].values.tolist()
    require(helicity == [1, -1], "Truth.helicity", f"found {helicity}", "[1, -1]")
    axes = [str(axis) for axis in dataset["axis"].values]
    require(axes == ["y", "x"], "Truth.axis", f"found {axes}", "['y', 'x']")
    check_json_attributes(dataset, LAYOUT, {"setup": dict, "features": dict})
