"""How metrics and configuration keys are named and printed.

Contents: :class:`Metric` and :data:`METRICS` (label, unit and scale of the metrics of the tables), :func:`describe` for
any metric, :func:`number`, :func:`spread_text` and :func:`value_text` for values, :func:`setting` for a key of the
configuration.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

from reports.results import Spread

MINUS: Final = "\u2212"


@dataclass(frozen=True)
class Metric:
    """How one metric is printed.

    Attributes
    ----------
    label : str
        Short name.
    unit : str
        Unit as printed; empty for a pure number.
    scale : float
        What a stored value is multiplied with.
    decimals : int
        Decimals without a known scatter.
    target : float or None
        The right value of a metric that should match, where it is a constant.
    """

    label: str
    unit: str = ""
    scale: float = 1.0
    decimals: int = 3
    target: float | None = None


METRICS: Final[dict[str, Metric]] = {
    "frc_truth.half_period": Metric("FRC with the truth, half period", "nm", 1e9, 2),
    "frc_truth.full_period": Metric("FRC with the truth, full period", "nm", 1e9, 2),
    "frc_halves.half_period": Metric("FRC of half sets, half period", "nm", 1e9, 2),
    "frc_halves.full_period": Metric("FRC of half sets, full period", "nm", 1e9, 2),
    "frc_truth.half_period.of_halves": Metric(
        "FRC to truth where the half sets should cross, half period", "nm", 1e9, 2
    ),
    "prtf.half_period": Metric("PRTF, half period", "nm", 1e9, 2),
    "prtf.full_period": Metric("PRTF, full period", "nm", 1e9, 2),
    "wall_width": Metric("wall width \u03b4", "nm", 1e9, 2),
    "contrast": Metric("contrast", target=1.0),
    "offset": Metric("offset", target=0.0),
    "correlation": Metric("correlation"),
    "nrmse": Metric("wave error (NRMSE)"),
    "visibility": Metric("visibility"),
    "coherence_length": Metric("coherence length \u03be", "\u00b5m", 1e6, 2),
    "coherence_length.x": Metric("coherence length \u03be, x", "\u00b5m", 1e6, 2),
    "coherence_length.y": Metric("coherence length \u03be, y", "\u00b5m", 1e6, 2),
    "focus": Metric("focus", "nm", 1e9, 0),
    "focus_error": Metric("focus error", "nm", 1e9, 1, 0.0),
    "heterodyne_gain": Metric("heterodyne gain at the detector's edge", decimals=2),
    "probe_nrmse": Metric("probe error (NRMSE)"),
    "position_error": Metric("error of the positions, rms", "nm", 1e9, 2),
    "position_error.nominal": Metric("error of the positions as given, rms", "nm", 1e9, 2),
    "position_error.residual": Metric("error of the positions without their affine part, rms", "nm", 1e9, 2),
    "shift": Metric("shift of the object", "nm", 1e9, 2),
    "flux_error": Metric("error of the frames' flux, rms"),
    "faults.precision": Metric("corrupt frames, precision", decimals=2),
    "faults.recall": Metric("corrupt frames, recall", decimals=2),
    "faults.false": Metric("good frames left out", decimals=4),
    "magnetic.nrmse": Metric("error of the magnetic image (NRMSE)"),
    "magnetic.contrast": Metric("contrast of the magnetic image", target=1.0),
    "magnetic.offset": Metric("offset of the magnetic image", target=0.0),
    "magnetic.correlation": Metric("correlation of the magnetic image"),
    "magnetic.frc_truth.half_period": Metric("magnetic image, FRC with the truth, half period", "nm", 1e9, 2),
    "magnetic.frc_truth.full_period": Metric("magnetic image, FRC with the truth, full period", "nm", 1e9, 2),
    "fsc.half_period": Metric("charge, FSC of halves, half period", "nm", 1e9, 1),
    "fsc.full_period": Metric("charge, FSC of halves, full period", "nm", 1e9, 1),
    "fsc_truth.half_period": Metric("charge, FSC with the truth, half period", "nm", 1e9, 1),
    "fsc_truth.full_period": Metric("charge, FSC with the truth, full period", "nm", 1e9, 1),
    "hedgehogs.recall": Metric("hedgehogs, recall", decimals=2),
    "hedgehogs.precision": Metric("hedgehogs, precision", decimals=2),
    "hedgehogs.f1": Metric("hedgehogs, F1", decimals=2),
    "hedgehogs.found": Metric("hedgehogs found, away from the border", decimals=0),
    "hedgehogs.true": Metric("true hedgehogs, away from the border", decimals=0),
    "pairs.opposite": Metric("distance of + and \u2212", "nm", 1e9, 1),
    "pairs.plus": Metric("distance of + and +", "nm", 1e9, 1),
    "pairs.minus": Metric("distance of \u2212 and \u2212", "nm", 1e9, 1),
    "voids.recall": Metric("virtual hedgehogs, recall", decimals=2),
}

_CRITERIA: Final = {".half_bit": "half-bit", ".1/7": "1/7", ".0.5": "0.5"}
_KEY_UNITS: Final = {
    "nm": "nm",
    "um": "\u00b5m",
    "mm": "mm",
    "m": "m",
    "ev": "eV",
    "px": "px",
    "adu": "ADU",
    "s": "s",
    "gb": "GB",
    "photons": "photons",
    "electrons": "electrons",
    "speckles": "speckles",
    "deg": "\u00b0",
    "mrad": "mrad",
}


def describe(name: str, unit: str = "1") -> Metric:
    """Say how a metric is printed, whether it is known by name or not.

    Parameters
    ----------
    name : str
        Metric of a row, such as ``"wall_width.truth"`` or ``"contrast.fitted"``.
    unit : str
        Its stored unit.

    Returns
    -------
    Metric
    """
    if name in METRICS:
        return METRICS[name]
    if name.startswith("flag_value."):
        return Metric(f"number behind the flag \u201c{words(name.removeprefix('flag_value.'))}\u201d")
    if name.startswith("flag."):
        return Metric(f"flag \u201c{words(name.removeprefix('flag.'))}\u201d", decimals=0)
    for ending, text in (
        (".fitted", "focus fitted to the truth"),
        (".truth", "truth"),
        (".ceiling", "truth through the band"),
        (".second_helicity_converged", "second helicity converged"),
        *_CRITERIA.items(),
    ):
        if name.endswith(ending):
            base = describe(name.removesuffix(ending), unit)
            return Metric(f"{base.label} ({text})", base.unit, base.scale, base.decimals)
    if unit == "m":
        return Metric(words(name), "nm", 1e9, 2)
    return Metric(words(name), "" if unit == "1" else unit)


def words(name: str) -> str:
    """Turn an identifier into words.

    Parameters
    ----------
    name : str

    Returns
    -------
    str
    """
    return name.replace("_", " ").replace(".", ", ")


def number(value: float, decimals: int) -> str:
    """Print a number with a true minus sign; very large and very small ones with a power of ten.

    Parameters
    ----------
    value : float
    decimals : int

    Returns
    -------
    str
        A dash where the value is not finite.
    """
    if not math.isfinite(value):
        return "\u2013"
    if value != 0 and (abs(value) >= 1e6 or abs(value) < 0.5 * 10.0**-decimals):
        mantissa, _, power = f"{value:.1e}".partition("e")
        text = f"{mantissa.removesuffix('.0')}\u00b710{superscript(int(power))}"
    else:
        text = f"{value:.{decimals}f}"
    return text.replace("-", MINUS)


def superscript(power: int) -> str:
    """Write an integer as an exponent.

    Parameters
    ----------
    power : int

    Returns
    -------
    str
    """
    return str(power).translate(
        str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
    )


def spread_text(spread: Spread, metric: Metric) -> tuple[str, str]:
    """Print the mean of a metric and what follows the plus-minus sign.

    Parameters
    ----------
    spread : Spread
    metric : Metric

    Returns
    -------
    mean, deviation : str
        The scatter over cells; for one cell its own uncertainty; empty where neither is known.
    """
    error = spread.deviation if math.isfinite(spread.deviation) else spread.uncertainty
    mean = number(spread.mean * metric.scale, metric.decimals)
    if not math.isfinite(error) or not math.isfinite(spread.mean):
        return mean, ""
    text = f"{error * metric.scale:.{metric.decimals}f}"
    return mean, text if float(text) else ""


def value_text(spread: Spread, metric: Metric) -> str:
    """Print the mean of a metric, with its scatter where there are several cells.

    Parameters
    ----------
    spread : Spread
    metric : Metric

    Returns
    -------
    str
    """
    mean, deviation = spread_text(spread, metric)
    return f"{mean} \u00b1 {deviation}" if deviation and spread.count > 1 else mean


def setting(key: str, value: Any) -> tuple[str, str]:
    """Print a key of the configuration, whose unit is part of its name.

    Parameters
    ----------
    key : str
        Such as ``"period_nm"``.
    value : object
        Its value.

    Returns
    -------
    label, value : str
    """
    stem, _, ending = key.rpartition("_")
    unit = _KEY_UNITS.get(ending, "") if stem else ""
    label = words(stem if unit and ending != "photons" else key)
    if unit == "photons":
        label = words(stem)
    return label, f"{plain(value)}{chr(0xA0) + unit if unit else ''}"


def plain(value: Any) -> str:
    """Print a value of the configuration.

    Parameters
    ----------
    value : object

    Returns
    -------
    str
    """
    if value is None:
        return "\u2013"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        if abs(value) >= 1e5:
            mantissa, _, power = f"{value:.3e}".partition("e")
            return f"{float(mantissa):g}\u00b710{superscript(int(power))}"
        return f"{value:g}".replace("-", MINUS)
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "\u2013"
    if isinstance(value, dict):
        return ", ".join(f"{words(str(key))} {plain(item)}" for key, item in value.items()) or "\u2013"
    return str(value)
