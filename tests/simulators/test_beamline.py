"""Film, mask, holes, source and detector against analytic results."""

from dataclasses import replace

import numpy as np
import pytest

from numerics.streams import stream
from optics.coherence import coherence_length, mutual_coherence
from optics.grids import positions, radius_grid
from optics.propagation import propagate
from optics.units import wavelength, wavenumber
from simulators.beamline import detector, mask, references, source
from simulators.beamline.film import Film, mean_amplitude, transmit

ENERGY = 777.95
PIXEL = 5.3e-9 / 3


def test_film_amplitude() -> None:
    assert abs(mean_amplitude(Film(), ENERGY)) == pytest.approx(0.58, abs=0.005)


@pytest.mark.parametrize("sign", [1, -1])
def test_saturated_film_gives_the_designs_sign_and_scale(sign: int) -> None:
    film = Film(polarization=0.9)
    m = np.zeros((3, 1, 16, 16), np.float32)
    m[2] = sign
    plus, minus = transmit(m, film, energy=ENERGY, pixel_size=PIXEL)
    beta_m = film.magnetic_index(ENERGY)[1]
    k = wavenumber(ENERGY)
    m_z = -np.log(np.abs(plus / minus)) / (2 * k * 0.9 * beta_m * film.magnetic_thickness)
    assert np.allclose(m_z, sign, atol=1e-4)
    reverse = transmit(-m, film, energy=ENERGY, pixel_size=PIXEL)
    assert np.allclose(reverse[::-1], [plus, minus], atol=1e-6)


def test_saturated_film_absorbs_helicity_plus_more() -> None:
    m = np.zeros((3, 2, 8, 8), np.float32)
    m[2] = 1
    plus, minus = transmit(m, Film(), energy=ENERGY, pixel_size=PIXEL)
    assert np.all(np.abs(plus) < np.abs(minus))
    assert np.all(np.abs(minus) < 1)


def test_layers_of_the_sample_are_spread_over_the_repeats() -> None:
    m = np.zeros((3, 2, 8, 8), np.float32)
    m[2, 0], m[2, 1] = 1, -1
    plus, minus = transmit(m, Film(), energy=ENERGY, pixel_size=PIXEL)
    assert np.allclose(plus, minus, atol=1e-5)
    many = np.zeros((3, 40, 8, 8), np.float32)
    many[2] = 0.5
    one = np.zeros((3, 1, 8, 8), np.float32)
    one[2] = 0.5
    assert np.allclose(
        transmit(many, Film(), energy=ENERGY, pixel_size=PIXEL),
        transmit(one, Film(), energy=ENERGY, pixel_size=PIXEL),
        atol=1e-6,
    )


def test_thick_film_dims_a_grating_by_its_depth() -> None:
    # a weak grating of m_z all through the depth scatters like sin(u)/u of half its Fresnel phase
    n, cycles = 96, 16
    x = np.arange(n)
    m = np.zeros((3, 1, n, n), np.float32)
    m[2] = 0.1 * np.cos(2 * np.pi * cycles * x / n)
    film = Film()
    plus, minus = transmit(m, film, energy=ENERGY, pixel_size=PIXEL)
    period = n * PIXEL / cycles
    middle = propagate(
        np.stack([plus, minus]), -film.extent / 2 + film.thickness / 2, wavelength=wavelength(ENERGY), pixel_size=PIXEL
    )
    log = np.log(np.abs(middle[0] / middle[1]))
    u = np.pi * wavelength(ENERGY) * film.extent / period**2 / 2
    expected = (
        2 * wavenumber(ENERGY) * film.polarization * film.magnetic_index(ENERGY)[1] * film.magnetic_thickness * 0.1
    )
    assert -log[0, 0] / expected == pytest.approx(np.sin(u) / u, abs=0.02)


