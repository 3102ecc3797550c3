"""What the slices' kernels do at one point of a spectrum, sixteen numbers at a time: code for `slice_kernels`.

The fine spectrum holds, at each node along x, the real and the imaginary parts of all its volumes one after the other:
ten numbers of the five nodes round a point with one volume, thirty with three. The vectors are filled up with zeros.

- `along_line`: the five weights of a point along y or z;
- `read1`, `read3`: the spectrum at a point, of one volume and of three; `add1`, `add3`: their adjoints.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]

from numerics.lanes import LANES, Emitter, Lanes, Pointer, emitted

WIDTH = 5
"""Nodes round a point along each axis."""
DEGREE = 8
"""Of the polynomials in a point's place between two nodes that give its weights."""
_PLACES = ir.VectorType(ir.IntType(32), LANES)


def _polynomial(emitter: Emitter, coefficients: Pointer, first: int, vectors: int, t: Lanes) -> Lanes:
    """Return vector `first` of `vectors` of weights: the coefficients start with those of the highest power."""
    result = coefficients.read(coefficients.after(emitter.origin, LANES * first))
    for power in range(1, DEGREE + 1):
        place = coefficients.after(emitter.origin, LANES * (first + vectors * power))
        result = result.times_plus(t, coefficients.read(place))
    return result


@emitted
def along_line(emitter: Emitter, coefficients: Any, t: Any, weights: Any, at: Any) -> None:
    """Write sixteen weights, five of them not zero."""
    weights.write(at, _polynomial(emitter, coefficients, 0, 1, t))


def _halves(vector: Lanes) -> Lanes:
    """Return in the first two lanes the sums of the even and of the odd ones."""
    builder = vector.builder
    value, count = vector.value, LANES
    while count > 2:
        count //= 2
        places = ir.Constant(_PLACES, [(lane + count) % LANES for lane in range(LANES)])
        value = builder.fadd(value, builder.shuffle_vector(value, value, places))
    return Lanes(builder, value)


def _read(vectors: int) -> Any:
    def function(
        emitter: Emitter, grid: Any, place: Any, plane: Any, line: Any, weights: Any, coefficients: Any, t: Any,
        directions: Any, result: Any,
    ) -> None:  # fmt: skip
        total, none = emitter.constant(0.0), emitter.constant(0.0)
        y = [weights.read_one(weights.after(emitter.origin, j)) for j in range(WIDTH)]
        z = [weights.read_one(weights.after(emitter.origin, LANES + j)) for j in range(WIDTH)]
        for first in range(vectors):
            nodes = none
            for start, z_weight in zip(grid.steps(place, plane, WIDTH), z, strict=True):
                rows = none
                for row, y_weight in zip(grid.steps(start, line, WIDTH), y, strict=True):
                    numbers = grid.read(grid.after(row, LANES * first))
                    rows = numbers.times_plus(y_weight, rows)
                nodes = rows.times_plus(z_weight, nodes)
            share = directions.read(directions.after(emitter.origin, LANES * first))
            share = share * _polynomial(emitter, coefficients, first, vectors, t)
            total = nodes.times_plus(share, total)
        result.write(emitter.origin, _halves(total))

    return emitted(function)


def _add(vectors: int) -> Any:
    def function(
        emitter: Emitter, grid: Any, place: Any, plane: Any, line: Any, weights: Any, coefficients: Any, t: Any,
        directions: Any, real: Any, imaginary: Any,
    ) -> None:  # fmt: skip
        y = [weights.read_one(weights.after(emitter.origin, j)) for j in range(WIDTH)]
        z = [weights.read_one(weights.after(emitter.origin, LANES + j)) for j in range(WIDTH)]
        for first in range(vectors):
            parts = [directions.read(directions.after(emitter.origin, LANES * (first + k * vectors))) for k in (0, 1)]
            share = parts[0] * real + parts[1] * imaginary
            share = share * _polynomial(emitter, coefficients, first, vectors, t)
            for start, z_weight in zip(grid.steps(place, plane, WIDTH), z, strict=True):
                own = share * z_weight
                for row, y_weight in zip(grid.steps(start, line, WIDTH), y, strict=True):
                    at = grid.after(row, LANES * first)
                    grid.write(at, own.times_plus(y_weight, grid.read(at)))

    return emitted(function)


read1, read3 = _read(1), _read(2)
add1, add3 = _add(1), _add(2)
