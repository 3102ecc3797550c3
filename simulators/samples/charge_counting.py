"""Counting charges while a magnet relaxes.

- `Survival`: the number of charges against time;
- `CountRule`: a stop rule that counts, and ends at a wanted number, torque or time.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records.store import write_bytes
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
    record : Path, optional
        Where the counts are kept while the quench lasts; a quench that goes on from its checkpoint finds them there.

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
        record: Path | None = None,
    ) -> None:
        self.survival = Survival()
        self.reached = False
        self.before = np.zeros(0)
        self._magnet, self._wanted, self._torque = magnet, wanted, torque
        self._imbalance, self._until, self._watch = imbalance, until, watch
        self._record = record
        self._start = self._next = 0.0
        self._begun = False

    def __call__(self, state: Any) -> bool:
        """Return whether to stop at the `QuenchState` `state`; to be called at the start and after every step."""
        time = self._start + state.time
        if not self._begun and state.time > 0:
            self._recall(time)
        self._begun = True
        calm = self._torque is not None and state.torque <= self._torque
        if time < min(self._next, self._until) and not calm:
            return False
        number = self.survival.add(time, cell_charges(state.m, magnet=self._magnet))
        for watcher in self._watch:
            watcher(len(self.survival.time), float(number))
        if self._wanted is None:
            self.reached = calm or time >= self._until
            self._next = time * _SLOWEST
        else:
            self._judge(number, self._wanted, state)
        over = self.reached or (self._wanted is not None and number < (1 - TOLERANCE) * self._wanted)
        self._keep(over=over)
        return over

    def _judge(self, number: int, wanted: int, state: Any) -> None:
        least, most = (1 - TOLERANCE) * wanted, (1 + TOLERANCE) * wanted
        if self._imbalance is None:
            met = number <= wanted
        else:
            met = abs(self.survival.plus[-1] - self.survival.minus[-1]) <= self._imbalance
        self.reached = least <= number <= most and met
        if not self.reached and number >= least:
            self.before = state.m.copy()
            self._next = self.survival.time[-1] * min(_SLOWEST, max(number / most, 1) ** (1 / _FALL))

    def _keep(self, *, over: bool) -> None:
        """Write the counts down, or clear them away at the end."""
        if self._record is None:
            return
        if over:
            self._record.unlink(missing_ok=True)
            return
        counts = self.survival
        content = io.BytesIO()
        columns = np.array([counts.time, counts.plus, counts.minus], np.float64)
        np.savez(content, counts=columns, before=self.before, next=np.float64(self._next))
        write_bytes(self._record, content.getbuffer())

    def _recall(self, time: float) -> None:
        """Take up the counts of a quench that goes on at `time`; those after it are counted anew."""
        if self._record is None or not self._record.is_file():
            return
        with np.load(io.BytesIO(self._record.read_bytes()), allow_pickle=False) as kept:
            columns, self.before, then = kept["counts"], kept["before"], float(kept["next"])
        known = columns[:, columns[0] <= time]
        counts = self.survival
        counts.time[:] = known[0].tolist()
        counts.plus[:], counts.minus[:] = known[1:].astype(int).tolist()
        # Counts that the checkpoint has not seen yet are repeated; the next one is then due at the first of them.
        self._next = then if known.shape[1] == columns.shape[1] else float(columns[0, known.shape[1]])

    def go_back(self) -> None:
        """Forget the last count, which is below the goal: for a quench from `before`, with smaller steps."""
        for column in (self.survival.time, self.survival.plus, self.survival.minus):
            del column[-1]
        self._start = self._next = self.survival.time[-1]
        self._begun = False
