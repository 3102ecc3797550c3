"""A file of a large scan, written frame by frame, and a run of a method on it in a process of its own.

- `write`: any number of frames of any size; `peak`: memory and time of a method, by ``python -m`` this module.
"""

import dataclasses
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from numerics import fourier
from numerics.streams import stream
from records import frames
from tests.ptychography_measurement import DARK, GAIN, header_of
from tests.ptychography_problem import DEFOCUS, annular_probe, textured_object

_STEP, _BLOCK, _PHOTONS = 6, 64, 1e5


def write(path: Path, count: int, n: int) -> None:
    """Write `count` frames of `n` pixels a side, on a square grid."""
    columns = int(np.ceil(np.sqrt(count)))
    k = np.arange(count)
    corners = 8 + _STEP * np.stack([k // columns, k % columns], 1)
    object_ = textured_object(columns * _STEP + n + 16, stream(0, "object")).astype(np.complex64)
    probe = (annular_probe(n, DEFOCUS) * np.sqrt(_PHOTONS)).astype(np.complex64)
    rng = stream(0, "noise")
    with frames.FrameWriter(path) as writer:
        writer.begin(header_of(corners[None], n, scalars={"defocus": DEFOCUS}))
        for first in range(0, count, _BLOCK):
            waves = np.stack([probe * object_[y : y + n, x : x + n] for y, x in corners[first : first + _BLOCK]])
            counts = rng.poisson(np.abs(fourier.centred_fft2(waves)) ** 2) * int(GAIN) + DARK
            for index, frame in enumerate(counts.astype(np.uint16)):
                writer.write(frame, helicity=1, position=first + index)


def peak(path: Path, method: str, epochs: int) -> dict[str, float]:
    """Return the peak memory of a run, MiB, that before it, and its seconds."""
    words = [sys.executable, "-m", "tests.benchmarks.ptychography_scan_file", str(path), method, str(epochs)]
    root = Path(__file__).parents[2]
    done = subprocess.run(words, check=True, capture_output=True, text=True, cwd=root, env=dict(os.environ))
    return json.loads(done.stdout.splitlines()[-1])


def _main(path: str, name: str, epochs: int) -> None:
    from reconstructors import registry

    method = registry.get(name)
    engine = dataclasses.replace(method.parameters.engine, epochs=epochs)
    method = dataclasses.replace(method, parameters=dataclasses.replace(method.parameters, engine=engine))
    before, start = _resident(), time.perf_counter()
    with frames.open_node(path) as node:
        method.reconstruct(node, rng=stream(0, "method"))
    print(json.dumps({"before": before, "peak": _resident(), "seconds": time.perf_counter() - start}))


def _resident() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    _main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
