"""What the reconstruction of a volume of vectors is worth: the scorecard's rows, and everything that the page shows.

- `SuperlatticeSettings`: radii and draws;
- `score`: rows and a data set of everything that a report shows (`superlattice_pictures`); `score_truth`: the rows of
  the method ``truth``; `found_metrics`: values by metric.

The gauge of the headline rows is found without the truth, but for ONE rigid shift, registered on the charge. Rows that
end in ``.fitted`` have a small rotation removed too, with the vectors turned.

=========================================  ====  =========  ============================================================
metric                                     unit  direction  what
=========================================  ====  =========  ============================================================
``vector.error``, ``.x``, ``.y``, ``.z``   1     lower      L2 error of m weighted by the fill over the truth's, where
                                                            the true fill is above 0.1; of each component over its own
``vector.error_longitudinal``,             1     lower      the part that no projection sees, and the rest; over the
``vector.error_transverse``                                 whole box
``vector.angle_median``, ``_p95``          deg   lower      between found and true vectors, true fill 0.5 or more
``vector.length``                          1     match      mean of ``|m|/|m0|`` there
``fill.error``, ``charge.error``           1     lower      L2 error over the truth's, whole box
``geometry.shift_error``                   px    lower      rms, common motion of the sample removed
``geometry.angle_error``, ``.fitted``      deg   lower      rms; without the common rotation
``shift``                                  m     lower      modulus of the rigid shift of the volume
``fsc.full_period``, ``fsc.half_period``   m     lower      charge of the halves, 1/7; ``.0.5``
``fsc_truth...``                           m     lower      charge and truth
``fsc_x...``, ``fsc_truth_x...``           m     lower      of m_x; y, z
``fsc_cone_x...``, ``fsc_truth_cone_x...`` m     lower      of the charge in the cone of 20 degrees about x; y, z
``signal.full_period``, ``.half_period``   m     lower      reach of the magnetic signal in the raw data
``hedgehogs.recall``, ``.precision``,      1     higher     charges away from the border (partners may be there);
``.f1``; ``..._all``                                        ``_all``: every charge
``hedgehogs.position_error``               m     lower      mean distance of partners
``hedgehogs.found``, ``.true``             1     none       units of charge away from the border; ``.border_found``,
                                                            ``.border_true``
``hedgehogs.plus``, ``.minus``             1     match      units of charge, all
``sites.KIND.plus``, ``.minus``            1     match      in octahedral and tetrahedral holes, and between
``pairs.opposite``, ``.plus``, ``.minus``  m     match      mu of nearest-neighbour distances; ``.random``: by chance
``voids.virtual_plus``, ``_minus``         1     match      virtual hedgehogs
``voids.recall``, ``voids.precision``      1     higher     of them
``voids.charge_error``                     1     lower      rms over voids
``flag.NAME``, ``flag_value.NAME``         1     none       what a method distrusts of itself, and the number behind it
=========================================  ====  =========  ============================================================

Rows ``NAME.truth`` hold the truth's value by the same estimator. What is not defined (too few charges, a blank volume)
is NaN, and the criterion says why.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from scenarios.holography_rows import SHIFT, MetricValue, flag_rows
from scenarios.superlattice_curves import Curves, agreement_rows, correlations, curve_rows
from scenarios.superlattice_errors import error_rows, motion_rows
from scenarios.superlattice_frame import (
    Frame,
    SuperlatticeSettings,
    Volumes,
    build_frame,
    geometry_errors,
    moved,
)
from scenarios.superlattice_pairs import pair_rows, pair_table
from scenarios.superlattice_pictures import Scored, pictures
from scenarios.superlattice_signal import SignalSpectrum, signal_rows
from scenarios.superlattice_topology import (
    charge_rows,
    compare_charges,
    features_of,
    found_texture,
    sign_rows,
    site_kinds,
    site_rows,
    true_texture,
)
from scenarios.superlattice_voids import closest_pair_lines, find_voids, virtual_rows, void_rows

__all__ = ["SuperlatticeSettings", "found_metrics", "score", "score_truth"]

Array = NDArray[Any]

_FITTED = "truth-fitted: shift, rotation"


def score(
    reconstruction: xr.Dataset,
    truth: xr.Dataset,
    *,
    halves: tuple[xr.Dataset, xr.Dataset] | None = None,
    signal: SignalSpectrum | None = None,
    rng: np.random.Generator,
    settings: SuperlatticeSettings | None = None,
) -> tuple[list[MetricValue], xr.Dataset]:
    """Score a reconstruction.

    Parameters
    ----------
    reconstruction, truth : Dataset
        Records of kind "projections".
    halves : tuple of Dataset, optional
        Reconstructions of half of the projections each.
    signal : SignalSpectrum, optional
        Of the data.
    rng : numpy.random.Generator
        For intervals and nulls.
    settings : SuperlatticeSettings, optional

    Returns
    -------
    list of MetricValue
        See the module's table.
    Dataset
        The record ``scored``; attribute ``metrics`` repeats the values (JSON).

    Raises
    ------
    ValueError
        If the voxels differ.
    """
    chosen = settings or SuperlatticeSettings()
    frame = build_frame(truth, chosen)
    placed = frame.place(reconstruction)
    registration = frame.align(placed, frame.true)
    found = moved(placed, registration)
    geometry = geometry_errors(reconstruction, truth)
    rows = error_rows(found, frame, gauge=SHIFT)
    fitted = moved(placed, frame.align(placed, frame.true, turned=True))
    rows += error_rows(fitted, frame, suffix=".fitted", gauge=_FITTED)
    rows += motion_rows(frame, registration, geometry)
    with_truth = correlations(found, frame.true, frame)
    rows += curve_rows(with_truth, "fsc_truth", chosen, rng, gauge=SHIFT)
    half_curves = _half_curves(frame, halves)
    if half_curves is not None:
        rows += curve_rows(half_curves, "fsc", chosen, rng, gauge="shift of one half to the other")
        rows += agreement_rows(half_curves.charge, with_truth.charge, chosen)
    rows += [] if signal is None else signal_rows(signal)
    more, parts = _topology(found, truth, frame, chosen, rng)
    rows += more + flag_rows(reconstruction)
    scored = pictures(
        Scored(frame, found, registration, geometry, with_truth, half_curves, signal),
        parts,
        reconstruction,
        truth,
        rows,
    )
    return rows, scored


def score_truth(
    truth: xr.Dataset, *, rng: np.random.Generator, settings: SuperlatticeSettings | None = None
) -> list[MetricValue]:
    """Return the truth's own rows: charges, their sites and distances, virtual hedgehogs.

    Parameters
    ----------
    truth : Dataset
        The record.
    rng : numpy.random.Generator
        For the errors of the fits and for charges at random.
    settings : SuperlatticeSettings, optional
    """
    texture, features = true_texture(truth), features_of(truth)
    hedgehogs = texture.hedgehogs
    border = float(np.abs(hedgehogs["charge"].values[hedgehogs["at_border"].values]).sum())
    table = pair_table(
        hedgehogs,
        texture.magnet,
        voxel_size=texture.voxel_size,
        settings=settings or SuperlatticeSettings(),
        rng=rng,
    )
    fill = truth["fill"].values.astype(np.float64)
    return [
        *sign_rows(hedgehogs),
        MetricValue(metric="hedgehogs.border", value=border),
        *site_rows(hedgehogs, site_kinds(hedgehogs, features)),
        *pair_rows(table),
        *virtual_rows(find_voids(texture)),
        MetricValue(metric="fill.share", value=float(fill.mean())),
    ]


def found_metrics(rows: Sequence[MetricValue]) -> dict[str, float]:
    """Return the values of rows by metric."""
    return {row.metric: row.value for row in rows}


def _half_curves(frame: Frame, halves: tuple[xr.Dataset, xr.Dataset] | None) -> Curves | None:
    if halves is None:
        return None
    first, second = (frame.place(half) for half in halves)
    return correlations(first, moved(second, frame.align(second, first)), frame)


def _topology(
    found: Volumes, truth: xr.Dataset, frame: Frame, settings: SuperlatticeSettings, rng: np.random.Generator
) -> tuple[list[MetricValue], dict[str, Any]]:
    """Return the rows of charges, sites, pairs and voids, and the tables behind them."""
    features = features_of(truth)
    true = true_texture(truth)
    estimate = found_texture(found, voxel_size=frame.voxel_size, fine_voxel_size=true.voxel_size)
    charges = compare_charges(estimate, true, radius=settings.match, features=features)
    size = true.voxel_size
    pairs = [
        pair_table(estimate.hedgehogs, true.magnet, voxel_size=size, settings=settings, rng=rng),
        pair_table(true.hedgehogs, None, voxel_size=size, settings=settings, rng=rng),
    ]
    voids = [find_voids(texture, shape=true.fill.shape) for texture in (estimate, true)]
    lines = [closest_pair_lines(texture, rng=rng) for texture in (estimate, true)]
    rows = [
        *charge_rows(charges),
        *site_rows(charges.found, charges.found_sites, direction="match"),
        *site_rows(charges.true, charges.true_sites, suffix=".truth"),
        *pair_rows(pairs[0], direction="match"),
        *pair_rows(pairs[1], suffix=".truth"),
        *void_rows(voids[0], voids[1], radius=settings.match),
    ]
    return rows, {"charges": charges, "pairs": pairs, "voids": voids, "lines": lines, "radius": settings.match}
