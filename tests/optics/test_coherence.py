"""Gaussian-Schell coherence: visibility and length, kernel and length, the blur itself."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerics import fourier
from optics import coherence
from optics.grids import positions


@pytest.mark.parametrize(("visibility", "length"), [(0.9, 3.27e-6), (0.7, 1.78e-6)])
def test_lengths_of_the_chapter(visibility: float, length: float) -> None:
    found = coherence.coherence_length(visibility, 1.5e-6)
    assert found == pytest.approx(length, rel=5e-3)
    assert coherence.kernel_sigma(found, 5.4e-6) == pytest.approx({0.9: 0.26, 0.7: 0.49}[visibility], abs=0.01)


@given(st.floats(0.01, 0.999), st.floats(1e-7, 1e-5))
def test_round_trips(visibility: float, separation: float) -> None:
    length = coherence.coherence_length(visibility, separation)
    assert coherence.visibility(separation, length) == pytest.approx(visibility)
    sigma = coherence.kernel_sigma(length, 1e-5)
    assert coherence.coherence_length_of_kernel(sigma, 1e-5) == pytest.approx(length)


def test_mu_is_the_transform_of_the_blur() -> None:
    n, pixel, length = 256, 5.3e-9, 100e-9
    field = n * pixel
    separation = positions(n, pixel)
    mu = coherence.mutual_coherence(separation, 0.0, length=(length, 1.0))
    kernel = fourier.centred_fft2(np.outer(mu, np.ones(n)))[:, n // 2].real
    sigma = coherence.kernel_sigma(length, field)
    x = positions(n, 1.0)
    assert np.allclose(kernel / kernel.sum(), np.exp(-0.5 * (x / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi)), atol=1e-9)


def test_pixel_loss_of_the_chapter() -> None:
    assert coherence.pixel_coherence(1.5e-6, 0.0, field=10.9e-6) == pytest.approx(0.97, abs=0.003)
    assert coherence.pixel_coherence(1.5e-6, 0.0, field=5.45e-6) == pytest.approx(0.88, abs=0.006)


def test_lengths_combine_and_coherent_is_infinite() -> None:
    assert coherence.combined_length(3.0, 4.0) == pytest.approx(12 / 5)
    assert coherence.combined_length(np.inf, np.inf) == np.inf
    assert coherence.coherence_length(1.0, 1e-6) == np.inf
    assert coherence.coherence_length_of_kernel(0.0, 1.0) == np.inf
    with pytest.raises(ValueError, match="visibility is 0"):
        coherence.coherence_length(0.0, 1e-6)
