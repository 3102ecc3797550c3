"""A second thread that helps a first one, and is asked only where that pays.

- `Helper`: starts the second thread; `Pace`: whether it pays, told from how long pieces of work take.
"""

import os
from collections import deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from statistics import median
from typing import Any

_KEPT = 5
_TRIALS = 3
_FIRST_PAUSE, _LONGEST_PAUSE = 8, 512  # pieces of work
_WORTH = 0.9


class Pace:
    """Which of two ways to do pieces of work is faster, where other programs make the times noisy.

    Work begins alone. Now and then the other way is tried, `_TRIALS` times in a row if it does well, and taken if it is
    faster by a margin. Each failure doubles the pause before the next trial: where two threads do not pay, as on
    processors that others use too, next to nothing is lost by asking. Where they do, one slow spell ends it.
    """

    def __init__(self) -> None:
        self.helped = False
        self._alone: deque[float] = deque(maxlen=_KEPT)
        self._trials: deque[float] = deque(maxlen=_TRIALS)
        self._pause = self._left = _FIRST_PAUSE

    def next(self) -> bool:
        """Return whether the next piece is done with help."""
        return self.helped or self._left <= 0

    def note(self, helped: bool, seconds: float) -> None:
        """Keep how long a piece took, seconds per unit of it."""
        self._left -= 1
        if not helped:
            self._alone.append(seconds)
            return
        self._trials.append(seconds)
        if median(self._trials) > _WORTH * median(self._alone or [seconds]):
            self._fail()
        elif len(self._trials) == _TRIALS:
            self.helped, self._pause = True, _FIRST_PAUSE

    def _fail(self) -> None:
        self.helped = False
        self._trials.clear()
        self._left, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)


class Helper:
    """A second thread, for work whose results do not depend on it."""

    def __init__(self) -> None:
        self._task: Future[None] | None = None
        self._paces: dict[Hashable, Pace] = {}

    def wanted(self, kind: Hashable) -> bool:
        """Return whether the second thread is worth asking for work of a `kind`."""
        return self._paces.setdefault(kind, Pace()).next()

    def note(self, kind: Hashable, helped: bool, seconds: float) -> None:
        """Keep how long a unit of work took."""
        self._paces.setdefault(kind, Pace()).note(helped, seconds)

    def free(self) -> bool:
        """Return whether the second thread has nothing to do."""
        return self._task is None or self._task.done()

    def start(self, function: Callable[..., None], *arguments: Any) -> None:
        """Let the second thread call a function that releases the interpreter's lock."""
        self._task = _pool(os.getpid()).submit(function, *arguments)

    def dismiss(self) -> None:
        """Do without the second thread if it has not begun; if it has, it may still be at work after this."""
        if self._task is not None:
            self._task.cancel()


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    # The process is part of the key because threads do not survive a fork.
    return ThreadPoolExecutor(1, thread_name_prefix="helper")
