"""The index of a library, ``library.toml``: one table for each multiplier, without its products."""

from __future__ import annotations

import dataclasses
import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.statistics import ErrorStatistics
from hawx_onnx.components.stored import Known, Provenance, StoredMultiplier
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ComponentError

FORMAT_VERSION = 1
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")
"""Names that may stand in files; none of them leaves a folder."""

_HEAD = f"""\
# Multipliers of hawx-onnx. Truth tables are in the .npz file beside, Verilog in the folder.
# cost: our flow; published: the authors' figures, of other flows, which enter no budget.
format_version = {FORMAT_VERSION}
"""
_Record = TypeVar("_Record")


@dataclass(frozen=True)
class IndexEntry:
    """One multiplier as the index tells it."""

    name: str
    encoding: Encoding
    description: str
    source: str
    verilog: str
    verilog_sha256: str
    known: Known
    cost: ComponentCost | None
    published: Mapping[str, float]
    figures: Mapping[str, float]
    provenance: Provenance


def check_name(name: str, where: str) -> None:
    """Refuses names that could not be files of a library.

    Raises:
        ComponentError: The name has other characters, or too many.
    """
    if not NAME.fullmatch(name) or ".." in name:
        raise ComponentError(
            f"{name!r} is no name for a multiplier",
            where=where,
            mend="take letters, digits, and _ . + - behind the first, 100 at most",
        )


def index_text(multipliers: Iterable[tuple[StoredMultiplier, str, str]]) -> str:
    """Returns the text of an index.

    Args:
        multipliers: Each with path and SHA-256 of its Verilog, empty where there is none.
    """
    return _HEAD + "".join(_entry_text(*entry) for entry in multipliers)


def _entry_text(multiplier: StoredMultiplier, verilog: str, verilog_sha256: str) -> str:
    known = multiplier.known or Known.of(multiplier)
    lines = ["", "[[multiplier]]"]
    head = {
        "name": multiplier.name,
        "encoding": multiplier.encoding.value,
        "description": multiplier.description,
        "source": multiplier.source,
        "sha256": known.content_hash,
        "exact": known.is_exact,
        "rank": known.rank,
        "error_rank": known.error_rank,
    }
    if verilog:
        head |= {"verilog": verilog, "verilog_sha256": verilog_sha256}
    lines += _pairs(head)
    parts: dict[str, Mapping[str, Any]] = {
        "statistics": asdict(known.statistics),
        "cost": asdict(multiplier.cost) if multiplier.cost else {},
        "figures": multiplier.figures,
        "published": multiplier.published,
        "provenance": {k: v for k, v in asdict(multiplier.provenance).items() if v},
    }
    for part, values in parts.items():
        if values:
            lines += [f"[multiplier.{part}]", *_pairs(values)]
    return "\n".join(lines) + "\n"


def _pairs(values: Mapping[str, Any]) -> list[str]:
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


def read_index(text: str, where: str) -> tuple[IndexEntry, ...]:
    """Reads the text of an index.

    Args:
        text: TOML.
        where: The file, for error texts.

    Raises:
        ComponentError: It is no TOML, of a later version, names a multiplier twice, or a key is
            missing or of another type.
    """
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ComponentError(f"is no TOML: {error}", where=where, mend="import it anew") from error
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise ComponentError(
            f"the library has format version {version!r}, {FORMAT_VERSION} is known",
            where=where,
            mend="import it anew, or take a newer hawx-onnx",
        )
    rows = document.get("multiplier", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ComponentError("multiplier is no list of tables", where=where, mend="import it anew")
    entries: dict[str, IndexEntry] = {}
    for number, row in enumerate(rows, 1):
        entry = _entry(row, f"{where}: multiplier {row.get('name', number)}")
        if entry.name in entries:
            raise ComponentError(f"{entry.name} is there twice", where=where, mend="rename one")
        entries[entry.name] = entry
    return tuple(entries.values())


def _entry(row: Mapping[str, Any], where: str) -> IndexEntry:
    name = _take(row, "name", str, where)
    check_name(name, where)
    encoding = _take(row, "encoding", str, where)
    if encoding not in [one.value for one in Encoding]:
        raise ComponentError(f"there is no encoding {encoding!r}", where=where, mend="mend it")
    known = Known(
        _take(row, "sha256", str, where),
        _take(row, "exact", bool, where),
        _take(row, "rank", int, where),
        _take(row, "error_rank", int, where),
        _record(ErrorStatistics, _part(row, "statistics", where), f"{where}, statistics"),
    )
    cost = _part(row, "cost", where)
    return IndexEntry(
        name,
        Encoding(encoding),
        _take(row, "description", str, where),
        _take(row, "source", str, where),
        _take(row, "verilog", str, where, ""),
        _take(row, "verilog_sha256", str, where, ""),
        known,
        _record(ComponentCost, cost, f"{where}, cost") if cost else None,
        _figures(_part(row, "published", where), f"{where}, published"),
        _figures(_part(row, "figures", where), f"{where}, figures"),
        _provenance(_part(row, "provenance", where), f"{where}, provenance"),
    )


def _part(row: Mapping[str, Any], key: str, where: str) -> Mapping[str, Any]:
    part: Mapping[str, Any] = _take(row, key, dict, where, {})
    return part


def _take(row: Mapping[str, Any], key: str, kind: type, where: str, default: Any = None) -> Any:  # noqa: ANN401
    """A value of a table, of the right type."""
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


def _record(kind: type[_Record], values: Mapping[str, Any], where: str) -> _Record:
    """Makes a dataclass of texts and numbers."""
    fields = dataclasses.fields(kind)  # type: ignore[arg-type]
    return kind(
        **{f.name: _take(values, f.name, str if f.type == "str" else float, where) for f in fields}
    )


def _figures(values: Mapping[str, Any], where: str) -> dict[str, float]:
    return {key: _take(values, key, float, where) for key in values}


def _provenance(values: Mapping[str, Any], where: str) -> Provenance:
    found: dict[str, Any] = {
        key: tuple(str(one) for one in _take(values, key, list, where, []))
        for key in ("ports", "notes")
    }
    for key in ("origin", "licence", "source_sha256", "flow", "date", "top"):
        found[key] = _take(values, key, str, where, "")
    return Provenance(**found, core=_take(values, "core", bool, where, False))
