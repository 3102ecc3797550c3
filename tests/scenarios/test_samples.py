"""The catalogue of samples: every entry makes what it says, and what was made is found again."""

import json

import numpy as np
import pytest

from records import sample as record
from records import store
from scenarios import cache, samples
from scenarios.configuration import InputError, profiles
from scenarios.sample_entry import SampleEntry, steps
from scenarios.sample_textures import TEXTURES, Labyrinth


def made(name, *overrides, seed=0, profile="quick"):
    found = samples.entry(name)
    table = samples.resolved(found, profile=profile, overrides=overrides)
    folder = samples.sample_folder(found, table, seed, watch=lambda text: None)
    return store.load(folder / samples.SAMPLE, record="sample")


def features(dataset):
    return json.loads(dataset.attrs["features"])


@pytest.mark.parametrize("name", samples.ENTRIES)
@pytest.mark.parametrize("profile", ["quick", "paper"])
def test_every_table_is_complete(name, profile):
    found = samples.entry(name)
    assert isinstance(samples.resolved(found, profile=profile), found.table)
    assert "\n" not in found.summary


def test_profiles():
    assert profiles(samples.text()) == ["quick", "paper"]


@pytest.mark.parametrize("entry", TEXTURES, ids=lambda entry: entry.name)
def test_textures_are_samples_of_the_size_asked_for(entry):
    found = made(entry.name)
    table = samples.resolved(entry, profile="quick")
    sizes = np.array(record.voxel_size(found)) * found["magnet"].shape * 1e9
    wanted = table.size_nm if isinstance(table.size_nm, list) else [table.thickness_nm, table.size_nm, table.size_nm]
    assert np.all(sizes >= np.array(wanted) * 0.99)
    assert float(found["saturation_magnetization"]) == table.saturation_ka_m * 1e3


@pytest.mark.parametrize(
    ("name", "charges"),
    [("hedgehog", [1]), ("anti-hedgehog", [-1]), ("hedgehog-pair", [-1, 1]), ("bobber", [-1]), ("hopfion", [])],
)
def test_charges_are_those_of_the_name(name, charges):
    found = features(made(name))["charges"]
    assert sorted(charge["q"] for charge in found) == charges


def test_pair_lies_as_asked():
    found = features(made("hedgehog-pair", "separation_nm=30", "axis_x_y_z=[1.0, 0.0, 0.0]"))["charges"]
    low, high = sorted(found, key=lambda charge: charge["x"])
    assert (high["q"], low["q"]) == (1, -1)
    assert high["x"] - low["x"] == pytest.approx(30e-9, abs=2.1e-9)
    assert high["z"] == low["z"]


def test_wall_has_its_width_and_angle():
    bloch, neel = made("bloch-wall"), made("neel-wall")
    x = bloch["x"].values
    np.testing.assert_allclose(bloch["magnetization"].values[2, 0, 0], np.tanh(x / 5.1e-9), atol=1e-6)
    middle = np.abs(x).argmin()
    np.testing.assert_allclose(bloch["magnetization"].values[:, 0, 0, middle], (0, 1, 0), atol=1e-6)
    np.testing.assert_allclose(neel["magnetization"].values[:, 0, 0, middle], (1, 0, 0), atol=1e-6)


def test_disc_and_ball_have_their_share():
    assert float(made("vortex")["magnet"].mean()) == pytest.approx(np.pi / 4, rel=0.01)
    assert float(made("hedgehog")["magnet"].mean()) == pytest.approx(np.pi / 6, rel=0.03)


def test_labyrinth_is_that_of_domain_walls():
    """The same stream: a seed is the same sample wherever it is made."""
    from numerics.streams import stream
    from simulators.samples.multilayer import labyrinth_multilayer

    one = made("labyrinth", "size_nm=200", seed=5)
    lengths = {"extent": 200e-9, "pixel_size": 2e-9, "thickness": 49.5e-9}
    two = labyrinth_multilayer(**lengths, rng=stream(5, "sample"))
    assert np.array_equal(one["magnetization"].values, two["magnetization"].values)
    assert not np.array_equal(made("labyrinth", "size_nm=200", seed=6)["magnetization"], one["magnetization"])


LATTICE = ("block_nm=[60.0, 90.0, 90.0]", "cell_nm=5.0", 'orientation="100"')


@pytest.mark.filterwarnings("ignore:.*voxel")
def test_superlattice_holds_the_charges_it_lists():
    found = features(made("superlattice", *LATTICE, "charges=6"))
    assert found["requested"] == {"charges": 6}
    assert sum(found["found"].values()) == 6 == sum(abs(charge["q"]) for charge in found["charges"])
    assert "not an equilibrium state" in found["state"]
    assert found["material"]["saturation"] == 490e3


