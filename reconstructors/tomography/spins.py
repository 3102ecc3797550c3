"""Directions of the magnetization: the data term, exchange and its torque over unit vectors, by limited-memory BFGS.

- `Spins`: the solver, on ``m = fill n`` with ``|n| = 1``;
- `Directions`: its state;
- `Magnet`: where the spins are, packed.

Unit vectors know what no projection measures: most of the longitudinal part. They are no convex set, so start from a
linear solution and lower the exchange in steps.

A magnetization at rest has no torque, ``m x H = 0`` (Brown, Micromagnetics, 1963), and below the exchange length H is
mostly that of exchange. Noise has one between every two voxels. The energy of exchange costs hedgehogs their lives, for
it is less without them; its torque does not, for a hedgehog is at rest.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.tomography import spin_kernels as kernels
from reconstructors.tomography.data_term import DataTerm

Array = NDArray[Any]

_ARMIJO, _SHORTER, _SHORTEST = 1e-4, 0.4, 1e-3
_FIRST_TURN, _TURN = 0.3, 0.7
"""Radian: largest turn of a spin in the first step and in others."""
_CURVED = 1e-10
"""Least cosine between a move and the change of the gradient that is remembered."""


@dataclass(frozen=True, eq=False)
class Magnet:
    """Voxels that hold spins.

    Attributes
    ----------
    shape : tuple of int
        Of the volume (z, y, x).
    sites : (n,) int64 array
        Flat indices of the voxels with magnet in them.
    weight : (n,) float32 array
        Their fill.
    neighbours : (n, 6) int32 array
        Packed index of each neighbour, -1 for none.
    """

    shape: tuple[int, int, int]
    sites: Array
    weight: Array
    neighbours: Array

    @classmethod
    def of(cls, fill: Array) -> "Magnet":
        """Pack the voxels of `fill`, (z, y, x), that are above 0."""
        sites = np.flatnonzero(fill)
        place = np.full(fill.size, -1, np.int32)
        place[sites] = np.arange(len(sites))
        neighbours = np.empty((len(sites), 6), np.int32)
        depth, height, width = fill.shape
        kernels.neighbours_of(place, sites, (depth, height, width), neighbours)
        return cls((depth, height, width), sites, fill.ravel()[sites].astype(np.float32), neighbours)

    def packed(self, volume: Array, *, weighted: bool) -> Array:
        """Return the vectors (n, 3) of `volume`, (3, z, y, x), times the fill if `weighted`."""
        out = np.empty((len(self.sites), 3), np.float32)
        kernels.gather_field(volume.reshape(3, -1), self.sites, self._factor(weighted), out)
        return out

    def volume(self, packed: Array, *, weighted: bool) -> Array:
        """Return (3, z, y, x) of vectors (n, 3), 0 outside, times the fill if `weighted`."""
        out = np.zeros((3, *self.shape), np.float32)
        kernels.scatter_field(packed, self.sites, self._factor(weighted), out.reshape(3, -1))
        return out

    def _factor(self, weighted: bool) -> Array:
        return self.weight if weighted else np.ones_like(self.weight)


@dataclass(eq=False)
class Directions:
    """State of `Spins`.

    Attributes
    ----------
    term : DataTerm
    n : (n, 3) float32 array
        Unit vectors.
    gradient : (n, 3) float32 array
        Of the whole cost, across `n`.
    cost, squared : float
        Cost, and ``sum w r^2`` alone.
    memory : list of (s, y, 1/<s, y>)
        Moves and changes of the gradient, oldest first.
    ended : bool
        No descent is left: the state no longer changes.
    pairs : float
        Forward and adjoint projections so far, half a pair each.
    """

    term: DataTerm
    n: Array
    gradient: Array
    cost: float
    squared: float
    memory: list[tuple[Array, Array, float]] = field(default_factory=list)
    ended: bool = False
    pairs: float = 0.0


@dataclass(frozen=True, eq=False)
class Spins:
    """Riemannian L-BFGS with a preconditioner in Fourier space.

    Attributes
    ----------
    magnet : Magnet
    curvature : float
        L, the largest of the data term on the fill.
    exchange : float
        lambda over L: ``lambda/2 sum |n_i - n_j|^2`` over bonds of the smaller fill of the two is added to the cost.
    torque : float
        tau over L: ``tau sum (|h_i|^2 - |h_i| h_i n_i) / w_i`` is added, with h_i the sum of n_j over the same bonds
        and w_i the fill. At small angles that is ``tau/2 sum |n_i x h_i|^2 / w_i``.
    remembered : int
        Steps in the memory.
    lowest : float
        Frequency, cycles per voxel, below which the curvature of the data is taken as L; above, it falls as 1/f, the
        density of slices.

    Notes
    -----
    A step never raises the cost: where no step does, the memory is dropped, then the search ends. Vectors of the memory
    are projected into the tangent space where they are used; that is the transport.
    """

    magnet: Magnet
    curvature: float
    exchange: float = 0.0
    torque: float = 0.0
    remembered: int = 10
    lowest: float = 0.03

    def init(self, term: DataTerm, m: Array) -> Directions:
        """Start from the directions of `m`, (3, z, y, x); where it is 0, along z."""
        n = self.magnet.packed(m, weighted=False)
        length = np.linalg.norm(n, axis=1)
        n[~(length > 0)] = (0, 0, 1)
        n /= np.where(length > 0, length, 1)[:, None]
        rest, squared = term.residual(self._project(term, n))
        return Directions(term, n, self._gradient(term, n, rest), self._cost(n, squared), squared, pairs=1.0)

    def step(self, state: Directions) -> Directions:
        """Take one step; the new state replaces the old one in place."""
        if state.ended:
            return state
        direction = self._direction(state)
        slope = kernels.dot(state.gradient, direction)
        if not slope < 0:
            state.memory.clear()
            direction = -self._preconditioned(state.gradient, state.n)
            slope = kernels.dot(state.gradient, direction)
        if not self._search(state, direction, slope):
            state.ended = not state.memory
            state.memory.clear()
        return state

    def error(self, state: Directions) -> float:
        """Return the misfit."""
        return state.term.relative(state.squared)

    def m(self, state: Directions) -> Array:
        """Return the magnetization (3, z, y, x)."""
        return self.magnet.volume(state.n, weighted=True)

    def _search(self, state: Directions, direction: Array, slope: float) -> bool:
        """Shorten the step until the cost falls as it should, and take it; return whether there was one."""
        largest = np.sqrt(kernels.to_tangent(direction, state.n, np.float32(1)))
        limit = _TURN if state.memory else _FIRST_TURN
        length = min(1.0, limit / max(largest, 1e-12))
        new = np.empty_like(state.n)
        while length > _SHORTEST:
            kernels.moved(state.n, np.float32(length), direction, new)
            rest, squared = state.term.residual(self._project(state.term, new))
            state.pairs += 0.5
            cost = self._cost(new, squared)
            if cost <= state.cost + _ARMIJO * length * slope:
                self._accept(state, new, rest, cost, squared)
                return True
            length *= _SHORTER
        return False

    def _accept(self, state: Directions, new: Array, rest: Array, cost: float, squared: float) -> None:
        gradient = self._gradient(state.term, new, rest)
        state.pairs += 0.5
        s, y = np.empty_like(new), np.empty_like(new)
        kernels.carry(state.n, new, state.gradient, gradient, s, y)
        product = kernels.dot(s, y)
        if product > _CURVED * np.sqrt(kernels.dot(s, s) * kernels.dot(y, y)):
            state.memory.append((s, y, 1 / product))
            del state.memory[: -self.remembered]
        state.n, state.gradient, state.cost, state.squared = new, gradient, cost, squared

    def _direction(self, state: Directions) -> Array:
        """Return minus the estimated inverse Hessian times the gradient, by the two loops."""
        q, n = state.gradient.copy(), state.n
        shares = []
        for s, y, inverse in reversed(state.memory):
            share = inverse * kernels.dot(s, q)
            shares.append(share)
            kernels.subtract_along(q, np.float32(share), y)
            kernels.to_tangent(q, n, np.float32(1))
        q = self._preconditioned(q, n)
        if state.memory:
            s, y, inverse = state.memory[-1]
            q *= np.float32(1 / (inverse * self._preconditioned_square(y)))
        for (s, y, inverse), share in zip(state.memory, reversed(shares), strict=True):
            kernels.subtract_along(q, np.float32(inverse * kernels.dot(y, q) - share), s)
            kernels.to_tangent(q, n, np.float32(1))
        return -q

    def _preconditioned(self, v: Array, n: Array) -> Array:
        """Return the part across `n` of `v` over the curvature that the cost has at each frequency."""
        shape = self.magnet.shape
        spectrum = fourier.rfftn(self.magnet.volume(v, weighted=False), axes=(1, 2, 3))
        spectrum *= self._inverse_curvature
        out = self.magnet.packed(fourier.irfftn(spectrum, shape, axes=(1, 2, 3)), weighted=False)
        kernels.to_tangent(out, n, np.float32(1))
        return out

    def _preconditioned_square(self, y: Array) -> float:
        """Return ``<y, P y>`` of a tangent `y`, `_preconditioned` being P: by Parseval, without the way back."""
        spectrum = fourier.rfftn(self.magnet.volume(y, weighted=False), axes=(1, 2, 3))
        power = np.square(spectrum.real) + np.square(spectrum.imag)
        # the half spectrum stands for both halves, but for what has no partner
        power[..., 1 : (self.magnet.shape[2] + 1) // 2] *= 2
        power *= self._inverse_curvature
        return float(power.sum(dtype=np.float64))

    @cached_property
    def _inverse_curvature(self) -> Array:
        shape = self.magnet.shape
        f = [fourier.unshifted_frequencies(size, 1.0) for size in shape[:2]]
        last = fourier.half_frequencies(shape[2], 1.0)
        squared = f[0][:, None, None] ** 2 + f[1][None, :, None] ** 2 + last**2
        data = self.lowest / np.maximum(np.sqrt(squared), self.lowest)
        laplacian = 4 * np.pi**2 * squared
        rest = self.exchange * laplacian + self.torque * laplacian**2
        return np.asarray(1 / (self.curvature * (data + rest)), np.float32)

    def _project(self, term: DataTerm, n: Array) -> Array:
        return term.forward(self.magnet.volume(n, weighted=True))

    def _gradient(self, term: DataTerm, n: Array, rest: Array) -> Array:
        data = self.magnet.packed(term.adjoint(rest), weighted=True)
        out = np.empty_like(n)
        bonds = self.magnet.weight, self.magnet.neighbours
        kernels.tangent_gradient(n, data, np.float32(self.exchange * self.curvature), *bonds, out)
        if self.torque > 0:
            pull, push = np.empty_like(n), np.empty_like(n)
            kernels.misalignment(n, *bonds, pull, push)
            kernels.add_misalignment_gradient(n, pull, push, np.float32(self.torque * self.curvature), *bonds, out)
        return out

    def _cost(self, n: Array, squared: float) -> float:
        cost, bonds = 0.5 * squared, (self.magnet.weight, self.magnet.neighbours)
        if self.exchange > 0:
            cost += self.exchange * self.curvature * kernels.exchange_energy(n, *bonds)
        if self.torque > 0:
            cost += self.torque * self.curvature * kernels.misalignment(n, *bonds, np.empty_like(n), np.empty_like(n))
        return cost
