"""Technologies in a library: what characterisation found of them besides the multipliers' costs.

Sections ``[[technology]]`` of the index hold adders, registers and exact multipliers; files of
mapped netlists, one for each technology, what operand-aware power needs.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hawx_onnx.components.builtin import exact
from hawx_onnx.components.index_syntax import pairs, part, tables, take
from hawx_onnx.components.library_paths import LibraryPaths, read_part
from hawx_onnx.components.multiplier import ComponentCost, Multiplier
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.synthesis.characterization import CostedNetlist
from hawx_onnx.components.synthesis.netlist_files import NetlistFile, pack_netlists
from hawx_onnx.components.synthesis.technology_costs import BITS, Row, TechnologyCosts
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ComponentError

MOST_BYTES = 1 << 26
"""Bytes of a file of netlists; a multiplier takes some thousands."""

MOST_ADDERS = 1024
_MEND = "characterise the library anew"
_COLUMNS = 4
_EXACT = "exact:"
"""Before the encoding, the name of an exact multiplier's netlist; no multiplier is called so."""


def technologies_text(
    multipliers: Iterable[Multiplier], paths: LibraryPaths
) -> tuple[str, dict[str, bytes]]:
    """Returns the sections of an index, and the files of netlists by their names in it.

    Args:
        multipliers: Those of the library; one section for each technology of their costs of which
            more is known.
        paths: Where the library lies.
    """
    members: dict[str, list[Multiplier]] = {}
    for multiplier in multipliers:
        if multiplier.cost is not None:
            members.setdefault(multiplier.cost.technology, []).append(multiplier)
    lines: list[str] = []
    files: dict[str, bytes] = {}
    for technology, those in members.items():
        costs = [one.cost for one in those if one.cost is not None]
        around = next((cost.periphery for cost in costs if cost.periphery is not None), None)
        netlists = _netlists(those, around)
        if around is None and not netlists:
            continue
        head: dict[str, Any] = {"name": technology}
        if netlists:
            file, data = f"{paths.netlists}/{len(files) + 1}.npz", pack_netlists(netlists)
            files[file] = data
            head |= {"netlists": file, "netlists_sha256": hashlib.sha256(data).hexdigest()}
        lines += ["", "[[technology]]", *pairs(head), *_figures(around)]
    return "\n".join([*lines, ""]) if lines else "", files


def _netlists(
    multipliers: Iterable[Multiplier], around: TechnologyCosts | None
) -> dict[str, CostedNetlist]:
    """Returns the netlists that costs of one technology bring, by name."""
    costs = {one.name: one.cost for one in multipliers if one.cost is not None}
    if around is not None:
        costs |= {_EXACT + encoding.value: cost for encoding, cost in around.exact.items()}
    found = {name: cost.netlist() for name, cost in costs.items() if cost.netlist is not None}
    return {name: netlist for name, netlist in found.items() if netlist is not None}


def _figures(around: TechnologyCosts | None) -> list[str]:
    """Returns adders, registers and exact multipliers as lines of TOML."""
    if around is None:
        return []
    lines = pairs({"provenance": around.provenance})
    lines += pairs({name: bit for name, bit in around.bits.items() if bit is not None})
    if around.register_clock_fj is not None:
        lines += pairs({"register_clock_fj": around.register_clock_fj})
    if around.accumulate_fj:
        lines += pairs({"accumulate_fj": around.accumulate_fj})
    rows = [" ".join(pairs({"x": row})).removeprefix("x = ") for row in around.adders]
    lines += ["adders = [", *(f"  {row}," for row in rows), "]"]
    for encoding, cost in around.exact.items():
        figures = {k: v for k, v in cost.document().items() if k != "technology"}
        lines += [f"[technology.exact.{encoding.value}]", *pairs(figures)]
    return lines


@dataclass(frozen=True, eq=False)
class LibraryTechnology:
    """A technology as a library tells it.

    Attributes:
        costs: Its adders, registers and exact multipliers, or None.
        netlists: The file of netlists and its SHA-256, or None.
    """

    costs: TechnologyCosts | None
    netlists: tuple[Path, str] | None

    def complete(
        self, cost: ComponentCost, name: str, encoding: Encoding, table_sha256: str
    ) -> ComponentCost:
        """Returns a multiplier's cost with the periphery, and a netlist that is read when used."""
        return replace(
            _with_netlist(cost, self.netlists, name, encoding, table_sha256), periphery=self.costs
        )


def read_technologies(
    document: Mapping[str, Any], paths: LibraryPaths
) -> dict[str, LibraryTechnology]:
    """Returns the technologies of an index by name; netlists are read when first used.

    Args:
        document: The index.
        paths: Where the library lies.

    Raises:
        ComponentError: A section is damaged, there twice, or names a file outside of the library.
    """
    found: dict[str, LibraryTechnology] = {}
    for number, row in enumerate(tables(document, "technology", str(paths.index)), 1):
        where = f"{paths.index}: technology {row.get('name', number)}"
        name = take(row, "name", str, where)
        if name in found:
            raise ComponentError(f"{name} is there twice", where=where, mend=_MEND)
        found[name] = _technology(row, name, paths, where)
    return found


