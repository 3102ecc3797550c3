"""The relaxed film of ``domain-walls``, made once.

- `relaxed_film`: the film of a table and a seed; other optics, detectors or methods of the same field do not change it.
"""

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import cache

if TYPE_CHECKING:
    import xarray as xr

    from simulators.experiments.setups import HolographySetup
    from simulators.samples.defects import Film

_SAMPLE, _ANISOTROPY = "sample.nc", "anisotropy.json"
_KEYS = (
    "wall_width_nm",
    "repeats",
    "cobalt_nm",
    "platinum_nm",
    "copper_nm",
    "cobalt_saturation_ka_m",
    "cobalt_exchange_pj_m",
    "cobalt_dmi_mj_m2",
)
_ROOMS = (
    "numerics",
    "optics",
    "records",
    "simulators.micromagnetics",
    "simulators.samples.domain_measures",
    "simulators.samples.effective_medium",
    "simulators.samples.defects",
    "simulators.samples.relaxed_multilayer",
    "scenarios.domain_walls_film",
)


def relaxed_film(table: Mapping[str, Any], setup: "HolographySetup", *, seed: int) -> "xr.Dataset":
    """Return the relaxed film, made now or earlier; an interrupted relaxation goes on where it was.

    Parameters
    ----------
    table : mapping
        The configuration's table ``sample``.
    setup : HolographySetup
        Its window and fine pixel.
    seed : int
    """
    from numerics.streams import stream
    from records import store
    from scenarios.samples import kept
    from simulators.samples.relaxed_multilayer import relaxed_multilayer

    film = _film(table, setup)
    content = {**_content(table, setup), "extent": setup.window, "torque": table["torque"], "seed": seed}
    key = cache.key({"sample": "relaxed multilayer", **content})
    unfinished = cache.root() / key[:2] / f"{key[2:]}.unfinished"

    def make(folder: Path) -> None:
        unfinished.mkdir(parents=True, exist_ok=True)
        sample = relaxed_multilayer(
            extent=setup.window,
            pixel_size=setup.fine_pixel,
            film=film,
            torque=table["torque"],
            checkpoint=unfinished / "state",
            rng=stream(seed, "sample"),
        )
        store.save(sample, folder / _SAMPLE)

    folder = kept(key, make)
    shutil.rmtree(unfinished, ignore_errors=True)
    return store.load(folder / _SAMPLE, record="sample")


def _film(table: Mapping[str, Any], setup: "HolographySetup") -> "Film":
    """Return the effective medium with the Ku that gives walls of the wanted width, which all seeds share."""
    from scenarios.samples import kept
    from simulators.samples.effective_medium import Stack, effective_medium
    from simulators.samples.relaxed_multilayer import anisotropy_for_width

    exchange, width = 1e-12 * table["cobalt_exchange_pj_m"], 1e-9 * table["wall_width_nm"]
    stack = Stack(
        magnetic=setup.film.layer_thickness,
        spacers=setup.film.spacers,
        repeats=setup.film.repeats,
        saturation=1e3 * table["cobalt_saturation_ka_m"],
        exchange=exchange,
        dmi=1e-3 * table["cobalt_dmi_mj_m2"],
        effective_anisotropy=exchange / width**2,
    )
    film = effective_medium(stack)

    def make(folder: Path) -> None:
        found = anisotropy_for_width(width, film=film, cell_size=setup.fine_pixel)
        (folder / _ANISOTROPY).write_text(json.dumps(found), encoding="utf-8")

    folder = kept(cache.key({"sample": "anisotropy for width", **_content(table, setup)}), make)
    return replace(film, anisotropy=json.loads((folder / _ANISOTROPY).read_text(encoding="utf-8")))


def _content(table: Mapping[str, Any], setup: "HolographySetup") -> dict[str, Any]:
    return {
        "table": {name: table[name] for name in _KEYS},
        "pixel_size": setup.fine_pixel,
        "code": cache.code_version(_ROOMS),
    }
