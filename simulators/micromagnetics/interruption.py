"""Ctrl-C and termination at the end of a step, so that no state on disk is half a step.

- `Interruptions`: hold them back and let them through.
"""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interruptions:
    """Inside a ``with`` block, signals that Python handles wait for `pass_on`; a second one goes through at once.

    Only the main thread receives signals: on others nothing changes.

    Attributes
    ----------
    forced : bool
        Whether one went through at once, anywhere within a step.
    """

    def __init__(self) -> None:
        self.forced = False
        self._before: dict[int, Callable[[int, FrameType | None], Any]] = {}
        self._waiting: int | None = None

    def __enter__(self) -> "Interruptions":
        """Begin to hold signals back."""
        if threading.current_thread() is threading.main_thread():
            for number in _SIGNALS:
                handler = signal.getsignal(number)
                if callable(handler):
                    self._before[number] = handler
                    signal.signal(number, self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hold nothing back any more; what still waits goes through."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if error is None:
            self.pass_on()

    def pass_on(self) -> None:
        """Let through what waits: call where the state is whole."""
        if self._waiting is not None:
            number, self._waiting = self._waiting, None
            self._before[number](number, None)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self._waiting is None:
            self._waiting = number
            return
        self.forced = True
        self._before[number](number, frame)
