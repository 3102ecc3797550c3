"""Open the projections of a CXI file as measurements.

- `open_node`: one projection, its frames left in the file;
- `count_projections`: how many there are;
- `group_entries`: which entries are the two helicities of one projection.

The conventions are those of `records.cxi`.
"""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.core import indexing

from records import cxi_facts, cxi_frames, ptychography
from records.checks import require
from records.cxi_entry import entries, find, opened, where
from records.cxi_facts import OWN, Known
from records.cxi_geometry import ORIENTATION, check_scan


def count_projections(path: str | os.PathLike[str], *, helicity: Sequence[int] | None = None) -> int:
    """Return how many projections a CXI file holds: pairs of entries of opposite helicity, and single entries.

    Parameters
    ----------
    path : path
        The file.
    helicity : sequence of int, optional
        +1 or -1 for each entry, where the entries do not say.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    with opened(path) as file:
        return len(group_entries(file, helicity))


def open_node(
    path: str | os.PathLike[str],
    projection: int = 0,
    *,
    focus_distance: float | None = None,
    propagation: str | None = None,
    scalars: Mapping[str, float] | None = None,
    helicity: Sequence[int] | None = None,
    probe_moves: bool = False,
) -> xr.Dataset:
    """Open one projection of a CXI file as a `Measurement`; its frames stay there until they are asked for.

    Parameters
    ----------
    path : path
        The file.
    projection : int
        Number of the projection.
    focus_distance : float, optional
        Focus to sample in m, for a near field with a diverging beam, which CXI has no place for.
    propagation : str, optional
        ``"far_field"`` or ``"near_field"``; else what the file says, near where there is a `focus_distance`, or far.
    scalars : mapping, optional
        Values of `records.ptychography.SCALARS` that the file lacks or has wrong, such as ``gain`` or ``outer_zone``;
        ``gain``, ``saturation`` and ``read_noise`` in the units of the file's frames.
    helicity : sequence of int, optional
        +1 or -1 for each entry of the file, where its entries do not say.
    probe_moves : bool
        Whether the translations are those of the probe. In CXI they are the sample's; some programs write the other.

    Returns
    -------
    Dataset
        The node; the file stays open until ``node.close()``.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    given = dict(scalars or {}) | ({} if focus_distance is None else {"focus_distance": focus_distance})
    known = Known(propagation, given, probe_moves)
    with opened(path) as file:
        groups = group_entries(file, helicity)
        found, expected = f"projection {projection} is not there", f"0 to {len(groups) - 1}"
        require(0 <= projection < len(groups), file.filename, found, expected)
        return _node({sign: file[name] for sign, name in groups[projection]}, known)


def group_entries(file: Any, helicity: Sequence[int] | None = None) -> list[list[tuple[int, str]]]:
    """Return the entries of each projection as (helicity, name), helicity +1 first.

    Two entries that follow each other belong together if their helicities are opposite and both carry the same number
    of a projection (files of `records.cxi`) or have equal orientations and frames of the same shape.

    Raises
    ------
    RecordError
        If there is no entry, or `helicity` does not fit them.
    """
    groups = entries(file)
    if helicity is not None:
        fits = len(helicity) == len(groups) and set(helicity) <= {1, -1}
        require(fits, "helicity", f"found {list(helicity)}", f"+1 or -1 for each of {len(groups)} entries")
    projections: list[list[tuple[int, str]]] = []
    last: Any = None
    for index, entry in enumerate(groups):
        sign = cxi_facts.helicity_of(entry) if helicity is None else helicity[index]
        key = _key(entry)
        if projections and key == last and [found for found, _ in projections[-1]] == [-sign]:
            projections[-1].append((sign, entry.name))
        else:
            projections.append([(sign, entry.name)])
        last = key
    return [sorted(projection, reverse=True) for projection in projections]


def _key(entry: Any) -> Any:
    """Return what the two helicities of a projection have in common."""
    own = entry.get(OWN)
    if own is not None and "projection" in own.attrs:
        return int(own.attrs["projection"])
    data, orientation = find(entry, *cxi_facts.DATA), find(entry, *ORIENTATION.paths)
    angles = () if orientation is None else tuple(np.ravel(orientation[()]).tolist())
    return None if data is None else data.shape, angles


