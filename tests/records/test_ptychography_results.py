"""Truth and reconstruction of kind "ptychography"."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

import records
from records import RecordError, ptychography_truth, store
from tests.records.ptychography_builders import a_reconstruction, a_truth


@pytest.mark.parametrize("helicity", [(1, -1), (1,), (-1,)])
def test_round_trip(helicity: tuple[int, ...], tmp_path: Path) -> None:
    for dataset in (a_truth(helicity), a_reconstruction(helicity)):
        store.save(dataset, tmp_path / "record.nc")
        back = store.load(tmp_path / "record.nc", record=dataset.attrs["record"])
        xr.testing.assert_identical(back, dataset)


def test_optical_densities_of_a_known_film() -> None:
    """Amplitude exp(-k (beta_c +- beta_m) t): charge 2 k beta_c t, magnetic 2 k beta_m t."""
    charge, magnetic = 0.9, 0.07
    film = np.exp(-0.5 * np.array([charge + magnetic, charge - magnetic]))[:, np.newaxis, np.newaxis]
    object_ = film * np.exp(1j * np.linspace(0, 6, 30).reshape(5, 6))
    for found, wanted in zip(ptychography_truth.optical_densities(object_), (charge, magnetic), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert np.all(np.isfinite(ptychography_truth.optical_densities(0 * object_)))


def test_the_truth_has_both_images_and_the_share_of_the_modes() -> None:
    truth = a_truth()
    densities = -np.log(np.abs(truth["object"].values.astype(complex)) ** 2)
    np.testing.assert_allclose(truth["charge"] + truth["magnetic"], densities[0], atol=1e-5)
    np.testing.assert_allclose(truth["charge"] - truth["magnetic"], densities[1], atol=1e-5)
    power = (np.abs(truth["probe"].values) ** 2).sum(axis=(1, 2))
    np.testing.assert_allclose(truth["mode_power"], power / power.sum(), rtol=1e-6)
    assert "magnetic" not in a_truth((1,))
    both = np.stack([truth["probe"].values] * 2)
    np.testing.assert_allclose(a_truth(probe=both)["mode_power"], truth["mode_power"])


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"probe": np.zeros((2, 8, 8))}, "Truth.probe: without any photon"),
        ({"probe": np.ones((8, 8))}, r"shape \(8, 8\); expected 3 axes"),
        ({"coordinates": (np.arange(20.0) ** 2, np.arange(24.0))}, "Truth.y: .* steps off; expected an even spacing"),
        ({"notes": {"setup": {}}}, "Truth notes: found"),
        ({"images": {"m_z": np.ones((20, 24))}}, "Truth images: found"),
        ({"images": {"magnet": np.full((20, 24), 1.5)}}, "Truth.magnet: holds 1.5; expected values up to 1"),
        ({"helicity": (-1, 1)}, r"Truth.helicity: found \[-1, 1\]"),
    ],
)
def test_truths_that_do_not_fit(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(RecordError, match=line) as caught:
        a_truth(**changes)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"results": {"object": None}}, "Reconstruction.object: variable missing"),
        ({"results": {"m_z": 1.0}}, r"unknown \['m_z'\]"),
        ({"results": {"pixel_size": 4e-9}}, "Reconstruction.y: step .* expected pixel_size, 4e-09 m"),
        ({"results": {"probe": np.full((2, 2, 8, 8), np.nan)}}, "probe: 256 values are not finite"),
        ({"results": {"flux": np.ones((2, 5))}}, "expected one size along each dimension"),
        ({"helicity": (1, 1)}, r"Reconstruction.helicity: found \[1, 1\]"),
    ],
)
def test_reconstructions_that_do_not_fit(changes: dict[str, Any], line: str) -> None:
    with pytest.raises(RecordError, match=line) as caught:
        a_reconstruction(**changes)
    assert "\n" not in str(caught.value)


def test_kinds_are_told_apart() -> None:
    with pytest.raises(RecordError, match=r"Truth.axis: variable missing"):
        records.check(a_truth().assign_attrs(kind="holography"))
    with pytest.raises(RecordError, match=r"Reconstruction.m_z: variable missing"):
        records.check(a_reconstruction().assign_attrs(kind="holography"))
