"""One batch of far-field frames at the speed of the machine: transforms, modulus and sums in one pass over a frame.

- `FusedKernel`: what `library_kernel.LibraryKernel` computes; `can_fuse`: for which frames.

A frame stays in one core's cache; amplitudes wait in the order in which they are met, so that nothing is reordered.
"""

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from numerics.lanes import LANES, aligned
from numerics.line_fft import PAIR, line, sizes
from numerics.threads import threads
from reconstructors.ptychography.kernels import fused_layout as layout
from reconstructors.ptychography.kernels.fused_frames import BLOCK
from reconstructors.ptychography.kernels.fused_helper import Helper
from reconstructors.ptychography.kernels.fused_work import OWN, change_waves, new_state, work
from reconstructors.ptychography.kernels.library_kernel import LibraryKernel
from reconstructors.ptychography.kernels.likelihoods import check_likelihood
from reconstructors.ptychography.kernels.sums import MOMENTS, Sums

Array = NDArray[Any]

_SLOT_BYTES = 32 << 20
"""What the frames at work on a second thread may take."""

_LEAST_SHARED = 4
"""Frames of a batch below which a second thread is not worth waking."""

_NONE = np.zeros(0, np.float32)


def can_fuse(shape: tuple[int, int]) -> bool:
    """Return whether `FusedKernel` takes frames of `shape` pixels."""
    return all(n in sizes() for n in shape)


