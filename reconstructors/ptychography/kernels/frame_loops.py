"""Element-wise passes over the frames of a batch, for `library_kernel`.

- `factored`: the spectra of the probe in each frame; `exit_waves`; `towards_data`: the change that the data ask for;
- `add_to_object`, `add_to_probe`, `sum_frames`, `sum_factored`: sums over the frames; `moments`: sums within each.

Loops over frames or over rows run on all threads; every sum has one order, whatever their number.
"""

from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[Any]

_TINY = np.float32(1e-18)


@njit(cache=True, parallel=True, error_model="numpy")
def factored(spectrum: Array, factor_y: Array, factor_x: Array) -> Array:
    """Return ``factor_y[j] factor_x[j] spectrum`` for every frame j: (frames, modes, ny, nx)."""
    frames, (modes, ny, nx) = len(factor_y), spectrum.shape
    out = np.empty((frames, modes, ny, nx), np.complex64)
    for j in prange(frames):
        for mode in range(modes):
            for y in range(ny):
                row = factor_y[j, y]
                for x in range(nx):
                    out[j, mode, y, x] = row * factor_x[j, x] * spectrum[mode, y, x]
    return out


@njit(cache=True, parallel=True, error_model="numpy")
def exit_waves(object_: Array, probes: Array, corners: Array, scales: Array, out: Array) -> None:
    """Write probe times object into `out`, (frames, modes, ny, nx)."""
    frames, modes, ny, nx = out.shape
    own = np.int64(len(probes) > 1)
    for j in prange(frames):
        cy, cx = corners[j, 0], corners[j, 1]
        of = np.int64(j) * own
        for mode in range(modes):
            for y in range(ny):
                for x in range(nx):
                    out[j, mode, y, x] = scales[j] * probes[of, mode, y, x] * object_[cy + y, cx + x]


@njit(cache=True, parallel=True, error_model="numpy")
def towards_data(
    field: Array, amplitudes: Array, valid: Array, background: Array, poisson: bool, errors: Array
) -> None:
    """Replace waves at the detector by the change that the data ask for; add to the frames' `errors`."""
    frames, modes, ny, nx = field.shape
    for j in prange(frames):
        total = 0.0
        for y in range(ny):
            for x in range(nx):
                if not valid[y, x]:
                    for mode in range(modes):
                        field[j, mode, y, x] = 0
                    continue
                model = background[y, x]
                for mode in range(modes):
                    value = field[j, mode, y, x]
                    model += value.real * value.real + value.imag * value.imag
                amplitude = amplitudes[j, y, x]
                root = np.sqrt(model)
                total += (root - amplitude) * (root - amplitude)
                ratio = amplitude / max(root, _TINY)
                change = (ratio * ratio if poisson else ratio) - np.float32(1)
                for mode in range(modes):
                    field[j, mode, y, x] *= change
        errors[j] += total


@njit(cache=True, parallel=True, error_model="numpy")
def add_to_object(probes: Array, corners: Array, scales: Array, chi: Array, numerator: Array, weight: Array) -> None:
    """Add ``conj(P) chi`` and ``|P|²`` of all frames, row by row of the object."""
    frames, modes, ny, nx = chi.shape
    own = np.int64(len(probes) > 1)
    for row in prange(numerator.shape[0]):
        for j in range(frames):
            y = row - corners[j, 0]
            if y < 0 or y >= ny:
                continue
            cx, of, scale = corners[j, 1], np.int64(j) * own, scales[j]
            for mode in range(modes):
                for x in range(nx):
                    wave = scale * probes[of, mode, y, x]
                    numerator[row, cx + x] += wave.conjugate() * chi[j, mode, y, x]
                    weight[row, cx + x] += wave.real * wave.real + wave.imag * wave.imag


@njit(cache=True, parallel=True, error_model="numpy")
def add_to_probe(object_: Array, corners: Array, scales: Array, chi: Array, weight: Array) -> None:
    """Multiply `chi` by ``conj(O)``, in place; add ``|O|²`` of all frames to `weight`."""
    frames, modes, ny, nx = chi.shape
    for y in prange(ny):
        for j in range(frames):
            cy, cx, scale = corners[j, 0], corners[j, 1], scales[j]
            for x in range(nx):
                value = scale * object_[cy + y, cx + x]
                weight[y, x] += value.real * value.real + value.imag * value.imag
                for mode in range(modes):
                    chi[j, mode, y, x] *= value.conjugate()


@njit(cache=True, parallel=True, error_model="numpy")
def sum_frames(values: Array, out: Array) -> None:
    """Add the frames of `values` (frames, modes, ny, nx) to `out`."""
    frames, modes, ny, nx = values.shape
    for y in prange(ny):
        for j in range(frames):
            for mode in range(modes):
                for x in range(nx):
                    out[mode, y, x] += values[j, mode, y, x]


@njit(cache=True, parallel=True, error_model="numpy")
def sum_factored(spectra: Array, factor_y: Array, factor_x: Array, out: Array) -> None:
    """Add the frames of `spectra` times the conjugate factors to `out`."""
    frames, modes, ny, nx = spectra.shape
    for y in prange(ny):
        for j in range(frames):
            row = factor_y[j, y].conjugate()
            for mode in range(modes):
                for x in range(nx):
                    out[mode, y, x] += row * factor_x[j, x].conjugate() * spectra[j, mode, y, x]


@njit(cache=True, parallel=True, error_model="numpy")
def moments(object_: Array, probes: Array, corners: Array, scales: Array, chi: Array, out: Array) -> None:
    """Write the slopes and weights of `sums.MOMENTS` for every frame."""
    frames, modes, ny, nx = chi.shape
    own = np.int64(len(probes) > 1)
    last_y, last_x = object_.shape[0] - 1, object_.shape[1] - 1
    for j in prange(frames):
        cy, cx, of = corners[j, 0], corners[j, 1], np.int64(j) * own
        found = np.zeros(6)
        for y in range(ny):
            oy = cy + y
            above, below = max(oy - 1, 0), min(oy + 1, last_y)
            for x in range(nx):
                ox = cx + x
                left, right = max(ox - 1, 0), min(ox + 1, last_x)
                slope_y = (object_[below, ox] - object_[above, ox]) / np.float32(below - above)
                slope_x = (object_[oy, right] - object_[oy, left]) / np.float32(right - left)
                for mode in range(modes):
                    wave, change = scales[j] * probes[of, mode, y, x], chi[j, mode, y, x]
                    dy, dx, psi = wave * slope_y, wave * slope_x, wave * object_[oy, ox]
                    found[0] += dy.real * change.real + dy.imag * change.imag
                    found[1] += dy.real * dy.real + dy.imag * dy.imag
                    found[2] += dx.real * change.real + dx.imag * change.imag
                    found[3] += dx.real * dx.real + dx.imag * dx.imag
                    found[4] += psi.real * change.real + psi.imag * change.imag
                    found[5] += psi.real * psi.real + psi.imag * psi.imag
        out[j] = found
