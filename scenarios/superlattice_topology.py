"""Hedgehogs of a volume of vectors beside the true ones: who was found, and in which holes they sit.

- `Texture`, `true_texture`, `found_texture`: spins on the truth's fine voxels, and their hedgehogs;
- `Charges`, `compare_charges`, `charge_rows`: found and true lists and their partners;
- `site_kinds`, `site_rows`: octahedral, tetrahedral or between, by sign;
- `charge_variables`: all of it for the record ``scored``.

Charges of an estimate are counted on its lattice refined to the fine voxel: where holes are few voxels wide, cells of
whole voxels leave out most of the magnet (`validation.topology.refined`).
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.holography_rows import MetricValue
from scenarios.superlattice_frame import Volumes
from validation.topology.hedgehog_matching import HedgehogMatch, binomial_error, match_hedgehogs
from validation.topology.refined import refined_lattice

Array = NDArray[Any]

SITE_KINDS = ("octahedral", "tetrahedral", "between")
SIGNS = (1, -1)
SIGN_NAMES = {1: "plus", -1: "minus"}

SOLID = 0.5
"""Fill fraction from which a voxel is magnet."""

_CLEAR = 1e-3
_TAKES = "charges at the border count as partners only"


@dataclass(frozen=True, eq=False)
class Texture:
    """Unit vectors ``m`` (3, z, y, x) where ``fill`` (z, y, x) is 0.5 or more, and their ``hedgehogs``."""

    m: Array
    fill: Array
    voxel_size: float
    hedgehogs: xr.Dataset

    @property
    def magnet(self) -> NDArray[np.bool_]:
        """Where there are spins."""
        return np.asarray(self.fill >= SOLID)


@dataclass(frozen=True, eq=False)
class Charges:
    """Hedgehogs found and true, who is whose, and the kinds of their sites (empty without a list of sites)."""

    found: xr.Dataset
    true: xr.Dataset
    match: HedgehogMatch
    found_sites: Sequence[str]
    true_sites: Sequence[str]


def true_texture(truth: xr.Dataset) -> Texture:
    """Return the spins of the fine grid."""
    size = float(truth["fine_voxel_size"])
    return _texture(truth["fine_magnetization"].values, truth["fine_magnet"].values, size)


def found_texture(found: Volumes, *, voxel_size: float, fine_voxel_size: float) -> Texture:
    """Return the spins of an estimate, refined to the truth's fine voxels or the nearest whole share."""
    factor = max(1, round(voxel_size / fine_voxel_size))
    fine = refined_lattice(found.magnetization, found.fill, factor=factor)
    return _texture(fine.m, fine.fill, voxel_size / factor)


def compare_charges(found: Texture, true: Texture, *, radius: float, features: dict[str, Any]) -> Charges:
    """Match the hedgehogs of two textures, and say in which holes they sit."""
    kinds = [site_kinds(texture.hedgehogs, features) for texture in (found, true)]
    match = match_hedgehogs(found.hedgehogs, true.hedgehogs, radius=radius)
    return Charges(found.hedgehogs, true.hedgehogs, match, kinds[0], kinds[1])


def site_kinds(hedgehogs: xr.Dataset, features: dict[str, Any]) -> Sequence[str]:
    """Return the kind of the site of each hedgehog; none where the sample has no list of holes."""
    sites = features.get("sites")
    if not sites or not any(kind != "neck" for kind in sites["kind"]):
        return ()
    table = validation.classify_sites(hedgehogs["position"].values, sites=sites)
    return [str(kind) for kind in table["kind"].values]


def charge_rows(charges: Charges) -> list[MetricValue]:
    """Return the rows of recall, precision, numbers and places."""
    rows = []
    for ending, border, criterion in (("", False, _TAKES), ("_all", True, "all charges, those at the border too")):
        hits = {"recall": charges.match.recall(border=border), "precision": charges.match.precision(border=border)}
        for name, (hit, count) in hits.items():
            rows.append(
                MetricValue(
                    metric=f"hedgehogs.{name}{ending}",
                    value=hit / count if count else math.nan,
                    uncertainty=binomial_error(hit, count),
                    direction="higher",
                    criterion=f"{hit} of {count}; {criterion}",
                )
            )
        f1 = _harmonic(*hits.values())
        rows.append(MetricValue(metric=f"hedgehogs.f1{ending}", value=f1, direction="higher", criterion=criterion))
    distances = charges.match.distances()
    rows.append(
        MetricValue(
            metric="hedgehogs.position_error",
            value=float(distances.mean()) if len(distances) else math.nan,
            unit="m",
            uncertainty=float(distances.std() / math.sqrt(len(distances))) if len(distances) > 1 else None,
            direction="lower",
            criterion=f"mean of {len(distances)} partners away from the border",
        )
    )
    found_inside, true_inside = charges.match.found_inside, charges.match.true_inside
    counts = {
        "found": np.count_nonzero(found_inside),
        "true": np.count_nonzero(true_inside),
        "border_found": np.count_nonzero(~found_inside),
        "border_true": np.count_nonzero(~true_inside),
    }
    rows += [MetricValue(metric=f"hedgehogs.{name}", value=float(count)) for name, count in counts.items()]
    return rows + sign_rows(charges.found, direction="match") + sign_rows(charges.true, suffix=".truth")


