"""Designs with registers mapped to the cells of a library, by yosys from their Verilog."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hawx_onnx.components.netlist.network import ONE, ZERO, Gate, GateNetwork, Output, Port
from hawx_onnx.components.netlist.yosys import find_yosys, run_yosys
from hawx_onnx.components.synthesis.liberty import Cell, CellLibrary

# As components/synthesis maps multipliers: area first, then buffers and sizes by delay.
ABC = """strash
&get -n
&b -a
&dc2
&nf -R 10
&put
buffer -c
topo
upsize
dnsize
topo
"""
SCRIPT = """read_verilog {files}
{parameters}
hierarchy -check -top {top}
proc
flatten
opt
techmap
opt -purge
dfflibmap -liberty cells.lib
abc -liberty cells.lib -script map.abc
opt_clean -purge
write_json mapped.json
"""
SECONDS = 600.0
CLOCK = "clk"


@dataclass(frozen=True)
class FlipFlop:
    """A register bit: the signals of its data input and its output."""

    data: int
    output: int


@dataclass(frozen=True, eq=False)
class SequentialNetlist:
    """A mapped design, cut at its registers.

    Attributes:
        network: The cells between registers; its inputs are the design's but the clock, then the
            registers' outputs, its outputs the design's, then the registers' data inputs.
        registers: The flip-flops.
        flip_flop: Their cell.
        cells: How often each cell is there, flip-flops too.
    """

    network: GateNetwork
    registers: tuple[FlipFlop, ...]
    flip_flop: Cell
    cells: Mapping[str, int]

    def area_um2(self, library: CellLibrary) -> float:
        """Returns the cell area."""
        return sum(count * library.cells[name].area_um2 for name, count in self.cells.items())

    def leakage_nw(self, library: CellLibrary) -> float:
        """Returns the static power."""
        return sum(count * library.cells[name].leakage_nw for name, count in self.cells.items())


def data_pin(flip_flop: Cell) -> str:
    """Returns the data input of a flip-flop."""
    return next(pin for pin in flip_flop.inputs if pin != flip_flop.clock)


def synthesize(
    files: Mapping[str, str],
    top: str,
    library: CellLibrary,
    parameters: Mapping[str, object] | None = None,
) -> SequentialNetlist:
    """Maps a design, flattened.

    Args:
        files: Verilog texts by name.
        top: The module.
        library: The cells; they have a flip-flop.
        parameters: Values of the module's parameters.
    """
    set_ = "".join(f" -set {name} {value}" for name, value in (parameters or {}).items())
    script = SCRIPT.format(
        files=" ".join(files),
        parameters=f"chparam{set_} {top}" if set_ else "",
        top=top,
    )
    inputs: dict[str, str | bytes] = {
        **files,
        "map.abc": ABC,
        "cells.lib": library.path.read_bytes(),
    }
    texts = run_yosys(
        script, inputs, ["mapped.json"], where=top, yosys=find_yosys(), timeout=SECONDS
    )
    modules = json.loads(texts["mapped.json"])["modules"]
    # Parameters give the module another name; all others are flattened into it.
    (module,) = (m for n, m in modules.items() if int(m["attributes"].get("top", "0"), 2))
    return read_netlist(module, top, library)


def read_netlist(module: Mapping[str, Any], name: str, library: CellLibrary) -> SequentialNetlist:
    """Reads a flat module of cells out of the JSON of yosys."""
    kinds = {cell["type"] for cell in module["cells"].values()}
    (flip_flop,) = (library.cells[kind] for kind in kinds if library.cells[kind].clock)
    data, stored = data_pin(flip_flop), next(iter(flip_flop.outputs))
    counts: dict[str, int] = {}
    driver: dict[int, tuple[str, tuple[Any, ...]]] = {}
    held: list[tuple[Any, int]] = []
    for cell in module["cells"].values():
        kind, pins = cell["type"], {pin: bits[0] for pin, bits in cell["connections"].items()}
        counts[kind] = counts.get(kind, 0) + 1
        if kind == flip_flop.name:
            held.append((pins[data], pins[stored]))
            continue
        (output,) = library.cells[kind].outputs
        driver[pins[output]] = kind, tuple(pins[pin] for pin in library.cells[kind].inputs)
    ports = module["ports"]
    inputs = {
        port: about["bits"]
        for port, about in ports.items()
        if about["direction"] == "input" and port != CLOCK
    }
    inputs["registered"] = [q for _, q in held]
    outputs = {p: about["bits"] for p, about in ports.items() if about["direction"] == "output"}
    outputs["captured"] = [d for d, _ in held]
    numbers: dict[Any, int] = {"0": ZERO, "1": ONE, "x": ZERO}
    for bit in (bit for bits in inputs.values() for bit in bits):
        numbers[bit] = 2 + len(numbers) - 3
    gates: list[Gate] = []
    first = len(numbers) - 1
    for bit in (bit for bits in outputs.values() for bit in bits):
        _place(bit, driver, numbers, gates, first)
    network = GateNetwork(
        name,
        tuple(Port(port, len(bits)) for port, bits in inputs.items()),
        tuple(Output(port, tuple(numbers[b] for b in bits)) for port, bits in outputs.items()),
        tuple(gates),
        library.functions,
    )
    registers = tuple(FlipFlop(numbers[d], numbers[q]) for d, q in held)
    return SequentialNetlist(network, registers, flip_flop, counts)


def _place(
    root: Any,  # noqa: ANN401 - a number, or a constant as text
    driver: Mapping[int, tuple[str, Sequence[Any]]],
    numbers: dict[Any, int],
    gates: list[Gate],
    first: int,
) -> None:
    """Numbers a net and all that it depends on, sources first."""
    stack = [root]
    while stack:
        net = stack[-1]
        if net in numbers:
            stack.pop()
            continue
        kind, needs = driver[net]
        waiting = [other for other in needs if other not in numbers]
        if waiting:
            stack.extend(waiting)
            continue
        stack.pop()
        numbers[net] = first + len(gates)
        gates.append(Gate(kind, tuple(numbers[other] for other in needs)))
