"""Ptychography of a tilt series, one pose after another: the experimenter knows the nominal geometry only.

- `simulate_pose`: frames of one pose into a file, and the truth of that projection;
- `pose_setup`: the setup that a pose is measured with.

The truth of the series is `tilt_series.series_truth` with the same seed: its rotations and shifts are those used here.
"""

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import xarray as xr

from records.frames import FrameWriter
from simulators.experiments.frame_detection import plan_detection
from simulators.experiments.ptychography_header import header, title
from simulators.experiments.ptychography_setups import PtychographySetup
from simulators.experiments.ptychography_truth import detected_truth
from simulators.experiments.tilt_series import seen_sample
from simulators.experiments.tilt_series_geometry import TrueGeometry, true_geometry
from simulators.experiments.tilt_series_setups import TiltSeriesSetup
from simulators.experiments.vector_ptychography import ExpectedProjection, expected_projection

Watch = Callable[[str, float], None]


@dataclass(frozen=True)
class TiltedPtychographySetup:
    """A tilt series whose images come from ptychography.

    Attributes
    ----------
    series : TiltSeriesSetup
        Poses, light, errors of the geometry and the changed texture; photons and errors of its images do not matter,
        the scan has its own.
    scan : PtychographySetup
        Of one projection; its orientation, exposure, material, energy and polarisation are those of `series`.
    """

    series: TiltSeriesSetup = field(default_factory=TiltSeriesSetup)
    scan: PtychographySetup = field(default_factory=PtychographySetup)

    def __post_init__(self) -> None:
        apart = self.series.geometry.helicity_shift
        if apart > 0:
            allowed = "0, the scan's difference has the shift of the beam"
            raise ValueError(f"helicity_shift is {apart} px; allowed in ptychography: {allowed}")
        if abs(self.scan.pixel / self.series.image.pixel - 1) > 1e-9:
            allowed = f"that of the series, {self.series.image.pixel:.4g}"
            raise ValueError(f"scan.pixel is {self.scan.pixel:.4g} m; allowed: {allowed}")


def pose_setup(
    setup: TiltedPtychographySetup, index: int, *, geometry: TrueGeometry | None = None
) -> PtychographySetup:
    """Return the setup of one projection.

    Parameters
    ----------
    setup : TiltedPtychographySetup
    index : int
        Of the pose.
    geometry : TrueGeometry, optional
        For the true pose; default the nominal one.

    Raises
    ------
    ValueError
        If there is no such pose.
    """
    poses, off = setup.series.poses, (0.0, 0.0, 0.0)
    if not 0 <= index < len(poses):
        raise ValueError(f"index is {index}; allowed: 0 to {len(poses) - 1}")
    if geometry is not None:
        x, y, z = (float(part) for part in geometry.misorientation[index])
        off = (x, y, z)
    light = setup.series.light
    optics = replace(setup.scan.optics, energy=light.energy, polarization=light.polarization)
    scan = replace(setup.scan, optics=optics, material=setup.series.material, misorientation=off)
    return poses[index].of(scan)


def simulate_pose(
    sample: xr.Dataset,
    setup: TiltedPtychographySetup,
    index: int,
    *,
    seed: int,
    draw: int = 0,
    path: str | os.PathLike[str],
    watch: Watch | None = None,
) -> xr.Dataset:
    """Simulate the ptychography of one pose of a series.

    The sample stands in the true pose; angles in the file are the nominal ones, and its positions those of a sample
    that has not moved, so that the image comes out shifted.

    Parameters
    ----------
    sample : Dataset
        `Sample`.
    setup : TiltedPtychographySetup
    index : int
        Of the pose.
    seed, draw : int
        Of the optics (seed) and of the noise (both).
    path : path
        File of the `Measurement`, written frame by frame.
    watch : callable, optional
        Called with a word and the fraction done.

    Returns
    -------
    Dataset
        The record `Truth` of kind "ptychography", with the true pose in its setup.

    Raises
    ------
    ValueError
        If sample and setup do not fit.
    """
    geometry = true_geometry(setup.series, seed=seed)
    true, nominal = pose_setup(setup, index, geometry=geometry), pose_setup(setup, index)
    seen = seen_sample(sample, setup.series, series=int(geometry.series[index]), seed=seed)
    folder = Path(path).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".frames-", dir=folder) as place:
        expected = expected_projection(seen, true, seed=seed, path=Path(place) / "expected", watch=watch)
        # a scan centred off the sample by -shift sees it shifted by +shift
        known = expected.nominal + geometry.shift[0, index] * true.pixel
        return _detected(replace(expected, nominal=known), true, nominal, seed=seed, draw=draw, path=path)


def _detected(
    expected: ExpectedProjection,
    true: PtychographySetup,
    nominal: PtychographySetup,
    *,
    seed: int,
    draw: int,
    path: str | os.PathLike[str],
) -> xr.Dataset:
    """Write the frames of the true pose under a header of the nominal one."""
    plan = plan_detection(true, expected.brightest, seed=seed, draw=draw)
    with FrameWriter(path, title=title(nominal)) as writer:
        writer.begin(header(replace(plan, setup=nominal), expected.nominal), dtype=plan.sensor.dtype)
        for index, helicity in enumerate(true.helicities):
            for first, counts in plan.frames(expected.frames, index):
                writer.write(counts, helicity=helicity, position=first)
    return detected_truth(expected.truth, plan.setup, flux=plan.flux, fault=plan.fault, light=plan.background)
