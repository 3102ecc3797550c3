"""What the fused kernel does with sixteen pixels at a time: code for `fused_frames`.

A complex image lies in one of two layouts. *Strips*: sixteen neighbouring columns after the other, element y of a strip
the pixels of its row y; lines along y can be transformed. *Rows*: sixteen rows after the other, element x of them the
pixels of their column x; lines along x can be transformed. Spectra keep the order of `numerics.line_fft`.

- `exit_pass4`, `exit_pass8`: the first pass along y, on the product of probe and object;
- `to_rows`, `to_strip`: the pass over neighbours along y and the change of layout, both ways;
- `start_model`, `add_power`, `amplitude_ratio`, `poisson_ratio`, `change`: between the last pass along x and the first
  one back; `shift`, `add_unshifted`: the same for probes with factors;
- `add_to_both`, `add_to_object`, `add_to_probe`, `add_glass`: sums; `add_slopes`: moments; `times_glass`;
- `read_image`, `write_image`, `add_to_image`, `add_numbers_to_image`: strips from images and back.
"""

from typing import Any

from numerics.lanes import LANES, Emitter, Lanes, Pair, Pointer, emitted, transposed
from numerics.line_fft import LAST, read_neighbours, transform, turned, write_neighbours

_TINY = 1e-30
"""Least modelled intensity, so that factors stay finite."""


def _exit_pass(radix: int) -> Any:
    def function(
        emitter: Emitter, object_: Any, place: Any, width: Any, probe: Any, at: Any, scale: Any, strip: Any, to: Any,
        step: Any, factors: Any, start: Any,
    ) -> None:  # fmt: skip
        values = [
            probe.read_pair(element).times(object_.read_complex(pixel)).scaled(scale)
            for element, pixel in zip(probe.steps(at, step, radix), object_.steps(place, width, radix), strict=True)
        ]
        results = turned(factors, start, transform(values))
        for element, value in zip(strip.steps(to, step, radix), results, strict=True):
            strip.write_pair(element, value)

    return emitted(function)


exit_pass4, exit_pass8 = _exit_pass(4), _exit_pass(8)


def _transposed(values: list[Pair]) -> list[Pair]:
    real, imaginary = (transposed([value[part] for value in values]) for part in (0, 1))
    return [Pair(a, b) for a, b in zip(real, imaginary, strict=True)]


@emitted
def to_rows(emitter: Emitter, strip: Any, at: Any, rows: Any, to: Any) -> None:
    """Finish sixteen neighbours along y and write them as sixteen neighbours along x."""
    write_neighbours(rows, to, _transposed(transform(read_neighbours(strip, at))))


@emitted
def to_strip(emitter: Emitter, rows: Any, at: Any, strip: Any, to: Any) -> None:
    """Undo `to_rows`, but for a factor."""
    write_neighbours(strip, to, transform(_transposed(read_neighbours(rows, at)), inverse=True))


@emitted
def start_model(emitter: Emitter, model: Any, background: Any, at: Any) -> None:
    """Write sixteen vectors of the background into the model."""
    for k in range(LAST):
        model.write(model.after(emitter.origin, LANES * k), background.read(background.after(at, LANES * k)))


@emitted
def add_power(emitter: Emitter, rows: Any, at: Any, model: Any) -> None:
    """Finish sixteen neighbours along x and add their powers to the model."""
    values = transform(read_neighbours(rows, at))
    write_neighbours(rows, at, values)
    for k, value in enumerate(values):
        model.add(model.after(emitter.origin, LANES * k), value.power())


def _ratio(poisson: bool) -> Any:
    def function(emitter: Emitter, model: Any, measured: Any, at: Any, share: Any, errors: Any) -> None:
        total = errors.read(emitter.origin)
        for k in range(LAST):
            place = model.after(emitter.origin, LANES * k)
            wanted = measured.read(measured.after(at, LANES * k))
            ratio, difference = _compared(model.read(place), wanted, emitter.constant(_TINY))
            if poisson:
                ratio = ratio * ratio
            model.write(place, ratio.times_plus(share, -share).where_valid(wanted))
            difference = difference.where_valid(wanted)
            total = difference.times_plus(difference, total)
        errors.write(emitter.origin, total)

    return emitted(function)


def _compared(model: Lanes, wanted: Lanes, least: Lanes) -> tuple[Lanes, Lanes]:
    """Return the wanted amplitude over that of the model, and their difference."""
    bounded = model.maximum(least)
    inverse = bounded.reciprocal_root()
    return wanted * inverse, bounded.times_plus(inverse, -wanted)


# Turn the model into the factors of the change, times `share`, and add to the sums of squared differences.
amplitude_ratio, poisson_ratio = _ratio(False), _ratio(True)


@emitted
def change(emitter: Emitter, rows: Any, at: Any, factors: Any) -> None:
    """Multiply sixteen finished neighbours along x by the factors of a ratio, and begin their way back."""
    values = [
        value.scaled(factors.read(factors.after(emitter.origin, LANES * k)))
        for k, value in enumerate(read_neighbours(rows, at))
    ]
    write_neighbours(rows, at, transform(values, inverse=True))


@emitted
def shift(
    emitter: Emitter, spectrum: Any, at: Any, tall: Any, lanes: Any, wide: Any, column: Any, rows: Any, to: Any
) -> None:
    """Multiply sixteen neighbours along x by the factors of rows and columns, and begin their way back."""
    factors = _factors(tall, lanes, wide, column)
    values = [value.times(factor) for value, factor in zip(read_neighbours(spectrum, at), factors, strict=True)]
    write_neighbours(rows, to, transform(values, inverse=True))


