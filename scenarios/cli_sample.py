"""The command ``truespin sample``: a sample of the catalogue as a file, and its picture.

- `sample`: the command, registered by `cli`.
- `Told`: how far it is, on a terminal only.
"""

import json
import math
import os
import sys
import tempfile
import warnings
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    import xarray as xr
    from rich.console import Console

    from scenarios.configuration import Table
    from scenarios.sample_entry import SampleEntry

HELP = (
    "Make a sample whose every spin is known, as a file for OOMMF, mumax3 and Ubermag (.ovf), ParaView (.vti) or "
    "truespin and xarray (.nc).\n\n"
    "Without a name, the samples are listed. A sample that was made before comes from the cache. FILE.png beside it "
    "shows what is in it."
)
EPILOG = """[bold]Examples[/bold]

truespin sample

truespin sample labyrinth --out labyrinth.ovf

truespin sample labyrinth --profile paper --seed 3 --set period_nm=120 --out labyrinth.vti

truespin run domain-walls --sample labyrinth.ovf
"""
_LENGTHS = {"width", "period", "radius", "separation", "diameter", "thickness", "distance", "length", "depth", "pitch"}
_ANGLES = {"angle", "helicity", "phase", "cone"}
_UNITS = {
    "anisotropy": (1e-3, "kJ/m3"),
    "dmi": (1e3, "mJ/m2"),
    "exchange": (1e12, "pJ/m"),
    "saturation": (1e-3, "kA/m"),
    "field": (1e3, "mT"),
    "fields": (1e3, "mT"),
    **{f"smoothness.{name}": (180 / math.pi, "deg") for name in ("median", "percentile_95", "percentile_99_9")},
    "smoothness.steep": (100.0, "%"),
}
_SHOWN = 6
_LEFT_OUT = {"requested", "flux", "handedness", "fractions", "infiltration", "material", "quench", "sites", "template"}
"""Features that are too long to print; the file has them."""


def sample(
    name: Annotated[str | None, typer.Argument(help="Its name; the list if left out.", show_default=False)] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write, .ovf, .nc or .vti.", show_default=False)
    ] = None,
    profile: Annotated[str, typer.Option(metavar="NAME", help="Set of parameters: quick or paper.")] = "quick",
    seed: Annotated[int, typer.Option(metavar="S", help="A new sample for each.")] = 0,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one parameter; again for more.")
    ] = None,
    picture: Annotated[bool, typer.Option("--picture/--no-picture", help="Draw FILE.png beside the file.")] = True,
    listed: Annotated[bool, typer.Option("--list", help="List the parameters of NAME.")] = False,
) -> None:
    """Make a sample whose every spin is known, as a file."""
    if name is None:
        _list()
        return
    from scenarios.configuration import InputError
    from scenarios.samples import entry, resolved

    found = entry(name)
    table = resolved(found, profile=profile, overrides=overrides or ())
    if listed:
        print("\n".join(f"{key} = {json.dumps(value)}" for key, value in table.model_dump().items()))
        return
    if seed < 0:
        raise InputError(f"seed is {seed}; allowed: a whole number from 0")
    if out is None:
        raise InputError(f"out is missing; allowed: --out FILE, such as --out {name}.ovf, {name}.vti or {name}.nc")
    # Before numpy comes in: sums must not depend on the number of processors.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    _check_place(out)
    _make(found, table, seed, out, picture=picture)


def _list() -> None:
    from scenarios.configuration import profiles
    from scenarios.samples import ENTRIES, text

    width = max(map(len, ENTRIES))
    for each in ENTRIES.values():
        print(f"{each.name:<{width}}  {each.summary}")
    print(f"\nprofiles: {', '.join(profiles(text()))}; truespin sample NAME --list shows the parameters")


