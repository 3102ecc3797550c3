"""Our own line transforms for compiled kernels: sixteen lines at a time, in place, not reordered, not scaled.

An element is one sample of sixteen lines: 16 real parts, then 16 imaginary ones. A line of n = 16 m elements is
transformed by passes of the radices of m, decimating in frequency, and a last one of radix 16 over neighbours. The
spectrum then lies in the order `spectrum_order`, which what works point by point need not undo; the inverse goes back
from there to natural order. After Cooley and Tukey, Math. Comput. 19, 297 (1965), and Gentleman and Sande, AFIPS 29,
563 (1966); decimating one way forward and the other way back saves the reordering of both.

- `sizes`, `Line`, `line`: the plan of a length, or its refusal; `spectrum_order`;
- `transform`: of a few values, for `emitted` code; `turned`: times the factors of a pass;
- `forward_passes`, `inverse_passes`: all but the pass over neighbours, for kernels; `forward16`, `inverse16`: that one;
- `forward_lines`, `inverse_lines`: whole transforms.
"""

from math import cos, pi, prod, sin, sqrt
from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics.lanes import LANES, Emitter, Pair, Pointer, emitted

Array = NDArray[Any]

PAIR = 2 * LANES
"""Numbers in an element."""

LAST = 16
"""Radix of the pass over neighbours."""

_RADICES = {
    64: (4,), 128: (8,), 192: (4, 3), 256: (4, 4), 320: (4, 5), 384: (8, 3), 512: (4, 8), 640: (8, 5), 768: (4, 4, 3),
    1024: (8, 8),
}  # fmt: skip


class Line(NamedTuple):
    """The plan of a length: radices of all passes but the last, and their factors one after the other.

    A pass of radix r over stretches of m elements has, for each j < m/r and each k from 1 to r - 1, the cosine and sine
    of ``-2 pi j k / m``.
    """

    radices: NDArray[np.int64]
    factors: NDArray[np.float32]


def sizes() -> tuple[int, ...]:
    """Return the lengths that can be transformed."""
    return tuple(_RADICES)


