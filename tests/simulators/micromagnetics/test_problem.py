"""What may be asked: bad input is refused in one line that names the parameter, its value and what is allowed."""

import re
import warnings

import numpy as np
import pytest

from simulators.micromagnetics import (
    LBFGS,
    Material,
    Mesh,
    Problem,
    exchange_length,
    minimise,
    quench,
    random_start,
    wall_width,
)

MESH = Mesh((1, 2, 3), (1e-9, 1e-9, 1e-9))
GOOD = Material(5e5, 1e-11)


def problem(material=GOOD, mesh=MESH, **options):
    return Problem(mesh, material, **{"demag": False, **options})


def start():
    return np.ones((3, 1, 2, 3))


def full(value, shape=(1, 2, 3)):
    return np.full(shape, value)


def spoiled(value):
    m = start()
    m[:, 0, 1, 1] = value
    return m


BAD = {
    "shape": [
        lambda: Mesh((1, 2), (1e-9,) * 3),
        lambda: Mesh((0, 2, 3), (1e-9,) * 3),
        lambda: Mesh((1, 2.5, 3), (1e-9,) * 3),
        lambda: Mesh((1, 2, -3), (1e-9,) * 3),
        lambda: Mesh((1, "a", 3), (1e-9,) * 3),
        lambda: Mesh(5, (1e-9,) * 3),
        lambda: Mesh((1, 2, float("nan")), (1e-9,) * 3),
    ],
    "cell": [
        lambda: Mesh((1, 2, 3), (1e-9,) * 2),
        lambda: Mesh((1, 2, 3), (1e-9, 0, 1e-9)),
        lambda: Mesh((1, 2, 3), (1e-9, -1e-9, 1e-9)),
        lambda: Mesh((1, 2, 3), (1e-9, float("inf"), 1e-9)),
        lambda: Mesh((1, 2, 3), (2, 2, 2)),
        lambda: Mesh((1, 2, 3), 2e-9),
        lambda: Mesh((1, 2, 3), ("2 nm",) * 3),
    ],
    "periodic": [
        lambda: Mesh((1, 2, 3), (1e-9,) * 3, (True, True, True)),
        lambda: Mesh((1, 2, 3), (1e-9,) * 3, True),
    ],
    "saturation": [
        lambda: Material(-5e5, 1e-11),
        lambda: Material(float("nan"), 1e-11),
        lambda: Material(np.zeros((2, 3)), 1e-11),
        lambda: Material("nickel", 1e-11),
        lambda: problem(Material(full(5e5, (1, 3, 2)), 1e-11)),
        lambda: problem(Material(0.0, 1e-11)),
    ],
    "exchange": [
        lambda: Material(5e5, -1e-11),
        lambda: Material(5e5, float("inf")),
        lambda: Material(5e5, full(-1e-12)),
        lambda: problem(Material(5e5, full(1e-11, (2, 2, 3)))),
    ],
    "anisotropy": [
        lambda: Material(5e5, 1e-11, anisotropy=float("nan")),
        lambda: problem(Material(5e5, 1e-11, anisotropy=full(1e5, (1, 2, 4)))),
    ],
    "axis": [
        lambda: Material(5e5, 1e-11, axis=(0, 0, 0)),
        lambda: Material(5e5, 1e-11, axis=(0, 1)),
        lambda: Material(5e5, 1e-11, axis=(0, float("nan"), 1)),
        lambda: problem(Material(5e5, 1e-11, axis=np.ones((3, 1, 2, 2)))),
    ],
    "dmi": [lambda: Material(5e5, 1e-11, dmi=np.ones(3)), lambda: Material(5e5, 1e-11, dmi=float("inf"))],
    "field": [
        lambda: problem(field=0.1),
        lambda: problem(field=(0, 0, float("nan"))),
        lambda: problem(field=np.zeros((3, 1, 2, 2))),
    ],
    "dtype": [
        lambda: problem(dtype=np.float16),
        lambda: problem(dtype=int),
        lambda: problem(dtype=complex),
        lambda: problem(dtype="double precision"),
    ],
    "m": [
        lambda: minimise(problem(), np.ones((3, 1, 2, 2))),
        lambda: minimise(problem(), np.ones((1, 2, 3, 3))),
        lambda: minimise(problem(), spoiled(0.0)),
        lambda: minimise(problem(), spoiled(float("nan"))),
        lambda: quench(problem(), np.ones(3), stop=lambda state: True),
    ],
    "torque": [
        lambda: minimise(problem(), start(), torque=0),
        lambda: minimise(problem(), start(), torque=-1e-3),
        lambda: minimise(problem(), start(), torque=float("nan")),
    ],
    "limit": [
        lambda: minimise(problem(), start(), limit=0),
        lambda: quench(problem(), start(), stop=lambda state: True, limit=-5),
        lambda: minimise(problem(), start(), limit=2.5),
    ],
    "held": [
        lambda: minimise(problem(), start(), held=np.zeros((2, 3), bool)),
        lambda: minimise(problem(), start(), held=np.zeros((1, 2, 3))),
        lambda: minimise(problem(), start(), held=np.ones((1, 2, 3), bool)),
    ],
    "history": [lambda: LBFGS(history=0), lambda: LBFGS(history=2.5)],
    "step": [lambda: quench(problem(), start(), stop=lambda state: True, step=-1)],
    "method": [
        lambda: minimise(problem(), start(), method="lbfgs"),
        lambda: minimise(problem(), start(), method=LBFGS),
    ],
}


