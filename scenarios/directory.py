"""The run directory, put in place as a whole.

- `claim`: make sure, before anything is computed, that the directory may be written.
- `place`, `write_log`: put a file, or how a cell failed, into it; `of_point`: the folder of a point of a sweep.
- `staged`: fill a hidden folder inside it; at the end of the block its files take the place of the former run's.

Until then an existing run stays as it is, so an interrupt or a full disk leaves nothing half-written.
"""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from scenarios.cells import Outcome
from scenarios.configuration import InputError

_STAGING = ".truespin-"
_MARKS = ("scorecard.json", "resources.json")
_OWN = (
    "measurement.nc",
    "truth.nc",
    "study.nc",
    "config.toml",
    "report.html",
    "projections",
    "reconstructions",
    "scored",
    "pooled",
    "points",
    "failures",
)
_OWN_PATTERN = re.compile(r"measurement-\d+\.nc|seed-\d+")


@contextmanager
def claim(out: Path) -> Iterator[None]:
    """Make the directory `out` and take it back, where it is still empty, when the block fails.

    Raises
    ------
    InputError
        If `out` is a file, or a folder with something else than a run in it.
    OSError
        If it cannot be made or written.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"out is {str(out)!r}, a file; allowed: a new folder, an empty one or that of an earlier run")
    made = [folder for folder in (out, *out.parents) if not folder.exists()]
    if not made:
        _refuse_foreign(out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        for abandoned in out.glob(f"{_STAGING}*"):
            shutil.rmtree(abandoned, ignore_errors=True)
        with tempfile.NamedTemporaryFile(prefix=_STAGING, dir=out) as probe:
            probe.write(b"writable")
        yield
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """Give a folder to fill; when the block ends well, what is in it replaces the former run in `out`."""
    folder = Path(tempfile.mkdtemp(prefix=_STAGING, dir=out))
    try:
        folder.chmod(0o755)
        yield folder
        _publish(folder, out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def of_point(folder: Path, point: Mapping[str, str | int | float]) -> Path:
    """Return the folder of a point of a sweep in `folder`: ``points/NAME-VALUE``; `folder` itself for the only one."""
    if not point:
        return folder
    words = "-".join(
        f"{name}-{value:g}" if isinstance(value, float) else f"{name}-{value}" for name, value in point.items()
    )
    return folder / "points" / re.sub(r"[^A-Za-z0-9.+-]+", "-", words)


def place(source: Path, target: Path) -> None:
    """Copy the file `source` to `target`, making the folders in between."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def write_log(path: Path, outcome: Outcome) -> None:
    """Write why a cell failed and what it said, making the folders in between."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{outcome.state}: {outcome.reason}\n\n{outcome.log}", encoding="utf-8")


def _refuse_foreign(out: Path) -> None:
    content = [path.name for path in out.iterdir() if not path.name.startswith(_STAGING)]
    if content and not any((out / mark).exists() for mark in _MARKS):
        raise InputError(
            f"out is {str(out)!r}, which holds {content[0]!r} and no run; "
            "allowed: a new folder, an empty one or that of an earlier run"
        )


def _publish(folder: Path, out: Path) -> None:
    # The scorecard goes first and comes last: while it is there, it belongs to the files beside it.
    former = [out / name for name in (*_MARKS, *_OWN)]
    former += [path for path in out.iterdir() if _OWN_PATTERN.fullmatch(path.name)]
    for path in former:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    new = sorted(folder.iterdir(), key=lambda path: path.name in _MARKS)
    for path in new:
        os.replace(path, out / path.name)
