"""The contract that every registered method of holography keeps; that of ptychography is in a file of its own."""

import json

import numpy as np
import pytest

import records
from numerics.streams import stream
from numerics.threads import use_threads
from reconstructors import registry
from records import measurement
from tests.reconstructors.experiments import BRIEF, SMALL, measured, method

NAMES = tuple(name for name in registry.names() if registry.get(name).accepts == "holography")


def brief(name, data=None, seed=0, **more):
    use = method(name, **BRIEF[name])
    return use.reconstruct(measured() if data is None else data, rng=stream(seed, "reconstruct"), **more)


@pytest.fixture(scope="module", params=NAMES)
def named(request):
    return request.param, brief(request.param)


def bytes_of(dataset):
    return {name: np.asarray(dataset[name].values).tobytes() for name in dataset.variables}


def test_names_are_known_and_others_are_not():
    assert registry.names()[:3] == ("fth", "hapre", "hapre+")
    assert {registry.get(name).accepts for name in registry.names()} == {"holography", "ptychography", "projections"}
    with pytest.raises(KeyError, match="unknown method 'hape'; allowed: fth, hapre, hapre"):
        registry.get("hape")


def test_result_is_a_valid_record_on_the_measurements_grid(named):
    name, result = named
    records.check(result)
    n = measured().sizes["x"]
    assert result["m_z"].shape == (n, n)
    assert float(result["pixel_size"]) == pytest.approx(SMALL.pixel)
    assert result.attrs["method"] == name
    assert np.isfinite(result["m_z"].values).all()
    assert result["object_support"].values.sum() > 1000


def test_what_is_declared_is_returned(named):
    name, result = named
    use = registry.get(name)
    assert use.summary
    missing = {variable for variable in use.returns if variable not in result}
    # A beam fitted as coherent has no length.
    assert missing <= {"coherence_length"}
    assert json.loads(result.attrs["knowledge"]) == list(use.knowledge)
    assert use.knowledge
    shown = json.loads(result.attrs["parameters"])
    assert set(shown) == set(vars(use.parameters))
    assert "focus" in json.loads(result.attrs["gauge"])


def test_same_bytes_for_the_same_seed_whatever_the_threads(named):
    name, result = named
    for threads in (1, 2):
        with use_threads(threads):
            assert bytes_of(brief(name)) == bytes_of(result)


def test_input_is_left_alone(named):
    name, _ = named
    data = measured().copy(deep=True)
    before = data.copy(deep=True)
    brief(name, data)
    assert data.identical(before)


def test_foreign_kinds_are_refused_in_one_line(named):
    name, _ = named
    data = measured().copy()
    data.attrs["kind"] = "ptychography"
    use = registry.get(name)
    reason = use.refuses(data)
    assert reason is not None
    assert "'ptychography'" in reason
    assert "\n" not in reason
    with pytest.raises(ValueError, match="ptychography"):
        brief(name, data)


def test_no_dichroism_is_refused(named):
    data = measured().copy(deep=True)
    data["beta_m_t"][...] = 0.0
    reason = registry.get(named[0]).refuses(data)
    assert reason is not None
    assert "beta_m_t" in reason


def test_masks_without_references(named):
    """Holography needs one; phase retrieval goes on and warns."""
    name, _ = named
    data = measured().isel(hole=[0])
    reason = registry.get(name).refuses(data)
    assert (reason is not None) == (name == "fth")


@pytest.mark.parametrize("name", [name for name in NAMES if name != "fth"])
def test_watchers_see_every_step_and_given_calibration_is_used(name):
    seen = []
    first = brief(name, watch=[lambda step, error: seen.append(error)])
    assert len(seen) > 5
    assert np.isfinite(seen).all()
    half = measurement.halves(measured())[1]
    second = brief(name, half, given=first)
    for calibration in ("coherence_kernel", "coherence_length"):
        if calibration in first and calibration in second and (name, calibration) != ("hapre", "coherence_length"):
            np.testing.assert_allclose(second[calibration], first[calibration], rtol=1e-6)
