"""The command line ``truespin``.

- `main`: the console script; `call`: the same for a list of arguments, returns the exit code.
- commands: ``list``, ``methods``, ``run``, ``report``, ``info``; ``sample`` is in `cli_sample`, ``measure`` in
  `cli_measure`, ``reconstruct`` in `cli_reconstruct`.

Exit codes: 0 done, 1 a cell failed (its status is in the scorecard) or an error of ours, 2 something given cannot be
used or written, 130 interrupted. Heavy imports wait inside the commands, so help comes at once.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from scenarios import cli_measure, cli_reconstruct, cli_sample

_EPILOG = (
    "Start with [bold]truespin run domain-walls[/bold]: a magnetic multilayer, imaged, reconstructed and scored in "
    "about a minute. Then open the report it names."
)
_RUN_HELP = (
    "Simulate a scenario, reconstruct it with several methods and score them against the truth.\n\n"
    "Finished parts are kept: the same command goes on where it was stopped. The run directory holds the measurement, "
    "the truth, every reconstruction, the scorecard and one self-contained page, report.html."
)
_RUN_EPILOG = """[bold]Examples[/bold]

truespin run domain-walls

truespin run domain-walls --profile paper --method hapre+ --prtf 20

truespin run domain-walls --seeds 5 --set optics.visibility=0.7

truespin run domain-walls --sample relaxed.ovf --beta-m-t-nm 0.022

