"""Reconstruct a ptychographic scan from a file, as the command line asks for it.

- `Options`: what was asked; `open_measurement`: the file as a `Measurement`; `run`: reconstruct, write, draw, tell.
"""

import contextlib
import dataclasses
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.configuration import InputError, choose
from scenarios.measure_options import length

if TYPE_CHECKING:
    import xarray as xr

_KIND = "ptychography"
_FURTHEST = 100.0  # m, of a focus


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


def run(file: Path, options: Options, *, out: Path, figure: Path, checkpoint: Path | None = None) -> None:
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
    _check_targets(file, out, figure, checkpoint)
    if options.seed < 0:
        raise InputError(f"seed is {options.seed}; allowed: a whole number from 0")
    with open_measurement(file, options) as node:
        reason = method.refuses(node)
        if reason is not None:
            raise InputError(f"{file}: {reason}")
        print("\n".join(_heading(file, node)), file=sys.stderr)
        with _following(method.name) as watch:
            found = method.reconstruct(
                node,
                rng=stream(options.seed, "method", method.name, 0),
                watch=(watch,),
                checkpoint=checkpoint,
            )
    cxi.write_reconstruction(found, out)
    save(found, figure)
    print("\n".join(_told(found)))
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
        raise InputError(f"{str(file)!r}: no such file; allowed: a CXI file or a measurement (.nc)")
    scalars = _scalars(options)
    if file.suffix == ".nc":
        given = [
            name
            for name, value in (("focus-distance", options.focus_distance), ("near-field", options.near_field))
            if value
        ]
        if given or scalars or options.probe_moves:
            raise InputError(f"{file}: a measurement that says its own optics; allowed: no option on them")
        node = frames.open_node(file, options.projection)
    else:
        distance = None if options.focus_distance is None else _distance("focus-distance", options.focus_distance)
        near = options.near_field or distance is not None
        node = cxi.open_node(
            file,
            options.projection,
            focus_distance=distance,
            propagation="near_field" if near else None,
            scalars=scalars,
            probe_moves=options.probe_moves,
        )
    with node:
        yield node


def _scalars(options: Options) -> dict[str, float]:
    found: dict[str, float] = {}
    if options.defocus is not None:
        sign = -1.0 if options.defocus.startswith("-") else 1.0
        found["defocus"] = sign * _distance("defocus", options.defocus.lstrip("+-"))
    if options.outer_zone is not None:
        found["outer_zone"] = length("outer-zone", options.outer_zone)
    if options.stop_fraction is not None:
        if not 0 <= options.stop_fraction < 1:
            raise InputError(f"stop-fraction is {options.stop_fraction:g}; allowed: 0 to below 1")
        found["stop_fraction"] = options.stop_fraction
    if options.gain is not None:
        if not 0 < options.gain < float("inf"):
            raise InputError(f"gain is {options.gain:g}; allowed: above 0")
        found["gain"] = options.gain
    return found


def _distance(name: str, text: str) -> float:
    """Return a distance in m, which may be longer than what a sample has."""
    parts = text.strip()
    for unit, factor in (("mm", 1e-3), ("um", 1e-6), ("µm", 1e-6), ("nm", 1e-9), ("m", 1.0)):
        if parts.endswith(unit):
            with contextlib.suppress(ValueError):
                value = float(parts.removesuffix(unit)) * factor
                if 0 < value <= _FURTHEST:
                    return value
            break
    raise InputError(f"{name} is {text!r}; allowed: a length with its unit (nm, um, mm, m), such as 3.65mm")


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
        _put(values, key.split("."), value)
    return dataclasses.replace(method, parameters=tuned(method.name, values)) if values else method


def _put(table: dict[str, Any], path: list[str], value: Any) -> None:
    for key in path[:-1]:
        table = table.setdefault(key, {})
    table[path[-1]] = value


def _check_targets(file: Path, out: Path, figure: Path, checkpoint: Path | None) -> None:
    if out.suffix not in (".cxi", ".h5"):
        raise InputError(f"out is {str(out)!r}; allowed: a name that ends in .cxi or .h5")
    if figure.suffix not in (".png", ".svg"):
        raise InputError(f"figure is {str(figure)!r}; allowed: a name that ends in .png or .svg")
    targets = [out, figure, *([checkpoint] if checkpoint else [])]
    for index, target in enumerate(targets):
        if target.is_dir() or (target.exists() and not target.is_file()):
            raise InputError(f"{str(target)!r} is no file that may be replaced; allowed: a new name, or a file")
        if target.resolve() in [other.resolve() for other in (file, *targets[:index])]:
            raise InputError(f"{str(target)!r} is named twice; allowed: a name of its own for each file")


@contextlib.contextmanager
def _following(name: str) -> "Iterator[Any]":
    """Show epochs and error on a terminal; be quiet off one."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(file=sys.stderr, highlight=False)
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(name)

        def watch(step: int, error: float) -> None:
            bar.update(task, description=f"{name}: epoch {step + 1}, Fourier error {error:.4f}")

        yield watch


def _heading(file: Path, node: "xr.Dataset") -> list[str]:
    from optics.units import wavelength
    from records import ptychography

    n, frames = node.sizes["y"], node.sizes["position"]
    helicities = ", ".join(f"{int(h):+d}" for h in node["helicity"].values)
    field = str(node.attrs["propagation"]).replace("_", " ")
    # CXI has no place for it, so a near field may be taken for a far one.
    hint = (
        "; a near one needs --focus-distance or --near-field" if file.suffix != ".nc" and field == "far field" else ""
    )
    return [
        f"{file}: {frames} frames of {n} x {n} pixels, helicity {helicities}, {field}{hint}",
        f"  wavelength {1e9 * wavelength(float(node['energy'])):.4g} nm, "
        f"pixel of the object {1e9 * ptychography.pixel_size(node):.4g} nm",
    ]


def _told(found: "xr.Dataset") -> list[str]:
    import numpy as np

    lines = []
    for index, helicity in enumerate(found["helicity"].values):
        history = found["history"].values[index] if "history" in found else np.array([np.nan])
        last = history[np.isfinite(history)][-1:] if len(history) else history
        left_out = int(np.count_nonzero(found["corrupt"].values[index])) if "corrupt" in found else 0
        frames = found.sizes["position"]
        error = f"Fourier error {last[0]:.4f} after {np.isfinite(history).sum()} epochs" if len(last) else "no history"
        lines.append(f"helicity {int(helicity):+d}: {error}; {left_out} of {frames} frames left out")
    if "flag" in found:
        raised = [str(name) for name in found["flag_name"].values[found["flag"].values == 1]]
        lines += [f"flags: {', '.join(raised)}"] if raised else []
    return lines
