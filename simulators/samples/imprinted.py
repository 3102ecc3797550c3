"""Hedgehogs written into the nickel superlattice: a control with known places, beside the quenched state.

- `imprint_metalattice`: pairs at set distances in chosen holes, their cores held while the rest relaxes;
- `around_void`: spheres whose shell of spins points outward or inward: virtual hedgehogs.

Nothing holds such cores in nickel but the hand that wrote them. What remains after `release` is counted and reported.
"""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from optics.grids import positions
from simulators.micromagnetics import Material, quench
from simulators.samples.block import depth
from simulators.samples.charge_counting import CountRule, Watcher
from simulators.samples.charges import cell_charges, charge_list, flux_balance
from simulators.samples.hedgehog_truth import charge_truth, void_labels
from simulators.samples.hedgehogs import NICKEL, NO_EQUILIBRIUM, TIME_UNIT, lattice_problem, lattice_sample
from simulators.samples.metalattice import Metalattice
from simulators.samples.pair_places import Core, Pair, PlacedPair, blended_texture, pair_cores, place_pairs
from simulators.samples.sphere_packing import hole_radius

Array = NDArray[Any]

_NEIGHBOURS = 1.3  # spacings between the centres of spheres that are no neighbours
_DRAWINGS = 8  # of places, at most
_RIM = 3  # voxels round a sphere in which its shell lies


def imprint_metalattice(
    lattice: Metalattice,
    pairs: Sequence[Pair],
    *,
    relax: float = 0.3,
    release: float = 0.0,
    material: Material = NICKEL,
    watch: Sequence[Watcher] = (),
    rng: np.random.Generator,
) -> xr.Dataset:
    """Write pairs of hedgehogs into holes of the lattice.

    The analytic textures of all pairs are blended, the eight spins round each core are held at ``charge R r/|r|``, and
    the rest relaxes by overdamped dynamics of all terms. Where textures of like pairs meet, charges that nobody asked
    for can appear; of eight drawings of the places that with the fewest is taken, and those left are listed. Going on
    for long, nickel screens every core by a charge of the other sign beside it; the relaxation ends before the first.

    Parameters
    ----------
    lattice : Metalattice
    pairs : sequence of Pair
        Placed in this order, in holes drawn at random.
    relax : float
        Reduced time of the relaxation with the cores held, at most.
    release : float
        Reduced time for which the cores are then let go; the sample is the field after it. At 0 they stay held.
    material : Material
        Uniform.
    watch : sequence of callable
        Each called with (step, torque) after each step.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        Of the origin ``"imprinted"``. Its features: as `quench_metalattice`, with ``requested`` (per core: place,
        charge, site, separation of its pair), ``held`` (how many were found with the cores held, how far off, how many
        charges more), ``survived`` (how many of the requested are there after the release), ``imprint`` (times).

    Raises
    ------
    ValueError
        If there is no place for a pair, or a number is not allowed.
    """
    if len(pairs) == 0:
        raise ValueError("pairs is empty; allowed: at least one")
    for name, value in (("relax", relax), ("release", release)):
        if not (np.isfinite(value) and value >= 0):
            raise ValueError(f"{name} is {value}; allowed: 0 or more")
    placed, cores, m = _start(lattice, pairs, rng)
    held = np.zeros(lattice.magnet.shape, bool)
    for core in cores:
        held[*core.corners.T] = True
    problem, kept = lattice_problem(lattice, material), _KeptCharges(lattice, relax)
    quench(problem, m, stop=kept, held=held, watch=watch)
    m, torque = kept.m, kept.torque
    known: dict[str, Any] = {
        "requested": _requested(placed),
        "held": _compared(lattice, m, cores, reach=max(lattice.voxel_size)),
        "imprint": {"relaxed": kept.time, "ended": kept.ended, "released": release, "unit": TIME_UNIT},
    }
    state = f"{NO_EQUILIBRIUM}: the eight spins round each of {len(cores)} cores are held"
    if release > 0:
        rule = CountRule(lattice.magnet, until=release)
        freed = quench(problem, m, stop=rule, watch=watch)
        m, torque = np.asarray(freed.m), freed.torque
        known["survival"] = asdict(rule.survival)
        state = f"{NO_EQUILIBRIUM}: {len(cores)} cores let go for a reduced time of {release:.4g}"
    known["torque"] = float(torque)
    known["survived"] = _compared(lattice, m, cores, reach=hole_radius(lattice.template, "octahedral"))
    return lattice_sample(lattice, m, material, origin="imprinted", state=state, known=known)