@pytest.mark.parametrize(
    ("name", "ask"),
    [pytest.param(name, ask, id=f"{name}-{i}") for name, asks in BAD.items() for i, ask in enumerate(asks)],
)
def test_bad_input_is_refused_in_one_line(name, ask) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  the line is looked at below
        ask()
    line = str(caught.value)
    assert re.fullmatch(rf"{name} [^\n]*; allowed: [^\n]+", line), line


# Warnings.


def warned(mesh, material):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        Problem(mesh, material, demag=False)
    return [str(warning.message) for warning in caught], [warning.filename for warning in caught]


def test_cells_larger_than_the_exchange_length_warn() -> None:
    nickel = Material(490e3, 9e-12)
    assert exchange_length(nickel) == pytest.approx(7.72e-9, rel=1e-3)
    messages, files = warned(Mesh((2, 2, 2), (8e-9,) * 3), nickel)
    assert len(messages) == 1
    assert re.fullmatch(r"cell is 8 nm, more than the exchange length of 7.72 nm: [^\n]*", messages[0])
    assert files == [__file__]
    assert warned(Mesh((2, 2, 2), (7.5e-9,) * 3), nickel) == ([], [])


def test_cells_larger_than_a_wall_warn() -> None:
    hard = Material(300e3, 2.5e-12, anisotropy=1e6)
    assert wall_width(hard) == pytest.approx(1.581e-9, rel=1e-3)
    messages, _ = warned(Mesh((1, 4, 4), (2e-9,) * 3), hard)
    assert len(messages) == 1
    assert "wall width" in messages[0]
    assert "1.58 nm" in messages[0]


def test_one_cell_through_a_film_does_not_warn() -> None:
    """The multilayer's 49.5 nm are one cell on purpose: only directions of several cells resolve anything."""
    assert warned(Mesh((1, 4, 4), (49.5e-9, 2e-9, 2e-9)), Material(290.9e3, 2.4e-12)) == ([], [])
    assert len(warned(Mesh((2, 4, 4), (49.5e-9, 2e-9, 2e-9)), Material(290.9e3, 2.4e-12))[0]) == 1


def test_what_fills_voids_does_not_warn() -> None:
    saturation = np.full((1, 4, 4), 490e3)
    saturation[0, :2] = 0
    anisotropy = np.where(saturation > 0, 0.0, 1e9)
    assert warned(Mesh((1, 4, 4), (2e-9,) * 3), Material(saturation, 9e-12, anisotropy=anisotropy)) == ([], [])


def test_lengths_of_theory() -> None:
    """delta = sqrt(A/K); l_ex = sqrt(2A/(mu0 Ms^2)) (chapter, section 2); the least over the cells."""
    varying = Material(
        np.reshape([0.0, 4e5, 8e5], (1, 1, 3)), 1e-11, anisotropy=np.reshape([0.0, 1e5, -1e6], (1, 1, 3))
    )
    assert exchange_length(varying) == pytest.approx(np.sqrt(2e-11 / (4e-7 * np.pi * 8e5**2)), rel=1e-6)
    assert wall_width(varying) == pytest.approx(1e-8, rel=1e-12)
    assert wall_width(GOOD) == np.inf


# What goes in stays as it is.


def test_material_and_start_are_not_changed() -> None:
    saturation, m = full(5e5), start()
    axis = np.array([0.0, 3.0, 4.0])
    own = problem(Material(saturation, 1e-11, anisotropy=1e5, axis=axis))
    minimise(own, m, limit=3)
    assert np.array_equal(saturation, full(5e5))
    assert np.array_equal(axis, [0, 3, 4])
    assert np.array_equal(m, start())
    assert own.material.axis == pytest.approx([0, 0.6, 0.8])


def test_content_tells_problems_apart() -> None:
    base = problem()
    assert base.content == problem().content
    others = [
        problem(Material(5e5, 1.0001e-11)),
        problem(Material(full(5e5), 1e-11, dmi=1e-6)),
        problem(mesh=Mesh((1, 2, 3), (1e-9,) * 3, (True, False))),
        problem(mesh=Mesh((1, 2, 3), (1e-9, 1e-9, 1.0001e-9))),
        problem(field=(0, 0, 1e-9)),
        problem(demag=True),
        problem(dtype=np.float32),
    ]
    assert len({base.content, *(other.content for other in others)}) == 1 + len(others)


def test_one_cell_is_a_problem() -> None:
    own = Problem(Mesh((1, 1, 1), (2e-9,) * 3), Material(5e5, 1e-11, anisotropy=1e5, dmi=1e-3), field=(0, 0, 0.1))
    result = minimise(own, random_start(own, rng=np.random.default_rng(1)), torque=1e-6)
    assert result.status == "converged"
    assert abs(result.m[2, 0, 0, 0]) == pytest.approx(1, abs=1e-6)
