"""Counting charges while a magnet relaxes.

- `Survival`: the number of charges against time;
- `CountRule`: a stop rule that counts, and ends at a wanted number, torque or time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulators.samples.charges import cell_charges

Array = NDArray[Any]
Watcher = Callable[[int, float], None]

TOLERANCE = 0.1
"""Share of the wanted number within which a count meets it."""

_SLOWEST = 1.15  # factor in time between counts at most
_FALL = 2.0  # the number of charges falls no faster than the time to this power, from one count to the next


@dataclass(frozen=True)
class Survival:
    """Number of charges against the time of a relaxation.

    Attributes
    ----------
    time : list of float
        Reduced, see `QuenchState.time`.
    plus, minus : list of int
        Sums of the charges of either sign.
    """

    time: list[float] = field(default_factory=list)
    plus: list[int] = field(default_factory=list)
    minus: list[int] = field(default_factory=list)

    def add(self, time: float, charges: Array) -> int:
        """Append one count, from `cell_charges`; return the number of charges of both signs."""
        plus, minus = (int(np.abs(charges[sign * charges > 0]).sum(dtype=np.int64)) for sign in (1, -1))
        self.time.append(float(time))
        self.plus.append(plus)
        self.minus.append(minus)
        return plus + minus


class CountRule:
    """Stop rule of a quench: counts charges at growing intervals of time, every step near the goal.

    Parameters
    ----------
    magnet : (z, y, x) bool array
    wanted : int, optional
        Number of charges of both signs at which to stop, to a tenth.
    torque : float, optional
        Torque at which to stop.
    imbalance : int, optional
        Most by which the two signs may differ; then any number within the tenth will do.
    until : float
        Time at which to stop, without `wanted`.
    watch : sequence of callable
        Each called with the number of counts and the number of charges.

    Attributes
    ----------
    survival : Survival
        The counts.
    reached : bool
        Whether the goal was met.
    before : array
        Spins at the last count above the goal; empty if there was none.
    """

    def __init__(
        self,
        magnet: Array,
        *,
        wanted: int | None = None,
        torque: float | None = None,
        imbalance: int | None = None,
        until: float = np.inf,
        watch: Sequence[Watcher] = (),
    ) -> None:
        self.survival = Survival()
        self.reached = False
        self.before = np.zeros(0)
        self._magnet, self._wanted, self._torque = magnet, wanted, torque
        self._imbalance, self._until, self._watch = imbalance, until, watch
        self._start = self._next = 0.0

    def __call__(self, state: Any) -> bool:
        """Return whether to stop at the `QuenchState` `state`; to be called at the start and after every step."""
        time = self._start + state.time
        calm = self._torque is not None and state.torque <= self._torque
        if time < min(self._next, self._until) and not calm:
            return False
        number = self.survival.add(time, cell_charges(state.m, magnet=self._magnet))
        for watcher in self._watch:
            watcher(len(self.survival.time), float(number))
        if self._wanted is None:
            self.reached = calm or time >= self._until
            self._next = time * _SLOWEST
            return self.reached
        return self._judge(number, self._wanted, state)

    def _judge(self, number: int, wanted: int, state: Any) -> bool:
        least, most = (1 - TOLERANCE) * wanted, (1 + TOLERANCE) * wanted
        if self._imbalance is None:
            met = number <= wanted
        else:
            met = abs(self.survival.plus[-1] - self.survival.minus[-1]) <= self._imbalance
        self.reached = least <= number <= most and met
        if self.reached or number < least:
            return True
        self.before = state.m.copy()
        self._next = self.survival.time[-1] * min(_SLOWEST, max(number / most, 1) ** (1 / _FALL))
        return False

    def go_back(self) -> None:
        """Forget the last count, which is below the goal: for a quench from `before`, with smaller steps."""
        for column in (self.survival.time, self.survival.plus, self.survival.minus):
            del column[-1]
        self._start = self._next = self.survival.time[-1]
