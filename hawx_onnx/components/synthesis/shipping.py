"""Writes the figures that the package brings along: ``make characterize-builtin``.

Needs yosys and the OSU 0.18 um library of Debian's package qflow-tech-osu018. Figures are rounded
to five digits, far beyond what they are good for.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hawx_onnx.components.builtin import builtin_names, builtin_network, encoding_of
from hawx_onnx.components.multiplier import ComponentCost
from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.synthesis.characterization import (
    Characterization,
    CostedNetlist,
    characterize,
    costed_netlist,
)
from hawx_onnx.components.synthesis.mapping import FLOW, map_network
from hawx_onnx.components.synthesis.periphery import WIDEST_ADDER, adder_network, register_bit
from hawx_onnx.components.synthesis.power import UNIT_DELAY, ZERO_DELAY
from hawx_onnx.components.synthesis.shipped import COSTS, FORMAT, MOST_INPUTS, NETLISTS
from hawx_onnx.components.synthesis.technology import GENERIC, OSU018, cell_library
from hawx_onnx.components.synthesis.truth_functions import mask_of


@dataclass(frozen=True)
class _Technology:
    """One column of the file: cells and power mode."""

    cells: Path
    mode: str


_TECHNOLOGIES = (
    _Technology(OSU018, UNIT_DELAY),
    _Technology(OSU018, ZERO_DELAY),
    _Technology(GENERIC, UNIT_DELAY),
)

_COLUMNS = ("area_um2", "delay_ns", "energy_fj", "leakage_nw", "energy_error_fj", "cells")


def write(costs: Path = COSTS, netlists: Path = NETLISTS, jobs: int | None = None) -> None:
    """Characterises all built-in multipliers, adders and registers and writes both files.

    Raises:
        LibraryError: yosys or the cells are missing.
    """
    with ThreadPoolExecutor(jobs or os.cpu_count()) as pool:
        document: dict[str, Any] = {
            "format": FORMAT,
            "flow": FLOW,
            "date": datetime.date.today().isoformat(),
            "columns": list(_COLUMNS),
            "technologies": {},
            "luts": {},
        }
        for technology in _TECHNOLOGIES:
            name, table, luts = _table(technology, pool)
            document["technologies"][name] = table
            document["luts"] = luts
        found = _netlists(pool)
        document["network_energy_fj"] = _network_energies(found)
    costs.write_text(_compact(document), encoding="utf-8")
    _write_netlists(netlists, found)


def _table(
    technology: _Technology, pool: ThreadPoolExecutor
) -> tuple[str, dict[str, Any], dict[str, list[int]]]:
    """Returns a technology's name, its figures and the (same) look-up tables."""
    library = cell_library(technology.cells)

    def figures(network: Any) -> Characterization:  # noqa: ANN401 - a gate network
        return characterize(network, library, mode=technology.mode)

    circuits = [builtin_network(name) for name in builtin_names()]
    found = dict(zip(builtin_names(), pool.map(figures, circuits), strict=True))
    adders = pool.map(figures, [adder_network(bits) for bits in range(1, WIDEST_ADDER + 1)])
    any_cost = next(iter(found.values())).cost
    register = register_bit(library, technology.mode)
    table = {
        "provenance": any_cost.provenance,
        "multipliers": {
            name: [*_row(one.cost), _short(one.energy_error_fj), one.cells]
            for name, one in found.items()
        },
        "adders": [_row(adder.cost) for adder in adders],
        "register_bit": _row(register) if register else None,
    }
    luts = {name: [one.lut6, one.lut4] for name, one in found.items()}
    return any_cost.technology, table, luts


def _row(cost: ComponentCost) -> list[float]:
    figures = (cost.area_um2, cost.delay_ns, cost.energy_fj, cost.leakage_nw)
    return [_short(figure) for figure in figures]


def _short(value: float) -> float:
    return float(f"{value:.5g}")


def _compact(document: dict[str, Any]) -> str:
    """Returns JSON with one line for each component, so that changes can be read."""
    text = json.dumps(document, indent=1)
    rows = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")
    return rows.sub(lambda row: "[" + " ".join(row[1].split()) + "]", text) + "\n"


def _netlists(pool: ThreadPoolExecutor) -> dict[str, CostedNetlist]:
    """Returns the mapped netlists of the first technology, by multiplier."""
    library = cell_library(_TECHNOLOGIES[0].cells)

    def mapped(name: str) -> CostedNetlist:
        return costed_netlist(map_network(builtin_network(name), library).network, library)

    return dict(zip(builtin_names(), pool.map(mapped, builtin_names()), strict=True))


def _network_energies(netlists: dict[str, CostedNetlist]) -> dict[str, float]:
    """Returns the energies under operands as networks have them."""
    mode = _TECHNOLOGIES[0].mode
    return {
        name: _short(one.energy(network_operands(encoding_of(name)), mode).energy_fj)
        for name, one in netlists.items()
    }


def _write_netlists(path: Path, netlists: dict[str, CostedNetlist]) -> None:
    """Writes netlists one after the other."""
    library = cell_library(_TECHNOLOGIES[0].cells)
    found = list(netlists.values())
    gates = [gate for one in found for gate in one.network.gates]
    kinds = sorted({gate.kind for gate in gates})
    arities = [len(library.cells[kind].inputs) for kind in kinds]
    masks = [mask_of(library.functions[k], n) for k, n in zip(kinds, arities, strict=True)]
    inputs = np.zeros((len(gates), MOST_INPUTS), np.uint16)
    for index, gate in enumerate(gates):
        inputs[index, : len(gate.inputs)] = gate.inputs
    number = {kind: index for index, kind in enumerate(kinds)}
    np.savez_compressed(
        path,
        names=np.array(builtin_names()),
        ends=np.cumsum([len(one.network.gates) for one in found]),
        kinds=np.array([number[gate.kind] for gate in gates], np.uint8),
        inputs=inputs,
        outputs=np.array([one.network.outputs[0].signals for one in found], np.uint16),
        energies=np.concatenate([one.energies for one in found]).astype(np.float16),
        kind_names=np.array(kinds),
        arities=np.array(arities, np.uint8),
        masks=np.array(masks, np.uint32),
    )


if __name__ == "__main__":
    write()
