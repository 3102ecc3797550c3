"""The commands ``truespin measure``: anybody's own arrays, measured.

- `app`: the group, registered by `cli`, with ``frc``, ``hedgehogs`` and ``walls``.

Each prints a table and writes a JSON file and a picture. Heavy imports wait inside the commands.
"""

import os
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from scenarios.measure_result import Result

_HELP = (
    "Measure your own arrays: resolution, hedgehogs, domain walls.\n\n"
    "Read are npy, npz (FILE.npz:NAME), HDF5 (FILE.h5:/path/to/data), TIFF, OVF and VTK (FILE.ovf:z for one "
    "component). Lengths have a unit: 5.3nm. A table is printed, a JSON file and a picture are written."
)
_EPILOG = """[bold]Examples[/bold]

truespin measure frc A.npy B.npy --pixel 5.3nm

truespin measure hedgehogs relaxed.ovf --low-pass 12nm

truespin measure walls image.h5:/entry/image --pixel 5.3nm --transfer hard:10.6nm --out walls
"""

app = typer.Typer(help=_HELP, epilog=_EPILOG, rich_markup_mode="rich")

_Out = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder for the JSON file and the picture; the current one.")
]
_Json = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Name of the JSON file.")]
_Figure = Annotated[Path | None, typer.Option(metavar="FILE", help="Name of the picture, .png or .svg.")]
_TableOnly = Annotated[bool, typer.Option("--table-only", help="Write no file.")]
_Pixel = Annotated[
    str | None,
    typer.Option(metavar="LENGTH", help="Size of a pixel, such as 5.3nm, or one per axis: 5nm,5.3nm (y, x)."),
]
_Seed = Annotated[int, typer.Option(metavar="S", help="Seed of the redraws.")]


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help(), end="")


@app.command()
def frc(
    a: Annotated[str, typer.Argument(metavar="A", help="First image or volume.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Second one, registered to the first.")],
    pixel: _Pixel = None,
    mask: Annotated[str | None, typer.Option(metavar="FILE", help="Window from 0 to 1, best with a soft edge.")] = None,
    taper: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Fade the borders out over this length, such as 50nm.")
    ] = None,
    criterion: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="half-bit, 1-bit (images), 1/7 (volumes), 0.5 or 3-sigma."),
    ] = None,
    data_set: Annotated[
        str, typer.Option(metavar="NAME", help="Whether each array holds half of the data or all: half, full.")
    ] = "half",
    n_convention: Annotated[
        str, typer.Option(metavar="NAME", help="Samples of a ring in the thresholds: full (n) or hermitian (n/2).")
    ] = "full",
    draws: Annotated[int, typer.Option(metavar="N", help="Redraws for the 68 % intervals, from 20; 0 for none.")] = 400,
    seed: _Seed = 0,
    out: _Out = None,
    json: _Json = None,
    figure: _Figure = None,
    table_only: _TableOnly = False,
) -> None:
    """Correlate two images by rings, or two volumes by shells, and read the resolution off every threshold."""

    def measured() -> "Result":
        from scenarios import measure_frc

        chosen = measure_frc.Options(pixel, mask, taper, criterion, data_set, n_convention, draws, seed)
        return measure_frc.measure(a, b, chosen)

    _run("frc", [a, b, mask], measured, out=out, document=json, figure=figure, table_only=table_only)


@app.command()
def hedgehogs(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Vectors: OVF, VTK, or an array (3, z, y, x).")],
    voxel: Annotated[
        str | None,
        typer.Option(metavar="LENGTH", help="Size of a voxel, such as 5nm, or one per axis (z, y, x)."),
    ] = None,
    low_pass: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Full period below which the spins are smoothed first.")
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="NAME", help="cells (every cell, exact) or maxima (of the charge density).")
    ] = "cells",
    magnet: Annotated[
        str | None, typer.Option(metavar="FILE", help="Where the magnet is, from 0 to 1; where vectors are not 0.")
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="Charge of each layer along z instead.")] = False,
    out: _Out = None,
    json: _Json = None,
    figure: _Figure = None,
    table_only: _TableOnly = False,
) -> None:
    """Find the hedgehogs (Bloch points) of a magnetization, with sign and sub-voxel position."""

    def measured() -> "Result":
        from scenarios import measure_hedgehogs

        chosen = measure_hedgehogs.Options(voxel, low_pass, method, magnet, layers)
        return measure_hedgehogs.measure(file, chosen)

    name = "layers" if layers else "hedgehogs"
    _run(name, [file, magnet], measured, out=out, document=json, figure=figure, table_only=table_only)


@app.command()
def walls(
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="Image of domains, such as m_z.")],
    pixel: _Pixel = None,
    transfer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME:LENGTH",
            help="What the image was seen through, undone by the fit; again for a product: hard:10.6nm (full period), "
            "gaussian:12nm (FWHM), pixel, film:47nm,1.59nm (thickness, wavelength).",
        ),
    ] = None,
    mask: Annotated[str | None, typer.Option(metavar="FILE", help="Not 0 where walls may lie.")] = None,
    layer: Annotated[int | None, typer.Option(metavar="N", help="Layer or page of a volume, from 0.")] = None,
    average: Annotated[int, typer.Option(metavar="N", help="Neighbouring profiles averaged along the wall.")] = 7,
    draws: Annotated[int, typer.Option(metavar="N", help="Redraws for the local errors; 0: linear response.")] = 0,
    seed: _Seed = 0,
    out: _Out = None,
    json: _Json = None,
    figure: _Figure = None,
    table_only: _TableOnly = False,
) -> None:
    """Measure the width of the domain walls of an image, locally and on the mean."""

    def measured() -> "Result":
        from scenarios import measure_walls

        chosen = measure_walls.Options(pixel, tuple(transfer or ()), mask, layer, average, draws, seed)
        return measure_walls.measure(image, chosen)

    name = "walls" if layer is None else f"layer{layer}-walls"
    _run(name, [image, mask], measured, out=out, document=json, figure=figure, table_only=table_only)


def _run(
    name: str,
    sources: Sequence[str | None],
    measure: "Callable[[], Result]",
    *,
    out: Path | None,
    document: Path | None,
    figure: Path | None,
    table_only: bool,
) -> None:
    """Make sure that the results have a place, measure, print, write."""
    # Before numpy comes in: sums must not depend on the number of processors.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from rich.console import Console

    from records.array_files import split_name
    from scenarios.cli_sample import Told
    from scenarios.measure_result import outputs, write

    found = [split_name(source) for source in sources if source is not None]
    path, key = found[0]
    stem = re.sub(r"[^\w.-]+", "-", f"{path.stem}-{key}-{name}").strip("-") if key else f"{path.stem}-{name}"
    files = outputs(
        stem, inputs=[each for each, _ in found], out=out, document=document, figure=figure, wanted=not table_only
    )
    with Told(_printable(path.name)) as told:
        told("measuring")
        result = measure()
        result = replace(result, document=_printable(result.document))
        told("drawing")
        lines = write(result, files)
    # Off a terminal nothing is wrapped.
    Console(highlight=False, width=None if sys.stdout.isatty() else 140).print(result.table)
    print("\n".join([*(f"note:   {text}" for text in result.document["notes"]), *map(_printable, lines)]))


def _printable(value: Any) -> Any:
    """Return `value` with a question mark for each byte of a file's name that is no letter: none could be written."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    return [_printable(item) for item in value] if isinstance(value, list | tuple) else value
