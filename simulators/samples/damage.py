"""Areas of a multilayer that laser pulses have damaged.

- `DAMAGE`: what damage does to the material; `damaged_area`: a round area with a soft border;
- `damaged_states`: a film with such areas in a field, and after the field is removed.

After HAPRE, Optica 11, 234 (2024), Fig. 3a-c: areas of smaller domains and lower contrast, whose domains expand when
the field is removed. What the pulses changed is not published. Mixed interfaces lose anisotropy and moment: the
first makes walls cheap and with it domains small, the second takes contrast.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics.iterate import Watcher
from optics.grids import positions, samples_for
from records.checks import json_text
from simulators.samples.defects import Defect, Film
from simulators.samples.domain_measures import domain_period
from simulators.samples.pinning_sites import FieldState, field_states

Array = NDArray[Any]

DAMAGE: Mapping[str, float] = {"anisotropy_factor": -1.5, "saturation_factor": 0.85}
"""Factors on Keff and Ms. In the standard film, both together take Ku from 68 to 16 kJ/m3."""

REMOVED = "field removed"
_CLEAR = 1.5  # borders that are left out on either side of an edge where inside and outside are compared


def damaged_area(
    centre: tuple[float, float] = (0.0, 0.0),
    *,
    diameter: float = 360e-9,
    border: float = 25e-9,
    factors: Mapping[str, float] = DAMAGE,
) -> Defect:
    """Return a damaged area; `centre` (y, x) and lengths in m.

    Raises
    ------
    ValueError
        If a length is impossible.
    """
    return Defect(centre=centre, diameter=diameter, border=border, **factors)


def damaged_states(
    film: Film,
    areas: Sequence[Defect],
    *,
    extent: float,
    pixel_size: float,
    field: float = 0.088,
    torque: float = 1e-2,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
    rng: np.random.Generator,
) -> dict[str, xr.Dataset]:
    """Relax a film with damaged areas in a field, as after a pulse, and then without.

    Parameters
    ----------
    film : Film
        As `relaxed_multilayer.film_for_width` gives it.
    areas : sequence of Defect
        As `damaged_area` gives them.
    extent : float
        Least side of the square film, m; periodic.
    pixel_size : float
        m.
    field : float
        mu0 H along +z, T.
    torque : float
        Where each relaxation stops.
    watch, checkpoint
        As of `pinning_sites.field_states`.
    rng : numpy.random.Generator
        Of the random state that a pulse leaves.

    Returns
    -------
    dict of Sample
        By the names of the states: the field, such as ``"88 mT"``, and `REMOVED`. Features as of
        `pinning_sites.field_states`, ``intact_period`` (m) and, in each of the ``defects``, ``period_ratio`` and
        ``contrast_ratio`` of its middle to the intact film; contrast is the mean of ``Ms |m_z|``.

    Raises
    ------
    ValueError
        If there is no area, or the areas leave no intact film.
    """
    if not areas:
        raise ValueError("areas is (); allowed: at least one damaged area")
    n = samples_for(extent, pixel_size)
    inside = [_disc(n, pixel_size, area, -_CLEAR) for area in areas]
    outside = np.prod([1 - _disc(n, pixel_size, area, _CLEAR) for area in areas], axis=0)
    if outside.mean() < 0.1:
        raise ValueError(f"areas leave {outside.mean():.2f} of the film intact; allowed: from 0.1")
    protocol = (FieldState(f"{1e3 * field:g} mT", (field,)), FieldState(REMOVED, (0.0,)))
    words: dict[str, Any] = {"cell_size": pixel_size, "protocol": protocol, "torque": torque, "rng": rng}
    words |= {"watch": watch, "checkpoint": checkpoint}
    found = field_states(film, areas, shape=(n, n), **words)
    return {name: _compared(record, inside, outside, pixel_size) for name, record in found.items()}


def _disc(n: int, pixel_size: float, area: Defect, borders: float) -> Array:
    """Return a soft disc, 0..1, larger than the area by so many borders."""
    size = n * pixel_size
    y, x = ((positions(n, pixel_size) - place + size / 2) % size - size / 2 for place in area.centre)
    soft = max(area.border, pixel_size)
    edge = max(area.diameter / 2 + borders * soft, soft)
    return np.asarray((1 - np.tanh((np.hypot(y[:, None], x[None, :]) - edge) / soft)) / 2)


def _compared(record: xr.Dataset, inside: Sequence[Array], outside: Array, pixel_size: float) -> xr.Dataset:
    m_z = record["magnetization"].values[2, 0].astype(np.float64)
    saturation = np.broadcast_to(record["saturation_magnetization"].values, record["magnet"].shape)
    contrast = saturation[0] * np.abs(m_z)
    features = json.loads(record.attrs["features"])
    period = domain_period(m_z, pixel_size=pixel_size, weight=outside)
    features["intact_period"] = period if math.isfinite(period) else None
    for truth, weight in zip(features["defects"], inside, strict=True):
        own = domain_period(m_z, pixel_size=pixel_size, weight=weight)
        ratio = own / period if math.isfinite(own) and math.isfinite(period) else None
        truth["period_ratio"] = ratio
        truth["contrast_ratio"] = float(np.average(contrast, weights=weight) / np.average(contrast, weights=outside))
    return record.assign_attrs(features=json_text(features))
