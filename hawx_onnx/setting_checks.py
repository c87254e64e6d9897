"""What an option's value may be, as its entry in the table of options says."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from hawx_onnx.errors import ConfigError
from hawx_onnx.names import close_names


def flag_name(name: str) -> str:
    """``max_power`` -> ``max-power``."""
    return name.replace("_", "-")


def repeatable(item: dataclasses.Field[Any]) -> bool:
    """Whether an option holds a list, and its flag may be given several times."""
    return item.default is dataclasses.MISSING


def check_option(item: dataclasses.Field[Any], value: object, where: str = "") -> None:
    """Raises ConfigError where a value has the wrong type, range or word."""
    about, where = item.metadata, where or f"--{flag_name(item.name)}"
    optional = item.default is None
    if value is None and optional:
        return
    if not repeatable(item):
        _check_one(value, about, where)
    elif isinstance(value, tuple):
        for one in value:
            _check_one(one, about, where)
        if about["choices"] and not value:
            mend = f"choose of {', '.join(about['choices'])}"
            raise ConfigError("names nothing", where=where, mend=mend)
    else:
        raise ConfigError(f"{value!r} is not a list", where=where, mend="write [a, b]")


def _check_one(value: object, about: Mapping[str, Any], where: str) -> None:
    kind = about["kind"]
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (kind is not bool and isinstance(value, bool)):
        shown = list(value) if isinstance(value, tuple) else value
        raise ConfigError(f"{shown!r} is not {_WORDS[kind]}", where=where, mend=about["text"])
    if about["choices"] and value not in about["choices"]:
        raise ConfigError(
            f"{value!r} is not allowed", where=where, mend=close_names(str(value), about["choices"])
        )
    if about["parse"] is not None:
        about["parse"](value, where)
    low, high = about["low"], about["high"]
    if kind in (int, float):
        number = float(value)  # type: ignore[arg-type]
        if not ((low is None or number >= low) and (high is None or number <= high)):
            span = f"at least {low}" if high is None else f"between {low} and {high}"
            raise ConfigError(f"{value} is out of range", where=where, mend=f"it is {span}")


_WORDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}