def _node(pair: dict[int, Any], known: Known) -> xr.Dataset:
    """Return the node of the entries by helicity, one or two."""
    datasets = [cxi_facts.frames_of(entry) for entry in pair.values()]
    scans = _scans(datasets)
    conversion = cxi_frames.conversion(datasets, scans)
    first = next(iter(pair.values()))
    scalars = cxi_facts.scalars_of(first, known)
    header = ptychography.header(
        dark=conversion.place((cxi_facts.dark_of(first, datasets[0]) + conversion.offset) * conversion.scale),
        valid=conversion.place(_valid(pair, datasets, scans)),
        frames=_per_frame(pair, datasets, scans, known),
        scalars=cxi_facts.in_counts(scalars, conversion, datasets[0].dtype),
        helicity=list(pair),
        propagation=cxi_facts.propagation_of(first, scalars, known),
        title=cxi_facts.title_of(first),
    )
    _check_partner(pair, datasets, known)
    check_scan(header)
    manager = cxi_frames.manager(first.file.filename)
    paths = [data.name for data in datasets]
    lazy = indexing.LazilyIndexedArray(cxi_frames.LazyFrames(manager, paths, len(datasets[0]), conversion))
    counts = xr.Variable(("helicity", "position", "y", "x"), lazy, {"units": "ADU"})
    node = ptychography.with_counts(header, counts)
    node.set_close(manager.close)
    return node


def _scans(datasets: list[Any]) -> list[cxi_frames.Scan | None]:
    """Look through the frames where they may be other than counts; counts only until there is light."""
    shapes = [data.shape for data in datasets]
    require(
        len(set(shapes)) == 1, where(datasets[-1]), f"shape {shapes[-1]}", f"{shapes[0]}, as the other helicity has"
    )
    if all(data.dtype.kind == "u" and data.dtype.itemsize <= 4 for data in datasets):
        for data in datasets:
            require(cxi_frames.has_light(data), where(data), "every value is 0", "some light")
        return [None for _ in datasets]
    return [cxi_frames.scan(data) for data in datasets]


def _valid(pair: dict[int, Any], datasets: list[Any], scans: list[cxi_frames.Scan | None]) -> NDArray[np.bool_]:
    """Return the pixels that are good in all helicities."""
    parts = zip(pair.values(), datasets, scans, strict=True)
    valid = np.logical_and.reduce([cxi_facts.valid_of(entry, data, scan) for entry, data, scan in parts])
    require(bool(valid.any()), where(datasets[0]), "every pixel is masked", "some that are not")
    return np.asarray(valid)


def _per_frame(
    pair: dict[int, Any], datasets: list[Any], scans: list[cxi_frames.Scan | None], known: Known
) -> dict[str, NDArray[Any]]:
    """Return what each frame has one value of, (helicities, frames); what one helicity lacks is left out."""
    parts = zip(pair.values(), datasets, scans, strict=True)
    found = [cxi_facts.per_frame_of(entry, data, scan, known) for entry, data, scan in parts]
    if any("used" in part for part in found):
        for part in found:
            part.setdefault("used", np.ones(len(part["position_y"]), dtype=bool))
    shared = set.intersection(*(set(part) for part in found))
    return {name: np.stack([part[name] for part in found]) for name in sorted(shared)}


def _check_partner(pair: dict[int, Any], datasets: list[Any], known: Known) -> None:
    """Check that both helicities were measured with one detector and one geometry, as a node has one of each."""
    if len(pair) < 2:
        return
    first, second = (cxi_facts.scalars_of(entry, known) for entry in pair.values())
    darks = [cxi_facts.dark_of(entry, data) for entry, data in zip(pair.values(), datasets, strict=True)]
    expected = "the same for both helicities of a projection"
    for name in sorted(set(first) | set(second)):
        a, b = first.get(name, np.nan), second.get(name, np.nan)
        agree = abs(a - b) <= 1e-6 * max(abs(a), abs(b))
        require(agree, f"{next(iter(pair.values())).name.lstrip('/')}: {name}", f"{a:.6g} and {b:.6g}", expected)
    require(np.allclose(darks[0], darks[1], rtol=1e-5), where(datasets[-1]), "a dark that differs", expected)
