"""Reconstruct a ptychographic scan from a file, as the command line asks for it.

- `Options`: what was asked; `open_measurement`: the file as a `Measurement`; `run`: reconstruct, write, draw, tell.

What is said on the way is in `reconstruct_words`.
"""

import contextlib
import dataclasses
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import reconstruct_words
from scenarios.configuration import InputError
from scenarios.measure_options import length
from scenarios.reconstruct_request import Target, check_suffix, check_targets, chosen_method, in_one_line

if TYPE_CHECKING:
    import xarray as xr

_KIND = "ptychography"
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

    method = chosen_method(options.method, options.settings, kind=_KIND)
    out = file.with_name(f"{file.stem}-{method.name}.cxi") if out is None else out
    check_suffix("out", out, ".cxi", ".h5")
    figure = out.with_suffix(".png") if figure is None else figure
    check_suffix("figure", figure, ".png", ".svg")
    targets = [Target(out, _is_result), Target(figure), *([Target(checkpoint)] if checkpoint else [])]
    check_targets([file], targets)
    if options.seed < 0:
        raise InputError(f"seed is {options.seed}; allowed: a whole number from 0")
    interrupted = None if checkpoint else "interrupted; nothing is kept without --checkpoint"
    less = "fewer modes, a smaller margin"
    with (
        open_measurement(file, options) as node,
        in_one_line(str(file), named=(checkpoint,), interrupted=interrupted, less=less),
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
