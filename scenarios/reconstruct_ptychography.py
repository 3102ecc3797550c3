"""Reconstruct a ptychographic scan from a file, as the command line asks for it.

- `Options`: what was asked; `open_measurement`: the file as a `Measurement`; `run`: reconstruct, write, draw, tell.

What is said on the way is in `reconstruct_words`.
"""

import contextlib
import dataclasses
import re
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import reconstruct_words
from scenarios.configuration import InputError, choose
from scenarios.measure_options import length

if TYPE_CHECKING:
    import xarray as xr

_KIND = "ptychography"
_INTERRUPTED = 130  # exit code
_FURTHEST = 100.0  # m, of a focus
_GAINS = 1e-6, 1e10  # units of the frames per photon
_DISTANCE = re.compile(r"\s*([+-]?)(\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)\s*(nm|um|µm|μm|mm|m)\s*")
_METRES = {"nm": 1e-9, "um": 1e-6, "µm": 1e-6, "μm": 1e-6, "mm": 1e-3, "m": 1.0}


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked; lengths as text with their unit."""

    method: str = "rpie+"
    projection: int = 0
    focus_distance: str | None = None
    near_field: bool = False
    defocus: str | None = None
    outer_zone: str | None = None
    stop_fraction: float | None = None
    gain: float | None = None
    probe_moves: bool = False
    seed: int = 0
    settings: tuple[str, ...] = ()


def run(
    file: Path,
    options: Options,
    *,
    out: Path | None = None,
    figure: Path | None = None,
    checkpoint: Path | None = None,
) -> None:
    """Reconstruct `file`, write the result and a picture, and print what came of it.

    Raises
    ------
    InputError
        If something asked for is not allowed.
    RecordError
        If the file cannot be used.
    OSError
        If a result cannot be written.
    """
    from numerics.streams import stream
    from records import cxi
    from reports.figure_reconstruction import save

    method = _method(options)
    out = file.with_name(f"{file.stem}-{method.name}.cxi") if out is None else out
    _check_suffix("out", out, ".cxi", ".h5")
    figure = out.with_suffix(".png") if figure is None else figure
    _check_suffix("figure", figure, ".png", ".svg")
    _check_targets(file, out, figure, checkpoint)
    if options.seed < 0:
        raise InputError(f"seed is {options.seed}; allowed: a whole number from 0")
    with (
        open_measurement(file, options) as node,
        _in_one_line(file, checkpoint),
        _following(method.name, file, node) as watch,
    ):
        reason = method.refuses(node)
        if reason is not None:
            raise InputError(reason)
        found = method.reconstruct(
            node,
            rng=stream(options.seed, "method", method.name, 0),
            watch=(watch,),
            checkpoint=checkpoint,
        )
    cxi.write_reconstruction(found, out)
    save(found, figure)
    print("\n".join(reconstruct_words.result(found)))
    print(f"result:  {out}")
    print(f"picture: {figure}")


@contextlib.contextmanager
def open_measurement(file: Path, options: Options) -> "Iterator[xr.Dataset]":
    """Open a CXI file, or a measurement of ours, without reading its frames.

    Raises
    ------
    InputError, RecordError
        In one line.
    """
    from records import cxi, frames

    if not file.is_file():
        what = "a folder" if file.is_dir() else "no such file"
        raise InputError(f"{str(file)!r}: {what}; allowed: a CXI file or a measurement (.nc)")
    scalars = _scalars(options)
    distance = None if options.focus_distance is None else _distance("focus-distance", options.focus_distance)
    near = options.near_field or distance is not None
    far_only = [name.replace("_", "-") for name in ("defocus", "outer_zone", "stop_fraction") if name in scalars]
    if near and far_only:
        raise InputError(f"{far_only[0]} is given for a near field; allowed: in the far field only")
    ours = _is_ours(file)
    if ours:
        node = frames.open_node(file, options.projection)
    else:
        node = cxi.open_node(
            file,
            options.projection,
            focus_distance=distance,
            propagation="near_field" if near else None,
            scalars=scalars,
            probe_moves=options.probe_moves,
        )
    with node:
        if ours and (near or scalars or options.probe_moves):
            raise InputError(f"{file}: a measurement that says its own optics; allowed: no option on them")
        if "stop_fraction" in scalars and "outer_zone" not in node:
            raise InputError(f"stop-fraction is {options.stop_fraction:g} of no zone plate; allowed: with --outer-zone")
        yield node


def _is_ours(file: Path) -> bool:
    """Return whether an HDF5 file holds a record of ours, by its content."""
    import h5py

    with contextlib.suppress(OSError, RuntimeError, KeyError), h5py.File(file, "r") as content:
        return "record" in content.attrs
    return file.suffix == ".nc"


@contextlib.contextmanager
def _in_one_line(file: Path, checkpoint: Path | None) -> Iterator[None]:
    """Put the file's name before what a method says of its data, a checkpoint being named already."""
    try:
        yield
    except ValueError as error:
        text = " ".join(str(error).split())
        named = text.startswith(tuple(f"{name}: " for name in (file, checkpoint) if name is not None))
        raise InputError(text if named else f"{file}: {text}") from error
    except KeyboardInterrupt:
        if checkpoint is not None:
            raise
        print("truespin: interrupted; nothing is kept without --checkpoint", file=sys.stderr)
        raise SystemExit(_INTERRUPTED) from None
    except MemoryError as error:
        text = " ".join(str(error).split())
        raise InputError(
            f"{file}: more than the memory holds ({text}); allowed: fewer modes, a smaller margin"
        ) from error