def _check_place(out: Path) -> None:
    """Make sure, before anything is computed, that `out` may be written."""
    from records.sample_files import checked_suffix
    from scenarios.configuration import InputError

    checked_suffix(out)
    if out.is_dir():
        raise InputError(f"out is {str(out)!r}, a folder; allowed: a file")
    if out.exists() and not out.is_file():
        raise InputError(f"out is {str(out)!r}, a device or a pipe; allowed: a file")
    if not out.parent.is_dir():
        raise InputError(f"out is {str(out)!r}: no such folder {str(out.parent)!r}; allowed: a file in a folder")
    with tempfile.NamedTemporaryFile(prefix=".truespin-", dir=out.parent) as probe:
        probe.write(b"writable")


def _make(entry: "SampleEntry", table: "Table", seed: int, out: Path, *, picture: bool) -> None:
    from records import store
    from records.describe import describe_sample
    from records.sample_files import write_sample
    from scenarios.samples import SAMPLE, sample_folder, sample_picture

    with Told(entry.name) as told, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        folder = sample_folder(entry, table, seed, watch=told)
        record = store.load(folder / SAMPLE, record="sample")
        told("drawing")
        drawn = sample_picture(folder / SAMPLE, title=entry.name) if picture else None
    for text in dict.fromkeys(str(each.message) for each in caught if issubclass(each.category, UserWarning)):
        print(f"truespin: warning: {' '.join(text.split())}", file=sys.stderr)
    write_sample(record, out)
    lines = [*describe_sample(record), ("origin", str(record.attrs["origin"])), *_features(record)]
    if drawn is not None:
        store.write_bytes(out.with_suffix(".png"), drawn.read_bytes())
        lines.append(("picture", str(out.with_suffix(".png"))))
    lines.append(("sample", str(out)))
    width = max(len(key) for key, _ in lines)
    print("\n".join(f"{key:<{width}}  {text}" for key, text in lines))


def _features(record: "xr.Dataset") -> list[tuple[str, str]]:
    """Return the known features in a few words each, without those that are tables."""
    found: dict[str, Any] = json.loads(record.attrs["features"])
    shown = {key: value for key, value in found.items() if value not in (None, [], {}) and key not in _LEFT_OUT}
    told = [(key.replace("_", " "), _in_short(key, value)) for key, value in shown.items()]
    return [(key, text) for key, text in told if text]


def _in_short(key: str, value: Any) -> str:
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        charges = [item["q"] for item in value if isinstance(item.get("q"), int)]
        signs = f": {sum(q > 0 for q in charges)} positive, {sum(q < 0 for q in charges)} negative" if charges else ""
        return f"{len(value)}{signs}"
    if isinstance(value, list):
        return ", ".join(_in_short(key, item) for item in value) if len(value) <= _SHOWN else f"{len(value)} values"
    if isinstance(value, dict):
        if any(isinstance(item, dict | list) for item in value.values()):
            return ""
        whole = {name: f"{key}.{name}" if f"{key}.{name}" in _UNITS else name for name in value}
        return ", ".join(f"{name.replace('_', ' ')} {_in_short(whole[name], item)}" for name, item in value.items())
    if isinstance(value, float):
        words = set(key.split("_"))
        if words & _LENGTHS:
            return f"{value * 1e9:.4g} nm"
        if words & _ANGLES:
            return f"{math.degrees(value):.4g} deg"
        factor, unit = _UNITS.get(key, (1.0, ""))
        return f"{value * factor:.4g} {unit}".rstrip()
    return str(value)


class Told(AbstractContextManager["Told"]):
    """Say on a terminal what is going on, and for how long; say nothing elsewhere.

    Parameters
    ----------
    label : str
        What it is about.
    console : rich.console.Console, optional
        Standard error if left out.
    """

    def __init__(self, label: str, console: "Console | None" = None) -> None:
        from rich.console import Console
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        shown = console or Console(file=sys.stderr, highlight=False)
        columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
        self._bar = Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal)
        self._label = label
        self._task = self._bar.add_task(label, total=None)

    def __enter__(self) -> "Told":
        self._bar.start()
        return self

    def __call__(self, text: str) -> None:
        """Show `text` beside the label."""
        self._bar.update(self._task, description=f"{self._label}: {text}")

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
