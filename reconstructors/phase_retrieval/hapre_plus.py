"""`hapre+`: our best reconstruction of a dichroic hologram.

Both helicities are retrieved together with shared reference holes; the beam's coherence is a Gaussian Schell model
fitted on the way, the detector's pixels are known; supports start tight, which decides the outer rings, and end wide,
since light leaks into the walls of the holes; the plane is put right by the hole's edge and, at last, by the
magnetization itself.

- `Parameters`: stages and numbers;
- `retrieve`: both exit waves, the beam and the film's plane;
- `Retrieved`: what comes out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier, iterate
from reconstructors import aberrations, dichroism
from reconstructors.phase_retrieval import algorithms, coherence, joint, starts
from reconstructors.phase_retrieval.coherence import SchellBeam
from reconstructors.phase_retrieval.magnitudes import BlurredMagnitudes, Magnitudes, TiltedMagnitudes
from reconstructors.preparation import Patterns
from reconstructors.supports import Holes

Array = NDArray[Any]


_NEAR = 100e-9  # m; how far a further search for the film's plane goes


@dataclass(frozen=True)
class Stage:
    """A stretch of joint phase retrieval.

    Attributes
    ----------
    object_margin, reference_margin : float
        By how much the supports are wider than the holes as drawn, pixels.
    reflections : int
        Steps of RAAR.
    relaxation : float
        RAAR's beta. Near one the inner rings settle fast while noise lets the outermost ones drift; a lower one then
        pins these.
    reductions : int
        Steps of error reduction afterwards.
    """

    object_margin: float
    reference_margin: float
    reflections: int
    relaxation: float
    reductions: int = 10


@dataclass(frozen=True)
class Parameters:
    """Hyper-parameters of `hapre+`.

    Attributes
    ----------
    start : str
        "holes" (flat waves in the holes, amplitude and phase fitted) or "random".
    search : tuple of int
        RAAR and error-reduction steps of each helicity alone, before each of the two searches for the sharp plane.
    rounds : tuple of tuple of Stage
        After each round the film's plane is found and the radial phase put right. The first supports are tight, which
        decides the outer rings, the last are wide.
    relaxation : float
        RAAR's beta in the searches.
    visibility : float
        Assumed of the farthest reference to begin with.
    coherence : str
        "fitted": the mutual coherence of a fitted Gaussian Schell beam, exact; "few-tilts": the same beam as four
        tilted waves; "none": a beam taken to be coherent.
    focus_range : float
        m, to either side.
    object_scale : float
        Size of the object's support over the drawing's; 1 unless a wrong support is to be studied.
    """

    start: str = "holes"
    search: tuple[int, int] = (50, 10)
    rounds: tuple[tuple[Stage, ...], ...] = (
        (Stage(3, 3, 100, 0.96), Stage(3, 4, 200, 0.96), Stage(3, 3, 100, 0.75)),
        (Stage(4, 5, 30, 0.75), Stage(6, 8, 30, 0.75), Stage(8, 12, 60, 0.75)),
    )
    relaxation: float = 0.9
    visibility: float = 0.9
    coherence: str = "fitted"
    focus_range: float = 3e-6
    object_scale: float = 1.0

    def __post_init__(self) -> None:
        """Refuse unknown words."""
        for name, value, allowed in (
            ("start", self.start, ("holes", "random")),
            ("coherence", self.coherence, ("fitted", "few-tilts", "none")),
        ):
            if value not in allowed:
                raise ValueError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")


@dataclass
class Retrieved:
    """Result of a phase retrieval.

    Attributes
    ----------
    waves : list of two (n, n) complex64
        Exit waves, unshifted.
    beam : SchellBeam
    holes : Holes
    focus : float
        Distance from the waves' plane to the film, m.
    collinearity : tuple of float
        Least (at the focus) and largest met.
    models : list of two (n, n) array
        Intensity as explained, unshifted, photons.
    errors : list of float
        Misfit step by step.
    margin : tuple of float
        Of the last supports, pixels.
    """

    waves: list[Array]
    beam: SchellBeam
    holes: Holes
    focus: float = 0.0
    collinearity: tuple[float, float] = (0.0, 1.0)
    models: list[Array] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    margin: tuple[float, float] = (3.0, 3.0)


class _Work:
    """The state that the stages hand on."""

    def __init__(
        self, patterns: Patterns, holes: Holes, parameters: Parameters, beam: SchellBeam, *, held: bool
    ) -> None:
        self._focused = False
        self._held = held or parameters.coherence == "none"
        self.patterns = patterns
        self.parameters = parameters
        self.measured = [patterns.pattern(index) for index in range(2)]
        self.pixel = coherence.pixel_mutual(patterns.n, patterns.pixel_size)
        self.result = Retrieved([], beam, holes)
        self.magnitudes = self._magnitudes()

    def _magnitudes(self) -> Sequence[Magnitudes]:
        n, pixel_size = self.patterns.n, self.patterns.pixel_size
        if self.parameters.coherence == "few-tilts":
            tilts = coherence.few_tilts(self.result.beam, n, pixel_size)
            return [TiltedMagnitudes(measured, tilts) for measured in self.measured]
        mutual = self.result.beam.mutual(n, pixel_size) * self.pixel
        return [BlurredMagnitudes(measured, mutual) for measured in self.measured]

    def fit_beam(self) -> None:
        """Fit the coherence to the current waves."""
        if self._held:
            return
        own = [np.square(np.abs(fourier.fft2(wave)), dtype=np.float64) for wave in self.result.waves]
        self.result.beam = coherence.fit_schell(
            own, self.measured, pixel=self.pixel, pixel_size=self.patterns.pixel_size, start=self.result.beam
        )
        self.magnitudes = self._magnitudes()

    def alone(self) -> None:
        """Retrieve each helicity by itself for a while, with tight supports."""
        reflections, reductions = self.parameters.search
        support = np.ascontiguousarray(fourier.from_centre(self.result.holes.support(3, 2)))
        for index, magnitudes in enumerate(self.magnitudes):
            beta = algorithms.constant(self.parameters.relaxation)
            for solver, steps in (
                (algorithms.RelaxedAlternatingReflections(magnitudes, support, beta=beta), reflections),
                (algorithms.ErrorReduction(magnitudes, support), reductions),
            ):
                self.result.waves[index], errors = iterate.run(solver, self.result.waves[index], steps=steps)
                if index == 0:
                    self.result.errors += errors

    def together(self, stage: Stage, watch: Sequence[iterate.Watcher]) -> None:
        """Do a stage."""
        holes = self.result.holes
        support = joint.SharedReferences(
            holes.object_mask(stage.object_margin), holes.reference_masks(stage.reference_margin)
        )
        self.result.margin = (stage.object_margin, stage.reference_margin)
        for solver, steps in (
            (joint.JointReflections(self.magnitudes, support, beta=stage.relaxation), stage.reflections),
            (joint.JointErrorReduction(self.magnitudes, support), stage.reductions),
        ):
            self.result.waves, errors = iterate.run(solver, self.result.waves, steps=steps, watch=watch)
            self.result.errors += errors
        self.unwarp()
        self.fit_beam()

    def sharpen(self) -> None:
        """Bring the waves to the plane in which the hole is sharp."""
        waves, _ = starts.into_sharp_plane(
            self.result.waves,
            self.result.holes,
            wavelength=self.patterns.wavelength,
            pixel_size=self.patterns.pixel_size,
        )
        self.result.waves = [np.ascontiguousarray(wave, dtype=np.complex64) for wave in waves]
        self.unwarp()

    def unwarp(self) -> None:
        """Take off the odd phase error, which makes the reference holes lopsided."""
        coefficients = aberrations.odd_phase(self.result.waves, self.result.holes)
        self._take_off(aberrations.odd_map(self.patterns.n, coefficients))

    def _take_off(self, phase: NDArray[np.float64]) -> None:
        self.result.waves = [aberrations.remove(wave, phase) for wave in self.result.waves]

    def focus(self) -> dichroism.Refocus:
        """Find the film's plane; near the last one where it was found before."""
        found = refocus_of(self.result, self.patterns)
        if self._focused:
            distance, least, _ = dichroism.find_focus(found, search=_NEAR, centre=self.result.focus)
            most = self.result.collinearity[1]
        else:
            distance, least, most = dichroism.find_focus(found, search=self.parameters.focus_range)
        self._focused = True
        self.result.focus, self.result.collinearity = distance, (least, max(least, most))
        return found

    def straighten(self, rounds: int = 2) -> None:
        """Find the film's plane and take off what radial phase error is left."""
        for _ in range(rounds):
            coefficients = aberrations.radial_phase(self.focus(), self.result.focus)
            self._take_off(aberrations.radial_map(self.patterns.n, coefficients))
        self.focus()


