"""One batch of frames by library transforms: any frame size, far or near field.

- `LibraryKernel`: from object and probe to the change that the data ask for, and its sums.

Gradients and projections after Maiden, Johnson, Li, Optica 4, 736 (2017); mixed states after Thibault and Menzel,
Nature 494, 68 (2013).
"""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.ptychography.kernels import frame_loops
from reconstructors.ptychography.kernels.likelihoods import check_likelihood
from reconstructors.ptychography.kernels.sums import Sums

Array = NDArray[Any]

_BLOCK_BYTES = 4 << 20


class LibraryKernel:
    """Frames of one size against one set of valid pixels.

    Parameters
    ----------
    shape : tuple of int
        Pixels (ny, nx) of a frame.
    modes : int
        Of the probe.
    object_shape : tuple of int
    valid : (ny, nx) bool array
        Unshifted: zero frequency first. In the near field: as the detector sees it.
    background : (ny, nx) float32 array, optional
        Photons per pixel that do not come from the sample plane, in the order of `valid`.
    transfer : (ny, nx) complex64 array, optional
        Unshifted transfer function from the sample to the detector; None is the far field.

    Attributes
    ----------
    packing : str
        Equal for kernels whose `pack` gives equal results.
    """

    def __init__(
        self,
        shape: tuple[int, int],
        modes: int,
        object_shape: tuple[int, int],
        *,
        valid: Array,
        background: Array | None = None,
        transfer: Array | None = None,
    ) -> None:
        self.shape, self.modes, self.object_shape = shape, modes, object_shape
        self._valid = np.ascontiguousarray(valid, np.bool_)
        self.packing = f"{type(self).__qualname__} {shape} {hashlib.sha256(self._valid.tobytes()).hexdigest()}"
        self._background = np.zeros(shape, np.float32) if background is None else background.astype(np.float32)
        self._transfer = None if transfer is None else transfer.astype(np.complex64)
        frame = 8 * modes * shape[0] * shape[1]
        self._block = max(1, _BLOCK_BYTES // frame)

    def pack(self, amplitudes: Array) -> Array:
        """Return measured amplitudes (frames, ny, nx) as `accumulate` takes them."""
        return np.ascontiguousarray(amplitudes, np.float32)

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
        """Add what the frames of a batch say to `sums`.

        Parameters
        ----------
        object_ : (Y, X) complex64 array
        probe : (modes, ny, nx) complex64 array
        packed : (frames, ...) float32 array
            From `pack`.
        corners : (frames, 2) int64 array
            First object pixel (y, x) of each frame.
        sums : Sums
            Added to, in place.
        factors : pair of (frames, ny) and (frames, nx) complex64 arrays, optional
            Separable factors on the unshifted spectrum of the probe: its shift and defocus in each frame.
        scale : (frames,) float32 array, optional
            Factor on the amplitude of the probe in each frame.
        want_object, want_probe : bool
        moments : (frames, 6) float64 array, optional
            Written: see `sums.MOMENTS`.
        likelihood : {"amplitude", "poisson"}
        places : (frames,) int64 array, optional
            Where in `packed`, which then may hold others too, each frame is.

        Returns
        -------
        (frames,) float64 array
            Sum of squared amplitude differences on valid pixels.
        """
        errors = np.zeros(len(corners))
        spectrum = np.zeros_like(sums.probe_numerator) if factors is not None and want_probe else None
        for first in range(0, len(corners), self._block):
            part = slice(first, min(first + self._block, len(corners)))
            here = None if factors is None else (factors[0][part], factors[1][part])
            scales = np.ones(part.stop - first, np.float32) if scale is None else scale[part].astype(np.float32)
            probes = self._probes(probe, here)
            data = packed[part if places is None else places[part]]
            chi = self._changes(object_, probes, data, corners[part], scales, likelihood, errors[part])
            if moments is not None:
                frame_loops.moments(object_, probes, corners[part], scales, chi, moments[part])
            if want_object:
                frame_loops.add_to_object(
                    probes, corners[part], scales, chi, sums.object_numerator, sums.object_weight
                )  # fmt: skip
            if want_probe:
                frame_loops.add_to_probe(object_, corners[part], scales, chi, sums.probe_weight)
                if here is None or spectrum is None:
                    frame_loops.sum_frames(chi, sums.probe_numerator)
                else:
                    back = fourier.fft2(chi, overwrite=True)
                    frame_loops.sum_factored(back, here[0], here[1], spectrum)
        if spectrum is not None:
            sums.probe_numerator += fourier.ifft2(spectrum, overwrite=True)
        return errors

    def project(
        self,
        object_: Array,
        probe: Array,
        packed: Array,
        corners: Array,
        *,
        factors: tuple[Array, Array] | None = None,
        scale: Array | None = None,
        likelihood: str = "amplitude",
    ) -> tuple[Array, Array]:
        """Return the changes (frames, modes, ny, nx) that the data ask of the exit waves, and the frames' errors."""
        errors = np.zeros(len(corners))
        scales = np.ones(len(corners), np.float32) if scale is None else scale.astype(np.float32)
        chi = self._changes(object_, self._probes(probe, factors), packed, corners, scales, likelihood, errors)
        return chi, errors

    def change(self, waves: Array, packed: Array, *, likelihood: str = "amplitude") -> tuple[Array, Array]:
        """Return the changes that the data ask of given exit waves (frames, modes, ny, nx), and the frames' errors."""
        errors = np.zeros(len(waves))
        return self._change(waves.copy(), packed, likelihood, errors), errors

    def shifted_probes(self, probe: Array, factors: tuple[Array, Array] | None) -> Array:
        """Return the probe of each frame: (frames, modes, ny, nx), or (1, modes, ny, nx) where all are the same."""
        return self._probes(probe, factors)

    def _probes(self, probe: Array, factors: tuple[Array, Array] | None) -> Array:
        if factors is None:
            return probe[None]
        spectrum = fourier.fft2(probe)
        return fourier.ifft2(frame_loops.factored(spectrum, factors[0], factors[1]), overwrite=True)

    def _changes(
        self,
        object_: Array,
        probes: Array,
        packed: Array,
        corners: Array,
        scales: Array,
        likelihood: str,
        errors: Array,
    ) -> Array:
        waves = np.empty((len(corners), self.modes, *self.shape), np.complex64)
        frame_loops.exit_waves(object_, probes, corners, scales, waves)
        return self._change(waves, packed, likelihood, errors)

    def _change(self, waves: Array, packed: Array, likelihood: str, errors: Array) -> Array:
        check_likelihood(likelihood)
        field = self._to_detector(waves)
        frame_loops.towards_data(field, packed, self._valid, self._background, likelihood == "poisson", errors)
        return self._from_detector(field)

    def _to_detector(self, waves: Array) -> Array:
        field = fourier.fft2(waves, overwrite=True)
        if self._transfer is None:
            return field
        field *= self._transfer
        return fourier.ifft2(field, overwrite=True)

    def _from_detector(self, field: Array) -> Array:
        if self._transfer is None:
            return fourier.ifft2(field, overwrite=True)
        field = fourier.fft2(field, overwrite=True)
        field *= self._transfer.conj()
        return fourier.ifft2(field, overwrite=True)
