"""What all volumes of pairs tell together: success against separation, of each source and noise level.

- `assemble`: the stage that puts the points together.

===========================  ====  ================================================================================
metric                       unit  what
===========================  ====  ================================================================================
``separation_95.CURVE``      m     least separation at which so many percent of the pairs are recovered (`[scoring]`)
``success.10nm.CURVE``       1     share recovered where the published pair was, at 10 nm; of the curves that have it
``pairs.success``            1     share recovered, at each ``separation_nm`` of each ``curve``
===========================  ====  ================================================================================

A CURVE is ``truth``, ``projections.PHOTONS`` (per pixel) or ``frames.PHOTONS`` (per frame).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios.stages import POINT, STUDY, write_rows

_NM = 1e-9
_PUBLISHED_NM = 10.0
_SIGMAS = 2 * 1.96  # between the ends of an interval of 95 %
_DECADE = 1e-6  # of a power of ten, to be written as one


@dataclass
class _Curve:
    """One source at one noise level: by separation, the outcomes of all pairs."""

    source: str
    photons: float
    success: dict[float, list[Any]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.source if not self.photons else f"{self.source}.{_power(self.photons)}"


def assemble(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Put the points together: curves, their fits, and what a pair looks like at each separation."""
    import numpy as np
    import xarray as xr

    from records import store

    tables = arguments["configuration"]
    curves: dict[tuple[str, float], _Curve] = {}
    pictures: list[dict[str, Any]] = []
    for index, point in enumerate(arguments["points"]):
        with np.load(inputs[str(index)] / POINT, allow_pickle=False) as stored:
            found = dict(stored)
        values = point["values"]
        key = (str(values["source"]), float(values.get("photons", 0)))
        curve = curves.setdefault(key, _Curve(*key))
        curve.success.setdefault(float(values["separation_nm"]), []).append(found["recovered"])
        if values["volume"] == 0:
            pictures += _pictures(values, found, list(curves).index(key))
    rows, parts = _curves(list(curves.values()), tables["scoring"], seed=arguments["seed"])
    parts |= _stacked(pictures)
    study = xr.Dataset(
        parts,
        coords={"curve": [curve.name for curve in curves.values()]},
        attrs={
            "record": "study",
            "study": "hedgehog-pairs",
            "success": tables["scoring"]["success"],
            "pixel_size": _NM * tables["optics"]["pixel_nm"],
        },
    )
    store.save(study, folder / STUDY)
    write_rows(rows, folder)


def _power(photons: float) -> str:
    """Return ``1e4`` for ten thousand."""
    mantissa, exponent = f"{photons:.6e}".split("e")
    short = f"{float(mantissa):g}"
    return f"{short}e{int(exponent)}"


def _pictures(values: Mapping[str, Any], found: Mapping[str, Any], curve: int) -> list[dict[str, Any]]:
    """Return what is shown of a volume: the pair that was sliced, and of the truth the sample's own slice too."""
    shown = int(found["shown"])
    charges = [int(found[name][shown]) for name in ("whole", "plus", "minus")]
    common = {"separation": _NM * values["separation_nm"], "recovered": int(found["recovered"][shown])}
    common["charges"] = charges
    own = [{**common, "curve": curve, "slice": found["slice"]}]
    return [{**common, "curve": -1, "slice": found["sample"]}, *own] if "sample" in found else own


