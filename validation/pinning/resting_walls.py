"""Places where walls rest, bent, in state after state, more than chance brings walls together.

- `wall_chances`: for each place of a state, how unlikely a wall is there that is so near and so bent;
- `resting_places`: where all states together are less likely than the same states turned against one another.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from validation.walls.lines import WallLines

Array = NDArray[Any]
Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_STRAIGHT = 0.3  # rad, added to the turning: a straight wall counts too, a tip of a domain ten times more
_NEAR = 0.2  # diameters, of the Gaussian that a wall's weight falls off with
_BLUR = 0.7  # px, of the sum over the states
_RAREST = 1e-4
_SURROGATES = 40  # at most 56, for pairs that differ
_CHANCE = 0.2  # share of the surrogates whose strongest place may be as strong
_ROUNDS = 10
_ORIENTATIONS = 8  # of a square


def wall_chances(walls: WallLines, inside: Array, *, diameter: float) -> Floats:
    """Return minus the decadic logarithm of the share of the image where walls are as near and as bent.

    Parameters
    ----------
    walls : WallLines
        Their turning over one diameter.
    inside : (ny, nx) bool array
    diameter : float
        px.

    Returns
    -------
    (ny, nx) float64 array
        0 outside, and everywhere if there is no wall.
    """
    distance, index = walls.from_pixels(inside.shape)
    if len(walls.point) == 0:
        return np.zeros(inside.shape)
    pull = (_STRAIGHT + walls.turning[index]) * np.exp(-0.5 * (distance / (_NEAR * diameter)) ** 2)
    share = 1 - np.searchsorted(np.sort(pull[inside]), pull, side="left") / inside.sum()
    return np.where(inside, -np.log10(np.clip(share, _RAREST, 1)), 0.0)


def resting_places(
    chances: Sequence[Floats],
    inside: Array,
    known: Floats,
    *,
    diameter: float,
    peaks: Callable[[Floats, float], Floats],
) -> tuple[Floats, Floats, float]:
    """Find the places where walls of all states meet more than chance would have it.

    A place counts if its sum over the states is higher than the highest of all places in four of five surrogates: the
    same states, each turned or mirrored against the others, which keeps all there is in a state but the places that
    states share. What is found is taken out of all states, and the rest is compared anew, until nothing is left:
    otherwise the sites themselves, brought together by turning, would set the limit. The order of the states does not
    matter: they are turned in the order of how far their walls lie together.

    Parameters
    ----------
    chances : sequence of (ny, nx) float64 array
        As `wall_chances` gives them; fewer than three with walls find nothing.
    inside : (ny, nx) bool array
    known : (n, 2) float64 array
        Places, px, that are sites already and are taken out first.
    diameter : float
        px.
    peaks : callable
        Of (map, threshold): the places (n, 2) above it.

    Returns
    -------
    places : (n, 2) float64 array
        px.
    score : (ny, nx) float64 array
        The sum over the states, nothing taken out.
    threshold : float
        The last one, infinite where nothing can be found.
    """
    crossed = sorted((chance for chance in chances if chance.any()), key=lambda chance: _clustering(chance, inside))
    score = _summed(crossed, inside) if crossed else np.zeros(inside.shape)
    if len(crossed) < 3:
        return np.empty((0, 2)), score, np.inf
    found, threshold = np.empty((0, 2)), np.inf
    scored = _square(inside, inside)
    for _ in range(_ROUNDS):
        away = _away(inside.shape, np.concatenate([known, found]), diameter)
        left = [_square(chance * away, inside) for chance in crossed]
        highest = [float(_summed(turned, scored).max()) for turned in _surrogates(left)]
        threshold = float(np.quantile(highest, 1 - _CHANCE))
        new = peaks(_summed((chance * away for chance in crossed), inside), threshold)
        if len(new) == 0:
            break
        found = np.concatenate([found, new])
    return found, score, threshold


def _summed(maps: Iterable[Floats], inside: Array) -> Floats:
    total = np.zeros(inside.shape)
    for each in maps:
        total += each
    return np.where(inside, ndimage.gaussian_filter(total, _BLUR), 0.0)


def _away(shape: tuple[int, ...], places: Floats, distance: float) -> NDArray[np.bool_]:
    y, x = np.ogrid[: shape[0], : shape[1]]
    away = np.ones(shape, bool)
    for place in places:
        away &= np.hypot(y - place[0], x - place[1]) > distance
    return away


def _square(values: Array, inside: Array) -> Array:
    """Return the box around `inside`, made square: what is turned about its middle stays where sites may be."""
    box = values[ndimage.find_objects(inside.astype(int))[0]]
    missing = [max(box.shape) - n for n in box.shape]
    return np.pad(box, [(n // 2, n - n // 2) for n in missing])


def _surrogates(maps: Sequence[Floats]) -> Iterator[list[Floats]]:
    """Turn and mirror the square maps against the first of them."""
    for turned in _turns(len(maps)):
        yield [_oriented(each, orientation) for each, orientation in zip(maps, turned, strict=True)]


def _turns(count: int) -> Integers:
    """Return the orientations (surrogates, count) of the states, from three on; the first is not turned.

    Each of the others goes through all orientations equally often: the second and third through pairs that differ, and
    never are both unturned, each later one in an order of its own. So no two keep together, however many there are.
    """
    number = np.arange(_SURROGATES)
    second = number % _ORIENTATIONS
    third = (3 * second + number // _ORIENTATIONS + 1) % _ORIENTATIONS
    later = [np.random.default_rng(state).permutation(second) for state in range(3, count)]
    return np.stack([np.zeros_like(second), second, third, *later], axis=1)


def _clustering(chance: Floats, inside: Array) -> float:
    """Return how much a state's chances lie together, which tells states apart; all have the same distribution."""
    return float(np.square(_summed([chance], inside)).sum())


def _oriented(values: Floats, orientation: int) -> Floats:
    flipped = values[:: -1 if orientation & 1 else 1, :: -1 if orientation & 2 else 1]
    return flipped.T if orientation & 4 else flipped
