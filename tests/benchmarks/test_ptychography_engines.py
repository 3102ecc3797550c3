"""What the engines reach on the common problem, mixed states, and what frames on disk cost.

The seeds are those of TRUESPIN_SEEDS, numbers with commas between them, or five that nothing was tuned on.
"""

import os
import time
from dataclasses import replace

import numpy as np
import pytest

from numerics.streams import stream
from optics.units import wavelength
from reconstructors.ptychography import problem as problems
from reconstructors.ptychography import shadow, start_probe
from reconstructors.ptychography.engines import difference_map, least_squares, modes, pie, rpie_plus
from reconstructors.ptychography.engines.difference_map import DmParameters
from reconstructors.ptychography.engines.least_squares import Lsqml, LsqmlParameters
from reconstructors.ptychography.engines.listeners import Quiet
from reconstructors.ptychography.engines.modes import Orthogonalisation
from reconstructors.ptychography.engines.pie import EPIE, Pie, PieParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from reconstructors.ptychography.state import start
from reconstructors.ptychography.stream import FrameFile
from simulators.beamline.coherence_modes import shifted_modes, spread_for_share
from tests.benchmarks import ptychography_scan_file as scan_file
from tests.ptychography_problem import DEFOCUS, ENERGY, PIXEL, common_problem, expected_frame
from tests.ptychography_score import fitted

SEEDS = [int(seed) for seed in os.environ.get("TRUESPIN_SEEDS", "101,102,103,104,105").split(",")]
MODES, FIRST = 3, 0.7
OVER_COHERENT, OVER_LIMIT, POWER = 1.2, 1.05, 0.03
GROWTH, LARGEST = 32.0, 1024.0  # MiB
FROM_DISK = 1.5
DM, LSQML = 0.042, 0.0288  # of the best codes of the field, after 100 and 20 epochs


def assembled(drawn, probe=None, counts=None, **more):
    return problems.from_arrays(
        drawn.counts if counts is None else counts,
        drawn.corners,
        drawn.start_probe if probe is None else probe,
        optics=problems.Optics(wavelength(ENERGY), PIXEL),
        object_shape=drawn.object.shape,
        **more,
    )


def nrmse(state, drawn):
    return fitted(state.object, drawn.object, drawn.corners, drawn.start_probe.shape).nrmse


class Scores(Quiet):
    def __init__(self, drawn, epochs):
        self._drawn, self._epochs, self.found = drawn, epochs, {}

    def after_epoch(self, state):
        if state.epoch in self._epochs:
            self.found[state.epoch] = nrmse(state, self._drawn)


AT = (10, 20, 50, 100)
ENGINES = {
    "epie": (pie, EPIE, 0.0),
    "rpie": (pie, PieParameters(), 0.0),
    "dm": (difference_map, DmParameters(), 0.0),
    "raar": (difference_map, DmParameters(algorithm="raar", relaxation=0.8), 0.0),
    "lsqml": (least_squares, LsqmlParameters(), 0.375),
    "lsqml poisson": (least_squares, LsqmlParameters(likelihood="poisson"), 0.1),
}


@pytest.fixture(scope="module")
def table():
    """Return nrmse by engine: (seeds, epochs)."""
    rows = {name: [] for name in ENGINES}
    for seed in SEEDS:
        drawn = common_problem(seed)
        for name, (module, parameters, offset) in ENGINES.items():
            scores = Scores(drawn, AT)
            words = {} if module is difference_map else {"rng": stream(seed, "order")}
            module.run(assembled(drawn, offset=offset), parameters, listeners=(scores,), **words)
            rows[name].append([scores.found[epoch] for epoch in AT])
    return {name: np.array(values) for name, values in rows.items()}


def test_engines_against_the_field(table, capsys):
    with capsys.disabled():
        print(f"\nnrmse after {AT} epochs, mean of {len(SEEDS)} seeds")
        for name, values in table.items():
            print(f"  {name:14s}", *(f"{mean:.4f}" for mean in values.mean(0)), f" +-{values.std(0)[-1]:.4f}")
    assert table["dm"].mean(0)[3] <= DM
    assert table["lsqml"].mean(0)[1] <= LSQML


