"""The films of ``pinning``: one with pinning sites in several field states, one with a damaged area.

- `films`: all states of a seed as samples, by their names; an interrupted relaxation goes on where it was;
- `make_films`, `image_state`: the stages that keep them in a folder, and that image one of them.
"""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios import cache
from scenarios.domain_walls_tables import setup_of
from scenarios.holography_stages import image
from scenarios.pinning_tables import damaged_names

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

    from simulators.samples.defects import Defect, Film

_NM, _MT = 1e-9, 1e-3
_ROOMS = ("numerics", "records", "simulators.micromagnetics", "simulators.samples", "scenarios.pinning_films")


def make_films(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Relax the films of a seed through all states."""
    from records import store

    content, seed = arguments["sample"], arguments["seed"]
    key = cache.key({"films": content, "seed": seed, "code": cache.code_version(_ROOMS)})
    unfinished = cache.root() / key[:2] / f"{key[2:]}.unfinished"
    unfinished.mkdir(parents=True, exist_ok=True)
    for name, sample in films(content, seed=seed, checkpoints=unfinished).items():
        store.save(sample, folder / _file(name))
    shutil.rmtree(unfinished, ignore_errors=True)


def image_state(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Compute the noise-free patterns and the truth of one state."""
    from records import store

    sample = store.load(inputs["sample"] / _file(arguments["point"]["state"]), record="sample")
    image(sample, setup_of(arguments["configuration"]), seed=arguments["seed"], folder=folder)


def films(content: Mapping[str, Any], *, seed: int, checkpoints: Path) -> "dict[str, xr.Dataset]":
    """Relax the films of a seed.

    Parameters
    ----------
    content : mapping
        As `pinning_tables.sample_content` gives it.
    seed : int
    checkpoints : Path
        Folder for what an interrupted relaxation needs to go on.

    Returns
    -------
    dict of Sample
        By the names of the states that are imaged.
    """
    from numerics.streams import stream

    film = _film(content)
    found = _pinned(content, film, rng=stream(seed, "sample"), checkpoint=checkpoints / "sites")
    if content["damage"]["imaged"]:
        rng = stream(seed, "sample", "damaged")
        found |= _damaged(content, film, rng=rng, checkpoint=checkpoints / "damaged")
    return found


def _pinned(
    content: Mapping[str, Any], film: "Film", *, rng: "np.random.Generator", checkpoint: Path
) -> "dict[str, xr.Dataset]":
    from optics.grids import samples_for
    from simulators.samples.pinning_sites import FieldState, field_states

    cell = content["pixel_size"]
    n = samples_for(content["extent"], cell)
    states = content["states"]
    protocol = [FieldState(name, tuple(_MT * b for b in fields)) for name, fields in states["fields_mt"].items()]
    last = max(index for index, state in enumerate(protocol) if state.name in states["imaged"])
    found = field_states(
        film,
        _sites(content["defects"], extent=n * cell, rng=rng),
        shape=(n, n),
        cell_size=cell,
        protocol=protocol[: last + 1],
        torque=content["stack"]["torque"],
        checkpoint=checkpoint,
        rng=rng,
    )
    return {name: found[name] for name in states["imaged"]}


def _sites(table: Mapping[str, Any], *, extent: float, rng: "np.random.Generator") -> "list[Defect]":
    """Draw the sites: of lowered anisotropy and of raised DMI in turn, each with a factor of its own."""
    from simulators.samples.pinning_sites import scatter

    count = max(2, round(table["per_square_um"] * (extent / 1e-6) ** 2))
    border = _NM * table["border_nm"]
    kinds = [
        {"anisotropy_factor": float(rng.uniform(*table["keff_factors"])), "border": border}
        if index % 2 == 0
        else {"dmi_factor": float(rng.uniform(*table["dmi_factors"])), "border": border}
        for index in range(count)
    ]
    return scatter(
        count,
        extent=(extent, extent),
        kinds=kinds,
        diameter=_NM * table["diameter_nm"],
        distance=_NM * table["distance_nm"],
        rng=rng,
    )


def _damaged(
    content: Mapping[str, Any], film: "Film", *, rng: "np.random.Generator", checkpoint: Path
) -> "dict[str, xr.Dataset]":
    from simulators.samples.damage import damaged_area, damaged_states

    table = content["damage"]
    area = damaged_area(
        diameter=_NM * table["diameter_nm"],
        border=_NM * table["border_nm"],
        factors={"anisotropy_factor": table["keff_factor"], "saturation_factor": table["saturation_factor"]},
    )
    found = damaged_states(
        film,
        [area],
        extent=content["extent"],
        pixel_size=content["pixel_size"],
        field=_MT * table["field_mt"],
        torque=content["stack"]["torque"],
        checkpoint=checkpoint,
        rng=rng,
    )
    return dict(zip(damaged_names(table["field_mt"]), found.values(), strict=True))


def _film(content: Mapping[str, Any]) -> "Film":
    from simulators.samples.effective_medium import Stack, effective_medium

    table = content["stack"]
    stack = Stack(
        magnetic=_NM * table["cobalt_nm"],
        spacers=(("Pt", _NM * table["platinum_nm"]), ("Cu", _NM * table["copper_nm"])),
        repeats=table["repeats"],
        saturation=1e3 * table["cobalt_saturation_ka_m"],
        exchange=1e-12 * table["cobalt_exchange_pj_m"],
        dmi=1e-3 * table["cobalt_dmi_mj_m2"],
        effective_anisotropy=0.0,
    )
    return replace(effective_medium(stack), anisotropy=1e3 * content["film"]["anisotropy_kj_m3"])


def _file(state: str) -> str:
    return "".join(c if c.isalnum() or c in "+-" else "_" for c in state) + ".nc"
