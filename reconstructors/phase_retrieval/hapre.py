"""`hapre`: the published recipe of holography-assisted phase retrieval, step by step.

First pass, coherent: RAAR and error reduction on helicity +, starting from the transform of the support; helicity -
from its result by 50 steps of error reduction. Second pass with partial coherence: the same, missing pixels filled from
the first pass, a free kernel of the mutual coherence improved by Richardson-Lucy steps now and then. Of the last
iterates the best are averaged.

- `Parameters`: the numbers of the recipe; `retrieve`: both exit waves.

References
----------
Battistelli et al., Optica 11, 234 (2024); numbers from the authors' public code; Clark et al., Nat. Commun. 3, 993
(2012).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier, iterate
from reconstructors.phase_retrieval import algorithms, starts
from reconstructors.phase_retrieval.coherence import RichardsonLucy
from reconstructors.phase_retrieval.magnitudes import BlurredMagnitudes, CoherentMagnitudes, Magnitudes, Pattern

Array = NDArray[Any]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Parameters:
    """Hyper-parameters of `hapre`; the defaults are the published recipe.

    Attributes
    ----------
    start : str
        "support" (published) or "random".
    reflections, reductions : int
        Steps of RAAR and of error reduction for helicity +.
    second_helicity : int
        Steps of error reduction for helicity -, from the result for helicity +.
    coherence : str
        "richardson-lucy" (second pass) or "none" (first pass only).
    deconvolve_every, deconvolutions : int
        Richardson-Lucy steps, and after how many iterations each time.
    kernel_width, kernel_window : int
        Pixels on which the kernel lives, and of the pattern's centre it is estimated from; 0 takes the whole pattern
        (published). A narrower kernel is faster and closer to the truth, but another result.
    precision : str
        Of the second pass: "single" or "double" (published); contrast and wall width differ by less than a
        thousandth. The first pass, which decides the brightness behind the beam stop and with it the contrast, is
        always in double precision; in single the contrast of some samples differs by a hundredth.
    object_margin, reference_margin : float
        Supports beyond the holes as drawn, pixels. The published ones are drawn by hand on the holographic image; wider
        than two pixels, the phases of the outer rings drift.
    averaged, last : int
        The best so many of the last so many iterates are averaged.
    focus_range : float
        m, to either side.
    """

    start: str = "support"
    reflections: int = 700
    reductions: int = 50
    second_helicity: int = 50
    coherence: str = "richardson-lucy"
    deconvolve_every: int = 20
    deconvolutions: int = 50
    kernel_width: int = 0
    kernel_window: int = 0
    precision: str = "single"
    object_margin: float = 2.0
    reference_margin: float = 2.0
    averaged: int = 30
    last: int = 60
    focus_range: float = 3e-6

    def __post_init__(self) -> None:
        """Refuse unknown words and empty recipes."""
        if self.start not in ("support", "random"):
            raise ValueError(f"start is {self.start!r}; allowed: support, random")
        if self.coherence not in ("richardson-lucy", "none"):
            raise ValueError(f"coherence is {self.coherence!r}; allowed: richardson-lucy, none")
        if self.precision not in ("single", "double"):
            raise ValueError(f"precision is {self.precision!r}; allowed: single, double")
        if min(self.reflections, self.reductions, self.second_helicity) < 1:
            raise ValueError("reflections, reductions and second_helicity; allowed: from 1")


@dataclass
class Retrieved:
    """Result of the recipe.

    Attributes
    ----------
    waves : list of two (n, n) complex64
        Exit waves, unshifted.
    converged : (n, n) complex64
        Helicity - iterated to a stop rule instead of a fixed number of steps.
    models : list of two (n, n) array
        Intensity as explained, photons, unshifted.
    kernel : array or None
        Of the mutual coherence, origin in the middle.
    errors : list of float
        Misfit of helicity + step by step.
    misfits : tuple of float
        Last misfit of helicity + and -.
    """

    waves: list[Array]
    converged: Array
    models: list[Array]
    kernel: Array | None
    errors: list[float]
    misfits: tuple[float, float]


class _Best:
    """Keep the mean of the best of the last iterates."""

    def __init__(self, averaged: int, first: int) -> None:
        self._kept: list[tuple[float, Array]] = []
        self._averaged, self._first = averaged, first

    def offer(self, index: int, error: float, wave: Array) -> None:
        """Consider the iterate `index`."""
        if index < self._first:
            return
        if len(self._kept) < self._averaged:
            self._kept.append((error, wave.copy()))
            return
        worst = max(range(len(self._kept)), key=lambda i: self._kept[i][0])
        if error < self._kept[worst][0]:
            self._kept[worst][1][...] = wave
            self._kept[worst] = (error, self._kept[worst][1])

    def mean(self) -> Array:
        """Return the mean of what was kept."""
        total = np.zeros_like(self._kept[0][1])
        for _, wave in sorted(self._kept, key=lambda kept: kept[0]):
            total += wave
        return np.asarray(total / len(self._kept), dtype=total.dtype)


def retrieve(
    patterns: Sequence[Pattern],
    support: Mask,
    *,
    parameters: Parameters,
    rng: np.random.Generator,
    kernel: RichardsonLucy | None = None,
    watch: Sequence[iterate.Watcher] = (),
) -> Retrieved:
    """Run the recipe.

    Parameters
    ----------
    patterns : sequence of two Pattern
        Helicity +1 and -1.
    support : (n, n) bool
        Unshifted.
    parameters : Parameters
    rng : numpy.random.Generator
        For random starts.
    kernel : RichardsonLucy, optional
        Coherence from other data of the same beam; it is then held, and the coherent pass is left out.
    watch : sequence of callable
        Each called with (step, error).
    """
    # A value of zero or less after the background is off says nothing to this recipe: it floats.
    floating = [replace(pattern, valid=pattern.valid & (pattern.amplitude > 0)) for pattern in patterns]
    plain: list[Magnitudes] = [CoherentMagnitudes(pattern) for pattern in floating]
    held = kernel is not None
    if parameters.coherence == "none" or not held:
        waves, errors = _pass(plain, floating, support, replace(parameters, precision="double"), rng, watch)
        magnitudes = plain
    if parameters.coherence != "none":
        filled = floating if held else [_filled(pattern, wave) for pattern, wave in zip(floating, waves, strict=True)]
        kernel = kernel or start_kernel(support.shape[0], parameters)
        mutual = kernel.mutual()
        blurred = [BlurredMagnitudes(pattern, mutual) for pattern in filled]
        magnitudes = list(blurred)
        improve = None if held else _improver(kernel, blurred, filled[0], parameters)
        waves, errors = _pass(magnitudes, filled, support, parameters, rng, watch, improve=improve)
    misfits = (magnitudes[0].error, magnitudes[1].error)
    return Retrieved(
        waves=waves,
        converged=_converged(magnitudes[1], support, waves[1]),
        models=[m.model(wave).copy() for m, wave in zip(magnitudes, waves, strict=True)],
        kernel=None if parameters.coherence == "none" or kernel is None else kernel.centred(),
        errors=errors,
        misfits=misfits,
    )


def start_kernel(n: int, parameters: Parameters) -> RichardsonLucy:
    """Return the kernel that the recipe begins with, for patterns of `n` pixels a side."""
    return RichardsonLucy(n=n, width=parameters.kernel_width or n - 1, window=parameters.kernel_window or n)


def _pass(
    magnitudes: Sequence[Magnitudes],
    patterns: Sequence[Pattern],
    support: Mask,
    parameters: Parameters,
    rng: np.random.Generator,
    watch: Sequence[iterate.Watcher],
    improve: Any = None,
) -> tuple[list[Array], list[float]]:
    """Retrieve helicity + by RAAR and error reduction, then helicity - from it."""
    if parameters.start == "random":
        wave = starts.random_start(patterns[0], support, rng)
    else:
        wave = starts.from_support(patterns[0], support)
    dtype = np.complex64 if parameters.precision == "single" else np.complex128
    wave = wave.astype(dtype)
    beta = algorithms.raar_schedule(parameters.reflections)
    steps = parameters.reflections + parameters.reductions
    best = _Best(parameters.averaged, steps - parameters.last)
    errors: list[float] = []
    for each, count in (
        (
            algorithms.RelaxedAlternatingReflections(magnitudes[0], support, beta=beta, dtype=dtype),
            parameters.reflections,
        ),
        (algorithms.ErrorReduction(magnitudes[0], support, dtype=dtype), parameters.reductions),
    ):
        for state, error in iterate.iterate(each, wave, steps=count, watch=watch):
            wave = state
            best.offer(len(errors), error, wave)
            errors.append(error)
            if improve is not None and len(errors) % parameters.deconvolve_every == 0:
                improve(wave)
    plus = _projected(magnitudes[0], best.mean())
    ratio = np.sqrt(patterns[1].photons() / patterns[0].photons())
    minus = (plus * support * ratio).astype(dtype)
    minus, _ = iterate.run(
        algorithms.ErrorReduction(magnitudes[1], support, dtype=dtype),
        minus,
        steps=parameters.second_helicity,
        watch=watch,
    )
    return [plus, _projected(magnitudes[1], minus)], errors


def _improver(
    kernel: RichardsonLucy, magnitudes: Sequence[BlurredMagnitudes], pattern: Pattern, parameters: Parameters
) -> Any:
    """Return what improves the kernel between iterations, from ``I_D = 2 I_k - I_(k-1)``."""
    measured = np.square(pattern.amplitude, dtype=np.float64)
    before: list[Array] = []

    def improve(wave: Array) -> None:
        now = magnitudes[0].own(wave).astype(np.float64)
        direction = 2 * now - before[0] if before else now
        before[:] = [now]
        kernel.update(direction, measured, pattern.valid, steps=parameters.deconvolutions)
        mutual = kernel.mutual()
        for each in magnitudes:
            each.mutual = mutual

    return improve


def _filled(pattern: Pattern, wave: Array) -> Pattern:
    """Return the pattern with its missing pixels taken from a wave, all valid."""
    mine = np.abs(fourier.fft2(wave)).astype(np.float32)
    return Pattern(np.where(pattern.valid, pattern.amplitude, mine), np.ones_like(pattern.valid))


def _projected(magnitudes: Magnitudes, wave: Array) -> Array:
    out = np.zeros_like(wave)
    magnitudes.onto(np.ascontiguousarray(wave), out)
    return out


def _converged(magnitudes: Magnitudes, support: Mask, wave: Array) -> Array:
    """Return the wave after error reduction until 50 steps gain less than a hundredth, 1500 steps at most."""
    state, _ = iterate.run(
        algorithms.ErrorReduction(magnitudes, support, dtype=wave.dtype),
        (wave * support).astype(wave.dtype),
        steps=1500,
        stop=iterate.settled(fraction=0.01, window=50),
    )
    return _projected(magnitudes, state)
