"""Speed of the multislice simulation, as a ratio to its transforms alone.

Both are the least of many times, taken in turns; printed and recorded. A test fails only where something is badly off.
"""

import numpy as np
import pytest

from numerics import fourier
from numerics.streams import stream
from numerics.threads import use_threads
from simulators.beamline.exit_wave import expected_frames
from simulators.beamline.tilted_slices import slice_volume, volume_of_shares
from tests.benchmarks.in_turns import least_times

FINE, M, FRAMES = 2.5e-9, 256, 4
SECONDS = 8.0
TARGET, SANE = 1.5, 3.0


@pytest.mark.parametrize("tilt", [0.0, 62.0])
def test_frames_against_their_transforms(tilt, record_property, capsys):
    share = stream(1, "sample").random((60, 192, 192), np.float32)
    volume = volume_of_shares({"Ni": share}, voxel_size=(FINE,) * 3, energy=852.76)
    slices = slice_volume(volume, tilt=np.deg2rad(tilt), pixel_size=FINE, shape=(320, 320), slice_thickness=10e-9)
    r = np.arange(M) - M // 2
    probe = np.exp(-(r[:, None] ** 2 + r**2) / 2000).astype(np.complex64)[None]
    places = 40e-9 * (stream(1, "scan").random((FRAMES, 2)) - 0.5)
    field = probe[0].copy()
    # in, back and forth between slices, and two transforms' worth for the samples between the pixels
    transforms = FRAMES * (1 + 2 * (len(slices.heights) - 1) + 2)

    def floor():
        for _ in range(transforms // 2):
            for inverse in (False, True):
                fourier.transform_axis(field, 1, inverse=inverse)
                fourier.transform_axis(field, 0, inverse=inverse)

    calls = {
        "transforms": floor,
        "frames": lambda: expected_frames(slices, probe, places, helicity=1, n=M // 2, pixel_size=2 * FINE),
    }
    with use_threads(1):
        least = least_times(calls, SECONDS)
    ratio = least["frames"] / least["transforms"]
    record_property("ratio", ratio)
    with capsys.disabled():
        each = 1e3 * least["frames"] / FRAMES
        print(f"\n{len(slices.heights)} slices: {each:.2f} ms a frame, {ratio:.2f} x its transforms (target {TARGET})")
    assert ratio < SANE
