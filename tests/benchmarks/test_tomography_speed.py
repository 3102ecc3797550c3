"""Projectors of vector tomography: seconds, ratios to the library's transforms, and accuracy, at 128³ and 96 images.

The floor is what a projector of the library would have to do at least: one non-uniform transform of each volume at the
points of all slices, one thread each, two at a time. Times are the least of many, taken in turns; printed and recorded.
A test fails only where something is badly off. Of solvers: what a step takes beyond its projections.
"""

import time
import tracemalloc
from functools import partial

import numpy as np
import pytest

from numerics.threads import use_threads
from reconstructors.tomography.constraints import onto_ball, onto_support
from reconstructors.tomography.data_term import MARGIN, DataTerm, operator_norm
from reconstructors.tomography.projector import (
    plan_projector,
    project,
    project_adjoint,
    project_vector,
    project_vector_adjoint,
)
from reconstructors.tomography.slice_spectra import plan_library
from reconstructors.tomography.solvers import Accelerated, ConjugateGradient, GradientDescent
from reconstructors.tomography.spins import Magnet, Spins
from tests.benchmarks.in_turns import least_times
from tests.benchmarks.tomography_cases import SEEDS, case
from tests.exact_line_integrals import ball_images, balls, error, gaussian_images, gaussians, places, published_angles

N, THREADS, SECONDS = 128, 2, 20.0
SHAPE, DETECTOR = (N, N, N), (N, N)
TARGET, SANE = 1.5, 3.0
KINDS = [("fourier", None), ("fourier", "box"), ("splat", None), ("splat", "box")]


def calls_of(plan, m, images):
    return {
        "scalar forward": lambda: project(m[0], plan),
        "scalar adjoint": lambda: project_adjoint(images, plan),
        "vector forward": lambda: project_vector(m, plan),
        "vector adjoint": lambda: project_vector_adjoint(images, plan),
    }


def draw():
    rng = np.random.default_rng(0)
    m, images = rng.normal(size=(3, *SHAPE)), rng.normal(size=(len(published_angles()), *DETECTOR))
    return m.astype(np.float32), images.astype(np.float32)


def test_slices_against_the_library(record_property, capsys):
    geometry = published_angles()
    plan, (m, images) = plan_projector(SHAPE, geometry, detector=DETECTOR), draw()
    spectra = plan.engine.spectra
    points = plan_library(SHAPE, geometry.rotations, spectra.f_v, spectra.f_u, accuracy=1e-3, dtype=np.complex64)
    (_, bare), complex_ = points.blocks[0], m.astype(np.complex64)
    with use_threads(THREADS):
        values = bare.evaluate(complex_)
        floors = {
            "scalar forward": lambda: bare.evaluate(complex_[:1]),
            "scalar adjoint": lambda: bare.spread(values[:1]),
            "vector forward": lambda: bare.evaluate(complex_),
            "vector adjoint": lambda: bare.spread(values),
        }
        ours = calls_of(plan, m, images)
        least = least_times(ours | {f"library {name}": call for name, call in floors.items()}, SECONDS)
        memory = {name: peak(ours[name]) for name in ours}
    ratios = {name: least[name] / least[f"library {name}"] for name in ours}
    with capsys.disabled():
        print(f"\nFourier slices, {THREADS} threads (target {TARGET} x the library)")
        for name, ratio in ratios.items():
            print(f"  {name}: {least[name]:.3f} s, {ratio:.2f} x the library's, {memory[name]:.0f} MB")
            record_property(name, round(ratio, 3))
    assert max(ratios.values()) < SANE


def peak(call):
    """Return the most memory that a call takes beyond what there was, MB."""
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def test_splat(record_property, capsys):
    plan, (m, images) = plan_projector(SHAPE, published_angles(), detector=DETECTOR, kind="splat"), draw()
    with use_threads(THREADS):
        least = least_times(calls_of(plan, m, images), SECONDS)
    with capsys.disabled():
        print(f"\nsplat, {THREADS} threads (target 0.5 s, scalar)")
        for name, seconds in least.items():
            print(f"  {name}: {seconds:.3f} s")
            record_property(name, round(seconds, 3))
    assert least["vector forward"] < SANE * least["scalar forward"]


