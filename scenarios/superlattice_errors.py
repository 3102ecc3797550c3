"""Rows of the errors of a volume of vectors, and of its geometry.

- `error_rows`: of vectors, their parts and angles, fill and charge; `motion_rows`: shift of the volume, shifts and
  angles of the projections.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

import validation
from scenarios.holography_rows import MetricValue
from scenarios.superlattice_frame import Frame, GeometryErrors, Volumes

Array = NDArray[Any]

_TINY = 1e-12


def error_rows(found: Volumes, frame: Frame, *, suffix: str = "", gauge: str) -> list[MetricValue]:
    """Return the rows of errors of vectors, fill and charge."""
    true, size = frame.true, frame.voxel_size
    values = {"vector.error": _relative(found.magnetization[:, frame.mask], true.magnetization[:, frame.mask])}
    for index, axis in enumerate("xyz"):
        values[f"vector.error.{axis}"] = _relative(
            found.magnetization[index][frame.mask], true.magnetization[index][frame.mask]
        )
    # Where both are zero no vector has a direction; the same next to nothing in both changes no difference.
    a, b = (_never_zero(volumes.magnetization) for volumes in (found, true))
    parts = validation.helmholtz_error(a, b, voxel_size=size, magnet=np.ones(true.fill.shape, bool))
    values |= {"vector.error_longitudinal": parts.longitudinal, "vector.error_transverse": parts.transverse}
    values |= {
        "fill.error": _relative(found.fill, true.fill),
        "charge.error": _relative(found.charge, true.charge),
    }
    rows = [
        MetricValue(metric=f"{name}{suffix}", value=value, direction="lower", gauge=gauge)
        for name, value in values.items()
    ]
    if not (true.fill >= 0.5).any():
        return rows
    angles = validation.angular_error(a, b, magnet=np.clip(true.fill, 0, 1))
    for name, angle in (("median", angles.median), ("p95", angles.p95)):
        rows.append(
            MetricValue(
                metric=f"vector.angle_{name}{suffix}",
                value=math.degrees(angle),
                unit="deg",
                direction="lower",
                gauge=gauge,
            )
        )
    return [
        *rows,
        MetricValue(metric=f"vector.length{suffix}", value=angles.length, direction="match", gauge=gauge),
    ]


def motion_rows(
    frame: Frame, registration: validation.Registration | None, geometry: GeometryErrors | None
) -> list[MetricValue]:
    """Return the rows of the rigid shift, and of the errors of shifts and angles where they can be compared."""
    shift = math.nan if registration is None else frame.voxel_size * math.hypot(*registration.shift)
    rows = [MetricValue(metric="shift", value=shift, unit="m", direction="lower")]
    if geometry is None:
        return rows
    kept = np.isfinite(geometry.angle)
    length = _rms(np.linalg.norm(geometry.shift[kept], axis=1))
    angle, fitted = (math.degrees(_rms(values[kept])) for values in (geometry.angle, geometry.angle_fitted))
    return [
        *rows,
        MetricValue(
            metric="geometry.shift_error", value=length, unit="px", direction="lower", gauge="common motion removed"
        ),
        MetricValue(metric="geometry.angle_error", value=angle, unit="deg", direction="lower"),
        MetricValue(
            metric="geometry.angle_error.fitted",
            value=fitted,
            unit="deg",
            direction="lower",
            gauge="truth-fitted: common rotation",
        ),
    ]


def _relative(found: Array, true: Array) -> float:
    """Return the L2 norm of the difference over that of the truth; NaN where that is zero."""
    norm = float(np.sum(np.square(true, dtype=np.float64)))
    return math.sqrt(float(np.sum(np.square(found.astype(np.float64) - true))) / norm) if norm > 0 else math.nan


def _never_zero(vectors: Array) -> Array:
    result = vectors.astype(np.float64)
    result[2][~np.any(vectors != 0, axis=0)] = _TINY
    return result


def _rms(values: Array) -> float:
    return math.sqrt(float(np.mean(np.square(values)))) if len(values) else math.nan
