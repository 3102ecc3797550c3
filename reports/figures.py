"""All figures of a page, and one picture for elsewhere.

Contents: :func:`pictures` (those of a page, in order), :func:`save_overview` (one PNG: holography beside phase
retrieval beside the truth, with the wall profile).
"""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from records import store
from records.errors import RecordError
from reports import figure_compare, figure_experiment, figure_heterodyne, figure_walls
from reports.drawings import Drawing, Picture, drawn
from reports.figure_walls import profile_panel
from reports.metrics import number
from reports.panels import Window, colour_bar, magnetization_panel
from reports.results import CONTROLS, Case, Results, load
from reports.style import context, letter, new_figure, to_png

_PLAN: tuple[Drawing[Results], ...] = (
    (
        "overview",
        "Overview",
        lambda results: overview(results),
        "Holographic image, phase-retrieved image and truth at the same scale, and the mean profile across all walls. "
        "Half and full periods are those of the correlation with the truth at the 1-bit threshold.",
        "Images of the out-of-plane magnetization by holography and by phase retrieval beside the truth, and a profile "
        "across the domain walls.",
    ),
    (
        "patterns",
        "Fig. 1",
        figure_experiment.draw_patterns,
        "(a) Photons per pixel after dark subtraction, merging of the exposures and mapping onto a flat grid of "
        "spatial frequencies, mean of both helicities; grey: not measured. (b) Difference of the helicities; the "
        "colour scale is linear around zero and logarithmic beyond. (c) Coherence found from the data: one dot per "
        "seed and draw, vertical line: truth.",
        "Diffraction pattern on a logarithmic scale, signed difference of the two helicities, and the estimated "
        "coherence beside the true one.",
    ),
    (
        "images",
        "Fig. 1, continued",
        figure_experiment.draw_images,
        "Out-of-plane magnetization m_z as each method gives it, on its own absolute scale, moved by one rigid shift "
        "only; last panel: truth.",
        "One image of m_z for each method, red for up and blue for down, and the truth.",
    ),
    (
        "resolution",
        "Fig. 2",
        figure_heterodyne.draw,
        "Heterodyne term 2 Re(\u03a8c* \u03a8m) with the whole mask and with the object hole alone, averaged over "
        "rings; the gain is their ratio at the edge of the detector. Correlations: dots mark the crossing of the 1-bit "
        "threshold; the legend gives half period / full period.",
        "Curves over spatial frequency: heterodyne term with and without references, Fourier ring correlations with "
        "their thresholds, transfer function where random starts were run, power spectrum.",
    ),
    (
        "walls",
        "Fig. 2, continued",
        figure_walls.draw,
        "(a) Width fitted at points along the walls. (b) Mean profile of all walls, found on each image's own "
        "contours (dots), with the fit of tanh(x/\u03b4) (line). (c) Distribution of the local widths; "
        "the last bin holds all wider ones.",
        "Map of the local domain wall width, mean wall profiles with tanh fits, and histograms of the local width.",
    ),
    (
        "comparison",
        "Fig. 3",
        figure_compare.draw,
        "Truth, estimate, difference (scored inside the dotted line) and the framed middle enlarged, with the truth's "
        "walls as a line. Above the estimate: half / full period of the correlation with the truth.",
        "For each method a row of four images: truth, estimate, their difference, and an enlarged section.",
    ),
)


def pictures(results: Results) -> list[Picture]:
    """Draw every figure for which something was stored.

    Parameters
    ----------
    results : Results

    Returns
    -------
    list of Picture
    """
    return drawn(_PLAN, results)


def overview(results: Results) -> Figure | None:
    """Draw holography, the leading method and the truth side by side with the wall profile.

    Parameters
    ----------
    results : Results

    Returns
    -------
    Figure or None
        None where nothing was scored.
    """
    gallery = results.gallery()
    lead = gallery.get(results.lead) or next(iter(gallery.values()), None)
    if lead is None:
        return None
    coarse = gallery.get("fth") if results.lead != "fth" else None
    images: list[tuple[Case, str, str]] = [(coarse, "m_z", _headed(coarse, results))] if coarse else []
    images += [(lead, "m_z", _headed(lead, results)), (lead, "truth_m_z", "truth")]
    profiled = [case for case in (coarse, lead) if case is not None and "profile_mean" in case.scored]
    count = len(images) + bool(profiled)
    figure = new_figure(11.4, 13.0 / count + 0.1 if count < 4 else 3.15)
    ratios = [1.0] * len(images) + [1.08] * bool(profiled)
    panels = figure.subplots(1, count, squeeze=False, width_ratios=ratios)[0]
    shown = None
    for position, (case, variable, title) in enumerate(images):
        shown = magnetization_panel(
            panels[position], Window.of(case.scored), case.scored[variable], outer=position == 0
        )
        letter(panels[position], "", title)
    colour_bar(figure, shown, panels[len(images) - 1], "$m_z$")
    if profiled:
        profile_panel(panels[-1], profiled, results)
        letter(panels[-1], "", "across the walls")
    return figure


def _headed(case: Case | None, results: Results) -> str:
    if case is None:
        return ""
    half = results.value(case, "frc_truth.half_period")
    if case.method in CONTROLS or half != half:
        return case.method
    return f"{case.method}\u2003{number(half * 1e9, 1)} / {number(half * 2e9, 1)} nm"


def save_overview(directory: str | Path, path: str | Path) -> None:
    """Write the overview of a run directory as one PNG.

    Parameters
    ----------
    directory : path
        A run directory.
    path : path
        The file to write, whole or not at all.

    Raises
    ------
    RecordError
        If the directory holds no run, or a run without a scored method.
    OSError
        If the file cannot be written.
    """
    with context():
        figure = overview(load(directory))
        if figure is None:
            raise RecordError(f"{directory}: holds no scored reconstruction; expected at least one")
        store.write_bytes(path, to_png(figure))
