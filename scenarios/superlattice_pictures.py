"""Everything that a report shows of one scored volume of vectors, as one data set.

- `pictures`: the record ``scored`` of kind "projections"; the parts come from the modules that computed them.

Volumes lie on the truth's voxels, cut to the box of its magnet and a rim; places are m from the origin, axis (z, y, x),
vectors (x, y, z). What a reconstruction (or its halves, its measurement) does not hold gives no variable. Every list
may be empty. Variables with ``true_`` in front are the same of the truth, lists with dimensions of their own
(``true_hedgehog``, ``true_void``, ``true_line``, ...).

=============================================  ==========================  ============================================
variable                                       dims                        holds
=============================================  ==========================  ============================================
``magnetization``, ``true_magnetization``      (component, wz, wy, wx)     float32, weighted by the fill, registered
``difference``                                 (component, wz, wy, wx)     float32, found less true
``fill``, ``charge`` and ``true_...``          (wz, wy, wx)                float32
``score_mask``                                 (wz, wy, wx)                bool, where errors count
``hedgehog_position``                          (hedgehog, axis)            m; also ``true_hedgehog_...``, of dimension
                                                                           ``true_hedgehog``
``hedgehog_charge``, ``hedgehog_border``,      (hedgehog)                  whole number; bool: within a voxel of the
``hedgehog_matched``, ``hedgehog_partner``,                                border; bool; row in the other list or -1;
``hedgehog_distance``, ``hedgehog_site``,                                  m to the partner or NaN; text;
``hedgehog_position_error``                                                m
``site_count``                                 (source, site_kind, sign)   source = found, truth; site_kind octahedral,
                                                                           tetrahedral, between; sign = 1, -1
``pair_mu``, ``pair_mu_error``,                (source, pair_kind)         m; source = found, truth; pair_kind =
``pair_scale``, ``pair_shape``, ``pair_count``                             opposite, plus, minus; NaN: too few
``pair_note``                                  (source, pair_kind)         text
``pair_histogram``                             (source, pair_kind,         share per m, over ``distance`` (m, middles
                                               distance)                   of bins)
``pair_density``                               (source, pair_kind,         1/m, the fitted curve over ``distance_fine``
                                               distance_fine)              (m)
``null_density``                               (source, pair_kind,         1/m, charges at random, as many
                                               distance_fine)
``null_mu``, ``null_low``, ``null_high``       (source, pair_kind)         m, median and 95 % of the draws; NaN for the
                                                                           source truth, whose null is in its own rows
``fsc``, ``fsc_truth``                         (frequency)                 shell correlation of the charge: of halves,
                                                                           with the truth; frequency in 1/m
``fsc_component``, ``fsc_truth_component``     (component, frequency)      of m_x, m_y, m_z
``fsc_cone``, ``fsc_truth_cone``               (direction, frequency)      of the charge in cones about x, y, z
``signal_density``, ``noise_density``          (signal_frequency)          power of the helicities' difference and of
                                                                           its noise: photon2 of a pixel of a frame,
                                                                           or m2 of the images' optical density
``void_position``, ``void_charge``,            (void), position (void,     also ``true_void_...`` of dimension
``void_covered``, ``void_radius``,             axis)                       ``true_void``; charge is no whole number;
``void_virtual``, ``void_at_border``,                                      bool: charge 0.9 or more; cut off; row in
``void_partner``                                                           the other list or -1
``void_vertex``, ``void_spin``                 (void_vertices, axis or     float32, m; unit vectors there. Of the
                                               component)                  truth: ``true_void_vertex``, ...
``void_face``, ``void_face_label``             (void_faces, corner),       int32; row of the void behind each face
                                               (void_faces)
``line_position``, ``line_number``             (line_point, axis),         float32, m; lines of the emergent field of
                                               (line_point)                the estimate, as ``true_line_...``
``line_pair``, ``line_end``, ``line_begin``    (line)                      row of the pair; "charge", "border", ...
``line_hedgehogs``                             (closest_pair, member)      rows of the closest pair of opposite charges,
                                                                           of positive and of negative ones
``line_share``                                 (closest_pair)              share of the flux of the first that ends at
                                                                           the second
``residual``, ``used``                         (projection)                of the reconstruction
``tilt``, ``in_plane``                         (projection)                rad, of the true rotations
``angle_error``                                (projection)                rad, without the common rotation
``shift_error``                                (projection, image_axis)    px, without the common motion
``mass_drift``, ``background_range``           (projection)                of the reconstruction
``series_residual``, ``history``               (series), (iteration)       of the reconstruction
=============================================  ==========================  ============================================

Attributes: ``record`` "scored", ``kind`` "projections", ``method``, ``voxel_size`` (m), ``radius`` (m, of matching),
``shift`` (JSON, voxels along z, y, x, removed), ``features`` (JSON, of the sample), ``metrics`` (JSON, values of rows).
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

import validation
from scenarios.holography_rows import MetricValue
from scenarios.superlattice_curves import AXES, Curves
from scenarios.superlattice_frame import Frame, GeometryErrors, Volumes
from scenarios.superlattice_pairs import KINDS, pair_variables
from scenarios.superlattice_signal import SignalSpectrum
from scenarios.superlattice_topology import SIGNS, SITE_KINDS, charge_variables
from scenarios.superlattice_voids import line_variables, void_variables

_GRID = ("wz", "wy", "wx")


@dataclass(frozen=True, eq=False)
class Scored:
    """What the scoring computed on the way."""

    frame: Frame
    found: Volumes
    registration: validation.Registration | None
    geometry: GeometryErrors | None
    with_truth: Curves
    halves: Curves | None
    signal: SignalSpectrum | None


def pictures(
    scored: Scored,
    topology: Mapping[str, Any],
    reconstruction: xr.Dataset,
    truth: xr.Dataset,
    rows: Sequence[MetricValue],
) -> xr.Dataset:
    """Collect the record ``scored`` of a reconstruction.

    Parameters
    ----------
    scored : Scored
    topology : mapping
        ``charges``; ``pairs``, ``voids`` and ``lines``, each of the estimate and of the truth; ``radius`` of matching.
    reconstruction, truth : Dataset
        The records.
    rows : sequence of MetricValue
        Their values are repeated among the attributes.
    """
    radius = topology["radius"]
    parts = {
        **_volumes(scored.frame, scored.found),
        **charge_variables(topology["charges"]),
        **pair_variables(*topology["pairs"]),
        **_curves(scored),
        **void_variables(*topology["voids"], radius=radius),
        **line_variables(*topology["lines"]),
        **_projections(scored.geometry, reconstruction, truth),
    }
    names = {"component": list("xyz"), "axis": list("zyx"), "direction": list(AXES), "source": ["found", "truth"]}
    names |= {"pair_kind": list(KINDS), "site_kind": list(SITE_KINDS), "image_axis": ["y", "x"]}
    coordinates: dict[str, Any] = {name: (name, values) for name, values in names.items()}
    coordinates["sign"] = ("sign", list(SIGNS))
    for name, axis, part in zip(_GRID, scored.frame.axes, scored.frame.shown, strict=True):
        coordinates[name] = (name, axis[part], {"units": "m"})
    found = scored.registration
    attributes = {
        "record": "scored",
        "schema": 1,
        "kind": "projections",
        "method": str(reconstruction.attrs.get("method", "")),
        "voxel_size": scored.frame.voxel_size,
        "radius": radius,
        "shift": json.dumps([] if found is None else [round(s, 6) for s in found.shift]),
        "features": truth.attrs["features"],
        "metrics": json.dumps({row.metric: row.value for row in rows if math.isfinite(row.value)}),
    }
    return xr.Dataset(parts, coords=coordinates, attrs=attributes)


def _volumes(frame: Frame, found: Volumes) -> dict[str, Any]:
    true, cut, vectors = frame.true, frame.shown, ("component", *_GRID)
    return {
        "magnetization": (vectors, found.magnetization[:, *cut]),
        "true_magnetization": (vectors, true.magnetization[:, *cut]),
        "difference": (vectors, found.magnetization[:, *cut] - true.magnetization[:, *cut]),
        "fill": (_GRID, found.fill[cut]),
        "true_fill": (_GRID, true.fill[cut]),
        "charge": (_GRID, found.charge[cut]),
        "true_charge": (_GRID, true.charge[cut]),
        "score_mask": (_GRID, frame.mask[cut]),
    }


def _curves(scored: Scored) -> dict[str, Any]:
    parts: dict[str, Any] = {"frequency": ("frequency", scored.with_truth.charge.frequency, {"units": "1/m"})}
    for name, curves in (("fsc_truth", scored.with_truth), ("fsc", scored.halves)):
        if curves is not None:
            parts[name] = ("frequency", curves.charge.correlation)
            for ending, dim, several in (
                ("component", "component", curves.components),
                ("cone", "direction", curves.cones),
            ):
                parts[f"{name}_{ending}"] = ((dim, "frequency"), np.stack([one.correlation for one in several]))
    if scored.signal is not None:
        density = scored.signal.density
        parts |= {
            "signal_frequency": ("signal_frequency", density.frequency, {"units": "1/m"}),
            "signal_density": ("signal_frequency", density.mean, {"units": scored.signal.unit}),
            "noise_density": ("signal_frequency", scored.signal.noise, {"units": scored.signal.unit}),
        }
    return parts


def _projections(geometry: GeometryErrors | None, reconstruction: xr.Dataset, truth: xr.Dataset) -> dict[str, Any]:
    """Return what each projection has; R = Rx(tilt) Rz(in_plane)."""
    own = {
        "residual": "projection",
        "used": "projection",
        "mass_drift": "projection",
        "background_range": "projection",
        "series_residual": "series",
        "history": "iteration",
    }
    parts: dict[str, Any] = {
        name: (dim, reconstruction[name].values) for name, dim in own.items() if name in reconstruction
    }
    if geometry is None:
        return parts
    turn, rad = truth["rotation"].values, {"units": "rad"}
    return parts | {
        "tilt": ("projection", np.arctan2(-turn[:, 1, 2], turn[:, 2, 2]), rad),
        "in_plane": ("projection", np.arctan2(-turn[:, 0, 1], turn[:, 0, 0]), rad),
        "angle_error": ("projection", geometry.angle_fitted, rad),
        "shift_error": (("projection", "image_axis"), geometry.shift, {"units": "px"}),
    }
