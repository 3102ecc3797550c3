"""Non-uniform Fourier transforms of volumes: spectra at any points, planned once and used often.

- `NonuniformPlan`: of one set of points; `evaluate` (grid to points) and its adjoint `spread`;
- `plan_points`: make one; `check_accuracy`: whether it can be reached.

Beside `numerics.fourier`, which has those of images, the only module that calls a transform library.
One thread serves one grid, so the bytes do not depend on the number of threads; several grids run side by side.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import finufft
import numpy as np
from numpy.typing import NDArray

from numerics.threads import threads

Array = NDArray[Any]

_SINGLE_LIMIT = 1e-6
_UPSAMPLING = 1.25
_WIDEST_KERNEL = {np.dtype(np.complex64): 1e-4, np.dtype(np.complex128): 1e-8}
"""Accuracy down to which the library's small upsampling is good."""


@dataclass(eq=False)
class NonuniformPlan:
    """Spectra of volumes at fixed points.

    Attributes
    ----------
    shape : tuple of int
        Of the grids (z, y, x); index ``n//2`` is the origin.
    points : (3, n) array
        Angular frequencies (z, y, x), radian per sample; kept, for the library reads them at every use.
    dtype : complex dtype
        Of grids and values.
    accuracy : float
        Relative.
    """

    shape: tuple[int, int, int]
    points: Array
    dtype: Any
    accuracy: float

    def __post_init__(self) -> None:
        self._plans: dict[tuple[int, int], Any] = {}

    def evaluate(self, grids: Array) -> Array:
        """Return ``sum_r grid[r] exp(-i p.r)`` at all points: (m, z, y, x) to (m, n)."""
        out = np.empty((len(grids), self.points.shape[1]), self.dtype)

        def one(index: int, lane: int) -> None:
            self._plan(2, lane).execute(np.ascontiguousarray(grids[index], self.dtype), out=out[index])

        self._deal(one, len(grids))
        return out

    def spread(self, values: Array) -> Array:
        """Apply the adjoint of `evaluate`, ``sum_j values[j] exp(+i p_j.r)``: (m, n) to (m, z, y, x)."""
        out = np.empty((len(values), *self.shape), self.dtype)

        def one(index: int, lane: int) -> None:
            self._plan(1, lane).execute(np.ascontiguousarray(values[index], self.dtype), out=out[index])

        self._deal(one, len(values))
        return out

    def _plan(self, kind: int, lane: int) -> Any:
        """Return the library's plan: each thread has its own, for it holds work space."""
        if (kind, lane) not in self._plans:
            options: dict[str, Any] = {"nthreads": 1}
            if self.accuracy >= _WIDEST_KERNEL[np.dtype(self.dtype)]:
                options["upsampfac"] = _UPSAMPLING
            sign = -1 if kind == 2 else 1
            plan = finufft.Plan(
                kind, self.shape, eps=self.accuracy, isign=sign, dtype=np.dtype(self.dtype).name, **options
            )
            plan.setpts(*self.points)
            self._plans[kind, lane] = plan
        return self._plans[kind, lane]

    def _deal(self, one: Any, count: int) -> None:
        lanes = min(threads(), count)
        if lanes == 1:
            for index in range(count):
                one(index, 0)
            return

        def work(lane: int) -> None:
            for index in range(lane, count, lanes):
                one(index, lane)

        with ThreadPoolExecutor(lanes) as pool:
            list(pool.map(work, range(lanes)))


def plan_points(shape: tuple[int, int, int], points: Array, *, dtype: Any, accuracy: float) -> NonuniformPlan:
    """Plan the spectra of grids of `shape` at `points`.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    points : (3, n) array
        Angular frequencies (z, y, x), radian per sample, within one period either way.
    dtype : complex64 or complex128
    accuracy : float
        Relative; single precision reaches 1e-6.

    Raises
    ------
    ValueError
        If the accuracy is out of reach.
    """
    check_accuracy(accuracy, dtype)
    real = np.float32 if np.dtype(dtype) == np.complex64 else np.float64
    return NonuniformPlan(shape, np.ascontiguousarray(points, real), np.dtype(dtype), accuracy)


def check_accuracy(accuracy: float, dtype: Any) -> None:
    """Check that numbers of `dtype`, complex64 or complex128, reach `accuracy`; else a ValueError."""
    least = _SINGLE_LIMIT if np.dtype(dtype) == np.complex64 else 1e-15
    if not least <= accuracy < 1:
        raise ValueError(f"accuracy is {accuracy}; allowed: {least:g} to 1 for {np.dtype(dtype).name}")