def _stacked(pictures: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    import numpy as np

    from scenarios.hedgehog_pairs_slices import STEP

    slices = np.stack([picture["slice"] for picture in pictures]).astype(np.float32)
    across, along = ((np.arange(n) - n // 2) * STEP for n in slices.shape[-2:])
    told = {"units": "m"}
    return {
        "slice": (("picture", "component", "across", "along"), slices),
        "slice_curve": ("picture", [p["curve"] for p in pictures], {"long_name": "-1: the sample itself"}),
        "slice_separation": ("picture", [p["separation"] for p in pictures], told),
        "slice_recovered": ("picture", np.array([p["recovered"] for p in pictures], np.int8)),
        "slice_charges": (("picture", "surface"), np.array([p["charges"] for p in pictures], np.int64)),
        "across": ("across", across, told),
        "along": ("along", along, told),
        "surface": ("surface", ["whole", "plus", "minus"]),
    }


def _curves(
    curves: Sequence[_Curve], scoring: Mapping[str, Any], *, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the rows of all curves, and their arrays."""
    import numpy as np

    from numerics.streams import stream
    from scenarios.hedgehog_pairs_curve import fit, reach, wilson

    rows: list[dict[str, Any]] = []
    tested: dict[str, list[Any]] = {"curve": [], "separation": [], "hits": [], "count": []}
    ends = np.full((len(curves), 3), np.nan)
    shapes = np.full((len(curves), 3), np.nan)
    for number, curve in enumerate(curves):
        separations = sorted(curve.success)
        outcomes = [np.concatenate(curve.success[s]) for s in separations]
        hits, counts = (np.array([f(each) for each in outcomes], float) for f in (np.sum, np.size))
        s = _NM * np.array(separations)
        found = reach(
            s,
            hits,
            counts,
            share=scoring["success"],
            draws=scoring["draws"],
            rng=stream(seed, "pairs", "intervals", curve.name),
        )
        ends[number] = found.value, found.low, found.high
        if len(s) > 1:
            curve_fit = fit(s, (hits / counts)[None], counts)[0]
            shapes[number] = curve_fit.centre, curve_fit.width, curve_fit.lapse
        for name, values in (("curve", [number] * len(s)), ("separation", s), ("hits", hits), ("count", counts)):
            tested[name].extend(values)
        rows += _curve_rows(curve, separations, hits, counts, found, scoring["success"])
    low, high = wilson(np.array(tested["hits"]), np.array(tested["count"]))
    metres = {"units": "m"}
    parts = {
        "source": ("curve", [curve.source for curve in curves]),
        "photons": ("curve", [curve.photons for curve in curves], {"long_name": "per pixel, or per frame; 0: none"}),
        "reach": (("curve", "end"), ends, metres),
        "centre": ("curve", shapes[:, 0], metres),
        "width": ("curve", shapes[:, 1], {"long_name": "of the logarithm of the separation"}),
        "lapse": ("curve", shapes[:, 2]),
        "end": ("end", ["value", "low", "high"]),
        "tested_curve": ("tested", np.array(tested["curve"], np.int64)),
        "tested_separation": ("tested", np.array(tested["separation"]), metres),
        "tested_hits": ("tested", np.array(tested["hits"], np.int64)),
        "tested_count": ("tested", np.array(tested["count"], np.int64)),
        "tested_low": ("tested", low),
        "tested_high": ("tested", high),
    }
    # First of all what the study is about: a table shows rows in their order.
    return sorted(rows, key=lambda row: _ORDER.index(row["metric"].split(".")[0].split("_")[0])), parts


_ORDER = ("separation", "success", "pairs")


def _curve_rows(
    curve: _Curve, separations: Sequence[float], hits: Any, counts: Any, found: Any, share: float
) -> list[dict[str, Any]]:
    import math

    from scenarios.hedgehog_pairs_curve import wilson

    end = f"to {found.high / _NM:.3g} nm" if math.isfinite(found.high) else "nm and up"
    said = found.note or f"interval {found.low / _NM:.3g} {end}"
    spread = (found.high - found.low) / _SIGMAS
    rows: list[dict[str, Any]] = [
        {
            "metric": f"separation_{100 * share:g}.{curve.name}",
            "value": found.value,
            "unit": "m",
            "uncertainty": spread if math.isfinite(spread) and not found.note else None,
            "direction": "lower",
            "criterion": f"{100 * share:g} % of the pairs recovered; {said}",
        }
    ]
    low, high = wilson(hits, counts)
    for s, k, n, bottom, top in zip(separations, hits, counts, low, high, strict=True):
        row = {
            "metric": "pairs.success",
            "value": float(k / n),
            "uncertainty": float(top - bottom) / _SIGMAS,
            "direction": "higher",
            "criterion": f"{k:g} of {n:g} pairs, 95 % interval {bottom:.3f} to {top:.3f}",
        }
        rows.append({**row, "sweep": {"curve": curve.name, "separation_nm": s}})
        if s == _PUBLISHED_NM:
            rows.append({**row, "metric": f"success.{s:g}nm.{curve.name}"})
    return rows
