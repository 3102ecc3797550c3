"""Times of several calls on a noisy machine: taken in turns, so that whatever else it does meets all alike.

- `least_times`: the least seconds of each.
"""

import time

import numpy as np


def least_times(calls, seconds):
    """Return the least seconds of each call of a dict, taken in turns for so many seconds after one turn to warm up."""
    least = dict.fromkeys(calls, np.inf)
    for call in calls.values():
        call()
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for name, call in calls.items():
            begin = time.perf_counter()
            call()
            least[name] = min(least[name], time.perf_counter() - begin)
    return least
