"""What is in a file or in a run directory, line by line.

- `describe`: for ``truespin info``.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.configuration import InputError

if TYPE_CHECKING:
    from records.scorecard import Scorecard


def describe(path: Path) -> list[str]:
    """Describe a file that we can read, or every result of a run directory.

    Raises
    ------
    InputError
        If there is no such file, or a folder holds no run.
    RecordError
        If the file cannot be read.
    """
    if not path.exists():
        raise InputError(f"{str(path)!r}: no such file; allowed: a record, a scorecard, an OVF file, a run directory")
    if path.is_dir():
        return _run(path)
    from records.describe import describe as parts

    found = parts(path)
    width = max((len(name) for name, _ in found), default=0)
    return [f"{name:<{width}}  {text}".rstrip() for name, text in found]


def is_study(found: "Scorecard") -> bool:
    """Tell whether a scorecard is that of a study."""
    run = found.config.get("run", {})
    return isinstance(run, dict) and run.get("sort") == "study"


def _run(path: Path) -> list[str]:
    from records import scorecard

    if not (path / "scorecard.json").is_file():
        raise InputError(f"{str(path)!r} is a folder without a scorecard.json; allowed: a file or a run directory")
    found = scorecard.load(path / "scorecard.json")
    lines = _study(found) if is_study(found) else _experiment(found)
    return lines + [f"  {file.relative_to(path)}" for file in sorted(path.rglob("*")) if file.is_file()]


def _experiment(found: "Scorecard") -> list[str]:
    lines = [f"a run of {len({(s.seed, s.draw) for s in found.status})} measurements, {len(found.rows)} rows"]
    return lines + [
        f"  seed {s.seed}, draw {s.draw}, {s.method}: {s.state}{': ' + s.reason if s.reason else ''}"
        for s in found.status
    ]


def _study(found: "Scorecard") -> list[str]:
    points = [status for status in found.status if status.sweep]
    done = sum(status.state == "done" for status in points)
    lines = [f"a study of {len(points)} points, {done} of them done, {len(found.rows)} rows"]
    for status in found.status:
        if status.state != "done":
            swept = ", ".join(f"{name} {value}" for name, value in status.sweep.items())
            lines.append(f"  {swept or 'the study'}: {status.state}: {status.reason}")
    return lines
