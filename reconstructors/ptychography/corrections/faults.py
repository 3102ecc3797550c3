"""Corrupt frames, found before the reconstruction.

- `corrupt_frames`: of a measurement; `find_corrupt`: of frames that a function reads;
- `judge`: from the features of the frames, the rule `"residual"`;
- `REASONS`: what the numbers mean.

Two rules. ``"gradient"`` is that of Rana et al. (supplement, fig. S2), in `fault_gradient`: local maxima of the slope
of the map of high-angle intensity. ``"residual"``, ours, compares a few numbers of every frame (`frame_features`) with
what its neighbours in the scan let one expect (`scan_neighbours`), in units of the local spread and of the counting
noise. A frame that is equal to an earlier one is bad whatever it shows.

The sum of the photons is the hard one, since a sample changes it too. But a sample that does also changes the pattern,
and a jump of the flux does not: a regression on the shape of the pattern, learned from the scan, takes most of the
sample's part out.

Jumps of the flux are left out, not corrected: where the flux is refined later, `frame_rejection` may take them back.
"""

from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from reconstructors.ptychography.corrections import fault_gradient
from reconstructors.ptychography.corrections.frame_features import Features, Reader, measure
from reconstructors.ptychography.corrections.scan_neighbours import Neighbourhood

Array = NDArray[Any]

RULES: Final = ("gradient", "residual")
REASONS: Final = {
    0: "good",
    10: "equal to an earlier frame",
    11: "band of rows or columns",
    12: "plane wave over the frame",
    13: "out of place on the detector",
    14: "quadrants out of proportion",
    15: "high angles out of line",
    16: "flux out of line",
    17: "gradient of the high-angle map",
    18: "does not fit the reconstruction",
}
"""Why a frame is corrupt."""

_BAND, _WAVE = 1.0, np.log(9.0)
_LEAST_BAND = 7.5  # standard deviations
_WIDTHS = (2, 4, 8, 16)  # of a band, lines
_HIGH_AMONG = 0.85
# The least deviation that counts, and how many local spreads it must be.
_CENTRE, _QUADRANT, _HIGH, _FLUX = (1.0, 7.0), (0.7, 6.0), (0.7, 7.0), (0.12, 4.3)
_ROUNDS = 3
_QUADRATIC = 15  # of the shape components
_FRAMES_PER_TERM = 10
_RIDGE = 1e-3
_ROWS, _COLUMNS = 1024, 64  # of what is held at a time
_FEW = 8  # frames, below which there are no neighbours to speak of
_EMPTY = 1e-3  # of the median frame's photons: no neighbour to judge others by


def corrupt_frames(node: xr.Dataset, *, rule: str = "residual") -> Array:
    """Find the corrupt frames of one projection.

    Parameters
    ----------
    node : Dataset
        The record `Measurement` of kind ``"ptychography"``; its frames may be lazy.
    rule : str
        Of `RULES`.

    Returns
    -------
    (helicities, frames) int8 array
        Keys of `REASONS`.
    """
    found = np.zeros(node["position_y"].shape, np.int8)
    scale, dark = np.float32(1 / float(node["gain"])), node["dark"].values
    for index in range(node.sizes["helicity"]):
        counts = node["counts"].isel(helicity=index)
        places = np.stack([node[name].values[index] for name in ("position_y", "position_x")], -1)
        placed = np.flatnonzero(np.isfinite(places).all(-1))
        if "used" in node:
            placed = placed[node["used"].values[index][placed]]

        def read(indices: Array, counts: Any = counts, placed: Array = placed) -> Array:
            raw = counts.isel(position=placed[indices]).values
            return np.asarray((raw.astype(np.float32) - dark) * scale)

        found[index, placed] = find_corrupt(read, places[placed], node["valid"].values, rule=rule)
    return found


def find_corrupt(read: Reader, positions: Array, valid: Array, *, rule: str = "residual") -> Array:
    """Find the corrupt frames of one scan.

    Parameters
    ----------
    read : callable
        Takes indices to photons (frames, ny, nx), zero frequency in the centre.
    positions : (frames, 2) array
        Of the probe, in any unit and order.
    valid : (ny, nx) bool array
    rule : str
        Of `RULES`.

    Returns
    -------
    (frames,) int8 array
        Keys of `REASONS`.

    Raises
    ------
    ValueError
        If there is no such rule.
    """
    if rule not in RULES:
        raise ValueError(f"rule is {rule!r}; allowed: {', '.join(RULES)}")
    if len(positions) < _FEW:
        return np.zeros(len(positions), np.int8)
    features = measure(read, len(positions), valid)
    if rule == "gradient":
        bad = fault_gradient.corrupt(features.high, positions)
        return np.where(bad, 17, 0).astype(np.int8)
    lit = features.total > _EMPTY * np.median(features.total)
    found = np.where(lit, 0, 16).astype(np.int8)
    if lit.sum() >= _FEW:
        found[lit] = judge(features.of(lit), np.asarray(positions)[lit])
    return found


def judge(features: Features, positions: Array) -> Array:
    """Return which frames stand out from their neighbours, and by what: (frames,) int8 keys of `REASONS`."""
    near = Neighbourhood.of(np.asarray(positions, np.float64))
    repeated = _repeated(features)
    found = np.where(repeated, 10, 0).astype(np.int8)
    for _ in range(_ROUNDS):
        trusted = found == 0
        if trusted.sum() < _FEW:
            break
        found = np.where(repeated, 10, 0).astype(np.int8)
        for reason, bad in _tests(features, near, trusted):
            found[bad & (found == 0)] = reason
    return found


