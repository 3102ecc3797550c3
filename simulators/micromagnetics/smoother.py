"""The exchange operator undone, roughly: what makes a quasi-Newton method see walls instead of ripples.

- `Smoother`: divides the spectrum of a vector field by ``1 + (2 A k^2/Ms)/c``.

Exchange makes short waves hundreds of times stiffer than the pull of anisotropy and of the magnet's own field, c.
Undoing that in Fourier space, on the mesh as if it repeated, leaves the slow motion of walls and vortices to the
method: a third of the evaluations. It is symmetric and positive, hence safe; boundaries and voids only make it less
good.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import DTypeLike, NDArray

from optics.units import VACUUM_PERMEABILITY
from simulators.micromagnetics.convolution import WIDTH, Convolution
from simulators.micromagnetics.material import Material
from simulators.micromagnetics.mesh import Mesh

Array = NDArray[Any]

_PULL = 0.5  # of mu0 Ms + 2 Ku/Ms: a typical field that turns a spin as a whole


class Smoother(Convolution):
    """Low-pass filter of vector fields, one where exchange does nothing.

    Parameters
    ----------
    mesh : Mesh
    material : Material
        Its largest values are used.
    dtype : float32 or float64
    """

    def __init__(self, mesh: Mesh, material: Material, *, dtype: DTypeLike) -> None:
        super().__init__(mesh.shape, mesh.shape, dtype=dtype)
        saturation, exchange, anisotropy = (
            float(np.abs(np.asarray(values)).max())
            for values in (material.saturation, material.exchange, material.anisotropy)
        )
        pull = _PULL * (VACUUM_PERMEABILITY * saturation + 2 * anisotropy / saturation)
        ratio = 2 * exchange / (saturation * pull)
        z, y, x = (_stiffness(n, size) for n, size in zip(mesh.shape, mesh.cell, strict=True))
        x = x[: mesh.shape[2] // 2 + 1]
        passed = 1 / (1 + ratio * (z[:, None, None] + y[:, None] + x))
        firsts = range(0, len(x), WIDTH)
        self._passed = [np.ascontiguousarray(passed[..., first : first + WIDTH], self.dtype) for first in firsts]

    def multiply(self, block: Array, column: int, first_y: int) -> None:
        """Multiply a block of spectra by the filter, in place."""
        passed = self._passed[column]
        pairs = block.view(self.dtype).reshape(*block.shape[:2], 3, -1)
        _multiply(pairs, passed, first_y)


def _stiffness(n: int, size: float) -> Array:
    """Return the eigenvalues of minus the second difference, 1/m2, by frequency."""
    return np.asarray((2 - 2 * np.cos(2 * np.pi * np.arange(n) / n)) / size**2)


@njit(cache=True, nogil=True, error_model="numpy")
def _multiply(pairs, passed, first_y):  # type: ignore[no-untyped-def]
    depth, columns, _, width = pairs.shape
    for z in range(depth):
        for y in range(columns):
            for component in range(3):
                for x in range(width):
                    pairs[z, y, component, x] *= passed[z, first_y + y, x // 2]
