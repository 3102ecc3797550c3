"""Synthetic worm domains with walls of known width."""

import numpy as np
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from numerics import fourier


def labyrinth(size, *, pixel, period=150e-9, delta=5.1e-9, rng, oversampling=3):
    """Return m_z on `size`^2 pixels: tanh walls on a grid `oversampling` times finer, cropped to the band."""
    fine = oversampling * size
    step = pixel / oversampling
    f = fourier.unshifted_frequencies(fine, step)
    ring = np.hypot(f[:, None], f[None, :]) * period
    field = rng.standard_normal((fine, fine))
    for _ in range(4):
        filtered = fourier.fft2(np.tanh(3 * field / field.std())) * np.exp(-0.5 * ((ring - 1) / 0.15) ** 2)
        field = fourier.ifft2(filtered).real
    # contours through a periodic continuation, so that distances are right at the borders too
    padding = int(3 * 30e-9 / step)
    wide = np.pad(field, padding, mode="wrap")
    contours = [c - padding for c in find_contours(wide, 0)]
    steps = np.linspace(0, 1, 6, endpoint=False)
    points = np.concatenate([c[:-1] + (c[1:] - c[:-1]) * t for c in contours for t in steps])
    grid = np.stack(np.meshgrid(np.arange(fine), np.arange(fine), indexing="ij"), axis=-1).reshape(-1, 2)
    distance = cKDTree(points).query(grid)[0].reshape(fine, fine) * step
    m_z = np.tanh(np.where(field > 0, distance, -distance) / delta)
    return fourier.fourier_resample(m_z, (size, size))


def bubbles(size, *, pixel, circles, oversampling=4):
    """Return m_z of round domains (y, x, radius, delta), metres, drawn finer than the pixels, cropped to the band."""
    fine = oversampling * size
    place = (np.arange(fine) - fine // 2) * pixel / oversampling
    m_z = -np.ones((fine, fine))
    for y, x, radius, delta in circles:
        m_z += 1 - np.tanh((np.hypot(place[:, None] - y, place - x) - radius) / delta)
    return fourier.fourier_resample(m_z, (size, size))


def low_passed(image, half_period, *, pixel):
    """Return the image without what lies beyond a circular cut."""
    f = fourier.unshifted_frequencies(len(image), pixel)
    keep = np.hypot(f[:, None], f[None, :]) <= 0.5 / half_period * (1 + 1e-9)
    return fourier.ifft2(fourier.fft2(image) * keep).real


def noise(size, *, pixel, half_period, rng):
    """Return noise of unit variance: white without a `half_period`, else with power up to this cut only."""
    white = rng.standard_normal((size, size))
    if half_period is None:
        return white
    coloured = low_passed(white, half_period, pixel=pixel)
    return coloured / coloured.std()


def disc(size, radius, *, edge=0.0, centre=(0.0, 0.0)):
    """Return a disc of `radius` px, its edge a logistic step of width `edge` px."""
    y, x = (np.arange(size) - size // 2 - c for c in centre)
    r = np.hypot(y[:, None], x[None, :])
    return (r < radius).astype(float) if edge == 0 else 1 / (1 + np.exp(np.clip((r - radius) / edge, -50, 50)))


def band_limited(size, *, pixel, half_period, rng):
    """Return real noise without power beyond a circular cut."""
    f = fourier.unshifted_frequencies(size, pixel)
    noise = fourier.fft2(rng.standard_normal((size, size)))
    return fourier.ifft2(noise * (np.hypot(f[:, None], f[None, :]) <= 0.5 / half_period)).real


def smooth(image, sigma):
    return ndimage.gaussian_filter(image, sigma, mode="wrap")
