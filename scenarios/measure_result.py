"""What every measurement of ``truespin measure`` gives, and where it goes.

- `Result`: the document (JSON), the table for the console and how to draw the picture;
- `Outputs`, `outputs`: the files to write, proven writable before anything is computed; `write`: written whole;
- `document`, `source`: the head of the document, and what it says of a file; `columns`: a plain table;
- `told_pixel`: the size of a pixel, from the option or the file; `mask_window`: a mask that can be used; `Notes`.
"""

import json
import math
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scenarios.configuration import InputError
from scenarios.measure_options import believed, lengths

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from rich.console import RenderableType

    from records.array_files import ArrayFile

SCHEMA: Final = 1
"""Version of the layout of the documents."""

PICTURES: Final = (".png", ".svg")
"""Suffixes of pictures that can be written."""

_DIFFERENT: Final = 1e-3
"""Relative difference of two sizes of a pixel that is no rounding."""


@dataclass(frozen=True)
class Result:
    """What was measured.

    Attributes
    ----------
    document : dict
        Content of the JSON file; NaN is allowed and becomes null.
    table : renderable of rich
        For the console.
    draw : callable
        Gives the picture in the format of a suffix.
    """

    document: dict[str, Any]
    table: "RenderableType"
    draw: Callable[[str], bytes]


@dataclass(frozen=True)
class Outputs:
    """Files to write; None for one that is not wanted."""

    document: Path | None = None
    figure: Path | None = None


@dataclass
class Notes:
    """What a reader of the numbers must know, each once."""

    texts: list[str] = field(default_factory=list)

    def __call__(self, text: str) -> None:
        """Add a note."""
        if text not in self.texts:
            self.texts.append(text)


def outputs(
    stem: str,
    *,
    inputs: Sequence[Path],
    out: Path | None = None,
    document: Path | None = None,
    figure: Path | None = None,
    wanted: bool = True,
) -> Outputs:
    """Choose the files to write, and make sure that they may be written.

    Parameters
    ----------
    stem : str
        Of the file names where none is given.
    inputs : sequence of Path
        Files that are read, and must not be replaced.
    out : Path, optional
        Folder for what has no name of its own; default the current one.
    document, figure : Path, optional
        Names of the JSON file and of the picture.
    wanted : bool
        Whether anything is written at all.

    Raises
    ------
    InputError
        If a file cannot be used.
    OSError
        If a folder cannot be written.
    """
    if not wanted:
        for name, value in (("out", out), ("json", document), ("figure", figure)):
            if value is not None:
                raise InputError(f"{name} is {str(value)!r} beside --table-only; allowed: one of them")
        return Outputs()
    if out is not None and out.exists() and not out.is_dir():
        raise InputError(f"out is {str(out)!r}, a file; allowed: a folder")
    folder = out or Path()
    chosen = Outputs(document or folder / f"{stem}.json", figure or folder / f"{stem}.png")
    assert chosen.document is not None
    assert chosen.figure is not None
    if chosen.figure.suffix.lower() not in PICTURES:
        raise InputError(f"figure is {str(figure)!r}; allowed: a name that ends in {' or '.join(PICTURES)}")
    if chosen.figure.absolute() == chosen.document.absolute():
        raise InputError(f"figure is {str(figure)!r}, as json is; allowed: two files")
    for name, path in (("json", chosen.document), ("figure", chosen.figure)):
        _check_place(name, path, inputs)
    return chosen


def _check_place(name: str, path: Path, inputs: Sequence[Path]) -> None:
    if path.is_dir():
        raise InputError(f"{name} is {str(path)!r}, a folder; allowed: a file")
    if path.exists() and not path.is_file():
        raise InputError(f"{name} is {str(path)!r}, a device or a pipe; allowed: a file")
    if path.exists() and any(path.samefile(each) for each in inputs):
        raise InputError(f"{name} is {str(path)!r}, which is measured; allowed: another file")
    folder = next(each for each in path.absolute().parents if each.exists())
    if not folder.is_dir():
        raise InputError(f"{name} is {str(path)!r}: {str(folder)!r} is no folder; allowed: a file in a folder")
    with tempfile.NamedTemporaryFile(prefix=".truespin-", dir=folder) as probe:
        probe.write(b"writable")


