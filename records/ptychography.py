"""The record `Measurement` of kind ``"ptychography"``: all frames of one projection, and a tree of projections.

- `header`: everything but the frames; `make`: a header and its frames;
- `check`: raise one line on what is wrong; a variable or attribute that is not of the record is refused, so no truth
  can hide in it;
- `pixel_size`, `magnification`, `effective_distance`: the sampling of the object that the geometry sets;
- `halves`: the even and the odd frames as two measurements;
- `tree`, `projections`: nodes to a `DataTree` and back.

Files, written frame by frame and opened without reading them, are in `records.frames`; those of beamlines in
`records.cxi`. A *node*, one projection, is a `Dataset`:

===============================  ==========================  =======================================================
variable                         dims                        holds
===============================  ==========================  =======================================================
``counts``                       (helicity, position, y, x)  uint16 or uint32 raw ADU, dark offset included; may be
                                                             lazy
``dark``                         (y, x)                      float32 mean dark offset of a frame (all its reads), ADU
``valid``                        (y, x)                      bool, False under the nominal stop and on bad pixels
``position_y``, ``position_x``   (helicity, position)        nominal centre of the probe on the object, m, growing
                                                             with the index of the object's array
``used``                         (helicity, position)        bool, False where the experimenter leaves a frame out;
                                                             optional
``monitor``                      (helicity, position)        incident flux, relative, optional
``exposure_time``                (helicity, position)        s, optional
``energy``                       ()                          eV
``distance``                     ()                          sample to detector, m
``pixel_pitch``                  ()                          of the detector, m
``gain``                         ()                          ADU/photon
``saturation``                   ()                          ADU at which a frame is saturated
``read_noise``                   ()                          ADU rms of a frame
``tilt``, ``in_plane_angle``     ()                          rad: about x, after the rotation about z
``outer_zone``                   ()                          of the zone plate, m, optional
``stop_fraction``                ()                          central stop over the pupil, optional
``defocus``                      ()                          nominal, m, > 0: sample downstream of the focus; optional
``focus_distance``               ()                          near field: focus to sample, m; absent: a parallel beam
``polarization``                 ()                          degree of circular polarisation, optional
``beta_c``, ``delta_c``,         ()                          nominal constants of the magnet, optional
``beta_m``, ``delta_m``
===============================  ==========================  =======================================================

Coordinates: ``helicity``, +1 and -1 or one of them, ``position`` = 0.., ``y`` and ``x`` on the detector in m with the
optical axis at index ``n//2``. Attributes: ``kind``, ``title``, ``propagation`` (``"far_field"``, ``"near_field"``).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from records import detector
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
    scalar_variables,
    variable,
)
from records.coordinates import centred_coordinate, check_helicity, check_pixels

SCALARS: Final[dict[str, Variable]] = {
    **detector.SCALARS,
    "tilt": number("rad"),
    "in_plane_angle": number("rad"),
    "outer_zone": number("m", positive=True, optional=True),
    "stop_fraction": Variable(((),), units="1", minimum=0.0, maximum=1.0, optional=True),
    "defocus": number("m", optional=True),
    "focus_distance": number("m", positive=True, optional=True),
    "polarization": Variable(((),), units="1", minimum=-1.0, maximum=1.0, optional=True),
    "beta_c": number("1", optional=True),
    "delta_c": number("1", optional=True),
    "beta_m": number("1", optional=True),
    "delta_m": number("1", optional=True),
}
"""Layout of the scalars; `header` takes their values by these names, in these units."""

_FRAME = (("helicity", "position"),)

FRAMES: Final[dict[str, Variable]] = {
    "position_y": Variable(_FRAME, units="m"),
    "position_x": Variable(_FRAME, units="m"),
    "used": Variable(_FRAME, "bool", optional=True),
    "monitor": Variable(_FRAME, units="1", positive=True, optional=True),
    "exposure_time": Variable(_FRAME, units="s", positive=True, optional=True),
}
"""Layout of what each frame has one value of; `header` takes them by these names, in these units."""

LAYOUT: Final = Layout(
    record="measurement",
    variables={
        "helicity": Variable((("helicity",),), "int"),
        "position": Variable((("position",),), "int"),
        "y": Variable((("y",),), units="m"),
        "x": Variable((("x",),), units="m"),
        "counts": Variable((("helicity", "position", "y", "x"),), "int", units="ADU"),
        "dark": Variable((("y", "x"),), units="ADU", minimum=0.0),
        "valid": Variable((("y", "x"),), "bool"),
        **FRAMES,
        **SCALARS,
    },
    attributes=("kind", "title", "propagation"),
    closed=True,
)

PROPAGATIONS: Final = ("far_field", "near_field")
LARGEST_OBJECT: Final = 2**15
"""Pixels along a side of the object from which positions cannot be meant (its square would take 8 GiB)."""

GAINS: Final = (1e-6, 1e10)
"""ADU of a photon; beyond them a count is a million photons, or the largest count less than one."""

FURTHEST: Final = 100.0
"""Distance from the origin, m, from which a position has lost its decimals."""

_LEAST_COSINE: Final = 0.05  # of the tilt


def header(
    *,
    dark: ArrayLike,
    valid: ArrayLike,
    frames: Mapping[str, ArrayLike],
    scalars: Mapping[str, float],
    helicity: Sequence[int] = (1, -1),
    propagation: str = "far_field",
    title: str = "ptychography",
) -> xr.Dataset:
    """Assemble everything of a node but its frames, and check it.

    Parameters
    ----------
    dark : (n, n) array
        Mean dark offset of a frame, ADU.
    valid : (n, n) bool array
        Pixels that can be used.
    frames : mapping
        ``position_y``, ``position_x`` in m and, optionally, ``used``, ``monitor`` and ``exposure_time`` in s; each
        (helicities, positions).
    scalars : mapping
        Values of `SCALARS` in their units; the optional ones may be left out.
    helicity : sequence of int
        (1, -1), (1,) or (-1,), in the order of the first axis.
    propagation : str
        ``"far_field"`` or ``"near_field"``.
    title : str
        One line for people.

    Returns
    -------
    Dataset
        The node without ``counts``, for `make` or for `records.frames.FrameWriter`.

    Raises
    ------
    RecordError
        If the parts do not fit together.
    """
    _check_names("frames", frames, FRAMES)
    _check_names("scalars", scalars, SCALARS)
    variables: dict[str, Any] = {
        "dark": variable(("y", "x"), dark, "ADU", np.float32),
        "valid": variable(("y", "x"), valid, None, np.bool_),
    }
    for name, values in frames.items():
        dtype = np.bool_ if FRAMES[name].kind == "bool" else np.float64
        variables[name] = variable(_FRAME[0], values, FRAMES[name].units, dtype)
    variables |= scalar_variables(scalars, SCALARS)
    pitch = scalars["pixel_pitch"]
    coords = {
        "helicity": coordinate("helicity", np.array(helicity, dtype=np.int64)),
        "position": coordinate("position", np.arange(variables["position_y"].shape[1])),
        "y": centred_coordinate("y", variables["dark"].shape[0], pitch),
        "x": centred_coordinate("x", variables["dark"].shape[1], pitch),
    }
    attrs = {"record": "measurement", "schema": SCHEMA, "kind": "ptychography", "title": title}
    dataset = assemble("Measurement", variables, coords, attrs | {"propagation": propagation})
    check_header(dataset)
    return dataset


def _check_names(title: str, given: Mapping[str, Any], layout: Mapping[str, Variable]) -> None:
    required = {name for name, wanted in layout.items() if not wanted.optional}
    missing, unknown = sorted(required - set(given)), sorted(set(given) - set(layout))
    require(not missing, f"Measurement {title}", f"without {missing}", str(sorted(required)))
    require(not unknown, f"Measurement {title}", f"unknown {unknown}", f"names among {sorted(layout)}")


def make(header: xr.Dataset, counts: ArrayLike) -> xr.Dataset:
    """Join a `header` and its frames to a node, and check it.

    Parameters
    ----------
    header : Dataset
        From the function of that name.
    counts : (helicities, positions, n, n) array of uint16 or uint32
        Raw ADU; other integers are converted where they fit.

    Raises
    ------
    RecordError
        If the parts do not make a measurement.
    """
    frames = np.asarray(counts)
    if frames.dtype not in (np.uint16, np.uint32):
        require(frames.dtype.kind in "iu", "Measurement.counts", f"dtype {frames.dtype}", "whole numbers of ADU")
        fits = frames.size == 0 or (int(frames.min()) >= 0 and int(frames.max()) < 2**32)
        require(fits, "Measurement.counts", "values that do not fit uint32", "0 to 2^32 - 1 ADU")
        frames = frames.astype(np.uint32)
    return with_counts(header, variable(("helicity", "position", "y", "x"), frames, "ADU"))


def with_counts(header: xr.Dataset, counts: xr.Variable) -> xr.Dataset:
    """Join a `header` and a variable of frames, which may be lazy and is not read, to a node, and check it.

    Raises
    ------
    RecordError
        If the parts do not make a measurement.
    """
    parts = {str(name): part.variable for name, part in header.data_vars.items()}
    coords = {str(name): part.variable for name, part in header.coords.items()}
    node = assemble("Measurement", {"counts": counts} | parts, coords, dict(header.attrs))
    check(node)
    return node


def check(node: xr.Dataset) -> None:
    """Check that `node` is a complete measurement of one projection that holds nothing else.

    The frames are not read: a file larger than the memory is checked at once.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    require("counts" in node.variables, "Measurement.counts", "variable missing", "(helicity, position, y, x)")
    dtype = node["counts"].dtype
    require(dtype in (np.uint16, np.uint32), "Measurement.counts", f"dtype {dtype}", "uint16 or uint32")
    check_layout(node, LAYOUT)
    _check_values(node)


