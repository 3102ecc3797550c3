"""Strict configuration of scenarios.

- `Table`: base of every table; unknown keys and wrong types are refused, values cannot change.
- `resolve`: a scenario's TOML text, one profile and ``table.key=value`` overrides, as one checked model.
- `profiles`: the profiles a TOML text offers; `shipped`: the text that comes with a scenario.
- `echo`: the resolved configuration as TOML text.
- `InputError`, `choose`: one-line complaints about what a person gave, with the nearest allowed spelling.
"""

import difflib
import importlib.resources
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError


class InputError(ValueError):
    """What a person gave cannot be used; the message is one line for them to read."""


class Table(BaseModel):
    """A table of the configuration: strict, frozen, no unknown keys; units are part of the key names."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


Model = TypeVar("Model", bound=BaseModel)


def choose(kind: str, name: str, allowed: Iterable[str]) -> str:
    """Return `name` where it is among `allowed`.

    Raises
    ------
    InputError
        Otherwise; names the nearest spelling and everything allowed.
    """
    options = list(allowed)
    if name in options:
        return name
    near = difflib.get_close_matches(name, options, n=1, cutoff=0.6)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise InputError(f"unknown {kind} {name!r}; {hint}allowed: {', '.join(options)}")


def shipped(name: str) -> str:
    """Return the TOML text of the scenario `name`, with its defaults and profiles."""
    return (importlib.resources.files("scenarios") / f"{name.replace('-', '_')}.toml").read_text(encoding="utf-8")


def profiles(text: str) -> list[str]:
    """Return the names of the profiles in a scenario's TOML text."""
    return list(tomllib.loads(text).get("profile", {}))


def resolve(model: type[Model], text: str, *, profile: str, overrides: Sequence[str] = ()) -> Model:
    """Merge the tables of `text` with those of `profile` and with `overrides`, and check the result.

    A text that begins with ``extends = "NAME"`` stands on the tables and the profiles of another scenario's text.

    Parameters
    ----------
    model : subclass of pydantic.BaseModel
        One field per table.
    text : str
        TOML: the tables, and overrides in ``[profile.NAME.TABLE]``.
    profile : str
        Name of the profile.
    overrides : sequence of str
        ``table.key=value``, the value in TOML notation; quotes around a text may be left out.

    Raises
    ------
    InputError
        If the profile, a table or a key is unknown, or a value is not allowed.
    """
    choose("profile", profile, profiles(text))
    merged = _tables(text, profile)
    for override in overrides:
        merged = _merged(merged, _parsed(override))
    try:
        return model.model_validate(merged)
    except ValidationError as error:
        raise InputError(_one_line(error, model)) from None


def echo(model: BaseModel) -> str:
    """Return the configuration as TOML text; `resolve` of it gives the same model."""
    lines: list[str] = []
    for name, table in model.model_dump(exclude_none=True).items():
        _write_table(lines, name, table)
    return "\n".join(lines).rstrip("\n") + "\n"


def _tables(text: str, profile: str) -> dict[str, Any]:
    tables = tomllib.loads(text)
    choices, base = tables.pop("profile", {}), tables.pop("extends", None)
    merged = {} if base is None else _tables(shipped(base), profile)
    return _merged(_merged(merged, tables), choices.get(profile, {}))


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for key, value in over.items():
        known = result.get(key)
        result[key] = _merged(known, value) if isinstance(value, dict) and isinstance(known, dict) else value
    return result


def _parsed(override: str) -> dict[str, Any]:
    path, equals, text = override.partition("=")
    keys = [part.strip() for part in path.split(".")]
    if not equals or len(keys) < 2 or not all(keys):
        raise InputError(f"override {override!r}; allowed: table.key=value, such as optics.visibility=0.7")
    try:
        value: Any = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    for key in reversed(keys):
        value = {key: value}
    return dict(value)


def _one_line(error: ValidationError, model: type[BaseModel]) -> str:
    first = error.errors(include_url=False)[0]
    path = [str(part) for part in first["loc"]]
    name = ".".join(path)
    if first["type"] == "extra_forbidden":
        return _unknown_key(path, model)
    if first["type"] == "missing":
        return f"{name} is missing from the configuration"
    message = first["msg"].removeprefix("Value error, ")
    if first["type"] == "value_error":
        return message.replace("\n", " ")
    return f"{name} is {first['input']!r}; allowed: {_allowed(message)}"


def _allowed(message: str) -> str:
    for start in ("Input should be a valid ", "Input should be ", "Input should have "):
        message = message.removeprefix(start)
    return message.replace("\n", " ")


def _unknown_key(path: Sequence[str], model: type[BaseModel]) -> str:
    fields = list(model.model_fields)
    for part in path[:-1]:
        annotation = model.model_fields[part].annotation if part in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            break
        model, fields = annotation, list(annotation.model_fields)
    table = "".join(f"{part}." for part in path[:-1])
    near = difflib.get_close_matches(path[-1], fields, n=1, cutoff=0.6)
    hint = f"did you mean {table}{near[0]}? " if near else ""
    kind = "key" if table else "table"
    return (
        f"unknown {kind} {'.'.join(path)!r}; {hint}allowed{' in ' + table[:-1] if table else ''}: {', '.join(fields)}"
    )


def _write_table(lines: list[str], name: str, table: Mapping[str, Any]) -> None:
    lines.append(f"[{name}]")
    lines += [f"{_key(key)} = {_value(value)}" for key, value in table.items() if not isinstance(value, dict)]
    lines.append("")
    for key, value in table.items():
        if isinstance(value, dict) and value:
            _write_table(lines, f"{name}.{_key(key)}", value)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _value(key)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) < 32 else c for c in str(value).replace("\\", "\\\\").replace('"', '\\"')
    )
    return f'"{escaped}"'
