"""Write measurements as CXI 1.6 / NXcxi_ptycho, frame by frame.

- `write_nodes`: one entry for each projection and helicity;
- `add_entry`, `add_numbers`: the parts that reconstructions share.

The conventions are those of `records.cxi`.
"""

import os
from collections.abc import Iterable, Mapping
from typing import Any, Final

import h5py
import numpy as np
import xarray as xr

from optics.units import wavelength
from records import frames, ptychography
from records.checks import require
from records.cxi_entry import ELEMENTARY_CHARGE
from records.cxi_facts import OWN
from records.cxi_geometry import ROWS_DOWN, orientation, translations
from records.guarded import guarded

VERSION: Final = 160
"""CXI 1.6."""

INVALID: Final = 0x1
"""Bit of a CXI mask: invalid pixel."""

_COMPRESSED: Final = {"compression": "gzip", "compression_opts": frames.LEVEL, "shuffle": True}


def write_nodes(
    nodes: xr.Dataset | Iterable[xr.Dataset], path: str | os.PathLike[str], *, title: str | None = None
) -> None:
    """Write measurements to a CXI file, whole or not at all, with the memory of a few frames.

    Parameters
    ----------
    nodes : Dataset or iterable of Dataset
        One projection or several, lazy or not.
    path : path
        The file.
    title : str, optional
        Title of the entries instead of that of each node.

    Raises
    ------
    RecordError
        If a node is not sound.
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    with guarded(path) as raw, h5py.File(raw, "w") as file:
        entries = 0
        for projection, node in enumerate([nodes] if isinstance(nodes, xr.Dataset) else nodes):
            ptychography.check(node)
            for index in range(node.sizes["helicity"]):
                entries += 1
                entry = add_entry(file, entries, node.attrs["title"] if title is None else title)
                _add_measurement(entry, node, index)
                entry[OWN].attrs["projection"] = projection
                for start, stop in frames.blocks(node):
                    entry["data_1/data"][start:stop] = node["counts"][index, start:stop].values
                    raw.check()
        require(entries > 0, os.fspath(path), "no projection was given", "one or more")
        file["number_of_entries"] = entries


def add_entry(file: Any, number: int, title: str) -> Any:
    """Return a new ``entry_N``; the first one brings the version of the file with it."""
    if "cxi_version" not in file:
        file["cxi_version"] = VERSION
        file.attrs["default"] = "entry_1"
    entry = _group(file, f"entry_{number}", "NXentry")
    entry["title"], entry["definition"] = title, "NXcxi_ptycho"
    _group(entry, OWN, "NXcollection")
    return entry


def _group(parent: Any, name: str, nexus: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nexus
    return group


def add_numbers(group: Any, values: Mapping[str, tuple[Any, str]]) -> None:
    """Write numbers or arrays as (value, units) under their names; no attribute for an empty unit."""
    for name, (value, units) in values.items():
        group[name] = value
        if units:
            group[name].attrs["units"] = units


def add_source(entry: Any, energy: float, stokes: tuple[float, ...] | None = None) -> Any:
    """Write the photon energy in eV as joules, at its place in CXI and in NeXus; return ``instrument_1``."""
    instrument = _group(entry, "instrument_1", "NXinstrument")
    source, beam = _group(instrument, "source_1", "NXsource"), _group(instrument, "beam_1", "NXbeam")
    joules = (energy * ELEMENTARY_CHARGE, "J")
    add_numbers(source, {"energy": joules, "wavelength": (wavelength(energy), "m")})
    source["probe"], source["type"] = "x-ray", "Synchrotron X-ray Source"
    add_numbers(beam, {"energy": joules, "incident_beam_energy": joules})
    if stokes is not None:
        beam["incident_polarization_stokes"] = np.array(stokes)
    return instrument


def add_sample(entry: Any, moved: Any, rotated: Any = None) -> None:
    """Write the sample's translations (frames, 3) in m and, where there is one, its orientation (6)."""
    sample = _group(entry, "sample_1", "NXsample")
    geometry, motors = (
        _group(sample, "geometry_1", "NXcollection"),
        _group(sample, "transformations", "NXtransformations"),
    )
    add_numbers(geometry, {"translation": (moved, "m")})
    geometry["translation"].attrs.update({"axes": "translation:y:x", "interpretation": "image"})
    if rotated is not None:
        geometry["orientation"] = rotated
    for axis, name in enumerate("xy"):
        add_numbers(motors, {name: (moved[:, axis], "m")})
        motors[name].attrs.update({"transformation_type": "translation", "vector": np.eye(3)[axis], "depends_on": "."})
    sample["name"] = "sample"


