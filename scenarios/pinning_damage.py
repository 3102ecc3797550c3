"""An area that laser pulses have damaged, in the field in which its domains formed and without it.

- `damage_parts`: rows and pictures of the damaged states.

Counterpart of HAPRE, Optica 11, 234 (2024), Fig. 3a-c. Where the area is, is known from the pulse; what is measured in
it is compared with the intact film in the same image.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import validation
from scenarios.holography_frame import ScoringSettings
from scenarios.holography_rows import MetricValue
from scenarios.pinning_states import REGISTERED, Series, State, build_series

Floats = NDArray[np.float64]

_CLEAR = 1.5  # borders left out on either side of the area's edge


def damage_parts(states: Sequence[State], settings: ScoringSettings) -> tuple[list[MetricValue], dict[str, Any]]:
    """Measure domains inside and beside the damaged area, in the images and in the truth.

    Parameters
    ----------
    states : sequence of State
        In the field, and after it; one alone gives no growth.
    settings : ScoringSettings

    Returns
    -------
    list of MetricValue
    dict
        Variables of a data set.
    """
    series = build_series(states, settings)
    inside, beside = _regions(states[0], series)
    rows = []
    for ending, images in (("", series.images), (".truth", series.truths)):
        found = _measured(images, inside, beside, series.frame.pixel_size)
        rows += [
            MetricValue(
                metric=f"damage.{name}{ending}", value=value, direction="none" if ending else "match", gauge=REGISTERED
            )
            for name, value in found.items()
        ]
    dims = ("damaged_state", "dy", "dx")
    size = inside.shape
    axes = {
        name: (name, (np.arange(n) - n // 2) * series.frame.pixel_size + centre, {"units": "m"})
        for name, n, centre in zip(("dy", "dx"), size, series.centre, strict=True)
    }
    return rows, {
        **axes,
        "damaged_images": (dims, series.images.astype(np.float32)),
        "damaged_truths": (dims, series.truths.astype(np.float32)),
        "damaged_mask": (("dy", "dx"), series.mask),
        "damaged_area": (("dy", "dx"), inside),
        "damaged_name": ("damaged_state", np.array(series.names, dtype=str)),
    }


def _measured(images: Floats, inside: Any, beside: Any, pixel_size: float) -> dict[str, float]:
    masks = (inside, beside)
    contrast = [validation.domain_contrast(images[0], mask=mask) for mask in masks]
    known = [[_period(image, mask, pixel_size) for mask in masks] for image in images]
    found = {"period_ratio": known[0][0] / known[0][1], "contrast_ratio": contrast[0] / contrast[1]}
    if len(images) > 1:
        reversed_share = [float(np.mean(image[inside] < 0)) for image in images]
        growth = reversed_share[1] / reversed_share[0] if reversed_share[0] > 0 else math.nan
        found |= {"period_ratio.removed": known[1][0] / known[1][1], "growth": growth}
    return found


def _period(image: Floats, mask: NDArray[np.bool_], pixel_size: float) -> float:
    """Return the period; NaN where a region holds less than one of it, as where a field saturates the film."""
    period = validation.domain_period(image, pixel_size=pixel_size, mask=mask)
    return period if period < math.sqrt(mask.sum()) * pixel_size else math.nan


def _regions(state: State, series: Series) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return the middle of the area, and what of the image is clear of it."""
    area = state.features["defects"][0]
    centre = np.array(area["centre"]) + state.truth["sample_origin"].values - series.centre
    y, x = (
        (np.arange(n) - n // 2) * series.frame.pixel_size - place
        for n, place in zip(series.mask.shape, centre, strict=True)
    )
    distance = np.hypot(y[:, None], x[None, :])
    soft = _CLEAR * max(area["border"], series.frame.pixel_size)
    return series.mask & (distance < area["radius"] - soft), series.mask & (distance > area["radius"] + soft)
