"""A process that holds one code's reconstruction and does an epoch when it is told to.

``python turns.py MODULE:ENGINE PROBLEM.npz`` loads the module beside this file, says its version, sets the engine up,
does one epoch to warm up, and from there obeys lines of its standard input, each answered by a line of JSON:

- ``go``: one epoch, its seconds of wall clock and of the processor; ``save FILE``: the object as it stands; ``stop``.

Many such processes are told in turn, so whatever else the machine does meets all codes alike. What a code prints goes
nowhere. An engine is a function of a `Data` and of a `Turns`, which it calls after every epoch with a function that
returns the object. A module has the versions of what it runs as `VERSION`.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Data:
    """What an engine gets.

    Attributes
    ----------
    counts : (frames, n, n) array
        Photons, zero frequency in the centre.
    corners : (frames, 2) int array
        First object pixel (y, x) of each frame.
    probe : (n, n) complex64 array
        Start; its power is that of the mean frame.
    size : int
        Object pixels a side; the object starts as ones.
    pixel_size, wavelength : float
        m.
    """

    counts: Any
    corners: Any
    probe: Any
    size: int
    pixel_size: float
    wavelength: float

    @classmethod
    def load(cls, path):
        """Read a file of `np.savez` with one array for each attribute."""
        with np.load(path) as file:
            scalars = {name: file[name].item() for name in ("size", "pixel_size", "wavelength")}
            return cls(file["counts"], file["corners"], file["probe"].astype(np.complex64), **scalars)


class Turns:
    """The standard input and output of the process, from an engine's side."""

    def __init__(self):
        # Codes print at will, so the answers keep the standard output for themselves.
        self._answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115
        self._begin()

    def __call__(self, object_):
        """Say that an epoch is over; return when the next one may begin."""
        self.answer(seconds=time.perf_counter() - self._clock, processor=time.process_time() - self._processor)
        for line in sys.stdin:
            word, _, rest = line.strip().partition(" ")
            if word == "go":
                self._begin()
                return
            if word != "save":
                break
            np.save(rest, object_())
            self.answer(saved=rest)
        raise SystemExit

    def answer(self, **values):
        """Write a line."""
        print(json.dumps(values), file=self._answers)

    def _begin(self):
        self._processor, self._clock = time.process_time(), time.perf_counter()


def main(engine, path):
    """Run an engine until it is told to stop."""
    turns = Turns()
    name, function = engine.split(":")
    module = importlib.import_module(name)
    turns.answer(version=module.VERSION)
    getattr(module, function)(Data.load(path), turns)


if __name__ == "__main__":
    main(*sys.argv[1:])
