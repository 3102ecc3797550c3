"""Ptychography of a magnetic sample in any pose with either helicity of light.

- `simulate_projection`: one projection, its frames into a file, and its truth;
- `simulate_series`: many poses into one file;
- `expected_projection`: the noise-free part of it, its frames in a file too; `detect_projection`: one draw of noise;
- `converged_slice`: the slice thickness at which frames stop changing.

The tilted sample is cut into slices on a grid finer than the reconstruction's, every frame is a multislice calculation
for each mode of the probe, and detected on its own: memory does not grow with the number of frames. Seeds make the
optics ("optics": positions and their errors, flux, faults, the chip) and the noise ("noise", names, draw, pose,
helicity, frame); the sample brings its own. Draws of one seed differ in the noise alone.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from records.checks import json_text
from records.frames import FrameWriter
from simulators.beamline.exit_wave import expected_frames, find_slice_thickness
from simulators.beamline.tilted_slices import slice_turned
from simulators.experiments.expected_frames import FrameFile, write_frames
from simulators.experiments.frame_detection import Detection, plan_detection
from simulators.experiments.ptychography_header import header, title
from simulators.experiments.ptychography_light import probe_modes, scan_positions, volume_of_sample
from simulators.experiments.ptychography_setups import Pose, PtychographySetup
from simulators.experiments.ptychography_truth import detected_truth, ideal_truth, magnet_volume, object_shape, plain

Array = NDArray[Any]
Watch = Callable[[str, float], None]

_FREE = {"photons", "exposure", "frame_time", "flux", "faults", "background"}
"""Parts of a setup that the noise-free frames do not depend on; so are all of the detector's but its pixels."""


@dataclass(frozen=True, eq=False)
class ExpectedProjection:
    """The noise-free part of a projection.

    Attributes
    ----------
    frames : FrameFile
        Photons per photon that reaches the sample; without beam stop, background and flux.
    truth : Dataset
        The record `Truth` of one photon per frame, a steady flux and no fault.
    nominal : (helicity, position, 2) array
        Positions (y, x) that the experimenter knows, m.
    brightest : (n, n) array
        Most that any frame has in each pixel.
    """

    frames: FrameFile
    truth: xr.Dataset
    nominal: Array
    brightest: Array


def expected_projection(
    sample: xr.Dataset,
    setup: PtychographySetup,
    *,
    seed: int,
    path: str | os.PathLike[str],
    watch: Watch | None = None,
) -> ExpectedProjection:
    """Compute the noise-free frames of a projection.

    Parameters
    ----------
    sample : Dataset
        `Sample`, see `volume_of_sample`.
    setup : PtychographySetup
        Photons, flux, faults, background and detector noise do not matter yet: a sweep over them shares the result.
    seed : int
        Of the optics.
    path : path
        File of the frames, raw float32.
    watch : callable, optional
        Called with a word and the fraction done.

    Returns
    -------
    ExpectedProjection

    Raises
    ------
    ValueError
        If sample and setup do not fit.
    """
    tell = watch or (lambda _word, _done: None)
    tell("sample", 0.0)
    volume = volume_of_sample(sample, setup)
    modes = probe_modes(setup)
    nominal, places = scan_positions(setup, seed=seed)
    shape = object_shape(places, setup)
    slices = slice_turned(
        volume,
        setup.turn,
        pixel_size=setup.fine_pixel,
        shape=(shape[0] * setup.oversampling, shape[1] * setup.oversampling),
        slice_thickness=setup.slice_thickness,
        helicities=setup.helicities,
    )
    n, total = setup.detector.n, places.shape[0] * places.shape[1]
    brightest = np.zeros((n, n), np.float32)

    def compute(index: int, first: int, last: int) -> Array:
        tell("frames", (index * places.shape[1] + first) / total)
        frames = expected_frames(
            slices,
            modes[index],
            places[index, first:last],
            helicity=setup.helicities[index],
            n=n,
            pixel_size=setup.pixel,
        )
        np.maximum(frames, 0, out=frames)
        np.maximum(brightest, frames.max(axis=0), out=brightest)
        return frames

    frames = write_frames(path, (places.shape[0], places.shape[1], n, n), compute)
    features = json.loads(sample.attrs["features"])
    truth = ideal_truth(slices, magnet_volume(sample, volume), modes, places, setup, features=features)
    tell("done", 1.0)
    return ExpectedProjection(frames, truth, nominal, brightest)


def detect_projection(
    expected: ExpectedProjection,
    setup: PtychographySetup,
    *,
    seed: int,
    draw: int = 0,
    path: str | os.PathLike[str],
    names: tuple[str, ...] = (),
    watch: Watch | None = None,
) -> xr.Dataset:
    """Detect a projection once; write its `Measurement` to a file and return its `Truth`.

    Parameters
    ----------
    expected : ExpectedProjection
    setup : PtychographySetup
        As for `expected`, but photons, exposure, flux, faults, background and detector may differ.
    seed, draw : int
        Of flux, faults and chip (seed), and of the noise (both).
    path : path
        File of the `Measurement`, for `records.frames.open_node`.
    names : tuple of str
        Further names of the noise: another state or dose of the same sample has noise of its own.
    watch : callable, optional
        Called with a word and the fraction done.

    Raises
    ------
    ValueError
        If the noise-free frames are those of another experiment.
    """
    _check_same(expected, setup)
    plan = plan_detection(setup, expected.brightest, seed=seed, draw=draw, names=names)
    with FrameWriter(path, title=title(setup)) as writer:
        _write(writer, expected, plan, watch)
    return _seen_truth(expected, plan)


