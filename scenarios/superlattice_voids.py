"""Virtual hedgehogs on the surfaces of voids, and lines of the emergent field between close pairs.

- `Voids`, `find_voids`: charges of voids with the mesh that carries them; `compare_voids`, `void_rows`;
- `Lines`, `closest_pair_lines`: field lines of the closest pair of every kind, and the flux that the two share;
- `void_variables`, `line_variables`: for the record ``scored``.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.holography_rows import MetricValue
from scenarios.superlattice_frame import cut
from scenarios.superlattice_topology import SIGN_NAMES, SOLID, Texture
from validation.topology.hedgehog_matching import binomial_error
from validation.topology.void_surfaces import touching_voids

Array = NDArray[Any]

_H = 0.7  # voxels, of a neck between two voids
_PAIR_KINDS = ("opposite", "plus", "minus")
_SEEDS = 24  # field lines from each end
_LINES = 500  # per hedgehog, for the shares
_REACH = 2  # radii of matching within which voids are the same: their centres move with what the surface is


@dataclass(frozen=True, eq=False)
class Voids:
    """Voids as of `virtual_hedgehogs` with their mesh in voxels, and the shape of its lattice."""

    table: xr.Dataset
    mesh: validation.VoidSurfaces
    shape: tuple[int, ...]
    voxel_size: float


@dataclass(frozen=True, eq=False)
class Lines:
    """Field lines of pairs: `lines` as of `trace_field_lines`, the `pair` of each, rows of the two, shared flux."""

    lines: xr.Dataset
    pair: Array
    rows: Array
    share: Array


def find_voids(texture: Texture, *, shape: tuple[int, ...] | None = None) -> Voids | None:
    """Return the voids of a texture, cut to a `shape` round its origin; None without any magnet.

    A void that is cut off at the border of the array is none: arrays must end at one place to be compared.
    """
    wanted = texture.fill.shape if shape is None else shape
    m, fill = (cut(values, wanted) for values in (texture.m, texture.fill))
    if not (fill >= SOLID).any():
        return None
    table = validation.virtual_hedgehogs(m, fill, voxel_size=texture.voxel_size, h=_H)
    # With the same parameters, so that rows and labels are the same.
    mesh = validation.void_surfaces(m, fill, touching_voids(fill >= SOLID), aspect=np.ones(3), h=_H)
    return Voids(table, mesh, fill.shape, texture.voxel_size)


def compare_voids(found: Voids | None, true: Voids | None, *, radius: float) -> validation.Matching:
    """Match voids that lie inside of the block, whatever their charge."""
    places = [_inner(voids) for voids in (found, true)]
    return validation.match_points(places[0], places[1], radius=_REACH * radius)


def void_rows(found: Voids | None, true: Voids | None, *, radius: float) -> list[MetricValue]:
    """Return how many virtual hedgehogs there are, how many are found, and the error of the voids' charges."""
    rows = virtual_rows(found, direction="match") + virtual_rows(true, suffix=".truth")
    (place, sign), (true_place, true_sign) = (_virtual(voids) for voids in (found, true))
    match = validation.match_points(place, true_place, radius=_REACH * radius, labels=(sign, true_sign))
    hits = len(match.distance)
    for name, count in (("recall", len(true_sign)), ("precision", len(sign))):
        rows.append(
            MetricValue(
                metric=f"voids.{name}",
                value=hits / count if count else math.nan,
                uncertainty=binomial_error(hits, count),
                direction="higher",
                criterion=f"{hits} of {count} virtual hedgehogs of the same sign",
            )
        )
    same = compare_voids(found, true, radius=radius)
    error = math.nan
    if len(same.distance) and found is not None and true is not None:
        first, second = (_inside(voids)["charge"].values for voids in (found, true))
        error = math.sqrt(float(np.mean((first[same.found_index] - second[same.truth_index]) ** 2)))
    rows.append(
        MetricValue(
            metric="voids.charge_error",
            value=error,
            direction="lower",
            criterion=f"rms over {len(same.distance)} voids inside of the block",
        )
    )
    return rows


def virtual_rows(voids: Voids | None, *, suffix: str = "", direction: str = "none") -> list[MetricValue]:
    """Return how many virtual hedgehogs of either sign there are."""
    signs = _virtual(voids)[1]
    return [
        MetricValue(
            metric=f"voids.virtual_{name}{suffix}",
            value=float(np.count_nonzero(signs == sign)),
            direction=direction,
            criterion="charge of the surface 0.9 or more",
        )
        for sign, name in SIGN_NAMES.items()
    ]


