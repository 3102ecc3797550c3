"""The samples by name, and how one is made or found.

- `ENTRIES`: every sample of ``truespin sample``; `entry`: one of them; `SampleEntry`: what is known of it.
- `resolved`: the table of a sample for a profile and overrides.
- `sample_folder`: the cached folder of a made sample, with the file `SAMPLE`; `sample_picture`: its cached picture.

The tables and builders are in `sample_textures`, `sample_films` and `sample_lattices`, the profiles in
``samples.toml``.
"""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import create_model

from scenarios import cache
from scenarios.configuration import Table, choose, resolve, shipped
from scenarios.sample_entry import SampleEntry, Watch
from scenarios.sample_films import FILMS
from scenarios.sample_lattices import LATTICES
from scenarios.sample_textures import TEXTURES

SAMPLE, PICTURE = "sample.nc", "picture.png"

ENTRIES: Mapping[str, SampleEntry] = {entry.name: entry for entry in (*TEXTURES, *FILMS, *LATTICES)}

_CONFIGURATION = "samples"
_DRAWING = (
    "records",
    "reports.sample_pictures",
    "reports.volume_view",
    "reports.ray_casting",
    "reports.direction_colours",
    "reports.panels",
    "reports.style",
)
_UNFINISHED = ".unfinished"
_COMMON = ("numerics", "optics", "records", "scenarios.samples", "scenarios.sample_entry")


def text() -> str:
    """Return the TOML text with the tables and profiles of all samples."""
    return shipped(_CONFIGURATION)


def entry(name: str) -> SampleEntry:
    """Return the sample `name`.

    Raises
    ------
    InputError
        If there is none; names the nearest.
    """
    return ENTRIES[choose("sample", name, ENTRIES)]


def resolved(sample: SampleEntry, *, profile: str, overrides: Sequence[str] = ()) -> Table:
    """Return the table of `sample` for a profile.

    Parameters
    ----------
    sample : SampleEntry
    profile : str
    overrides : sequence of str
        ``key=value``; the sample's name and a dot may stand before the key.

    Raises
    ------
    InputError
        If the profile or a key is unknown, or a value is not allowed.
    """
    tables: dict[str, Any] = {name: (each.table, ...) for name, each in ENTRIES.items()}
    model = create_model("Samples", __base__=Table, **tables)
    prefix = f"{sample.name}."
    full = [override if override.startswith(prefix) else prefix + override for override in overrides]
    found = resolve(model, text(), profile=profile, overrides=full)
    table = getattr(found, sample.name)
    assert isinstance(table, Table)
    return table


def address(sample: SampleEntry, table: Table, seed: int) -> str:
    """Return the key of a sample's content."""
    code = cache.code_version((*_COMMON, *sample.rooms))
    return cache.key({"sample": sample.name, "table": table.model_dump(), "seed": seed, "code": code})


def sample_folder(sample: SampleEntry, table: Table, seed: int, *, watch: Watch) -> Path:
    """Return the folder with the sample, made now or earlier.

    What a builder keeps on its way lies in a folder of its own until the sample is finished, so that an interrupted
    relaxation goes on where it was.

    Parameters
    ----------
    sample : SampleEntry
    table : Table
        As `resolved`.
    seed : int
    watch : callable
        Told what is going on while it is made.

    Raises
    ------
    ValueError
        If the numbers of the table do not make a sample; one line.
    OSError
        If the cache cannot be written.
    """
    from numerics.streams import stream
    from records import store

    key = address(sample, table, seed)

    checkpoints = cache.root() / key[:2] / f"{key[2:]}{_UNFINISHED}"

    def make(folder: Path) -> None:
        record = sample.build(table, rng=stream(seed, "sample"), watch=watch, checkpoints=checkpoints)
        store.save(record, folder / SAMPLE)

    found = kept(key, make)
    shutil.rmtree(checkpoints, ignore_errors=True)
    return found


def sample_picture(path: Path, *, title: str) -> Path:
    """Return the cached picture (PNG) of a made sample.

    Parameters
    ----------
    path : Path
        The file of the sample, in the cache.
    title : str
        Its heading.
    """

    def make(folder: Path) -> None:
        from records import store
        from reports.sample_pictures import sample_picture as draw

        store.write_bytes(folder / PICTURE, draw(store.load(path, record="sample"), title=title))

    content = {"picture": cache.file_digest(path), "title": title, "code": cache.code_version(_DRAWING)}
    return kept(cache.key(content), make) / PICTURE


def kept(key: str, make: Callable[[Path], None]) -> Path:
    """Return the cached folder `key`, filled by `make` where there is none."""
    found = cache.find(key)
    if found is not None:
        return found
    cache.sweep()
    with cache.building(key) as folder:
        make(folder)
    cache.trim()
    found = cache.find(key)
    if found is None:
        raise OSError(f"the cache lost {key[:8]}; run the same command again")
    return found
