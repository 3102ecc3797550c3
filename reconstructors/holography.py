"""The registered methods of holography: from a `Measurement` to a `Reconstruction`.

- `reconstruct_fth`: `fth`, the image by one transform;
- `reconstruct_hapre`: `hapre`, the published recipe;
- `reconstruct_hapre_plus`: `hapre+`, our best;
- `refuses`: why a measurement cannot be used.

What they are told is in the measurement: the drawing of the mask, P_c, beta_m t, the detector's pixels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import ndimage

from numerics import fourier, iterate
from optics.coherence import pixel_coherence
from reconstructors import dichroism, flags, fourier_transform_holography, hole_search, preparation, supports
from reconstructors.phase_retrieval import coherence, hapre, hapre_plus
from reconstructors.preparation import Patterns
from reconstructors.supports import Holes
from records import reconstruction

Array = NDArray[Any]
Watch = Sequence[iterate.Watcher]

_INSET = 8.0  # pixels of the hole's rim left out of the search for the focus


@dataclass(frozen=True)
class HolographyParameters:
    """Hyper-parameters of `fth`.

    Attributes
    ----------
    focus_range : float
        m, to either side.
    """

    focus_range: float = 3e-6


def refuses(measurement: xr.Dataset) -> str | None:
    """Return why `measurement` cannot be used, None where it can."""
    if measurement.attrs.get("kind") != "holography":
        return f"kind is {measurement.attrs.get('kind')!r}; holography is needed"
    if float(measurement["beta_m_t"]) == 0 or float(measurement["polarization"]) == 0:
        return "no dichroism: beta_m_t or polarization is 0"
    return None


def refuses_without_references(measurement: xr.Dataset) -> str | None:
    """Return why `measurement` cannot be used for holography by one transform."""
    if not any(str(kind) == "reference" for kind in measurement["hole_kind"].values):
        return "the mask has no reference hole"
    return refuses(measurement)


def reconstruct_fth(
    measurement: xr.Dataset,
    *,
    parameters: HolographyParameters,
    rng: np.random.Generator,
    given: xr.Dataset | None = None,
    watch: Watch = (),
) -> xr.Dataset:
    """Image by Fourier-transform holography, in focus."""
    patterns = preparation.prepare(measurement)
    holes = hole_search.locate(patterns, supports.from_drawing(measurement, patterns.pixel_size))
    reference, overlap = fourier_transform_holography.clearest_reference(holes)
    waves = [
        fourier.from_centre(fourier_transform_holography.object_image(image, holes, reference))
        for image in fourier_transform_holography.holograms(patterns, holes)
    ]
    # The image is blurred by the reference hole; its support has to hold the blur.
    refocus = _refocus(waves, holes, patterns, margin=holes.references[reference].radius)
    distance, _, _ = dichroism.find_focus(refocus, search=parameters.focus_range)
    m_z, support = _m_z(refocus, holes, patterns, measurement, distance, margin=3.0)
    return reconstruction.make(
        method="fth",
        results={
            **_frame(patterns, measurement, holes, (3.0, 3.0)),
            "m_z": m_z,
            "object_support": support,
            "focus": distance,
        },
        flags={
            "missing_centre": flags.missing_centre(measurement, field=patterns.n * patterns.pixel_size),
            "overlapped_image": (overlap > 0.05, overlap),
        },
        knowledge=KNOWLEDGE["fth"],
        parameters=asdict(parameters),
        gauge=("focus", "twin"),
    )


def reconstruct_hapre(
    measurement: xr.Dataset,
    *,
    parameters: hapre.Parameters,
    rng: np.random.Generator,
    given: xr.Dataset | None = None,
    watch: Watch = (),
) -> xr.Dataset:
    """Reconstruct by the published recipe."""
    patterns = preparation.prepare(measurement)
    holes = hole_search.locate(patterns, supports.from_drawing(measurement, patterns.pixel_size))
    margins = (parameters.object_margin, parameters.reference_margin)
    support = np.ascontiguousarray(fourier.from_centre(holes.support(*margins)))
    field = patterns.n * patterns.pixel_size
    kernel = None
    if given is not None and "coherence_kernel" in given:
        kernel = hapre.start_kernel(patterns.n, parameters).holding(given["coherence_kernel"].values)
    found = hapre.retrieve(
        [patterns.pattern(index) for index in range(2)],
        support,
        parameters=parameters,
        rng=rng,
        kernel=kernel,
        watch=watch,
    )
    refocus = _refocus(found.waves, holes, patterns, margin=margins[0])
    distance, least, most = dichroism.find_focus(refocus, search=parameters.focus_range)
    m_z, object_support = _m_z(refocus, holes, patterns, measurement, distance, margin=margins[0])
    m_z_converged = _patient_m_z(found, holes, patterns, measurement, parameters)
    reference = float(measurement["reference_distance"])
    beam: dict[str, Any] = {}
    if found.kernel is not None:
        beam = {"coherence_kernel": found.kernel, **_beam_of_kernel(found.kernel, field, reference)}
    made = reconstruction.make(
        method="hapre",
        results={
            **_frame(patterns, measurement, holes, margins),
            **_models(found.waves, found.models),
            **beam,
            "m_z": m_z,
            "object_support": object_support,
            "focus": distance,
            "history": found.errors,
        },
        flags=_flags(measurement, patterns, holes, found.waves, found.models, (least, most), margins[0])
        | {
            "unexplained": flags.unexplained(*found.misfits),
            "second_helicity": flags.second_helicity(*found.misfits),
            "lost_contrast": flags.lost_contrast(m_z, m_z_converged, holes.object_mask(-_INSET)),
        },
        knowledge=KNOWLEDGE["hapre"],
        parameters=asdict(parameters),
        gauge=("focus", "twin"),
    )
    # What helicity - would have given with patience; the scorer shows both.
    return made.assign(m_z_converged=(("y", "x"), m_z_converged, {"units": "1"}))


def _patient_m_z(
    found: hapre.Retrieved, holes: Holes, patterns: Patterns, measurement: xr.Dataset, parameters: hapre.Parameters
) -> Array:
    """Return m_z as it would be had helicity - been iterated to a stop rule, in its own focus."""
    margin = parameters.object_margin
    refocus = _refocus([found.waves[0], found.converged], holes, patterns, margin=margin)
    distance, _, _ = dichroism.find_focus(refocus, search=parameters.focus_range)
    return _m_z(refocus, holes, patterns, measurement, distance, margin=margin)[0]


def reconstruct_hapre_plus(
    measurement: xr.Dataset,
    *,
    parameters: hapre_plus.Parameters,
    rng: np.random.Generator,
    given: xr.Dataset | None = None,
    watch: Watch = (),
) -> xr.Dataset:
    """Reconstruct with shared references, a fitted beam and a plane found from the magnetization."""
    patterns = preparation.prepare(measurement)
    drawn = supports.from_drawing(measurement, patterns.pixel_size, object_scale=parameters.object_scale)
    holes = hole_search.locate(patterns, drawn)
    reference = float(measurement["reference_distance"])
    known = None
    if given is not None and "coherence_length" in given:
        lengths = given["coherence_length"].values
        known = coherence.SchellBeam((float(lengths[0] ** -2), float(lengths[1] ** -2)))
    found = hapre_plus.retrieve(
        patterns, holes, parameters=parameters, reference_distance=reference, rng=rng, beam=known, watch=watch
    )
    refocus = hapre_plus.refocus_of(found, patterns)
    m_z, support = _m_z(refocus, found.holes, patterns, measurement, found.focus, margin=3.0)
    beam: dict[str, Any] = {"visibility": found.beam.visibility(reference)}
    if all(np.isfinite(found.beam.length)):
        beam["coherence_length"] = found.beam.length
    return reconstruction.make(
        method="hapre+",
        results={
            **_frame(patterns, measurement, found.holes, found.margin),
            **_models(found.waves, found.models),
            **beam,
            "m_z": m_z,
            "object_support": support,
            "focus": found.focus,
            "history": found.errors,
        },
        flags=_flags(measurement, patterns, found.holes, found.waves, found.models, found.collinearity, 3.0),
        knowledge=KNOWLEDGE["hapre+"],
        parameters=asdict(parameters),
        gauge=("focus", "radial phase", "odd phase", "twin"),
    )


KNOWLEDGE: Mapping[str, tuple[str, ...]] = {
    "fth": ("drawing of the mask", "beta_m t", "degree of circular polarisation"),
    "hapre": ("drawing of the mask", "beta_m t", "degree of circular polarisation"),
    "hapre+": (
        "drawing of the mask",
        "detector pixels",
        "references carry no magnetic signal",
        "reference holes are round on average",
        "one ratio of magnetic dispersion to absorption",
        "beta_m t",
        "degree of circular polarisation",
    ),
}
"""What each method is told beyond the counts."""


def _refocus(waves: Sequence[Array], holes: Holes, patterns: Patterns, *, margin: float) -> dichroism.Refocus:
    inner = ndimage.distance_transform_edt(holes.object_mask(0)) > _INSET
    return dichroism.Refocus(
        waves,
        inner,
        holes.object_mask(margin),
        wavelength=patterns.wavelength,
        pixel_size=patterns.pixel_size,
    )


def _m_z(
    refocus: dichroism.Refocus,
    holes: Holes,
    patterns: Patterns,
    measurement: xr.Dataset,
    distance: float,
    *,
    margin: float,
) -> tuple[Array, NDArray[np.bool_]]:
    """Return absolute m_z in the film's plane, 0 outside of the object's support, and that support."""
    plus, minus = (refocus.whole(wave, patterns.n) for wave in refocus.at(distance))
    m_z = dichroism.out_of_plane(
        plus,
        minus,
        wavelength=patterns.wavelength,
        polarization=float(measurement["polarization"]),
        beta_m_t=float(measurement["beta_m_t"]),
    )
    support = holes.object_mask(margin)
    return np.where(support, m_z, 0).astype(np.float32), support


def _frame(patterns: Patterns, measurement: xr.Dataset, holes: Holes, margins: tuple[float, float]) -> dict[str, Any]:
    return {
        "pixel_size": patterns.pixel_size,
        "wavelength": patterns.wavelength,
        "intensity": patterns.intensity,
        "valid": patterns.valid,
        "reference_distance": float(measurement["reference_distance"]),
        "reference_support": holes.support(0, margins[1]) & ~holes.object_mask(margins[0]),
    }


def _models(waves: Sequence[Array], models: Sequence[Array]) -> dict[str, Any]:
    return {
        "exit_wave": np.stack([fourier.to_centre(wave) for wave in waves]),
        "model_intensity": np.stack([fourier.to_centre(model) for model in models]).astype(np.float32),
    }


def _beam_of_kernel(kernel: Array, field: float, reference: float) -> dict[str, Any]:
    """Return visibility and coherence lengths of a free kernel, from its transform at the reference distance.

    The kernel holds the blur by finite pixels too; its known part is taken off.
    """
    half = kernel.shape[0] // 2
    index = np.arange(-half, half + 1)
    wave = np.exp(2j * np.pi * index * reference / field)
    pixel = float(pixel_coherence(reference, 0.0, field=field))
    along = [abs(complex((kernel.sum(axis) * wave).sum())) / float(kernel.sum()) / pixel for axis in (1, 0)]
    lengths = [coherence.length_of(value, reference) for value in along]
    beam: dict[str, Any] = {"visibility": min(float(np.sqrt(along[0] * along[1])), 1.0)}
    return beam | ({"coherence_length": lengths} if np.all(np.isfinite(lengths)) else {})


def _flags(
    measurement: xr.Dataset,
    patterns: Patterns,
    holes: Holes,
    waves: Sequence[Array],
    models: Sequence[Array],
    collinearity: tuple[float, float],
    margin: float,
) -> dict[str, tuple[bool, float]]:
    explained = np.stack([fourier.to_centre(model) for model in models])
    return {
        "missing_centre": flags.missing_centre(measurement, field=patterns.n * patterns.pixel_size),
        "no_references": flags.no_references(measurement),
        "misfit": flags.misfit(patterns.intensity, explained, patterns.valid, patterns.exposure),
        "not_collinear": flags.not_collinear(*collinearity),
        "bright_rim": flags.bright_rim(fourier.to_centre(waves[0]), holes.object_mask(margin)),
    }
