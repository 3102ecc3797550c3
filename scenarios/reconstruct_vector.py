"""Reconstruct a magnetization from projections in a file, as the command line asks for it.

- `Options`: what was asked; `Outputs`: where results go; `measurement`: the file as a `Measurement`;
- `run`: reconstruct, find the hedgehogs, write, draw, tell.

What is made of a volume is in `reconstruct_vector_volume`, what is said in `reconstruct_vector_words`.
"""

import contextlib
import dataclasses
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from scenarios import reconstruct_vector_volume as volume
from scenarios import reconstruct_vector_words as words
from scenarios.configuration import InputError, choose
from scenarios.reconstruct_request import Target, check_suffix, check_targets, chosen_method, in_one_line

if TYPE_CHECKING:
    import xarray as xr

_KIND: Final = "projections"
_NANO: Final = 1e-9
_SCALARS: Final = {
    "pixel_nm": ("pixel_size", _NANO, 1e-3, 1e5),
    "energy_ev": ("energy", 1.0, 10.0, 2e5),
    "polarization": ("polarization", 1.0, -1.0, 1.0),
    "beta_m": ("beta_m", 1.0, 1e-12, 1.0),
}
"""Option: its name in the record, its unit, and what is allowed."""
_EDGE_NM: Final = 1e-3, 1e7
_UNITS: Final = ("deg", "rad")
_PICTURES: Final = (".png", ".svg")


