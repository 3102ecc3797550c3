"""Whole numbers that threads share in compiled kernels; no operation can be cut in two, and all see one order.

Arrays are int64, one-dimensional and contiguous; indices are not checked.

- `fetch_add(array, index, value)`: add, and return what was there before;
- `load(array, index)`; `store(array, index, value)`, which returns the value.
"""

from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.extending import intrinsic

_ORDER = "seq_cst"
_BYTES = 8


def _place(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    data = context.make_array(signature.args[0])(context, builder, values[0]).data
    index = context.cast(builder, values[1], signature.args[1], types.int64)
    return builder.bitcast(builder.gep(data, [index]), ir.PointerType(ir.IntType(64)))


def _fetch_add(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Add, and return what was there before."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = context.cast(builder, values[2], signature.args[2], types.int64)
        return builder.atomic_rmw("add", _place(context, builder, signature, values), number, _ORDER)

    return types.int64(array, index, value), generate


def _load(typing_context: Any, array: Any, index: Any) -> Any:
    """Read."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.load_atomic(_place(context, builder, signature, values), _ORDER, _BYTES)

    return types.int64(array, index), generate


def _store(typing_context: Any, array: Any, index: Any, value: Any) -> Any:
    """Write; return the value."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        number = context.cast(builder, values[2], signature.args[2], types.int64)
        builder.store_atomic(number, _place(context, builder, signature, values), _ORDER, _BYTES)
        return number

    return types.int64(array, index, value), generate


fetch_add: Any = intrinsic(_fetch_add)
load: Any = intrinsic(_load)
store: Any = intrinsic(_store)
