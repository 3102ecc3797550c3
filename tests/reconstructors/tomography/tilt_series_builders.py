"""Small tilt series of a superlattice, simulated from voxels half as wide as those of the method."""

from dataclasses import replace
from functools import cache

import numpy as np

from numerics.streams import stream
from simulators.experiments.ptychography_setups import Pose
from simulators.experiments.tilt_series import simulate_tilt_series
from simulators.experiments.tilt_series_setups import TiltImage, TiltLight, TiltSeriesSetup
from simulators.samples.block import Block
from simulators.samples.superlattice_slab import superlattice_slab

POSES = tuple(Pose(np.deg2rad(turn), np.deg2rad(tilt)) for turn in (0, 120, 240) for tilt in np.linspace(-62, 62, 10))
SETUP = TiltSeriesSetup(poses=POSES, light=TiltLight(photons=3e4), image=TiltImage(n=44, rays=3))


@cache
def sample(seed=1):
    return superlattice_slab(
        block=Block(size=(60e-9, 120e-9, 120e-9)), texture_period=80e-9, rng=stream(seed, "sample")
    )


def measured(seed=1, **kind):
    """Return measurement and truth of the block, 24 x 24 x 12 pixels, in 30 images of 44 x 44."""
    return simulate_tilt_series(sample(seed), replace(SETUP, **kind), seed=seed)


def centred(array, shape):
    """Return `array` (..., z, y, x) cut or padded to `shape`, index n//2 staying the origin."""
    for axis, n in zip((-3, -2, -1), shape, strict=True):
        own = array.shape[axis]
        before, after = n // 2 - own // 2, (n - n // 2) - (own - own // 2)
        array = np.moveaxis(array, axis, 0)
        array = array[max(-before, 0) : own - max(-after, 0)]
        pads = [(max(before, 0), max(after, 0))] + [(0, 0)] * (array.ndim - 1)
        array = np.moveaxis(np.pad(array, pads), 0, axis)
    return array
