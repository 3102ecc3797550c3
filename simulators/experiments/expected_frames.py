"""Noise-free frames in a file, as many as the disk holds.

- `FrameFile`: a stack of float32 frames that is read a run at a time;
- `write_frames`: computes and writes them run by run.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from records import store

Array = NDArray[Any]

RUN = 64
"""Frames that are in memory at once."""


@dataclass(frozen=True)
class FrameFile:
    """Frames of one projection in a file of raw float32: photons per photon that reaches the sample.

    Attributes
    ----------
    path : Path
    shape : tuple of int
        (helicities, frames, n, n).
    """

    path: Path
    shape: tuple[int, int, int, int]

    def read(self, helicity: int, first: int, last: int) -> Array:
        """Return the frames `first` to before `last` of the helicity of that index, (last - first, n, n) float32."""
        _, frames, *pixels = self.shape
        size = pixels[0] * pixels[1]
        with self.path.open("rb") as file:
            file.seek((helicity * frames + first) * size * 4)
            values = np.fromfile(file, np.float32, (last - first) * size)
        if values.size != (last - first) * size:
            raise ValueError(f"{self.path}: ends before frame {last - 1}; expected {frames} frames per helicity")
        return values.reshape(-1, *pixels)


def runs(frames: int) -> list[tuple[int, int]]:
    """Return the runs, first and last + 1, in which `frames` frames are computed, written and read."""
    return [(first, min(first + RUN, frames)) for first in range(0, frames, RUN)]


def write_frames(
    path: str | os.PathLike[str], shape: tuple[int, int, int, int], compute: Callable[[int, int, int], Array]
) -> FrameFile:
    """Write frames, whole or not at all.

    Parameters
    ----------
    path : path
    shape : tuple of int
        (helicities, frames, n, n).
    compute : callable
        Called with the index of the helicity and a run's first and last + 1; returns its frames, float32.
    """
    with store.whole(path) as temporary, open(temporary, "wb") as file:
        for helicity in range(shape[0]):
            for first, last in runs(shape[1]):
                np.ascontiguousarray(compute(helicity, first, last), np.float32).tofile(file)
    return FrameFile(Path(path), shape)