def mixed_counts(drawn, seed, photons=1e6):
    """Return modes of 70, 20 and 10 % of a probe that a wide source smears, and counts of as many photons."""
    spread = spread_for_share(drawn.probe, FIRST, pixel_size=PIXEL, ratio=(1.0, 0.7))
    true = shifted_modes(drawn.probe, spread=spread, pixel_size=PIXEL, keep=1.0)[:MODES].astype(np.complex128)
    shares = np.array([FIRST, 0.2, 0.1])
    true *= np.sqrt(shares / np.sum(np.abs(true) ** 2, axis=(1, 2)))[:, None, None]
    frames = [sum(expected_frame(drawn.object, mode, *at) for mode in true) for at in drawn.corners]
    scale = photons / np.mean([frame.sum() for frame in frames])
    rng = stream(seed, "mixed noise")
    return true * np.sqrt(scale), np.stack([rng.poisson(frame * scale) for frame in frames]), shares


def mixed_rows(seed):
    drawn = common_problem(seed)
    true, counts, shares = mixed_counts(drawn, seed)
    tidy = (Orthogonalisation(every=2, until=16),)

    def solved(probe, data):
        problem = assembled(drawn, probe, data)
        return rpie_plus.run(problem, RpiePlusParameters(), rng=stream(seed, "order"), listeners=tidy)[0]

    three = solved(modes.start_modes(drawn.start_probe, MODES), counts)
    rows = {
        "coherent": nrmse(solved(drawn.start_probe, drawn.counts), drawn),
        "one mode": nrmse(solved(drawn.start_probe, counts), drawn),
        "three modes": nrmse(three, drawn),
        "from the true modes": nrmse(solved(true, counts), drawn),
    }
    return rows, np.abs(modes.powers(modes.orthogonalised(three.probe)) - shares).max()


def test_mixed_states_reach_their_noise_limit(capsys):
    """On a problem that only photons limit, what three modes cost is known: the likelihood from the true modes."""
    rows, powers = zip(*(mixed_rows(seed) for seed in SEEDS), strict=True)
    means = {name: np.mean([row[name] for row in rows]) for name in rows[0]}
    with capsys.disabled():
        print(f"\nthree modes of 70, 20, 10 %, mean of {len(SEEDS)} seeds")
        for name, value in means.items():
            print(f"  {name:20s} {value:.4f}  x coherent {value / means['coherent']:.3f}")
        print(f"  largest error of a power {np.max(powers):.3f}")
    assert means["three modes"] <= OVER_LIMIT * means["from the true modes"]
    assert means["three modes"] < means["one mode"] / 1.3
    assert np.max(powers) <= POWER


def test_mixed_states_in_the_experiment(tmp_path, capsys):
    """A superlattice slab by multislice with 70 % in the first mode: within 20 % of the coherent experiment."""
    ratios = {name: [] for name in ("one mode", "three modes")}
    for seed in SEEDS:
        coherent = _experiment(tmp_path / f"{seed}", seed, 1.0)(1)
        score = _experiment(tmp_path / f"{seed}-mixed", seed, FIRST)
        ratios["one mode"].append(score(1) / coherent)
        ratios["three modes"].append(score(MODES) / coherent)
    with capsys.disabled():
        print(f"\nexperiment, 70 % in the first mode: nrmse over the coherent one's, {len(SEEDS)} seeds")
        for name, values in ratios.items():
            print(f"  {name:12s} {np.mean(values):.3f}", np.round(values, 3))
    assert np.mean(ratios["three modes"]) <= OVER_COHERENT


def _experiment(folder, seed, first_mode):
    """Return a function that reconstructs a simulated scan with some modes and returns the headline nrmse."""
    from reconstructors import registry
    from records import frames, store
    from scenarios import ptychography, ptychography_scoring
    from scenarios.configuration import resolve, shipped
    from scenarios.ptychography_controls import mean_photons
    from scenarios.ptychography_tables import Ptychography, settings_of

    overrides = [f"optics.first_mode={first_mode}"]
    tables = resolve(Ptychography, shipped("ptychography"), profile="quick", overrides=overrides).model_dump()
    arguments = {"configuration": tables, "seed": seed, "draw": 0}
    for name in ("expected", "measurement"):
        (folder / name).mkdir(parents=True)
    ptychography.expected(arguments, {}, folder / "expected")
    ptychography.measurement(arguments, {"expected": folder / "expected"}, folder / "measurement")

    def score(count):
        method = registry.get("rpie+")
        preparation = replace(method.parameters.preparation, modes=count)
        method = replace(method, parameters=replace(method.parameters, preparation=preparation))
        truth = store.load(folder / "measurement" / "truth.nc")
        with frames.open_node(folder / "measurement" / "measurement.nc") as node:
            found = method.reconstruct(node.isel(helicity=[0]), rng=stream(seed, "method"))
            rows, _ = ptychography_scoring.score(
                found,
                truth.isel(helicity=[0]),
                node.isel(helicity=[0]),
                photons=mean_photons(node, truth),
                rng=stream(seed, "score"),
                settings=settings_of(tables),
            )
        return next(row.value for row in rows if row.metric == "nrmse")

    return score


