"""Setups of the ptychographic experiment refuse what cannot be, in one line."""

from typing import Any

import numpy as np
import pytest

from records import sample
from simulators.beamline.zone_plate import ZonePlate
from simulators.experiments.ptychography_setups import (
    HelicitySetup,
    MaterialSetup,
    OpticsSetup,
    PtychographySetup,
    ScanSetup,
    published_poses,
)
from simulators.experiments.vector_ptychography import expected_projection, simulate_series

SAMPLE = sample.make(
    magnetization=np.stack([np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), np.ones((1, 4, 4))]), voxel_size=5e-9
)


def test_published_poses() -> None:
    poses = published_poses()
    assert len(poses) == 96
    assert np.rad2deg(max(pose.tilt for pose in poses)) == pytest.approx(62)
    assert len({pose.of(PtychographySetup()).pose_name for pose in poses}) == 96


BAD: list[Any] = [
    lambda: PtychographySetup(photons=0.0),
    lambda: PtychographySetup(photons=float("nan")),
    lambda: PtychographySetup(pixel=-1.0),
    lambda: PtychographySetup(oversampling=1),
    lambda: PtychographySetup(window=0),
    lambda: PtychographySetup(slice_thickness=0.0),
    lambda: PtychographySetup(tilt=1.5),
    lambda: PtychographySetup(in_plane_angle=float("inf")),
    lambda: PtychographySetup(helicities=(1, 1)),
    lambda: ScanSetup(rows=0),
    lambda: ScanSetup(rows=10_000, columns=10_000),
    lambda: ScanSetup(step=-1e-9),
    lambda: ScanSetup(kind="circle"),
    lambda: ScanSetup(drift=1.0),
    lambda: ScanSetup(affine=((2.0, 0.0), (0.0, 1.0))),
    lambda: OpticsSetup(polarization=0.0),
    lambda: OpticsSetup(first_mode=0.0),
    lambda: OpticsSetup(kept=0.1),
    lambda: OpticsSetup(defocus=1.0),
    lambda: OpticsSetup(plate=ZonePlate(stop_fraction=0.1)),
    lambda: HelicitySetup(shift=(1.0, 0.0)),
    lambda: HelicitySetup(lean=(2.0, 0.0)),
    lambda: MaterialSetup((("Pt", 1.0),)),
    lambda: MaterialSetup((("Ni", -1.0),)),
    lambda: MaterialSetup(white_line=0.0),
    lambda: expected_projection(SAMPLE, PtychographySetup(pixel=2e-9), seed=1, path="nowhere"),
    lambda: next(simulate_series(SAMPLE, PtychographySetup(), [], seed=1, path="nowhere")),
]


@pytest.mark.parametrize("call", BAD)
def test_bad_parameters_are_one_line(call: Any) -> None:
    with pytest.raises(ValueError, match=r"^[^\n]*; allowed: [^\n]*$"):
        call()