def check_header(header: xr.Dataset) -> None:
    """Check a node that has no frames yet.

    Raises
    ------
    RecordError
        In one line, at the first thing that is wrong.
    """
    check_layout(header, _HEADER)
    _check_values(header)


_HEADER: Final = Layout(
    record=LAYOUT.record,
    variables={name: wanted for name, wanted in LAYOUT.variables.items() if name != "counts"},
    attributes=LAYOUT.attributes,
    closed=True,
)


def _check_values(node: xr.Dataset) -> None:
    check_kind(node, LAYOUT, "ptychography")
    propagation = node.attrs["propagation"]
    require(propagation in PROPAGATIONS, "Measurement.propagation", f"found {propagation!r}", str(PROPAGATIONS))
    detector.check_square("Measurement frames", node["valid"].shape)
    check_pixels(node, LAYOUT, "pixel_pitch")
    check_helicity(node, LAYOUT)
    position = node["position"].values
    numbered = np.array_equal(position, np.arange(position.size))
    require(numbered, "Measurement.position", "not numbered in order", "0, 1, 2, ...")
    require(bool(node["valid"].values.any()), "Measurement.valid", "no valid pixel", "some")
    far = propagation == "near_field" or "focus_distance" not in node
    require(far, "Measurement.focus_distance", "present in a far field", "it in a near field only")
    gain, tilt = float(node["gain"]), float(node["tilt"])
    allowed = f"{GAINS[0]:g} to {GAINS[1]:g} ADU a photon"
    require(GAINS[0] <= gain <= GAINS[1], "Measurement.gain", f"holds {gain:.6g}", allowed)
    through = abs(tilt) <= np.pi + 1e-6 and abs(float(np.cos(tilt))) > _LEAST_COSINE
    require(through, "Measurement.tilt", f"holds {tilt:.6g}", "radians, the beam going through at less than 87 degrees")
    _check_positions(node)