def test_the_focus_is_found(capsys):
    """From the frames alone, started 0.9 um away."""
    found = []
    for seed in SEEDS:
        drawn = common_problem(seed)
        problem = assembled(drawn)
        found.append(
            shadow.find_defocus(
                problem.frames,
                problem.positions,
                start_probe.cone(drawn.counts.mean(0)),
                used=problem.used,
                wavelength=wavelength(ENERGY),
                pixel_size=PIXEL,
            )
        )
    with capsys.disabled():
        print(f"\nfocus {DEFOCUS:.3g} m found at", *(f"{value:.3g}" for value in found))
    np.testing.assert_allclose(found, DEFOCUS, rtol=0.05)


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    for count in (1000, 10000):
        scan_file.write(folder / f"{count}.nc", count, 128)
    return folder


@pytest.mark.parametrize("name", ["epie", "rpie", "lsqml", "rpie+"])
def test_memory_does_not_grow_with_the_frames(name, scans, capsys):
    found = [scan_file.peak(scans / f"{count}.nc", name, 3) for count in (1000, 10000)]
    with capsys.disabled():
        print(f"\n{name:6s} peak MiB at 1,000 and 10,000 frames of 128²:", *(f"{run['peak']:.0f}" for run in found))
    assert found[1]["peak"] - found[0]["peak"] < GROWTH


@pytest.mark.parametrize("name", ["rpie", "rpie+"])
def test_a_projection_of_the_published_size_takes_a_gigabyte_at_most(name, tmp_path, capsys):
    scan_file.write(tmp_path / "scan.nc", 4148, 256)
    found = scan_file.peak(tmp_path / "scan.nc", name, 3)
    with capsys.disabled():
        print(f"\n{name:6s} peak MiB at 4,148 frames of 256²: {found['peak']:.0f} ({found['before']:.0f} before)")
    assert found["peak"] <= LARGEST


@pytest.mark.parametrize("engine", ["rpie", "epie", "lsqml"])
@pytest.mark.parametrize(("n", "side"), [(128, 24), (256, 14)])
def test_epochs_from_disk_against_memory(engine, n, side, capsys):
    """In turns, so that whatever else runs on the machine meets both; the same bits."""
    rng = np.random.default_rng(0)
    index = np.arange(side * side)
    here = problems.from_arrays(
        rng.poisson(5, (side * side, n, n)),
        6 * np.stack([index // side, index % side], 1),
        3 * np.pad(np.ones((n // 2, n // 2)), n // 4),
        optics=problems.Optics(1e-9, 5e-9),
        object_shape=(6 * side + n, 6 * side + n),
    )
    file = FrameFile(side * side, (n, n))
    file.append(here.frames.read(index))
    solvers = []
    for problem in (here, replace(here, frames=file)):
        order = np.random.default_rng(1)
        if engine == "lsqml":
            solver = Lsqml(problem, LsqmlParameters(), rng=order)
        else:
            solver = Pie(problem, EPIE if engine == "epie" else PieParameters(), rng=order)
        solvers.append((solver, start(problem)))
    times = [[], []]
    for _ in range(14):
        for (solver, state), spent in zip(solvers, times, strict=True):
            begin = time.perf_counter()
            solver.step(state)
            spent.append(time.perf_counter() - begin)
    ratio = float(np.median(np.array(times[1][2:]) / np.array(times[0][2:])))
    with capsys.disabled():
        print(f"\n{engine} {n}²: epoch from disk over that in memory {ratio:.2f}")
    np.testing.assert_array_equal(solvers[0][1].object, solvers[1][1].object)
    assert ratio < 2 * FROM_DISK  # the bar is FROM_DISK; time on a shared machine is no fact