def _scalars(options: Options) -> dict[str, float]:
    found: dict[str, float] = {}
    if options.defocus is not None:
        found["defocus"] = _distance("defocus", options.defocus, signed=True)
    if options.outer_zone is not None:
        found["outer_zone"] = length("outer-zone", options.outer_zone)
    if options.stop_fraction is not None:
        if not 0 <= options.stop_fraction < 1:
            raise InputError(f"stop-fraction is {options.stop_fraction:g}; allowed: 0 to below 1")
        found["stop_fraction"] = options.stop_fraction
    if options.gain is not None:
        if not _GAINS[0] <= options.gain <= _GAINS[1]:
            raise InputError(f"gain is {options.gain:g}; allowed: {_GAINS[0]:g} to {_GAINS[1]:g} units a photon")
        found["gain"] = options.gain
    return found


def _distance(name: str, text: str, *, signed: bool = False) -> float:
    """Return a distance in m, which may be longer than what a sample has; above 0 unless it is `signed`."""
    found = _DISTANCE.fullmatch(text)
    value = float(found[1] + found[2]) * _METRES[found[3]] if found else float("nan")
    if abs(value) <= _FURTHEST and (signed or value > 0):
        return value
    raise InputError(
        f"{name} is {text!r}; allowed: a length with its unit (nm, um, mm, m), such as 3.65mm, "
        f"{'within' if signed else 'above 0 to'} {_FURTHEST:g} m"
    )


def _method(options: Options) -> Any:
    from reconstructors import registry
    from scenarios.tuning import tuned

    known = [name for name in registry.names() if registry.get(name).accepts == _KIND]
    method = registry.get(choose("method", options.method, known))
    values: dict[str, Any] = {}
    for setting in options.settings:
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


def _check_suffix(name: str, file: Path, *suffixes: str) -> None:
    if file.suffix not in suffixes:
        shown = "" if file == Path() else str(file)
        raise InputError(f"{name} is {shown!r}; allowed: a name that ends in {' or '.join(suffixes)}")


def _check_targets(file: Path, out: Path, figure: Path, checkpoint: Path | None) -> None:
    targets = [out, figure, *([checkpoint] if checkpoint else [])]
    for index, target in enumerate(targets):
        if target.is_dir() or (target.exists() and not target.is_file()):
            raise InputError(f"{str(target)!r} is no file that may be replaced; allowed: a new name, or a file")
        if target.resolve() in [other.resolve() for other in (file, *targets[:index])]:
            raise InputError(f"{str(target)!r} is named twice; allowed: a name of its own for each file")
        folder = next(place for place in target.absolute().parents if place.exists())
        try:
            tempfile.NamedTemporaryFile(dir=folder, prefix=".truespin-").close()
        except OSError as error:
            reason = f"{str(target)!r} cannot be written ({error.strerror})"
            raise InputError(f"{reason}; allowed: a name in a folder that can be written to") from error
    if out.exists() and not _is_result(out):
        raise InputError(
            f"{str(out)!r} holds something else than a reconstruction; allowed: a new name, or an old result"
        )


def _is_result(file: Path) -> bool:
    """Return whether a file is a CXI reconstruction without any frames, which may be made again."""
    import h5py

    from records import RecordError, cxi
    from records.cxi_entry import entries, find

    try:
        cxi.read_reconstruction(file)
        with h5py.File(file, "r") as content:
            held = [find(entry, "data_1/data", "instrument_1/detector_1/data") for entry in entries(content)]
            return all(data is None or data.dtype.kind == "c" for data in held)
    except (RecordError, OSError):
        return False


@contextlib.contextmanager
def _following(name: str, file: Path, node: "xr.Dataset") -> "Iterator[Any]":
    """Say what is reconstructed once it has begun; show epochs and error on a terminal, be quiet off one."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr, highlight=False)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    begun: list[int] = []
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{name}: reading {node.sizes['position']} frames")

        def watch(step: int, error: float) -> None:
            if not begun:
                print("\n".join(reconstruct_words.heading(file, node)), file=sys.stderr)
                begun.append(step)
            bar.update(task, description=f"{name}: epoch {step + 1}, Fourier error {error:.4f}")

        yield watch
