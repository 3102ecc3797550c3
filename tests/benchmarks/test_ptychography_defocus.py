"""Defocus over a tilted sample: how wrong the rim is, without and with what is meant to help.

Rows are "none", the published constraint on the probe ("unwrapping"), a defocus for each frame from the tilt
("tilt-aware"), and both. Three seeds, or those of TRUESPIN_SEEDS; pictures go to the folder TRUESPIN_PICTURES.
"""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from numerics.streams import stream
from optics.units import wavelength
from reconstructors.ptychography import preparation
from reconstructors.ptychography.corrections.defocus import (
    ProbeUnwrapping,
    TiltedProbe,
    TiltParameters,
    UnwrappingParameters,
)
from reconstructors.ptychography.corrections.pupil import pupil_phase
from reconstructors.ptychography.engines import gauge, pie, rpie_plus
from reconstructors.ptychography.engines.pie import PieParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.state import start
from records import frames, sample
from reports.figure_defocus import ProbeView, draw, draw_tilts
from reports.style import to_png
from simulators.beamline.detector import Detector
from simulators.beamline.frame_detector import FrameDetector
from simulators.experiments.ptychography_setups import MaterialSetup, PtychographySetup, ScanSetup
from simulators.experiments.vector_ptychography import simulate_projection
from tests.ptychography_problem import ENERGY, textured_object
from tests.ptychography_tilted_sheet import DEFOCUS, TILT, TiltedSheet, assembled, rim_and_centre, tilted_sheet

SEEDS = [int(seed) for seed in os.environ.get("TRUESPIN_SEEDS", "201,202,203").split(",")]
ROWS = ("none", "unwrapping", "tilt-aware", "both")
RATIO = 1.2
SHEETS = {
    "film, 2.6 um of lab": {},
    "block of 2.6 um": {"block": 2.6e-6, "reach": (1.26e-6, 0.4e-6)},
}
TILTS = np.deg2rad([-62, -46, -30, 0, 30, 46, 62])
ERRORS = np.array([-2, 1, -1, 2, 1, -2, 2]) * 1e-6


def corrections(problem, row, tilt, *, until=None):
    """Return the listeners of a row."""
    found = []
    if row in ("tilt-aware", "both"):
        found.append(TiltedProbe(problem, TiltParameters(tilt)))
    if row in ("unwrapping", "both"):
        found.append(ProbeUnwrapping(problem, UnwrappingParameters(until=until)))
    return found


def begun(problem, listeners):
    state = start(problem)
    for listener in listeners:
        if isinstance(listener, TiltedProbe):
            listener.begin(state)
    return state


def by_rpie_plus(problem, row, tilt, *, seed):
    """Return the state and the last Fourier error; the method's own epochs, the constraint in the batched ones."""
    parameters = RpiePlusParameters()
    listeners = corrections(problem, row, tilt, until=parameters.batch_epochs)
    rng = np.random.default_rng(seed)
    state = begun(problem, listeners)
    last, errors = rpie_plus.run(problem, parameters, rng=rng, listeners=listeners, state=state)
    return last, errors[-1]


def by_rpie(problem, row, tilt, *, seed, epochs=40):
    """Return the state and the last Fourier error; the constraint acts in every epoch, as published."""
    listeners = corrections(problem, row, tilt)
    state, rng = begun(problem, listeners), np.random.default_rng(seed)
    every = (*gauge.standard(problem), *listeners)
    last, errors = pie.run(problem, PieParameters(epochs=epochs), rng=rng, listeners=every, state=state)
    return last, errors[-1]


def pupil_of(state, drawn):
    return pupil_phase(state.probe[0], wavelength=wavelength(ENERGY), pixel_size=drawn.pixel)


def probe_error(probe, true):
    """Return the distance of two probes of power 1, phases alike."""
    overlap = abs(np.vdot(probe, true)) ** 2 / (np.vdot(probe, probe).real * np.vdot(true, true).real)
    return float(np.sqrt(max(0.0, 1 - overlap)))


