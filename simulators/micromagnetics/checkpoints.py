"""States on disk: everything a relaxation needs to go on with the same bytes.

- `save_checkpoint`, `load_checkpoint`; `part_of`: the names of several, for runs in parts.

A checkpoint is a set of plain arrays and one JSON text, written whole or not at all; nothing is unpickled.
It carries the hash of its problem, so that it never goes on with another one.
"""

import dataclasses
import io
import json
import os
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from records.errors import RecordError
from records.store import write_bytes
from simulators.micromagnetics.barzilai_borwein import BarzilaiBorweinState
from simulators.micromagnetics.descent import Descent
from simulators.micromagnetics.effective_field import Energies
from simulators.micromagnetics.lbfgs import LBFGSState
from simulators.micromagnetics.problem import Problem
from simulators.micromagnetics.quench_state import QuenchState

_SORTS: dict[str, type[Descent]] = {sort.__name__: sort for sort in (LBFGSState, BarzilaiBorweinState, QuenchState)}
_HEADER = "header"
# What reading a damaged archive may raise.
_DAMAGED = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
)


def save_checkpoint(path: str | os.PathLike[str], state: Descent) -> None:
    """Write a state, whole or not at all.

    Raises
    ------
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    arrays: dict[str, Any] = {}
    header: dict[str, Any] = {"state": type(state).__name__, "problem": state.problem.content, "version": 1}
    for entry in dataclasses.fields(state):
        value = getattr(state, entry.name)
        if isinstance(value, np.ndarray):
            arrays[entry.name] = value
        elif isinstance(value, Energies):
            header[entry.name] = dataclasses.asdict(value)
        elif not isinstance(value, Problem):
            header[entry.name] = value
    content = io.BytesIO()
    arrays[_HEADER] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    np.savez(content, **arrays)
    write_bytes(path, content.getbuffer())


def load_checkpoint(path: str | os.PathLike[str], problem: Problem) -> Descent:
    """Read a state of `problem`.

    Returns
    -------
    Descent
        The state; give it to `minimise` or `quench` in place of the spins to go on.

    Raises
    ------
    RecordError
        In one line: if the file cannot be read, is no checkpoint, or belongs to another problem.
    """
    name = os.fspath(path)
    try:
        with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
        header = json.loads(arrays.pop(_HEADER).tobytes())
        sort = _SORTS[header.pop("state")]
        content = header.pop("problem")
        header.pop("version")
        header["energies"] = Energies(**header["energies"])
        if content != problem.content:
            raise RecordError(f"{name}: a checkpoint of another problem; expected one of the same mesh and material")
        return sort(problem=problem, **arrays, **header)
    except OSError as error:
        raise RecordError(f"{name}: {error.strerror}; expected a checkpoint") from error
    except _DAMAGED as error:
        if isinstance(error, RecordError):
            raise
        raise RecordError(f"{name}: not a checkpoint or damaged; expected what save_checkpoint wrote") from error


def part_of(checkpoint: Path | None, part: object) -> Path | None:
    """Return the checkpoint of a `part` of a run: its name after a hyphen. None stays None."""
    return None if checkpoint is None else checkpoint.with_name(f"{checkpoint.name}-{part}")
