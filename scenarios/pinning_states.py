"""The states of one sample in one frame.

- `State`: the records of one state; `Series`, `build_series`: images of several states, registered to one another
  without the truth, and the one rigid shift that brings them all to it.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from scenarios.holography_frame import Frame, ScoringSettings, build_frame, tapered
from validation import register
from validation.registration.alignment import moved
from validation.windows import eroded

Array = NDArray[Any]
Floats = NDArray[np.float64]

REGISTERED = "states to one another by the hole; one shift to the truth"
"""Gauge of all rows of a series."""

_SURROUNDINGS = 60e-9  # m, of the window beyond the hole: what moves by the bound stays inside
_BOUND = 8.0  # px; the mask is fixed to the sample, so that only the gauge of the phase retrieval moves an image


@dataclass(frozen=True)
class State:
    """A state of a sample: its name and the records of its experiment."""

    name: str
    reconstruction: xr.Dataset
    truth: xr.Dataset

    @property
    def features(self) -> dict[str, Any]:
        """What is known of the sample."""
        return dict(json.loads(self.truth.attrs.get("features", "{}")))

    @property
    def damaged(self) -> bool:
        """Whether it is of the film with damaged areas, of which alone an intact period is known."""
        return "intact_period" in self.features


@dataclass(frozen=True)
class Series:
    """States in one frame, that of the truth.

    Attributes
    ----------
    names : tuple of str
    frame : Frame
        Of the first state; its one rigid shift holds for all of them.
    images, truths : (states, ny, nx) float64 arrays
    mask : (ny, nx) bool array
        Inside all supports.
    shifts : (states, 2) float64 array
        Given to each state to match the first (y, x), m.
    shift_errors : (states,) float64 array
        Their errors, from the shifts of each state against its true exit wave, m.
    centre : (2,) float64 array
        Coordinate of the window's index ``n//2`` (y, x), m.
    thickness : float
        Of the film, which an experimenter knows, m.
    """

    names: tuple[str, ...]
    frame: Frame
    images: Floats
    truths: Floats
    mask: NDArray[np.bool_]
    shifts: Floats
    shift_errors: Floats
    centre: Floats
    thickness: float


def build_series(states: Sequence[State], settings: ScoringSettings) -> Series:
    """Register the states to the first one by what does not change from state to state, and cut out what is scored.

    Charge, the geometric mean of the two helicities' moduli, shows the object hole and no domains. Only the first state
    is then registered to the truth.

    Raises
    ------
    ValueError
        Without a state, or if the records do not fit one another.
    """
    if not states:
        raise ValueError("states is (); allowed: at least one that is reconstructed")
    close = replace(settings, surroundings=_SURROUNDINGS)
    first = build_frame(states[0].reconstruction, states[0].truth, close)
    shifts = [_shift(first, states[0].reconstruction, state.reconstruction) for state in states]
    images, masks, errors = [], [], []
    for state, shift in zip(states, shifts, strict=True):
        m_z, support = (state.reconstruction[name].values for name in ("m_z", "object_support"))
        taper = settings.taper / first.pixel_size
        total = (first.fraction[0] + shift[0], first.fraction[1] + shift[1])
        images.append(moved(tapered(first.window(m_z), first.window(support), taper), total))
        masks.append(eroded(first.window(support), taper))
        errors.append(_shift_error(first, states[0], state, shift) * first.pixel_size)
    shape = states[0].truth["m_z"].shape
    centre = [first.coordinate(axis, shape[axis])[first.truth.shape[axis] // 2] for axis in (0, 1)]
    return Series(
        names=tuple(state.name for state in states),
        frame=first,
        images=np.stack(images),
        truths=np.stack([first.truth_window(state.truth["m_z"].values).astype(np.float64) for state in states]),
        mask=np.logical_and.reduce([first.mask, *masks]),
        shifts=np.array(shifts) * first.pixel_size,
        shift_errors=np.array(errors),
        centre=np.array(centre),
        thickness=float(states[0].truth["film_thickness"]),
    )


def _shift(frame: Frame, reference: xr.Dataset, other: xr.Dataset) -> tuple[float, float]:
    """Return the shift (px) that brings `other` onto `reference`; none where a reconstruction has no waves."""
    if other is reference or "exit_wave" not in reference or "exit_wave" not in other:
        return 0.0, 0.0
    charges = [_charge(frame, each) for each in (other, reference)]
    if min(float(np.ptp(charge)) for charge in charges) == 0:
        return 0.0, 0.0
    y, x = register(*charges, gauge=("shift",), bound=_BOUND).shift
    return y, x


def _shift_error(frame: Frame, reference: State, other: State, shift: tuple[float, float]) -> float:
    """Return by how much (px) a shift differs from that between the two, each registered to its own true wave."""
    own = [_shift(frame, each.truth, each.reconstruction) for each in (reference, other)]
    return math.hypot(*(s - (o - r) for s, o, r in zip(shift, own[1], own[0], strict=True)))


def _charge(frame: Frame, record: xr.Dataset) -> Floats:
    plus, minus = (np.abs(frame.window(wave)).astype(np.float64) for wave in record["exit_wave"].values)
    return np.asarray(np.sqrt(plus * minus))
