"""What a method can be told.

- `parameter_names`: the names of its parameters; `starts_at_random`: whether one of them makes it begin at random;
- `tuned`: its parameters with some values of the configuration in place of the defaults.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from scenarios.configuration import InputError, choose
from scenarios.controls import CONTROLS

_KINDS = {bool: "true or false", int: "a whole number", float: "a finite number", str: "a text"}


def parameter_names(method: str) -> list[str]:
    """Return the names of the parameters of a registered method; a control has none."""
    return [] if method in CONTROLS else [field.name for field in dataclasses.fields(_defaults(method))]


def starts_at_random(method: str) -> bool:
    """Return whether a method can begin at random, as a transfer function of its phases needs: not all iterate."""
    return "start" in parameter_names(method)


def tuned(method: str, values: Mapping[str, Any], *, table: str = "reconstruction") -> Any:
    """Return the parameters of a method, with `values` in place of some defaults; None for a control, which has none.

    Parameters
    ----------
    method : str
    values : mapping
    table : str
        Of the configuration, that holds them in ``parameters``; named in complaints.

    Raises
    ------
    InputError
        If a name is unknown or a value is not of the default's kind, or the method does not allow it.
    """
    for name in values:
        choose(f"parameter of {method}", name, parameter_names(method))
    if method in CONTROLS:
        return None
    return _table(_defaults(method), values, f"{table}.parameters.{method}")


def _defaults(method: str) -> Any:
    from reconstructors import registry

    return registry.get(method).parameters


def _table(default: Any, values: Mapping[str, Any], name: str) -> Any:
    known = [field.name for field in dataclasses.fields(default)]
    changed = {}
    for key, value in values.items():
        choose(f"key of {name}", key, known)
        changed[key] = _like(getattr(default, key), value, f"{name}.{key}")
    try:
        return dataclasses.replace(default, **changed)
    except ValueError as error:
        raise InputError(f"{name}: {error}") from None


def _like(default: Any, value: Any, name: str) -> Any:
    """Return `value` as the kind of thing that `default` is."""
    if dataclasses.is_dataclass(default):
        if not isinstance(value, Mapping):
            raise InputError(f"{name} is {value!r}; allowed: a table")
        return _table(default, value, name)
    if isinstance(default, tuple):
        if not isinstance(value, list | tuple):
            raise InputError(f"{name} is {value!r}; allowed: a list")
        return tuple(_like(default[0], item, name) for item in value) if default else tuple(value)
    kind = type(default)
    if kind not in _KINDS:
        return value
    whole = isinstance(value, int) and not isinstance(value, bool)
    if kind is float and (whole or isinstance(value, float)) and math.isfinite(value):
        return float(value)
    if kind is not float and type(value) is kind:
        return value
    raise InputError(f"{name} is {value!r}; allowed: {_KINDS[kind]}")
