"""Phase retrieval of both helicities at once, the reference holes shared.

Light through a reference hole meets no magnet, so its exit wave is the same for both helicities but for one complex
factor (the illumination). That ties the two problems together: twice the data for the references, and no relative
shift, focus or phase between the helicities.

- `SharedReferences`: the projection onto support and shared references;
- `JointErrorReduction`, `JointReflections` (RAAR): the algorithms with it.

A state is a list of two waves, unshifted, changed in place.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.phase_retrieval import kernels
from reconstructors.phase_retrieval.magnitudes import Magnitudes

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Waves = list[Array]


class SharedReferences:
    """Support and references of both helicities.

    Parameters
    ----------
    object_mask : (n, n) bool
        Centred.
    reference_masks : sequence of (n, n) bool
        One for each hole, centred, not overlapping.
    """

    def __init__(self, object_mask: Mask, reference_masks: Sequence[Mask]) -> None:
        self.objects = np.ascontiguousarray(fourier.from_centre(object_mask))
        self.references = [np.flatnonzero(fourier.from_centre(mask)) for mask in reference_masks]
        self.everything = self.objects.copy()
        for index in self.references:
            self.everything.reshape(-1)[index] = True

    def shared(self, values: Sequence[Sequence[Array]]) -> list[list[Array]]:
        """Return the nearest values of both helicities that differ by one complex factor, hole by hole.

        `values` holds, for each helicity, the wave on the pixels of each hole. Rank one of a 2-column matrix: its
        first singular pair, in closed form.
        """
        first, second = [], []
        for a, b in zip(values[0], values[1], strict=True):
            aa, bb = float(np.vdot(a, a).real), float(np.vdot(b, b).real)
            ab = complex(np.vdot(a, b))
            if aa == 0 or bb == 0 or ab == 0:
                first.append(a)
                second.append(b)
                continue
            # Eigenvector (u, v) of the Gram matrix [[aa, ab], [ab*, bb]] with the larger eigenvalue.
            top = 0.5 * (aa + bb) + np.sqrt(0.25 * (aa - bb) ** 2 + abs(ab) ** 2)
            u, v = ab, top - aa
            norm = np.sqrt(abs(u) ** 2 + v**2)
            u, v = u / norm, v / norm
            common = a * u + b * v
            first.append((common * np.conj(u)).astype(a.dtype))
            second.append((common * v).astype(a.dtype))
        return [first, second]

    def take(self, wave: Array) -> list[Array]:
        """Return `wave` on the pixels of each reference."""
        flat = wave.reshape(-1)
        return [flat[index] for index in self.references]


class _Joint:
    def __init__(self, magnitudes: Sequence[Magnitudes], support: SharedReferences) -> None:
        self.magnitudes = list(magnitudes)
        self.support = support
        self._onto: Waves = [np.zeros(support.objects.shape, np.complex64) for _ in magnitudes]

    def error(self, state: Waves) -> float:
        """Return the mean misfit of the magnitudes of both helicities seen by the last step."""
        return float(np.mean([magnitudes.error for magnitudes in self.magnitudes]))

    def _magnitudes(self, state: Waves) -> None:
        for magnitudes, wave, onto in zip(self.magnitudes, state, self._onto, strict=True):
            magnitudes.onto(wave, onto)


class JointErrorReduction(_Joint):
    """``x <- P_S P_M x`` with `SharedReferences`."""

    def step(self, state: Waves) -> Waves:
        """Return the next waves."""
        self._magnitudes(state)
        shared = self.support.shared([self.support.take(onto) for onto in self._onto])
        for wave, onto, values in zip(state, self._onto, shared, strict=True):
            kernels.keep_inside(wave, onto, self.support.objects)
            flat = wave.reshape(-1)
            for index, value in zip(self.support.references, values, strict=True):
                flat[index] = value
        return state


class JointReflections(_Joint):
    """RAAR, ``x <- beta/2 (R_S R_M + 1) x + (1 - beta) P_M x``, with `SharedReferences`.

    Outside of the object that is ``beta x + (1 - 2 beta) P_M x + beta P_S(2 P_M x - x)``.

    Parameters
    ----------
    magnitudes : sequence of two Magnitudes
    support : SharedReferences
    beta : float
    """

    def __init__(self, magnitudes: Sequence[Magnitudes], support: SharedReferences, *, beta: float) -> None:
        super().__init__(magnitudes, support)
        self.beta = beta

    def step(self, state: Waves) -> Waves:
        """Return the next waves."""
        self._magnitudes(state)
        reflected = [
            [2 * new - old for new, old in zip(self.support.take(onto), self.support.take(wave), strict=True)]
            for wave, onto in zip(state, self._onto, strict=True)
        ]
        shared = self.support.shared(reflected)
        beta = np.float32(self.beta)
        for wave, onto, values in zip(state, self._onto, shared, strict=True):
            kernels.mix_outside(wave, onto, self.support.objects, beta, np.float32(1 - 2 * self.beta))
            flat = wave.reshape(-1)
            for index, value in zip(self.support.references, values, strict=True):
                flat[index] += beta * value
        return state
