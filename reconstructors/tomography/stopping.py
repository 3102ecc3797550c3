"""When to stop: at the misfit that noise and the projector's own error leave, known without any truth.

- `noise_misfit`: what noise of a given variance leaves; `white_misfit`: what noise as at the finest frequencies does;
- `model_misfit`: what the projector leaves by itself, from how far two differ; `second_projector`: the other of a pair;
- `discrepancy`: the stop rule; `ended_by`: which rule ended a run.

Misfits are ``|r|/|b|``, weighted as in `data_term.DataTerm`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.tomography.data_term import DataTerm
from reconstructors.tomography.fourier_slice import FourierSlices
from reconstructors.tomography.projector import Projector, plan_projector
from reconstructors.tomography.waves import WaveSlices, apart, plan_waves

Array = NDArray[Any]

FACTOR = 1.05

_FINEST = (0.4, 0.5)
"""Cycles per pixel, where images hold next to nothing but noise."""


@dataclass(frozen=True)
class Discrepancy:
    """Stop at the misfit `target`."""

    target: float

    def __call__(self, errors: Sequence[float]) -> bool:
        """Return whether the last misfit is the target or below."""
        return errors[-1] <= self.target


def discrepancy(noise: float, model: float = 0.0, *, factor: float = FACTOR) -> Discrepancy:
    """Return the rule that stops at ``factor sqrt(noise^2 + model^2)``.

    Raises
    ------
    ValueError
        If a misfit is negative or not finite, or the factor is not positive.
    """
    for name, value in (("noise", noise), ("model", model)):
        if not 0 <= value < np.inf:
            raise ValueError(f"{name} is {value}; allowed: a misfit from 0")
    if not 0 < factor < np.inf:
        raise ValueError(f"factor is {factor}; allowed: above 0")
    return Discrepancy(factor * float(np.hypot(noise, model)))


def noise_misfit(term: DataTerm, variance: Array | float) -> float:
    """Return the misfit of noise alone: the root of ``sum w variance`` over ``|b|``.

    Parameters
    ----------
    term : DataTerm
    variance : float, or array that broadcasts to (n, y, x)
        Of the data.
    """
    weights = np.ones(term.data.shape) if term.weights is None else term.weights
    return term.relative(float(np.sum(weights * np.broadcast_to(variance, weights.shape), dtype=np.float64)))


def white_misfit(term: DataTerm, projected: Array) -> float:
    """Return the misfit of white noise as strong as the residual is between 0.4 and 0.5 cycles per pixel.

    It is white where each pixel has its standard deviation for a unit, so that weights should be one over the variance.

    Parameters
    ----------
    term : DataTerm
    projected : (n, y, x) array
        Of the present estimate.
    """
    rest = (projected - term.data).astype(np.float32)
    if term.weights is not None:
        rest *= np.sqrt(term.weights)
    images = apart(rest, term.plan)
    v, u = (fourier.unshifted_frequencies(n, 1.0) for n in images.shape[1:])
    radius = np.hypot(v[:, None], u)
    finest = (radius >= _FINEST[0]) & (radius < _FINEST[1])
    powers = [np.mean(np.square(np.abs(fourier.fft2(image.astype(np.complex64))[finest]))) for image in images]
    return term.relative(radius.size * float(np.sum(powers, dtype=np.float64)))


def second_projector(plan: Projector) -> Projector:
    """Return the Fourier projector of the same geometry with the other shape of a voxel: box or point."""
    engine = plan.engine
    if isinstance(engine, WaveSlices):
        curved = engine.curved
        return plan_waves(
            plan.shape,
            plan.geometry,
            detector=curved.detector,
            curvature=engine.curvature,
            footprint=None if curved.shapes is not None else "box",
            dtype=plan.dtype,
        )
    is_box = isinstance(engine, FourierSlices) and engine.shapes is not None
    return plan_projector(
        plan.shape, plan.geometry, detector=plan.detector, footprint=None if is_box else "box", dtype=plan.dtype
    )


def model_misfit(term: DataTerm, x: Array, other: Projector | None = None) -> float:
    """Return the misfit of a projector by itself: how far two differ on the volume `x`, over the root of 2.

    A voxel as a point of a smooth field and as a box of constant value err to either side on what is finer than a
    voxel. Errors as large as each other, and independent, differ by the root of 2 times either; taken whole, the
    difference stops conjugate gradients too early (error 1.06 times the least with the root, 1.10 without, where data
    hold no such error; both at most 1.02 where they do).

    Parameters
    ----------
    term : DataTerm
    x : (c, z, y, x) array
        The present estimate.
    other : Projector, optional
        Default `second_projector` of the term's.
    """
    second = DataTerm(second_projector(term.plan) if other is None else other, term.data, term.weights, term.components)
    return term.relative(0.5 * term.squared(term.forward(x) - second.forward(x)))


def ended_by(errors: Sequence[float], rule: Discrepancy | None) -> str:
    """Return which rule ended a run: "discrepancy" or "steps"."""
    return "discrepancy" if rule is not None and errors and rule(errors) else "steps"
