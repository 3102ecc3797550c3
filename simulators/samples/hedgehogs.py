"""Hedgehogs in the nickel superlattice: quenched, imprinted, and around voids.

- `quench_metalattice`: random spins relaxed until so many charges are left;
- `survival`: how the number of charges falls on the way;
- `lattice_problem`, `lattice_sample`: a superlattice as a micromagnetic problem, and a state of it as a record;
- `NICKEL`: the material.

Imprinted pairs are in `imprinted`. **None of these states is an equilibrium**: in soft nickel at rest the charges
annihilate or leave through the surfaces, and plain relaxation ends with none. Every sample says so in its features,
beside the angles between neighbouring spins and the torque at which it was stopped.

Times are reduced, in `TIME_UNIT`.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import DTypeLike, NDArray

from records import sample
from simulators.micromagnetics import Material, Mesh, Problem, Relaxation, part_of, quench, random_start
from simulators.samples.charge_counting import CountRule, Survival, Watcher
from simulators.samples.hedgehog_truth import charge_truth, smoothness
from simulators.samples.metalattice import Metalattice

Array = NDArray[Any]

NICKEL = Material(saturation=490e3, exchange=9e-12)
"""Nickel without its small anisotropy: Ms in A/m and A in J/m."""

NO_EQUILIBRIUM = "not an equilibrium state"

TIME_UNIT = "(1 + alpha^2)/(alpha gamma mu0 Ms)"
"""Of reduced times: gamma the gyromagnetic ratio in rad/(s T), alpha the damping, Ms the largest one."""

_STARTS = 8  # random starts tried for a balance of the signs
_REFINEMENT = 8  # by which the step is cut where one step skips the wanted number


def lattice_problem(
    lattice: Metalattice, material: Material = NICKEL, *, demag: bool = True, dtype: DTypeLike = np.float32
) -> Problem:
    """Return the superlattice as a micromagnetic problem: its half-full voxels magnetic, the others void.

    Where a dead layer lowers the mean saturation magnetization, exchange falls with its square.

    Raises
    ------
    ValueError
        If a parameter of the material is not uniform.
    """
    for name in ("saturation", "exchange"):
        if np.ndim(getattr(material, name)) != 0:
            raise ValueError(f"{name} is a field; allowed: one number, the lattice says where it holds")
    scale = np.where(lattice.magnet, lattice.saturation, 0).astype(np.float64)
    fields = Material(
        np.asarray(material.saturation) * scale,
        np.asarray(material.exchange) * scale**2,
        anisotropy=material.anisotropy,
        axis=material.axis,
        dmi=material.dmi,
    )
    return Problem(Mesh(_shape(lattice), lattice.voxel_size), fields, demag=demag, dtype=dtype)


def _shape(lattice: Metalattice) -> tuple[int, int, int]:
    nz, ny, nx = lattice.magnet.shape
    return nz, ny, nx


def quench_metalattice(
    lattice: Metalattice,
    *,
    charges: int | None = None,
    density: float | None = None,
    torque: float | None = None,
    imbalance: int | None = None,
    material: Material = NICKEL,
    watch: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
    rng: np.random.Generator,
) -> xr.Dataset:
    """Relax random spins by overdamped dynamics and stop in time.

    Parameters
    ----------
    lattice : Metalattice
    charges : int, optional
        Stop when so many charges of both signs are left, to within a tenth.
    density : float, optional
        The same per m3 of the magnet.
    torque : float, optional
        Stop when the largest torque, ``|m x H|/Ms``, is no larger; no charge need be left then.
    imbalance : int, optional
        Stop only where the numbers of the two signs differ by no more than this, anywhere within the tenth; a start
        on whose way there is no such moment is given up for another, at most eight times. With `charges`, `density`.
    material : Material
        Uniform.
    watch : sequence of callable
        Each called with the number of counts so far and the number of charges, at every count.
    checkpoint : Path, optional
        Beginning of the names of files by which an interrupted quench goes on; removed at the end.
    rng : numpy.random.Generator

    Returns
    -------
    Sample
        Of the origin ``"quenched"``, its features: the lattice's, ``state``, ``requested``, ``found``, ``survived``,
        ``charges``, ``pair_distances``, ``flux``, ``smoothness``, ``torque``, ``quench``, ``survival``.

    Raises
    ------
    ValueError
        If not exactly one goal is given, or it is not to be had.
    """
    wanted = _wanted(lattice, charges, density, torque)
    problem = lattice_problem(lattice, material)

    def attempt(number: int) -> tuple[Relaxation, CountRule]:
        state, fine, counts = (part_of(checkpoint, f"{number}-{part}") for part in ("state", "fine", "counts"))
        rule = CountRule(lattice.magnet, wanted=wanted, torque=torque, imbalance=imbalance, watch=watch, record=counts)
        found = quench(problem, random_start(problem, rng=rng), stop=rule, checkpoint=state)
        if not rule.reached and imbalance is None and rule.before.size:
            rule.go_back()
            step = found.time / (found.evaluations - 1) / _REFINEMENT
            found = quench(problem, rule.before, stop=rule, step=step, checkpoint=fine)
        return found, rule

    starts = 1
    found, rule = attempt(starts)
    while not rule.reached:
        if starts == _STARTS:
            goal = f"charges is {wanted}" if imbalance is None else f"imbalance is {imbalance} at {wanted} charges"
            raise ValueError(f"{goal}; allowed: what one of {starts} random starts comes by")
        starts += 1
        found, rule = attempt(starts)
    requested = {"charges": wanted} if torque is None else {"torque": torque}
    time = rule.survival.time[-1]
    history = {"time": time, "starts": starts, "unit": TIME_UNIT}
    return lattice_sample(
        lattice,
        np.asarray(found.m),
        material,
        origin="quenched",
        state=f"{NO_EQUILIBRIUM}: random spins, quenched to reduced time {time:.4g}; going on removes the charges",
        known={
            "requested": requested | ({} if imbalance is None else {"imbalance": imbalance}),
            "torque": float(found.torque),
            "quench": history,
            "survival": asdict(rule.survival),
        },
    )


def _wanted(lattice: Metalattice, charges: int | None, density: float | None, torque: float | None) -> int | None:
    goals = {"charges": charges, "density": density, "torque": torque}
    given = {name: value for name, value in goals.items() if value is not None}
    if len(given) != 1:
        raise ValueError(f"goals are {sorted(given)}; allowed: one of charges, density, torque")
    name, value = next(iter(given.items()))
    if not (np.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}; allowed: above 0")
    if torque is not None:
        return None
    volume = np.count_nonzero(lattice.magnet) * float(np.prod(lattice.voxel_size))
    wanted = int(value) if charges is not None else round(value * volume)
    most = np.count_nonzero(lattice.magnet) // 20
    if not 1 <= wanted <= most:
        here = "" if charges is not None else f", {wanted} charges here"
        raise ValueError(f"{name} is {value:g}{here}; allowed: 1 to {most} charges")
    return wanted


def survival(
    lattice: Metalattice,
    *,
    until: float,
    material: Material = NICKEL,
    spins: Array | None = None,
    watch: Sequence[Watcher] = (),
    rng: np.random.Generator,
) -> Survival:
    """Count the charges while random spins relax.

    Parameters
    ----------
    lattice : Metalattice
    until : float
        Reduced time at which to end.
    material : Material
        Uniform.
    spins : (3, z, y, x) array, optional
        Where to start instead of random spins.
    watch : sequence of callable
        As for `quench_metalattice`.
    rng : numpy.random.Generator

    Returns
    -------
    Survival

    Raises
    ------
    ValueError
        If `until` is not positive.
    """
    if not (np.isfinite(until) and until > 0):
        raise ValueError(f"until is {until}; allowed: above 0")
    problem = lattice_problem(lattice, material)
    rule = CountRule(lattice.magnet, until=until, watch=watch)
    quench(problem, random_start(problem, rng=rng) if spins is None else spins, stop=rule)
    return rule.survival


def lattice_sample(
    lattice: Metalattice,
    m: Array,
    material: Material,
    *,
    origin: str,
    state: str,
    known: dict[str, Any],
    truth: dict[str, Any] | None = None,
) -> xr.Dataset:
    """Assemble the `Sample` of a superlattice, with what its field holds: charges, flux, smoothness.

    Its ``magnet`` is the solver's geometry, 0 or 1: each cell holds the moment with which it was relaxed.

    Parameters
    ----------
    lattice : Metalattice
    m : (3, z, y, x) array
        Unit vectors in the lattice's `magnet`.
    material : Material
        Uniform.
    origin, state : str
        Where the field comes from, and what it is.
    known : dict
        More features; they replace those found.
    truth : dict, optional
        What `charge_truth` says of `m`, if it is there already.
    """
    saturation = float(material.saturation)  # type: ignore[arg-type]
    uniform = bool(np.all(lattice.saturation[lattice.magnet] == 1))
    found = charge_truth(lattice, m) if truth is None else truth
    return sample.make(
        magnetization=np.where(lattice.magnet, m, 0).astype(np.float32),
        magnet=lattice.magnet.astype(np.float32),
        saturation_magnetization=saturation if uniform else saturation * lattice.saturation,
        voxel_size=lattice.voxel_size,
        origin=origin,
        features=lattice.features()
        | {"material": {"saturation": saturation, "exchange": float(material.exchange)}}  # type: ignore[arg-type]
        | {"state": state, "survived": found["found"], "smoothness": smoothness(m, lattice.magnet)}
        | found
        | known,
    )
