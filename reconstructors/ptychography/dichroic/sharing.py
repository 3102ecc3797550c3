"""What two helicities share, and how.

- `DichroicParameters`: the engine, and each thing shared a switch that is off by default.

``O+- = exp(C +- M)``. Shared are, where switched on: the probe, up to its power; the positions, up to a shift; the
charge image, for some epochs in which one object stands for both (M = 0) and both scans settle on it; after those each
has its own object again and M is free. The change of variables alone gains nothing.

Or one helicity follows the other: it begins where that stands, object and probe, and both take a few epochs of all
frames at once. What these cannot change, because the frames hardly see it, is the same in both and not in M, where an
object begun anew brings noise of its own; and what has still to settle moves alike in both. It takes half the time too.
"""

from dataclasses import dataclass, field

from reconstructors.ptychography.corrections.positions import PositionParameters
from reconstructors.ptychography.dichroic.priors import MagneticPrior
from reconstructors.ptychography.dichroic.stage import Engine
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters


@dataclass(frozen=True)
class DichroicParameters:
    """What the helicities share; nothing unless asked for.

    Parameters
    ----------
    engine : PieParameters or RpiePlusParameters
        For all epochs together.
    positions : PositionParameters or None
        Refine the positions; None keeps the nominal ones.
    positions_until : int or None
        Last epoch that moves them; None is the end.
    alone : int
        Epochs at the start in which each helicity is on its own, to find the shift between them where they share
        positions or the charge image, or one follows the other.
    shared_charge : int
        Epochs after those in which one object and one probe stand for both helicities. Shift and affine part of one
        scan against the other settle then and stay; single frames go on, each with its own object.
    following : int
        Last epochs, which both begin with object and probe of helicity +; before them helicity - has those alone and no
        more. 0 is side by side from the start.
    shared_probe, shared_positions : bool
    shared_faults : bool
        A frame left out of one scan is left out of the other.
    prior : MagneticPrior
        In the epochs in which M is free.

    Raises
    ------
    ValueError
        In one line, at the first value that is impossible.
    """

    engine: Engine = field(default_factory=RpiePlusParameters)
    positions: PositionParameters | None = None
    positions_until: int | None = None
    alone: int = 20
    shared_charge: int = 0
    following: int = 0
    shared_probe: bool = False
    shared_positions: bool = False
    shared_faults: bool = False
    prior: MagneticPrior = field(default_factory=MagneticPrior)

    def __post_init__(self) -> None:
        """Refuse what cannot be meant."""
        for name in ("alone", "shared_charge", "following"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; allowed: whole numbers of epochs from 0")
        if self.epochs_alone + self.shared_charge >= self.engine.epochs:
            raise ValueError(
                f"alone and shared_charge take {self.epochs_alone + self.shared_charge} epochs; allowed: less than "
                f"epochs, {self.engine.epochs}"
            )
        if self.following:
            self._check_following()

    def _check_following(self) -> None:
        if self.following >= self.engine.epochs:
            raise ValueError(f"following is {self.following}; allowed: below epochs, {self.engine.epochs}")
        if not 1 <= self.alone <= self.engine.epochs:
            allowed = f"from 1 to epochs, {self.engine.epochs}, where one helicity follows the other"
            raise ValueError(f"alone is {self.alone}; allowed: {allowed}")
        for name in ("shared_probe", "shared_charge", "shared_positions", "prior"):
            if getattr(self, name):
                raise ValueError(f"{name} is on and following is {self.following}; allowed: one of them")

    @property
    def epochs_alone(self) -> int:
        """Epochs at the start in which each helicity is on its own."""
        return self.alone if self.shared_charge or self.shared_positions else 0
