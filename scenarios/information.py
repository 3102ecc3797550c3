"""What is in a file or in a run directory, line by line.

- `describe`: for ``truespin info``.
"""

from pathlib import Path

from scenarios.configuration import InputError


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


def _run(path: Path) -> list[str]:
    from records import scorecard

    if not (path / "scorecard.json").is_file():
        raise InputError(f"{str(path)!r} is a folder without a scorecard.json; allowed: a file or a run directory")
    found = scorecard.load(path / "scorecard.json")
    lines = [f"a run of {len({(s.seed, s.draw) for s in found.status})} measurements, {len(found.rows)} rows"]
    lines += [
        f"  seed {s.seed}, draw {s.draw}, {s.method}: {s.state}{': ' + s.reason if s.reason else ''}"
        for s in found.status
    ]
    return lines + [f"  {file.relative_to(path)}" for file in sorted(path.rglob("*")) if file.is_file()]
