"""Finished stages, addressed by their content.

- `root`: the cache directory (``TRUESPIN_CACHE_DIR``, else ``truespin`` in the user's cache directory).
- `key`: the address of a content; `code_version`: a hash of the rooms' sources and of the libraries they lean on;
  `file_digest`: a hash of a file.
- `find`: the folder of a finished stage; `building`: a new one, which appears only when it is whole.
- `work_folder`: scratch space that goes when its owner does; `sweep`, `trim`: abandoned and long unused folders.

An entry is a folder that is renamed into place after its last byte is written, so what failed is never found again.
"""

import fcntl
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

_LIBRARIES = ("numpy", "scipy", "numba", "finufft", "xarray", "h5netcdf", "scikit-image", "xraydb")
_TEMPORARY = ".building-"
_DAY = 86400.0


def root() -> Path:
    """Return the cache directory."""
    own = os.environ.get("TRUESPIN_CACHE_DIR")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared and Path(shared).is_absolute() else Path.home() / ".cache") / "truespin"


def key(content: Any) -> str:
    """Return the address of a content made of plain JSON types; the order of dictionary keys does not matter."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


@cache
def code_version(modules: tuple[str, ...]) -> str:
    """Return a hash of the sources of `modules` (rooms or single modules) and of the libraries' versions."""
    digest = hashlib.sha256()
    for name in sorted(modules):
        for relative, path in _sources(name):
            digest.update(f"{relative}\0".encode() + path.read_bytes() + b"\0")
    for library in _LIBRARIES:
        with suppress(importlib.metadata.PackageNotFoundError):
            digest.update(f"{library} {importlib.metadata.version(library)}\0".encode())
    return digest.hexdigest()[:16]


def _sources(name: str) -> list[tuple[str, Path]]:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        return []
    origin = Path(found.origin)
    if found.submodule_search_locations is None:
        return [(name, origin)]
    paths = sorted(path for path in origin.parent.rglob("*") if path.suffix in {".py", ".json", ".csv", ".txt"})
    return [(f"{name}/{path.relative_to(origin.parent).as_posix()}", path) for path in paths]


def file_digest(path: Path) -> str:
    """Return a hash of the bytes of the file `path`."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def find(address: str) -> Path | None:
    """Return the folder of the finished stage at `address`, or None."""
    folder = _place(address)
    if not folder.is_dir():
        return None
    with suppress(OSError):
        os.utime(folder)
    return folder


@contextmanager
def building(address: str) -> Iterator[Path]:
    """Give an empty folder to fill; it becomes the entry at `address` when the block ends without an exception."""
    target = _place(address)
    target.parent.mkdir(parents=True, exist_ok=True)
    with work_folder() as folder:
        content = folder / "entry"
        content.mkdir()
        yield content
        # Whoever finishes first wins: both hold the same content.
        try:
            os.rename(content, target)
        except OSError:
            if not target.is_dir():
                raise


@contextmanager
def work_folder() -> Iterator[Path]:
    """Give a scratch folder inside the cache directory, removed at the end of the block."""
    root().mkdir(parents=True, exist_ok=True)
    with _quiet():
        folder = Path(tempfile.mkdtemp(prefix=_TEMPORARY, dir=root()))
        owner = os.open(folder, os.O_RDONLY)
        fcntl.flock(owner, fcntl.LOCK_EX)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(owner)


def sweep() -> None:
    """Remove the scratch folders whose owner no longer lives: the lock on a folder ends with its owner."""
    if not root().is_dir():
        return
    with _quiet():
        for folder in root().glob(f"{_TEMPORARY}*"):
            with suppress(OSError):
                owner = os.open(folder, os.O_RDONLY)
                try:
                    fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
                finally:
                    os.close(owner)


@contextmanager
def _quiet() -> Iterator[None]:
    """Let nobody sweep between the making of a scratch folder and its lock."""
    with (root() / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def trim(limit: float | None = None) -> None:
    """Remove the entries unused for longest until `limit` bytes are left; the last day's entries always stay.

    The default is ``TRUESPIN_CACHE_GB`` (20) gigabytes.
    """
    if limit is None:
        limit = 1e9 * _gigabytes()
    entries = sorted((e for e in root().glob("??/*") if e.is_dir()), key=lambda e: e.stat().st_mtime, reverse=True)
    used = 0.0
    for entry in entries:
        used += sum(path.stat().st_size for path in entry.rglob("*") if path.is_file())
        if used > limit and time.time() - entry.stat().st_mtime > _DAY:
            shutil.rmtree(entry, ignore_errors=True)


def _gigabytes() -> float:
    text = os.environ.get("TRUESPIN_CACHE_GB", "20")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"TRUESPIN_CACHE_GB is {text!r}; allowed: a number of gigabytes") from None


def _place(address: str) -> Path:
    return root() / address[:2] / address[2:]