def simulate_projection(
    sample: xr.Dataset,
    setup: PtychographySetup,
    *,
    seed: int,
    draw: int = 0,
    path: str | os.PathLike[str],
    watch: Watch | None = None,
) -> xr.Dataset:
    """Simulate one projection once.

    Parameters
    ----------
    sample, setup, watch
        As of `expected_projection`.
    seed, draw : int
        Of the optics (seed) and of the noise (both).
    path : path
        File of the `Measurement`, written frame by frame.

    Returns
    -------
    Dataset
        The record `Truth`.
    """
    with tempfile.TemporaryDirectory(prefix=".frames-", dir=_folder(path)) as folder:
        expected = expected_projection(sample, setup, seed=seed, path=Path(folder) / "expected", watch=watch)
        return detect_projection(expected, setup, seed=seed, draw=draw, path=path, watch=watch)


def simulate_series(
    sample: xr.Dataset,
    setup: PtychographySetup,
    poses: Sequence[Pose],
    *,
    seed: int,
    draw: int = 0,
    path: str | os.PathLike[str],
    watch: Watch | None = None,
) -> Iterator[xr.Dataset]:
    """Simulate a series of poses into one file, and yield the `Truth` of each.

    The file holds a node ``projection_0``, ... for each pose, with the bytes that `simulate_projection` would give it.
    It takes its name when the last truth has been taken; whoever stops before leaves none.

    Parameters
    ----------
    sample : Dataset
    setup : PtychographySetup
        Its own pose does not matter.
    poses : sequence of Pose
        Such as `published_poses`.
    seed, draw, path, watch
        As of `simulate_projection`.
    """
    if not poses:
        raise ValueError("poses is empty; allowed: one or more")
    with (
        tempfile.TemporaryDirectory(prefix=".frames-", dir=_folder(path)) as folder,
        FrameWriter(path, title=f"ptychography, {len(poses)} projections") as writer,
    ):
        for pose in poses:
            posed = pose.of(setup)
            expected = expected_projection(sample, posed, seed=seed, path=Path(folder) / "expected", watch=watch)
            plan = plan_detection(posed, expected.brightest, seed=seed, draw=draw)
            _write(writer, expected, plan, watch)
            yield _seen_truth(expected, plan)


def converged_slice(
    sample: xr.Dataset, setup: PtychographySetup, *, seed: int, tolerance: float = 1e-3
) -> tuple[float, list[tuple[float, float]]]:
    """Find the slice thickness at which frames stop changing, for the pose of `setup`; the steepest is the worst.

    Tried on three frames: of the first, the middle and the last position.

    Returns
    -------
    thickness : float
        m, to be the setup's `slice_thickness`.
    tried : list of (thickness, nrmse)
        Of the amplitudes against half the thickness, to be recorded.
    """
    places = scan_positions(setup, seed=seed)[1][0]
    return find_slice_thickness(
        volume_of_sample(sample, setup),
        probe_modes(setup)[0][:1],
        places[[0, len(places) // 2, -1]],
        tilt=setup.tilt,
        in_plane_angle=setup.in_plane_angle,
        pixel_size=setup.fine_pixel,
        n=setup.detector.n * setup.window,
        tolerance=tolerance,
    )


def _check_same(expected: ExpectedProjection, setup: PtychographySetup) -> None:
    """Refuse noise-free frames of another scan, beam, material or pose."""
    old, new = json.loads(expected.truth.attrs["setup"]), json.loads(json_text(plain(asdict(setup))))
    for table in (old, new):
        detector = table.pop("detector")
        table |= {"detector's n": detector["n"], "detector's pitch": detector["pitch"]}
    for name in sorted(new.keys() - _FREE):
        if new[name] != old.get(name):
            raise ValueError(f"{name} is {new[name]}; allowed: that of the frames, {old.get(name)}")


def _write(writer: FrameWriter, expected: ExpectedProjection, plan: Detection, watch: Watch | None) -> None:
    writer.begin(header(plan, expected.nominal), dtype=plan.sensor.dtype)
    helicities = plan.setup.helicities
    for index, helicity in enumerate(helicities):
        for first, counts in plan.frames(expected.frames, index):
            if watch is not None:
                watch("detection", (index + first / expected.frames.shape[1]) / len(helicities))
            writer.write(counts, helicity=helicity, position=first)


def _seen_truth(expected: ExpectedProjection, plan: Detection) -> xr.Dataset:
    return detected_truth(expected.truth, plan.setup, flux=plan.flux, fault=plan.fault, light=plan.background)


def _folder(path: str | os.PathLike[str]) -> Path:
    folder = Path(path).resolve().parent
    folder.mkdir(parents=True, exist_ok=True)
    return folder