def sign_rows(hedgehogs: xr.Dataset, *, suffix: str = "", direction: str = "none") -> list[MetricValue]:
    """Return how many units of either sign there are, those at the border too."""
    charge = hedgehogs["charge"].values
    return [
        MetricValue(
            metric=f"hedgehogs.{name}{suffix}",
            value=float(np.maximum(sign * charge, 0).sum()),
            direction=direction,
            criterion="with those at the border",
        )
        for sign, name in SIGN_NAMES.items()
    ]


def site_rows(
    hedgehogs: xr.Dataset, kinds: Sequence[str], *, suffix: str = "", direction: str = "none"
) -> list[MetricValue]:
    """Return how many hedgehogs of either sign sit in each kind of hole; none without a list of holes."""
    if hedgehogs.sizes["hedgehog"] != len(kinds):
        return []
    table = site_counts(hedgehogs, kinds)
    return [
        MetricValue(
            metric=f"sites.{kind}.{SIGN_NAMES[sign]}{suffix}",
            value=float(table[row, column]),
            direction=direction,
            criterion="with those at the border",
        )
        for row, kind in enumerate(SITE_KINDS)
        for column, sign in enumerate(SIGNS)
    ]


def site_counts(hedgehogs: xr.Dataset, kinds: Sequence[str]) -> Array:
    """Return units of charge by kind of site and sign."""
    charge = hedgehogs["charge"].values
    where = np.array([[kind == name for kind in kinds] for name in SITE_KINDS]).reshape(len(SITE_KINDS), -1)
    if where.shape[1] != len(charge):
        return np.zeros((len(SITE_KINDS), len(SIGNS)), np.int64)
    return np.stack([(where * np.maximum(sign * charge, 0)).sum(axis=1) for sign in SIGNS], axis=1)


def charge_variables(charges: Charges) -> dict[str, Any]:
    """Return both lists and the table of sites for the record ``scored``."""
    parts: dict[str, Any] = {}
    for prefix, one, kinds in (("", charges.found, charges.found_sites), ("true_", charges.true, charges.true_sites)):
        each = f"{prefix}hedgehog"
        row, distance = charges.match.partners(one.sizes["hedgehog"], of_truth=bool(prefix))
        parts |= {
            f"{each}_position": ((each, "axis"), one["position"].values, {"units": "m"}),
            f"{each}_position_error": (each, one["position_error"].values, {"units": "m"}),
            f"{each}_charge": (each, one["charge"].values),
            f"{each}_border": (each, one["at_border"].values),
            f"{each}_matched": (each, row >= 0),
            f"{each}_partner": (each, row),
            f"{each}_distance": (each, distance, {"units": "m"}),
        }
        if len(kinds) == one.sizes["hedgehog"] and len(kinds):
            parts[f"{each}_site"] = (each, np.array(kinds, dtype=object).astype(str))
    if charges.found_sites or charges.true_sites:
        counts = np.stack(
            [
                site_counts(charges.found, charges.found_sites),
                site_counts(charges.true, charges.true_sites),
            ]
        )
        parts["site_count"] = (("source", "site_kind", "sign"), counts)
    return parts


def features_of(truth: xr.Dataset) -> dict[str, Any]:
    """Return what the sample says of itself."""
    features: dict[str, Any] = json.loads(truth.attrs["features"])
    return features


def _texture(m: Array, fill: Array, voxel_size: float) -> Texture:
    solid = (fill >= SOLID) & np.any(m != 0, axis=0)
    spins = np.where(solid, m, 0).astype(np.float32)
    # A half-filled voxel without a spin is no magnet.
    share = np.where(solid, np.clip(fill, SOLID, 1), np.clip(fill, 0, SOLID - _CLEAR)).astype(np.float32)
    if solid.any():
        return Texture(spins, share, voxel_size, validation.find_hedgehogs(spins, voxel_size=voxel_size, magnet=solid))
    # Without any magnet there is no hedgehog, as in a lattice of one direction.
    upwards = np.broadcast_to(np.array([0, 0, 1], np.float32)[:, None, None, None], spins.shape)
    return Texture(spins, share, voxel_size, validation.find_hedgehogs(upwards, voxel_size=voxel_size))


def _harmonic(recall: tuple[int, int], precision: tuple[int, int]) -> float:
    if not recall[1] and not precision[1]:
        return math.nan
    if not (recall[1] and precision[1] and recall[0] and precision[0]):
        return 0.0
    a, b = recall[0] / recall[1], precision[0] / precision[1]
    return 2 * a * b / (a + b)
