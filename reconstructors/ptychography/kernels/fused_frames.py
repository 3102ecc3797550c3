"""One frame of a batch in compiled code.

- `to_detector`, `from_detector`: its two halves, the changed spectrum between them; `to_strips`: what of the second
  half needs no sums;
- `change_wave`: the change of a given exit wave.

Arrays travel in groups:

- plan: radices and factors of `line_fft` along y, the same along x, then ny, nx and modes;
- batch: object, corners, scale, amplitudes, background, where in the amplitudes each frame is, and factors of rows and
  columns if the probe has them;
- slots: of the frames at work, rows, probe (that of all frames if it has no factors) and error;
- room: scratch of one thread: a strip, a model, an object patch;
- sums: the object's numerator and weight, the probe's numerator and weight; found: errors and moments.

All but corners, places, errors and moments are flat float32.
"""

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from numerics.lanes import LANES
from numerics.line_fft import LAST, PAIR, forward_passes, inverse_passes
from reconstructors.ptychography.kernels import fused_steps as steps
from reconstructors.ptychography.kernels.sums import MOMENTS

Array = NDArray[Any]
Arrays = tuple[Any, ...]

BLOCK = LANES * LAST
"""Numbers in sixteen vectors."""

# Places of the switches.
POISSON, WANT_OBJECT, WANT_PROBE, WANT_MOMENTS, FACTORS = 0, 1, 2, 3, 4

_COLUMNS = len(MOMENTS)


