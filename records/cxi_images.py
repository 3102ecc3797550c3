"""Reconstructions as images of a CXI file: ours, and those of other programs.

- `write_reconstruction`: one entry for each helicity, probe and object as ``image_1`` and ``image_2``;
- `read_reconstruction`: the same back, or the images of another program.

The conventions are those of `records.cxi`.
"""

import json
import os
from collections.abc import Callable
from typing import Any, Final

import h5py
import numpy as np
import xarray as xr
from numpy.typing import NDArray

from optics.units import HC
from records import frames, ptychography_reconstruction
from records.checks import require
from records.cxi_entry import Quantity, energy, entries, find, number, opened, text, values, where
from records.cxi_facts import OWN, helicity_of
from records.cxi_geometry import TRANSLATION, positions, translations
from records.cxi_write import add_entry, add_numbers, add_sample, add_source
from records.guarded import guarded
from records.ptychography_reconstruction import RESULTS

PROBE: Final = ("image_1/data", "instrument_1/source_1/illumination")
OBJECT: Final = ("image_2/data",)
SHARED: Final = {"charge": "image_3", "magnetic": "image_4"}
"""Images of both helicities together, in the first entry."""

PIXEL: Final = Quantity((f"{OWN}/pixel_size", "ptychodus/object_pixel_width_m"), "m", 1e-12, 1e-3)
_IMAGE_SIZE: Final = Quantity(("image_2/image_size",), "m")
_IMAGE_CENTRE: Final = Quantity(("image_2/image_center",), "m")
_EACH: Final = ("flux", "frame_error", "corrupt", "history")
_LISTS: Final = ("knowledge", "parameters", "gauge")


def write_reconstruction(reconstruction: xr.Dataset, path: str | os.PathLike[str]) -> None:
    """Write a `Reconstruction` of kind ``"ptychography"`` to a CXI file, whole or not at all.

    Parameters
    ----------
    reconstruction : Dataset
        The record.
    path : path
        The file.

    Raises
    ------
    RecordError
        If the record is not sound.
    OSError
        If the file cannot be written; nothing half-written is left.
    """
    ptychography_reconstruction.check(reconstruction)
    with guarded(path) as raw, h5py.File(raw, "w") as file:
        for index in range(reconstruction.sizes["helicity"]):
            entry = add_entry(file, index + 1, f"{reconstruction.attrs['method']} reconstruction")
            _add_helicity(entry, reconstruction, index)
        for name, image in SHARED.items():
            if name in reconstruction:
                _add_image(file["entry_1"], image, reconstruction, reconstruction[name].values)
        if "background" in reconstruction:
            file["entry_1"][OWN]["background"] = reconstruction["background"].values
        file["number_of_entries"] = reconstruction.sizes["helicity"]


def _add_helicity(entry: Any, record: xr.Dataset, index: int) -> None:
    """Write one helicity of a reconstruction."""
    helicity, photon = int(record["helicity"][index]), HC / float(record["wavelength"])
    instrument = add_source(entry, photon, (1.0, 0.0, 0.0, float(helicity)))
    add_sample(entry, translations(record["position_y"].values[index], record["position_x"].values[index]))
    _add_image(entry, "image_1", record, record["probe"].values[index])
    _add_image(entry, "image_2", record, record["object"].values[index])
    instrument["source_1"]["illumination"] = h5py.SoftLink(f"{entry.name}/image_1/data")
    data = entry.create_group("data_1")
    data["data"] = h5py.SoftLink(f"{entry.name}/image_2/data")
    data["translation"] = h5py.SoftLink(f"{entry.name}/sample_1/geometry_1/translation")
    process = entry.create_group("process_1")
    process["program"], process["command"] = "truespin", record.attrs["method"]
    own = entry[OWN]
    numbers = {name: (float(record[name]), "m") for name in ("pixel_size", "wavelength")}
    add_numbers(own, numbers | {name: (record[name].values, "m") for name in ("y", "x")})
    add_numbers(own, {name: (record[name].values[index], "") for name in _EACH if name in record})
    own.attrs.update({name: record.attrs[name] for name in ("method", *_LISTS)})