def line(n: int) -> Line:
    """Return the plan of `n`.

    Raises
    ------
    ValueError
        If there is none.
    """
    radices = _radices(n)
    factors, stretch = [], n
    for radix in radices:
        j, k = np.mgrid[: stretch // radix, 1:radix]
        angle = -2 * np.pi * (j * k) / stretch
        factors.append(np.stack([np.cos(angle), np.sin(angle)], axis=-1).ravel())
        stretch //= radix
    return Line(np.array(radices, np.int64), np.concatenate(factors).astype(np.float32))


def _radices(n: int) -> tuple[int, ...]:
    if n not in _RADICES:
        raise ValueError(f"length is {n}; allowed: {', '.join(map(str, _RADICES))}")
    return _RADICES[n]


def spectrum_order(n: int) -> NDArray[np.intp]:
    """Return the frequency, 0 to n - 1, at each place of a transformed line."""
    radices = (*_radices(n), LAST)
    digits = np.stack(np.unravel_index(np.arange(n), radices))
    weights = [prod(radices[:place]) for place in range(len(radices))]
    return np.asarray(np.tensordot(weights, digits, axes=1), dtype=np.intp)


def transform(values: list[Pair], *, inverse: bool = False) -> list[Pair]:
    """Return the transform, not scaled, of 1, 2, 4, 8, 16 or an odd number of values, in natural order."""
    n = len(values)
    if n == 1:
        return values
    if n == 2:
        return [values[0].plus(values[1]), values[0].minus(values[1])]
    if n % 2:
        return _odd_transform(values, inverse)
    quarter = n // 4
    parts: list[list[Pair]] = [[], [], [], []]
    for j in range(quarter):
        a, b, c, d = values[j::quarter]
        even, odd, sum_, quarter_turn = a.plus(c), a.minus(c), b.plus(d), _rotated(b.minus(d), 1, 4, inverse)
        finished = (even.plus(sum_), odd.plus(quarter_turn), even.minus(sum_), odd.minus(quarter_turn))
        for k, value in enumerate(finished):
            parts[k].append(_rotated(value, j * k, n, inverse))
    parts = [transform(part, inverse=inverse) for part in parts]
    return [parts[k % 4][k // 4] for k in range(n)]


def _odd_transform(values: list[Pair], inverse: bool) -> list[Pair]:
    n, first = len(values), values[0]
    halves = range(1, n // 2 + 1)
    sums = [values[j].plus(values[n - j]) for j in halves]
    differences = [_rotated(values[j].minus(values[n - j]), 1, 4, inverse) for j in halves]
    total = first
    for value in sums:
        total = total.plus(value)
    result = [total] * n
    for k in halves:
        even, odd = first, differences[0].scaled(sin(2 * pi * k / n))
        for j, (sum_, difference) in enumerate(zip(sums, differences, strict=True), 1):
            even = even.plus(sum_.scaled(cos(2 * pi * j * k / n)))
            odd = odd if j == 1 else odd.plus(difference.scaled(sin(2 * pi * j * k / n)))
        result[k], result[n - k] = even.plus(odd), even.minus(odd)
    return result


def _rotated(value: Pair, step: int, n: int, inverse: bool) -> Pair:
    """Return the product with ``exp(-2 pi i step / n)``, or with its conjugate for the inverse."""
    a, b = value
    if step == 0:
        return value
    if 4 * step == n:
        return Pair(-b, a) if inverse else Pair(b, -a)
    if 8 * step == n:
        half = sqrt(0.5)
        return Pair((a - b if inverse else a + b) * half, (a + b if inverse else b - a) * half)
    angle = 2 * pi * step / n
    c, s = cos(angle), sin(angle) if inverse else -sin(angle)
    return Pair(a.times_plus(c, b * -s), a.times_plus(s, b * c))


def turned(factors: Pointer, start: Any, values: list[Pair], *, inverse: bool = False) -> list[Pair]:
    """Return all values but the first times the factors from `start` on, or times their conjugates."""
    result = values[:1]
    for k, value in enumerate(values[1:]):
        place = factors.after(start, 2 * k)
        factor = Pair(factors.read_one(place), factors.read_one(factors.after(place, 1)))
        result.append(value.times_conjugate(factor) if inverse else value.times(factor))
    return result


def read_neighbours(data: Pointer, first: Any) -> list[Pair]:
    """Read sixteen elements that follow each other."""
    return [data.read_pair(data.after(first, PAIR * k)) for k in range(LAST)]


def write_neighbours(data: Pointer, first: Any, values: list[Pair]) -> None:
    """Write sixteen elements that follow each other."""
    for k, value in enumerate(values):
        data.write_pair(data.after(first, PAIR * k), value)


@emitted
def forward16(emitter: Emitter, data: Any, first: Any) -> None:
    """Transform sixteen neighbours, in place."""
    write_neighbours(data, first, transform(read_neighbours(data, first)))


@emitted
def inverse16(emitter: Emitter, data: Any, first: Any) -> None:
    """Invert `forward16`, but for a factor."""
    write_neighbours(data, first, transform(read_neighbours(data, first), inverse=True))


def _forward_pass(radix: int) -> Any:
    def function(emitter: Emitter, data: Any, first: Any, step: Any, factors: Any, start: Any) -> None:
        places = data.steps(first, step, radix)
        values = turned(factors, start, transform([data.read_pair(place) for place in places]))
        for place, value in zip(places, values, strict=True):
            data.write_pair(place, value)

    return emitted(function)


def _inverse_pass(radix: int) -> Any:
    def function(emitter: Emitter, data: Any, first: Any, step: Any, factors: Any, start: Any) -> None:
        places = data.steps(first, step, radix)
        values = turned(factors, start, [data.read_pair(place) for place in places], inverse=True)
        for place, value in zip(places, transform(values, inverse=True), strict=True):
            data.write_pair(place, value)

    return emitted(function)


_forward3, _forward4, _forward5, _forward8 = (_forward_pass(radix) for radix in (3, 4, 5, 8))
_inverse3, _inverse4, _inverse5, _inverse8 = (_inverse_pass(radix) for radix in (3, 4, 5, 8))


@njit(cache=True, nogil=True, error_model="numpy")
def _forward_stretch(radix: int, part: int, data: Array, base: int, factors: Array, start: int) -> None:
    """Run a pass on one stretch of ``radix * part`` elements."""
    size = 2 * (radix - 1)
    if radix == 4:
        for j in range(part):
            _forward4(data, base + PAIR * j, PAIR * part, factors, start + size * j)
    elif radix == 8:
        for j in range(part):
            _forward8(data, base + PAIR * j, PAIR * part, factors, start + size * j)
    elif radix == 3:
        for j in range(part):
            _forward3(data, base + PAIR * j, PAIR * part, factors, start + size * j)
    else:
        for j in range(part):
            _forward5(data, base + PAIR * j, PAIR * part, factors, start + size * j)


@njit(cache=True, nogil=True, error_model="numpy")
def forward_passes(data: Array, first: int, n: int, radices: Array, factors: Array, skip: int) -> None:
    """Run all passes but the first `skip` and the last on the line of `n` elements from `first` on in flat `data`."""
    stretch, start = n, 0
    for number in range(radices.size):
        radix = radices[number]
        part, size = stretch // radix, 2 * (radix - 1)
        if number >= skip:
            for base in range(first, first + PAIR * n, PAIR * stretch):
                _forward_stretch(radix, part, data, base, factors, start)
        start += size * part
        stretch = part


@njit(cache=True, nogil=True, error_model="numpy")
def _inverse_stretch(radix: int, part: int, data: Array, base: int, factors: Array, start: int) -> None:
    """Run a pass on one stretch of ``radix * part`` elements."""
    size = 2 * (radix - 1)
    if radix == 4:
        for j in range(part):
            _inverse4(data, base + PAIR * j, PAIR * part, factors, start + size * j)
    elif radix == 8:
        for j in range(part):
            _inverse8(data, base + PAIR * j, PAIR * part, factors, start + size * j)
    elif radix == 3:
        for j in range(part):
            _inverse3(data, base + PAIR * j, PAIR * part, factors, start + size * j)
    else:
        for j in range(part):
            _inverse5(data, base + PAIR * j, PAIR * part, factors, start + size * j)


@njit(cache=True, nogil=True, error_model="numpy")
def inverse_passes(data: Array, first: int, n: int, radices: Array, factors: Array) -> None:
    """Undo `forward_passes` with nothing skipped, but for a factor."""
    part, start = LAST, factors.size
    for number in range(radices.size - 1, -1, -1):
        radix = radices[number]
        stretch, size = part * radix, 2 * (radix - 1)
        start -= size * part
        for base in range(first, first + PAIR * n, PAIR * stretch):
            _inverse_stretch(radix, part, data, base, factors, start)
        part = stretch


@njit(cache=True, nogil=True, error_model="numpy")
def forward_lines(data: Array, n: int, radices: Array, factors: Array) -> None:
    """Transform sixteen lines of `n` elements, and the next sixteen, to the end of flat float32 `data`, in place."""
    for first in range(0, data.size, PAIR * n):
        forward_passes(data, first, n, radices, factors, 0)
        for place in range(first, first + PAIR * n, PAIR * LAST):
            forward16(data, place)


@njit(cache=True, nogil=True, error_model="numpy")
def inverse_lines(data: Array, n: int, radices: Array, factors: Array) -> None:
    """Invert `forward_lines`, but for a factor `n`."""
    for first in range(0, data.size, PAIR * n):
        for place in range(first, first + PAIR * n, PAIR * LAST):
            inverse16(data, place)
        inverse_passes(data, first, n, radices, factors)
