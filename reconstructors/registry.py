"""The methods, by name.

- `Method`: a method with what it accepts, returns, knows and can be tuned by;
- `get`, `names`: look one up.

Another package adds methods through the entry-point group ``truespin.methods``: each entry point loads a `Method`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from numerics.iterate import Watcher

GROUP = "truespin.methods"


@dataclass(frozen=True)
class Method:
    """A registered method.

    Attributes
    ----------
    name : str
    accepts : str
        Kind of `Measurement`.
    returns : tuple of str
        Variables of the `Reconstruction` beyond the required ones.
    knowledge : tuple of str
        What it is told beyond the data.
    parameters : frozen dataclass
    solve : callable
        ``solve(measurement, parameters=, rng=, given=, watch=) -> Reconstruction``; with ``checkpoint=`` too where the
        method `resumes`.
    check : callable
        Returns why a measurement cannot be used, or None.
    summary : str
        One line.
    resumes : bool
        Whether it can keep its state in a file and go on from there.
    """

    name: str
    accepts: str
    returns: tuple[str, ...]
    knowledge: tuple[str, ...]
    parameters: Any
    solve: Callable[..., xr.Dataset]
    check: Callable[[xr.Dataset], str | None]
    summary: str = ""
    resumes: bool = False

    def refuses(self, measurement: xr.Dataset) -> str | None:
        """Return why the method cannot use `measurement`, None where it can."""
        kind = measurement.attrs.get("kind")
        if kind != self.accepts:
            return f"{self.name} takes measurements of kind {self.accepts!r}, not {kind!r}"
        return self.check(measurement)

    def reconstruct(
        self,
        measurement: xr.Dataset,
        *,
        rng: np.random.Generator,
        given: xr.Dataset | None = None,
        watch: Sequence[Watcher] = (),
        checkpoint: Path | None = None,
    ) -> xr.Dataset:
        """Reconstruct `measurement`.

        Parameters
        ----------
        measurement : Dataset
            Left alone.
        rng : numpy.random.Generator
        given : Dataset, optional
            `Reconstruction` of the same sample from other data, whose calibration (coherence) is reused.
        watch : sequence of callable
            Each called with (step, error).
        checkpoint : Path, optional
            File in which the state is kept every few epochs; the run goes on from what is there.

        Returns
        -------
        Dataset
            The record `Reconstruction`.

        Raises
        ------
        ValueError
            If the method refuses the measurement, or a checkpoint.
        """
        reason = self.refuses(measurement)
        if reason is not None:
            raise ValueError(f"{self.name}: {reason}")
        if checkpoint is not None and not self.resumes:
            raise ValueError(f"checkpoint is {str(checkpoint)!r}; allowed: none, {self.name} does not keep its state")
        kept = {} if checkpoint is None else {"checkpoint": checkpoint}
        result: xr.Dataset = self.solve(
            measurement, parameters=self.parameters, rng=rng, given=given, watch=watch, **kept
        )
        return result


def names() -> tuple[str, ...]:
    """Return the names of all methods, our own first."""
    return (*_own(), *sorted(entry.name for entry in entry_points(group=GROUP)))


def get(name: str) -> Method:
    """Return the method `name`.

    Raises
    ------
    KeyError
        If there is none, with the names that there are.
    """
    own = _own()
    if name in own:
        return own[name]
    for entry in entry_points(group=GROUP):
        if entry.name == name:
            method: Method = entry.load()
            return method
    raise KeyError(f"unknown method {name!r}; allowed: {', '.join(names())}")


def _own() -> dict[str, Method]:
    from reconstructors import holography
    from reconstructors.phase_retrieval import hapre, hapre_plus

    waves = ("exit_wave", "intensity", "valid", "model_intensity", "history", "focus", "flag")
    methods = (
        Method(
            "fth",
            "holography",
            ("intensity", "valid", "focus", "flag"),
            holography.KNOWLEDGE["fth"],
            holography.HolographyParameters(),
            holography.reconstruct_fth,
            holography.refuses_without_references,
            "Fourier-transform holography: the image of the clearest reference hole, in focus",
        ),
        Method(
            "hapre",
            "holography",
            (*waves, "coherence_kernel", "visibility"),
            holography.KNOWLEDGE["hapre"],
            hapre.Parameters(),
            holography.reconstruct_hapre,
            holography.refuses,
            "the published recipe: RAAR, error reduction, Richardson-Lucy coherence",
        ),
        Method(
            "hapre+",
            "holography",
            (*waves, "visibility", "coherence_length"),
            holography.KNOWLEDGE["hapre+"],
            hapre_plus.Parameters(),
            holography.reconstruct_hapre_plus,
            holography.refuses,
            "both helicities at once with shared references, fitted beam, plane from the magnetization",
        ),
    )
    return {method.name: method for method in (*methods, *_ptychography(), *_tomography())}


def _ptychography() -> tuple[Method, ...]:
    from functools import partial

    from reconstructors.ptychography import coupled, methods

    summaries = {
        "epie": "ptychography: extended ptychographic iterative engine, one frame at a time",
        "rpie": "ptychography: regularised ePIE in batches, the published engine",
        "dm": "ptychography: difference map, all exit waves in memory",
        "lsqml": "ptychography: least squares with the best step of every batch",
        "rpie+": "ptychography: batches, then all frames at once down the likelihood; bad frames, flux, background",
    }
    own = tuple(
        Method(
            name,
            "ptychography",
            ("flux", "frame_error", "corrupt", "history", "flag"),
            methods.knowledge(parameters),
            parameters,
            methods.solver(name),
            partial(methods.refusal, parameters=parameters),
            summaries[name],
            resumes=True,
        )
        for name, parameters in methods.METHODS.items()
    )
    both = Method(
        coupled.NAME,
        "ptychography",
        ("flux", "frame_error", "corrupt", "history", "charge", "magnetic", "flag"),
        coupled.knowledge(coupled.PARAMETERS),
        coupled.PARAMETERS,
        coupled.solve,
        partial(coupled.refusal, parameters=coupled.PARAMETERS),
        "ptychography: as rpie+, both helicities at once under one probe",
        resumes=True,
    )
    return *own, both


def _tomography() -> tuple[Method, ...]:
    from reconstructors.tomography import methods

    summaries = {
        "resire": "vector tomography: gradient descent in the support, the published recipe",
        "cgls": "vector tomography: weighted least squares by conjugate gradients, stopped at the noise",
        "ball": "vector tomography: weighted least squares with no vector longer than the saturated magnet's",
        "vector+": "vector tomography: vectors of the saturated length, exchange lowered until the data are explained",
    }
    return tuple(
        Method(
            name,
            "projections",
            ("residual", "history", "noise", "series_residual", "coverage", "flag"),
            methods.knowledge(parameters),
            parameters,
            methods.solver(name),
            methods.refusal,
            summaries[name],
        )
        for name, parameters in methods.METHODS.items()
    )
