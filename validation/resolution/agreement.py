"""Whether two halves tell the truth about the resolution of their mean.

- `halves_against_truth`: the correlation curves of halves and truth compared at a threshold;
- `compare_resolutions`, `Agreement`: the verdict on two resolutions.

Independent halves of correlation F promise their mean ``sqrt(2 F/(1 + F))`` with the truth (Rosenthal & Henderson,
J. Mol. Biol. 333, 721 (2003)). Where the truth shows something else, the halves share what their correlation cannot
see: a support, a start, a prior, a mask, an error of coherence, a twin.
"""

import math
from dataclasses import dataclass, replace

from validation.resolution.crossings import Resolution, resolution
from validation.resolution.curves import CorrelationCurve, equivalent_half_correlation

LEVEL = 0.15
"""Share of the truth's resolution from which the halves count as not independent."""


@dataclass(frozen=True)
class Agreement:
    """What the halves claim beside what the truth shows.

    Attributes
    ----------
    halves, truth : Resolution
        Between the halves, and against the truth.
    difference : float
        ``|halves - truth|/truth`` of the half periods; NaN where one does not exist.
    level : float
        What is tolerated.
    agrees : bool
        Whether the difference is known and up to the level.
    verdict : str
        "agree", "halves not independent" (they claim more than there is), "halves claim less than the truth shows", or
        "no resolution to compare".
    notes : tuple of str
        Where a crossing is only a limit of sampling.
    """

    halves: Resolution
    truth: Resolution
    difference: float
    level: float
    agrees: bool
    verdict: str
    notes: tuple[str, ...] = ()


def halves_against_truth(
    halves: CorrelationCurve,
    truth: CorrelationCurve,
    *,
    criterion: str = "1-bit",
    smoothing: float = 1.5,
    level: float = LEVEL,
) -> Agreement:
    """Compare the resolution that two halves claim with the one that their mean has against the truth.

    The halves are read at the threshold T of half sets, the truth where ``sqrt(2 T/(1 + T))`` is: 0.5 for 1/7, 0.707
    for the 1-bit curve's limit. Both then cross at the same frequency if the halves share nothing. (Reading both
    curves at T itself asks the halves for a correlation of T^2/2, which drowns in the scatter of the rings.)

    Parameters
    ----------
    halves : CorrelationCurve
        Between the two halves.
    truth : CorrelationCurve
        Between their mean (or the reconstruction of all data) and the truth.
    criterion : str
        A kind of `threshold_curve`.
    smoothing : float
        As in `resolution`.
    level : float
        Tolerated share of the resolution against the truth.

    Returns
    -------
    Agreement

    Raises
    ------
    ValueError
        On a level that is not positive, or as `resolution`.
    """
    equivalent = replace(truth, correlation=equivalent_half_correlation(truth.correlation))
    claimed, shown = (resolution(c, criterion=criterion, smoothing=smoothing) for c in (halves, equivalent))
    return compare_resolutions(claimed, shown, level=level)


def compare_resolutions(halves: Resolution, truth: Resolution, *, level: float = LEVEL) -> Agreement:
    """Judge a resolution that needed no truth by one that did.

    Parameters
    ----------
    halves, truth : Resolution
        At thresholds that mean the same, see `halves_against_truth`.
    level : float
        Tolerated share of `truth`.

    Raises
    ------
    ValueError
        On a level that is not positive and finite.
    """
    if not 0 < level < math.inf:
        raise ValueError(f"level is {level!r}; allowed: above 0")
    difference = abs(halves.half_period - truth.half_period) / truth.half_period
    agrees = difference <= level
    if not math.isfinite(difference):
        verdict = "no resolution to compare"
    elif agrees:
        verdict = "agree"
    elif halves.half_period < truth.half_period:
        verdict = "halves not independent"
    else:
        verdict = "halves claim less than the truth shows"
    pairs = (("halves", halves), ("truth", truth))
    notes = tuple(f"{name}: limited by sampling" for name, found in pairs if not found.crossed)
    return Agreement(halves, truth, difference, level, agrees, verdict, notes)
