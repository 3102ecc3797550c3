"""What coupling the helicities is worth: coupled against independent reconstructions of the same frames.

The sample is a film of 165 nm of nickel round disordered spheres (mean optical density 1.4, magnetic part 0.13 rms)
with worm domains; both scans hold 64 frames of 128² and a million photons each, start 0.86 µm out
of focus, and have position errors of their own, an unknown shift (1.3, -0.7) px and fluxes in the ratio 1 to 1.1.

- dense: 80 nm steps, errors of 1 px rms and a drift of 1 px rms: both ways converge;
- between: 115 nm steps, the second scan half a step beside the first, errors of 0.5 px rms: hardly any does alone;
- sparse: the same with 140 nm steps: no scan suffices alone.

Independent images are registered on their charge parts by a shift, as published, and by an affine map. Dense scans gain
by the coupling what an affine registration would give them too; where frames are few it is the data that are shared.

The seeds are those of TRUESPIN_SEEDS, numbers with commas between them, or five that nothing was tuned on.
"""

import os
from dataclasses import replace

import numpy as np
import pytest

from reconstructors.ptychography.corrections.positions import PositionParameters
from reconstructors.ptychography.dichroic.coupling import run
from reconstructors.ptychography.dichroic.priors import MagneticPrior
from reconstructors.ptychography.dichroic.sharing import DichroicParameters
from reconstructors.ptychography.engines.rpie_plus import RpiePlusParameters
from tests.ptychography_dichroic_problem import Setting, dichroic_pair, problems
from tests.ptychography_dichroic_score import registered, score

SEEDS = [int(seed) for seed in os.environ.get("TRUESPIN_SEEDS", "201,202,203,204,205").split(",")]
DENSE = Setting(
    grid=8, step=16, photons=1e6, own_position_error=1.0, own_walk=1.0, drift=(1.3, -0.7), flux_ratio=1.1
)  # fmt: skip
SPARSE = replace(DENSE, step=28, own_position_error=0.5, own_walk=0.0, interleaved=True)
BETWEEN = replace(SPARSE, step=23)
PAIRED = replace(DENSE, own_position_error=0.0, own_walk=0.0, position_error=1.0)
BLOCK = replace(DENSE, own_position_error=0.0, own_walk=0.0, drift=(0.0, 0.0), photons=1e5, block=0.28)

APART = DichroicParameters(
    engine=RpiePlusParameters(epochs=160, batch_epochs=80), positions=PositionParameters(), positions_until=80
)
TWICE = replace(APART, engine=RpiePlusParameters(epochs=320, batch_epochs=160), positions_until=160)
CHARGE = replace(APART, alone=20, shared_charge=50)
COUPLED = replace(CHARGE, shared_probe=True)
GAIN, CONTRAST = 0.8, 0.05


def measured(setting, parameters, models=("shift",)):
    """Return nrmse, half period (nm) and contrast (models, seeds, 3), by how the two images are registered."""
    found = []
    for seed in SEEDS:
        pair = dichroic_pair(seed, setting)
        state, _ = run(problems(pair), parameters, rng=np.random.default_rng(seed))
        plus, minus = state.plus.object, state.minus.object
        values = [score(pair, plus, registered(pair, plus, minus, model=model)) for model in models]
        found.append([(value.nrmse, value.half_period * 1e9, value.contrast) for value in values])
    return np.swapaxes(found, 0, 1)


def report(name, values):
    """Print the mean and the spread, and return the mean."""
    mean, spread = values.mean(0), values.std(0)
    words = (f"{m:.3f} +- {s:.3f}" for m, s in zip(mean, spread, strict=True))
    print(f"{name:44s} nrmse {next(words)}  half period {next(words)} nm  contrast {next(words)}", flush=True)
    return mean


def beats(coupled, apart):
    """Return whether both numbers are better, one of them by a fifth, and the contrast is right."""
    ratios = coupled[:2] / apart[:2]
    return (ratios < 1).all() and ratios.min() <= GAIN and abs(coupled[2] - 1) <= CONTRAST


@pytest.mark.parametrize("name", ["dense", "between", "sparse"])
def test_coupled_beats_independent_at_equal_dose(name):
    setting = {"dense": DENSE, "between": BETWEEN, "sparse": SPARSE}[name]
    print()
    both = ("shift", "affine")
    apart, affine = measured(setting, APART, both)
    twice, twice_affine = measured(setting, TWICE, both)
    apart = report(f"{name}: independent", apart)
    affine = report(f"{name}: independent, affine registration", affine)
    twice = report(f"{name}: independent, twice the epochs", twice)
    report(f"{name}: independent, twice, affine", twice_affine)
    report(f"{name}: shared probe", *measured(setting, replace(APART, shared_probe=True)))
    report(f"{name}: shared charge", *measured(setting, CHARGE))
    coupled = report(f"{name}: shared charge and probe", *measured(setting, COUPLED))
    assert beats(coupled, apart)
    if name != "dense":
        assert beats(coupled, affine)
    assert (coupled[:2] < twice[:2]).all()


def test_shared_positions_where_both_scans_miss_alike():
    print()
    apart = report("same errors: independent", *measured(PAIRED, APART))
    report("same errors: shared positions", *measured(PAIRED, replace(APART, shared_positions=True)))
    report("same errors: shared charge and probe", *measured(PAIRED, COUPLED))
    all_ = report("same errors: all three", *measured(PAIRED, replace(COUPLED, shared_positions=True)))
    assert all_[0] < apart[0]


PRIORS = {
    "none": MagneticPrior(),
    "known ratio": MagneticPrior(ratio=0.5),
    "nothing outside of the magnet": MagneticPrior(outside=True),
    "smoothness 0.02": MagneticPrior(smoothness=0.02),
    "smoothness 0.1": MagneticPrior(smoothness=0.1),
}


def test_priors_on_the_magnetic_image_alone():
    known = replace(COUPLED, positions=None, alone=0, shared_charge=20)
    known = replace(known, engine=RpiePlusParameters(epochs=80, batch_epochs=40))
    print()
    means = {name: report(f"block: {name}", *measured(BLOCK, replace(known, prior=p))) for name, p in PRIORS.items()}
    for name in ("known ratio", "nothing outside of the magnet"):
        assert abs(means[name][2] - means["none"][2]) < CONTRAST


def test_where_there_is_no_gain():
    setting = replace(DENSE, own_position_error=0.0, own_walk=0.0, drift=(0.0, 0.0))
    apart, coupled = replace(APART, positions=None), replace(COUPLED, positions=None)
    print()
    for photons in (1e6, 1e5):
        here = replace(setting, photons=photons)
        first = report(f"known positions, {photons:.0e}: independent", *measured(here, apart))
        second = report(f"known positions, {photons:.0e}: coupled", *measured(here, coupled))
        assert second[0] < 1.05 * first[0]
