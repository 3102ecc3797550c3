"""Pictures of measurements: what they show is what the documents hold."""

import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from reports import figure_measure, figure_measure_hedgehogs

CRITERIA = ("half-bit", "1-bit", "1/7", "0.5", "3-sigma")


def inputs(name="folder/image.npy"):
    return [{"role": "a", "name": name, "key": ""}]


def frc(*, crossed=True, pixel=5e-9, interval=(11e-9, 13e-9)):
    frequency = np.arange(65) / (128 * pixel)
    correlation = 1 / (1 + (frequency * 24e-9) ** 8)
    row = {"half_period_m": 12e-9, "full_period_m": 24e-9, "frequency_per_m": 1 / 24e-9, "crossed": crossed}
    row["below_from_start"] = False
    rows = [
        {**row, "criterion": name, "headline": name == "1-bit", "half_period_interval_m": list(interval)}
        for name in CRITERIA
    ]
    thresholds = {name: np.full(65, 0.1 * (index + 1)).tolist() for index, name in enumerate(CRITERIA)}
    curve = {"frequency_per_m": frequency.tolist(), "correlation": [None, *correlation[1:]], "thresholds": thresholds}
    given = {"dimensions": 2, "data_set": "half"}
    return {"inputs": inputs(), "conventions": given, "results": rows, "curve": curve}


def walls(size, *, bad=2):
    rng = np.random.default_rng(size)
    count = 40
    place = rng.uniform(-0.4, 0.4, (2, count)) * size * 5e-9
    angle = rng.uniform(0, 2 * math.pi, count)
    position = np.linspace(-30e-9, 30e-9, 13)
    points = {
        "y": place[0],
        "x": place[1],
        "normal_y": np.sin(angle),
        "normal_x": np.cos(angle),
        "delta": rng.uniform(4e-9, 8e-9, count),
        "ill_conditioned": np.arange(count) < bad,
    }
    results = {"delta_m": 6.25e-9, "delta_error_m": 0.25e-9, "local_median_m": 5.75e-9}
    profile = {"position_m": position, "mean": np.tanh(position / 6e-9), "fitted": np.tanh(position / 6e-9)}
    given = {"pixel_size_m": 5e-9, "transfer": []}
    return {"inputs": inputs(), "conventions": given, "results": results, "profile": profile, "points": points}


def hedgehogs(count, shape, *, seed=0):
    rng = np.random.default_rng(seed)
    sizes = np.array([3e-9, 2e-9, 2e-9])
    places = (rng.uniform(0.2, 0.8, (count, 3)) - 0.5) * shape * sizes
    rows = [
        {
            **dict(zip(("z_m", "y_m", "x_m"), place, strict=True)),
            "charge": (-1) ** index,
            "error_m": 1e-10,
            "at_border": index % 5 == 0,
        }
        for index, place in enumerate(places)
    ]
    results = {"hedgehogs": count, "plus": (count + 1) // 2, "minus": count // 2}
    given = {"voxel_size_m": sizes.tolist(), "method": "cells", "low_pass": "12nm"}
    return {"inputs": inputs("m.ovf"), "conventions": given, "results": results, "hedgehogs": rows}


def words(svg):
    """Return the texts of a picture in SVG."""
    return re.findall(r">([^<>]+)</text>", svg.decode())


def pixels(png):
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image.convert("RGB"), float)


def test_correlation_names_every_threshold():
    found = words(figure_measure.draw_frc(frc(), suffix=".svg"))
    for name in CRITERIA:
        assert any(text.startswith(name) and "12.00 / 24.00" in text for text in found)
    assert "image.npy" in found
    assert "half period (nm)" in found


def test_correlation_that_never_crosses_says_so():
    found = words(figure_measure.draw_frc(frc(crossed=False, interval=(None, None)), suffix=".svg"))
    assert sum("limited by sampling" in text for text in found) == len(CRITERIA)


def test_coarse_pixels_have_no_axis_in_nanometres():
    found = words(figure_measure.draw_frc(frc(pixel=1e-6), suffix=".svg"))
    assert "half period (nm)" not in found


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (1000, 30)])
def test_walls_show_their_widths(shape):
    image = np.random.default_rng(1).standard_normal(shape)
    document = walls(min(shape))
    found = words(figure_measure.draw_walls(document, image, suffix=".svg"))
    assert any("6.25 ± 0.25" in text for text in found)
    assert any("5.75" in text for text in found)


