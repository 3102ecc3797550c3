"""Corrupt frames, wrong positions and defocus on the scans of their bars; TRUESPIN_SEEDS=101,102 chooses the seeds.

What is found is printed row by row; the bars are asserted on the means over the seeds.
"""

import os

import numpy as np
import pytest

from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography.corrections.defocus import (
    ProbeUnwrapping,
    TiltedProbe,
    TiltParameters,
    UnwrappingParameters,
)
from reconstructors.ptychography.corrections.faults import find_corrupt
from reconstructors.ptychography.corrections.frame_rejection import FrameRejection, RejectionParameters
from reconstructors.ptychography.corrections.positions import PositionRefinement
from reconstructors.ptychography.corrections.pupil import pupil_phase
from reconstructors.ptychography.corrections.stretching import StretchRefinement
from reconstructors.ptychography.engines import pie, rpie_plus
from reconstructors.ptychography.state import start
from tests.ptychography_faults import KINDS, Scan, block_scan, plant
from tests.ptychography_problem import ENERGY, PIXEL, common_problem, expected_frame
from tests.ptychography_score import fitted
from tests.ptychography_tilted_sheet import TILT, assembled, rim_and_centre, tilted_sheet
from validation.scan import detection, position_error

SEEDS = tuple(int(seed) for seed in os.environ.get("TRUESPIN_SEEDS", "101,102,103,104,105").split(","))
OPTICS = problems.Optics(wavelength(ENERGY), PIXEL)
OFFSET = 0.1  # photons
FOCUS = 4e-6  # m
WRONG, DRIFT = 2.0, (1.5, -1.0)  # px: rms along each axis, and half of a drift from the first frame to the last


def run(p, listeners=(), *, epochs=60, batch_epochs=10, state=None):
    parameters = rpie_plus.RpiePlusParameters(epochs=epochs, batch_epochs=batch_epochs, likelihood="amplitude")
    return rpie_plus.run(p, parameters, rng=np.random.default_rng(1), listeners=listeners, state=state)[0]


def problem_of(data, positions):
    return problems.from_arrays(
        data.counts, positions, data.start_probe, optics=OPTICS, object_shape=data.object.shape, offset=OFFSET
    )


@pytest.mark.parametrize("photons", [1e4, 1e5, 1e6])
@pytest.mark.parametrize("kind", [*KINDS, "all"])
def test_corrupt_frames_of_a_scan_of_four_thousand(kind, photons):
    """2 % of 4,096 frames over a block with its rim in view, flux drifting by some per cent."""
    results = []
    for seed in SEEDS:
        scan = plant(
            block_scan(seed, photons=photons, background=0.05),
            KINDS if kind == "all" else (kind,),
            0.02,
            rng=np.random.default_rng(seed),
        )
        for rule in ("gradient", "residual"):
            found = find_corrupt(
                lambda indices, counts=scan.counts: counts[indices].astype(np.float32),
                scan.corners.astype(float),
                np.ones(scan.counts.shape[1:], bool),
                rule=rule,
            )
            result = detection(found, scan.faulty)
            print(
                f"{kind} {photons:.0e} seed {seed} {rule}: precision {result.precision:.3f} recall {result.recall:.3f} "
                f"false {result.false_share:.4f}"
            )
        results.append(result)
    assert np.mean([one.precision for one in results]) >= 0.95
    assert np.mean([one.recall for one in results]) >= 0.95
    assert np.mean([one.false_share for one in results]) <= 0.01


def test_reconstruction_without_the_corrupt_frames():
    """The common problem with 4 % of its frames bad: found before and after ten epochs, against its clean data."""
    ratios = []
    for seed in SEEDS:
        data = common_problem(seed)
        shape = data.probe.shape
        expected = np.stack([expected_frame(data.object, data.probe, *corner) for corner in data.corners])
        clean = Scan(data.object, data.probe, data.corners, expected, data.counts, np.zeros(len(expected), bool))
        spoiled = plant(clean, KINDS, 0.04, rng=np.random.default_rng(seed))
        scores, left_out = [], np.zeros(len(expected), bool)
        for counts, reject in ((data.counts, False), (spoiled.counts, True), (spoiled.counts, False)):
            p = problems.from_arrays(
                counts, data.corners, data.start_probe, optics=OPTICS, object_shape=data.object.shape, offset=OFFSET
            )
            state, listeners = start(p), []
            if reject:
                found = find_corrupt(
                    lambda indices, counts=counts: counts[indices].astype(np.float32),
                    data.corners.astype(float),
                    np.ones(shape, bool),
                )
                state.used[found > 0] = False
                listeners = [FrameRejection(RejectionParameters(after=(6, 8, 10)))]
            state = run(p, listeners, state=state)
            scores.append(fitted(state.object, data.object, data.corners, shape).nrmse)
            left_out |= ~state.used
        result = detection(left_out, spoiled.faulty)
        print(
            f"seed {seed}: clean {scores[0]:.4f} rejected {scores[1]:.4f} kept {scores[2]:.4f}; "
            f"precision {result.precision:.2f} recall {result.recall:.2f}"
        )
        ratios.append(scores[1] / scores[0])
    assert np.mean(ratios) <= 1.05


