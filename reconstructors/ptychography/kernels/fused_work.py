"""The frames of a batch on one thread, or on two of which the first never waits.

The first thread adds all frames to the sums, in their order. The second computes first halves of frames, which depend
on no other, into memory of its own, and where it is ahead, more than that. Whatever it does or fails to do, bits are
the same.

- `work`: what both run; `change_waves`: the changes of given exit waves.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics import atomics
from reconstructors.ptychography.kernels.fused_frames import (
    FACTORS,
    change_wave,
    from_detector,
    to_detector,
    to_strips,
)

Array = NDArray[Any]
Arrays = tuple[Any, ...]

OWN = 5
"""Slots of the first thread; those of the second follow, one for each frame of a group, and a spare one."""

# Places in the state that the threads share: the next frame that nobody has taken, how many frames are in the sums;
# then for each frame the slot that holds its first half, plus one; negative if it holds strips.
_NEXT, _DONE, _FILLED = 0, 1, 2


def new_state(frames: int) -> NDArray[np.int64]:
    """Return the state that the threads share, for a group of `frames`."""
    return np.zeros(_FILLED + frames, np.int64)


@njit(cache=True, nogil=True, error_model="numpy")
def work(
    helps: bool, state: Array, start: int, probe: Array, columns: int, batch: Arrays, slots: Arrays, room: Arrays,
    sums: Arrays, found: Arrays, switches: Array, plan: Arrays,
) -> None:  # fmt: skip
    """Compute the frames from `start` on that `state` counts; `helps` marks the second thread.

    Parameters are those of `fused_frames`.

    The first thread takes the next frame in order if its first half is there. If not, it computes the first half of
    another that nobody has taken; and if there is none, or all but one of its slots are full, that of the next frame
    again: the second thread has it and must have lost its processor.
    """
    count = state.size - _FILLED
    offset = OWN if helps else 0
    held = np.full(count if helps else OWN, -1)
    waiting, done = 0, 0
    while done < count:
        if helps:
            done = atomics.load(state, _DONE)
        else:
            filled = atomics.load(state, _FILLED + done)
            if filled != 0:
                slot = abs(filled) - 1
                from_detector(start + done, slot, filled < 0, columns, batch, slots, room, sums, found, switches, plan)
                waiting -= slot < OWN
                done += 1
                atomics.store(state, _DONE, done)
                continue
        frame = count
        if helps or waiting < OWN - 1:
            frame = atomics.fetch_add(state, _NEXT, 1)
        if frame >= count:
            if helps:
                return
            frame = done
        slot = 0
        while held[slot] >= done:
            slot += 1
        held[slot] = frame
        waiting += 1
        # A probe with factors lies in the slot in which its frame began.
        ahead = helps and frame > done + 1 and not switches[FACTORS]
        target = OWN + count if ahead else offset + slot
        to_detector(start + frame, target, probe, columns, batch, slots, room, switches, plan)
        if ahead:
            to_strips(target, offset + slot, slots, plan)
        atomics.store(state, _FILLED + frame, -(offset + slot + 1) if ahead else offset + slot + 1)


@njit(cache=True, nogil=True, error_model="numpy")
def change_waves(
    waves: Array, data: Arrays, poisson: bool, rows: Array, room: Arrays, errors: Array, plan: Arrays
) -> None:
    """Replace exit waves, flat, by the changes that the data ask of them; write their errors.

    `data`: amplitudes of all frames, the first frame of `waves` in them, background.
    """
    measured, first, background = data
    size = 2 * plan[4] * plan[5]
    for frame in range(errors.size):
        wave = waves[frame * plan[6] * size : (frame + 1) * plan[6] * size]
        own = (measured, (first + frame) * (size // 2), background)
        errors[frame] = change_wave(wave, own, poisson, rows, room, plan)
