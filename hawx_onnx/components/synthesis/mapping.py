"""Technology mapping: gate networks to the cells of a library, and to look-up tables of FPGAs.

ABC, which yosys brings along, does the mapping. It reads our own BLIF instead of what yosys would
write for it: releases of yosys differ in the order of nets, which turns into other circuits. Its
commands are such as give the same circuit in all releases: structural choices (&dch), for instance,
differ in some, by 5 % in one delay. With these, yosys 0.23 of Debian and today's WebAssembly build
map all built-in multipliers alike (benchmarks/yosys_agreement.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hawx_onnx.components.cache import cached, key_of
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.simulation import multiplication_table
from hawx_onnx.components.netlist.yosys import Yosys, find_yosys, run_yosys
from hawx_onnx.components.synthesis.blif import mapped_network, statements, to_blif
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.errors import LibraryError

FLOW = "flow1"
"""Version of the steps below; changes whenever they give other figures."""

# Area first (&nf and &if are ABC's area-flow mappers), then buffers for large fan-out and sizing
# by delay. The network that yosys handed over is kept aside and handed back.
_READ = """read_blif {circuit}
strash
&get -n
&b -a
&dc2
"""
_CELLS = (
    _READ
    + """&nf -R 10
&put
buffer -c
topo
upsize
dnsize
topo
write_blif {result}
"""
)
_LUTS = (
    _READ.format(circuit="circuit.blif")
    + """&if -K 6 -a
&put
write_blif lut6.blif
"""
)
_BEFORE, _AFTER = "backup\n", "restore\nstrash\nmap\n"
_ABC = "".join(
    (
        _BEFORE,
        _CELLS.format(circuit="circuit.blif", result="mapped.blif"),
        _LUTS,
        _AFTER,
    )
)
# Yosys calls ABC only where there is something to map.
_SEED = "module seed(input a, input b, output y); assign y = a & b; endmodule\n"
_SCRIPT = """read_verilog seed.v
simplemap
abc -liberty cells.lib -script map.abc
"""
_OUTPUTS = ("mapped.blif", "lut6.blif")


@dataclass(frozen=True)
class Mapping:
    """A circuit in a technology.

    Attributes:
        network: Of the library's cells.
        lut6: Look-up tables of six inputs that it takes on an FPGA.
        tool: Name and version of the yosys that mapped it.
    """

    network: GateNetwork
    lut6: int
    tool: str


def map_network(network: GateNetwork, library: CellLibrary, yosys: Yosys | None = None) -> Mapping:
    """Maps a circuit to a library's cells and to look-up tables.

    Runs are kept in the cache by circuit, library, flow and tool.

    Args:
        network: The circuit.
        library: The cells.
        yosys: The program; by default the one that is found.

    Raises:
        LibraryError: There is no yosys, or it cannot map to this library.
    """
    yosys = yosys or find_yosys()
    circuit = to_blif(network)
    key = key_of(FLOW, _ABC, _SCRIPT, yosys.version, library.digest, circuit)
    texts = cached("mapping", key, lambda: _run(circuit, library, yosys, network.name))
    mapped = mapped_network(texts["mapped.blif"], network, library)
    _check(network, mapped)
    return Mapping(mapped, _count_luts(texts["lut6.blif"]), yosys.version)


def map_to_cells(
    networks: Sequence[GateNetwork], library: CellLibrary, yosys: Yosys | None = None
) -> tuple[GateNetwork, ...]:
    """Maps several circuits to a library's cells in one run, which saves its start.

    Each is what :func:`map_network` maps it to. Nothing is kept in the cache.

    Args:
        networks: The circuits.
        library: The cells.
        yosys: The program; by default the one that is found.

    Returns:
        The mapped circuits.

    Raises:
        LibraryError: There is no yosys, or it cannot map to this library.
    """
    files = [(f"circuit{i}.blif", f"mapped{i}.blif") for i in range(len(networks))]
    steps = (_CELLS.format(circuit=circuit, result=result) for circuit, result in files)
    commands = "".join((_BEFORE, *steps, _AFTER))
    inputs: dict[str, str | bytes] = {
        "seed.v": _SEED,
        "map.abc": commands,
        "cells.lib": library.path.read_bytes(),
        **{file: to_blif(one) for (file, _), one in zip(files, networks, strict=True)},
    }
    outputs, where = [result for _, result in files], str(library.path)
    texts = run_yosys(_SCRIPT, inputs, outputs, where=where, yosys=yosys)
    pairs = zip(networks, outputs, strict=True)
    mapped = tuple(mapped_network(texts[result], network, library) for network, result in pairs)
    for network, result in zip(networks, mapped, strict=True):
        _check(network, result)
    return mapped


def _run(circuit: str, library: CellLibrary, yosys: Yosys, where: str) -> dict[str, str]:
    """Returns what ABC wrote, by file."""
    inputs: dict[str, str | bytes] = {
        "circuit.blif": circuit,
        "seed.v": _SEED,
        "map.abc": _ABC,
        "cells.lib": library.path.read_bytes(),
    }
    return run_yosys(_SCRIPT, inputs, _OUTPUTS, where=where, yosys=yosys)


def _count_luts(text: str) -> int:
    """Returns how many different look-up tables of more than one input a netlist has.

    Inverters are absorbed by what reads them, or by the pins.
    """
    luts = (words for words in statements(text) if words[0] == ".names" and len(words) > 4)
    return len({(*words[:-2], words[-1]) for words in luts})


def _check(network: GateNetwork, mapped: GateNetwork) -> None:
    """Refuses a mapping of a multiplier that computes something else."""
    if [port.width for port in network.inputs] != [8, 8] or len(network.outputs) != 1:
        return
    if not np.array_equal(
        multiplication_table(network, signed=False), multiplication_table(mapped, signed=False)
    ):
        raise LibraryError(
            "the mapped circuit computes other products",
            where=network.name,
            mend="check the functions of the cells in the Liberty file",
        )
