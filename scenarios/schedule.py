"""The order in which cells run: several at a time, each after those it needs.

- `work_off`: do all cells; `default_workers`: how many at a time.
"""

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

_WORKERS = 2

Cell = TypeVar("Cell")


def default_workers() -> int:
    """Return how many cells run at a time unless told: two fill the gaps that one leaves on its threads."""
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(_WORKERS, processors)


def work_off(
    cells: Sequence[Cell],
    do: Callable[[Cell, threading.Event], None],
    *,
    needs: Callable[[Cell], Sequence[Cell]],
    workers: int,
) -> None:
    """Do all `cells`, up to `workers` at a time.

    Parameters
    ----------
    cells : sequence of Cell
        A cell stands after those it needs; those in front are begun first.
    do : callable
        ``do(cell, stop)``, on a thread of its own; it returns soon once the event `stop` is set.
    needs : callable
        The cells that have to be done before a cell.
    workers : int

    Raises
    ------
    Exception
        The first that a cell raised, after the others were stopped.
    """
    stop = threading.Event()
    waiting, done = list(cells), set[int]()
    running: dict[Future[None], Cell] = {}
    with ThreadPoolExecutor(workers, thread_name_prefix="cell") as pool:
        try:
            while waiting or running:
                for cell in list(waiting):
                    if len(running) < workers and all(id(needed) in done for needed in needs(cell)):
                        waiting.remove(cell)
                        running[pool.submit(do, cell, stop)] = cell
                ended, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in ended:
                    done.add(id(running.pop(future)))
                    future.result()
        finally:
            stop.set()
