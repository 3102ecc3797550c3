"""Speed of phase retrieval, as ratios to the floor: one complex64 fft2 and one ifft2 in place of the same size.

Each ratio is the least time of many, taken in turns, so that whatever else runs on the machine meets all alike. They
are printed and recorded; a test fails only where something is badly wrong, since time on a shared machine is no fact.
"""

import numpy as np
import pytest

from numerics import fourier
from numerics.threads import use_threads
from reconstructors.phase_retrieval import algorithms, coherence, magnitudes
from tests.benchmarks.in_turns import least_times

SIZES = [512, 1024, 2048]
SECONDS = 6.0
PIXEL = 5e-9
EVERY, LUCY_STEPS = 20, 50
TARGETS = {"coherent": 1.4, "tilted": 6.0, "richardson-lucy": 4.0}
SANE = 30.0


def hologram(n):
    """Return a noisy pattern of a disc with three reference holes, its support and a start."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:n, :n] - n // 2
    support = np.hypot(y, x) < n / 10
    for a, b in [(0.3, 0.2), (0.25, -0.3), (-0.3, 0.25)]:
        support |= np.hypot(y - a * n, x - b * n) < max(2, n / 150)
    wave = fourier.from_centre(support * np.exp(1j * rng.normal(size=(n, n))))
    photons = np.abs(fourier.fft2(wave)) ** 2
    photons = rng.poisson(photons * 1e9 / photons.max())
    valid = fourier.from_centre(np.hypot(y, x) > n / 80)
    start = 100 * fourier.from_centre(support).astype(np.complex64)
    return magnitudes.Pattern(np.sqrt(photons).astype(np.float32), valid), fourier.from_centre(support), start


def floor(n):
    """Return the floor as a function of nothing."""
    field = np.random.default_rng(0).normal(size=(n, n)).astype(np.complex64)

    def pair():
        nonlocal field
        field = fourier.ifft2(fourier.fft2(field, overwrite=True), overwrite=True)

    return pair


@pytest.mark.parametrize("n", SIZES)
def test_steps_against_the_floor(n, record_property, capsys):
    pattern, support, start = hologram(n)
    length = 0.5 * n * PIXEL
    beam = coherence.SchellBeam((1 / length**2, 1 / (0.6 * length) ** 2))
    blurred = magnitudes.BlurredMagnitudes(pattern, beam.mutual(n, PIXEL))
    # The cropped kernel of the target, and the whole one that `hapre` keeps because cropping changes its result.
    kernels = {"cropped": coherence.RichardsonLucy(n=n), "whole": coherence.RichardsonLucy(n=n, width=n - 1, window=n)}
    photons = np.square(pattern.amplitude, dtype=np.float64)

    def step(projection):
        solver = algorithms.RelaxedAlternatingReflections(projection, support, beta=algorithms.constant(0.9))
        state = start.copy()
        return lambda: solver.step(state)

    def update(lucy):
        def run():
            lucy.update(blurred.own(start), photons, pattern.valid, steps=LUCY_STEPS)
            lucy.mutual()

        return run

    functions = {
        "floor": floor(n),
        "coherent": step(magnitudes.CoherentMagnitudes(pattern)),
        "tilted": step(magnitudes.TiltedMagnitudes(pattern, coherence.few_tilts(beam, n, PIXEL))),
        "blurred": step(blurred),
        **{name: update(lucy) for name, lucy in kernels.items()},
    }
    with use_threads(2):
        least = least_times(functions, SECONDS)
    ratios = {name: least[name] / least["floor"] for name in ("coherent", "tilted", "blurred")}
    for name, kernel in (("richardson-lucy", "cropped"), ("  whole kernel", "whole")):
        ratios[name] = (least["blurred"] + least[kernel] / EVERY) / least["floor"]
    with capsys.disabled():
        print(f"\n{n}²: floor {1e3 * least['floor']:.2f} ms")
        for name, ratio in ratios.items():
            target = f" (target at 1024²: {TARGETS[name]})" if name in TARGETS else ""
            print(f"  {name:16s} {ratio:5.2f}{target}")
    for name, ratio in ratios.items():
        record_property(f"{name} {n}", round(ratio, 3))
    assert max(ratios.values()) < SANE
