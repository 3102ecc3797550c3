"""What is known of a sample of the catalogue.

- `SampleEntry`: its name, its table and how it is made.
- `Watch`: who wants to know how far it is; `steps`: the same for an iteration.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from scenarios.configuration import Table

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr

Watch = Callable[[str], None]
"""Told in a few words what is going on; called often."""


class Build(Protocol):
    """Makes a sample of its table.

    `checkpoints` is a folder that need not exist; what is written there is found again after an interruption, and is
    removed once the sample is finished.
    """

    def __call__(self, table: Any, *, rng: "np.random.Generator", watch: Watch, checkpoints: Path) -> "xr.Dataset":
        """Return the `Sample`."""
        ...


@dataclass(frozen=True)
class SampleEntry:
    """A sample of the catalogue.

    Parameters
    ----------
    name : str
        As on the command line.
    summary : str
        One line.
    table : type
        The model of its table in ``samples.toml``.
    build : callable
        Makes it; imports what it needs.
    rooms : tuple of str
        Modules whose sources it uses.
    """

    name: str
    summary: str
    table: type[Table]
    build: Build
    rooms: tuple[str, ...]


def steps(watch: Watch, doing: str, *, residual: str = "torque") -> Callable[[int, float], None]:
    """Return a watcher of an iteration that tells `watch` the step and the residual."""

    def tell(step: int, error: float) -> None:
        watch(f"{doing}: step {step + 1}, {residual} {error:.2g}")

    return tell
