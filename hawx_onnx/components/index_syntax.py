"""The syntax of a library's index: TOML written, and values taken of it by type."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Mapping
from typing import Any

from hawx_onnx.errors import ComponentError


def parse(text: str, where: str) -> dict[str, Any]:
    """Reads TOML.

    Raises:
        ComponentError: It is none.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ComponentError(f"is no TOML: {error}", where=where, mend="import it anew") from error
    return document


def pairs(values: Mapping[str, Any]) -> list[str]:
    """Returns one line for each key and value."""
    return [f"{_key(key)} = {_value(value)}" for key, value in values.items()]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _value(key)


def _value(value: object) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, float):
        assert math.isfinite(value)
        return repr(value)
    if isinstance(value, int):
        return str(value)
    text = str(value).encode("utf-8", "replace").decode()
    escape = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
    return (
        '"' + re.sub(r'["\\\x00-\x1f\x7f]', lambda c: escape.get(c[0]) or _code(c[0]), text) + '"'
    )


def _code(character: str) -> str:
    return f"\\u{ord(character):04x}"


def tables(document: Mapping[str, Any], key: str, where: str) -> list[dict[str, Any]]:
    """Returns an array of tables, empty where it is missing.

    Raises:
        ComponentError: It is something else.
    """
    rows = document.get(key, [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ComponentError(f"{key} is no list of tables", where=where, mend="import it anew")
    return rows


def part(row: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    """Returns a table of a table, empty where it is missing."""
    found: Mapping[str, Any] = take(row, key, dict, where, {})
    return found


def take(row: Mapping[str, Any], key: str, kind: type, where: str, default: Any = None) -> Any:  # noqa: ANN401
    """Returns a value of a table, of the right type.

    Raises:
        ComponentError: It is missing without a default, of another type, or not finite.
    """
    value = row.get(key, default)
    fits = isinstance(value, kind) or (kind is float and isinstance(value, int))
    if not fits or (isinstance(value, bool) and kind is not bool):
        reason = "is missing" if value is None else f"is {value!r}"
        raise ComponentError(
            f"{key} {reason}", where=where, mend=f"it is {_KINDS[kind]}; or import it anew"
        )
    if kind is float and not math.isfinite(value):
        raise ComponentError(f"{key} is not finite", where=where, mend="mend it")
    return float(value) if kind is float else value


_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "a truth value"} | {
    dict: "a table",
    list: "a list",
}
