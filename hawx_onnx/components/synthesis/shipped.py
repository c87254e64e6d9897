"""Figures that the package brings along, so that costing its own multipliers needs no synthesis.

Two files beside each other, written by :mod:`hawx_onnx.components.synthesis.shipping`: costs of the
built-in multipliers, of adders and of registers, and the multipliers' mapped netlists, with which
their energy under other operands is counted.
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.synthesis.characterization import Characterization, CostedNetlist
from hawx_onnx.components.synthesis.netlist_files import NetlistFile
from hawx_onnx.components.synthesis.technology_costs import BITS, TechnologyCosts
from hawx_onnx.components.tables import Encoding

DATA = Path(__file__).parent.parent / "data"
COSTS, NETLISTS = DATA / "builtin_costs.json", DATA / "builtin_netlists.npz"
FORMAT = 1

_EXACT = {Encoding.SIGNED: "mul8s_exact", Encoding.UNSIGNED: "mul8u_exact"}


@functools.cache
def _document() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(COSTS.read_text(encoding="utf-8"))
    assert document["format"] == FORMAT
    return document


def technologies() -> tuple[str, ...]:
    """Returns the technologies with figures here; built-in multipliers cost in the first."""
    return tuple(_document()["technologies"])


def characterization(name: str, technology: str | None = None) -> Characterization | None:
    """Returns the figures of a built-in multiplier, or None where there are none.

    Args:
        name: Its name.
        technology: One of :func:`technologies`, by default the first.
    """
    chosen = technology or technologies()[0]
    table = _document()["technologies"].get(chosen)
    if table is None or name not in table["multipliers"]:
        return None
    area, delay, energy, leakage, error, cells = table["multipliers"][name]
    cost = ComponentCost(chosen, area, delay, energy, leakage, table["provenance"])
    if chosen == technologies()[0]:
        cost = replace(cost, netlist=functools.partial(netlist, name))
    return Characterization(cost, error, cells, _document()["fpga"]["multipliers"][name][0])


def figures(name: str) -> dict[str, float]:
    """Returns the further figures of a built-in multiplier, as libraries name them; or none."""
    found = characterization(name)
    if found is None:
        return {}
    fpga = _document()["fpga"]
    counts = zip(fpga["columns"], map(float, fpga["multipliers"][name]), strict=True)
    return {**found.figures(), **dict(counts)}


def fpga_tool() -> str:
    """Returns name and version of the yosys that counted look-up tables and cells of FPGAs."""
    tool: str = _document()["fpga"]["tool"]
    return tool


def network_energy(name: str) -> float | None:
    """Returns the energy of a built-in multiplier under operands as networks have them, in fJ.

    That is :func:`hawx_onnx.components.network_operands.network_operands`, in the first technology.
    """
    energy: float | None = _document()["network_energy_fj"].get(name)
    return energy


@functools.cache
def technology_costs(technology: str) -> TechnologyCosts | None:
    """Returns adders, registers and exact multipliers; None where there are no figures here."""
    table = _document()["technologies"].get(technology)
    if table is None:
        return None
    found = {}
    for encoding, name in _EXACT.items():
        known = characterization(name, technology)
        assert known is not None
        found[encoding] = known.cost
    return TechnologyCosts(
        technology=technology,
        provenance=table["provenance"],
        adders=tuple((area, delay, fj, nw) for area, delay, fj, nw in table["adders"]),
        exact=found,
        accumulate_fj=tuple(table["accumulate_fj"]),
        register_clock_fj=table["register_clock_fj"],
        **{name: table[name] and tuple(table[name]) for name in BITS},
    )


@functools.cache
def _netlists() -> NetlistFile:
    return NetlistFile.parse(NETLISTS.read_bytes(), str(NETLISTS))


@functools.lru_cache(maxsize=256)
def netlist(name: str) -> CostedNetlist | None:
    """Returns the mapped netlist of a built-in multiplier in the first technology, or None."""
    found = characterization(name)
    return None if found is None else _netlists().netlist(name, found.cost)
