"""What a CXI entry says of its frames, in the terms of a `Measurement`.

- `Known`: what the user knows beyond the file;
- `frames_of`, `helicity_of`, `title_of`, `propagation_of`;
- `scalars_of`: energy, distance, pixel and all that is one number; `in_counts`: those that a conversion scales;
- `valid_of`, `dark_of`: images of the detector; `per_frame_of`: positions and what else there is for each frame.

Numbers in the entry's own group `OWN`, which `records.cxi_write` makes, go before those that CXI has a place for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from records.checks import require
from records.cxi_entry import (
    COUNT_TIME,
    COUNTS_PER_JOULE,
    DISTANCE,
    ELEMENTARY_CHARGE,
    MONITOR,
    SATURATION,
    energy,
    find,
    number,
    per_frame,
    text,
    where,
)
from records.cxi_frames import Conversion, Scan, blocks
from records.cxi_geometry import angles, pitch, positions
from records.errors import RecordError
from records.ptychography import PROPAGATIONS, SCALARS

OWN: Final = "truespin"
"""Group of an entry for what CXI has no place for."""

DATA: Final = ("data_1/data", "instrument_1/detector_1/data", "image_1/data")
MASK: Final = ("instrument_1/detector_1/mask", "data_1/mask", "image_1/mask")
DARK: Final = ("instrument_1/detector_1/data_dark",)
STOKES: Final = ("instrument_1/beam_1/incident_polarization_stokes", "sample_1/beam_1/incident_polarization_stokes")

HAS_SIGNAL: Final = 0x1000
"""The one value of a CXI mask, besides 0, that does not mean a bad pixel: signal above the background."""

_LARGEST_DARK: Final = 1e30

_PER_COUNT: Final = ("gain", "saturation", "read_noise")


@dataclass(frozen=True)
class Known:
    """What the user knows beyond the file.

    Parameters
    ----------
    propagation : str, optional
        ``"far_field"`` or ``"near_field"``.
    scalars : mapping
        Values of `records.ptychography.SCALARS`, which replace those of the file.
    probe_moves : bool
        Whether translations are those of the probe.
    """

    propagation: str | None = None
    scalars: Mapping[str, float] = field(default_factory=dict)
    probe_moves: bool = False


def frames_of(entry: Any) -> Any:
    """Return the dataset of the frames, not read.

    Raises
    ------
    RecordError
        If there is none, or it is no stack of real images.
    """
    data = find(entry, *DATA)
    if data is None:
        raise RecordError(f"{entry.name.lstrip('/')}: no frames; expected data_1/data or instrument_1/detector_1/data")
    require(data.dtype.kind in "fiu", where(data), f"dtype {data.dtype}", "real numbers")
    fits = data.shape is not None and len(data.shape) == 3 and min(data.shape) > 0 and min(data.shape[1:]) > 1
    require(fits, where(data), f"shape {data.shape}", "(frames, y, x), some frames of two pixels a side or more")
    return data


def helicity_of(entry: Any) -> int:
    """Return the sign of the fourth Stokes parameter, +1 where an entry does not say.

    NeXus: V > 0 where the electric field turns clockwise as seen from the source, hence about the beam: helicity +1.
    """
    circular = _circular(entry)
    return -1 if circular is not None and circular < 0 else 1


def _circular(entry: Any) -> float | None:
    """Return V / I of the Stokes vector, None where there is none."""
    stokes = find(entry, *STOKES)
    if stokes is None:
        return None
    fits = stokes.dtype.kind in "fiu" and stokes.shape is not None and stokes.size >= 4
    require(fits, where(stokes), f"{stokes.dtype} of shape {stokes.shape}", "four numbers (I, Q, U, V)")
    intensity, _, _, circular = np.asarray(stokes[()], dtype=np.float64).ravel()[:4]
    require(bool(np.isfinite([intensity, circular]).all()), where(stokes), "values are not finite", "finite values")
    return float(circular / intensity) if intensity > 0 else None


def title_of(entry: Any) -> str:
    """Return the title of an entry, one line."""
    title = find(entry, "title")
    return (text(title[()]) if title is not None else "") or "ptychography"


def propagation_of(entry: Any, scalars: Mapping[str, float], known: Known) -> str:
    """Return ``"far_field"`` or ``"near_field"``: as known, as the entry says, near where there is a focus distance."""
    own = entry.get(OWN)
    said = text(own.attrs.get("propagation", "")) if own is not None else ""
    propagation = known.propagation or said or ("near_field" if "focus_distance" in scalars else "far_field")
    require(propagation in PROPAGATIONS, "propagation", f"found {propagation!r}", str(PROPAGATIONS))
    return propagation


def scalars_of(entry: Any, known: Known) -> dict[str, float]:
    """Return what is one number for the entry; counts in the units of the file, ``saturation`` only where it is known.

    Raises
    ------
    RecordError
        If energy, distance or pixel are missing or not in SI.
    """
    own, given = _own(entry), dict(known.scalars)
    found: dict[str, float] = {"gain": 1.0, "read_noise": 0.0}
    photon = given["energy"] if "energy" in given else energy(entry)
    found["energy"] = own["energy"] if abs(own.get("energy", 0.0) / photon - 1) < 1e-9 else photon
    if "pixel_pitch" not in given:
        found["pixel_pitch"] = pitch(entry)
    if "distance" not in given:
        found["distance"] = _distance(entry)
    if not {"tilt", "in_plane_angle"} <= set(given):
        found["tilt"], found["in_plane_angle"] = angles(entry)
    per_joule, saturation = number(entry, COUNTS_PER_JOULE), number(entry, SATURATION)
    if per_joule is not None:
        found["gain"] = per_joule * photon * ELEMENTARY_CHARGE
    if saturation is not None:
        found["saturation"] = saturation
    circular = _circular(entry)
    if circular is not None and entry.get(OWN) is None:
        found["polarization"] = abs(circular)
    settled = {"energy", "pixel_pitch", "distance", "saturation"}
    return found | {name: value for name, value in own.items() if name not in settled} | given


def _own(entry: Any) -> dict[str, float]:
    """Return the scalars of the entry's own group."""
    own = entry.get(OWN)
    names = [name for name in SCALARS if own is not None and name in own]
    return {name: float(own[name][()]) for name in names}


