"""Which kernel computes the batches of a problem.

- `Kernel`: what all of them offer; `make_kernel`: the fastest that can do it.
"""

from typing import Any

from numpy.typing import NDArray

from reconstructors.ptychography.kernels.fused_kernel import FusedKernel, can_fuse
from reconstructors.ptychography.kernels.library_kernel import LibraryKernel

Array = NDArray[Any]
Kernel = LibraryKernel


def make_kernel(
    shape: tuple[int, int],
    modes: int,
    object_shape: tuple[int, int],
    *,
    valid: Array,
    background: Array | None = None,
    transfer: Array | None = None,
) -> Kernel:
    """Return the kernel for frames of `shape`; the parameters are those of `LibraryKernel`."""
    if transfer is None and can_fuse(shape):
        return FusedKernel(shape, modes, object_shape, valid=valid, background=background)
    return LibraryKernel(shape, modes, object_shape, valid=valid, background=background, transfer=transfer)
