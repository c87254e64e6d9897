"""The index of a library, ``library.toml``: one table for each multiplier, without its products."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from hawx_onnx.components.index_syntax import pairs, part, tables, take
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


def index_text(
    multipliers: Iterable[tuple[StoredMultiplier, str, str]], technologies: str = ""
) -> str:
    """Returns the text of an index.

    Args:
        multipliers: Each with path and SHA-256 of its Verilog, empty where there is none.
        technologies: The sections of their technologies.
    """
    return _HEAD + technologies + "".join(_entry_text(*entry) for entry in multipliers)


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
    lines += pairs(head)
    parts: dict[str, Mapping[str, Any]] = {
        "statistics": asdict(known.statistics),
        "cost": multiplier.cost.document() if multiplier.cost else {},
        "figures": multiplier.figures,
        "published": multiplier.published,
        "provenance": {k: v for k, v in asdict(multiplier.provenance).items() if v},
    }
    for name, values in parts.items():
        if values:
            lines += [f"[multiplier.{name}]", *pairs(values)]
    return "\n".join(lines) + "\n"


def read_index(document: Mapping[str, Any], where: str) -> tuple[IndexEntry, ...]:
    """Returns the multipliers of an index.

    Args:
        document: The index.
        where: The file, for error texts.

    Raises:
        ComponentError: It is of a later version, names a multiplier twice, or a key is missing or
            of another type.
    """
    version = document.get("format_version")
    if version != FORMAT_VERSION:
        raise ComponentError(
            f"the library has format version {version!r}, {FORMAT_VERSION} is known",
            where=where,
            mend="import it anew, or take a newer hawx-onnx",
        )
    entries: dict[str, IndexEntry] = {}
    for number, row in enumerate(tables(document, "multiplier", where), 1):
        entry = _entry(row, f"{where}: multiplier {row.get('name', number)}")
        if entry.name in entries:
            raise ComponentError(f"{entry.name} is there twice", where=where, mend="rename one")
        entries[entry.name] = entry
    return tuple(entries.values())


def _entry(row: Mapping[str, Any], where: str) -> IndexEntry:
    name = take(row, "name", str, where)
    check_name(name, where)
    encoding = take(row, "encoding", str, where)
    if encoding not in [one.value for one in Encoding]:
        raise ComponentError(f"there is no encoding {encoding!r}", where=where, mend="mend it")
    known = Known(
        take(row, "sha256", str, where),
        take(row, "exact", bool, where),
        take(row, "rank", int, where),
        take(row, "error_rank", int, where),
        _record(ErrorStatistics, part(row, "statistics", where), f"{where}, statistics"),
    )
    cost = part(row, "cost", where)
    return IndexEntry(
        name,
        Encoding(encoding),
        take(row, "description", str, where),
        take(row, "source", str, where),
        take(row, "verilog", str, where, ""),
        take(row, "verilog_sha256", str, where, ""),
        known,
        _record(ComponentCost, cost, f"{where}, cost") if cost else None,
        _figures(part(row, "published", where), f"{where}, published"),
        _figures(part(row, "figures", where), f"{where}, figures"),
        _provenance(part(row, "provenance", where), f"{where}, provenance"),
    )


def _record(kind: type[_Record], values: Mapping[str, Any], where: str) -> _Record:
    """Makes a dataclass of texts and numbers."""
    types = {"str": str, "float": float}
    fields = [f for f in dataclasses.fields(kind) if f.type in types]  # type: ignore[arg-type]
    return kind(**{f.name: take(values, f.name, types[str(f.type)], where) for f in fields})


def _figures(values: Mapping[str, Any], where: str) -> dict[str, float]:
    return {key: take(values, key, float, where) for key in values}


def _provenance(values: Mapping[str, Any], where: str) -> Provenance:
    found: dict[str, Any] = {
        key: tuple(str(one) for one in take(values, key, list, where, []))
        for key in ("ports", "notes")
    }
    for key in ("origin", "licence", "source_sha256", "flow", "date", "top"):
        found[key] = take(values, key, str, where, "")
    return Provenance(**found, core=take(values, "core", bool, where, False))
