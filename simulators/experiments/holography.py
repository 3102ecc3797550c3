"""Fourier-transform holography of a magnetic film with both helicities.

- `expected_patterns`: the noise-free experiment and its truth;
- `detect`: one draw of noise, a `Measurement`;
- `simulate`: both.

The exit wave is computed window by window at a third of the reconstruction's pixel, the far field on the true
directions of a flat detector's pixels. Seeds make the optics ("optics") and the noise ("noise", draw, helicity,
exposure); the sample brings its own.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.streams import stream
from numerics.threads import threads
from optics import grids
from optics.coherence import coherence_length, coherence_length_of_kernel, combined_length
from optics.units import wavelength
from records import measurement
from simulators.beamline import detector as chip
from simulators.beamline.mask import Drawing
from simulators.beamline.source import far_field
from simulators.experiments import exit_waves
from simulators.experiments.exit_waves import Window
from simulators.experiments.holography_truth import make_truth
from simulators.experiments.setups import HolographySetup

Array = NDArray[Any]
Watch = Callable[[str, float], None]

_BAND = 1.125  # computed band over the detector's, so that its periodic continuation stays outside
_EXPOSURE = 300.0  # s per helicity; sets nothing but the unit of the exposure times


@dataclass(frozen=True)
class ExpectedPatterns:
    """The noise-free experiment.

    Attributes
    ----------
    patterns : (2, n, n) float64 array
        Photons per pixel and unit exposure, helicity +1 and -1, without beam stop and background.
    truth : Dataset
        The record `Truth`.
    nominal : Drawing
        The mask as drawn, which an experimenter knows.
    """

    patterns: Array
    truth: xr.Dataset
    nominal: Drawing


def expected_patterns(
    sample: xr.Dataset, setup: HolographySetup, *, seed: int, watch: Watch | None = None
) -> ExpectedPatterns:
    """Compute the noise-free patterns of `sample`.

    Parameters
    ----------
    sample : Dataset
        `Sample` on the setup's fine pixel, centred on the object hole and somewhat larger than it. Where its saturation
        magnetization varies, the strongest cells have the film's beta_m, weaker ones less.
    setup : HolographySetup
    seed : int
        Of the optics.
    watch : callable, optional
        Called with a word and the fraction done.

    Returns
    -------
    ExpectedPatterns

    Raises
    ------
    ValueError
        If sample and setup do not fit.
    """
    tell = watch or (lambda _word, _done: None)
    sample = _seen(sample)
    magnetization = _fitting(sample, setup)
    nominal, made, shift = exit_waves.true_mask(setup, seed)
    lengths = coherence_lengths(setup, nominal.reference_distance)
    energies, weights = spectral_lines(setup)
    n = setup.detector.n
    patterns = np.zeros((2, n, n))
    central: list[Window] = []
    for index, (energy, weight) in enumerate(zip(energies, weights, strict=True)):
        tell("exit waves", index / len(energies))
        windows = [exit_waves.object_window(magnetization, made.object_hole, setup, energy=energy, seed=seed)]
        windows += exit_waves.reference_windows(made.references, setup, energy=energy, seed=seed)
        windows = [exit_waves.lit(window, setup, energy=energy) for window in windows]
        if index == len(energies) // 2:
            central = windows
        tell("far field", (index + 0.5) / len(energies))
        patterns += weight * _patterns(windows, setup, energy=energy, lengths=lengths)
    truth = make_truth(sample, setup, windows=central, made=made, nominal=nominal, lengths=lengths, shift=shift)
    tell("done", 1.0)
    return ExpectedPatterns(patterns, truth, nominal)


def coherence_lengths(setup: HolographySetup, reference_distance: float) -> tuple[float, float]:
    """Return the coherence lengths (y, x), m, of source and vibration together."""
    source = setup.source
    length = coherence_length(source.visibility, reference_distance)
    shake = coherence_length_of_kernel(source.vibration, setup.field)
    ratio = np.sqrt(source.coherence_ratio)
    return combined_length(length * ratio, shake), combined_length(length / ratio, shake)


def spectral_lines(setup: HolographySetup) -> tuple[Array, Array]:
    """Return energies in eV and weights that stand for the Gaussian bandwidth (Gauss-Hermite nodes)."""
    source = setup.source
    if np.isinf(source.resolving_power) or source.energies == 1:
        return np.array([source.energy]), np.array([1.0])
    rms = source.energy / source.resolving_power / np.sqrt(8 * np.log(2))
    nodes, weights = np.polynomial.hermite.hermgauss(source.energies)
    return source.energy + np.sqrt(2) * rms * nodes, weights / np.sqrt(np.pi)


def _seen(sample: xr.Dataset) -> xr.Dataset:
    """Return the sample as a beam sees it, by its moment: cells weaker than the strongest count as partly filled."""
    if "saturation_magnetization" not in sample or sample["saturation_magnetization"].ndim == 0:
        return sample
    moments, magnet = sample["saturation_magnetization"], sample["magnet"]
    share = moments / float(moments.where(magnet > 0).max())
    return sample.assign(magnet=(magnet * share).astype(np.float32).assign_attrs(magnet.attrs))


def _fitting(sample: xr.Dataset, setup: HolographySetup) -> Array:
    """Return the sample's magnetization times its fill, or say why it does not fit the setup."""
    for axis in ("y", "x"):
        step = float(sample[axis][1] - sample[axis][0])
        if abs(step - setup.fine_pixel) > 1e-3 * setup.fine_pixel:
            raise ValueError(
                f"sample's cell along {axis} is {step:.4g} m; allowed: the fine pixel {setup.fine_pixel:.4g} m"
            )
        extent = step * sample.sizes[axis]
        if extent < setup.mask.hole_diameter + 100e-9:
            raise ValueError(
                f"sample is {extent:.4g} m along {axis}; allowed: from the hole and 100 nm, "
                f"{setup.mask.hole_diameter + 100e-9:.4g} m"
            )
    return np.asarray(sample["magnetization"].values * sample["magnet"].values[None], dtype=np.float32)


