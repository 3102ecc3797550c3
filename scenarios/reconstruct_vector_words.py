"""What ``truespin reconstruct vector`` says.

- `show`: what was reconstructed, tables of what was found, and what to distrust;
- `table`, `is_table`: the hedgehogs as CSV.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import xarray as xr

_NANO: Final = 1e9
_COLUMNS: Final = "charge,z_nm,y_nm,x_nm,error_nm,border_distance_nm,at_border"
_FILLED: Final = 0.5
_BAND: Final = 0.25  # cycles per voxel
_FLAGS: Final = {
    "changed_texture": "one series sees another magnetization: its own volume explains some place better by {:.3g} "
    "spreads",
    "mass": "the absorption of the whole image changes by {:.2%} rms over a series: background, or out of the view",
    "no_background": "{:.0%} of the images show nothing but sample, so that their background stays",
    "few_projections": "{:.3g} unknown values to a measured one: too few projections or pixels",
    "missing_angles": "{:.0%} of the spatial frequencies up to half the finest are unmeasured: too few angles",
    "misfit": "the misfit is {:.3g} times what noise and voxels explain: angles, alignment, beta_m or images are wrong",
    "weak_support": "the fill misses {:.1%} of the absorption of the magnet",
    "blurred_support": "{:.0%} of the magnetic voxels are neither full nor empty",
    "one_image_series": "{:.0f} series with one image each were left out",
    "missing_phases": "{:.0%} of the images are explained as waves by their modulus alone: they show no exterior",
}


def _heading(name: str, measured: "xr.Dataset") -> list[str]:
    """Return two lines on a measurement."""
    from records.projections import images_per_series

    count, ny, nx = (measured.sizes[dim] for dim in ("projection", "y", "x"))
    series = images_per_series(measured)
    tilts = np.degrees(measured["tilt"].values)
    turns = np.degrees(measured["in_plane"].values)
    first = [f"{turns[measured['series'].values == label][0]:.4g}" for label in list(series)[:6]]
    more = ", ..." if len(series) > len(first) else ""
    return [
        f"{name}: {count} projections of {ny} x {nx} pixels of {_NANO * float(measured['pixel_size']):.4g} nm",
        f"  {len(series)} series, in plane {', '.join(first)}{more} degrees, tilt {tilts.min():.4g} to "
        f"{tilts.max():.4g} degrees; {float(measured['energy']):.6g} eV",
    ]


def show(name: str, measured: "xr.Dataset", found: "xr.Dataset", charges: "xr.Dataset") -> None:
    """Print what came of the file `name`: hedgehogs by sign, fit, geometry, and every flag that is raised."""
    from rich.console import Console

    from scenarios.measure_result import columns

    print("\n".join(_heading(name, measured)))
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 140)
    console.print(columns("hedgehogs", ("", "", "positive", "negative", "total charge"), _charges(charges)))
    facts = [*_volume(found), *_fit(found), *_geometry(measured, found)]
    width = max(len(fact) for fact, _ in facts)
    for fact, text in facts:
        print(f"{fact:<{width}}  {text}")
    for line in _raised(found):
        print(line)


def _charges(charges: "xr.Dataset") -> list[tuple[str, ...]]:
    """Return the counts inside and at the border."""
    charge, border = charges["charge"].values, charges["at_border"].values
    rows: list[tuple[str, ...]] = []
    for name, chosen in (("inside", ~border), ("within a voxel of the border", border)):
        part = charge[chosen]
        counts = int(np.count_nonzero(part > 0)), int(np.count_nonzero(part < 0))
        rows.append((name, "", str(counts[0]), str(counts[1]), f"{int(part.sum()):+d}" if part.sum() else "0"))
    return rows


def _volume(found: "xr.Dataset") -> list[tuple[str, str]]:
    size = _NANO * float(found["voxel_size"])
    fill = found["fill"].values
    length = np.linalg.norm(found["magnetization"].values, axis=0)
    inside = fill > _FILLED
    voxels = " x ".join(str(found.sizes[dim]) for dim in "zyx")
    lines = [("volume", f"{voxels} voxels (z, y, x) of {size:.4g} nm, {fill.mean(dtype=np.float64):.1%} magnet")]
    if not inside.any():
        lines.append(("no hedgehogs", f"no voxel is filled to more than {_FILLED:g}"))
    else:
        share = length[inside] / fill[inside]
        lines.append(
            ("|m| over fill", f"{share.mean(dtype=np.float64):.3f} +- {share.std(dtype=np.float64):.3f} in the magnet")
        )
    return lines


def _fit(found: "xr.Dataset") -> list[tuple[str, str]]:
    used = found["used"].values.astype(bool)
    lines = [("projections", f"{np.count_nonzero(used)} of {used.size} used")]
    if "residual" in found and used.any():
        values = np.where(used, found["residual"].values, -np.inf)
        worst = int(np.argmax(values))
        median = float(np.median(values[used]))
        lines.append(("residual", f"{median:.4g} (median), {values[worst]:.4g} at most, in projection {worst}"))
    if "history" in found:
        history = found["history"].values
        known = history[np.isfinite(history)]
        noise = f"; noise alone {float(found['noise']):.4g}" if "noise" in found else ""
        if known.size:
            lines.append(("misfit", f"{known[-1]:.4g} after {history.size} steps{noise}"))
    if "coverage" in found:
        share = f"{_unmeasured(found):.1%} of the spatial frequencies up to half the finest"
        lines.append(("unmeasured", f"a direction of m in {share}"))
    return lines


def _unmeasured(found: "xr.Dataset") -> float:
    """Return the share of frequencies of which a direction is not seen."""
    from optics.grids import positions
    from reconstructors.tomography.coverage import UNMEASURED

    least = found["coverage"].values
    z, y, x = (positions(n, 1.0 / n) for n in least.shape)
    inside = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= _BAND**2
    return float(np.mean(least[inside] < UNMEASURED))


def _geometry(measured: "xr.Dataset", found: "xr.Dataset") -> list[tuple[str, str]]:
    """Tell how far the geometry of the fit is from the angles as given and from centred images."""
    from reconstructors.tomography.geometry import rotations

    used = found["used"].values.astype(bool)
    if not used.any():
        return []
    nominal = rotations(in_plane=measured["in_plane"].values, tilt=measured["tilt"].values)
    turned = np.einsum("pij,pkj->pik", found["rotation"].values, nominal)[used]
    # The sine is exact where the arc cosine of the trace is rounding.
    sine = np.linalg.norm(turned - np.swapaxes(turned, 1, 2), axis=(1, 2)) / np.sqrt(8)
    angle = np.degrees(np.arctan2(sine, (np.trace(turned, axis1=1, axis2=2) - 1) / 2))
    lines = [
        ("shifts (y, x)", f"{_pair(found['shift'].values[used])} px rms from the middle of the images"),
        ("angles", f"{_rms(angle):.3g} degrees rms from those given, {angle.max():.3g} at most"),
    ]
    if "pair_shift" in found:
        lines.append(("helicities (y, x)", f"{_pair(found['pair_shift'].values[used])} px rms apart"))
    return lines


def _rms(values: NDArray[Any]) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def _pair(shifts: NDArray[Any]) -> str:
    return ", ".join(f"{_rms(shifts[:, axis]):.3g}" for axis in range(2))


def _raised(found: "xr.Dataset") -> list[str]:
    if "flag" not in found:
        return []
    values = zip(found["flag_name"].values, found["flag"].values, found["flag_value"].values, strict=True)
    return [f"flag {name}: {_FLAGS.get(str(name), '{:.3g}').format(float(v))}" for name, up, v in values if up == 1]


def table(charges: "xr.Dataset") -> str:
    """Return the hedgehogs as CSV, one a line, lengths in nm from the middle of the volume, index ``n//2``."""
    lines = [_COLUMNS]
    for row in range(charges.sizes["hedgehog"]):
        lengths = [
            *charges["position"].values[row],
            charges["position_error"].values[row],
            charges["border_distance"].values[row],
        ]
        cells = [f"{_NANO * float(value):.4f}" for value in lengths]
        border = int(charges["at_border"].values[row])
        lines.append(",".join([f"{int(charges['charge'].values[row]):+d}", *cells, str(border)]))
    return "\n".join(lines) + "\n"


def is_table(file: Path) -> bool:
    """Return whether a file is what `table` gives, which may be made again."""
    with file.open("rb") as stream:
        return stream.read(len(_COLUMNS) + 1).rstrip() == _COLUMNS.encode()
