"""States of a run in a file, so that what was stopped goes on.

- `Checkpoint`: a file that belongs to one task; `Keeper`: a watcher that writes it every few epochs;
- `put_back`: a kept state in place of another; `task`: what a run is told from others by.

The file is written whole or not at all, and a run that goes on from it gives the same bits as one that never stopped.
It says what it belongs to: another measurement, another frame in it, other parameters or another seed do not go on.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import xarray as xr

from reconstructors.ptychography.state import State
from records import store
from records.frames import blocks

_ARRAYS: Final = ("object", "probe", "positions", "flux", "defocus", "used", "frame_errors")
_SCHEMA: Final = 2


def task(measurement: xr.Dataset, name: str, parameters: Any, rng: np.random.Generator) -> dict[str, Any]:
    """Return what tells a run from others, in JSON types: method, parameters, seed and measurement.

    Its frames are read, once.

    Parameters
    ----------
    measurement : Dataset
    name : str
        Of the method.
    parameters : dataclass
    rng : numpy.random.Generator
        As it was given; what was drawn from it does not count.
    """
    images, numbers = hashlib.sha256(), {}
    for key in sorted(map(str, measurement.variables)):
        if key in ("dark", "valid"):
            images.update(np.ascontiguousarray(measurement[key].values))
        elif key not in ("counts", "y", "x"):
            numbers[key] = measurement[key].values.tolist()
    for index in range(measurement.sizes["helicity"]):
        for start, stop in blocks(measurement):
            images.update(np.ascontiguousarray(measurement["counts"][index, start:stop].values))
    sequence = rng.bit_generator.seed_seq
    return {
        "method": name,
        "parameters": repr(parameters),
        "seed": [str(getattr(sequence, part, "")) for part in ("entropy", "spawn_key")],
        "numbers": numbers,
        "shape": list(measurement["counts"].shape),
        "images": images.hexdigest(),
    }


class Checkpoint:
    """States by name, with the errors of their epochs, in a file.

    Parameters
    ----------
    path : Path
    task : mapping
        What the states belong to, in JSON types.

    Raises
    ------
    ValueError
        In one line, if the file exists and is damaged or belongs to something else.
    """

    def __init__(self, path: Path, task: Mapping[str, Any]) -> None:
        self._path = path
        text = json.dumps({"schema": _SCHEMA, **task}, sort_keys=True)
        self._task = hashlib.sha256(text.encode()).hexdigest()
        self._kept: dict[str, np.ndarray[Any, Any]] = self._read() if path.exists() else {}

    def load(self, name: str) -> tuple[State, list[float]] | None:
        """Return the state `name` and the errors of its epochs, None where there is none."""
        prefix = f"{name}/"
        if f"{prefix}epoch" not in self._kept:
            return None
        own = {key.removeprefix(prefix): value for key, value in self._kept.items() if key.startswith(prefix)}
        if not {*_ARRAYS, "errors"} <= set(own):
            raise ValueError(f"{self._path}: no checkpoint of ours, or a damaged one; allowed: a new name")
        memory = {key.removeprefix("memory/"): value.copy() for key, value in own.items() if key.startswith("memory/")}
        state = State(**{key: own[key].copy() for key in _ARRAYS}, epoch=int(own["epoch"]), memory=memory)
        return state, [float(error) for error in own["errors"]]

    def save(self, states: Mapping[str, State], errors: Sequence[float]) -> None:
        """Put states, which go on together, into the file by name, beside the others.

        Raises
        ------
        OSError
            If the file cannot be written; the former one is still there.
        """
        prefixes = tuple(f"{name}/" for name in states)
        kept = {key: value for key, value in self._kept.items() if not key.startswith(prefixes)}
        for prefix, state in zip(prefixes, states.values(), strict=True):
            kept |= {prefix + key: np.copy(getattr(state, key)) for key in _ARRAYS}
            kept |= {f"{prefix}memory/{key}": np.copy(value) for key, value in state.memory.items()}
            kept |= {f"{prefix}epoch": np.array(state.epoch), f"{prefix}errors": np.array(errors, np.float64)}
        content = io.BytesIO()
        np.savez(content, allow_pickle=False, task=np.array(self._task), **kept)
        store.write_bytes(self._path, content.getbuffer())
        self._kept = kept

    def _read(self) -> dict[str, np.ndarray[Any, Any]]:
        try:
            with np.load(self._path, allow_pickle=False) as stored:
                found = {name: stored[name] for name in stored.files}
            belongs = str(found.pop("task"))
        except Exception as error:  # damaged archives raise many sorts
            raise ValueError(f"{self._path}: no checkpoint of ours, or a damaged one; allowed: a new name") from error
        if belongs != self._task:
            raise ValueError(
                f"{self._path}: belongs to another measurement, method or other parameters, or another seed; "
                "allowed: its own, or a new name"
            )
        return found


class Keeper:
    """A watcher that writes states every few epochs.

    Parameters
    ----------
    checkpoint : Checkpoint
    states : mapping of str to State
        By name, those that the run changes in place, an epoch of each at a time.
    errors : sequence of float
        Those of the epochs before this run.
    every : int
        Epochs.
    """

    def __init__(
        self, checkpoint: Checkpoint, states: Mapping[str, State], errors: Sequence[float], *, every: int = 10
    ) -> None:
        self._checkpoint, self._states, self._every = checkpoint, states, every
        self._errors = list(errors)

    def __call__(self, step: int, error: float) -> None:
        """Write the state, if it is time."""
        self._errors.append(error)
        if next(iter(self._states.values())).epoch % self._every == 0:
            self.keep()

    def keep(self) -> None:
        """Write the states as they are."""
        self._checkpoint.save(self._states, self._errors)


def put_back(kept: State, state: State) -> None:
    """Make `state` what was kept of it; its arrays stay where they are, for others may hold them too."""
    for name in _ARRAYS:
        getattr(state, name)[...] = getattr(kept, name)
    state.epoch, state.memory = kept.epoch, kept.memory
