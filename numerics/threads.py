"""How many threads the hot loops use: one number for Fourier transforms and numba kernels.

The default is the environment variable ``TRUESPIN_THREADS``, else the processors this process may run on.
No result depends on it.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLE = "TRUESPIN_THREADS"


def _default() -> int:
    text = os.environ.get(_VARIABLE, "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdigit() or int(text) < 1:
        raise ValueError(f"{_VARIABLE} is {text!r}; allowed: a whole number from 1")
    return int(text)


_threads: int | None = None


def threads() -> int:
    """Return the number of threads in use."""
    global _threads
    if _threads is None:
        set_threads(_default())
    assert _threads is not None
    return _threads


def set_threads(count: int) -> None:
    """Use `count` threads from here on.

    Raises
    ------
    ValueError
        If `count` is less than one.
    """
    global _threads
    if count < 1:
        raise ValueError(f"threads is {count}; allowed: a whole number from 1")
    # The OpenMP layer stalls milliseconds per region on shared cores; workqueue does not.
    os.environ.setdefault("NUMBA_THREADING_LAYER", "workqueue")
    import numba

    numba.config.THREADING_LAYER = os.environ["NUMBA_THREADING_LAYER"]  # type: ignore[attr-defined]

    _threads = count
    numba.set_num_threads(min(count, numba.config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]


@contextmanager
def use_threads(count: int) -> Iterator[None]:
    """Use `count` threads inside a ``with`` block."""
    before = threads()
    set_threads(count)
    try:
        yield
    finally:
        set_threads(before)
