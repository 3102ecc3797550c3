"""What a person asked for, as a checked `Request`.

- `request`: from the words of the command line.
"""

from collections.abc import Sequence
from pathlib import Path

from scenarios.catalogue import Configuration, Scenario, look_up
from scenarios.chains import check_chain
from scenarios.configuration import InputError, choose, resolve
from scenarios.controls import CONTROLS
from scenarios.plan import Request
from scenarios.schedule import default_workers
from scenarios.tuning import starts_at_random, tuned


def request(
    name: str,
    *,
    profile: str = "quick",
    seed: int = 0,
    seeds: int = 1,
    draws: int = 1,
    sample: Path | None = None,
    out: Path | None = None,
    overrides: Sequence[str] = (),
    workers: int | None = None,
) -> Request:
    """Check what was asked and resolve its configuration.

    Parameters
    ----------
    name : str
        The scenario.
    profile : str
    seed, seeds : int
        The first seed, and how many are counted up from it.
    draws : int
        Noise draws of each seed.
    sample : Path, optional
        A file with a third party's magnetization.
    out : Path, optional
        The run directory; by default ``runs/SCENARIO-PROFILE-seedS`` in the working directory.
    overrides : sequence of str
        ``table.key=value``.
    workers : int, optional
        Cells that run at the same time; `schedule.default_workers` if left out.

    Raises
    ------
    InputError
        If a name is unknown or a value is not allowed; one line.
    """
    workers = default_workers() if workers is None else workers
    for word, value, least in (("seed", seed, 0), ("seeds", seeds, 1), ("draws", draws, 1), ("workers", workers, 1)):
        if value < least:
            raise InputError(f"{word} is {value}; allowed: a whole number from {least}")
    entry = look_up(name)
    if not isinstance(entry, Scenario):
        raise InputError(f"scenario is {name!r}, a study; allowed here: a scenario with a measurement")
    configuration = resolve(entry.configuration, entry.text, profile=profile, overrides=overrides)
    table = configuration.reconstruction
    kinds = entry.kinds(configuration)
    for method in table.methods:
        check_chain(method, kinds, entry.controls)
    # What is shipped may be for methods of another kind of measurement that the scenario can make.
    shipped = resolve(entry.configuration, entry.text, profile=profile).reconstruction.parameters
    for method, parameters in table.parameters.items():
        if parameters != shipped.get(method):
            _check_tuned(method, kinds)
        tuned(method, parameters)
    warnings = _look_at(sample, entry, configuration) if sample is not None else []
    if table.prtf_starts:
        single = [method for method in table.methods if method not in CONTROLS and not starts_at_random(method)]
        warnings += [f"{method} does not start at random: no PRTF for it" for method in single]
    label = str(seed) if seeds == 1 else f"{seed}-{seed + seeds - 1}"
    return Request(
        scenario=entry,
        profile=profile,
        configuration=configuration,
        seeds=tuple(range(seed, seed + seeds)),
        draws=draws,
        out=out if out is not None else Path("runs") / f"{name}-{profile}-seed{label}",
        sample=sample,
        warnings=tuple(warnings),
        workers=workers,
    )


def _look_at(sample: Path, entry: Scenario, configuration: Configuration) -> list[str]:
    if entry.warnings is None:
        raise InputError(f"sample is {str(sample)!r}; allowed: none, {entry.name} images its own samples only")
    if not sample.is_file():
        raise InputError(f"sample is {str(sample)!r}: no such file; allowed: a file with a magnetization (OVF)")
    return entry.warnings(configuration, sample)


def _check_tuned(method: str, kinds: Sequence[str]) -> None:
    """Refuse parameters of what is no method of the scenario; a link of a chain has its own."""
    from reconstructors import registry

    choose("method", method, [*registry.names(), *CONTROLS])
    if method not in CONTROLS and registry.get(method).accepts not in kinds:
        raise InputError(
            f"method {method!r} reads {registry.get(method).accepts}; allowed: methods that read {' or '.join(kinds)}"
        )
