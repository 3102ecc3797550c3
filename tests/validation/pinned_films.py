"""Images of films with pinning sites, drawn: walls that must pass some places, spots of lowered m_z at others."""

import numpy as np
from scipy import ndimage

PIXEL, DELTA = 5.3e-9, 5.1e-9


def places(count, n, *, rng, distance=110e-9, margin=60e-9):
    """Return points (y, x), m from index n//2, that keep their distance."""
    found = []
    for _ in range(100_000):
        point = (rng.random(2) - 0.5) * (n * PIXEL - 2 * margin)
        if all(np.hypot(*(point - other)) > distance for other in found):
            found.append(point)
        if len(found) == count:
            return np.array(found)
    raise AssertionError("no room")


def film_states(count, n, *, soft, hard, rng, noise=0.03, radius=15e-9):
    """Return m_z (count, n, n): walls pass all of `hard` in every state, m_z is small and walls are wide at `soft`.

    In every third state a domain ends at each of `hard`, as where its tip has been caught by a site.
    """
    axis = (np.arange(n) - n // 2) * PIXEL
    y, x = np.meshgrid(axis, axis, indexing="ij")
    pulled = np.concatenate([hard, soft])
    states = []
    for state in range(count):
        field = ndimage.gaussian_filter(rng.standard_normal((n, n)), 5.5, mode="wrap")
        field -= ndimage.gaussian_filter(field, 11.0, mode="wrap")
        field /= field.std()
        weights = [np.exp(-0.5 * ((y - p[0]) ** 2 + (x - p[1]) ** 2) / 35e-9**2) for p in pulled]
        index = np.round(pulled / PIXEL).astype(int) + n // 2
        matrix = np.array([[w[tuple(i)] for w in weights] for i in index])
        strength = np.linalg.solve(matrix, [field[tuple(i)] for i in index])
        field = field - sum(s * w for s, w in zip(strength, weights, strict=True))
        width = np.full((n, n), DELTA)
        for p in soft:
            inside = 0.5 - 0.5 * np.tanh((np.hypot(y - p[0], x - p[1]) - radius) / 4e-9)
            width = width * (1 + 2.0 * inside)
        for p in hard[state % 3 :: 3]:
            field = _with_tip(field, y - p[0], x - p[1], angle=rng.uniform(0, 2 * np.pi))
        m = np.tanh(_signed_distance(field) / width)
        for p in soft:
            m = m * (1 - 0.5 * (0.5 - 0.5 * np.tanh((np.hypot(y - p[0], x - p[1]) - radius) / 4e-9)))
        states.append(ndimage.gaussian_filter(m, 0.5) + noise * rng.standard_normal((n, n)))
    return np.array(states)


def _with_tip(field, y, x, *, angle, radius=15e-9, reach=40e-9):
    """Return the field with the tip of a domain, as round as `radius`, that ends at the origin."""
    along, across = y * np.sin(angle) + x * np.cos(angle), x * np.sin(angle) - y * np.cos(angle)
    tip = np.hypot(np.minimum(along - radius, 0), across) - radius
    near = np.exp(-((np.hypot(y, x) / reach) ** 4))
    return near * tip / radius + (1 - near) * field


def _signed_distance(field, fine=4):
    up = ndimage.zoom(field, fine, order=3, grid_mode=True, mode="nearest") > 0
    distance = ndimage.distance_transform_edt(up) - ndimage.distance_transform_edt(~up)
    n = len(field)
    return distance.reshape(n, fine, n, fine).mean(axis=(1, 3)) * PIXEL / fine