@njit(cache=True, nogil=True, error_model="numpy")
def _exit_rows(glass: Arrays, probes: Array, at: int, rows: Array, to: int, strip: Array, plan: Arrays) -> None:
    """Multiply a mode of the probe with the object, transform along y, and write the result as rows."""
    object_, origin, width, scale = glass
    radices, factors, _, _, ny, nx, _ = plan
    radix = radices[0]
    part, size = ny // radix, 2 * (radix - 1)
    for c in range(nx // LANES):
        place, element = origin + 2 * LANES * c, at + PAIR * ny * c
        if radix == 4:
            for j in range(part):
                steps.exit_pass4(
                    object_, place + width * j, width * part, probes, element + PAIR * j, scale,
                    strip, PAIR * j, PAIR * part, factors, size * j,
                )  # fmt: skip
        else:
            for j in range(part):
                steps.exit_pass8(
                    object_, place + width * j, width * part, probes, element + PAIR * j, scale,
                    strip, PAIR * j, PAIR * part, factors, size * j,
                )  # fmt: skip
        forward_passes(strip, 0, ny, radices, factors, 1)
        _turn(strip, rows, to, c, ny, nx)


@njit(cache=True, nogil=True, error_model="numpy")
def _turn(strip: Array, rows: Array, to: int, c: int, ny: int, nx: int) -> None:
    """Finish strip `c` along y and write it as rows."""
    for g in range(ny // LAST):
        steps.to_rows(strip, 2 * BLOCK * g, rows, to + PAIR * (nx * g + LANES * c))


@njit(cache=True, nogil=True, error_model="numpy")
def _to_strip(rows: Array, at: int, c: int, strips: Array, to: int, plan: Arrays) -> None:
    """Transform sixteen columns of rows back along y."""
    radices, factors, _, _, ny, nx, _ = plan
    for g in range(ny // LAST):
        steps.to_strip(rows, at + PAIR * (nx * g + LANES * c), strips, to + 2 * BLOCK * g)
    inverse_passes(strips, to, ny, radices, factors)


@njit(cache=True, nogil=True, error_model="numpy")
def _towards_data(rows: Array, at: int, data: Arrays, poisson: bool, model: Array, plan: Arrays) -> float:
    """Transform rows of all modes along x, change them towards the data, transform them back; return the error."""
    measured, start, background = data
    _, _, radices, factors, ny, nx, modes = plan
    size = 2 * ny * nx
    end = at + modes * size
    dark = background.size == BLOCK
    share = np.float32(1.0 / (ny * nx))
    sums = model[BLOCK:]
    total = 0.0
    for g in range(ny // LAST):
        sums[:] = 0
        for first in range(at + PAIR * nx * g, end, size):
            forward_passes(rows, first, nx, radices, factors, 0)
        for p in range(nx // LAST):
            place = BLOCK * (g * (nx // LAST) + p)
            here = at + PAIR * nx * g + 2 * BLOCK * p
            steps.start_model(model, background, 0 if dark else place)
            for first in range(here, end, size):
                steps.add_power(rows, first, model)
            if poisson:
                steps.poisson_ratio(model, measured, start + place, share, sums)
            else:
                steps.amplitude_ratio(model, measured, start + place, share, sums)
            for first in range(here, end, size):
                steps.change(rows, first, model)
        for first in range(at + PAIR * nx * g, end, size):
            inverse_passes(rows, first, nx, radices, factors)
        for lane in range(LANES):
            total += np.float64(sums[lane])
    return float(total / (ny * nx))


@njit(cache=True, nogil=True, error_model="numpy")
def _shifted_probe(spectrum: Array, at: int, batch: Arrays, frame: int, slots: Arrays, to: int, plan: Arrays) -> None:
    """Write a mode of the probe with the factors of a frame into its slot, whose rows serve as room."""
    tall, wide = batch[6:]
    _, _, radices, factors, ny, nx, _ = plan
    for g in range(ny // LAST):
        line, lanes = PAIR * nx * g, 2 * ny * frame + PAIR * g
        for p in range(nx // LAST):
            here, column = line + 2 * BLOCK * p, 2 * (nx * frame + LAST * p)
            steps.shift(spectrum, at + here, tall, lanes, wide, column, slots[0], to + here)
        inverse_passes(slots[0], to + line, nx, radices, factors)
    for c in range(nx // LANES):
        _to_strip(slots[0], to, c, slots[1], to + PAIR * ny * c, plan)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_unshifted(rows: Array, at: int, batch: Arrays, frame: int, sums: Array, to: int, plan: Arrays) -> None:
    """Transform rows along x and add them, times the conjugate factors of a frame, to the probe's spectrum."""
    tall, wide = batch[6:]
    _, _, radices, factors, ny, nx, _ = plan
    for g in range(ny // LAST):
        line, lanes = PAIR * nx * g, 2 * ny * frame + PAIR * g
        forward_passes(rows, at + line, nx, radices, factors, 0)
        for p in range(nx // LAST):
            here, column = line + 2 * BLOCK * p, 2 * (nx * frame + LAST * p)
            steps.add_unshifted(rows, at + here, tall, lanes, wide, column, sums, to + here)


@njit(cache=True, nogil=True, error_model="numpy")
def _back_rows(glass: Arrays, c: int, strip: Array, rows: Array, to: int, plan: Arrays) -> None:
    """Multiply strip `c` of the change with the conjugate object, transform along y, and write the result as rows."""
    object_, origin, width, scale = glass
    radices, factors, _, _, ny, nx, _ = plan
    for y in range(ny):
        steps.times_glass(strip, PAIR * y, object_, origin + width * y + 2 * LANES * c, scale)
    forward_passes(strip, 0, ny, radices, factors, 0)
    _turn(strip, rows, to, c, ny, nx)


@njit(cache=True, nogil=True, error_model="numpy")
def _add_moments(
    near: Arrays, c: int, probes: Array, element: int, strip: Array, found: Array, lanes: Array, plan: Arrays
) -> None:
    """Add the moments of strip `c`."""
    patch, origin, width, scale = near
    lanes[: _COLUMNS * LANES] = 0
    for y in range(plan[4]):
        place = origin + width * y + 2 * LANES * c
        steps.add_slopes(lanes, patch, place, width, probes, element + PAIR * y, strip, PAIR * y, scale)
    for number in range(_COLUMNS):
        for lane in range(LANES):
            found[number] += np.float64(lanes[LANES * number + lane])


@njit(cache=True, nogil=True, error_model="numpy")
def _with_neighbours(glass: Arrays, columns: int, corner: Array, patch: Array, ny: int, nx: int) -> Arrays:
    """Return a frame's part of the object so that its neighbours can be read; a copy at the object's rim.

    There the copy goes on in straight lines, which makes central differences one-sided.
    """
    object_, _, width, scale = glass
    rows = object_.size // width
    if min(corner[0], corner[1]) > 0 and corner[0] + ny < rows and corner[1] + nx < columns:
        return glass
    line = 2 * (nx + 2)
    first, last = max(corner[1] - 1, 0), min(corner[1] + nx + 1, columns)
    for y in range(-1, ny + 1):
        row = corner[0] + y
        inner = min(max(row, 0), rows - 1)
        beyond = np.float32(abs(row - inner))
        source, mirror = inner * width, (2 * inner - row) * width
        target = line * (y + 1) - 2 * (corner[1] - 1)
        for part in range(2 * first, 2 * last):
            value = object_[source + part]
            patch[target + part] = value + beyond * (value - object_[mirror + part])
    for y in range(1, ny + 1):
        for end, step in ((0, 2), (line - 2, -2)):
            if (end == 0 and first == corner[1]) or (end > 0 and last == corner[1] + nx):
                at = line * y + end
                for part in range(at, at + 2):
                    patch[part] = 2 * patch[part + step] - patch[part + 2 * step]
    return patch, line + 2, line, scale


@njit(cache=True, nogil=True, error_model="numpy")
def _add_strip(
    c: int, mode: int, glass: Arrays, pixel: int, strip: Array, probes: Array, element: int, sums: Arrays,
    switches: Array, plan: Arrays,
) -> None:  # fmt: skip
    """Add strip `c` of a frame's change to the sums; `pixel` is the frame's first one of the object."""
    object_, _, width, scale = glass
    ny, own = plan[4], switches[FACTORS]
    first = pixel + LANES * c
    both = mode == 0 and switches[WANT_OBJECT] and switches[WANT_PROBE] and not own
    for y in range(ny):
        here, half, at, place = first + width // 2 * y, LANES * (ny * c + y), PAIR * y, element + PAIR * y
        if both:
            steps.add_to_both(
                sums[0], 2 * here, sums[1], here, strip, at, probes, place, sums[2], sums[3], half, object_, scale
            )
            continue
        if switches[WANT_OBJECT]:
            steps.add_to_object(sums[0], 2 * here, sums[1], here, strip, at, probes, place, scale)
        if switches[WANT_PROBE] and mode == 0:
            steps.add_glass(sums[3], half, object_, 2 * here, scale)
        if switches[WANT_PROBE] and not own:
            steps.add_to_probe(sums[2], place, strip, at, object_, 2 * here, scale)


@njit(cache=True, nogil=True, error_model="numpy")
def to_detector(
    frame: int, slot: int, probe: Array, columns: int, batch: Arrays, slots: Arrays, room: Arrays, switches: Array,
    plan: Arrays,
) -> None:  # fmt: skip
    """Compute a frame from object and probe to the changed spectrum, transformed back along x, into a slot.

    `probe` is the one of all frames: strips, or with factors its spectrum.
    """
    object_, corners, scales, measured, background, places = batch[:6]
    rows, probes, errors = slots
    size, modes = 2 * plan[4] * plan[5], plan[6]
    start, width = slot * modes * size, 2 * columns
    glass = (object_, width * corners[frame, 0] + 2 * corners[frame, 1], width, scales[frame])
    for mode in range(modes):
        to = start + mode * size
        if switches[FACTORS]:
            _shifted_probe(probe, mode * size, batch, frame, slots, to, plan)
        _exit_rows(glass, probes, to if switches[FACTORS] else mode * size, rows, to, room[0], plan)
    data = (measured, places[frame] * (size // 2), background)
    errors[slot] = _towards_data(rows, start, data, switches[POISSON] != 0, room[1], plan)


@njit(cache=True, nogil=True, error_model="numpy")
def to_strips(spare: int, slot: int, slots: Arrays, plan: Arrays) -> None:
    """Transform what `to_detector` left in slot `spare` back along y, into another slot."""
    rows, _, errors = slots
    ny, nx, modes = plan[4:]
    size = 2 * ny * nx
    for mode in range(modes):
        to = (slot * modes + mode) * size
        for c in range(nx // LANES):
            _to_strip(rows, (spare * modes + mode) * size, c, rows, to + PAIR * ny * c, plan)
    errors[slot] = errors[spare]


@njit(cache=True, nogil=True, error_model="numpy")
def from_detector(
    frame: int, slot: int, strips: bool, columns: int, batch: Arrays, slots: Arrays, room: Arrays, sums: Arrays,
    found: Arrays, switches: Array, plan: Arrays,
) -> None:  # fmt: skip
    """Go on from `to_detector`, or from `to_strips`, to the sums, the frame's error and its moments."""
    object_, corners, scales = batch[:3]
    rows, probes, errors = slots
    strip, lanes, patch = room
    ny, nx, modes = plan[4:]
    size, width = 2 * ny * nx, 2 * columns
    corner, scale = corners[frame], scales[frame]
    pixel = columns * corner[0] + corner[1]
    glass = (object_, 2 * pixel, width, scale)
    near = glass
    back = switches[FACTORS] and switches[WANT_PROBE]
    found[0][frame] = errors[slot]
    if switches[WANT_MOMENTS]:
        found[1][frame] = 0
        near = _with_neighbours(glass, columns, corner, patch, ny, nx)
    for mode in range(modes):
        at = (slot * modes + mode) * size
        for c in range(nx // LANES):
            element = (at if switches[FACTORS] else mode * size) + PAIR * ny * c
            if strips:
                strip = rows[at + PAIR * ny * c : at + PAIR * ny * (c + 1)]
            else:
                _to_strip(rows, at, c, strip, 0, plan)
            if switches[WANT_MOMENTS]:
                _add_moments(near, c, probes, element, strip, found[1][frame], lanes, plan)
            _add_strip(c, mode, glass, pixel, strip, probes, element, sums, switches, plan)
            if back:
                _back_rows(glass, c, strip, rows, at, plan)
        if back:
            _add_unshifted(rows, at, batch, frame, sums[2], mode * size, plan)


@njit(cache=True, nogil=True, error_model="numpy")
def change_wave(wave: Array, data: Arrays, poisson: bool, rows: Array, room: Arrays, plan: Arrays) -> float:
    """Replace the modes of an exit wave, flat, by the change that the data ask of them; return the error.

    `data`: amplitudes of all frames, where this one's begin, background.
    """
    strip, model = room[0], room[1]
    radices, factors, _, _, ny, nx, modes = plan
    size = 2 * ny * nx
    for mode in range(modes):
        for c in range(nx // LANES):
            for y in range(ny):
                steps.read_image(wave, mode * size + 2 * (nx * y + LANES * c), strip, PAIR * y)
            forward_passes(strip, 0, ny, radices, factors, 0)
            _turn(strip, rows, mode * size, c, ny, nx)
    error = _towards_data(rows, 0, data, poisson, model, plan)
    for mode in range(modes):
        for c in range(nx // LANES):
            _to_strip(rows, mode * size, c, strip, 0, plan)
            for y in range(ny):
                steps.write_image(strip, PAIR * y, wave, mode * size + 2 * (nx * y + LANES * c))
    return error
