"""What all commands ``truespin reconstruct`` ask first: method, settings, and files that may be written.

- `chosen_method`: a registered method of one kind of measurement, with the settings of the command line;
- `Target`: a file to write; `check_targets`: proves all of them writable before anything is computed;
- `check_suffix`; `in_one_line`: what a method says of its data, with the file's name before it.
"""

import contextlib
import dataclasses
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from scenarios.configuration import InputError, choose

_INTERRUPTED: Final = 130  # exit code


@dataclasses.dataclass(frozen=True)
class Target:
    """A file to write.

    Attributes
    ----------
    path : Path
    ours : callable, optional
        Tells whether what is there now may be replaced; any file may where it is left out.
    holds : str
        What may be replaced, for the message.
    """

    path: Path
    ours: Callable[[Path], bool] | None = None
    holds: str = "a reconstruction"


def chosen_method(name: str, settings: Sequence[str], *, kind: str) -> Any:
    """Return the method `name` for measurements of `kind`, its parameters changed by ``KEY=VALUE``.

    Raises
    ------
    InputError
        If there is no such method of this kind, or a setting is not allowed.
    """
    from reconstructors import registry
    from scenarios.tuning import tuned

    known = [each for each in registry.names() if registry.get(each).accepts == kind]
    method = registry.get(choose("method", name, known))
    values: dict[str, Any] = {}
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign or not key:
            raise InputError(f"--set {setting!r}; allowed: KEY=VALUE")
        try:
            value = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            value = text
        if not _put(values, key.split("."), value):
            raise InputError(f"--set {setting!r}; allowed: a key that is a value or a table in all of them, not both")
    return dataclasses.replace(method, parameters=tuned(method.name, values)) if values else method


def _put(table: dict[str, Any], path: list[str], value: Any) -> bool:
    """Put a value into nested tables; False where one is in its way."""
    for key in path[:-1]:
        inner: Any = table.setdefault(key, {})
        if not isinstance(inner, dict):
            return False
        table = inner
    free = not isinstance(table.get(path[-1]), dict)
    table[path[-1]] = value
    return free


def check_suffix(name: str, file: Path, *suffixes: str) -> None:
    """Refuse a file name with another suffix.

    Raises
    ------
    InputError
    """
    if file.suffix not in suffixes:
        shown = "" if file == Path() else str(file)
        raise InputError(f"{name} is {shown!r}; allowed: a name that ends in {' or '.join(suffixes)}")


def check_targets(inputs: Sequence[Path], targets: Sequence[Target]) -> None:
    """Make sure that all files can be written, and that none replaces an input, another or somebody's work.

    Raises
    ------
    InputError
        In one line, at the first that cannot.
    """
    taken = [path.resolve() for path in inputs]
    for target in targets:
        path = target.path
        if path.is_dir() or (path.exists() and not path.is_file()):
            raise InputError(f"{str(path)!r} is no file that may be replaced; allowed: a new name, or a file")
        if path.resolve() in taken:
            raise InputError(f"{str(path)!r} is named twice; allowed: a name of its own for each file")
        taken.append(path.resolve())
        folder = next(place for place in path.absolute().parents if place.exists())
        try:
            tempfile.NamedTemporaryFile(dir=folder, prefix=".truespin-").close()
        except OSError as error:
            reason = f"{str(path)!r} cannot be written ({error.strerror})"
            raise InputError(f"{reason}; allowed: a name in a folder that can be written to") from error
    for target in targets:
        if target.ours is not None and target.path.exists() and not target.ours(target.path):
            found = f"{str(target.path)!r} holds something else than {target.holds}"
            raise InputError(f"{found}; allowed: a new name, or an old result")


@contextlib.contextmanager
def in_one_line(file: str, *, named: Sequence[Path | None] = (), interrupted: str | None, less: str) -> Iterator[None]:
    """Put the file's name before what is said of its data.

    Parameters
    ----------
    file : str
    named : sequence of Path or None
        Other files, which a message may begin with in place of `file`.
    interrupted : str or None
        What to say of an interruption; None leaves it to the caller.
    less : str
        What takes less memory.
    """
    try:
        yield
    except ValueError as error:
        text = " ".join(str(error).split())
        known = text.startswith(tuple(f"{name}:" for name in (file, *named) if name is not None))
        raise InputError(text if known else f"{file}: {text}") from error
    except KeyboardInterrupt:
        if interrupted is None:
            raise
        print(f"truespin: {interrupted}", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    except MemoryError as error:
        text = " ".join(str(error).split())
        raise InputError(f"{file}: more than the memory holds ({text}); allowed: {less}") from error
