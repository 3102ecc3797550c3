"""What a person asked of a study, as a checked `StudyRequest`.

- `study_request`: from the words of the command line.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scenarios.configuration import InputError, resolve
from scenarios.schedule import default_workers
from scenarios.study import Study
from scenarios.study_plan import StudyRequest


def study_request(
    study: Study,
    *,
    profile: str = "quick",
    seed: int = 0,
    out: Path | None = None,
    overrides: Sequence[str] = (),
    workers: int | None = None,
    meaningless: Mapping[str, Any] | None = None,
) -> StudyRequest:
    """Check what was asked and resolve its configuration.

    Parameters
    ----------
    study : Study
    profile : str
    seed : int
        Of all random starts.
    out : Path, optional
        The run directory; by default ``runs/STUDY-PROFILE-seedS`` in the working directory.
    overrides : sequence of str
        ``table.key=value``.
    workers : int, optional
        Cells that run at the same time; `schedule.default_workers` if left out.
    meaningless : mapping, optional
        Options of measurements and reconstructions by name, and what was given: nothing (None, an empty list, 1
        seed, 1 draw) or a value, which is refused.

    Raises
    ------
    InputError
        If a name is unknown, an option has no meaning here, or a value is not allowed; one line.
    """
    for option, value in (meaningless or {}).items():
        if value is not None and value != [] and not (option in ("seeds", "draws") and value == 1):
            raise InputError(
                f"--{option} is {_shown(value)}; allowed: nothing, for {study.name} is a study of the sample alone: "
                f"it takes --profile, --seed, --set, --workers and --out"
            )
    workers = default_workers() if workers is None else workers
    for word, number, least in (("seed", seed, 0), ("workers", workers, 1)):
        if number < least:
            raise InputError(f"{word} is {number}; allowed: a whole number from {least}")
    return StudyRequest(
        study=study,
        profile=profile,
        configuration=resolve(study.configuration, study.text, profile=profile, overrides=overrides),
        seed=seed,
        out=out if out is not None else Path("runs") / f"{study.name}-{profile}-seed{seed}",
        workers=workers,
    )


def _shown(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