def test_in_plane_part_of_a_neel_wall_shows_and_of_a_bloch_wall_does_not() -> None:
    n = 64
    x = positions(n, PIXEL)
    sech = np.broadcast_to(1 / np.cosh(x / 5e-9), (n, n)).astype(np.float32)
    for component, seen in ((0, True), (1, False)):
        m = np.zeros((3, 1, n, n), np.float32)
        m[component] = sech
        waves = transmit(m, replace(Film(), in_plane=True), energy=ENERGY, pixel_size=PIXEL)
        assert (np.abs(waves[0] / waves[1] - 1).max() > 1e-3) == seen
        assert np.allclose(*transmit(m, Film(), energy=ENERGY, pixel_size=PIXEL))


@pytest.mark.parametrize(
    ("hole", "field", "count"),
    [(600e-9, 512 * 5.3e-9, 7), (1e-6, 2048 * 5.3e-9, 8), (1e-6, 1024 * 5.3e-9, 8), (600e-9, 512 * 5.3e-9, 1)],
)
def test_layout_fits_the_autocorrelation(hole: float, field: float, count: int) -> None:
    drawing = mask.draw(
        hole_diameter=hole, field=field, references=count, reference_diameters=(40e-9, 60e-9), rng=stream(1, "optics")
    )
    assert len(drawing.references) == count
    holes = drawing.holes
    low = min(min(h.y, h.x) - h.diameter / 2 for h in holes)
    high = max(max(h.y, h.x) + h.diameter / 2 for h in holes)
    assert high - low < field / 2
    centre = drawing.object_hole
    places = np.array([(h.y - centre.y, h.x - centre.x) for h in drawing.references])
    assert np.hypot(*places.T).min() >= 1.5 * hole * 0.999
    images = np.concatenate([places, -places])
    apart = np.linalg.norm(images[:, None] - images[None], axis=-1)[np.triu_indices(2 * count, 1)]
    if field > 10 * hole:
        assert apart.min() > hole
    else:
        assert apart.min() > 100e-9 or count == 1


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hole_diameter": 3e-6}, "hole larger than the field"),
        ({"references": 400}, "do not fit"),
        ({"hole_diameter": 0.0}, "above 0"),
        ({"references": -1}, "from 0"),
        ({"reference_diameters": (60e-9, 40e-9)}, "ascending"),
    ],
)
def test_impossible_masks(changes: dict, text: str) -> None:
    keys = {"hole_diameter": 600e-9, "field": 2.7e-6, "references": 7, "reference_diameters": (40e-9, 60e-9)} | changes
    with pytest.raises(ValueError, match=text) as error:
        mask.draw(rng=stream(0, "optics"), **keys)
    assert "\n" not in str(error.value)


def test_made_mask_is_off_by_its_errors() -> None:
    nominal = mask.draw(
        hole_diameter=600e-9, field=2.7e-6, references=7, reference_diameters=(40e-9, 60e-9), rng=stream(0, "m")
    )
    offsets = []
    for seed in range(40):
        made = mask.fabricate(
            nominal, position_error=3e-9, diameter_error=1e-9, shift=(5e-9, -4e-9), rng=stream(seed, "f")
        )
        offsets += [(a.y - b.y, a.x - b.x) for a, b in zip(made.holes, nominal.holes, strict=True)]
    assert np.mean(offsets, axis=0) == pytest.approx([5e-9, -4e-9], abs=1e-9)
    assert np.std(offsets, axis=0) == pytest.approx([3e-9, 3e-9], rel=0.15)


def test_gold_without_a_hole_leaks_as_its_thickness_says() -> None:
    slab = references.Slab((("Au", 1e-6),))
    keys = {
        "centre": (0.0, 0.0),
        "slab": slab,
        "walls": references.Walls(roughness=0.0),
        "energy": 779.0,
        "pixel_size": PIXEL,
    }
    wave = references.through_hole(np.ones((1, 32, 32), np.complex64), radius=-100e-9, rng=stream(0, "w"), **keys)
    assert np.allclose(np.abs(wave) ** 2, np.exp(-1e-6 / 76.6e-9), rtol=0.02)


