"""Guarded momentum: quasi-Newton steps from the gradients of the last epochs.

- `Field`: object and probe, or anything of their shapes; `inner`, `add`: their arithmetic;
- `Momentum`: what is remembered, in a state's memory: `gain`, `direction`, `forget`.

The limited-memory method of Liu and Nocedal, Math. Program. 45, 503 (1989), on object and probe together, with
the summed illumination as its first metric. What a listener mixes or scales in the state's memory is mixed here too.
"""

from typing import Any, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from reconstructors.ptychography.state import State

Array = NDArray[Any]

_NAME = "momentum"
_PARTS = ("object", "probe")
_CURVED = 1e-6
"""Least curvature of a step, over the product of its length and that of the gradient's change, that is believed."""


class Field(NamedTuple):
    """Object (Y, X) and probe (modes, ny, nx), complex64, or real fields of their last two axes."""

    object: Array
    probe: Array

    def copy(self) -> "Field":
        """Return a copy."""
        return Field(self.object.copy(), self.probe.copy())

    def minus(self, other: "Field") -> "Field":
        """Return the difference."""
        return Field(self.object - other.object, self.probe - other.probe)


def inner(a: Field, b: Field) -> float:
    """Return the real inner product, summed in one order in double precision."""
    return _inner(_flat(a.object), _flat(b.object)) + _inner(_flat(a.probe), _flat(b.probe))


def add(target: Field, factor: float, other: Field) -> None:
    """Add ``factor`` times `other`, in place."""
    _add(_flat(target.object), factor, _flat(other.object))
    _add(_flat(target.probe), factor, _flat(other.probe))


def field_of(state: State) -> Field:
    """Return object and probe of a state, not copied."""
    return Field(state.object, state.probe)


class Momentum:
    """Steps and changes of the gradient that are remembered; all of it lives in the state's memory.

    Parameters
    ----------
    state : State
    pairs : int
        How many steps are remembered.
    """

    def __init__(self, state: State, pairs: int) -> None:
        self._memory, self._most = state.memory, pairs

    def __contains__(self, name: str) -> bool:
        return f"{_NAME}_{name}_object" in self._memory

    def keep(self, name: str, value: Field) -> None:
        """Remember a field; it is not copied."""
        for part, array in zip(_PARTS, value, strict=True):
            self._memory[f"{_NAME}_{name}_{part}"] = array

    def field(self, name: str) -> Field:
        """Return a field that is remembered."""
        return Field(*(self._memory[f"{_NAME}_{name}_{part}"] for part in _PARTS))

    def number(self, name: str, default: float) -> float:
        """Return a number that is remembered, or the `default`."""
        key = f"{_NAME}_{name}"
        return float(self._memory[key]) if key in self._memory else default

    def note(self, name: str, value: float) -> None:
        """Remember a number."""
        self._memory[f"{_NAME}_{name}"] = np.array(value)

    def forget(self) -> None:
        """Forget everything."""
        for key in [key for key in self._memory if key.startswith(_NAME)]:
            del self._memory[key]

    def gain(self, step: Field, change: Field) -> bool:
        """Remember a step and the change of the gradient along it, if it is convex; return whether it is."""
        bend = inner(step, change)
        if not bend > _CURVED * np.sqrt(inner(step, step) * inner(change, change)):
            return False
        newest = int(self.number("newest", -1.0)) + 1
        self.note("newest", newest)
        slot = newest % self._most
        self.keep(f"step{slot}", step)
        self.keep(f"change{slot}", change)
        self.note(f"bend{slot}", bend)
        return True

    def direction(self, gradient: Field, metric: Field) -> Field:
        """Return the quasi-Newton step against `gradient`; `metric` are weights of the shapes' last two axes.

        Without a pair it is the gradient over the metric.
        """
        newest = int(self.number("newest", -1.0))
        slots = [k % self._most for k in range(newest, max(newest - self._most, -1), -1)]
        result = gradient.copy()
        shares = []
        for slot in slots:
            share = inner(self.field(f"step{slot}"), result) / self.number(f"bend{slot}", 1.0)
            add(result, -share, self.field(f"change{slot}"))
            shares.append(share)
        _over(result, metric, self._length(slots, metric))
        for slot, share in zip(slots[::-1], shares[::-1], strict=True):
            back = inner(self.field(f"change{slot}"), result) / self.number(f"bend{slot}", 1.0)
            add(result, share - back, self.field(f"step{slot}"))
        return Field(-result.object, -result.probe)

    def _length(self, slots: list[int], metric: Field) -> float:
        if not slots:
            return 1.0
        change = self.field(f"change{slots[0]}")
        scaled = change.copy()
        _over(scaled, metric, 1.0)
        return self.number(f"bend{slots[0]}", 1.0) / inner(change, scaled)


def _over(target: Field, metric: Field, factor: float) -> None:
    for values, weights in zip(target, metric, strict=True):
        values *= np.float32(factor) / weights


def _flat(array: Array) -> Array:
    return np.asarray(array.view(np.float32).reshape(-1))


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract"})
def _inner(a: Array, b: Array) -> float:
    total = 0.0
    for i in range(len(a)):
        total += np.float64(a[i]) * np.float64(b[i])
    return total


@njit(cache=True, nogil=True, fastmath={"contract"})
def _add(target: Array, factor: float, other: Array) -> None:
    share = np.float32(factor)
    for i in range(len(target)):
        target[i] += share * other[i]