def test_positions_of_the_common_problem():
    """Positions wrong by 2 px rms along each axis and a drift come back, true ones stay."""
    found, stayed, ratios = [], [], []
    for seed in SEEDS:
        data = common_problem(seed, margin=24)
        true, shape = data.corners.astype(float), data.probe.shape
        drift = np.linspace(-1, 1, len(true))[:, None] * DRIFT
        wrong = true + WRONG * np.random.default_rng(seed + 1000).standard_normal(true.shape) + drift
        wrong = np.clip(wrong, 0, np.array(data.object.shape) - shape)
        scores = []
        for nominal, refine in ((true, False), (wrong, True), (true, True)):
            p = problem_of(data, nominal)
            listeners = (PositionRefinement(nominal), StretchRefinement(p)) if refine else ()
            state = run(p, listeners, epochs=100, batch_epochs=60)
            scores.append((position_error(state.positions, true), fitted(state.object, data.object, true, shape).nrmse))
        print(
            f"seed {seed}: start {position_error(wrong, true).rms:.2f} px, found {scores[1][0].rms:.3f} px "
            f"({scores[1][0].residual:.3f} without the affine part), nrmse {scores[1][1]:.4f}; known positions "
            f"{scores[0][1]:.4f}; from the truth {scores[2][0].rms:.3f} px"
        )
        found.append(scores[1][0].rms)
        stayed.append(scores[2][0].rms)
        ratios.append(scores[1][1] / scores[0][1])
    assert np.mean(found) <= 0.2
    assert np.mean(stayed) <= 0.05
    assert np.mean(ratios) <= 1.1


def sheet(seed, *, film=False):
    """Draw a tilted sheet in small frames, between the pixels of the reconstruction."""
    extent = {"reach": (2.6e-6, 0.36e-6)} if film else {"block": 2.6e-6, "reach": (1.26e-6, 0.36e-6)}
    return tilted_sheet(seed, n=64, focus=FOCUS, between=True, **extent)


@pytest.mark.parametrize("film", [False, True], ids=["block", "film"])
def test_rim_of_a_sample_at_62_degrees(film):
    """A block of 2.6 um along the tilt (2.3 um of height) and a film that fills 2.6 um of the scan (4.9 um)."""
    rows = {"none": [], "unwrapping": [], "tilted": [], "both": []}
    for seed in SEEDS:
        drawn = sheet(seed, film=film)
        for name, one in rows.items():
            p = assembled(drawn, offset=OFFSET)
            state, listeners = start(p), []
            if name in ("tilted", "both"):
                listeners.append(TiltedProbe(p, TiltParameters(TILT)))
                listeners[0].begin(state)
            if name in ("unwrapping", "both"):
                listeners.append(ProbeUnwrapping(p, UnwrappingParameters(until=10)))
            _, rim, middle = rim_and_centre(run(p, listeners, state=state).object, drawn)
            one.append(rim / middle)
            print(f"seed {seed} {name}: middle {middle:.4f} rim {rim:.4f} ratio {one[-1]:.2f}")
    print({name: round(float(np.mean(one)), 2) for name, one in rows.items()})
    assert np.mean(rows["tilted"]) <= 1.2
    assert np.mean(rows["both"]) <= 1.2


@pytest.mark.parametrize("nominal", [0.0, 2e-6, 8e-6])
def test_defocus_error_of_the_start_probe(nominal):
    """The middle of a tilted block lies 4 um from the focus: what the nominal probe leaves, and what is made of it."""
    for seed in SEEDS:
        drawn = sheet(seed)
        p = assembled(drawn, defocus_error=nominal - FOCUS, offset=OFFSET)
        rows = {}
        for name, fixed in (("before", True), ("after", False)):
            state = start(p)
            tilted = TiltedProbe(p, TiltParameters(TILT))
            tilted.begin(state)
            listeners = [tilted, ProbeUnwrapping(p, UnwrappingParameters(until=10))]
            epochs = 40
            if fixed:
                parameters = pie.PieParameters(epochs=epochs, probe_from=epochs)
                state = pie.run(p, parameters, rng=np.random.default_rng(1), listeners=[tilted], state=state)[0]
            else:
                state = run(p, listeners, epochs=epochs, state=state)
            pupil = pupil_phase(state.probe[0], wavelength=OPTICS.wavelength, pixel_size=PIXEL)
            rows[name] = rim_and_centre(state.object, drawn)[0], pupil.defocus * 1e6
        print(
            f"seed {seed} nominal {nominal * 1e6:.0f} um: " + str({k: np.round(v, 4).tolist() for k, v in rows.items()})
        )
        assert rows["after"][0] < 0.5 * rows["before"][0]
        assert rows["after"][1] == pytest.approx(1e6 * FOCUS, abs=0.5)
