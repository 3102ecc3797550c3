"""Likelihoods of measured frames that the kernels know.

- `LIKELIHOODS`: their names; `CURVATURE`: of each; `check_likelihood`: refuse any other.
"""

from typing import Final

CURVATURE: Final = {"amplitude": 1.0, "poisson": 2.0}
"""Of a likelihood along the modulus of a wave, near the solution."""

LIKELIHOODS: Final = tuple(CURVATURE)
"""``"amplitude"``: noise that is the same at every pixel; ``"poisson"``: that of counted photons."""


def check_likelihood(likelihood: str) -> None:
    """Refuse a likelihood that no kernel knows.

    Raises
    ------
    ValueError
        In one line.
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(f"likelihood is {likelihood!r}; allowed: {', '.join(LIKELIHOODS)}")
