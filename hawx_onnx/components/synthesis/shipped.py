"""Figures that the package brings along, so that costing its own multipliers needs no synthesis.

Two files beside each other, written by :mod:`hawx_onnx.components.synthesis.shipping`: costs of the
built-in multipliers, of adders and of registers, and the multipliers' mapped netlists, with which
their energy under other operands is counted.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.netlist.network import Function, Gate, GateNetwork, Output, Port
from hawx_onnx.components.synthesis.characterization import Characterization, CostedNetlist
from hawx_onnx.components.synthesis.truth_functions import function_of

DATA = Path(__file__).parent.parent / "data"
COSTS, NETLISTS = DATA / "builtin_costs.json", DATA / "builtin_netlists.npz"
FORMAT = 1

MOST_INPUTS = 4
"""Inputs that a cell in the file of netlists may have."""


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
    return Characterization(cost, error, cells, *_document()["luts"][name])


def network_energy(name: str) -> float | None:
    """Returns the energy of a built-in multiplier under operands as networks have them, in fJ.

    That is :func:`hawx_onnx.components.network_operands.network_operands`, in the first technology.
    """
    energy: float | None = _document()["network_energy_fj"].get(name)
    return energy


def adder_cost(bits: int, technology: str) -> ComponentCost | None:
    """Returns what a ripple-carry adder costs, or None in a technology without figures here.

    Each bit beyond the widest adder of the file costs what the last one does.

    Args:
        bits: Width.
        technology: The technology.
    """
    table = _document()["technologies"].get(technology)
    if table is None:
        return None
    rows = table["adders"]
    beyond = max(bits - len(rows), 0)
    last, before = rows[-1], rows[-2]
    nearest = rows[min(bits, len(rows)) - 1]
    area, delay, energy, leakage = (
        x + beyond * (y - z) for x, y, z in zip(nearest, last, before, strict=True)
    )
    return ComponentCost(technology, area, delay, energy, leakage, table["provenance"])


def register_cost(bits: int, technology: str) -> ComponentCost | None:
    """Returns what a register costs, its energy that of one captured word; or None."""
    table = _document()["technologies"].get(technology)
    if table is None or table["register_bit"] is None:
        return None
    area, delay, energy, leakage = table["register_bit"]
    return ComponentCost(
        technology, area * bits, delay, energy * bits, leakage * bits, table["provenance"]
    )


@dataclass(frozen=True, eq=False)
class _Netlists:
    """All netlists one after the other; ``ends`` tells where each gate list ends."""

    names: dict[str, int]
    ends: Any
    kinds: Any
    inputs: Any
    outputs: Any
    energies: Any
    functions: Mapping[str, Function]
    arities: tuple[int, ...]
    kind_names: tuple[str, ...]


@functools.cache
def _netlists() -> _Netlists:
    with np.load(NETLISTS, allow_pickle=False) as data:
        kind_names = tuple(str(name) for name in data["kind_names"])
        arities = tuple(int(arity) for arity in data["arities"])
        masks = [int(mask) for mask in data["masks"]]
        functions = {
            name: function_of(mask, arity)
            for name, mask, arity in zip(kind_names, masks, arities, strict=True)
        }
        names = {str(name): index for index, name in enumerate(data["names"])}
        return _Netlists(
            names=names,
            ends=data["ends"],
            kinds=data["kinds"],
            inputs=data["inputs"],
            outputs=data["outputs"],
            energies=data["energies"],
            functions=functions,
            arities=arities,
            kind_names=kind_names,
        )


@functools.lru_cache(maxsize=256)
def netlist(name: str) -> CostedNetlist | None:
    """Returns the mapped netlist of a built-in multiplier in the first technology, or None."""
    found, file = characterization(name), _netlists()
    if found is None or name not in file.names:
        return None
    index = file.names[name]
    start, end = (int(file.ends[index - 1]) if index else 0), int(file.ends[index])
    gates = tuple(
        Gate(file.kind_names[kind], tuple(row[: file.arities[kind]]))
        for kind, row in zip(
            file.kinds[start:end].tolist(), file.inputs[start:end].tolist(), strict=True
        )
    )
    ports, inner = (Port("A", 8), Port("B", 8)), 16
    outputs = (Output("O", tuple(file.outputs[index].tolist())),)
    # Each netlist brings 2 constants, its inputs and its gates.
    at = start + index * (2 + inner)
    energies = file.energies[at : at + 2 + inner + end - start].astype(np.float64)
    return CostedNetlist(
        network=GateNetwork(name, ports, outputs, gates, file.functions),
        energies=energies,
        area_um2=found.cost.area_um2,
        delay_ns=found.cost.delay_ns,
        leakage_nw=found.cost.leakage_nw,
    )
