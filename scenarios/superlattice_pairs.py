"""Distances between neighbouring hedgehogs: their fits, the truth's by the same estimator, and chance.

- `PairKind`, `pair_table`: distances, fit and null of every kind of pair;
- `pair_rows`: the rows, NaN with a note where there are too few charges; `pair_variables`: for the record ``scored``.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

import validation
from scenarios.holography_rows import MetricValue
from scenarios.superlattice_frame import SuperlatticeSettings

Array = NDArray[Any]

KINDS = ("opposite", "plus", "minus")

_FEWEST_DRAWS = 2
_REACH = 100e-9  # of the histogram
_BIN, _STEP = 4e-9, 0.5e-9


@dataclass(frozen=True, eq=False)
class PairKind:
    """Nearest neighbours of one kind; `fit` and `null` are None where there are too few, and `note` says so."""

    distances: Array
    fit: validation.ExtremeValueFit | None
    null: validation.RandomNull | None
    note: str = ""


def pair_table(
    hedgehogs: xr.Dataset,
    magnet: Array | None,
    *,
    voxel_size: float,
    settings: SuperlatticeSettings,
    rng: np.random.Generator,
) -> dict[str, PairKind]:
    """Fit the distances of every kind, and those of as many charges at random in `magnet`.

    Parameters
    ----------
    hedgehogs : Dataset
        As of `find_hedgehogs`; those at the border count.
    magnet : (z, y, x) array or None
        Without one there are no random charges.
    voxel_size : float
        Of the magnet, m.
    settings : SuperlatticeSettings
    rng : numpy.random.Generator
    """
    place, charge = hedgehogs["position"].values, hedgehogs["charge"].values
    counts = int(np.count_nonzero(charge > 0)), int(np.count_nonzero(charge < 0))
    table = {}
    for kind in KINDS:
        distances = validation.pair_distances(place, charge, kind=kind)["distance"].values
        draws = max(_FEWEST_DRAWS, settings.interval_draws)
        try:
            fit = validation.fit_extreme_value(distances, rng=rng, draws=draws)
        except ValueError as error:
            table[kind] = PairKind(distances, None, None, str(error))
            continue
        if magnet is None:
            table[kind] = PairKind(distances, fit, None, "; ".join(fit.notes))
            continue
        try:
            null = validation.random_null(
                counts,
                magnet,
                voxel_size=voxel_size,
                kind=kind,
                rng=rng,
                draws=max(_FEWEST_DRAWS, settings.null_draws),
            )
        except ValueError as error:
            table[kind] = PairKind(distances, fit, None, "; ".join([*fit.notes, str(error)]))
            continue
        table[kind] = PairKind(distances, fit, null, "; ".join([*fit.notes, *null.notes]))
    return table


def pair_rows(table: Mapping[str, PairKind], *, suffix: str = "", direction: str = "none") -> list[MetricValue]:
    """Return mu of every kind with its standard error, and that of chance."""
    rows = []
    for kind, found in table.items():
        mu, error = (found.fit.mu, found.fit.mu_error) if found.fit else (math.nan, None)
        criterion = f"{len(found.distances)} nearest neighbours, GEV" + (f"; {found.note}" if found.note else "")
        rows.append(
            MetricValue(
                metric=f"pairs.{kind}{suffix}",
                value=mu,
                unit="m",
                uncertainty=error,
                direction=direction,
                criterion=criterion,
            )
        )
        if found.null is not None and not suffix:
            low, high = found.null.mu_interval
            rows.append(
                MetricValue(
                    metric=f"pairs.{kind}.random",
                    value=found.null.mu,
                    unit="m",
                    uncertainty=(high - low) / 4,
                    criterion="as many charges at random in the magnet",
                )
            )
    return rows


def pair_variables(found: Mapping[str, PairKind], true: Mapping[str, PairKind]) -> dict[str, Any]:
    """Return fits, histograms and curves of both for the record ``scored``."""
    tables = (found, true)
    edges = np.arange(0, _REACH + _BIN / 2, _BIN)
    fine = np.arange(_STEP, _REACH, _STEP)
    both, metres = ("source", "pair_kind"), {"units": "m"}
    parts: dict[str, Any] = {
        "distance": ("distance", edges[:-1] + _BIN / 2, metres),
        "distance_fine": ("distance_fine", fine, metres),
        "pair_histogram": ((*both, "distance"), _each(tables, lambda one: _histogram(one.distances, edges))),
        "pair_density": ((*both, "distance_fine"), _each(tables, lambda one: _fitted(one, fine))),
        "null_density": ((*both, "distance_fine"), _each(tables, lambda one: _chance(one, fine))),
        "pair_count": (both, _each(tables, lambda one: len(one.distances))),
        "pair_note": (both, _each(tables, lambda one: one.note)),
    }
    for name in ("mu", "mu_error", "scale", "shape"):
        values = _each(tables, lambda one, name=name: getattr(one.fit, name) if one.fit else math.nan)
        parts[f"pair_{name}"] = (both, values, {"units": "1" if name == "shape" else "m"})
    nothing = (math.nan, math.nan)
    parts["null_mu"] = (both, _each(tables, lambda one: one.null.mu if one.null else math.nan), metres)
    for end, name in enumerate(("null_low", "null_high")):
        parts[name] = (
            both,
            _each(tables, lambda one, end=end: (one.null.mu_interval if one.null else nothing)[end]),
            metres,
        )
    return parts


def _each(tables: tuple[Mapping[str, PairKind], ...], of: Any) -> Array:
    return np.array([[of(table[kind]) for kind in KINDS] for table in tables])


def _histogram(distances: Array, edges: Array) -> Array:
    counts = np.histogram(distances, edges)[0].astype(np.float64)
    return np.asarray(counts / max(len(distances), 1) / _BIN)


def _fitted(one: PairKind, distance: Array) -> Array:
    if one.fit is None:
        return np.full(len(distance), np.nan)
    return np.asarray(one.fit.distribution.pdf(distance))


def _chance(one: PairKind, distance: Array) -> Array:
    """Return the mean density of the null's fits."""
    if one.null is None:
        return np.full(len(distance), np.nan)
    from scipy.stats import genextreme  # takes half a second to import

    null = one.null
    shape, mu, scale = (values[:, None] for values in (null.shape_draws, null.mu_draws, null.scale_draws))
    return np.asarray(genextreme.pdf(distance, -shape, loc=mu, scale=scale).mean(axis=0))