def _distance(entry: Any) -> float:
    distance = number(entry, DISTANCE)
    if distance is None:
        raise RecordError(f"{entry.name.lstrip('/')}/instrument_1/detector_1/distance: missing; expected it in m")
    return distance


def in_counts(scalars: Mapping[str, float], conversion: Conversion, stored: np.dtype[Any]) -> dict[str, float]:
    """Return the scalars with gain, saturation and read noise as the conversion of the frames makes them.

    Parameters
    ----------
    scalars : mapping
        In the units of the file.
    conversion : Conversion
        What is done to the frames.
    stored : dtype
        Of the frames in the file, whose largest value is the saturation where it is not known.
    """
    counts = dict(scalars)
    most = float(np.iinfo(conversion.dtype).max)
    # The largest value of 32 bits, and the one below, are marks of gaps and dead pixels, never counts.
    largest = np.iinfo(stored).max - (stored.itemsize == 4) if stored.kind in "iu" else most / conversion.scale
    saturation = (counts.get("saturation", float(largest)) + conversion.offset) * conversion.scale
    counts |= {name: counts[name] * conversion.scale for name in ("gain", "read_noise")}
    return counts | {"saturation": min(saturation, most)}


def valid_of(entry: Any, data: Any, scan: Scan | None) -> NDArray[np.bool_]:
    """Return which pixels (h, w) no mask calls bad in any frame, and whose counts and dark are numbers.

    Raises
    ------
    RecordError
        If the mask has another shape than the frames.
    """
    shape = data.shape[1:]
    valid = np.isfinite(_mean_dark(entry, data)) & (True if scan is None else ~scan.masked)
    mask = find(entry, *MASK)
    if mask is None:
        return valid
    fits = mask.shape in (shape, data.shape) and mask.dtype.kind in "iub"
    require(fits, where(mask), f"{mask.dtype} of shape {mask.shape}", f"CXI bits of shape {shape}, 0 where good")
    if mask.shape == shape:
        return valid & _good(mask[()])
    for start, stop in blocks(mask):
        valid &= _good(mask[start:stop]).all(axis=0)
    return valid