def _check_positions(node: xr.Dataset) -> None:
    used = node["used"].values if "used" in node else np.ones(node["position_y"].shape, dtype=bool)
    require(bool(used.any()), "Measurement.used", "no frame is used", "some")
    pixel = pixel_size(node)
    for name in ("position_y", "position_x"):
        values = node[name].values[used]
        extent = float(np.ptp(values))
        fits = extent < LARGEST_OBJECT * pixel
        allowed = f"metres, less than {LARGEST_OBJECT} pixels of {pixel:.3g} m"
        require(fits, f"Measurement.{name}", f"extends over {extent:.3g} m", allowed)
        away = float(np.abs(values).max())
        require(
            away < FURTHEST, f"Measurement.{name}", f"lies {away:.3g} m away", f"within {FURTHEST:g} m of the origin"
        )


def magnification(node: xr.Dataset) -> float:
    """Return how much larger the sample is on the detector of a near field: (focus_distance + distance) over the first.

    1 in a parallel beam.
    """
    if "focus_distance" not in node:
        return 1.0
    focus = float(node["focus_distance"])
    return (focus + float(node["distance"])) / focus


def effective_distance(node: xr.Dataset) -> float:
    """Return the Fresnel distance in m of a near field as if its beam were parallel (Fresnel scaling theorem)."""
    return float(node["distance"]) / magnification(node)


def pixel_size(node: xr.Dataset) -> float:
    """Return the pixel of the object, m.

    Far field: wavelength times distance over the detector's width; near field: the detector's pixel over the
    `magnification`.
    """
    if node.attrs["propagation"] == "near_field":
        return float(node["pixel_pitch"]) / magnification(node)
    return detector.far_field_pixel(node)


def halves(node: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Return the even and the odd frames as two measurements of the same thing with independent noise.

    Raises
    ------
    RecordError
        If there is one position only, or a half has no frame that is used.
    """
    count = node.sizes["position"]
    require(count > 1, "Measurement.position", "one position", "two or more, to make halves")
    first, second = (
        node.isel(position=slice(start, None, 2)).assign_coords(position=np.arange(len(range(start, count, 2))))
        for start in (0, 1)
    )
    for half in (first, second):
        _check_positions(half)
    return first, second


def tree(nodes: Sequence[xr.Dataset], *, title: str = "ptychography") -> xr.DataTree:
    """Return the projections as children ``projection_0``, ``projection_1``, ... of a tree.

    Raises
    ------
    RecordError
        If there is none, or one is not sound.
    """
    require(len(nodes) > 0, "Measurement tree", "no projection", "one or more")
    for node in nodes:
        check(node)
    root = xr.Dataset(attrs=root_attributes(title))
    return xr.DataTree.from_dict({"/": root} | {f"projection_{index}": node for index, node in enumerate(nodes)})


def root_attributes(title: str) -> dict[str, Any]:
    """Return the attributes of the tree's root."""
    return {"record": "measurement", "schema": SCHEMA, "kind": "ptychography", "title": title}


def projections(tree: xr.DataTree) -> list[xr.Dataset]:
    """Return the nodes of a tree in the order of their numbers; they stay lazy where they were.

    Raises
    ------
    RecordError
        If the children are not ``projection_0``, ``projection_1``, ...
    """
    wanted = [f"projection_{index}" for index in range(len(tree.children))]
    found = sorted(tree.children)
    require(bool(wanted) and found == sorted(wanted), "Measurement tree", f"children {found[:4]}", "projection_0, ...")
    return [tree.children[name].to_dataset(inherit=False) for name in wanted]
