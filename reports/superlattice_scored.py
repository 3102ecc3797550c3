"""What is stored of a scored vector volume, ready to be drawn: grids in nm, hedgehogs with what became of them.

Contents: :class:`Grid3`, the volume's places; :class:`Hedgehogs`, the found and the true ones; :func:`show` and
:func:`leading`, the cases of the figures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import xarray as xr

from reports.panels import NANO
from reports.results import Case, Results


@dataclass(frozen=True)
class Grid3:
    """Places of a volume's voxels.

    Attributes
    ----------
    places : tuple of ndarray
        Centres along z, y, x, nm.
    """

    places: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def of(cls, scored: xr.Dataset) -> Grid3:
        """Read the axes ``wz``, ``wy``, ``wx``."""
        z, y, x = (np.asarray(scored[f"w{axis}"].values, float) * NANO for axis in "zyx")
        return cls((z, y, x))

    @property
    def steps(self) -> np.ndarray:
        """Voxel size (z, y, x), nm."""
        return np.array([np.ptp(p) / (p.size - 1) if p.size > 1 else 1.0 for p in self.places])

    @property
    def low(self) -> np.ndarray:
        """Lower edges (z, y, x), nm."""
        return np.array([p[0] for p in self.places]) - self.steps / 2

    @property
    def high(self) -> np.ndarray:
        """Upper edges (z, y, x), nm."""
        return np.array([p[-1] for p in self.places]) + self.steps / 2

    def extent(self, across: int, up: int) -> tuple[float, float, float, float]:
        """Return left, right, bottom, top edge of a picture whose axes are the array's axes `across` and `up`."""
        low, high = self.low, self.high
        return float(low[across]), float(high[across]), float(low[up]), float(high[up])


@dataclass(frozen=True)
class Hedgehogs:
    """Found and true hedgehogs in one frame.

    Attributes
    ----------
    found, true : ndarray, shape (n, 3)
        Places (z, y, x), nm.
    found_charge, true_charge : ndarray of int
    found_border, true_border : ndarray of bool
        Within a voxel of the border, where a layer of spins decides: they count as partners only.
    found_matched, true_matched : ndarray of bool
        Whether there is a partner in the other list.
    """

    found: np.ndarray
    found_charge: np.ndarray
    found_border: np.ndarray
    found_matched: np.ndarray
    true: np.ndarray
    true_charge: np.ndarray
    true_border: np.ndarray
    true_matched: np.ndarray

    @classmethod
    def of(cls, scored: xr.Dataset) -> Hedgehogs:
        """Read both lists; empty where they are not stored."""
        parts: dict[str, np.ndarray] = {}
        for source, prefix in (("found", ""), ("true", "true_")):
            count = scored.sizes.get(f"{prefix}hedgehog", 0) if f"{prefix}hedgehog_position" in scored else 0
            for name, shape, dtype in (
                ("position", (count, 3), float), ("charge", (count,), int), ("border", (count,), bool),
                ("matched", (count,), bool),
            ):  # fmt: skip
                stored = scored.get(f"{prefix}hedgehog_{name}") if count else None
                values = np.zeros(shape, dtype) if stored is None else stored.values.astype(dtype)
                parts[source if name == "position" else f"{source}_{name}"] = (
                    values * NANO if name == "position" else values
                )
        return cls(**parts)

    @property
    def truth(self) -> Hedgehogs:
        """The true ones alone, as if they had been found."""
        everyone = np.ones(len(self.true), bool)
        true = (self.true, self.true_charge, self.true_border, everyone)
        return Hedgehogs(*true, *true)

    @property
    def false(self) -> np.ndarray:
        """Which of the found ones count as not there in truth."""
        return np.asarray(~self.found_matched & ~self.found_border)

    @property
    def missed(self) -> np.ndarray:
        """Which of the true ones count as not found."""
        return np.asarray(~self.true_matched & ~self.true_border)


def show(results: Results) -> dict[str, Case]:
    """Give the cases of the figures that hold a vector volume, by method, in the order of the tables.

    Parameters
    ----------
    results : Results

    Returns
    -------
    dict
    """
    return {method: case for method, case in results.gallery().items() if "magnetization" in case.scored}


def leading(results: Results) -> Case | None:
    """Give the case that figures of one method show; the first there is where no method but a control has a result.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Case or None
    """
    cases = show(results)
    return cases.get(results.lead) or next(iter(cases.values()), None)