class FusedKernel(LibraryKernel):
    """Frames of one size against one set of valid pixels, in the far field.

    Uses at most two threads: more are better spent on other projections. Results do not depend on their number.

    Parameters
    ----------
    shape : tuple of int
        Pixels (ny, nx) of a frame, each one of `numerics.line_fft.sizes`.
    modes, object_shape, valid, background
        As in `LibraryKernel`.

    Raises
    ------
    ValueError
        If `can_fuse` says no.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        modes: int,
        object_shape: tuple[int, int],
        *,
        valid: Array,
        background: Array | None = None,
    ) -> None:
        super().__init__(shape, modes, object_shape, valid=valid, background=background)
        ny, nx = shape
        self._plan = (*line(ny), *line(nx), ny, nx, modes)
        self._dark = np.zeros(BLOCK, np.float32) if background is None else self._packed_background()
        size = 2 * modes * ny * nx
        self._probe, self._spectrum, self._probe_sums = (aligned((size,)) for _ in range(3))
        self._probe_weight = aligned((ny * nx,))
        self._rooms = [self._room() for _ in range(2)]
        self._slots = (_NONE, _NONE, np.zeros(0))
        self._helper = Helper()

    def _packed_background(self) -> Array:
        scaled = self._background[None] * np.float32(np.sqrt(self._background.size))
        return np.asarray(layout.packed(scaled, np.ones(self.shape, np.bool_)).reshape(-1))

    def _room(self) -> tuple[Array, ...]:
        ny, nx = self.shape
        return aligned((PAIR * max(ny, nx),)), aligned((2 * BLOCK,)), aligned((2 * (ny + 2) * (nx + 2),))

    def pack(self, amplitudes: Array) -> Array:
        """Return measured amplitudes (frames, ny, nx) as `accumulate` takes them: (frames, ny / 16, nx, 16) float32."""
        return layout.packed(np.ascontiguousarray(amplitudes, np.float32), self._valid)

    def accumulate(
        self,
        object_: Array,
        probe: Array,
        packed: Array,
        corners: Array,
        sums: Sums,
        *,
        factors: tuple[Array, Array] | None = None,
        scale: Array | None = None,
        want_object: bool = True,
        want_probe: bool = True,
        moments: Array | None = None,
        likelihood: str = "amplitude",
        places: Array | None = None,
    ) -> Array:
        """Add what the frames of a batch say to `sums`; parameters and result are those of `LibraryKernel`."""
        frames, (ny, nx) = len(corners), self.shape
        self._check(packed, corners, likelihood, places)
        errors = np.zeros(frames)
        scales = np.ones(frames, np.float32) if scale is None else np.asarray(scale, np.float32)
        switches = (likelihood == "poisson", want_object, want_probe, moments is not None, factors is not None)
        lines = (_NONE, _NONE) if factors is None else layout.packed_factors(factors)
        layout.strips_from_images(_flat(probe), self._probe, ny, nx)
        if factors is not None:
            layout.spectra_from_strips(self._probe, self._spectrum, self._plan)
        if want_probe:
            self._probe_sums.fill(0)
            self._probe_weight.fill(0)
        order = np.arange(frames) if places is None else np.asarray(places, np.int64)
        batch = (_flat(object_), np.asarray(corners, np.int64), scales, _flat(packed), self._dark, order, *lines)
        totals = (_own(sums.object_numerator), _own(sums.object_weight), self._probe_sums, self._probe_weight)
        found = (errors, np.zeros((0, len(MOMENTS))) if moments is None else moments)
        self._run(batch, totals, found, switches)
        if want_probe:
            self._add_probe(sums, factors is not None)
        return errors

    def _check(self, packed: Array, corners: Array, likelihood: str, places: Array | None = None) -> None:
        (ny, nx), room = self.shape, np.subtract(self.object_shape, self.shape)
        frames = len(corners) if places is None else len(packed)
        if packed.shape != (frames, ny // LANES, nx, LANES):
            raise ValueError(f"packed has shape {packed.shape}; allowed: {frames} frames from pack")
        if places is not None and (len(places) != len(corners) or places.min() < 0 or places.max() >= frames):
            raise ValueError(f"places has {len(places)} numbers; allowed: {len(corners)}, from 0 to {frames - 1}")
        if len(corners) and (corners.min() < 0 or (corners.max(0) > room).any()):
            raise ValueError(f"corners go from {corners.min(0)} to {corners.max(0)}; allowed: from 0 to {room}")
        check_likelihood(likelihood)

    def _run(self, batch: Any, totals: Any, found: Any, switches: tuple[bool, ...]) -> None:
        frames, factored = len(batch[1]), switches[-1]
        helped = frames >= _LEAST_SHARED and threads() > 1 and self._helper.wanted(switches)
        group = frames
        if helped:
            group = min(frames, max(OWN, _SLOT_BYTES // (self._probe.nbytes * (2 if factored else 1))))
        slots = self._slots_for(OWN + group + 1 if helped else 1, factored)
        probe = self._spectrum if factored else self._probe
        tail = (totals, found, np.array(switches, np.int64), self._plan)
        begin = time.perf_counter()
        for start in range(0, frames, group):
            head = (new_state(min(group, frames - start)), start, probe, self.object_shape[1], batch, slots)
            if helped and self._helper.free():
                self._helper.start(work, True, *head, self._rooms[1], *tail)
            work(False, *head, self._rooms[0], *tail)
            self._helper.dismiss()
        if frames >= _LEAST_SHARED and threads() > 1:
            self._helper.note(switches, helped, (time.perf_counter() - begin) / frames)

    def _slots_for(self, count: int, factored: bool) -> tuple[Array, ...]:
        rows, probes, errors = self._slots
        size = self._probe.size * count
        if rows.size < size:
            rows, errors = aligned((size,)), np.zeros(count)
        if factored and probes.size < size:
            probes = aligned((size,))
        self._slots = (rows, probes, errors)
        return rows, probes if factored else self._probe, errors

    def _add_probe(self, sums: Sums, factored: bool) -> None:
        (ny, nx), strips = self.shape, self._probe_sums
        if factored:
            strips = self._probe
            layout.strips_from_spectra(self._probe_sums, strips, self._plan)
        layout.add_strips_to_images(strips, _own(sums.probe_numerator), ny, nx)
        layout.add_weights_to_image(self._probe_weight, _own(sums.probe_weight), ny, nx)

    def _change(self, waves: Array, packed: Array, likelihood: str, errors: Array) -> Array:
        frames = len(waves)
        self._check(packed, np.zeros((frames, 2), np.int64), likelihood)
        measured, size = _flat(packed), waves[0].size

        def change(first: int, last: int) -> None:
            flat = _own(waves[first:last])
            data = (measured, first, self._dark)
            room, rows = self._room(), aligned((2 * size,))
            change_waves(flat, data, likelihood == "poisson", rows, room, errors[first:last], self._plan)

        fourier.in_blocks(change, frames, max(1, -(-frames // threads())))
        return waves


def _flat(array: Array) -> Array:
    """Return what kernels read as flat float32; they are compiled for arrays that may be written."""
    kind = np.complex64 if np.iscomplexobj(array) else np.float32
    whole = np.ascontiguousarray(array, kind)
    return (whole if whole.flags.writeable else whole.copy()).view(np.float32).reshape(-1)


def _own(array: Array) -> Array:
    """Return what kernels write as flat float32, a view."""
    if not array.flags.c_contiguous or array.dtype not in (np.complex64, np.float32):
        raise ValueError(f"sums have an array of {array.dtype}, not contiguous or not single; allowed: those of Sums")
    return array.view(np.float32).reshape(-1)
