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

_PIXELS = 0.5  # no half period is finer than a pixel, none as long in metres


@dataclass(frozen=True)
class Agreement:
    """What the halves claim beside what the truth shows.

    Attributes
    ----------
    halves, truth : Resolution
        Between the halves, and against the truth.
    difference : float
        ``|halves - truth|/truth`` of the half periods; NaN where the halves, or both, show nothing.
    level : float
        What is tolerated.
    agrees : bool
        Whether both resolve something, and their difference is up to the level.
    verdict : str
        "agree", "halves not independent" (they claim more than there is), "halves claim less than the truth shows", or
        "no resolution to compare" (the halves claim nothing).
    notes : tuple of str
        Where a crossing is only a limit of sampling, or nothing is resolved.
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
        On a level that is not positive, curves of which one is in pixels and one in metres, or as `resolution`.
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
        On a level that is not positive and finite, or resolutions of which one is in pixels and one in metres.
    """
    if not 0 < level < math.inf:
        raise ValueError(f"level is {level!r}; allowed: above 0")
    pairs = (("halves", halves), ("truth", truth))
    if len({_is_in_pixels(found) for _, found in pairs if math.isfinite(found.half_period)}) > 1:
        raise ValueError(
            f"truth has a half period of {truth.half_period:g}, halves of {halves.half_period:g}; allowed: both in "
            "metres or both in pixels"
        )
    difference = math.nan
    if _claims(halves):
        difference = abs(halves.half_period - truth.half_period) / truth.half_period
    agrees = difference <= level and _claims(truth)
    if not math.isfinite(difference):
        verdict = "no resolution to compare"
    elif agrees:
        verdict = "agree"
    elif halves.half_period < truth.half_period or not _claims(truth):
        verdict = "halves not independent"
    else:
        verdict = "halves claim less than the truth shows"
    notes = tuple(f"{name}: {note}" for name, found in pairs for note in _remarks(found))
    return Agreement(halves, truth, difference, level, agrees, verdict, notes)


def _claims(found: Resolution) -> bool:
    return math.isfinite(found.half_period) and not found.below_from_start


def _is_in_pixels(found: Resolution) -> bool:
    return found.half_period > _PIXELS


def _remarks(found: Resolution) -> tuple[str, ...]:
    return ("limited by sampling",) if _claims(found) and not found.crossed else found.notes
