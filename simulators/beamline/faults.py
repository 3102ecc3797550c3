"""Frames that went wrong: readout glitches and jumps of the flux.

- `KINDS`: what can happen to a frame, and the number by which the truth knows it;
- `FaultRates`: how often;
- `draw_faults`: the kind of every frame;
- `jump_factor`: by how much the flux of one frame jumps;
- `spoil`: what a readout glitch leaves of a frame.

A fault is of the scan, not of the noise: another draw of the same scan has the same frames wrong, in the same way.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

KINDS: Final = {
    "good": 0,
    "row_band": 1,
    "column_band": 2,
    "shifted": 3,
    "duplicated": 4,
    "quadrant": 5,
    "pattern": 6,
    "flux_jump": 7,
}
"""Kinds of frames: rows or columns read with an additional level, a frame read out of step, the frame before once
more, a quadrant that reads zero, a wave of pick-up over the frame, a jump of the flux for one frame."""

_MOST: Final = 0.3  # of the frames, so that there is room for duplicates behind good frames
_GLITCH: Final = (2.0, 20.0)  # levels of bands and waves, photons per pixel
_JUMP: Final = (0.2, 3.0)  # flux of a frame that jumps,
_LEAST_JUMP: Final = 0.2  # relative, and the least change that counts as one


@dataclass(frozen=True)
class FaultRates:
    """The share of frames with each kind of fault; by default none.

    Attributes
    ----------
    row_band, column_band, shifted, duplicated, quadrant, pattern, flux_jump : float
        As in `KINDS`. No frame has two.

    Raises
    ------
    ValueError
        In one line, if a share is impossible.
    """

    row_band: float = 0.0
    column_band: float = 0.0
    shifted: float = 0.0
    duplicated: float = 0.0
    quadrant: float = 0.0
    pattern: float = 0.0
    flux_jump: float = 0.0

    def __post_init__(self) -> None:
        for name, share in asdict(self).items():
            if not 0 <= share <= 1:
                raise ValueError(f"{name} is {share}; allowed: a share of the frames, 0 to 1")
        if not self.total <= _MOST:
            raise ValueError(f"faults make {self.total:.3g} of the frames; allowed: up to {_MOST}")

    @property
    def total(self) -> float:
        """Share of faulty frames of any kind."""
        return float(sum(asdict(self).values()))

    @classmethod
    def evenly(cls, share: float) -> "FaultRates":
        """Return rates that make `share` of the frames faulty, every kind as often as the others."""
        names = [name for name in KINDS if name != "good"]
        return cls(**dict.fromkeys(names, share / len(names)))


def draw_faults(frames: int, rates: FaultRates, *, rng: np.random.Generator) -> Array:
    """Return the kind of every frame of a scan.

    Each kind has its share of the frames, to within one frame, at random places. The first frame, which has none
    before it, is never a duplicate; nor is a frame after a faulty one, which would be two faults in one.

    Parameters
    ----------
    frames : int
    rates : FaultRates
    rng : numpy.random.Generator

    Returns
    -------
    (frames,) int8 array
    """
    kinds = np.zeros(frames, np.int8)
    for name, share in asdict(rates).items():
        if name != "duplicated":
            places = rng.permutation(np.flatnonzero(kinds == 0))
            kinds[places[: _count(share, frames, rng)]] = KINDS[name]
    # duplicates come last, when the frames before them are known
    wanted = _count(rates.duplicated, frames, rng)
    for place in rng.permutation(np.arange(1, frames)):
        if (
            wanted > 0
            and not kinds[place - 1 : place + 1].any()
            and KINDS["duplicated"] not in kinds[place + 1 : place + 2]
        ):
            kinds[place] = KINDS["duplicated"]
            wanted -= 1
    return kinds


def _count(share: float, frames: int, rng: np.random.Generator) -> int:
    """Return how many frames a share is, one more or less by chance where it is no whole number."""
    return int(share * frames + rng.random())


def jump_factor(rng: np.random.Generator) -> float:
    """Return the factor of a flux jump, 0.2 to 3, even in its logarithm and at least 20 % from 1."""
    down = np.log((_JUMP[0], 1 - _LEAST_JUMP))
    up = np.log((1 + _LEAST_JUMP, _JUMP[1]))
    place = rng.random() * (down[1] - down[0] + up[1] - up[0])
    length = down[1] - down[0]
    return float(np.exp(down[0] + place if place < length else up[0] + place - length))


def spoil(counts: Array, kind: int, *, gain: float, largest: int, rng: np.random.Generator) -> Array:
    """Return what a readout glitch leaves of a frame.

    Parameters
    ----------
    counts : (n, n) unsigned array
        The frame as it would have been read, ADU with the dark offset. For a duplicate: the frame before.
    kind : int
        Of `KINDS`; "good", "duplicated" and "flux_jump" leave the counts alone.
    gain : float
        ADU per photon: bands and waves have levels of 2 to 20 photons per pixel.
    largest : int
        ADU that the readout can write.
    rng : numpy.random.Generator

    Returns
    -------
    (n, n) array of the type of `counts`
    """
    names = {number: name for name, number in KINDS.items()}
    if kind not in names:
        raise ValueError(f"kind is {kind}; allowed: 0 to {len(KINDS) - 1}")
    n = counts.shape[-1]
    name = names[kind]
    if name == "shifted":
        return np.asarray(np.roll(counts, _steps(n, rng), axis=(0, 1)))
    if name == "quadrant":
        spoiled = counts.copy()
        row, column = (slice(0, n // 2) if rng.random() < 0.5 else slice(n // 2, n) for _ in range(2))
        spoiled[row, column] = 0
        return spoiled
    if name in ("row_band", "column_band"):
        added = _band(n, rng)
        added = added[:, None] if name == "row_band" else added[None, :]
    elif name == "pattern":
        added = _wave(n, rng)
    else:
        return counts
    level = gain * float(np.exp(rng.uniform(*np.log(_GLITCH))))
    return np.asarray(np.clip(np.rint(counts + level * added), 0, largest), dtype=counts.dtype)


def _steps(n: int, rng: np.random.Generator) -> tuple[int, int]:
    """Return how far a frame out of step is rolled: 3 pixels up to a quarter of the frame along either axis or both."""
    along = (bool(rng.random() < 0.5), bool(rng.random() < 0.5))
    along = along if any(along) else (True, False)
    steps = rng.integers(3, max(n // 4, 4), 2) * rng.choice((-1, 1), 2)
    return (int(steps[0]) * along[0], int(steps[1]) * along[1])


def _band(n: int, rng: np.random.Generator) -> Array:
    """Return 1 on a run of 2 lines up to an eighth of the frame, 0 elsewhere."""
    width = int(rng.integers(2, max(n // 8, 2) + 1))
    first = int(rng.integers(0, n - width + 1))
    band = np.zeros(n)
    band[first : first + width] = 1
    return band


def _wave(n: int, rng: np.random.Generator) -> Array:
    """Return a plane wave between -1 and 1 of a random direction and a period of 4 to 32 pixels."""
    turn, phase = rng.uniform(0, np.pi), rng.uniform(0, 2 * np.pi)
    wave = 2 * np.pi / float(np.exp(rng.uniform(np.log(4), np.log(32))))
    line = np.arange(n) * wave
    return np.asarray(np.cos(line[:, None] * np.sin(turn) + line[None, :] * np.cos(turn) + phase))
