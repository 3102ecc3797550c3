"""Arrays of known resolution, wall width and charge, as a user would bring them, and a place to measure them."""

import json
from pathlib import Path

import numpy as np

from numerics import fourier
from scenarios import cli
from simulators.samples.texture_points import hedgehog
from tests.validation.labyrinths import band_limited

PIXEL = 5.3e-9


def desk(capsys, tmp_path, monkeypatch):
    """Go to an empty folder; return what calls ``truespin measure`` and gives the exit code and what was printed."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)

    def call(*words):
        code = cli.call(["measure", *map(str, words)])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def halves(seed, *, size=128, half_period=16e-9, noise=0.5):
    """Return two noisy images of one band-limited signal: every threshold is crossed at the edge of its band."""
    rng = np.random.default_rng(seed)
    signal = band_limited(size, pixel=PIXEL, half_period=half_period, rng=rng)
    signal /= signal.std()
    return [(signal + noise * rng.standard_normal(signal.shape)).astype(np.float32) for _ in "ab"]


def saved(seed=0, **words):
    for name, image in zip("ab", halves(seed, **words), strict=True):
        np.save(f"{name}.npy", image)


def stripes(delta, *, size=96, seed=None, noise=0.0, cut=None):
    """Return m_z of two periods of straight stripes, made finer than the pixel, averaged over it, cut at a period."""
    half = size * PIXEL / 4
    fine = (np.arange(8 * size) + 0.5) * PIXEL / 8
    m_z = np.tanh(half / delta * np.sin(np.pi * fine / half) / np.pi)
    image = np.tile(m_z.reshape(size, 8).mean(axis=1), (size, 1))
    if cut is not None:
        f = fourier.unshifted_frequencies(size, PIXEL)
        image = fourier.ifft2(fourier.fft2(image) * (np.hypot(f[:, None], f[None, :]) <= 1 / cut)).real
    return image if seed is None else image + noise * np.random.default_rng(seed).standard_normal(image.shape)


def point(seed, shape=(9, 10, 11), charge=1, size=(3e-9, 2e-9, 2e-9)):
    """Return a hedgehog at a random place off the grid, and the place (z, y, x) in m."""
    rng = np.random.default_rng(seed)
    centre = rng.uniform(-2, 2, 3) * size
    turn = np.linalg.qr(rng.standard_normal((3, 3)))[0]
    axes = np.meshgrid(*[(np.arange(n) - n // 2) * d for n, d in zip(shape, size, strict=True)], indexing="ij")
    return hedgehog(*axes, charge=charge, rotation=turn * np.linalg.det(turn), centre=tuple(centre)), centre


def stored(name):
    return json.loads(Path(name).read_text())