def _good(bits: NDArray[Any]) -> NDArray[np.bool_]:
    return np.asarray((bits == 0) | (bits == HAS_SIGNAL))


def dark_of(entry: Any, data: Any) -> NDArray[np.float64]:
    """Return the mean dark (h, w) in the units of the file, 0 where there is none.

    Raises
    ------
    RecordError
        If its shape is not that of the frames, no pixel has one, or it is below 0 by more than noise.
    """
    mean = _mean_dark(entry, data)
    known = mean[np.isfinite(mean)]
    name = f"{entry.name.lstrip('/')}/{DARK[0]}"
    require(known.size > 0, name, "no pixel has a finite value", "the mean dark of each pixel")
    level = float(known.mean())
    require(level >= -float(known.std()) - 1e-9, name, f"a mean of {level:.6g}", "0 or above, but for noise")
    return np.where(np.isfinite(mean), np.maximum(mean, 0.0), 0.0)


def _mean_dark(entry: Any, data: Any) -> NDArray[np.float64]:
    """Return the mean of the dark reads (h, w), NaN where one of them is no number that a frame may have."""
    dark = find(entry, *DARK)
    if dark is None:
        return np.zeros(data.shape[1:])
    fits = dark.shape is not None and dark.shape[-2:] == data.shape[1:] and dark.dtype.kind in "fiu"
    require(fits, where(dark), f"{dark.dtype} of shape {dark.shape}", f"numbers of shape {data.shape[1:]}")
    reads = dark[()].astype(np.float64)
    reads[~(np.abs(reads) < _LARGEST_DARK)] = np.nan
    return np.asarray(reads.reshape(-1, *data.shape[1:]).mean(axis=0))


def per_frame_of(entry: Any, data: Any, scan: Scan | None, known: Known) -> dict[str, NDArray[Any]]:
    """Return positions and, where there are some, ``used``, ``monitor`` and ``exposure_time`` of each frame.

    A frame that holds a NaN, or whose monitor is not above 0, is not used.

    Raises
    ------
    RecordError
        If their number is not that of the frames.
    """
    count = data.shape[0]
    centre = positions(entry, count, probe_moves=known.probe_moves)
    found: dict[str, NDArray[Any]] = {"position_y": centre[0], "position_x": centre[1]}
    used = _own_used(entry, count)
    good = np.ones(count, dtype=bool) if used is None else used
    if scan is not None:
        good = good & ~scan.spoilt
    monitor, exposure = per_frame(entry, MONITOR, count), per_frame(entry, COUNT_TIME, count)
    if monitor is not None:
        shown = monitor > 0
        require(bool(shown.any()), f"{entry.name.lstrip('/')}: monitor", "no value above 0", "the incident flux")
        found["monitor"], good = np.where(shown, monitor, np.median(monitor[shown])), good & shown
    if exposure is not None:
        found["exposure_time"] = exposure
    if used is not None or not good.all():
        found["used"] = good
    return found


def _own_used(entry: Any, count: int) -> NDArray[np.bool_] | None:
    own = entry.get(OWN)
    if own is None or "used" not in own:
        return None
    used = own["used"]
    require(used.shape == (count,), where(used), f"shape {used.shape}", f"({count},)")
    return np.asarray(used[()], dtype=bool)
