"""Films with round defects as micromagnetic problems.

- `Film`: a uniform film, one cell thick; `with_material`: the same with another effective anisotropy and DMI;
- `Defect`: a disc in it with scaled effective anisotropy, DMI or saturation; `altered`: one with given values;
- `film_mesh`, `film_problem`: both as a problem, periodic in the plane.

The effective anisotropy is ``Keff = Ku - mu0 Ms^2/2``, what a thin film feels. Where the film is thicker than its
walls, the shape term acts in the domains only and not inside a wall, whose width is nearer to ``sqrt(A/Ku)``.
"""

import dataclasses
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics import Material, Mesh, Problem

Array = NDArray[Any]

_SUBSAMPLES = 8  # a side, per cell, for the share of a cell inside a sharp disc


@dataclass(frozen=True, kw_only=True)
class Film:
    """A uniform perpendicular film as an effective medium.

    Parameters
    ----------
    saturation : float
        Ms, A/m.
    exchange : float
        A, J/m.
    anisotropy : float
        Ku, J/m3.
    dmi : float
        D, J/m2.
    thickness : float
        m; one cell.
    """

    saturation: float
    exchange: float
    anisotropy: float
    dmi: float
    thickness: float

    @property
    def shape_anisotropy(self) -> float:
        """``mu0 Ms^2/2``, J/m3."""
        return VACUUM_PERMEABILITY * self.saturation**2 / 2

    @property
    def effective_anisotropy(self) -> float:
        """``Keff = Ku - mu0 Ms^2/2``, J/m3."""
        return self.anisotropy - self.shape_anisotropy

    @property
    def resolution(self) -> float:
        """Half the smaller of exchange length and ``sqrt(A/Ku)``, m: what cells should not exceed."""
        lengths = [math.sqrt(self.exchange / self.shape_anisotropy)]
        if self.anisotropy > 0:
            lengths.append(math.sqrt(self.exchange / self.anisotropy))
        return min(lengths) / 2


def with_material(film: Film, effective_anisotropy: float, dmi: float) -> Film:
    """Return the film with another Keff, J/m3, and D, J/m2."""
    return dataclasses.replace(film, anisotropy=effective_anisotropy + film.shape_anisotropy, dmi=dmi)


@dataclass(frozen=True, kw_only=True)
class Defect:
    """A disc of altered material.

    Parameters
    ----------
    centre : tuple of float
        (y, x), m, from the film's origin.
    diameter : float
        m.
    anisotropy_factor, dmi_factor, saturation_factor : float
        Keff, D and Ms inside, over those of the film; Keff may become negative.
    border : float
        m; 0 is a sharp disc, else the parameters follow ``(1 - tanh((r - diameter/2)/border))/2``.

    Raises
    ------
    ValueError
        If a length or a saturation is impossible.
    """

    centre: tuple[float, float] = (0.0, 0.0)
    diameter: float = 30e-9
    anisotropy_factor: float = 1.0
    dmi_factor: float = 1.0
    saturation_factor: float = 1.0
    border: float = 0.0

    def __post_init__(self) -> None:
        """Check the values."""
        if not self.diameter > 0:
            raise ValueError(f"diameter is {self.diameter} m; allowed: above 0")
        if not 0 <= self.border <= self.diameter / 2:
            raise ValueError(f"border is {self.border} m; allowed: 0 to half the diameter, {self.diameter / 2:g} m")
        if not self.saturation_factor > 0:
            raise ValueError(f"saturation_factor is {self.saturation_factor}; allowed: above 0")

    @property
    def kind(self) -> str:
        """What is altered, in words."""
        names = [
            f"{'raised' if factor > 1 else 'lowered'} {name}"
            for name, factor in (
                ("anisotropy", self.anisotropy_factor),
                ("DMI", self.dmi_factor),
                ("saturation", self.saturation_factor),
            )
            if factor != 1
        ]
        return ", ".join(names) or "none"


def film_mesh(film: Film, shape: tuple[int, int], cell_size: float) -> Mesh:
    """Return a mesh (1, ny, nx), periodic in the plane."""
    return Mesh((1, *shape), (film.thickness, cell_size, cell_size), periodic=(True, True))


def film_problem(
    film: Film,
    mesh: Mesh,
    defects: Sequence[Defect] = (),
    *,
    field: float = 0.0,
    dtype: DTypeLike = np.float32,
) -> Problem:
    """Return the problem of a film with defects in a perpendicular field.

    Parameters
    ----------
    film : Film
    mesh : Mesh
        As `film_mesh` gives it; defects wrap round its edges.
    defects : sequence of Defect
        Where two overlap, their alterations multiply.
    field : float
        mu0 H along +z, T.
    dtype : float32 or float64

    Raises
    ------
    ValueError
        If a cell is larger than a defect.

    Warns
    -----
    UserWarning
        If a cell is larger than `Film.resolution`.
    """
    cell = max(mesh.cell[1:])
    for defect in defects:
        if cell > defect.diameter:
            raise ValueError(
                f"cell is {1e9 * cell:.3g} nm, larger than the defect; allowed: at most the defect's diameter, "
                f"{1e9 * defect.diameter:.3g} nm"
            )
    if cell > film.resolution:
        warnings.warn(
            f"cell is {1e9 * cell:.3g} nm, more than half of the exchange length or wall width, "
            f"{1e9 * film.resolution:.3g} nm: walls are coarse",
            stacklevel=2,
        )
    factors = {name: np.ones(mesh.shape) for name in ("anisotropy_factor", "dmi_factor", "saturation_factor")}
    for defect in defects:
        share = _share(mesh, defect)
        for name, values in factors.items():
            values *= 1 + share * (getattr(defect, name) - 1)
    saturation = film.saturation * factors["saturation_factor"]
    effective = film.effective_anisotropy * factors["anisotropy_factor"]
    material = Material(
        saturation,
        film.exchange,
        anisotropy=effective + VACUUM_PERMEABILITY * saturation**2 / 2,
        dmi=film.dmi * factors["dmi_factor"],
    )
    return Problem(mesh, material, field=(0.0, 0.0, field), dtype=dtype)


def _share(mesh: Mesh, defect: Defect) -> Array:
    """Return how far each cell belongs to the defect, 0..1, (1, ny, nx)."""
    sizes = mesh.cell[1:]
    fine = 1 if defect.border else _SUBSAMPLES
    offsets = []
    for n, size, centre in zip(mesh.shape[1:], sizes, defect.centre, strict=True):
        place = (np.arange(n * fine) + 0.5) / fine - 0.5 - n // 2 - centre / size
        offsets.append(((place + n / 2) % n - n / 2) * size)
    distance = np.hypot(offsets[0][:, None], offsets[1][None, :])
    if defect.border:
        inside = (1 - np.tanh((distance - defect.diameter / 2) / defect.border)) / 2
    else:
        inside = (distance <= defect.diameter / 2).astype(np.float64)
    _, ny, nx = mesh.shape
    return np.asarray(inside.reshape(1, ny, fine, nx, fine).mean(axis=(2, 4)))


def altered(film: Film, effective_anisotropy: float, dmi: float, *, diameter: float, border: float = 0.0) -> Defect:
    """Return the defect in the film's middle whose Keff, J/m3, and D, J/m2, are as given."""
    if film.effective_anisotropy == 0 or film.dmi == 0:
        raise ValueError("film has no effective anisotropy or no DMI to be scaled; allowed: a film with both")
    return Defect(
        diameter=diameter,
        anisotropy_factor=effective_anisotropy / film.effective_anisotropy,
        dmi_factor=dmi / film.dmi,
        border=border,
    )