@dataclasses.dataclass(frozen=True)
class Options:
    """What was asked; None where the file says it."""

    method: str = "vector+"
    angles: Path | None = None
    angle_unit: str | None = None
    values: str | None = None
    pixel_nm: float | None = None
    energy_ev: float | None = None
    polarization: float | None = None
    beta_m: float | None = None
    box_nm: str | None = None
    seed: int = 0
    settings: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Files to write: the result, its picture, the table of hedgehogs and a magnetization for other programs."""

    out: Path | None = None
    picture: Path | None = None
    table: Path | None = None
    export: Path | None = None


def run(name: str, options: Options, outputs: Outputs) -> None:
    """Reconstruct the projections `name`, write the results, and print what came of it.

    Parameters
    ----------
    name : str
        ``FILE`` or ``FILE:KEY``.
    options : Options
    outputs : Outputs
        Beside the file where they are None; nothing is exported then.

    Raises
    ------
    InputError
        If something asked for is not allowed, or the file cannot be used.
    OSError
        If a result cannot be written.
    """
    from numerics.streams import stream
    from records import sample_files, store
    from reports.figure_vector_reconstruction import picture

    method = chosen_method(options.method, options.settings, kind=_KIND)
    if options.seed < 0:
        raise InputError(f"seed is {options.seed}; allowed: a whole number from 0")
    known = told(options)
    files = _files(name, options, outputs)
    less = "fewer or smaller images, a smaller --box-nm"
    with (
        in_one_line(name, named=(options.angles,), interrupted="interrupted; nothing is kept", less=less),
        _following(method.name, name) as watch,
    ):
        measured = measurement(name, options, known)
        reason = method.refuses(measured)
        if reason is not None:
            raise InputError(reason)
        found = _solved(method, measured, rng=stream(options.seed, "method", method.name, 0), watch=watch)
        charges = volume.hedgehogs(found)
        exported = volume.as_sample(found) if "export" in files else None
    drawn = picture(found, measured, charges, suffix=files["picture"].suffix)
    store.save(found, files["result"])
    store.write_bytes(files["picture"], drawn)
    store.write_text(files["table"], words.table(charges))
    if exported is not None:
        sample_files.write_sample(exported, files["export"])
    words.show(name, measured, found, charges)
    for kind, path in files.items():
        print(f"{kind + ':':<9}{path}")


def told(options: Options) -> dict[str, Any]:
    """Return what was told beyond the file, by the names of `records.projection_files.Known`.

    Raises
    ------
    InputError
        If a value is impossible.
    """
    from records.projection_files import VALUES

    known: dict[str, Any] = {}
    if options.values is not None:
        known["values"] = choose("values", options.values, VALUES)
    if options.angle_unit is not None:
        known["angle_units"] = choose("angle-unit", options.angle_unit, _UNITS)
    scalars = {}
    for option, (scalar, unit, low, high) in _SCALARS.items():
        value = getattr(options, option)
        if value is None:
            continue
        if not (low <= value <= high and value != 0):
            without = ", without 0" if low < 0 else ""
            raise InputError(f"{option.replace('_', '-')} is {value:g}; allowed: {low:g} to {high:g}{without}")
        scalars[scalar] = value * unit
    if scalars:
        known["scalars"] = scalars
    if options.box_nm is not None:
        known["box"] = _box(options.box_nm)
    return known


def _box(text: str) -> tuple[float, ...]:
    try:
        sizes = tuple(float(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if len(sizes) != 3 or not all(_EDGE_NM[0] <= size <= _EDGE_NM[1] for size in sizes):
        raise InputError(f"box-nm is {text!r}; allowed: Z,Y,X in nm, such as 150,480,480")
    return tuple(size * _NANO for size in sizes)


def measurement(name: str, options: Options, known: dict[str, Any]) -> "xr.Dataset":
    """Read the projections of a file with what was told of them.

    Raises
    ------
    RecordError
        In one line.
    """
    from records.projection_files import Known, read_projections

    return read_projections(name, angles=options.angles, known=Known(**known) if known else None)


def _solved(method: Any, measured: "xr.Dataset", *, rng: Any, watch: Any) -> "xr.Dataset":
    """Return what a method makes of a measurement; warnings of numpy are no news to a reader of one line."""
    import numpy as np

    density = measured["optical_density"].values
    if not np.ptp(density, axis=(2, 3)).any():
        raise InputError("the optical density of every image is the same everywhere; allowed: images of a sample")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            found: xr.Dataset = method.reconstruct(measured, rng=rng, watch=(watch,))
    except np.linalg.LinAlgError as error:
        raise InputError(f"images have no solution ({error}); allowed: images in which a sample absorbs") from error
    return found


def _files(name: str, options: Options, outputs: Outputs) -> dict[str, Path]:
    """Return the files to write by what they hold, each proven to be writable."""
    from records import sample_files
    from records.array_files import split_name

    source, _ = split_name(name)
    out = source.with_name(f"{source.stem}-{options.method}.nc") if outputs.out is None else outputs.out
    check_suffix("out", out, ".nc")
    picture = out.with_suffix(".png") if outputs.picture is None else outputs.picture
    check_suffix("picture", picture, *_PICTURES)
    table = out.with_name(f"{out.stem}-hedgehogs.csv") if outputs.table is None else outputs.table
    check_suffix("table", table, ".csv")
    files = {"result": out, "picture": picture, "table": table}
    targets = [
        Target(out, _is_result, "a reconstruction of projections"),
        Target(picture, _is_picture, "a picture"),
        Target(table, words.is_table, "a table of hedgehogs"),
    ]
    if outputs.export is not None:
        check_suffix("export", outputs.export, *sample_files.SUFFIXES)
        files["export"] = outputs.export
        targets.append(Target(outputs.export, _is_export, "an exported reconstruction"))
    check_targets([source, *([options.angles] if options.angles else [])], targets)
    return files


def _is_result(file: Path) -> bool:
    from records import RecordError, store

    try:
        return bool(store.load(file, record="reconstruction").attrs.get("kind") == _KIND)
    except (RecordError, OSError):
        return False


def _is_picture(file: Path) -> bool:
    with file.open("rb") as stream:
        start = stream.read(64)
    return start.startswith(b"\x89PNG") or b"<?xml" in start or b"<svg" in start


def _is_export(file: Path) -> bool:
    from records import RecordError, sample_files

    try:
        return bool(sample_files.read_sample(file).attrs["origin"] == volume.ORIGIN)
    except (RecordError, OSError):
        return False


@contextlib.contextmanager
def _following(method: str, name: str) -> "Iterator[Any]":
    """Show step and misfit on a terminal, be quiet off one."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr, highlight=False)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(f"{method}: reading {name}")

        def watch(step: int, error: float) -> None:
            # Stages before the vector solve have no volume yet, a misfit of 1.
            misfit = f", misfit {error:.4g}" if error < 1 else ""
            bar.update(task, description=f"{method}: step {step + 1}{misfit}")

        yield watch