def say(capsys, title, table):
    """Print mean and spread of each row's columns."""
    with capsys.disabled():
        print(f"\n{title}")
        for row, values in table.items():
            mean, spread = (
                np.mean(values, 0),
                np.std(values, 0, ddof=1) if len(values) > 1 else np.zeros(len(values[0])),
            )
            print(f"  {row:12s}", *(f"{m:8.4f} +- {s:.4f}" for m, s in zip(mean, spread, strict=True)))


@pytest.mark.parametrize("sheet", SHEETS)
def test_rim_against_centre(sheet, capsys):
    """A row "flat" is the same scan of the same sheet without tilt: fewer frames see the rim of any scan."""
    table = {row: [] for row in (*ROWS, "flat")}
    for seed in SEEDS:
        tilted, flat = (tilted_sheet(seed, **SHEETS[sheet], **tilt) for tilt in ({}, {"tilt": 0.0}))
        for row in table:
            drawn = flat if row == "flat" else tilted
            problem = assembled(drawn)
            state, error = by_rpie_plus(problem, row, drawn.tilt, seed=seed)
            whole, rim, centre = rim_and_centre(state.object, drawn)
            pupil = pupil_of(state, drawn)
            wrong = probe_error(state.probe[0], drawn.probe)
            table[row].append([rim / centre, whole, rim, centre, error, wrong, pupil.residual])
    height = 1e6 * np.ptp(tilted.defocus)
    columns = "rim/centre, nrmse of all, rim, centre, Fourier error, probe error, roughness of the pupil (rad)"
    say(capsys, f"{sheet}, 62 degrees, {len(problem.positions)} frames, {height:.2f} um of height: {columns}", table)
    ratios = {row: np.mean(values, 0)[0] for row, values in table.items()}
    assert min(ratios[row] for row in ROWS[1:]) <= RATIO
    assert np.mean(table["tilt-aware"], 0)[1] <= np.mean(table["none"], 0)[1]


def test_wrong_nominal_defocus_over_the_tilts(capsys):
    """The nominal defocus is off by 1 to 2 um, differently at each tilt; every row is to end at the true one."""
    views, found, table = [], {row: [] for row in ("start", *ROWS)}, {row: [] for row in ROWS}
    for tilt, error in zip(TILTS, ERRORS, strict=True):
        for seed in SEEDS:
            drawn = tilted_sheet(seed, n=64, pixel=10e-9, step=60e-9, tilt=tilt, photons=1e5)
            problem = assembled(drawn, defocus_error=error)
            states = {"start": start(problem)} | {row: by_rpie(problem, row, tilt, seed=seed)[0] for row in ROWS}
            for row, state in states.items():
                pupil = pupil_of(state, drawn)
                if seed == SEEDS[0]:
                    found[row].append(pupil.defocus)
                if seed == SEEDS[0] and tilt == TILTS[-1]:
                    views.append(ProbeView(row, state.probe[0], pupil.unwrapped, pupil.smooth))
                if row != "start":
                    whole, rim, centre = rim_and_centre(state.object, drawn)
                    wrong, off = probe_error(state.probe[0], drawn.probe), 1e6 * abs(pupil.defocus - DEFOCUS)
                    table[row].append([np.rad2deg(tilt), off, pupil.residual, wrong, whole, rim, centre])
    columns = "defocus error (um), roughness (rad), probe error, nrmse of all, rim, centre"
    for steep in (0, 30, 46, 62):
        here = {row: [line[1:] for line in lines if round(abs(line[0])) == steep] for row, lines in table.items()}
        say(capsys, f"tilt {steep}, defocus off by 1 to 2 um: {columns}", here)
    _pictures({"pupils": draw(views, pixel_size=10e-9), "tilts": draw_tilts(TILTS, found, [DEFOCUS] * len(TILTS))})
    ends = {row: np.array(lines)[:, 1] for row, lines in table.items()}
    for row in ("unwrapping", "tilt-aware", "both"):
        assert ends[row].max() <= 0.25 * 1e6 * np.abs(ERRORS).min()
    rough = {row: np.mean(np.array(lines)[:, 2]) for row, lines in table.items()}
    assert rough["unwrapping"] < 0.5 * rough["none"]