def write(result: Result, files: Outputs) -> list[str]:
    """Write the files of a measurement, each whole or not at all; return lines that name them.

    Raises
    ------
    OSError
        If one cannot be written.
    """
    from records import store

    lines = []
    if files.document is not None:
        text = _text(plain(result.document))
        drawn = result.draw(files.figure.suffix.lower()) if files.figure is not None else b""
        store.write_text(files.document, text)
        lines.append(f"json:   {files.document}")
        if files.figure is not None:
            store.write_bytes(files.figure, drawn)
            lines.append(f"figure: {files.figure}")
    return lines


def _text(content: dict[str, Any]) -> str:
    """Return JSON with a line for each entry: whole arrays, one number a line, would fill screens."""
    lines = (
        f"{json.dumps(key)}: {json.dumps(value, allow_nan=False, ensure_ascii=False)}" for key, value in content.items()
    )
    return "{\n" + ",\n".join(lines) + "\n}\n"


def plain(value: Any) -> Any:
    """Return `value` as JSON knows it: numbers of numpy as Python's, what is not finite as None."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value


def document(measure: str, *, inputs: Sequence[dict[str, Any]], conventions: dict[str, Any]) -> dict[str, Any]:
    """Return the head of a document."""
    head = {"schema": SCHEMA, "measure": measure, "truespin": version("truespin")}
    return {**head, "inputs": list(inputs), "conventions": conventions}


def source(file: Any, *, role: str, shape: Sequence[int], dtype: str) -> dict[str, Any]:
    """Return what the document says of a file (`ArrayFile` or `Field`) that was read."""
    from scenarios.cache import file_digest

    return {
        "role": role,
        "name": os.fspath(file.path),
        "key": file.key,
        "format": file.format,
        "sha256": file_digest(file.path),
        "shape": list(shape),
        "dtype": dtype,
    }


def told_pixel(
    option: str | None, own: tuple[float, ...] | None, axes: int, *, name: str, note: Notes
) -> tuple[float, ...]:
    """Return the size of a pixel or voxel in m, one per axis.

    Parameters
    ----------
    option : str, optional
        What was given on the command line; it wins.
    own : tuple of float, optional
        What the file says.
    axes : int
        Number of axes of the array.
    name : str
        Of the option, without dashes.
    note : Notes
        Told where both differ.

    Raises
    ------
    InputError
        If neither says it, or it is absurd.
    """
    if option is None:
        if own is None:
            raise InputError(f"{name} is missing, and the file does not say it; allowed: --{name} 5.3nm or another")
        return tuple(believed(f"{name} of the file", size) for size in own)
    given = lengths(name, option, axes)
    full = given * axes if len(given) == 1 else given
    if own is not None and any(abs(a - b) > _DIFFERENT * b for a, b in zip(full, own, strict=True)):
        text = " x ".join(f"{size * 1e9:.4g}" for size in own)
        note(f"{name} is taken from the command line; the file says {text} nm")
    return full


def columns(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> "RenderableType":
    """Return a plain table: a line of title, heads, rows; numbers from the third column on are aligned right."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    found = Table(box=None, pad_edge=False, header_style="bold")
    for place, head in enumerate(heads):
        found.add_column(head, justify="left" if place < 2 or not head else "right", no_wrap=True)
    for row in rows:
        found.add_row(*row)
    return Group(Text(title), found)


def mask_window(file: "ArrayFile", shape: tuple[int, ...], note: Notes) -> "NDArray[Any]":
    """Return the array of a file as a window of `shape` from 0 to 1; integers 0 and one more become 0 and 1.

    Raises
    ------
    InputError
        If it is none, or 0 everywhere.
    """
    import numpy as np

    mask = file.array
    if mask.shape != shape:
        raise InputError(f"mask {file.name} has shape {mask.shape}; allowed: that of what it masks, {shape}")
    if mask.dtype.kind == "c":
        raise InputError(f"mask {file.name} is complex; allowed: numbers from 0 to 1")
    values = np.unique(mask) if mask.dtype.kind in "iu" else np.empty(0)
    if values.size == 2 and values[0] == 0 and values[1] > 1:
        note(f"mask {file.name} holds 0 and {values[1]}: taken as 0 and 1")
        mask = mask > 0
    window = np.asarray(mask, np.float64)
    if window.min() < 0 or window.max() > 1:
        raise InputError(f"mask {file.name} holds {window.min():g} to {window.max():g}; allowed: numbers from 0 to 1")
    if not window.any():
        raise InputError(f"mask {file.name} is 0 everywhere; allowed: a window with something in it")
    return window