@pytest.mark.filterwarnings("ignore:.*voxel")
def test_imprinted_pair_and_voids():
    found = made("superlattice-imprinted", "block_nm=[90.0, 120.0, 120.0]", "separations_nm=[15.0]", "relax=0.05",
                 "first_charges=[1]", "second_charges=[-1]", "first_holes=[\"octahedral\"]",
                 "second_holes=[\"octahedral\"]")  # fmt: skip
    assert [row["separation"] for row in features(found)["requested"]] == pytest.approx([15e-9, 15e-9])
    assert found.attrs["origin"] == "imprinted"
    found = features(made("void-hedgehogs", "cell_nm=5.0", "shell_nm=5.0", "void_charges=[-1]", "relax=0.05"))
    (void,) = found["voids"]
    assert void["requested"] == -1
    assert abs(void["z"]) < 60e-9


@pytest.mark.filterwarnings("ignore:.*cell")
def test_pinning_sites_are_listed_with_their_kinds():
    small = ("size_nm=120.0", "defects=2", "distance_nm=40.0", "torque=0.5")
    found = made("pinning-sites", *small, seed=2)
    assert [defect["kind"] for defect in features(found)["defects"]] == ["lowered anisotropy", "raised DMI"]
    assert features(found)["state"] == "remanence"
    assert found["magnet"].shape == (1, 60, 60)


@pytest.mark.parametrize(
    ("name", "override", "fragment"),
    [
        ("bloch-wal", "wall_width_nm=1.0", "did you mean 'bloch-wall'"),
        ("bloch-wall", "wall_widht_nm=1.0", "did you mean bloch-wall.wall_width_nm?"),
        ("bloch-wall", "wall_width_nm=-1.0", "bloch-wall.wall_width_nm is -1.0; allowed: greater than 0"),
        ("bloch-wall", "wall_width_nm", "table.key=value"),
        ("bloch-wall", 'shape="cube"', "bloch-wall.shape is 'cube'"),
        ("bloch-wall", "size_nm=[1.0, 2.0]", "bloch-wall.size_nm is"),
        ("bloch-wall", "cell_nm=[0.001, 0.001, 0.001]", "cells in"),
        ("hedgehog", "charge=2", "hedgehog.charge is 2"),
        ("pinning-sites", "dmi_factors=[1.0]", "dmi_factors has 1 values"),
        ("superlattice-imprinted", "first_charges=[1]", "first_charges has 1 values"),
        ("superlattice", 'orientation="112"', "superlattice.orientation is '112'"),
    ],
)
def test_impossible_tables(name, override, fragment):
    with pytest.raises(InputError) as caught:
        samples.resolved(samples.entry(name), profile="quick", overrides=[override])
    assert fragment in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_name_may_stand_before_the_key():
    found = samples.entry("stripes")
    one = samples.resolved(found, profile="quick", overrides=["period_nm=90"])
    assert one == samples.resolved(found, profile="quick", overrides=["stripes.period_nm=90"])
    assert one.period_nm == 90


class Slow:
    """A builder that is stopped on its first way and leaves a checkpoint."""

    def __init__(self):
        self.calls = 0
        self.folder = None

    def __call__(self, table, *, rng, watch, checkpoints):
        self.calls += 1
        self.folder = checkpoints
        tell = steps(watch, "relaxing")
        if not (checkpoints / "state").exists():
            checkpoints.mkdir(parents=True)
            (checkpoints / "state").write_text("half")
            tell(11, 0.0251)
            raise KeyboardInterrupt
        up = np.eye(3)[2][:, None, None, None] * np.ones((3, 1, 4, 4))
        return record.make(magnetization=up, voxel_size=2e-9, features={"calls": self.calls})


def test_an_interrupted_sample_goes_on_and_then_stays(own_cache):
    builder, told = Slow(), []
    entry = SampleEntry("slow", "slow", Labyrinth, builder, ("scenarios.samples",))
    table = samples.resolved(samples.entry("labyrinth"), profile="quick")
    with pytest.raises(KeyboardInterrupt):
        samples.sample_folder(entry, table, 0, watch=told.append)
    assert told == ["relaxing: step 12, torque 0.025"]
    assert not list(own_cache.rglob(samples.SAMPLE))
    assert not list(own_cache.glob(".building-*"))
    cache.trim(0)  # a checkpoint of today survives whatever the limit
    first = samples.sample_folder(entry, table, 0, watch=told.append)
    assert (builder.calls, builder.folder.exists()) == (2, False)
    assert samples.sample_folder(entry, table, 0, watch=told.append) == first
    assert builder.calls == 2
    with pytest.raises(KeyboardInterrupt):
        samples.sample_folder(entry, table, 1, watch=told.append)
