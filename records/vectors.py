"""Between the vectors of a file and a `Sample`, for formats that hold little else.

- `sample_of_vectors`: unit vectors, magnet and saturation magnetization from vectors of any length;
- `note`, `of_note`: what such a file cannot hold, as a line of text beside its vectors.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records import sample
from records.errors import RecordError

UNIT_LENGTH: Final = 10.0
"""A/m; no magnet is that weak, so such a file holds unit vectors under a wrong label."""

_VOID: Final = 1e-6
"""Vectors shorter than this part of the longest are no magnet."""
_ROUNDING: Final = 1e-6
"""Relative error of lengths in single precision, with some room."""


@dataclass(frozen=True)
class Note:
    """What a file of vectors cannot hold of a sample.

    Parameters
    ----------
    origin : str
        Where the sample comes from.
    features : dict
        Its known features.
    saturation : float, optional
        A/m, where it is the same in all the magnet: the rest of a vector's length is then the fill fraction.
    """

    origin: str = "file"
    features: dict[str, Any] = field(default_factory=dict)
    saturation: float | None = None


def sample_of_vectors(
    vectors: NDArray[np.float64],
    *,
    voxel_size: tuple[float, float, float],
    ampere_per_metre: float,
    note: Note,
) -> xr.Dataset:
    """Make a `Sample` of vectors of any length; cells of length zero are void.

    Parameters
    ----------
    vectors : (3, nz, ny, nx) float64 array
        Components (x, y, z).
    voxel_size : tuple of float
        (z, y, x) in m.
    ampere_per_metre : float
        Unit of the lengths in A/m; 0 where they say nothing.
    note : Note
        What else is known; its saturation magnetization is used where no vector is longer.

    Raises
    ------
    RecordError
        If all vectors are zero.
    """
    lengths = np.sqrt(np.einsum("czyx,czyx->zyx", vectors, vectors))
    longest = float(lengths.max())
    if longest == 0:
        raise RecordError("all vectors are 0; expected a magnetization")
    magnet = lengths > _VOID * longest
    unit_vectors = np.divide(vectors, lengths, out=np.zeros_like(vectors), where=magnet)
    fill: NDArray[Any] = magnet
    moments: NDArray[np.float64] | None = None
    if longest * ampere_per_metre > UNIT_LENGTH:
        moments = np.where(magnet, lengths, 0.0) * ampere_per_metre
        known = note.saturation
        if known is not None and longest * ampere_per_metre <= known * (1 + _ROUNDING):
            fill, moments = np.where(moments < known * (1 - _ROUNDING), moments / known, magnet), np.asarray(known)
        else:
            moments = uniform_or_field(moments, magnet)
    return sample.make(
        magnetization=unit_vectors,
        voxel_size=voxel_size,
        magnet=fill,
        saturation_magnetization=moments,
        origin=note.origin,
        features=note.features,
    )


def uniform_or_field(moments: NDArray[Any], magnet: NDArray[np.bool_]) -> NDArray[Any]:
    """Return one number where the saturation magnetization is that of one material."""
    inside = moments[magnet]
    middle = np.asarray(inside.mean(dtype=np.float64))
    return middle if float(np.ptp(inside)) < 1e-5 * middle else moments


def note(record: xr.Dataset, *, largest: int | None = None) -> str:
    """Return origin, features and uniform saturation magnetization of a `Sample` as JSON without a space.

    Where it would be longer than `largest` characters, the longest features are left out and named in ``left_out``.
    """
    features = json.loads(record.attrs["features"])
    text = _json(record, features)
    sizes = {key: len(json.dumps(value)) for key, value in features.items()}
    left_out: list[str] = []
    while largest is not None and len(text) > largest and sizes:
        longest = max(sizes, key=lambda key: sizes[key])
        del sizes[longest], features[longest]
        left_out.append(longest)
        text = _json(record, {**features, "left_out": left_out})
    return text


def _json(record: xr.Dataset, features: dict[str, Any]) -> str:
    content = {"cells": list(record["magnet"].shape), "origin": record.attrs["origin"], "features": features}
    if "saturation_magnetization" in record and record["saturation_magnetization"].ndim == 0:
        content["saturation"] = float(record["saturation_magnetization"])
    # Spaces are left inside of texts only, where the escape is the same to any reader of JSON.
    return json.dumps(content, sort_keys=True, separators=(",", ":")).replace(" ", "\\u0020")


def of_note(text: str, shape: tuple[int, int, int]) -> Note | None:
    """Return what `note` wrote; None where it is damaged or belongs to a sample of other cells than `shape`."""
    try:
        content = json.loads(text)
        if tuple(content["cells"]) != shape:
            return None
        saturation = content.get("saturation")
        found = Note(
            str(content["origin"]), dict(content["features"]), None if saturation is None else float(saturation)
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    sound = found.saturation is None or (np.isfinite(found.saturation) and found.saturation > 0)
    return found if sound else None
