"""Vectors of sixteen numbers in compiled kernels, written down where a compiler does not find them by itself.

A function marked `emitted` gets an `Emitter` and the operands, and writes the machine-independent code of one call with
them: arrays come as `Pointer`, whole numbers as indices, real numbers as `Lanes` that hold the number sixteen times. In
a kernel it is called like any function, returns nothing, and becomes part of the caller's code. The compiler cuts
vectors of sixteen to what the processor has.

- `Lanes`, `Pair`: sixteen real and sixteen complex numbers, with arithmetic; where a product is fused with a sum is
  written down too, so that equal inputs give equal bits wherever the code stands;
- `Pointer`: reads and writes them; `transposed`: turns sixteen vectors of sixteen;
- `aligned`: an array that starts on a cache line, which vectors then do not straddle.

Indices are not checked: who calls an emitted function answers for them.
"""

import inspect
from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import DTypeLike, NDArray

LANES = 16
"""Numbers in a vector: one cache line of float32."""

_NUMBER = ir.FloatType()
_VECTOR = ir.VectorType(_NUMBER, LANES)
_COMPLEX = ir.VectorType(_NUMBER, 2 * LANES)
_INDEX = ir.IntType(64)
_LINE_BYTES = 64


def aligned(shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return an array of zeros of `shape` that starts on a cache line."""
    size = prod(shape) * np.dtype(dtype).itemsize
    memory = np.zeros(size + _LINE_BYTES, np.uint8)
    start = -memory.ctypes.data % _LINE_BYTES
    return memory[start : start + size].view(dtype).reshape(shape)


class Lanes:
    """Sixteen real numbers."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def __add__(self, other: "Lanes") -> "Lanes":
        return self._new(self.builder.fadd(self.value, other.value))

    def __sub__(self, other: "Lanes") -> "Lanes":
        return self._new(self.builder.fsub(self.value, other.value))

    def __mul__(self, other: "Lanes | float") -> "Lanes":
        return self._new(self.builder.fmul(self.value, _value(other)))

    def __truediv__(self, other: "Lanes") -> "Lanes":
        return self._new(self.builder.fdiv(self.value, other.value))

    def __neg__(self) -> "Lanes":
        return self._new(self.builder.fneg(self.value))

    def times_plus(self, factor: "Lanes | float", term: "Lanes") -> "Lanes":
        """Return ``self * factor + term``, rounded once where the processor can."""
        return self._new(self.builder.call(self._function("fmuladd", 3), [self.value, _value(factor), term.value]))

    def maximum(self, other: "Lanes") -> "Lanes":
        """Return the larger of the two, `other` where `self` is not a number."""
        return self._new(self.builder.select(self._above(">", other), self.value, other.value))

    def where_valid(self, measured: "Lanes") -> "Lanes":
        """Return the numbers where `measured` is not negative, and zero elsewhere."""
        valid = measured._above(">=", measured._new(_value(0.0)))
        return self._new(self.builder.select(valid, self.value, _value(0.0)))

    def reciprocal_root(self) -> "Lanes":
        """Return one over the square root of positive numbers; the processor's estimate, refined, where it has one."""
        root = self.builder.call(self._function("sqrt", 1), [self.value], fastmath=("fast",))
        return self._new(self.builder.fdiv(_value(1.0), root, flags=("fast",)))

    def _new(self, value: Any) -> "Lanes":
        return Lanes(self.builder, value)

    def _above(self, sign: str, other: "Lanes") -> Any:
        return self.builder.fcmp_ordered(sign, self.value, other.value)

    def _function(self, name: str, operands: int) -> Any:
        kind = ir.FunctionType(_VECTOR, [_VECTOR] * operands)
        insert: Any = cgutils.get_or_insert_function
        return insert(self.builder.module, kind, f"llvm.{name}.v{LANES}f32")


class Pair(NamedTuple):
    """Sixteen complex numbers."""

    real: Lanes
    imaginary: Lanes

    def plus(self, other: "Pair") -> "Pair":
        """Return the sum."""
        return Pair(self.real + other.real, self.imaginary + other.imaginary)

    def minus(self, other: "Pair") -> "Pair":
        """Return the difference."""
        return Pair(self.real - other.real, self.imaginary - other.imaginary)

    def scaled(self, factor: Lanes | float) -> "Pair":
        """Return the product with real numbers."""
        return Pair(self.real * factor, self.imaginary * factor)

    def times(self, other: "Pair") -> "Pair":
        """Return the product."""
        return Pair(
            self.real.times_plus(other.real, -(self.imaginary * other.imaginary)),
            self.real.times_plus(other.imaginary, self.imaginary * other.real),
        )

    def times_conjugate(self, other: "Pair") -> "Pair":
        """Return the product with the conjugate of `other`."""
        return Pair(
            self.real.times_plus(other.real, self.imaginary * other.imaginary),
            self.imaginary.times_plus(other.real, -(self.real * other.imaginary)),
        )

    def along(self, other: "Pair") -> Lanes:
        """Return the real part of the product with the conjugate of `other`."""
        return self.real.times_plus(other.real, self.imaginary * other.imaginary)

    def power(self) -> Lanes:
        """Return the squared modulus."""
        return self.along(self)


class Pointer:
    """A contiguous array of float32 or complex64, seen as float32; indices count those."""

    def __init__(self, builder: Any, base: Any) -> None:
        self.builder, self.base = builder, base

    def after(self, index: Any, numbers: int) -> Any:
        """Return `index` plus a fixed count of numbers."""
        return self.builder.add(index, ir.Constant(_INDEX, numbers))

    def steps(self, index: Any, step: Any, count: int) -> list[Any]:
        """Return `count` indices, `step` apart, from `index` on."""
        result = [index]
        while len(result) < count:
            result.append(self.builder.add(result[-1], step))
        return result

    def before(self, index: Any, step: Any) -> Any:
        """Return `index` less `step`."""
        return self.builder.sub(index, step)

    def read(self, index: Any) -> Lanes:
        """Read sixteen numbers from `index` on."""
        return Lanes(self.builder, self.builder.load(self._at(index, _VECTOR), align=4))

    def write(self, index: Any, value: Lanes) -> None:
        """Write sixteen numbers from `index` on."""
        self.builder.store(value.value, self._at(index, _VECTOR), align=4)

    def add(self, index: Any, value: Lanes) -> None:
        """Add sixteen numbers from `index` on."""
        self.write(index, self.read(index) + value)

    def read_one(self, index: Any) -> Lanes:
        """Read one number, sixteen times."""
        return Lanes(self.builder, _spread(self.builder, self.builder.load(self._at(index, _NUMBER), align=4)))

    def read_pair(self, index: Any) -> Pair:
        """Read sixteen real parts from `index` on, and sixteen imaginary parts after them."""
        return Pair(self.read(index), self.read(self.after(index, LANES)))

    def write_pair(self, index: Any, value: Pair) -> None:
        """Write what `read_pair` reads."""
        self.write(index, value.real)
        self.write(self.after(index, LANES), value.imaginary)

    def add_pair(self, index: Any, value: Pair) -> None:
        """Add to what `read_pair` reads."""
        self.write_pair(index, self.read_pair(index).plus(value))

    def read_complex(self, index: Any) -> Pair:
        """Read sixteen complex numbers whose parts alternate, from the real part at `index` on."""
        both = self.builder.load(self._at(index, _COMPLEX), align=4)
        parts = [_shuffled(self.builder, both, both, range(part, 2 * LANES, 2)) for part in (0, 1)]
        return Pair(*(Lanes(self.builder, part) for part in parts))

    def write_complex(self, index: Any, value: Pair) -> None:
        """Write what `read_complex` reads."""
        self.builder.store(self._alternating(value), self._at(index, _COMPLEX), align=4)

    def add_complex(self, index: Any, value: Pair) -> None:
        """Add to what `read_complex` reads."""
        place = self._at(index, _COMPLEX)
        old = self.builder.load(place, align=4)
        self.builder.store(self.builder.fadd(old, self._alternating(value)), place, align=4)

    def _at(self, index: Any, kind: Any) -> Any:
        return self.builder.bitcast(self.builder.gep(self.base, [index]), ir.PointerType(kind))

    def _alternating(self, value: Pair) -> Any:
        places = [lane + LANES * part for lane in range(LANES) for part in (0, 1)]
        return _shuffled(self.builder, value.real.value, value.imaginary.value, places)


class Emitter:
    """What an `emitted` function writes its code with, beside its operands."""

    def __init__(self, context: Any, builder: Any) -> None:
        self.context, self.builder = context, builder
        self.origin = ir.Constant(_INDEX, 0)

    def constant(self, number: float) -> Lanes:
        """Return `number` sixteen times."""
        return Lanes(self.builder, _value(number))

    def operand(self, kind: Any, value: Any) -> Any:
        """Return the operand of a call as a `Pointer`, an index or `Lanes`."""
        if isinstance(kind, types.Array):
            data = self.context.make_array(kind)(self.context, self.builder, value).data
            return Pointer(self.builder, self.builder.bitcast(data, ir.PointerType(_NUMBER)))
        if isinstance(kind, types.Integer):
            return self.context.cast(self.builder, value, kind, types.intp)
        number = self.context.cast(self.builder, value, kind, types.float32)
        return Lanes(self.builder, _spread(self.builder, number))


def emitted(function: Callable[..., None]) -> Any:
    """Make of ``function(emitter, *operands)`` a function that compiled kernels call as ``function(*operands)``."""
    operands = list(inspect.signature(function).parameters.values())[1:]

    def definition(typing_context: Any, *kinds: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            emitter = Emitter(context, builder)
            function(emitter, *map(emitter.operand, signature.args, values))
            return context.get_dummy_value()

        return types.void(*kinds), generate

    first = inspect.Parameter("typing_context", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    definition.__signature__ = inspect.Signature([first, *operands])  # type: ignore[attr-defined]
    definition.__name__ = definition.__qualname__ = function.__name__
    definition.__doc__ = function.__doc__
    return intrinsic(definition)


def transposed(vectors: Sequence[Lanes]) -> list[Lanes]:
    """Return sixteen vectors that are the columns of the sixteen given ones."""
    builder = vectors[0].builder
    rows = [vector.value for vector in vectors]
    # Numbers, then pairs of them, change places within the quarters of two vectors; then the quarters do, twice.
    quarters, both = range(0, LANES, 4), (0, LANES)
    numbers = [[q + half + i + b for q in quarters for i in (0, 1) for b in both] for half in (0, 2)]
    pairs = [[q + half + i + b for q in quarters for b in both for i in (0, 1)] for half in (0, 2)]
    whole = [[q + half + i + b for b in both for q in (0, 8) for i in range(4)] for half in (0, 4)]
    rows = [_shuffled(builder, rows[i], rows[i + 1], part) for i in range(0, LANES, 2) for part in numbers]
    rows = [_shuffled(builder, rows[q + j], rows[q + j + 2], part) for q in quarters for j in (0, 1) for part in pairs]
    columns: dict[int, Any] = {}
    for k in range(4):
        upper, lower = ([_shuffled(builder, rows[q + k], rows[q + k + 4], part) for part in whole] for q in (0, 8))
        for odd in (0, 1):
            for high in (0, 1):
                columns[8 * high + 4 * odd + k] = _shuffled(builder, upper[odd], lower[odd], whole[high])
    return [Lanes(builder, columns[k]) for k in range(LANES)]


def _value(number: "Lanes | float") -> Any:
    if isinstance(number, Lanes):
        return number.value
    return ir.Constant(_VECTOR, [float(np.float32(number))] * LANES)


def _spread(builder: Any, number: Any) -> Any:
    first = builder.insert_element(ir.Constant(_VECTOR, ir.Undefined), number, ir.Constant(ir.IntType(32), 0))
    return _shuffled(builder, first, first, [0] * LANES)


def _shuffled(builder: Any, a: Any, b: Any, places: Sequence[int]) -> Any:
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), list(places))
    return builder.shuffle_vector(a, b, mask)
