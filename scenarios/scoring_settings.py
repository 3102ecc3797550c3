"""How the reconstructions of any imaging experiment are scored.

- `ScoringSettings`: margins, bounds and draws; an experiment derives its own where it has more of them;
- `shared_settings`: those of a table ``scoring``, in SI units.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_NM = 1e-9


@dataclass(frozen=True)
class ScoringSettings:
    """What every scoring needs. Lengths in metres.

    Attributes
    ----------
    margin : float
        Left out along the edge of what is scored.
    taper : float
        Width of the soft edge of the score mask, for spectra.
    largest_shift : float
        Bound of the rigid shift; well below the period of the domains.
    draws : int
        Redraws for the intervals of the resolutions.
    halves_disagree : float
        Relative difference of half-set and truth resolution that raises the flag.
    """

    margin: float = 50e-9
    taper: float = 80e-9
    largest_shift: float = 50e-9
    draws: int = 100
    halves_disagree: float = 0.15

    def __post_init__(self) -> None:
        """Check the values."""
        for name, value in vars(self).items():
            if not (math.isfinite(value) and value >= 0):
                raise ValueError(f"{name} is {value!r}; allowed: from 0")


def shared_settings(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of `ScoringSettings` that a table ``scoring`` gives."""
    return {
        "margin": _NM * table["margin_nm"],
        "taper": _NM * table["taper_nm"],
        "largest_shift": _NM * table["largest_shift_nm"],
        "draws": table["interval_draws"],
        "halves_disagree": table["halves_disagree"],
    }
