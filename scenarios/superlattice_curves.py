"""Resolution of volumes of vectors: shell correlations of charge and components, cones.

- `Curves`, `correlations`: all curves of a pair of volumes; `curve_rows`: their rows, both periods at 1/7 and 0.5;
- `agreement_rows`: whether half sets claim what the truth confirms;
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import validation
from scenarios.holography_rows import MetricValue, period_rows
from scenarios.superlattice_frame import Frame, SuperlatticeSettings, Volumes

Array = NDArray[Any]
Curve = validation.CorrelationCurve

AXES = ("x", "y", "z")
HEADLINE = "1/7"
_CRITERIA = {HEADLINE: "", "0.5": ".0.5"}
_LEAST_SIZE = 64  # voxels along each axis: a slab's own few make too few shells


@dataclass(frozen=True)
class Curves:
    """Correlations of two volumes: of the charge, of each component, of the charge in cones about x, y, z."""

    charge: Curve
    components: tuple[Curve, ...]
    cones: tuple[Curve, ...]


def correlations(first: Volumes, second: Volumes, frame: Frame) -> Curves:
    """Correlate charge and components of two volumes in the frame."""
    mask = _padded(frame.soft)
    a, b = _padded(first.charge), _padded(second.charge)
    pairs = [(_padded(first.magnetization[i]), _padded(second.magnetization[i])) for i in range(3)]
    size = frame.voxel_size
    return Curves(
        charge=_curve(a, b, mask, size),
        components=tuple(_curve(c, d, mask, size) for c, d in pairs),
        cones=tuple(_curve(a, b, mask, size, axis) for axis in AXES),
    )


def curve_rows(
    curves: Curves, name: str, settings: SuperlatticeSettings, rng: np.random.Generator, *, gauge: str
) -> list[MetricValue]:
    """Return the rows of all curves: ``NAME``, ``NAME_x`` of components, ``NAME_cone_x`` of cones."""
    named = {name: curves.charge}
    named |= {f"{name}_{axis}": curve for axis, curve in zip(AXES, curves.components, strict=True)}
    named |= {f"{name}_cone_{axis}": curve for axis, curve in zip(AXES, curves.cones, strict=True)}
    rows = []
    for metric, curve in named.items():
        for criterion, ending in _CRITERIA.items():
            found = validation.resolution(curve, criterion=criterion, draws=settings.interval_draws, rng=rng)
            rows += period_rows(metric, found, "", gauge, ending=ending)
    return rows


def agreement_rows(halves: Curve, truth: Curve, settings: SuperlatticeSettings) -> list[MetricValue]:
    """Return the flag that the charge's half sets and the truth differ, and by how much."""
    level = settings.halves_disagree
    found = validation.halves_against_truth(halves, truth, criterion=HEADLINE, level=level or 1e-9)
    criterion = f"halves at 1/7, truth at 0.5: above {level:.0%}"
    return [
        MetricValue(metric="flag.halves_disagree", value=float(not found.agrees), criterion=criterion),
        MetricValue(metric="flag_value.halves_disagree", value=found.difference),
    ]


def _curve(a: Array, b: Array, mask: Array, size: float, axis: str | None = None) -> Curve:
    if not all(validation.varies(values, mask=mask) for values in (a, b)):
        return validation.blank_correlation(a.shape, pixel_size=size, mask=mask)
    if axis is None:
        return validation.fourier_shell_correlation(a, b, pixel_size=size, mask=mask)
    return validation.conical_shell_correlation(a, b, pixel_size=size, axis=axis, mask=mask)


def _padded(values: Array) -> Array:
    return np.pad(values, [((room + 1) // 2, room // 2) for room in (max(0, _LEAST_SIZE - n) for n in values.shape)])
