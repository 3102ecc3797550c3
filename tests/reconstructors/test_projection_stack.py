"""Images of single projections become one measurement, with their phases."""

import numpy as np
import pytest

from optics import scattering
from reconstructors.projections.stack import ImagedProjection, projections_of

LIGHT = {"energy": 852.76, "polarization": 0.9}


def image(index, *, pixel=5e-9, n=12):
    rng = np.random.default_rng(index)
    parts = rng.uniform(0.3, 1, (2, n, n)) * np.exp(1j * rng.uniform(-3, 3, (2, n, n)))
    seen = np.ones((n, n), bool)
    seen[0] = False
    return ImagedProjection(parts.astype(np.complex64), seen, 0.2 * index - 0.2, 2.1 * (index // 2), pixel)


def test_transmissions_are_kept_whole():
    found = [image(index) for index in range(4)]
    measurement = projections_of(found, scalars=LIGHT, box=(5e-8, 4e-8, 4e-8))
    waves = np.exp(-0.5 * measurement["optical_density"].values + 1j * measurement["phase"].values)
    for index, each in enumerate(found):
        assert np.allclose(waves[:, index], each.transmission, atol=1e-5)
    assert measurement["series"].values.tolist() == [0, 0, 1, 1]
    assert not measurement["valid"].values[:, 0].any()
    delta, beta = scattering.refractive_index("Ni", LIGHT["energy"])
    assert float(measurement["beta_magnet"]) == pytest.approx(beta)
    assert float(measurement["delta_magnet"]) == pytest.approx(delta)
    assert float(measurement["delta_matrix"]) == pytest.approx(scattering.refractive_index("SiO2", LIGHT["energy"])[0])


def test_pixels_that_differ_are_refused():
    with pytest.raises(ValueError, match="pixel_size is 5e-09 to 6e-09 m; allowed: one for all"):
        projections_of([image(0), image(1, pixel=6e-9)], scalars=LIGHT)
    with pytest.raises(ValueError, match="found is empty"):
        projections_of([], scalars=LIGHT)
