"""The whole holography experiment: sizes, signs, scales, truth, heterodyne gain, determinism, bad input."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from numerics import fourier
from numerics.streams import stream
from numerics.threads import use_threads
from optics.grids import positions, radius_grid
from optics.propagation import propagate
from optics.units import wavenumber
from records import measurement, truth
from simulators.beamline.source import Illumination
from simulators.experiments import exit_waves, holography
from simulators.experiments.setups import (
    DetectorSetup,
    FilmSetup,
    HolographySetup,
    MaskSetup,
    SourceSetup,
    paper_setup,
    quick_setup,
)
from simulators.samples.multilayer import labyrinth_multilayer

TINY = HolographySetup(
    mask=MaskSetup(hole_diameter=260e-9, references=3, layers=(("Au", 1e-6),), slice_thickness=25e-9),
    detector=DetectorSetup(n=256, photons=1e8, stops=(0.9, 3.0), times=(1.0, 4.0)),
)


def film(setup: HolographySetup, seed: int = 0, wall_width: float = 5.1e-9):
    return labyrinth_multilayer(
        extent=setup.window, pixel_size=setup.fine_pixel, wall_width=wall_width, rng=stream(seed, "sample")
    )


def changed(setup: HolographySetup, **tables) -> HolographySetup:
    return replace(setup, **{name: replace(getattr(setup, name), **values) for name, values in tables.items()})


@pytest.fixture(scope="module")
def quick():
    setup = quick_setup()
    expected = holography.expected_patterns(film(setup), setup, seed=0)
    return setup, expected, holography.detect(expected, setup, seed=0)


@pytest.fixture(scope="module")
def tiny():
    return film(TINY), holography.expected_patterns(film(TINY), TINY, seed=0)


def test_records_are_complete(quick) -> None:
    setup, expected, data = quick
    measurement.check(data)
    truth.check(expected.truth)
    assert measurement.reconstruction_pixel(data) == pytest.approx(setup.pixel)
    assert data.sizes["exposure"] == 6
    assert float(data["distance"]) == pytest.approx(23.0e-3, rel=0.01)
    assert json.loads(expected.truth.attrs["setup"])["source"]["resolving_power"] == "inf"


def test_photons_are_the_detected_ones(quick) -> None:
    setup, _, data = quick
    reads = data["accumulations"].values[:, None, None].astype(float)
    photons = (data["counts"].values - reads * data["dark"].values) / float(data["gain"])
    assert photons.sum(axis=(1, 2, 3)).mean() == pytest.approx(setup.detector.photons, rel=2e-3)
    assert (data["counts"].values / reads).max() < 0.8 * float(data["saturation"])


def test_truth_is_what_focusing_the_exit_wave_gives(quick) -> None:
    setup, expected, _ = quick
    record = expected.truth
    waves = record["exit_wave"].values.astype(np.complex128) * (record["visible"].values > 1e-3)
    plus, minus = propagate(waves, float(record["focus"]), wavelength=setup.wavelength, pixel_size=setup.pixel)
    scale = 2 * wavenumber(setup.source.energy) * float(record["polarization"]) * float(record["beta_m_t"])
    m_z = -np.log(np.abs(plus / minus)) / scale
    hole = expected.nominal.object_hole
    core = radius_grid(m_z.shape, setup.pixel, (hole.y, hole.x)) < 0.4 * hole.diameter
    found, known = m_z[core], record["m_z"].values[core].astype(np.float64)
    assert np.vdot(known, found) / np.vdot(known, known) == pytest.approx(1, abs=0.01)
    assert np.corrcoef(known, found)[0, 1] > 0.998
    assert np.abs(plus[core]).mean() == pytest.approx(0.515, abs=0.015)
    assert 0.5 * scale == pytest.approx(0.07, abs=0.005)


def test_exit_wave_lies_where_the_mask_is(quick) -> None:
    setup, expected, _ = quick
    record = expected.truth
    power = (np.abs(record["exit_wave"].values) ** 2).mean(axis=0)
    visible = record["visible"].values
    part = record["reference_part"].values
    assert power[visible > 1e-3].sum() + power[part].sum() == pytest.approx(power.sum(), rel=1e-3)
    x = positions(setup.detector.n, setup.pixel)
    shift = record["shift"].values
    hole = expected.nominal.object_hole
    centre = [np.sum(visible * x[:, None]) / visible.sum(), np.sum(visible * x) / visible.sum()]
    assert centre == pytest.approx([hole.y + shift[0], hole.x + shift[1]], abs=12e-9)
    assert np.abs(shift).max() <= 2 * setup.pixel


def test_fth_image_shows_the_domains_at_the_drawn_places(quick) -> None:
    setup, expected, _ = quick
    n = setup.detector.n
    soft = np.clip(radius_grid((n, n)) / 20, 0, 1) ** 2
    image = fourier.centred_ifft2((expected.patterns[0] - expected.patterns[1]) * soft)
    record = expected.truth
    m_z = record["m_z"].values * (record["visible"].values > 0.99)
    # object minus reference: the cross term with this reference lies at the object's place less the reference's
    sizes = []
    for reference in expected.nominal.references:
        shift = [
            round((v + s) / setup.pixel)
            for v, s in zip((reference.y, reference.x), record["shift"].values, strict=True)
        ]
        moved = np.roll(m_z, [-s for s in shift], axis=(0, 1))
        here = moved != 0
        sizes.append(
            abs(np.corrcoef(image.real[here], moved[here])[0, 1])
            + abs(np.corrcoef(image.imag[here], moved[here])[0, 1])
        )
    # one reference stands alone: its image is clear; the others share what room is left
    assert sizes[0] == max(sizes) > 1.2
    assert np.mean(sizes) > 0.5


def test_helicity_reversal_and_magnetisation_reversal_are_one(tiny) -> None:
    sample, expected = tiny
    turned = sample.copy(deep=True)
    turned["magnetization"] = -turned["magnetization"]
    patterns = holography.expected_patterns(turned, TINY, seed=0).patterns
    assert np.allclose(patterns[::-1], expected.patterns, rtol=1e-3, atol=1e-6 * patterns.max())


def magnetic_spectrum(wall_width: float) -> tuple[np.ndarray, np.ndarray]:
    m_z = film(quick_setup(), wall_width=wall_width)["magnetization"].values[2, 0]
    n, pixel = m_z.shape[0], quick_setup().fine_pixel
    spectrum = np.abs(fourier.centred_fft2(m_z)) ** 2
    q = 2 * np.pi * radius_grid((n, n), 1 / (n * pixel)) * 1e-9
    edges = np.geomspace(0.1, 0.2, 7)
    mean = [np.sqrt(spectrum[(q >= low) & (q < high)].mean()) for low, high in itertools.pairwise(edges)]
    return np.sqrt(edges[1:] * edges[:-1]), np.array(mean)


def test_magnetic_amplitude_falls_as_the_square_of_q() -> None:
    slope = np.polyfit(*np.log(magnetic_spectrum(5.1e-9)), 1)[0]
    assert slope == pytest.approx(-2, abs=0.2)
    # sharp walls: Porod's law in two dimensions, intensity q^-3
    assert np.polyfit(*np.log(magnetic_spectrum(1e-9)), 1)[0] == pytest.approx(-1.5, abs=0.15)


def edge_gains(setups: list[HolographySetup], seed: int = 0) -> list[float]:
    """Return the heterodyne gain in the outermost rings, with the references over without; one set of references."""
    setup = setups[0]
    energy, n = setup.source.energy, setup.detector.n
    _, made, _ = exit_waves.true_mask(setup, seed)
    magnetization = film(setup, seed)["magnetization"].values
    ring = np.abs(radius_grid((n, n)) - 0.985 * n / 2) < 0.015 * n / 2
    windows = exit_waves.reference_windows(made.references, setup, energy=energy, seed=seed)
    references = sum(exit_waves.spectrum(window, setup, kept=n)[0] for window in windows)
    gains = []
    for each in setups:
        window = exit_waves.object_window(magnetization, made.object_hole, each, energy=energy, seed=seed)
        plus, minus = exit_waves.spectrum(window, each, kept=n)
        charge, magnetic = (plus + minus) / 2, (plus - minus) / 2
        with_references = np.abs(((charge + references).conj() * magnetic).real)[ring].mean()
        gains.append(float(with_references / np.abs((charge.conj() * magnetic).real)[ring].mean()))
    return gains


def test_heterodyne_gain_rises_with_the_edge_width_to_the_published_one() -> None:
    widths = (1.0, 2.3, 2.9, 5.0)
    gains = edge_gains([changed(quick_setup(), mask={"edge_width": w * 1e-9}) for w in widths])
    assert np.all(np.diff(gains) > 0)
    # the published 7.4 lies at 2.6 nm, within 0.3
    assert np.exp(np.interp(2.6, widths, np.log(gains))) == pytest.approx(7.4, rel=0.15)
    assert gains[1] < 7.4 < gains[2]


def test_lower_saturation_lowers_the_contrast(tiny) -> None:
    """A beam sees Ms m: half the moment in the middle is half the truth there, and half the dichroism behind it."""
    sample, expected = tiny
    shape = sample["magnet"].shape
    y, x = np.meshgrid(sample["y"], sample["x"], indexing="ij")
    middle = np.hypot(y, x) < 60e-9
    uniform = sample.assign(saturation_magnetization=(("z", "y", "x"), np.full(shape, 3e5), {"units": "A/m"}))
    same = holography.expected_patterns(uniform, TINY, seed=0)
    assert same.patterns.tobytes() == expected.patterns.tobytes()
    assert same.truth.identical(expected.truth)
    moments = np.where(middle, 1.5e5, 3e5)[None]
    weak = sample.assign(saturation_magnetization=(("z", "y", "x"), moments, {"units": "A/m"}))
    found = holography.expected_patterns(weak, TINY, seed=0)
    (hole, *_) = json.loads(expected.truth.attrs["setup"])["holes"]
    core = radius_grid(expected.truth["m_z"].shape, TINY.pixel, (hole["y"], hole["x"])) < 40e-9
    ratio = [
        np.vdot(known[core], seen[core]) / np.vdot(known[core], known[core])
        for known, seen in (
            (expected.truth["m_z"].values.astype(float), found.truth["m_z"].values.astype(float)),
            (_dichroism(expected), _dichroism(found)),
        )
    ]
    assert ratio[0] == pytest.approx(0.5, abs=0.02)
    assert ratio[1] == pytest.approx(0.5, abs=0.05)


def _dichroism(expected):
    plus, minus = expected.truth["exit_wave"].values.astype(complex)
    return np.log(np.maximum(np.abs(plus), 1e-9) / np.maximum(np.abs(minus), 1e-9))


def test_rough_references_gain_more_than_smooth_ones() -> None:
    thin = changed(quick_setup(), mask={"object_kind": "thin"})
    smooth = changed(thin, mask={"reference_kind": "smooth"})
    assert edge_gains([thin])[0] > 1.2 * edge_gains([smooth])[0]


def test_same_seed_same_bytes_for_any_threads(tiny) -> None:
    _sample, expected = tiny
    first = holography.detect(expected, TINY, seed=0)
    with use_threads(2):
        two, _ = holography.simulate(film(TINY), TINY, seed=0)
    with use_threads(1):
        one, _ = holography.simulate(film(TINY), TINY, seed=0)
    assert one.identical(two)
    assert one.identical(first)
    other = holography.detect(expected, TINY, seed=0, draw=1)
    assert not np.array_equal(other["counts"], one["counts"])
    assert np.array_equal(other["valid"], one["valid"])


def test_noise_is_poisson_about_the_expected_pattern(tiny) -> None:
    _, expected = tiny
    draws = [holography.detect(expected, TINY, seed=0, draw=d) for d in range(8)]
    reads = draws[0]["accumulations"].values[:, None, None].astype(float)
    photons = np.stack([(d["counts"].values - reads * d["dark"].values) / float(d["gain"]) for d in draws])
    bright = photons.mean(axis=0) > 20
    ratio = photons.var(axis=0, ddof=1)[bright] / photons.mean(axis=0)[bright]
    assert ratio.mean() == pytest.approx(1, abs=0.03)


def test_named_points_have_noise_of_their_own(tiny) -> None:
    _, expected = tiny
    names = [(), ("state", "one"), ("state", "two")]
    points = [holography.detect(expected, TINY, seed=0, names=n) for n in names]
    again = holography.detect(expected, TINY, seed=0, names=names[1])
    assert again.identical(points[1])
    counts = np.stack([p["counts"].values.astype(float) for p in points])
    rest = (counts - counts.mean(axis=0))[:, 0, -1].reshape(3, -1)
    # Three independent ones about their mean correlate by -1/2; the same noise twice would by 1.
    assert np.corrcoef(rest)[np.triu_indices(3, 1)] == pytest.approx([-0.5] * 3, abs=0.1)


@pytest.mark.parametrize(
    "changes",
    [
        {"source": {"harmonic_fraction": 0.05}},
        {"source": {"resolving_power": 1000.0}},
        {"source": {"vibration": 1.0}},
        {"source": {"coherence_ratio": 2.0}},
        {"source": {"illumination": (Illumination(10e-6), Illumination(10.2e-6, (0.0, 0.3e-6)))}},
        {"mask": {"reference_kind": "sharp_disc"}},
        {"mask": {"reference_kind": "none"}},
        {"mask": {"object_kind": "thin"}},
        {"film": {"in_plane": True}},
        {"film": {"beta_m_t": 1e-11}},
    ],
)
def test_every_option_changes_the_pattern(tiny, changes) -> None:
    sample, expected = tiny
    patterns = holography.expected_patterns(sample, changed(TINY, **changes), seed=0).patterns
    assert np.isfinite(patterns).all()
    seen = expected.patterns > 0
    assert np.abs(patterns[seen] / expected.patterns[seen] - 1).max() > 1e-3


def test_bandwidth_smears_along_the_radius_and_more_at_the_edge(tiny) -> None:
    sample, _ = tiny
    coherent = changed(TINY, source={"visibility": 1.0})
    broad = changed(coherent, source={"resolving_power": 300.0, "energies": 5})
    sharp, smeared = (holography.expected_patterns(sample, s, seed=0).patterns[0] for s in (coherent, broad))
    radius = radius_grid(sharp.shape)

    def contrast_lost(low: float, high: float) -> float:
        ring = (radius > low) & (radius < high)
        return float(1 - (smeared[ring].std() / smeared[ring].mean()) / (sharp[ring].std() / sharp[ring].mean()))

    assert contrast_lost(100, 120) > max(2 * contrast_lost(20, 40), 0.005)


def test_visibility_is_that_at_the_reference_distance(tiny) -> None:
    _, expected = tiny
    assert float(expected.truth["visibility"]) == pytest.approx(0.9, abs=1e-6)
    shaken = changed(TINY, source={"vibration": 0.5})
    lengths = holography.coherence_lengths(shaken, 1e-6)
    assert max(lengths) < holography.coherence_lengths(TINY, 1e-6)[0]


def test_background_is_flat_and_undichroic(tiny) -> None:
    _, expected = tiny
    dark = holography.detect(expected, changed(TINY, detector={"background": 5.0, "stray_fraction": 0.01}), seed=0)
    plain = holography.detect(expected, TINY, seed=0)
    more = (dark["counts"].values.astype(float) - plain["counts"].values).sum(axis=1) / float(plain["gain"])
    corner = more[:, :16, :16].mean(axis=(1, 2))
    assert corner == pytest.approx([5.0, 5.0], rel=0.15)


def test_focus_and_sizes_of_the_setups() -> None:
    assert quick_setup().focus == pytest.approx(-1.2235e-6)
    assert changed(
        quick_setup(), mask={"object_kind": "thin"}, film={"membrane": ("Si3N4", 0.0)}
    ).focus == pytest.approx(-23.5e-9)
    assert paper_setup().detector.n == 2048
    assert paper_setup().distance == pytest.approx(92.0e-3, rel=0.01)


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: changed(TINY, detector={"photons": 0.0}), "photons is 0.0"),
        (lambda: changed(TINY, detector={"n": 255}), "n is 255"),
        (lambda: changed(TINY, detector={"stops": ()}), "stops are"),
        (lambda: changed(TINY, source={"visibility": 1.2}), "visibility is 1.2"),
        (lambda: changed(TINY, source={"polarization": 0.0}), "polarization is 0.0"),
        (lambda: changed(TINY, mask={"reference_kind": "round"}), "reference_kind is 'round'"),
        (lambda: changed(TINY, mask={"edge_width": 0.0}), "edge_width is 0.0"),
        (lambda: replace(TINY, oversampling=1), "oversampling is 1"),
        (lambda: changed(TINY, film={"white_line": 0.1}), "amplifies"),
        (lambda: changed(TINY, film={"beta_m_t": 1e-9}), "amplifies"),
        (lambda: holography.simulate(film(TINY), changed(TINY, mask={"hole_diameter": 900e-9}), seed=0), "allowed"),
        (lambda: holography.simulate(film(TINY), replace(TINY, pixel=4e-9), seed=0), "allowed: the fine pixel"),
    ],
)
def test_bad_setups_are_refused_in_one_line(make, text) -> None:
    with pytest.raises(ValueError, match=text) as error:
        make()
    assert "\n" not in str(error.value)


def test_film_setup_is_the_chapters_stack() -> None:
    stack = FilmSetup()
    assert stack.layer_thickness * stack.repeats == pytest.approx(12e-9)
    assert exit_waves.film_of(quick_setup()).extent == pytest.approx(47e-9)
    assert SourceSetup().polarization == 0.9
