"""A texture that changed between series, against sound data; TRUESPIN_SEEDS=101,102 chooses the seeds.

A block of 80 x 160 x 160 nm in 30 images of 5 nm pixels, simulated from voxels half as wide. One of three series sees a
ball of 100 nm with other spins, or one as small as a pair of hedgehogs.
"""

from dataclasses import replace

import numpy as np

from numerics.streams import stream
from reconstructors import registry
from reconstructors.tomography.flags import LIMITS
from scenarios.tuning import tuned
from simulators.experiments.tilt_series import simulate_tilt_series
from simulators.experiments.tilt_series_setups import ChangedTexture, TiltImage
from simulators.samples.block import Block
from simulators.samples.superlattice_slab import superlattice_slab
from tests.benchmarks.tomography_cases import SEEDS, tell
from tests.reconstructors.tomography.tilt_series_builders import SETUP

CHANGES = {
    "sound": ChangedTexture(),
    "patch": ChangedTexture(1, diameter=100e-9, period=80e-9),
    "pair": ChangedTexture(1, diameter=30e-9, period=30e-9),
}
SHORT = {"poses": {"align": False, "refine": False}, "volumes": {"charge_steps": 40}}


def flagged(sample, changed, seed):
    setup = replace(SETUP, image=TiltImage(n=56, rays=3), changed=changed)
    measurement = simulate_tilt_series(sample, setup, seed=seed)[0]
    method = replace(registry.get("cgls"), parameters=tuned("cgls", SHORT))
    found = method.reconstruct(measurement, rng=np.random.default_rng(seed))
    return float(found["flag_value"].values[list(found["flag_name"].values).index("changed_texture")])


def test_a_changed_texture_is_told():
    rows = []
    for seed in SEEDS:
        block = Block(size=(80e-9, 160e-9, 160e-9))
        sample = superlattice_slab(block=block, texture_period=80e-9, rng=stream(seed, "sample"))
        rows.append({name: flagged(sample, changed, seed) for name, changed in CHANGES.items()})
        told = ", ".join(f"{name} {value:.2f}" for name, value in rows[-1].items())
        print(f"seed {seed}: {told}; flagged above {LIMITS['changed_texture']}", flush=True)
    tell("changed texture", rows)
    assert all(row["sound"] <= LIMITS["changed_texture"] < row["patch"] for row in rows)
