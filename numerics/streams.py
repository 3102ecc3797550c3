"""Independent random streams, addressed by name.

A stream depends on the seed and its names alone, never on how many streams were drawn before or by whom: the same bytes
for any number of threads, processes or workers.
"""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of the stream `names` under `seed`.

    Parameters
    ----------
    seed : int
        Seed of the whole run, not negative.
    *names : str or int
        Name of the stream, such as ``"sample"`` or ``"noise", draw, frame``. The text of the names makes the spawn key,
        so ``1`` and ``"1"`` differ.

    Raises
    ------
    ValueError
        If `seed` is negative.
    """
    if seed < 0:
        raise ValueError(f"seed is {seed}; allowed: a whole number from 0")
    digest = hashlib.sha256(repr(names).encode()).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 32, 4))
    return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(seed, spawn_key=key)))