def _start(
    lattice: Metalattice, pairs: Sequence[Pair], rng: np.random.Generator
) -> tuple[list[PlacedPair], list[Core], Array]:
    """Return places, cores and spins: of some drawings the first without a charge too many, or with the fewest."""
    best: tuple[int, list[PlacedPair], list[Core], Array] | None = None
    for _ in range(_DRAWINGS):
        placed = place_pairs(lattice, pairs, rng=rng)
        cores, m = pair_cores(lattice, placed), blended_texture(lattice, placed)
        for core in cores:
            m[:, *core.corners.T] = core.spins.T
        extra = _number(m, lattice.magnet) - len(cores)
        if best is None or extra < best[0]:
            best = extra, placed, cores, m
        if extra <= 0:
            break
    assert best is not None
    return best[1:]


def _number(m: Array, magnet: Array) -> int:
    return int(np.abs(cell_charges(m, magnet=magnet).astype(np.int64)).sum())


class _KeptCharges:
    """Stop rule: ends at a time, or before a charge more than the fewest so far; keeps the last good state."""

    def __init__(self, lattice: Metalattice, until: float) -> None:
        self.m, self.time, self.torque, self.ended = np.zeros(0), 0.0, float("nan"), "time"
        self._magnet, self._fewest, self._until = lattice.magnet, -1, until

    def __call__(self, state: Any) -> bool:
        number = _number(state.m, self._magnet)
        if 0 <= self._fewest < number:
            self.ended = "before another charge"
            return True
        self._fewest = number
        self.m, self.time, self.torque = state.m.copy(), float(state.time), float(state.torque)
        return bool(state.time >= self._until)


def _requested(placed: Sequence[PlacedPair]) -> list[dict[str, Any]]:
    rows = []
    for number, each in enumerate(placed):
        for place, charge, site in zip(each.places, each.pair.charges, each.sites, strict=True):
            z, y, x = np.round(place, 14).tolist()
            rows.append(
                {"pair": number, "separation": each.pair.separation, "q": charge, "site": site, "z": z, "y": y, "x": x}
            )
    return rows


def _compared(lattice: Metalattice, m: Array, cores: Sequence[Core], *, reach: float) -> dict[str, Any]:
    """Return how many cores have a charge of their sign within `reach` along each axis, and how far it is."""
    found = charge_list(m, lattice.magnet, lattice.voxel_size)
    places = np.array([[charge[axis] for axis in "zyx"] for charge in found]).reshape(-1, 3)
    signs = np.sign(np.array([charge["q"] for charge in found], np.int64))
    wanted, charges = np.array([core.place for core in cores]), np.array([core.charge for core in cores])
    away = np.abs(wanted[:, None] - places[None])
    near = np.all(away <= reach, axis=2) & (charges[:, None] == signs[None])
    # Each charge answers for one core; the cheapest assignment has the most and the nearest matches.
    distance = np.linalg.norm(away, axis=2)
    rows, columns = linear_sum_assignment(np.where(near, distance, 1.0))
    matched = near[rows, columns]
    offsets = np.full(len(cores), np.nan)
    offsets[rows[matched]] = distance[rows, columns][matched]
    return {
        "requested": len(cores),
        "matched": int(matched.sum()),
        "extra": len(found) - int(matched.sum()),
        "reach": reach,
        "offsets": [None if np.isnan(value) else float(np.round(value, 14)) for value in offsets],
    }


