"""Mixed-state probes and light that varies from frame to frame."""

import numpy as np
import pytest

from numerics import fourier
from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography import state
from reconstructors.ptychography.engines import modes, rpie_plus
from reconstructors.ptychography.engines.modes import FluxRefinement, Orthogonalisation
from reconstructors.ptychography.engines.pie import PieParameters, run
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from tests.ptychography_problem import ENERGY, PIXEL, annular_probe, common_problem, expected_frame
from tests.ptychography_score import fitted
from tests.ptychography_small import DEFOCUS, N, assembled, nrmse, small_problem


def gram(probe):
    flat = probe.reshape(len(probe), -1).astype(complex)
    return flat.conj() @ flat.T


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_start_modes_are_orthogonal_of_the_power_of_the_probe(count):
    probe = 30 * annular_probe(N, DEFOCUS)
    made = modes.start_modes(probe, count)
    assert made.shape == (count, N, N)
    assert made.dtype == np.complex64
    overlaps = gram(made)
    assert np.trace(overlaps).real == pytest.approx(900, rel=1e-5)
    np.testing.assert_allclose(overlaps - np.diag(np.diag(overlaps)), 0, atol=900 * 1e-5)
    shares = modes.powers(made)
    assert shares.sum() == pytest.approx(1)
    assert shares[0] > 0.4999
    assert abs(np.vdot(made[0], probe)) == pytest.approx(np.linalg.norm(made[0]) * np.linalg.norm(probe), rel=1e-4)


def test_orthogonal_modes_are_the_same_coherence():
    rng = np.random.default_rng(0)
    mixed = (rng.normal(size=(3, 8, 9)) + 1j * rng.normal(size=(3, 8, 9))).astype(np.complex64)
    mixed[1] += 2 * mixed[0]
    found = modes.orthogonalised(mixed)
    overlaps = gram(found)
    np.testing.assert_allclose(overlaps - np.diag(np.diag(overlaps)), 0, atol=1e-3)
    assert (np.diff(modes.powers(found)) < 0).all()
    before, after = (np.tensordot(m.reshape(3, -1).conj(), m.reshape(3, -1), (0, 0)) for m in (mixed, found))
    np.testing.assert_allclose(after, before, atol=1e-4)
    np.testing.assert_allclose(modes.orthogonalised(found), found, atol=1e-4)


def test_orthogonalisation_waits_for_its_epochs():
    problem = assembled(small_problem(), count=2)
    here = state.start(problem)
    here.probe[1] += here.probe[0]
    listener = Orthogonalisation(every=3, until=6)
    for epoch, acts in ((2, False), (3, True), (9, False)):
        other = here.copy()
        other.epoch = epoch
        listener.after_epoch(other)
        assert np.array_equal(other.probe, here.probe) is not acts


def hermite(probe, shares):
    """Return the probe and its products with coordinates in its pupil, orthogonal: the modes of a small source."""
    y, x = np.mgrid[: probe.shape[0], : probe.shape[1]] - probe.shape[0] // 2
    spectrum = fourier.centred_fft2(probe)
    fields = [probe, fourier.centred_ifft2(spectrum * y), fourier.centred_ifft2(spectrum * x)]
    basis, _ = np.linalg.qr(np.stack([field.ravel() for field in fields], 1))
    return basis.T.reshape(3, *probe.shape) * np.sqrt(np.reshape(shares, (3, 1, 1)))


def test_three_modes_explain_what_one_cannot():
    """On a quarter of the common problem; more seeds and kinds of modes are a benchmark."""
    shares, photons = (0.7, 0.2, 0.1), 1e6
    drawn = common_problem(1, grid=8)
    true = hermite(drawn.probe, shares)
    expected = np.stack([sum(expected_frame(drawn.object, mode, *at) for mode in true) for at in drawn.corners])
    counts = np.random.default_rng(0).poisson(expected * photons / expected.sum((1, 2)).mean())
    found = {}
    for count in (1, 3):
        problem = problems.from_arrays(
            counts,
            drawn.corners,
            modes.start_modes(drawn.start_probe, count),
            optics=problems.Optics(wavelength(ENERGY), PIXEL),
            object_shape=drawn.object.shape,
        )
        tidy = (Orthogonalisation(every=2, until=16),)
        last, errors = rpie_plus.run(
            problem, RpiePlusParameters(epochs=60), rng=np.random.default_rng(0), listeners=tidy
        )
        found[count] = fitted(last.object, drawn.object, drawn.corners, (128, 128)).nrmse, errors[-1], last.probe
    assert found[3][0] < found[1][0] / 1.2
    assert found[3][1] < found[1][1]
    np.testing.assert_allclose(modes.powers(modes.orthogonalised(found[3][2])), shares, atol=0.075)


def test_flux_of_the_frames_is_found():
    drawn = small_problem(2)
    rng = np.random.default_rng(3)
    true = rng.uniform(0.8, 1.2, len(drawn.corners))
    true /= true.mean()
    counts = rng.binomial(drawn.counts, (true / true.max())[:, None, None])
    problem = assembled(
        type(drawn)(drawn.object, drawn.probe, drawn.corners, counts, drawn.start_probe / true.max() ** 0.5)
    )
    last, _ = run(problem, PieParameters(epochs=25, batch=8), rng=rng, listeners=(FluxRefinement(start=5),))
    assert last.flux.mean() == pytest.approx(1)
    assert np.std(last.flux / true) < 0.3 * np.std(true)
    plain, _ = run(problem, PieParameters(epochs=25, batch=8), rng=rng)
    assert nrmse(last.object, drawn) < 0.9 * nrmse(plain.object, drawn)


def test_flux_stays_where_it_is_right():
    drawn = small_problem(2)
    parameters = PieParameters(epochs=15, batch=8)
    last, _ = run(assembled(drawn), parameters, rng=np.random.default_rng(0), listeners=(FluxRefinement(start=5),))
    assert np.std(last.flux) < 0.02