def _add_measurement(entry: Any, node: xr.Dataset, index: int) -> None:
    """Write all of one helicity of a node but its frames."""
    helicity = int(node["helicity"][index])
    scalars = {name: float(node[name]) for name in ptychography.SCALARS if name in node}
    circular = helicity * abs(scalars.get("polarization", 1.0)) or float(helicity)
    instrument = add_source(entry, scalars["energy"], (1.0, 0.0, 0.0, circular))
    each = {name: node[name].values[index] for name in ptychography.FRAMES if name in node}
    rotated = orientation(scalars["tilt"], scalars["in_plane_angle"])
    add_sample(entry, translations(each["position_y"], each["position_x"]), rotated)
    _add_detector(entry, node, each)
    if "monitor" in each:
        _group(instrument, "monitor_1", "NXmonitor")["data"] = each["monitor"]
    own = entry[OWN]
    add_numbers(own, {name: (value, ptychography.SCALARS[name].units or "") for name, value in scalars.items()})
    if "used" in each:
        own["used"] = each["used"].astype(np.uint8)
    own.attrs["propagation"] = node.attrs["propagation"]
    _link(entry)


def _add_detector(entry: Any, node: xr.Dataset, each: Mapping[str, Any]) -> None:
    """Write the detector, its frames still empty."""
    detector = _group(entry["instrument_1"], "detector_1", "NXdetector")
    detector.attrs["signal"] = "data"
    pitch, energy = float(node["pixel_pitch"]), float(node["energy"])
    counts = node["counts"]
    shape = counts.shape[1:]
    detector.create_dataset("data", shape, counts.dtype, chunks=(1, *shape[1:]), **_COMPRESSED)
    detector["data"].attrs.update({"axes": "translation:y:x", "units": "ADU", "interpretation": "image"})
    detector["mask"] = np.where(node["valid"].values, 0, INVALID).astype(np.uint32)
    detector["data_dark"], detector["basis_vectors"] = node["dark"].values, ROWS_DOWN * pitch
    joules = energy * ELEMENTARY_CHARGE
    numbers = {
        "distance": (float(node["distance"]), "m"),
        "x_pixel_size": (pitch, "m"),
        "y_pixel_size": (pitch, "m"),
        "counts_per_joule": (float(node["gain"]) / joules, ""),
        "saturation_value": (float(node["saturation"]), ""),
    }
    if "exposure_time" in each:
        numbers["count_time"] = (each["exposure_time"], "s")
    add_numbers(detector, numbers)


def _link(entry: Any) -> None:
    """Give frames and translations their other names, in CXI (``data_1``) and in NeXus (``data``)."""
    data, translation = f"{entry.name}/instrument_1/detector_1/data", f"{entry.name}/sample_1/geometry_1/translation"
    both = _group(entry, "data_1", "NXcollection")
    both["data"], both["translation"] = h5py.SoftLink(data), h5py.SoftLink(translation)
    entry["instrument_1/detector_1/translation"] = h5py.SoftLink(translation)
    plot = _group(entry, "data", "NXdata")
    plot.attrs.update({"signal": "data", "axes": ["x", ".", "."], "x_indices": 0, "y_indices": 0})
    plot["data"] = h5py.SoftLink(data)
    for name in "xy":
        plot[name] = h5py.SoftLink(f"{entry.name}/sample_1/transformations/{name}")
    entry.attrs["default"] = "data"
