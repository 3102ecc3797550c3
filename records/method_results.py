"""What reconstructions of all kinds share: the results of a method by name, and what is noted of the method.

- `given`, `result_variables`: results as `make` takes them, and as the record holds them;
- `METHOD`: the attributes; `method_attributes`: their text; `check_method_attributes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from records.checks import Layout, Variable, check_json_attributes, json_text, require, variable

METHOD: Final = ("method", "knowledge", "parameters", "gauge")
"""Attributes of every reconstruction; all but the first are JSON text."""


def given(results: Mapping[str, ArrayLike | None], allowed: Sequence[str]) -> dict[str, ArrayLike]:
    """Return the results that are not None.

    Raises
    ------
    RecordError
        If one is not among the names `allowed`.
    """
    found = {name: value for name, value in results.items() if value is not None}
    unknown = sorted(set(found) - set(allowed))
    require(not unknown, "Reconstruction results", f"unknown {unknown}", f"names among {allowed}")
    return found


def result_variables(
    results: Mapping[str, ArrayLike], layout: Mapping[str, Variable], dtypes: Mapping[str, Any]
) -> dict[str, xr.Variable]:
    """Return results as variables of their layout; float64 where `dtypes` says nothing.

    Raises
    ------
    RecordError
        If the number of axes of one is not that of its layout.
    """
    return {
        name: variable(layout[name].dims[0], value, layout[name].units, dtypes.get(name, np.float64))
        for name, value in results.items()
    }


def method_attributes(
    method: str, knowledge: Sequence[str], parameters: Mapping[str, Any] | None, gauge: Sequence[str]
) -> dict[str, str]:
    """Return name, knowledge, hyper-parameters and gauge freedoms of a method as attributes."""
    return {
        "method": method,
        "knowledge": json_text(list(knowledge)),
        "parameters": json_text(dict(parameters or {})),
        "gauge": json_text(list(gauge)),
    }


def check_method_attributes(dataset: xr.Dataset, layout: Layout) -> None:
    """Check the attributes of `METHOD` that are JSON text.

    Raises
    ------
    RecordError
        At the first that is not.
    """
    check_json_attributes(dataset, layout, {"knowledge": list, "parameters": dict, "gauge": list})