def _technology(
    row: Mapping[str, Any], name: str, paths: LibraryPaths, where: str
) -> LibraryTechnology:
    file = take(row, "netlists", str, where, "")
    sha256 = take(row, "netlists_sha256", str, where, "")
    netlists = (paths.inside(file), sha256) if file else None
    if "adders" not in row:
        return LibraryTechnology(None, netlists)
    adders = take(row, "adders", list, where)
    if not 2 <= len(adders) <= MOST_ADDERS:
        reason = f"adders are {len(adders)}, not 2 to {MOST_ADDERS}"
        raise ComponentError(reason, where=where, mend=_MEND)
    bits = {
        name: _row(take(row, name, list, where), f"{where}, {name}") for name in BITS if name in row
    }
    costs = TechnologyCosts(
        technology=name,
        provenance=take(row, "provenance", str, where),
        adders=tuple(_row(adder, f"{where}, adders") for adder in adders),
        exact=_exact(part(row, "exact", where), name, netlists, f"{where}, exact"),
        accumulate_fj=_figures_of(row, "accumulate_fj", len(adders), where),
        register_clock_fj=_clock(row, where),
        **{name: bits.get(name) for name in BITS},
    )
    return LibraryTechnology(costs, netlists)


def _row(values: object, where: str) -> Row:
    """Returns four figures."""
    if not isinstance(values, list) or len(values) != _COLUMNS or not all(map(_is_figure, values)):
        raise ComponentError(f"{values!r:.100} is no row of four figures", where=where, mend=_MEND)
    area, delay, energy, leakage = map(float, values)
    return area, delay, energy, leakage


def _is_figure(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return math.isfinite(value) and value >= 0


def _figures_of(row: Mapping[str, Any], name: str, count: int, where: str) -> tuple[float, ...]:
    """Returns a list of so many figures, none where it is left out."""
    values = take(row, name, list, where, [])
    if values and (len(values) != count or not all(map(_is_figure, values))):
        raise ComponentError(f"{name} is no list of {count} figures", where=where, mend=_MEND)
    return tuple(map(float, values))


def _clock(row: Mapping[str, Any], where: str) -> float | None:
    """Returns what the clock costs a register bit, or None where that is left out."""
    value = row.get("register_clock_fj")
    if value is not None and not _is_figure(value):
        reason = f"register_clock_fj is {value!r:.40}, no figure"
        raise ComponentError(reason, where=where, mend=_MEND)
    return None if value is None else float(value)


def _exact(
    rows: Mapping[str, Any], technology: str, netlists: tuple[Path, str] | None, where: str
) -> dict[Encoding, ComponentCost]:
    """Returns the costs of the exact multipliers."""
    found = {}
    for encoding in (Encoding.SIGNED, Encoding.UNSIGNED):
        if encoding.value not in rows:
            continue
        row, at = take(rows, encoding.value, dict, where), f"{where}.{encoding.value}"
        area, delay, energy, leakage = (take(row, field, float, at) for field in _COST)
        told = take(row, "provenance", str, at)
        cost = ComponentCost(technology, area, delay, energy, leakage, told)
        sha256 = exact(encoding).content_hash
        name = _EXACT + encoding.value
        found[encoding] = _with_netlist(cost, netlists, name, encoding, sha256)
    return found


_COST = ("area_um2", "delay_ns", "energy_fj", "leakage_nw")


def _with_netlist(
    cost: ComponentCost,
    netlists: tuple[Path, str] | None,
    name: str,
    encoding: Encoding,
    table_sha256: str,
) -> ComponentCost:
    """Returns a cost with a netlist that is read and checked when it is first used."""
    if netlists is None:
        return cost
    signed = encoding.codes_signed
    read = functools.partial(_netlist, *netlists, name, cost, signed, table_sha256)
    return replace(cost, netlist=read)


@functools.lru_cache(maxsize=4)
def _netlist_file(path: Path, sha256: str) -> NetlistFile:
    return NetlistFile.parse(read_part(path, sha256, "file of netlists", MOST_BYTES), str(path))


@functools.lru_cache(maxsize=512)
def _netlist(
    path: Path, sha256: str, name: str, cost: ComponentCost, signed: bool, table_sha256: str
) -> CostedNetlist | None:
    """Reads a netlist and holds it against the multiplier's table."""
    netlist = _netlist_file(path, sha256).netlist(name, cost)
    if netlist is None:
        return None
    table = multiplication_table(netlist.network, signed=signed)
    if hashlib.sha256(table.astype("<i4").tobytes()).hexdigest() != table_sha256:
        raise ComponentError(
            "the netlist computes other products than the table",
            where=f"{path}:{name}",
            mend=_MEND,
        )
    return netlist
