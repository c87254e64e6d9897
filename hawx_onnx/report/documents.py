"""JSON documents: finite numbers, plain types, the same bytes for the same content."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
import os
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any, TypeAlias

from hawx_onnx.report.files import atomic_write_text

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"

# A list or object of scalars up to this length stays on one line.
_LINE = 100


def to_plain(value: object, where: str = "$") -> Json:
    """Turns a value into plain JSON types.

    Numpy scalars and arrays become numbers and lists, NaN and infinities ``None``, dataclasses
    and mappings objects, enumerations their value, paths text, sets sorted lists.

    Args:
        value: The value; may be nested.
        where: Its place in the document, told in errors.

    Raises:
        TypeError: A value has no JSON form; the text names its place.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, enum.Enum):
        return to_plain(value.value, where)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, os.PathLike):
        return os.fspath(value) if isinstance(os.fspath(value), str) else str(value)
    return _container_to_plain(value, where)


def _container_to_plain(value: object, where: str) -> Json:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = dataclasses.fields(value)
        return {f.name: to_plain(getattr(value, f.name), f"{where}.{f.name}") for f in fields}
    if isinstance(value, Mapping):
        return {
            str(to_plain(key, f"{where} key")): to_plain(item, f"{where}.{key}")
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [to_plain(item, f"{where}[{index}]") for index, item in enumerate(value)]
    if isinstance(value, set | frozenset):
        plain = [to_plain(item, where) for item in value]
        return sorted(plain, key=lambda item: json.dumps(item, sort_keys=True))
    # numpy scalars and arrays, without importing numpy for documents that hold none.
    tolist = getattr(value, "tolist", None)
    if callable(tolist) and not isinstance(value, type):
        return to_plain(tolist(), where)
    raise TypeError(f"{where}: {type(value).__name__} has no JSON form")


def _layout(value: Json, indent: str) -> str:
    if not isinstance(value, dict | list) or not value:
        return json.dumps(value, ensure_ascii=False, allow_nan=False)
    items = value.values() if isinstance(value, dict) else value
    if not any(isinstance(item, dict | list) for item in items):
        line = json.dumps(value, ensure_ascii=False, allow_nan=False)
        numbers = isinstance(value, list) and not any(isinstance(item, str) for item in items)
        if numbers or len(indent) + len(line) <= _LINE:
            return line
    inner = indent + "  "
    if isinstance(value, dict):
        rows = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_layout(item, inner)}"
            for key, item in value.items()
        ]
        return "{\n" + ",\n".join(rows) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _layout(item, inner) for item in value) + f"\n{indent}]"


def json_text(document: object) -> str:
    """Returns a document as JSON text: two-space indent, short rows on one line, a final newline.

    Keys keep the order in which the document was built, because it carries meaning (layers in
    graph order); sets are sorted. Equal documents built in the same order give the same bytes.

    Args:
        document: Anything that ``to_plain`` takes.

    Raises:
        TypeError: A value has no JSON form.
    """
    return _layout(to_plain(document), "") + "\n"


def write_json(document: object, path: str | os.PathLike[str]) -> Path:
    """Writes a document as JSON in one step.

    Args:
        document: Anything that ``to_plain`` takes.
        path: The file to write or replace.

    Returns:
        The path as given.

    Raises:
        TypeError: A value has no JSON form.
        ConfigError: The path cannot be written.
    """
    return atomic_write_text(path, json_text(document))


def report_schema() -> dict[str, Any]:
    """Returns the JSON Schema (draft 2020-12) of ``report.json``, ``schema_version`` 1."""
    text = resources.files("hawx_onnx.report").joinpath("schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