def test_ill_conditioned_points_are_not_drawn():
    image = np.zeros((40, 40))
    image[:, 20:] = 1
    few, many = walls(40, bad=0), walls(40, bad=39)
    plain = pixels(figure_measure.draw_walls(few, image))
    fewer = pixels(figure_measure.draw_walls(many, image))
    coloured = [np.count_nonzero(np.ptp(each[:, : each.shape[1] // 2], axis=2) > 60) for each in (plain, fewer)]
    assert coloured[1] < 0.3 * coloured[0]


@pytest.mark.parametrize("shape", [(12, 16, 20), (2, 40, 60), (30, 6, 8)])
@pytest.mark.parametrize("count", [0, 3, 60])
def test_hedgehogs_are_listed_and_drawn(shape, count):
    document = hedgehogs(count, np.array(shape))
    magnet = np.ones(shape)
    found = words(figure_measure_hedgehogs.draw_hedgehogs(document, magnet, suffix=".svg"))
    assert any(f"{count} hedgehogs" in text and "low-pass 12nm" in text for text in found)
    if count == 0:
        assert "none found" in found
    else:
        first = f"{document['hedgehogs'][0]['z_m'] * 1e9:.2f}".replace("-", "\u2212")
        assert first in found
    listed = [text for text in found if text in ("+1", "\u22121")]
    assert len(listed) == count or any(text == f"and {count - len(listed)} more" for text in found)


def test_colour_is_the_sign():
    magnet = np.ones((10, 10, 10))
    for charge, channel in ((1, 0), (-1, 2)):
        document = hedgehogs(2, np.array(magnet.shape))
        for row in document["hedgehogs"]:
            row["charge"], row["at_border"] = charge, False
        picture = pixels(figure_measure_hedgehogs.draw_hedgehogs(document, magnet))
        views = picture[100:, : picture.shape[1] // 2]
        strong = views[np.ptp(views, axis=2) > 100]
        assert len(strong) > 100
        assert np.all(strong.argmax(axis=1) == channel)


@pytest.mark.parametrize("layers", [1, 5])
def test_layers(layers):
    m = np.zeros((3, layers, 8, 12))
    m[2] = 1
    rows = [{"layer": layer, "charge": -0.5 - layer} for layer in range(layers)]
    document = {"inputs": inputs(), "conventions": {"voxel_size_m": [1e-9] * 3}, "results": rows}
    found = words(figure_measure_hedgehogs.draw_layers(document, m, np.ones(m.shape[1:]), suffix=".svg"))
    assert any("charge -0.5000" in text for text in found) is (layers == 1)
    assert ("charge of the layer" in found) is (layers > 1)


@pytest.mark.parametrize("name", [r"a$\frac$.npy", "a_$x$_b.npy", "A\udcff.npy", "日本.npy"])
def test_names_are_shown_letter_by_letter(name, recwarn):
    shown = name.replace("\udcff", "?")
    m = np.zeros((3, 2, 8, 12))
    m[2] = 1
    layers = {"conventions": {}, "results": [{"layer": layer, "charge": 0.0} for layer in range(2)]}
    layers["conventions"]["voxel_size_m"] = [1e-9] * 3
    spins = hedgehogs(1, np.array((6, 7, 8)))
    documents = [{**each, "inputs": inputs(name)} for each in (frc(), walls(40), spins, layers)]
    image = np.random.default_rng(1).standard_normal((40, 40))
    pictures = [
        lambda suffix: figure_measure.draw_frc(documents[0], suffix=suffix),
        lambda suffix: figure_measure.draw_walls(documents[1], image, suffix=suffix),
        lambda suffix: figure_measure_hedgehogs.draw_hedgehogs(documents[2], np.ones((6, 7, 8)), suffix=suffix),
        lambda suffix: figure_measure_hedgehogs.draw_layers(documents[3], m, np.ones(m.shape[1:]), suffix=suffix),
    ]
    for draw in pictures:
        assert any(shown in text for text in words(draw(".svg")))
    assert figure_measure.draw_frc(documents[0]).startswith(b"\x89PNG")
    assert not recwarn


def test_the_layer_is_shown():
    document = walls(40)
    document["conventions"]["layer"] = 3
    assert any(
        "image.npy, layer 3" in text for text in words(figure_measure.draw_walls(document, np.eye(40), suffix=".svg"))
    )


@pytest.mark.parametrize("bad", [2, 40])
def test_walls_without_a_median_are_drawn(bad):
    document = walls(40, bad=bad)
    document["results"]["local_median_m"] = None
    found = words(figure_measure.draw_walls(document, np.eye(40), suffix=".svg"))
    assert not any(text.startswith("median") for text in found)


def test_the_same_document_gives_the_same_bytes():
    assert figure_measure.draw_frc(frc()) == figure_measure.draw_frc(frc())
    image = np.random.default_rng(2).standard_normal((30, 30))
    first, second = (figure_measure.draw_walls(walls(30, bad=40), image, suffix=".svg") for _ in "ab")
    assert first == second


def test_other_suffixes_are_refused():
    with pytest.raises(ValueError, match=r"suffix is '\.gif'; allowed: \.png, \.svg"):
        figure_measure.draw_frc(frc(), suffix=".gif")