@pytest.mark.parametrize(("kind", "footprint"), KINDS)
def test_accuracy(kind, footprint, record_property, capsys):
    geometry, rng = published_angles(), np.random.default_rng(1)
    plan, centres = (
        plan_projector(SHAPE, geometry, detector=DETECTOR, kind=kind, footprint=footprint),
        places(12, 42, rng),
    )
    errors = {
        f"sigma {sigma}": error(
            project(gaussians(SHAPE, centres, sigma), plan), gaussian_images(geometry, DETECTOR, centres, sigma)
        )
        for sigma in (1.5, 3.0)
    }
    spots, radii = [(-23.3, 2.2, 8.4), (25.1, -6.3, -10.2)], (20.0, 25.0)
    seen = project(balls(SHAPE, spots, radii), plan)
    for finer, name in ((1, "balls, rays"), (4, "balls, pixels")):
        errors[name] = error(seen, ball_images(geometry, DETECTOR, spots, radii, finer))
    with capsys.disabled():
        print(f"\n{kind}, footprint {footprint}: " + ", ".join(f"{name} {value:.2e}" for name, value in errors.items()))
    for name, value in errors.items():
        record_property(name, float(value))
    assert max(errors.values()) < 0.1


OVERHEAD = 0.2


def processor_seconds(call):
    """Return the processor time of a call for each pair of projections, whose number it returns."""
    start = time.process_time()
    pairs = call()
    return (time.process_time() - start) / pairs


def stepper(solver, state):
    """Return a call that takes one step and tells how many pairs it took."""

    def step():
        before = getattr(state, "pairs", 0.0)
        solver.step(state)
        solver.error(state)
        return state.pairs - before if hasattr(state, "pairs") else 1.0

    step()
    return step


@pytest.mark.parametrize("weighted", [False, True])
def test_solvers_add_little_to_their_projections(weighted, record_property, capsys):
    own = case(SEEDS[0], "same", 0.01)
    weights = np.random.default_rng(0).uniform(0.5, 2, own.term.data.shape).astype(np.float32) if weighted else None
    term, fill = DataTerm(own.term.plan, own.term.data, weights), own.fill
    norm = operator_norm(term, scale=fill, rng=np.random.default_rng(0), iterations=5)
    length, images = 1 / (1.2 * MARGIN * norm), np.ascontiguousarray(term.data)
    spins = Spins(Magnet.of(fill), MARGIN * norm, 0.01)
    solvers = {
        "descent": (GradientDescent(length, partial(onto_support, fill=fill)), ()),
        "conjugate gradients": (ConjugateGradient(fill), ()),
        "accelerated, ball": (Accelerated(length, partial(onto_ball, radius=fill)), ()),
        "spins": (spins, (own.m,)),
    }
    with use_threads(1):
        calls = {name: stepper(solver, solver.init(term, *start)) for name, (solver, start) in solvers.items()}
        pair = {"pair": lambda: (term.adjoint(images), term.forward(own.m), 1.0)[-1]}
        rounds = [{name: processor_seconds(call) for name, call in (pair | calls).items()} for _ in range(6)]
    least = {name: min(one[name] for one in rounds) for name in rounds[0]}
    with capsys.disabled():
        print(f"\nsolvers, weighted {weighted}, over {least['pair']:.3f} s of a pair (target {1 + OVERHEAD})")
        for name in calls:
            print(f"  {name}: {least[name] / least['pair']:.2f}")
            record_property(name, round(least[name] / least["pair"], 3))
    assert max(least[name] for name in calls) <= (1 + OVERHEAD) * least["pair"]