@emitted
def add_unshifted(
    emitter: Emitter, rows: Any, at: Any, tall: Any, lanes: Any, wide: Any, column: Any, sums: Any, to: Any
) -> None:
    """Finish sixteen neighbours along x and add them times the conjugate factors of rows and columns."""
    values, factors = transform(read_neighbours(rows, at)), _factors(tall, lanes, wide, column)
    old = read_neighbours(sums, to)
    for k, (value, factor) in enumerate(zip(values, factors, strict=True)):
        old[k] = old[k].plus(value.times_conjugate(factor))
    write_neighbours(sums, to, old)


def _factors(tall: Pointer, lanes: Any, wide: Pointer, column: Any) -> list[Pair]:
    rows = tall.read_pair(lanes)
    places = [wide.after(column, 2 * k) for k in range(LAST)]
    return [rows.times(Pair(wide.read_one(place), wide.read_one(wide.after(place, 1)))) for place in places]


@emitted
def times_glass(emitter: Emitter, strip: Any, at: Any, object_: Any, place: Any, scale: Any) -> None:
    """Multiply sixteen pixels by ``scale conj(O)``."""
    glass = object_.read_complex(place).scaled(scale)
    strip.write_pair(at, strip.read_pair(at).times_conjugate(glass))


@emitted
def add_to_object(
    emitter: Emitter, sums: Any, to: Any, weights: Any, pixel: Any, strip: Any, at: Any, probe: Any, element: Any,
    scale: Any,
) -> None:  # fmt: skip
    """Add ``scale conj(P) chi`` and ``|scale P|²`` to sixteen pixels of the object's sums."""
    wave = probe.read_pair(element).scaled(scale)
    sums.add_complex(to, strip.read_pair(at).times_conjugate(wave))
    weights.add(pixel, wave.power())


@emitted
def add_to_probe(
    emitter: Emitter, sums: Any, to: Any, strip: Any, at: Any, object_: Any, place: Any, scale: Any
) -> None:
    """Add ``scale conj(O) chi`` to sixteen pixels of the probe's sums, in strips."""
    glass = object_.read_complex(place).scaled(scale)
    sums.add_pair(to, strip.read_pair(at).times_conjugate(glass))


@emitted
def add_glass(emitter: Emitter, weights: Any, to: Any, object_: Any, place: Any, scale: Any) -> None:
    """Add ``|scale O|²`` to sixteen pixels of the probe's weight, in strips."""
    weights.add(to, object_.read_complex(place).scaled(scale).power())


@emitted
def add_to_both(
    emitter: Emitter, sums: Any, to: Any, weights: Any, pixel: Any, strip: Any, at: Any, probe: Any, element: Any,
    probe_sums: Any, probe_weights: Any, half: Any, object_: Any, scale: Any,
) -> None:  # fmt: skip
    """Do what `add_to_object`, `add_to_probe` and `add_glass` do, for the first mode, and read once."""
    chi, wave = strip.read_pair(at), probe.read_pair(element).scaled(scale)
    glass = object_.read_complex(to).scaled(scale)
    sums.add_complex(to, chi.times_conjugate(wave))
    weights.add(pixel, wave.power())
    probe_sums.add_pair(element, chi.times_conjugate(glass))
    probe_weights.add(half, glass.power())


@emitted
def add_slopes(
    emitter: Emitter, sums: Any, patch: Any, place: Any, width: Any, probe: Any, element: Any, strip: Any, at: Any,
    scale: Any,
) -> None:  # fmt: skip
    """Add the six moments of sixteen pixels; `patch` holds the object and its neighbours, `width` apart."""
    wave, chi = probe.read_pair(element).scaled(scale), strip.read_pair(at)
    below, above = (patch.read_complex(row) for row in (patch.steps(place, width, 2)[1], patch.before(place, width)))
    right, left = (patch.read_complex(patch.after(place, numbers)) for numbers in (2, -2))
    slopes = (below.minus(above).scaled(0.5), right.minus(left).scaled(0.5), patch.read_complex(place))
    for number, slope in enumerate(slopes):
        moved = wave.times(slope)
        first = sums.after(emitter.origin, 2 * LANES * number)
        sums.add(first, moved.along(chi))
        sums.add(sums.after(first, LANES), moved.power())


@emitted
def read_image(emitter: Emitter, image: Any, at: Any, strip: Any, to: Any) -> None:
    """Write sixteen complex pixels of an image as an element of a strip."""
    strip.write_pair(to, image.read_complex(at))


@emitted
def write_image(emitter: Emitter, strip: Any, at: Any, image: Any, to: Any) -> None:
    """Undo `read_image`."""
    image.write_complex(to, strip.read_pair(at))


@emitted
def add_to_image(emitter: Emitter, strip: Any, at: Any, image: Any, to: Any) -> None:
    """Add an element of a strip to sixteen complex pixels of an image."""
    image.add_complex(to, strip.read_pair(at))


@emitted
def add_numbers_to_image(emitter: Emitter, strip: Any, at: Any, image: Any, to: Any) -> None:
    """Add sixteen real numbers to as many pixels of an image."""
    image.add(to, strip.read(at))
