"""The superlattice as an imaging experiment sees it."""

import numpy as np
import pytest

from numerics.streams import stream
from records import sample, store
from simulators.experiments.ptychography_light import volume_of_sample
from simulators.experiments.ptychography_setups import PtychographySetup
from simulators.samples.block import Block
from simulators.samples.metalattice import Infiltration, metalattice
from simulators.samples.superlattice_slab import smooth_spins, superlattice_slab, with_materials

BLOCK = Block((60e-9, 100e-9, 120e-9))


def test_a_slab_is_nickel_and_silica(tmp_path) -> None:
    made = superlattice_slab(block=BLOCK, rng=stream(0, "sample"))
    sample.check(made)
    fill, silica = made["magnet"].values, made["silica"].values
    assert fill.shape == (24, 40, 48)
    assert np.any((fill > 0.1) & (fill < 0.9))
    assert fill + silica == pytest.approx(1, abs=1e-5)
    assert fill.mean() == pytest.approx(0.26, abs=0.05)
    store.save(made, tmp_path / "sample.nc")
    assert store.load(tmp_path / "sample.nc", record="sample").identical(made)
    again = superlattice_slab(block=BLOCK, rng=stream(0, "sample"))
    assert again.identical(made)
    assert not superlattice_slab(block=BLOCK, rng=stream(1, "sample")).equals(made)


def test_spins_vary_on_their_period() -> None:
    spins = smooth_spins((32, 64, 64), voxel_size=2e-9, period=32e-9, rng=stream(2))
    assert np.linalg.norm(spins, axis=0) == pytest.approx(1, abs=1e-5)
    assert np.abs(spins.mean((1, 2, 3))).max() < 0.1
    near, half = (np.mean(np.sum(spins[..., :-k] * spins[..., k:], axis=0)) for k in (1, 8))
    assert near > 0.9
    assert half < 0.3


def test_dead_nickel_absorbs_but_is_no_magnet() -> None:
    lattice = metalattice(block=BLOCK, infiltration=Infiltration(dead_layer=3e-9), voxel_size=2.5e-9)
    m = np.zeros((3, *lattice.fill.shape), np.float32)
    m[2] = lattice.fill > 0
    made = sample.make(magnetization=m, magnet=np.clip(lattice.fill, 0, 1), voxel_size=2.5e-9)
    volume = volume_of_sample(with_materials(made, lattice), PtychographySetup())
    assert volume.magnetization is not None
    assert volume.magnetization[2] == pytest.approx(lattice.fill, abs=1e-5)
    assert volume.beta == pytest.approx(4.3e-3 * lattice.nickel + 1.16e-4 * lattice.silica, rel=0.01, abs=1e-9)
    bare = volume_of_sample(made, PtychographySetup())
    assert bare.beta.sum() < 0.8 * volume.beta.sum()


def test_weaker_cells_count_less() -> None:
    m = np.zeros((3, 1, 4, 4), np.float32)
    m[2] = 1
    moments = np.full((1, 4, 4), 490e3)
    moments[0, 0, 0] = 245e3
    made = sample.make(magnetization=m, saturation_magnetization=moments, voxel_size=5e-9)
    volume = volume_of_sample(made, PtychographySetup())
    assert volume.magnetization is not None
    assert volume.magnetization[2, 0, 0, :2] == pytest.approx([0.5, 1.0])


def test_bad_slabs_are_one_line() -> None:
    with pytest.raises(ValueError, match=r"^texture_period is [^\n]*; allowed: [^\n]*$"):
        superlattice_slab(block=BLOCK, texture_period=1e-9, rng=stream(0))
    lattice = metalattice(block=BLOCK, voxel_size=2.5e-9)
    other = sample.make(magnetization=np.ones((3, 1, 2, 2), np.float32) / np.sqrt(3), voxel_size=2.5e-9)
    with pytest.raises(ValueError, match=r"^sample has [^\n]*; allowed: [^\n]*$"):
        with_materials(other, lattice)