def test_wide_hole_passes_its_area_and_roughness_has_its_rms() -> None:
    walls = references.Walls(roughness=1.5e-9, correlation=(30e-9, 8e-9))
    radii = references.wall_radii(300e-9, np.arange(100) * 1e-8, walls, angles=1024, rng=stream(0, "w"))
    assert radii.std() == pytest.approx(1.5e-9, rel=0.15)
    neighbours = np.mean((radii - 300e-9) * np.roll(radii - 300e-9, 4, axis=1)) / radii.var()
    assert neighbours == pytest.approx(np.exp(-0.5 * (4 * 2 * np.pi * 300 / 1024 / 8) ** 2), abs=0.08)
    taper = references.wall_radii(
        25e-9, np.linspace(5e-9, 995e-9, 100), references.Walls(0.5, roughness=0.0), angles=64, rng=stream(0, "w")
    )
    assert taper[0, 0] == pytest.approx(25e-9 * 1.49, rel=1e-3)
    assert np.all(taper[26:] == 25e-9)


def test_rough_references_scatter_more_to_high_angles() -> None:
    power = []
    for roughness in (0.0, 1.5e-9):
        walls = references.Walls(0.5, roughness=roughness, edge_width=0.5e-9)
        wave = references.through_hole(
            np.ones((1, 192, 192), np.complex64),
            radius=25e-9,
            centre=(0.0, 0.0),
            slab=references.Slab((("Au", 1e-6),)),
            walls=walls,
            energy=ENERGY,
            pixel_size=PIXEL,
            rng=stream(0, "w"),
        )
        assert 2 < np.abs(wave).max() ** 2 < 15
        spectrum = np.abs(np.fft.fftshift(np.fft.fft2(wave[0]))) ** 2
        ring = np.abs(radius_grid((192, 192), 1 / (192 * PIXEL)) - 1 / 10.6e-9) < 5e6
        power.append(spectrum[ring].mean())
    assert power[1] > 1.5 * power[0]


def two_pinholes(visibility: float, ratio: tuple[float, float] = (1.0, 1.0)) -> tuple[float, float]:
    """Measure the fringe visibility of two points a distance apart; return it and what mu and the pixel allow."""
    m, field, separation = 128, 1.28e-6, 400e-9
    f = positions(m, 1 / field)
    wave = (1 + np.exp(-2j * np.pi * f * separation))[None, :] * np.ones((m, 1))
    length = coherence_length(visibility, separation)
    lengths = (length * ratio[0], length * ratio[1])
    fine = np.linspace(-20, 20, 4001) / field
    pattern = source.far_field(
        np.stack([wave, wave]).astype(np.complex64), field=field, frequency_y=np.zeros_like(fine), frequency_x=fine,
        coherence=lengths, taper=8,
    )[0]  # fmt: skip
    measured = (pattern.max() - pattern.min()) / (pattern.max() + pattern.min())
    return measured, float(mutual_coherence(0, separation, length=lengths)) * np.sinc(separation / field)


@pytest.mark.parametrize("visibility", [1.0, 0.9, 0.7])
def test_van_cittert_zernike(visibility: float) -> None:
    measured, expected = two_pinholes(visibility)
    assert measured == pytest.approx(expected, abs=2e-3)
    assert expected == pytest.approx(visibility * np.sinc(0.4 / 1.28), rel=1e-6)


def test_coherence_across_the_fringes_does_not_matter() -> None:
    assert two_pinholes(0.7, (0.2, 1.0))[0] == pytest.approx(two_pinholes(0.7)[0], abs=2e-3)


def test_far_field_keeps_grid_values_and_photons_when_coherent() -> None:
    rng = np.random.default_rng(0)
    m, field = 64, 1e-6
    wave = np.zeros((2, m, m), np.complex64)
    wave[:, 24:40, 24:40] = rng.standard_normal((2, 16, 16))
    spectra = np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(wave, axes=(1, 2)), norm="ortho"), axes=(1, 2))
    f = np.meshgrid(positions(m, 1 / field), positions(m, 1 / field), indexing="ij")
    values = source.far_field(
        spectra, field=field, frequency_y=f[0], frequency_x=f[1], coherence=(np.inf, np.inf), taper=0
    )
    assert values.sum() == pytest.approx(np.sum(np.abs(wave) ** 2), rel=1e-5)
    inner = np.s_[:, 8:-8, 8:-8]
    assert np.corrcoef(values[inner].ravel(), np.abs(spectra[inner]).ravel() ** 2)[0, 1] > 0.9