def _patterns(windows: list[Window], setup: HolographySetup, *, energy: float, lengths: tuple[float, float]) -> Array:
    """Return both helicities' patterns of one energy at the detector."""
    n, pitch = setup.detector.n, setup.detector.pitch
    kept = grids.samples_for(_BAND * n, 1.0)
    spectra = np.zeros((2, kept, kept), np.complex64)
    for window in windows:
        spectra += exit_waves.spectrum(window, setup, kept=kept)
    geometry: dict[str, Any] = {"pitch": pitch, "distance": setup.distance}
    f_y, f_x = grids.detector_frequencies(n, wavelength=wavelength(energy), **geometry)
    common: dict[str, Any] = {"field": setup.field, "coherence": lengths, "taper": (kept - n) // 2}
    patterns = far_field(spectra, frequency_y=f_y, frequency_x=f_x, **common)
    patterns *= grids.solid_angle_factor(n, **geometry) * (setup.wavelength / wavelength(energy)) ** 2
    if setup.source.harmonic_fraction > 0:
        patterns += _harmonic(spectra, setup, f_y, f_x, total=float(patterns.mean(axis=0).sum()))
    return patterns


def _harmonic(spectra: Array, setup: HolographySetup, f_y: Array, f_x: Array, *, total: float) -> Array:
    """Return the pattern of a higher harmonic: undichroic, drawn in to one over its order of the scattering radius.

    The harmonic's wave is taken as the mean of the helicities' exit waves.
    """
    order, fraction = setup.source.harmonic_order, setup.source.harmonic_fraction
    edge = spectra.shape[-1] / 2 * 0.9 / setup.field
    inside = np.maximum(np.abs(f_y), np.abs(f_x)) * order < edge
    mean = spectra.mean(axis=0)
    pattern = np.zeros(f_y.shape)
    pattern[inside] = far_field(
        np.stack([mean, mean]),
        field=setup.field,
        frequency_y=f_y[inside] * order,
        frequency_x=f_x[inside] * order,
        coherence=(np.inf, np.inf),
        taper=spectra.shape[-1] // 20,
    )[0]
    return pattern * (fraction / (1 - fraction) * total / pattern.sum())


def detect(
    expected: ExpectedPatterns, setup: HolographySetup, *, seed: int, draw: int = 0, names: tuple[str, ...] = ()
) -> xr.Dataset:
    """Detect the patterns once.

    Parameters
    ----------
    expected : ExpectedPatterns
    setup : HolographySetup
        Its detector is used; the dose may differ from the one `expected` was computed with.
    seed, draw : int
        Of the detector's dark offset and bad pixels (seed), and of the noise (both).
    names : tuple of str
        Further names of the noise: another state or dose of the same sample has noise of its own.

    Returns
    -------
    Dataset
        The record `Measurement`.
    """
    use, n = setup.detector, setup.detector.n
    radius = grids.radius_grid((n, n), use.pitch)
    speckle = setup.field / setup.mask.hole_diameter * use.pitch
    penumbra = use.penumbra * use.pitch
    plan = chip.plan_exposures(
        expected.patterns,
        radius,
        detector=use.chip,
        photons=use.photons,
        stops=tuple(stop * speckle for stop in use.stops),
        times=use.times,
        penumbra=penumbra,
    )
    offset = chip.dark_offset(n, use.chip, stream(seed, "optics", "dark offset"))
    bad = chip.bad_pixels(n, use.chip, stream(seed, "optics", "bad pixels"))
    background = _background(expected, setup, radius, plan.scale)

    def frame(place: tuple[int, int]) -> Array:
        helicity, exposure = place
        rng = stream(seed, "noise", *names, draw, helicity, exposure)
        flux = plan.time[exposure] * max(1 + setup.source.flux_drift * float(rng.standard_normal()), 0.0)
        passed = chip.stop_transmission(radius, float(plan.stop_radius[exposure]), penumbra)
        photons = (expected.patterns[helicity] * plan.scale * passed + background) * flux
        photons[bad] = 0
        reads = int(plan.accumulations[exposure])
        return chip.expose(photons, offset=offset, accumulations=reads, detector=use.chip, rng=rng)

    exposures = len(plan.time)
    places = [(helicity, exposure) for helicity in range(2) for exposure in range(exposures)]
    with ThreadPoolExecutor(threads()) as pool:
        frames = list(pool.map(frame, places))
    dark = chip.measured_dark(offset, use.chip, reads=use.dark_reads, rng=stream(seed, "noise", *names, draw, "dark"))
    valid = np.stack([chip.stop_valid(radius, stop, use.margin * use.pitch) & ~bad for stop in plan.stop_radius])
    return measurement.make(
        counts=np.stack(frames).reshape(2, exposures, n, n),
        dark=dark,
        valid=valid,
        exposures={
            "exposure_time": np.broadcast_to(plan.time * _EXPOSURE, (2, exposures)).copy(),
            "accumulations": plan.accumulations,
            "stop_radius": plan.stop_radius,
        },
        holes=_drawing(expected.nominal),
        scalars=_known(setup, expected.nominal),
        title=f"holography, {n} x {n} pixels, {use.photons:.3g} photons per helicity",
    )


def _background(expected: ExpectedPatterns, setup: HolographySetup, radius: Array, scale: float) -> Array | float:
    """Return background photons per pixel and helicity; no beam stop holds them, they come from elsewhere."""
    use = setup.detector
    if use.stray_fraction == 0:
        return use.background
    width = use.stray_width * use.n / 2 * use.pitch
    stray = np.exp(-0.5 * (radius / width) ** 2)
    total = use.stray_fraction * scale * expected.patterns.mean(axis=0).sum()
    return np.asarray(use.background + stray * (total / stray.sum()))


def _drawing(nominal: Drawing) -> dict[str, Any]:
    return {
        "hole_x": [hole.x for hole in nominal.holes],
        "hole_y": [hole.y for hole in nominal.holes],
        "hole_diameter": [hole.diameter for hole in nominal.holes],
        "hole_kind": [hole.kind for hole in nominal.holes],
    }


def _known(setup: HolographySetup, nominal: Drawing) -> dict[str, float]:
    film, use = exit_waves.film_of(setup), setup.detector
    delta_m, beta_m = film.magnetic_index(setup.source.energy)
    return {
        "energy": setup.source.energy,
        "distance": setup.distance,
        "pixel_pitch": use.pitch,
        "gain": use.chip.gain,
        "saturation": use.chip.saturation,
        "read_noise": use.chip.read_noise / use.chip.electrons_per_adu,
        "polarization": setup.source.polarization,
        "beta_m_t": beta_m * film.magnetic_thickness,
        "delta_m_t": delta_m * film.magnetic_thickness,
        "film_thickness": film.extent,
        "reference_distance": nominal.reference_distance,
    }


def simulate(sample: xr.Dataset, setup: HolographySetup, *, seed: int, draw: int = 0) -> tuple[xr.Dataset, xr.Dataset]:
    """Simulate the whole experiment once; return the `Measurement` and the `Truth`."""
    expected = expected_patterns(sample, setup, seed=seed)
    return detect(expected, setup, seed=seed, draw=draw), expected.truth
