"""The pinning map as a whole: arrays over Keff and D, rank correlations, widths of walls.

- `assemble`: the last stage of the study; `wall_width`, `Wall`: a straight wall's width and angle;
- `rank_correlations`: how m_z follows Keff and D.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.stages import POINT, STUDY, write_rows

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[Any]]

_PERPENDICULAR = 0.95  # |m_z| in the middle of a domain, below which a film has no perpendicular domains
_LOWERED = 0.98  # m_z below which the defect's centre counts as lowered; the star has to stay above
_DIFFERENT = 1 - _LOWERED  # steps of m_z that are told apart when ranked; finer ones rank alike
_MULTISTABLE = 0.1  # range of m_z over the starts


@dataclass(frozen=True)
class Wall:
    """A straight wall: delta in m (NaN without perpendicular domains), angle from its normal in rad, pi/2 is Bloch."""

    width: float
    angle: float


def wall_width(spins: "NDArray[Any]", cell: float) -> Wall:
    """Fit the two walls of a stripe, ``(3, nx)`` spins along their normal, the stripe in the middle; cell in m."""
    import numpy as np

    from validation.walls.widths import fit_wall_width

    cells = spins.shape[1]
    place = (np.arange(cells) - cells // 2) * cell
    if min(abs(spins[2, 0]), abs(spins[2, cells // 2])) < _PERPENDICULAR or spins[2, 0] * spins[2, cells // 2] > 0:
        return Wall(math.nan, math.nan)
    quarter = cells * cell / 4
    fits = [fit_wall_width(place - side * quarter, spins[2], half_window=quarter) for side in (-1, 1)]
    middle = np.argmin(np.where(place > 0, np.abs(spins[2]), 2.0))
    angle = math.atan2(abs(float(spins[1, middle])), abs(float(spins[0, middle])))
    return Wall(float(np.mean([fit.delta for fit in fits])), angle)


def assemble(arguments: Mapping[str, Any], inputs: Mapping[str, Path], folder: Path) -> None:
    """Put all points together."""
    import numpy as np
    import xarray as xr

    from records import store

    film = arguments["configuration"]["film"]
    found: dict[str, dict[tuple[float, float], Arrays]] = {"state": {}, "wall": {}}
    for index, point in enumerate(arguments["points"]):
        place = (point["values"]["keff_kj_m3"], point["values"]["dmi_mj_m2"])
        with np.load(inputs[str(index)] / POINT, allow_pickle=False) as stored:
            found[point["kind"]][place] = dict(stored)
    # The star is the map's point that has the film's own values, up to the digits that are kept.
    shape = 2e-10 * math.pi * (1e3 * film["saturation_ka_m"]) ** 2
    star = (film["anisotropy_kj_m3"] - shape, film["dmi_mj_m2"])
    study = xr.merge([_states(found["state"]), _walls(found["wall"], film, shape)])
    study.attrs = {
        "record": "study",
        "study": "pinning-map",
        "star_keff": 1e3 * star[0],
        "star_dmi": 1e-3 * star[1],
        "diameter": 1e-9 * arguments["configuration"]["defect"]["diameter_nm"],
        "cell_size": 1e-9 * film["cell_nm"],
        "field": 1e-3 * arguments["configuration"]["relaxation"]["field_mt"],
    }
    store.save(study, folder / STUDY)
    write_rows([*_star_rows(study), *_correlation_rows(study), *_wall_rows(study), *_effort_rows(study)], folder)


def _grid(places: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return sorted({place[0] for place in places}), sorted({place[1] for place in places})


def _states(found: "Mapping[tuple[float, float], Arrays]") -> "xr.Dataset":
    import numpy as np
    import xarray as xr

    if not found:
        return xr.Dataset()
    rows, columns = _grid(list(found))
    first = next(iter(found.values()))
    starts, (ny, nx) = len(first["centre"]), first["m_z"].shape
    centre = np.full((len(rows), len(columns), starts), np.nan)
    torque, evaluations = centre.copy(), centre.copy()
    m_z = np.full((len(rows), len(columns), ny, nx), np.nan, np.float32)
    for (anisotropy, dmi), point in found.items():
        at = rows.index(anisotropy), columns.index(dmi)
        centre[at], torque[at], evaluations[at] = (point[name] for name in ("centre", "torque", "evaluations"))
        m_z[at] = point["m_z"]
    grid = ("keff", "dmi")
    spread = np.nanstd(centre, axis=2, ddof=1) if starts > 1 else np.zeros(centre.shape[:2])
    return xr.Dataset(
        {
            "centre": ((*grid, "start"), centre),
            "median": (grid, np.median(centre, axis=2)),
            "spread": (grid, spread),
            "torque": ((*grid, "start"), torque),
            "evaluations": ((*grid, "start"), evaluations),
            "m_z": ((*grid, "y", "x"), m_z),
        },
        coords={
            "keff": ("keff", 1e3 * np.array(rows), {"units": "J/m3"}),
            "dmi": ("dmi", 1e-3 * np.array(columns), {"units": "J/m2"}),
        },
    )


def _walls(found: "Mapping[tuple[float, float], Arrays]", film: Mapping[str, Any], shape: float) -> "xr.Dataset":
    import numpy as np
    import xarray as xr

    if not found:
        return xr.Dataset()
    rows, columns = _grid(list(found))
    width = np.full((len(rows), len(columns)), np.nan)
    angle = width.copy()
    for (anisotropy, dmi), point in found.items():
        at = rows.index(anisotropy), columns.index(dmi)
        width[at], angle[at] = float(point["width"]), float(point["angle"])
    uniaxial = np.maximum(1e3 * (np.array(rows) + shape), 1e-300)
    formula = np.where(uniaxial > 1, np.sqrt(1e-12 * film["exchange_pj_m"] / uniaxial), np.nan)
    grid = ("wall_keff", "wall_dmi")
    return xr.Dataset(
        {
            "wall_width": (grid, width, {"units": "m"}),
            "wall_angle": (grid, angle, {"units": "rad"}),
            "wall_width_formula": (("wall_keff",), formula, {"units": "m"}),
        },
        coords={
            "wall_keff": ("wall_keff", 1e3 * np.array(rows), {"units": "J/m3"}),
            "wall_dmi": ("wall_dmi", 1e-3 * np.array(columns), {"units": "J/m2"}),
        },
    )


def star_place(study: "xr.Dataset", prefix: str = "") -> tuple[int, int]:
    """Return the indices (Keff, D) of the star in the map, or with the prefix ``wall_`` in the grid of walls."""
    import numpy as np

    rows, columns = study[f"{prefix}keff"].values, study[f"{prefix}dmi"].values
    nearest = int(np.argmin(np.abs(rows - study.attrs["star_keff"])))
    return nearest, int(np.argmin(np.abs(columns - study.attrs["star_dmi"])))


def rank_correlations(
    m_z: "NDArray[np.float64]", keff: "NDArray[np.float64]", dmi: "NDArray[np.float64]", star: tuple[int, int]
) -> dict[str, float]:
    """Return Spearman's rank correlations of m_z (Keff, D) with Keff and with D.

    ``keff`` and ``dmi``: along the two lines of the map through the star, one parameter altered, the other the film's.
    ``.lines``: mean over all lines along which m_z changes. ``.whole``: over all points at once. Keff and D are
    independent over the map, so the squares of these two add up to at most 1 and they cannot both exceed 0.71;
    ``.partial`` takes out what the other parameter explains.
    """
    import numpy as np
    from scipy.stats import spearmanr

    values = np.round(m_z / _DIFFERENT)

    def along(line: "NDArray[np.float64]", axis: "NDArray[np.float64]") -> float:
        known = ~np.isnan(line)
        if known.sum() < 3 or np.ptp(line[known]) == 0:
            return math.nan
        return float(spearmanr(line[known], axis[known]).statistic)

    def mean(found: list[float]) -> float:
        finite = [value for value in found if not math.isnan(value)]
        return float(np.mean(finite)) if finite else math.nan

    grid_keff, grid_dmi = np.meshgrid(keff, dmi, indexing="ij")
    whole = {"keff": along(values.ravel(), grid_keff.ravel()), "dmi": along(values.ravel(), grid_dmi.ravel())}
    lines = {"keff": [along(line, keff) for line in values.T], "dmi": [along(line, dmi) for line in values]}
    found = {"keff": lines["keff"][star[1]], "dmi": lines["dmi"][star[0]]}
    for name, other in (("keff", "dmi"), ("dmi", "keff")):
        found[f"{name}.lines"] = mean(lines[name])
        found[f"{name}.whole"] = whole[name]
        found[f"{name}.partial"] = whole[name] / math.sqrt(max(1 - whole[other] ** 2, 1e-12))
    return found


def _star_rows(study: "xr.Dataset") -> list[dict[str, Any]]:
    import numpy as np

    if "median" not in study:
        return []
    star = star_place(study)
    centre, median = study["centre"].values, study["median"].values
    lowered = median < _LOWERED
    lost_keff = study["keff"].values[lowered[:, star[1]]]
    lost_dmi = study["dmi"].values[lowered[star[0]]]
    weak, strong = lost_keff[lost_keff < study.attrs["star_keff"]], lost_dmi[lost_dmi > study.attrs["star_dmi"]]
    known = ~np.isnan(median)
    several = np.ptp(centre, axis=2)[known] > _MULTISTABLE
    return [
        {
            "metric": "star.m_z",
            "value": float(median[star]),
            "uncertainty": float(study["spread"].values[star]),
            "criterion": f"defect-free film: median over {centre.shape[2]} random starts",
        },
        {"metric": "star.m_z.lowest", "value": float(centre[star].min()), "criterion": "the lowest of its starts"},
        {
            "metric": "keff.lowering",
            "value": float(weak.max()) if weak.size else math.nan,
            "unit": "J/m3",
            "criterion": f"highest Keff of the map with m_z below {_LOWERED} at the film's D",
        },
        {
            "metric": "dmi.lowering",
            "value": float(strong.min()) if strong.size else math.nan,
            "unit": "J/m2",
            "criterion": f"lowest D of the map with m_z below {_LOWERED} at the film's Keff",
        },
        {
            "metric": "lowered_share",
            "value": float(lowered[known].mean()),
            "criterion": f"of the points, median m_z below {_LOWERED}",
        },
        {
            "metric": "multistable_share",
            "value": float(several.mean()),
            "criterion": f"of the points, m_z of the starts differs by more than {_MULTISTABLE}",
        },
    ]


def _correlation_rows(study: "xr.Dataset") -> list[dict[str, Any]]:
    if "median" not in study:
        return []
    axes, star = (study["keff"].values, study["dmi"].values), star_place(study)
    # The mean over starts falls steadily where the share of starts that keep a texture does; the median jumps there.
    found = rank_correlations(study["centre"].values.mean(axis=2), *axes, star)
    medians = rank_correlations(study["median"].values, *axes, star)
    found |= {f"{name}.median": medians[name] for name in ("keff", "dmi")}
    criteria = {
        "": "Spearman, mean over the starts, along the map's line through the star",
        "median": "the same of the median over the starts",
        "lines": "Spearman, mean over all lines along which m_z changes",
        "whole": "Spearman, over all points; the squares of the two add up to at most 1",
        "partial": "Spearman, over all points, the other parameter taken out",
    }
    return [
        {"metric": f"rank_correlation.{name}", "value": value, "criterion": criteria[name.partition(".")[2]]}
        for name, value in sorted(found.items())
    ]


def _wall_rows(study: "xr.Dataset") -> list[dict[str, Any]]:
    import numpy as np

    if "wall_width" not in study:
        return []
    star = star_place(study, "wall_")
    width, angle = study["wall_width"].values, study["wall_angle"].values
    neel = np.where(angle < math.pi / 9, width, np.nan)
    formula = study["wall_width_formula"].values
    return [
        {"metric": "wall_width", "value": float(width[star]), "unit": "m", "criterion": "in the defect-free film"},
        {
            "metric": "wall_width.formula",
            "value": float(formula[star[0]]),
            "unit": "m",
            "criterion": "sqrt(A/Ku), defect-free film",
        },
        {
            "metric": "wall_width.dmi_deviation",
            "value": _deviation(width),
            "criterion": "largest relative deviation from the mean over D at one Keff, all walls",
        },
        {
            "metric": "wall_width.dmi_deviation.neel",
            "value": _deviation(neel),
            "criterion": "the same, walls within 20 degrees of Neel only",
        },
    ]


def _deviation(width: "NDArray[np.float64]") -> float:
    """Return the largest relative deviation from the mean of a row, over rows with two values or more."""
    import numpy as np

    rows = [row[~np.isnan(row)] for row in width]
    found = [float(np.abs(row / row.mean() - 1).max()) for row in rows if row.size > 1]
    return max(found) if found else math.nan


def _effort_rows(study: "xr.Dataset") -> list[dict[str, Any]]:
    import numpy as np

    if "median" not in study:
        return []
    return [
        {
            "metric": "evaluations",
            "value": float(np.nanmean(study["evaluations"].values)),
            "criterion": "of the effective field, mean over all relaxations",
        },
        {
            "metric": "torque.largest",
            "value": float(np.nanmax(study["torque"].values)),
            "criterion": "at the end of a relaxation, the largest of all",
        },
    ]
