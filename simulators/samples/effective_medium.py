"""Magnetic multilayers as an effective medium: one material for all layers.

- `Stack`: layers of a multilayer; `HAPRE`: that of HAPRE, Optica 11, 234 (2024);
- `effective_medium`: the `Film` that stands for it, one cell thick;
- `layered_problem`: the same film with its layers apart, exchange coupled or not.

A film one cell thick cannot turn its walls from the bottom to the top, as stray fields would have it (Legrand et al.,
Sci. Adv. 4, eaat0415 (2018)); with its layers apart it can.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from simulators.micromagnetics import Material, Mesh, Problem
from simulators.samples.defects import Film


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A multilayer ``[magnetic | spacers] x repeats``.

    Parameters
    ----------
    magnetic : float
        Thickness of a magnetic layer, m.
    spacers : tuple of (material, thickness)
        Non-magnetic layers of a repeat, thicknesses in m.
    repeats : int
    saturation : float
        Ms of a magnetic layer, A/m.
    exchange : float
        Its A, J/m.
    dmi : float
        Its D, J/m2.
    effective_anisotropy : float
        Its ``Keff = Ku - mu0 Ms^2/2``, J/m3.

    Raises
    ------
    ValueError
        If a thickness, the number of repeats or a material constant is impossible.
    """

    magnetic: float
    spacers: tuple[tuple[str, float], ...]
    repeats: int
    saturation: float
    exchange: float
    dmi: float
    effective_anisotropy: float

    def __post_init__(self) -> None:
        """Check the values."""
        for name in ("magnetic", "saturation", "exchange"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: above 0")
        for material, thickness in self.spacers:
            if not 0 <= thickness < math.inf:
                raise ValueError(f"thickness of {material} is {thickness} m; allowed: from 0")
        if self.repeats < 1:
            raise ValueError(f"repeats is {self.repeats}; allowed: from 1")

    @property
    def period(self) -> float:
        """Thickness of a repeat, m."""
        return self.magnetic + sum(thickness for _, thickness in self.spacers)

    @property
    def thickness(self) -> float:
        """Of all repeats, m."""
        return self.repeats * self.period

    @property
    def magnetic_share(self) -> float:
        """Share f of the magnetic layer in a repeat."""
        return self.magnetic / self.period


HAPRE = Stack(
    magnetic=0.8e-9,
    spacers=(("Pt", 2e-9), ("Cu", 0.5e-9)),
    repeats=15,
    saturation=1.2e6,
    exchange=10e-12,
    dmi=1.5e-3,
    effective_anisotropy=10e-12 / 5.1e-9**2,
)
"""HAPRE's layers. The material constants are our choice (the paper gives none); Keff is ``A/delta^2`` of its delta."""


def effective_medium(stack: Stack) -> Film:
    """Return the film in which the magnetic layers are diluted by their share f of the period.

    Ms, A and D are f times those of a magnetic layer, ``Ku = f Keff + mu0 Ms^2/2``: a uniform state keeps its
    energy. In a film thicker than its walls the shape term is not felt inside a wall: the width of a wall is not
    ``sqrt(A/Keff)`` of a layer, see `relaxed_multilayer.anisotropy_for_width`.
    """
    share = stack.magnetic_share
    bare = Film(
        saturation=share * stack.saturation,
        exchange=share * stack.exchange,
        anisotropy=0.0,
        dmi=share * stack.dmi,
        thickness=stack.thickness,
    )
    return replace(bare, anisotropy=share * stack.effective_anisotropy + bare.shape_anisotropy)


def layered_problem(
    film: Film,
    repeats: int,
    *,
    shape: tuple[int, int],
    cell_size: float,
    coupled: bool,
    field: float = 0.0,
    dtype: DTypeLike = np.float64,
) -> Problem:
    """Return the problem of a film with one magnetic cell per repeat, periodic in the plane.

    Parameters
    ----------
    film : Film
        The effective medium.
    repeats : int
    shape : tuple of int
        Cells (y, x).
    cell_size : float
        m.
    coupled : bool
        Whether A acts between the repeats as it does in the plane. Otherwise each repeat is half magnet of twice the
        density and half void, and exchange does not reach from one to the next; Ku is raised so that a uniform state
        keeps its energy, ``s Ku' = Ku + (mu0 Ms^2/2)(1/s - 1)`` with the share s = 1/2. A real spacer lies between.
    field : float
        mu0 H along +z, T.
    dtype : float32 or float64
    """
    period = film.thickness / repeats
    if coupled:
        mesh = Mesh((repeats, *shape), (period, cell_size, cell_size), periodic=(True, True))
        material = Material(film.saturation, film.exchange, anisotropy=film.anisotropy, dmi=film.dmi)
        return Problem(mesh, material, field=(0.0, 0.0, field), dtype=dtype)
    mesh = Mesh((2 * repeats - 1, *shape), (period / 2, cell_size, cell_size), periodic=(True, True))
    magnetic = np.zeros(mesh.shape)
    magnetic[::2] = 1.0
    material = Material(
        2 * film.saturation * magnetic,
        2 * film.exchange,
        anisotropy=2 * (film.anisotropy + film.shape_anisotropy),
        dmi=2 * film.dmi,
    )
    return Problem(mesh, material, field=(0.0, 0.0, field), dtype=dtype)
