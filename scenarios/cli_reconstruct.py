"""The commands ``truespin reconstruct``: anybody's own measurements, reconstructed.

- `app`: the group, registered by `cli`, with ``ptychography`` and ``vector``.

Each writes the result and a picture and says what it did. Heavy imports wait inside the commands.
"""

from pathlib import Path
from typing import Annotated

import typer

_HELP = "Reconstruct your own measurements with any registered method; no scenario and no truth needed."
_EPILOG = """[bold]Examples[/bold]

truespin reconstruct ptychography scan.cxi

truespin reconstruct ptychography scan.cxi --method rpie+ --defocus 7um --outer-zone 45nm --set preparation.modes=3

truespin reconstruct ptychography near.cxi --focus-distance 3.65mm --out result.cxi
"""
_VECTOR_EPILOG = """[bold]Examples[/bold]

truespin reconstruct vector projections.h5

truespin reconstruct vector stacks.h5:scan_7 --angles angles.txt --pixel-nm 5 --energy-ev 853 --beta-m 6e-4

truespin reconstruct vector waves.h5 --values transmission --angles angles.txt --box-nm 150,480,480 --export m.vti
"""

app = typer.Typer(help=_HELP, epilog=_EPILOG + _VECTOR_EPILOG.partition("\n")[2], rich_markup_mode="rich")


@app.callback(invoke_without_command=True)
def _root(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help(), end="")


@app.command(epilog=_EPILOG)
def ptychography(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CXI 1.6, or a measurement of a run (.nc).")],
    method: Annotated[str, typer.Option(metavar="NAME", help="As [bold]truespin methods[/bold] shows it.")] = "rpie+",
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="CXI file of the result; beside the measurement if left out.")
    ] = None,
    figure: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture, .png or .svg; beside the result.")
    ] = None,
    projection: Annotated[int, typer.Option(metavar="N", help="Which projection of the file.")] = 0,
    focus_distance: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Near field behind a focus: from the focus to the sample.")
    ] = None,
    near_field: Annotated[bool, typer.Option("--near-field", help="Near field in a parallel beam.")] = False,
    defocus: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Far field: sample downstream of the focus, such as 7um.")
    ] = None,
    outer_zone: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Outermost zone of the zone plate, such as 45nm.")
    ] = None,
    stop_fraction: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Central stop over the diameter of the zone plate.")
    ] = None,
    gain: Annotated[float | None, typer.Option(metavar="ADU", help="Units of the frames per photon.")] = None,
    probe_moves: Annotated[
        bool, typer.Option("--probe-moves", help="Translations are those of the probe, not of the sample.")
    ] = False,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the order of the frames.")] = 0,
    checkpoint: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the state here; the same command goes on from it.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter; again for more.")
    ] = None,
) -> None:
    """Reconstruct object and probe of a ptychographic scan, and write them as CXI with a picture."""
    from scenarios import reconstruct_ptychography as work

    options = work.Options(
        method=method,
        projection=projection,
        focus_distance=focus_distance,
        near_field=near_field,
        defocus=defocus,
        outer_zone=outer_zone,
        stop_fraction=stop_fraction,
        gain=gain,
        probe_moves=probe_moves,
        seed=seed,
        settings=tuple(settings or ()),
    )
    work.run(file, options, out=out, figure=figure, checkpoint=checkpoint)


@app.command(epilog=_VECTOR_EPILOG)
def vector(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE[:DATASET]",
            help="HDF5, npz or npy with the images of both helicities, or a measurement of a run (.nc).",
        ),
    ],
    angles: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Text: tilt, in-plane angle and, perhaps, series of each projection."),
    ] = None,
    angle_unit: Annotated[
        str | None, typer.Option(metavar="UNIT", help="Of the angles: deg or rad; a text is in degrees if left out.")
    ] = None,
    values: Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Of the images: optical_density (if left out), transmission or intensity."),
    ] = None,
    pixel_nm: Annotated[float | None, typer.Option(metavar="NM", help="Pixel of the images on the sample.")] = None,
    energy_ev: Annotated[float | None, typer.Option(metavar="EV", help="Energy of the photons.")] = None,
    polarization: Annotated[
        float | None,
        typer.Option(metavar="P", help="Degree of circular polarization; below 0 where helicities are swapped."),
    ] = None,
    beta_m: Annotated[
        float | None, typer.Option(metavar="BETA", help="Magnetic absorption of the full magnet along the beam.")
    ] = None,
    box_nm: Annotated[
        str | None,
        typer.Option(metavar="Z,Y,X", help="Nominal size of the sample; Z sets the depth of the volume."),
    ] = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="As [bold]truespin methods[/bold] shows it.")] = "vector+",
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a parameter; again for more.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="Seed of the method.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Result (.nc); beside the projections if left out.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Picture, .png or .svg; beside the result.")
    ] = None,
    table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Table of the hedgehogs, .csv; beside the result.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Magnetization too as .vti (ParaView), .ovf (mumax3, OOMMF) or .nc."),
    ] = None,
) -> None:
    """Reconstruct the three components of a magnetization from projections of both helicities; find its hedgehogs."""
    from scenarios import reconstruct_vector as work

    options = work.Options(
        method=method,
        angles=angles,
        angle_unit=angle_unit,
        values=values,
        pixel_nm=pixel_nm,
        energy_ev=energy_ev,
        polarization=polarization,
        beta_m=beta_m,
        box_nm=box_nm,
        seed=seed,
        settings=tuple(settings or ()),
    )
    work.run(file, options, work.Outputs(out=out, picture=picture, table=table, export=export))