def closest_pair_lines(texture: Texture, *, rng: np.random.Generator) -> Lines | None:
    """Trace lines of the emergent field from both ends of the closest pair of opposite and of either like charges.

    None without a pair. Of opposite charges the positive one is the first.
    """
    hedgehogs = texture.hedgehogs
    rows = _closest_pairs(hedgehogs)
    if not len(rows):
        return None
    field = validation.emergent_field(texture.m, magnet=texture.magnet)
    share = np.array([_shared(field, hedgehogs.isel(hedgehog=pair), rng) for pair in rows])
    cells = np.repeat(hedgehogs["cell"].values[rows.ravel()], _SEEDS, axis=0)
    middle = np.array(texture.magnet.shape) // 2
    # Well inside of the cell, so that no rounding of metres puts a seed into the next.
    seeds = (cells + rng.uniform(0.05, 0.95, cells.shape) - middle) * texture.voxel_size
    lines = validation.trace_field_lines(field, seeds=seeds, voxel_size=texture.voxel_size)
    return Lines(lines, np.repeat(np.arange(len(rows)), 2 * _SEEDS), rows, share)


def _closest_pairs(hedgehogs: xr.Dataset) -> Array:
    """Return the rows, (pairs, 2), of the closest pair of every kind that there is."""
    place, charge = hedgehogs["position"].values, hedgehogs["charge"].values
    rows = []
    for kind in _PAIR_KINDS:
        found = validation.pair_distances(place, charge, kind=kind, mutual=True)
        if found.sizes["pair"]:
            closest = int(np.argmin(found["distance"].values))
            pair = [int(found[end].values[closest]) for end in ("first", "second")]
            rows.append(sorted(pair, key=lambda row: -charge[row]))
    return np.array(rows, np.int64).reshape(-1, 2)


def _shared(field: xr.Dataset, pair: xr.Dataset, rng: np.random.Generator) -> float:
    """Return the share of the flux of the first of two hedgehogs that ends at the second."""
    return float(validation.flux_links(field, pair, rng=rng, lines=_LINES)["share"].values[0, 1])


def void_variables(found: Voids | None, true: Voids | None, *, radius: float) -> dict[str, Any]:
    """Return voids and meshes of both for the record ``scored``."""
    match = compare_voids(found, true, radius=radius)
    parts: dict[str, Any] = {}
    for prefix, voids, own, other_voids, other in (
        ("", found, match.found_index, true, match.truth_index),
        ("true_", true, match.truth_index, found, match.found_index),
    ):
        if voids is None:
            continue
        each, partner = f"{prefix}void", np.full(voids.table.sizes["void"], -1)
        if other_voids is not None:
            partner[_inner_rows(voids)[own]] = _inner_rows(other_voids)[other]
        parts |= {
            f"{each}_position": ((each, "axis"), voids.table["position"].values, {"units": "m"}),
            f"{each}_partner": (each, partner),
            **{
                f"{each}_{name}": (each, voids.table[name].values)
                for name in ("charge", "covered", "radius", "virtual", "at_border")
            },
        }
        middle = np.array(voids.shape) // 2
        vertices, faces = f"{each}_vertices", f"{each}_faces"
        place = ((voids.mesh.vertices - middle) * voids.voxel_size).astype(np.float32)
        parts |= {
            f"{each}_vertex": ((vertices, "axis"), place, {"units": "m"}),
            f"{each}_spin": ((vertices, "component"), voids.mesh.spins.astype(np.float32)),
            f"{each}_face": ((faces, "corner"), voids.mesh.faces.astype(np.int32)),
            f"{each}_face_label": (faces, voids.mesh.void.astype(np.int32)),
        }
    return parts


def line_variables(found: Lines | None, true: Lines | None) -> dict[str, Any]:
    """Return field lines of both for the record ``scored``."""
    parts: dict[str, Any] = {}
    for prefix, lines in (("", found), ("true_", true)):
        if lines is None:
            continue
        each, point, pair = f"{prefix}line", f"{prefix}line_point", f"{prefix}closest_pair"
        place = lines.lines["position"].values.astype(np.float32)
        parts |= {
            f"{each}_position": ((point, "axis"), place, {"units": "m"}),
            f"{each}_number": (point, lines.lines["line_number"].values.astype(np.int32)),
            f"{each}_pair": (each, lines.pair),
            **{f"{each}_{end}": (each, lines.lines[end].values.astype(str)) for end in ("begin", "end")},
            f"{each}_hedgehogs": ((pair, "member"), lines.rows),
            f"{each}_share": (pair, lines.share),
        }
    return parts


def _inner_rows(voids: Voids) -> Array:
    return np.flatnonzero(~voids.table["at_border"].values)


def _inside(voids: Voids) -> xr.Dataset:
    return voids.table.isel(void=_inner_rows(voids))


def _inner(voids: Voids | None) -> Array:
    return np.empty((0, 3)) if voids is None else np.asarray(_inside(voids)["position"].values)


def _virtual(voids: Voids | None) -> tuple[Array, Array]:
    """Return places and signs of the virtual hedgehogs."""
    if voids is None:
        return np.empty((0, 3)), np.empty(0, np.int64)
    chosen = voids.table["virtual"].values
    charge = voids.table["charge"].values[chosen]
    return voids.table["position"].values[chosen], np.sign(charge).astype(np.int64)