def _repeated(features: Features) -> Array:
    """Return which frames are equal to an earlier one; empty ones all are and count for nothing here."""
    first = np.unique(features.digest, return_index=True)[1]
    repeated = np.ones(len(features.total), np.bool_)
    repeated[first] = False
    return repeated & (features.total > 0)


def _tests(features: Features, near: Neighbourhood, trusted: Array) -> list[tuple[int, Array]]:
    """Return for each reason which frames it holds for."""
    light = np.log(np.maximum(features.total, 0.5))[:, None]
    some = np.column_stack([features.high, features.quadrants]) + 3
    shares = np.log(some / (features.total[:, None] + 3))
    shape = features.shape / np.maximum(features.shape[trusted].std(0), 1e-12)
    parts = (light, shares, features.centre, shape, features.lines)
    away = np.concatenate(parts, 1, dtype=np.float32)
    expected, excess = near.expected(away, trusted)
    away -= expected
    away /= np.sqrt(excess)[:, None]
    usual = expected[:, :6].astype(np.float64)
    del expected
    flux, shares_away, centre, bent, lines = np.split(away, np.cumsum([part.shape[1] for part in parts])[:-1], axis=1)
    explained = _without_shape(flux[:, 0], np.clip(shape, -5, 5), np.clip(bent, -5, 5), trusted)[:, None]
    # a frame that is nothing like the others has a shape that explains anything: its light decides alone
    flux = np.where(light < usual[:, :1] - 2, flux, explained)
    counting = (np.exp(usual[:, 1:]) * features.total[:, None] + 3) ** -0.5
    noise = 1 / np.sqrt(np.maximum(features.total, 1.0))[:, None]
    own = (flux, shares_away[:, :1], shares_away[:, 1:], centre)
    floors = (0.01 + noise, 0.05 + counting[:, :1], 0.05 + counting[:, 1:], 0.15 + 30 * noise)
    limits = {16: _FLUX, 15: _HIGH, 14: _QUADRANT, 13: _CENTRE}
    found = [
        (reason, _beyond(part, np.hypot(near.spread(part, trusted), floor), limit))
        for (reason, limit), part, floor in zip(limits.items(), own, floors, strict=True)
    ]
    for first in range(0, lines.shape[1], _COLUMNS):
        column = lines[:, first : first + _COLUMNS]
        column /= np.hypot(near.spread(column, trusted), 1.0)
    band = _band(lines, features.rows)
    bands = (11, (band > _LEAST_BAND) & (_rise(np.log(band), near, trusted) > _BAND))
    waves = (12, _rise(np.log(features.wave), near, trusted) > _WAVE)
    return [bands, waves, *sorted(found)]


def _beyond(away: Array, spread: Array, limits: tuple[float, float]) -> Array:
    """Return where one of the values of a frame is away by more than the limits, plain and in spreads."""
    return np.asarray(((np.abs(away) > limits[0]) & (np.abs(away) > limits[1] * spread)).any(1))


def _band(lines: Array, rows: int) -> Array:
    """Return the greatest excess (frames,) of a run of rows or of columns, in its standard deviations, at least 1."""
    found = np.ones(len(lines))
    for part in (lines[:, :rows], lines[:, rows:]):
        run = np.concatenate([np.zeros((len(part), 1)), np.cumsum(part, axis=1)], axis=1)
        for width in (width for width in _WIDTHS if width < run.shape[1]):
            found = np.maximum(found, (run[:, width:] - run[:, :-width]).max(1) / np.sqrt(width))
    return found


def _rise(values: Array, near: Neighbourhood, trusted: Array) -> Array:
    """Return by how much a value exceeds what is high among its neighbours; at a rim these are of two kinds."""
    return np.asarray(values - near.quantile(values[:, None], trusted, _HIGH_AMONG)[:, 0])


def _without_shape(away: Array, shape: Array, bent: Array, trusted: Array) -> Array:
    """Return `away` less what the shapes of the patterns say of it, each frame judged by the other trusted ones.

    `shape` (frames, k) are the shapes, `bent` their departure from the neighbours'.
    """
    room = int(trusted.sum()) // _FRAMES_PER_TERM
    kept = min(shape.shape[1], max(1, room // 2))
    quadratic = min(_QUADRATIC, kept, int(np.sqrt(2 * max(room - 2 * kept, 0))))
    blocks = [slice(first, first + _ROWS) for first in range(0, len(away), _ROWS)]

    def terms(block: slice) -> Array:
        plain = [np.ones((len(away[block]), 1)), shape[block, :kept], bent[block, :kept]]
        products = [shape[block, [k]] * shape[block, k:quadratic] for k in range(quadratic)]
        return np.concatenate(plain + products, 1, dtype=np.float64)

    normal: Any = 0.0
    right: Any = 0.0
    for block in blocks:
        seen = terms(block)[trusted[block]]
        normal = normal + seen.T @ seen
        right = right + seen.T @ away[block][trusted[block]]
    inverse = np.linalg.inv(normal + _RIDGE * trusted.sum() * np.eye(len(right)))
    rest = np.empty(len(away))
    for block in blocks:
        matrix = terms(block)
        own = np.einsum("jk,jk->j", matrix @ inverse, matrix) * trusted[block]
        rest[block] = (away[block] - matrix @ (inverse @ right)) / np.maximum(1 - own, 0.1)
    return rest