def around_void(
    lattice: Metalattice,
    charges: Sequence[int],
    *,
    controls: int = 0,
    shell: float | None = None,
    relax: float = 1.0,
    material: Material = NICKEL,
    watch: Sequence[Watcher] = (),
    rng: np.random.Generator,
) -> xr.Dataset:
    """Point the spins round some spheres outward or inward: virtual hedgehogs and anti-hedgehogs.

    Parameters
    ----------
    lattice : Metalattice
    charges : sequence of int
        1 or -1 for each sphere; whole spheres in the block, not neighbours of one another, are drawn.
    controls : int
        Further spheres that are only listed.
    shell : float, optional
        Thickness in m of the held shell; default two voxels.
    relax : float
        Reduced time for which the rest relaxes, the shells held.
    material, watch
        As for `imprint_metalattice`.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        Of the origin ``"imprinted"``. ``voids`` in its features: for each sphere its ``label`` among the voids of
        ``flux``, place, ``requested`` charge (0 for a control), ``flux`` found, in units of 4 pi, and ``covered``, the
        share of the directions in which solid nickel follows on the sphere: the flux of a radial shell is its charge
        times that share, and whole where the sphere touches no other.

    Raises
    ------
    ValueError
        If there are not so many spheres, or a number is not allowed.
    """
    if len(charges) == 0 or any(charge not in (1, -1) for charge in charges):
        raise ValueError(f"charges are {list(charges)}; allowed: at least one of 1, -1")
    thickness = 2 * max(lattice.voxel_size) if shell is None else shell
    if not max(lattice.voxel_size) <= thickness:
        raise ValueError(f"shell is {shell} m; allowed: from a voxel, {max(lattice.voxel_size):.3g}")
    spheres = _free_spheres(lattice, len(charges) + controls, rng)
    m, held = np.zeros((3, *lattice.magnet.shape)), np.zeros(lattice.magnet.shape, bool)
    m[2] = lattice.magnet
    for sphere, charge in zip(spheres, charges, strict=False):
        away, distance = _from_centre(lattice, lattice.packing.centres[sphere])
        near = lattice.magnet & (distance < lattice.packing.radii[sphere] + thickness)
        m[:, near], held[near] = charge * away[:, near] / distance[near], True
    if not (np.isfinite(relax) and relax >= 0):
        raise ValueError(f"relax is {relax}; allowed: 0 or more")
    rule = CountRule(lattice.magnet, until=relax)
    relaxed = quench(lattice_problem(lattice, material), m, stop=rule, held=held, watch=watch)
    m = np.asarray(relaxed.m)
    truth = charge_truth(lattice, m)
    known = {
        "torque": float(relaxed.torque),
        "requested": {"charges": list(charges), "controls": controls},
        "survival": asdict(rule.survival),
        "voids": _voids(lattice, truth, spheres, [*charges, *[0] * controls]),
    }
    state = f"{NO_EQUILIBRIUM}: shells of {thickness * 1e9:.3g} nm round {len(charges)} spheres are held"
    return lattice_sample(lattice, m, material, origin="imprinted", state=state, known=known, truth=truth)


def _free_spheres(lattice: Metalattice, count: int, rng: np.random.Generator) -> list[int]:
    """Draw whole spheres that do not neighbour each other."""
    packing, block = lattice.packing, lattice.block
    inside = depth(block.planes, block.edge_radius, packing.centres - np.asarray(lattice.centre))
    whole = np.flatnonzero(inside >= packing.radii)
    most = 0
    for _ in range(_DRAWINGS):
        drawn: list[int] = []
        for sphere in rng.permutation(whole):
            apart = np.linalg.norm(packing.centres[drawn] - packing.centres[sphere], axis=1)
            if np.all(apart > _NEIGHBOURS * packing.spacing):
                drawn.append(int(sphere))
            if len(drawn) == count:
                return drawn
        most = max(most, len(drawn))
    raise ValueError(f"spheres asked for are {count}; allowed: about {most} in a block of this size")


def _from_centre(lattice: Metalattice, centre: Array) -> tuple[Array, Array]:
    """Return the vectors (x, y, z) from a point to all voxels, (3, z, y, x), and their lengths."""
    axes = [
        positions(n, size) - middle
        for n, size, middle in zip(lattice.magnet.shape, lattice.voxel_size, centre, strict=True)
    ]
    z, y, x = np.meshgrid(*axes, indexing="ij", sparse=True)
    away = np.stack(np.broadcast_arrays(x, y, z))
    return away, np.linalg.norm(away, axis=0)


def _voids(
    lattice: Metalattice, truth: dict[str, Any], spheres: Sequence[int], charges: Sequence[int]
) -> list[dict[str, Any]]:
    flux = {void["label"]: void for void in truth["flux"]["voids"]}
    labels = void_labels(lattice)
    rows = []
    for sphere, charge in zip(spheres, charges, strict=True):
        z, y, x = np.round(lattice.packing.centres[sphere], 14).tolist()
        found = flux[sphere + 1]
        rows.append(
            {"label": sphere + 1, "z": z, "y": y, "x": x, "requested": charge, "flux": found["flux"]}
            | {"closed": found["closed"], "covered": _covered(lattice, sphere, labels)}
        )
    return rows


def _covered(lattice: Metalattice, sphere: int, labels: Array) -> float:
    """Return the flux out of a sphere, in units of 4 pi, if all spins round it pointed away from its centre."""
    own = labels == sphere + 1
    window = tuple(slice(max(int(where.min()) - _RIM, 0), int(where.max()) + _RIM + 1) for where in np.nonzero(own))
    away, distance = _from_centre(lattice, lattice.packing.centres[sphere])
    radial = (away / np.maximum(distance, np.finfo(np.float64).tiny))[(slice(None), *window)]
    magnet = lattice.magnet[window]
    balance = flux_balance(radial * magnet, magnet, voxel_size=lattice.voxel_size, labels=own[window].astype(np.int64))
    return float(balance.voids[0].flux)
