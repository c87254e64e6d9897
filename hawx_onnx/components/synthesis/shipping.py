"""Writes the figures that the package brings along: ``make characterize-builtin``.

Needs yosys and the OSU 0.18 um library of Debian's package qflow-tech-osu018. Figures are rounded
to five digits, far beyond what they are good for.
"""

from __future__ import annotations

import datetime
import json
import os
import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hawx_onnx.components.builtin import builtin, builtin_names, builtin_network, encoding_of
from hawx_onnx.components.netlist.yosys import find_yosys
from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.synthesis.characterization import (
    Characterization,
    CostedNetlist,
    characterize,
    costed_netlist,
)
from hawx_onnx.components.synthesis.ice40 import ice40_cells
from hawx_onnx.components.synthesis.mapping import FLOW, map_network
from hawx_onnx.components.synthesis.netlist_files import pack_netlists
from hawx_onnx.components.synthesis.periphery import characterize_periphery
from hawx_onnx.components.synthesis.power import UNIT_DELAY, ZERO_DELAY
from hawx_onnx.components.synthesis.shipped import COSTS, FORMAT, NETLISTS
from hawx_onnx.components.synthesis.technology import GENERIC, OSU018, cell_library
from hawx_onnx.components.synthesis.technology_costs import row_of
from hawx_onnx.report.files import atomic_write_bytes, atomic_write_text


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
        }
        for technology in _TECHNOLOGIES:
            name, table, lut6 = _table(technology, pool)
            document["technologies"][name] = table
        document["fpga"] = _fpga(lut6, pool)
        found = _netlists(pool)
        document["network_energy_fj"] = _network_energies(found)
    atomic_write_text(costs, _compact(document))
    atomic_write_bytes(netlists, pack_netlists(found))


def _table(
    technology: _Technology, pool: ThreadPoolExecutor
) -> tuple[str, dict[str, Any], dict[str, int]]:
    """Returns a technology's name, its figures and the (same) look-up tables of six inputs."""
    library = cell_library(technology.cells)

    def figures(network: Any) -> Characterization:  # noqa: ANN401 - a gate network
        return characterize(network, library, mode=technology.mode)

    circuits = [builtin_network(name) for name in builtin_names()]
    found = dict(zip(builtin_names(), pool.map(figures, circuits), strict=True))
    around = characterize_periphery(library, mode=technology.mode)
    any_cost = next(iter(found.values())).cost
    table = {
        "provenance": any_cost.provenance,
        "multipliers": {
            name: [*_short(*row_of(one.cost), one.energy_error_fj), one.cells]
            for name, one in found.items()
        },
        "adders": [_short(*row) for row in around.adders],
        "accumulate_fj": _short(*around.accumulate_fj),
        **{name: bit and _short(*bit) for name, bit in around.bits.items()},
        "register_clock_fj": around.register_clock_fj and _short(around.register_clock_fj)[0],
    }
    return any_cost.technology, table, {name: one.lut6 for name, one in found.items()}


def _fpga(lut6: Mapping[str, int], pool: ThreadPoolExecutor) -> dict[str, Any]:
    """Returns look-up tables and cells of FPGAs, and the yosys that counts them."""
    cells = pool.map(lambda name: ice40_cells(builtin(name), builtin_network(name)), lut6)
    return {
        "tool": find_yosys().version,
        "columns": ["lut6", "ice40_lut4", "ice40_carry"],
        "multipliers": {
            name: [count, one.lut4, one.carry]
            for (name, count), one in zip(lut6.items(), cells, strict=True)
        },
    }


def _short(*figures: float) -> list[float]:
    return [float(f"{figure:.5g}") for figure in figures]


def _compact(document: dict[str, Any]) -> str:
    """Returns JSON with one line for each component, so that changes can be read."""
    text = json.dumps(document, indent=1)
    rows = re.compile(r"\[\s+([^\[\]{}]*?)\s+\]")
    return rows.sub(lambda row: "[" + " ".join(row[1].split()) + "]", text) + "\n"


def _netlists(pool: ThreadPoolExecutor) -> dict[str, CostedNetlist]:
    """Returns the mapped netlists of the first technology, by multiplier."""
    first = _TECHNOLOGIES[0]
    library = cell_library(first.cells)

    def mapped(name: str) -> CostedNetlist:
        network = map_network(builtin_network(name), library).network
        return costed_netlist(network, library, first.mode)

    return dict(zip(builtin_names(), pool.map(mapped, builtin_names()), strict=True))


def _network_energies(netlists: dict[str, CostedNetlist]) -> dict[str, float]:
    """Returns the energies under operands as networks have them."""
    return {
        name: _short(one.energy(network_operands(encoding_of(name))).energy_fj)[0]
        for name, one in netlists.items()
    }


if __name__ == "__main__":
    write()
