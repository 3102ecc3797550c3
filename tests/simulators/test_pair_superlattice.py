"""A quenched superlattice as an imaging experiment sees it."""

import json

import numpy as np

from numerics.streams import stream
from records import sample
from simulators.samples.block import Block
from simulators.samples.charges import cell_charges
from simulators.samples.hedgehog_superlattice import carried_on, hedgehog_superlattice


def test_quenched_block_has_its_charges_and_partly_filled_voxels() -> None:
    block = Block(size=(60e-9, 80e-9, 80e-9))
    made = hedgehog_superlattice(block=block, charges=20, rng=stream(1, "sample"))
    sample.check(made)
    magnet = made["magnet"].values
    partly = (magnet > 0) & (magnet < 1)
    assert partly.mean() > 0.1
    assert np.all(np.abs(made["nickel"].values + made["silica"].values - 1) < 1e-5)
    features = json.loads(made.attrs["features"])
    assert 18 <= features["found"]["plus"] + features["found"]["minus"] <= 22
    charges = cell_charges(made["magnetization"].values, magnet=magnet)
    found = {"plus": int(charges[charges > 0].sum()), "minus": int(-charges[charges < 0].sum())}
    assert found == features["found"]


def test_spins_are_carried_on_smoothly_and_everywhere() -> None:
    angle = np.linspace(0, 1, 12)
    spins = np.stack([np.cos(angle), np.sin(angle), 0 * angle])[:, None, None] * np.ones((1, 3, 3, 1))
    known = np.zeros((3, 3, 12), bool)
    known[..., 4:7] = True
    wanted = np.ones_like(known)
    wanted[..., 0] = False
    found = carried_on(np.where(known, spins, 0), known, wanted)
    assert np.allclose(np.linalg.norm(found, axis=0), wanted, atol=1e-5)
    assert np.allclose(found[:, known], spins[:, known], atol=1e-6)
    assert np.allclose(found[..., 7], spins[..., 6], atol=0.1)
