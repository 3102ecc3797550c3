"""From the last states of a run to the record `Reconstruction`.

- `assembled`: both helicities, or one, with the images that they make together; `GAUGE`: what was fixed by rule.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from numerics import fourier
from reconstructors.projections.helicity_pair import register_pair
from reconstructors.projections.optical_density import charge_and_magnetic
from reconstructors.ptychography import flags
from reconstructors.ptychography.preparation import Prepared
from reconstructors.ptychography.state import State
from records import ptychography_reconstruction
from records.checks import coordinate, variable

Array = NDArray[Any]

GAUGE: Final = ("probe power", "centre of the probe", "phase ramp", "mean phase")
_FAR: Final = 0.5  # px, of one helicity's scan against the other's


def assembled(
    measurement: xr.Dataset,
    prepared: Sequence[Prepared],
    states: Sequence[State],
    histories: Sequence[Sequence[float]],
    *,
    corrupt: Array,
    name: str,
    parameters: Any,
    knowledge: Sequence[str],
) -> xr.Dataset:
    """Make the record of a run.

    Parameters
    ----------
    measurement : Dataset
    prepared, states, histories : sequences
        One of each helicity.
    corrupt : (helicities, frames) int8 array
        Why frames took no part.
    name : str
        Of the method.
    parameters : dataclass
    knowledge : sequence of str

    Returns
    -------
    Dataset
        Of two helicities, the magnetic image has the second moved onto the first, its ramp and flux removed.
    """
    first = prepared[0]
    helicities = [int(h) for h in measurement["helicity"].values]
    centres = np.stack([p.centres(s.positions) for p, s in zip(prepared, states, strict=True)])
    results: dict[str, Any] = {
        "object": np.stack([state.object for state in states]),
        "probe": np.stack([_centred(p, s.probe) for p, s in zip(prepared, states, strict=True)]),
        "pixel_size": first.problem.optics.pixel_size,
        "wavelength": first.problem.optics.wavelength,
        "position_y": centres[..., 0],
        "position_x": centres[..., 1],
        "flux": np.stack([state.flux for state in states]),
        "frame_error": np.stack([_errors(p, s) for p, s in zip(prepared, states, strict=True)]),
        "corrupt": corrupt,
        "history": _history(histories),
        "background": None if first.problem.background is None else _centred(first, first.problem.background),
    }
    numbers = flags.of_states(prepared, states, corrupt)
    if len(states) == 2:
        moved, found = register_pair(states[0].object, states[1].object, mask=_seen(first, states))
        results["charge"], results["magnetic"] = charge_and_magnetic(states[0].object, moved)
        numbers["helicities_apart"] = (float(np.hypot(*found.shift)), _FAR)
    record = ptychography_reconstruction.make(
        method=name,
        results=results,
        coordinates=first.coordinates(),
        helicity=helicities,
        knowledge=knowledge,
        parameters=_plain(parameters),
        gauge=GAUGE,
    )
    return _flagged(record, numbers)


def _centred(prepared: Prepared, image: Array) -> Array:
    """Return detector-like arrays with the zero frequency in the centre; the probe lies so already."""
    if image.ndim == 3 or prepared.problem.optics.transfer is not None:
        return image
    return fourier.to_centre(image)


def _errors(prepared: Prepared, state: State) -> Array:
    """Return the rms amplitude error of each frame over the rms amplitude; 0 where it took no part."""
    return np.where(state.used, np.sqrt(np.maximum(state.frame_errors, 0) / prepared.problem.photons), 0.0)


def _history(histories: Sequence[Sequence[float]]) -> Array:
    longest = max(len(history) for history in histories)
    return np.array([[*history, *[np.nan] * (longest - len(history))] for history in histories], np.float64)


def _seen(prepared: Prepared, states: Sequence[State]) -> NDArray[np.bool_]:
    """Return the box of the centres of the probe over all used frames."""
    half = np.array(prepared.problem.frames.shape) // 2
    centres = np.concatenate([state.positions[state.used] for state in states]) + half
    low, high = np.floor(centres.min(0)).astype(int), np.ceil(centres.max(0)).astype(int) + 1
    mask = np.zeros(prepared.problem.object_shape, np.bool_)
    mask[low[0] : high[0], low[1] : high[1]] = True
    return mask


def _plain(value: Any) -> Any:
    """Return parameters in JSON types."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _flagged(record: xr.Dataset, found: Mapping[str, tuple[float, float]]) -> xr.Dataset:
    """Add flags: each compares a number with its limit."""
    numbers = [value for value, _ in found.values()]
    raised = [value > limit for value, limit in found.values()]
    return record.assign_coords(flag_name=coordinate("flag_name", list(found))).assign(
        flag=variable(("flag_name",), raised, None, np.int8),
        flag_value=variable(("flag_name",), numbers, "1", np.float64),
    )