def test_illumination_differs_where_it_is_told_to() -> None:
    beam = source.Illumination(waist=10e-6, shift=(0.0, 0.5e-6))
    assert beam.uniform is False
    value = source.illuminate(beam, 0.0, np.array([0.5e-6, 10.5e-6]), wavelength=1.59e-9)
    assert np.abs(value) == pytest.approx([1, np.exp(-1)])


def test_poisson_mean_is_variance() -> None:
    chip = detector.Detector(read_noise=0.0)
    rng = np.random.default_rng(1)
    for mean in (3.0, 200.0):
        counts = detector.expose(
            np.full((300, 300), mean), offset=np.full((300, 300), 1000.0), accumulations=2, detector=chip, rng=rng
        )
        photons = (counts.astype(float) - 2000) / chip.gain
        assert photons.mean() == pytest.approx(mean, rel=0.01)
        # Fano noise adds 0.12/213 of the mean
        assert photons.var() == pytest.approx(photons.mean(), rel=0.03)


def test_read_noise_adds_per_read() -> None:
    chip = detector.Detector(read_noise=4.0)
    rng = np.random.default_rng(1)
    counts = detector.expose(
        np.zeros((200, 200)), offset=np.full((200, 200), 1000.0), accumulations=100, detector=chip, rng=rng
    )
    assert counts.std() == pytest.approx(10 * np.sqrt(4.0 + 1 / 12), rel=0.03)
    assert counts.dtype == np.uint32


def test_wells_clip_every_read() -> None:
    chip = detector.Detector()
    rng = np.random.default_rng(1)
    for reads in (1, 7):
        counts = detector.expose(
            np.full((8, 8), 1000.0 * reads), offset=np.full((8, 8), 1000.0), accumulations=reads, detector=chip, rng=rng
        )
        assert np.all(counts == reads * chip.saturation)
    assert replace(chip, full_well=1e9).saturation == 65535


def test_plan_keeps_every_read_below_the_well_and_the_dose() -> None:
    radius = radius_grid((128, 128))
    pattern = np.stack([1e6 / (1 + radius**3)] * 2)
    chip = detector.Detector()
    keys = {"detector": chip, "stops": (2.0, 9.0), "times": (1.0, 8.0), "penumbra": 0.3}
    plan = detector.plan_exposures(pattern, radius, photons=1e8, **keys)
    assert plan.time.sum() == pytest.approx(1)
    assert plan.stop_radius.tolist() == [2, 2, 9, 9]
    total = 0.0
    for stop, time, reads in zip(plan.stop_radius, plan.time, plan.accumulations, strict=True):
        frame = pattern[0] * detector.stop_transmission(radius, stop, 0.3) * plan.scale * time
        total += frame.sum()
        assert frame.max() / reads * chip.gain + chip.offset < 0.75 * chip.saturation
    assert total == pytest.approx(1e8)
    for photons in (0.0, -1.0, float("nan"), 1e16):
        with pytest.raises(ValueError, match="photons is"):
            detector.plan_exposures(pattern, radius, photons=photons, **keys)


def test_measured_dark_is_close_to_the_true_offset_which_is_structured() -> None:
    chip = detector.Detector()
    offset = detector.dark_offset(128, chip, stream(0, "dark"))
    assert offset.std() == pytest.approx(chip.offset_structure, rel=0.3)
    assert offset.mean() == pytest.approx(chip.offset, abs=5)
    dark = detector.measured_dark(offset, chip, reads=100, rng=stream(1, "dark"))
    assert (dark - offset).std() == pytest.approx(0.1, rel=0.05)


def test_beam_stop() -> None:
    radius = np.array([0.0, 9.0, 10.0, 11.0, 20.0])
    assert detector.stop_transmission(radius, 10.0, 0.3) == pytest.approx([0, 4e-4, 0.5, 1, 1], abs=1e-3)
    assert detector.stop_valid(radius, 10.0, 1.0).tolist() == [False, False, False, False, True]
