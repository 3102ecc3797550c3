import threading
import time

import pytest

from scenarios import schedule
from scenarios.plan import Cell


def cells(count):
    return [Cell(index, 0, "plain", ()) for index in range(count)]


def test_a_cell_waits_for_the_one_it_needs():
    order, lock = [], threading.Lock()

    def do(cell, stop):
        time.sleep(0.05 if cell.seed == 0 else 0)
        with lock:
            order.append(cell.seed)

    jobs = cells(5)
    schedule.work_off(jobs, do, needs=lambda cell: jobs[:1] if cell.seed in (1, 2) else (), workers=3)
    assert sorted(order) == [0, 1, 2, 3, 4]
    assert order.index(0) < min(order.index(1), order.index(2))


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_no_more_at_a_time_than_workers(workers):
    now, most, lock = [0], [0], threading.Lock()

    def do(cell, stop):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.03)
        with lock:
            now[0] -= 1

    schedule.work_off(cells(6), do, needs=lambda cell: (), workers=workers)
    assert most[0] == workers


def test_the_first_failure_stops_the_others_and_begins_nothing_new():
    begun = []

    def do(cell, stop):
        begun.append(cell.seed)
        if cell.seed == 0:
            raise OSError("disk full")
        assert stop.wait(10)

    with pytest.raises(OSError, match="disk full"):
        schedule.work_off(cells(5), do, needs=lambda cell: (), workers=2)
    assert len(begun) <= 2