truespin run domain-walls --sample labyrinth.vti
"""
_INTERRUPTED = 130

app = typer.Typer(
    help="Simulate coherent soft-x-ray imaging of magnetism, reconstruct, and score against the known truth.",
    epilog=_EPILOG,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"truespin {version('truespin')}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help(), end="")


@app.command("list")
def list_scenarios() -> None:
    """List the scenarios and their profiles."""
    from scenarios.catalogue import NAMES, look_up
    from scenarios.configuration import profiles

    for name in NAMES:
        entry = look_up(name)
        print(f"{name}\n    {entry.summary}\n    profiles: {', '.join(profiles(entry.text))}")


@app.command()
def methods() -> None:
    """List the reconstruction methods, and what prior knowledge each is told."""
    from reconstructors import registry
    from scenarios.controls import CONTROLS, EXPLANATIONS

    for name in registry.names():
        method = registry.get(name)
        print(f"{name}\n    {method.summary or 'no summary'}")
        print(f"    reads {method.accepts}; is told: {', '.join(method.knowledge) or 'nothing'}")
    for name in CONTROLS:
        print(f"{name}\n    control, in every table: {EXPLANATIONS[name]}")


@app.command(help=_RUN_HELP, epilog=_RUN_EPILOG)
def run(
    scenario: Annotated[str, typer.Argument(help="Its name, as [bold]truespin list[/bold] shows it.")],
    profile: Annotated[
        str, typer.Option(metavar="NAME", help="Set of parameters: quick (a minute) or paper (full size).")
    ] = "quick",
    method: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Method to run, again for more; the scenario's own set if left out."),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="S", help="First seed: a new sample, new optics, new noise.")] = 0,
    seeds: Annotated[int, typer.Option(metavar="K", help="Number of seeds, counted up from --seed.")] = 1,
    draws: Annotated[int, typer.Option(metavar="N", help="Noise draws of each seed: the same sample, new noise.")] = 1,
    sample: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Image this magnetization (.ovf, .nc or .vti) instead.")
    ] = None,
    beta_m_t_nm: Annotated[
        float | None, typer.Option(metavar="NM", help="beta_m times the thickness of the magnet, nm, for --sample.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Run directory; a new one in runs/ if left out.", show_default=False),
    ] = None,
    prtf: Annotated[int | None, typer.Option(metavar="K", help="Random starts for the PRTF; 20 or more tell.")] = None,
    halves: Annotated[
        bool | None, typer.Option("--halves/--no-halves", help="Reconstruct the two half data sets, for the FRC.")
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="Cells run at the same time; 2 if left out. Results do not depend on it."),
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="TABLE.KEY=VALUE", help="Change one parameter; again for more.")
    ] = None,
) -> None:
    """Simulate a scenario, reconstruct it with several methods and score them against the truth."""
    from scenarios.catalogue import look_up
    from scenarios.request import request
    from scenarios.study import Study

    entry = look_up(scenario)
    if isinstance(entry, Study):
        options = {"method": method, "seeds": seeds, "draws": draws, "sample": sample, "beta-m-t-nm": beta_m_t_nm}
        options |= {"prtf": prtf, "halves": halves}
        words = {"profile": profile, "seed": seed, "out": out, "workers": workers, "overrides": overrides or ()}
        raise typer.Exit(_run_study(entry, meaningless=options, **words))
    asked = request(
        scenario,
        profile=profile,
        seed=seed,
        seeds=seeds,
        draws=draws,
        sample=sample,
        out=out,
        workers=workers,
        overrides=[
            *(overrides or ()),
            *_override("reconstruction.methods", method),
            *_override("reconstruction.prtf_starts", prtf),
            *_override("reconstruction.halves", halves),
            *_override("sample.beta_m_t_nm", beta_m_t_nm),
        ],
    )
    raise typer.Exit(_run(asked))


app.command("sample", help=cli_sample.HELP, epilog=cli_sample.EPILOG)(cli_sample.sample)
app.add_typer(cli_measure.app, name="measure")
app.add_typer(cli_reconstruct.app, name="reconstruct")


@app.command()
def report(directory: Annotated[Path, typer.Argument(metavar="DIR", help="A run directory.")]) -> None:
    """Write the report of a finished run again, from its stored results."""
    from scenarios.configuration import InputError

    if not (directory / "scorecard.json").is_file():
        raise InputError(f"{str(directory)!r} is no run directory: it has no scorecard.json; allowed: what run wrote")
    print(f"report: {_report(directory)}")


@app.command()
def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record, a scorecard, an OVF or VTK file, a run.")],
) -> None:
    """Say what is in a file: sizes, units, ranges."""
    from scenarios.information import describe

    print("\n".join(describe(file)))


def _override(key: str, value: Any) -> list[str]:
    return [] if value is None or value == [] else [f"{key}={json.dumps(value)}"]


def _run(asked: Any) -> int:
    from scenarios import runner
    from scenarios.progress import Progress, summary

    for warning in asked.warnings:
        _say(f"warning: {warning}")
    points, pool = asked.scenario.points(asked.configuration), asked.scenario.pools(asked.configuration)
    cells = len(asked.seeds) * asked.draws * (len(points) * (1 + len(asked.methods)) + pool * len(asked.methods))
    result = runner.run(asked, progress=Progress(cells), command=sys.argv)
    return _end(summary(result.scorecard, asked.methods), asked.out, failed=result.failed)


def _run_study(study: Any, **words: Any) -> int:
    from scenarios.progress import Progress, study_summary
    from scenarios.study_plan import point_cells
    from scenarios.study_request import study_request
    from scenarios.study_runner import run_study

    asked = study_request(study, **words)
    result = run_study(asked, progress=Progress(len(point_cells(asked)) + 1), command=sys.argv)
    return _end(study_summary(result.scorecard), asked.out, failed=result.failed)


def _end(told: Any, out: Path, *, failed: bool) -> int:
    from rich.console import Console

    # Off a terminal nothing is wrapped.
    wide = None if sys.stdout.isatty() else 140
    Console(highlight=False, width=wide).print(told)
    print(f"results: {out}")
    print(f"report:  {_report(out)}")
    return 1 if failed else 0


def _report(directory: Path) -> Path:
    from reports.page import write_report

    return Path(write_report(directory))


def _terminated(number: int, frame: Any) -> NoReturn:
    raise SystemExit(128 + number)


def call(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; what goes wrong is said in one line on the error stream."""
    with suppress(ValueError):  # only the main thread may
        signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(args=arguments, prog_name="truespin", standalone_mode=False)
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else 1
    except Exception as error:
        return _complain(error)
    if code == _INTERRUPTED:
        _say("interrupted; what is finished is kept: the same command goes on from there")
    return code if isinstance(code, int) else 0


def _complain(error: Exception) -> int:
    if os.environ.get("TRUESPIN_DEBUG"):
        raise error
    if hasattr(error, "format_message"):
        _say(error.format_message())
        return 2
    if isinstance(error, OSError):
        # Where a copy fails, the second name is the one that could not be written.
        path = error.filename2 or error.filename
        name = f"{path}: " if path else ""
        _say(f"{name}{error.strerror or error}")
        return 2
    if isinstance(error, ValueError):
        _say(str(error))
        return 2
    _say(f"an error of truespin itself: {type(error).__name__}: {error} (TRUESPIN_DEBUG=1 shows where)")
    return 1


def _say(text: str) -> None:
    print("truespin: " + " ".join(text.split()), file=sys.stderr)


def main() -> None:
    """Run the command line and exit."""
    sys.exit(call())


if __name__ == "__main__":
    main()