def _pictures(figures):
    folder = os.environ.get("TRUESPIN_PICTURES")
    for name, figure in figures.items():
        picture = to_png(figure)
        assert len(picture) > 10_000
        if folder:
            Path(folder, f"defocus_{name}.png").write_bytes(picture)


def film(seed, *, n=256, layers=4):
    """Return a nickel film of 40 nm with holes and domains, in 10 nm voxels."""
    pattern = textured_object(n, stream(seed, "film"))
    fill = np.clip((np.abs(pattern) - 0.6) / 0.4, 0, 1).astype(np.float32)
    m = np.zeros((3, layers, n, n), np.float32)
    m[2] = np.sign(np.angle(pattern))
    return sample.make(magnetization=m, magnet=np.broadcast_to(fill, m.shape[1:]).copy(), voxel_size=10e-9)


def test_simulated_film(tmp_path, capsys):
    """Multislice frames of either tilt: the sign is that of the experiment, and the wrong one is worse than none."""
    chip = Detector(electrons_per_photon=235.0, read_noise=4.0, bad_fraction=0.0)
    setup = PtychographySetup(
        material=MaterialSetup(endless=True),
        scan=ScanSetup(rows=44, columns=6, step=60e-9),
        detector=FrameDetector(n=64, chip=chip),
        pixel=10e-9,
        slice_thickness=50e-9,
        helicities=(1,),
    )
    signs = {"none": 0.0, "tilt-aware": 1.0, "wrong sign": -1.0}
    for tilt in (TILT, -TILT):
        table = {row: [] for row in ("none", "unwrapping", "tilt-aware", "wrong sign")}
        for seed in SEEDS:
            path = tmp_path / "measurement.nc"
            truth = simulate_projection(film(seed), replace(setup, tilt=tilt), seed=seed, path=path)
            with frames.open_node(path) as node:
                prepared = preparation.from_measurement(node.load())
            problem = prepared.problem
            drawn = _as_sheet(prepared, truth, tilt)
            for row, values in table.items():
                used = "none" if row == "none" else "unwrapping" if row == "unwrapping" else "tilt-aware"
                state, error = by_rpie_plus(problem, used, signs.get(row, 0.0) * tilt, seed=seed)
                whole, rim, centre = rim_and_centre(state.object, drawn)
                values.append([rim / centre, whole, rim, centre, error])
                if row == "tilt-aware":
                    true = truth["defocus"].values[0]
                    np.testing.assert_allclose(state.defocus, true - true.mean(), atol=1e-9)
        title = f"simulated film at {np.rad2deg(tilt):+.0f} degrees, {len(problem.positions)} frames"
        say(capsys, f"{title}: rim/centre, nrmse of all, rim, centre, Fourier error", table)
        errors = {row: np.mean(values, 0) for row, values in table.items()}
        assert errors["tilt-aware"][4] < errors["none"][4] < errors["wrong sign"][4]
        assert errors["tilt-aware"][1] < errors["none"][1] < errors["wrong sign"][1]


def _as_sheet(prepared, truth, tilt):
    """Return the truth on the pixels of the reconstruction."""
    problem, pixel = prepared.problem, prepared.problem.optics.pixel_size
    y, x = (
        int(np.argmin(np.abs(truth[axis].values - first))) for axis, first in zip("yx", prepared.origin, strict=True)
    )
    height, width = problem.object_shape
    object_ = truth["object"].values[0, y : y + height, x : x + width]
    assert object_.shape == problem.object_shape
    frame = np.zeros((1, *problem.frames.shape), np.int64)
    probe = truth["probe"].values.reshape(-1, *problem.frames.shape)[0]
    return TiltedSheet(object_, probe, problem.positions, truth["defocus"].values[0], frame, pixel, tilt)