def retrieve(
    patterns: Patterns,
    holes: Holes,
    *,
    parameters: Parameters,
    reference_distance: float,
    rng: np.random.Generator,
    beam: SchellBeam | None = None,
    watch: Sequence[iterate.Watcher] = (),
) -> Retrieved:
    """Retrieve both exit waves.

    Parameters
    ----------
    patterns : Patterns
    holes : Holes
        As located.
    parameters : Parameters
    reference_distance : float
        Nominal, m; the unit of the first guess at the coherence.
    rng : numpy.random.Generator
        For random starts.
    beam : SchellBeam, optional
        Coherence found from other data of the same beam; it is then held.
    watch : sequence of callable
        Each called with (step, error).
    """
    guess = -2 * np.log(parameters.visibility) / reference_distance**2 if parameters.coherence != "none" else 0.0
    work = _Work(patterns, holes, parameters, beam or SchellBeam((guess, guess)), held=beam is not None)
    support = fourier.from_centre(work.result.holes.support(3, 2))
    for measured in work.measured:
        if parameters.start == "random":
            work.result.waves.append(starts.random_start(measured, support, rng))
        else:
            work.result.waves.append(starts.from_holes(measured, work.result.holes))
    for _ in range(2):
        work.alone()
        work.sharpen()
    work.fit_beam()
    for stages in parameters.rounds:
        for stage in stages:
            work.together(stage, watch)
        work.straighten()
    work.result.models = [m.model(wave).copy() for m, wave in zip(work.magnitudes, work.result.waves, strict=True)]
    return work.result


def refocus_of(result: Retrieved, patterns: Patterns, *, inset: float = 8.0) -> dichroism.Refocus:
    """Return the object's waves ready to be brought to other planes, `inset` pixels of the rim left out of measures."""
    hole = result.holes.object_mask(0)
    inner = ndimage.distance_transform_edt(hole) > inset
    return dichroism.Refocus(
        result.waves,
        inner,
        result.holes.object_mask(result.margin[0]),
        wavelength=patterns.wavelength,
        pixel_size=patterns.pixel_size,
    )