def _add_image(entry: Any, name: str, record: xr.Dataset, image: NDArray[Any]) -> None:
    """Write an image of the sample plane; its centre where it is one of the object's own coordinates."""
    pixel, shape = float(record["pixel_size"]), image.shape[-2:]
    group = entry.create_group(name)
    chunks = (1,) * (image.ndim - 2) + shape
    group.create_dataset("data", data=image, chunks=chunks, compression="gzip", compression_opts=frames.LEVEL)
    group["data_space"], group["is_fft_shifted"] = "real", 0
    group["data_type"] = "complex amplitude" if image.dtype.kind == "c" else "optical density"
    add_numbers(group, {"image_size": (np.array([shape[1] * pixel, shape[0] * pixel, 0.0]), "m")})
    if shape == (record.sizes["y"], record.sizes["x"]):
        # As a translation of the sample that brings the centre onto the axis, like all places in CXI.
        middle = translations(record["y"].values[[shape[0] // 2]], record["x"].values[[shape[1] // 2]])[0]
        add_numbers(group, {"image_center": (middle, "m")})


def read_reconstruction(path: str | os.PathLike[str], *, pixel_size: float | None = None) -> xr.Dataset:
    """Read object and probe from a CXI file of `write_reconstruction` or of another program.

    Parameters
    ----------
    path : path
        The file.
    pixel_size : float, optional
        Of the object in m, for files without it.

    Returns
    -------
    Dataset
        `Reconstruction` of kind ``"ptychography"``; the object's coordinates are centred on the positions where the
        file does not say where it is.

    Raises
    ------
    RecordError
        In one line: the file, and what is wrong with it.
    """
    with opened(path) as file:
        found = {helicity_of(entry): entry for entry in entries(file) if find(entry, *OBJECT) is not None}
        require(bool(found), file.filename, "no image of an object", "entry_1/image_2/data")
        pair = dict(sorted(found.items(), reverse=True))
        first = next(iter(pair.values()))
        step = pixel_size or _pixel(first)
        results: dict[str, Any] = {"pixel_size": step, "wavelength": _wavelength(first)}
        for name, part in (("object", _object), ("probe", _probe), ("positions", _positions)):
            results[name] = _stack(pair, part, name)
        results["position_y"], results["position_x"] = np.moveaxis(results.pop("positions"), 1, 0)
        results |= _own_results(pair)
        results |= {name: first[f"{image}/data"][()] for name, image in SHARED.items() if f"{image}/data" in first}
        own = first.get(OWN)
        said = {} if own is None else {name: text(own.attrs[name]) for name in ("method", *_LISTS) if name in own.attrs}
        return ptychography_reconstruction.make(
            method=said.get("method", _program(first)),
            results=results,
            coordinates=_coordinates(first, results),
            helicity=list(pair),
            knowledge=json.loads(said.get("knowledge", "[]")),
            parameters=json.loads(said.get("parameters", "{}")),
            gauge=json.loads(said.get("gauge", "[]")),
        )


def _stack(pair: dict[int, Any], part: Callable[[Any], NDArray[Any]], name: str) -> NDArray[Any]:
    """Return a part of all helicities as one array."""
    parts = [part(entry) for entry in pair.values()]
    require(len({one.shape for one in parts}) == 1, name, f"shapes {[one.shape for one in parts]}", "equal shapes")
    return np.stack(parts)


def _complex(dataset: Any) -> NDArray[Any]:
    kind = dataset.dtype.kind
    require(kind == "c", where(dataset), f"dtype {dataset.dtype}", "complex values")
    return np.asarray(dataset[()])


def _object(entry: Any) -> NDArray[Any]:
    """Return the object (y, x); one of several layers is refused, not added up."""
    dataset = find(entry, *OBJECT)
    image = _complex(dataset)
    image = image[0] if image.ndim == 3 and len(image) == 1 else image
    require(image.ndim == 2, where(dataset), f"shape {image.shape}", "one image (y, x)")
    return image


def _probe(entry: Any) -> NDArray[Any]:
    """Return the probe (mode, y, x); the first of probes that vary with time."""
    dataset = find(entry, *PROBE)
    require(dataset is not None, entry.name.lstrip("/"), "no image of the probe", PROBE[0])
    image = _complex(dataset)
    image = image[np.newaxis] if image.ndim == 2 else image[0] if image.ndim == 4 else image
    require(image.ndim == 3, where(dataset), f"shape {image.shape}", "modes (mode, y, x)")
    return image


def _positions(entry: Any) -> NDArray[Any]:
    dataset = find(entry, *TRANSLATION.paths)
    count = 0 if dataset is None or not dataset.shape else int(dataset.shape[0])
    return positions(entry, count, probe_moves=False)


def _pixel(entry: Any) -> float:
    """Return the pixel of the object, m."""
    pixel = number(entry, PIXEL)
    size, image = find(entry, *_IMAGE_SIZE.paths), find(entry, *OBJECT)
    if pixel is None and size is not None and image is not None:
        pixel = float(values(size, _IMAGE_SIZE).ravel()[0]) / int(image.shape[-1])
    require(
        pixel is not None, f"{entry.name.lstrip('/')}/image_2/image_size", "missing", "it in m, or pixel_size given"
    )
    return float(pixel or np.nan)


def _wavelength(entry: Any) -> float:
    own = entry.get(OWN)
    return float(own["wavelength"][()]) if own is not None and "wavelength" in own else HC / energy(entry)


def _program(entry: Any) -> str:
    """Return the name of the program that made the images."""
    program = find(entry, "process_1/program", "image_2/process_1/program")
    return "unknown" if program is None else text(program[()]) or "unknown"


def _own_results(pair: dict[int, Any]) -> dict[str, Any]:
    """Return what only files of ours have."""
    groups = [entry.get(OWN) for entry in pair.values()]
    found: dict[str, Any] = {}
    for name in _EACH:
        if all(group is not None and name in group for group in groups):
            found[name] = np.stack([group[name][()] for group in groups])
    if groups[0] is not None and "background" in groups[0]:
        found["background"] = groups[0]["background"][()]
    return {name: value for name, value in found.items() if name in RESULTS}


def _coordinates(entry: Any, results: dict[str, Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return y and x of the object's pixels, m."""
    own = entry.get(OWN)
    if own is not None and "y" in own and "x" in own:
        return np.asarray(own["y"][()]), np.asarray(own["x"][()])
    centre = find(entry, *_IMAGE_CENTRE.paths)
    if centre is not None and centre.size == 3 and centre.attrs.get("units") is not None:
        x, y, _ = values(centre, _IMAGE_CENTRE).ravel().tolist()
    else:
        y, x = (float(np.mean([results[name].min(), results[name].max()])) for name in ("position_y", "position_x"))
    ny, nx = results["object"].shape[-2:]
    step = results["pixel_size"]
    return y + (np.arange(ny) - ny // 2) * step, x + (np.arange(nx) - nx // 2) * step
