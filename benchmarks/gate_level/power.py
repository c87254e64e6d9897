"""Power of a mapped design on a testbench: Icarus simulates its gates, toggles are counted."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gate_level.synthesis import CLOCK, SequentialNetlist, data_pin
from hawx_onnx.components.netlist.network import ONE
from hawx_onnx.components.synthesis.liberty import CellLibrary
from hawx_onnx.components.synthesis.netlist_energy import change_energies
from hawx_onnx.components.synthesis.timing import analyse_timing
from hawx_onnx.components.synthesis.truth_functions import mask_of

# A step of the cells is a picosecond, a step of the testbench a nanosecond: all settles in between.
_BENCH_TIME, _CELL_TIME = "`timescale 1ns/1ps\n", "`timescale 1ps/1ps\n"


@dataclass(frozen=True)
class Toggles:
    """What a simulation counted.

    Attributes:
        changes: Of each signal of the network, by number.
        cycles: Clock cycles.
        output: What the testbench printed.
    """

    changes: np.ndarray
    cycles: int
    output: str


@dataclass(frozen=True)
class Energy:
    """What a design switched, in fJ.

    Attributes:
        clock: By clock pins of registers.
        registers: By outputs of registers and what they drive.
        logic: By all other cells.
    """

    clock: float
    registers: float
    logic: float

    @property
    def total(self) -> float:
        """The sum."""
        return self.clock + self.registers + self.logic


def cell_models(library: CellLibrary, kinds: Mapping[str, int]) -> str:
    """Returns Verilog of cells: each takes one step, whatever it is."""
    texts = [_CELL_TIME]
    for kind in kinds:
        cell = library.cells[kind]
        (output,) = cell.outputs
        pins = ", ".join([*(f"input {pin}" for pin in cell.inputs), f"output reg {output}"])
        # Delays are those of transport: of pulses as short as the delay, "assign #1" of Icarus
        # loses some for good.
        if cell.clock:
            start = f"initial {output} = 0;"
            body = f"always @(posedge {cell.clock}) {output} <= #1 {data_pin(cell)}; {start}"
        else:
            # The first input is the lowest bit of the index.
            index, width = ", ".join(reversed(cell.inputs)), 1 << len(cell.inputs)
            mask = mask_of(library.functions[kind], len(cell.inputs))
            body = (
                f"localparam [{width - 1}:0] TABLE = {width}'h{mask:x}; "
                f"always @* {output} <= #1 TABLE[{{{index}}}];"
            )
        texts.append(f"module {kind} ({pins});\n  {body}\nendmodule\n")
    return "".join(texts)


def netlist_text(netlist: SequentialNetlist, library: CellLibrary) -> str:
    """Returns a netlist as Verilog; signal N is the wire nN."""
    network, flip_flop = netlist.network, netlist.flip_flop
    ports = [f"  input {CLOCK}"]
    ports += [
        f"  input [{p.width - 1}:0] {p.name}" for p in network.inputs if p.name != "registered"
    ]
    ports += [
        f"  output [{len(o.signals) - 1}:0] {o.name}"
        for o in network.outputs
        if o.name != "captured"
    ]
    lines = ["  wire n0 = 1'b0, n1 = 1'b1;"]
    for port in network.inputs:
        for bit, signal in enumerate(network.signals_of(port)):
            value = "" if port.name == "registered" else f" = {port.name}[{bit}]"
            lines.append(f"  wire n{signal}{value};")
    for output in network.outputs:
        if output.name != "captured":
            bits = ", ".join(f"n{signal}" for signal in reversed(output.signals))
            lines.append(f"  assign {output.name} = {{{bits}}};")
    for index, gate in enumerate(network.gates, network.first_gate):
        cell = library.cells[gate.kind]
        pins = dict(zip(cell.inputs, gate.inputs, strict=True)) | {next(iter(cell.outputs)): index}
        wires = ", ".join(f".{pin}(n{signal})" for pin, signal in pins.items())
        lines.append(f"  wire n{index}; {gate.kind} g{index} ({wires});")
    data = data_pin(flip_flop)
    (stored,) = flip_flop.outputs
    for register in netlist.registers:
        wires = (
            f".{flip_flop.clock}({CLOCK}), .{data}(n{register.data}), .{stored}(n{register.output})"
        )
        lines.append(f"  {flip_flop.name} r{register.output} ({wires});")
    head = ",\n".join(ports)
    return f"{_CELL_TIME}module {network.name} (\n{head}\n);\n" + "\n".join(lines) + "\nendmodule\n"


def simulate(
    netlist: SequentialNetlist,
    library: CellLibrary,
    bench: Mapping[str, str],
    top: str,
    scope: str,
    folder: Path,
) -> Toggles:
    """Runs a testbench on a netlist and counts how often each signal changes.

    Args:
        netlist: The design.
        library: Its cells.
        bench: Files of the testbench by name, with what they read.
        top: The testbench's module.
        scope: Where in it the design stands.
        folder: Where to work.
    """
    dump = f'$dumpfile("waves.vcd"); $dumpvars(1, {scope});'
    watch = f"module watch; initial begin {dump} end endmodule\n"
    files = {
        **{
            name: _BENCH_TIME + text if name.endswith(".v") else text
            for name, text in bench.items()
        },
        "watch.v": watch,
        "netlist.v": netlist_text(netlist, library),
        "cells.v": cell_models(library, netlist.cells),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    sources = [name for name in files if name.endswith(".v")]
    command = ["iverilog", "-g2012", "-s", top, "-s", "watch", "-o", "gates.vvp", *sources]
    subprocess.run(command, cwd=folder, check=True)
    done = subprocess.run(
        ["vvp", "-n", "gates.vvp"], cwd=folder, check=False, capture_output=True, text=True
    )
    size = netlist.network.first_gate + len(netlist.network.gates)
    changes, cycles = count_changes(folder / "waves.vcd", size)
    return Toggles(changes, cycles, done.stdout)


def count_changes(path: Path, signals: int) -> tuple[np.ndarray, int]:
    """Returns the changes of each wire nN in a VCD file, and the rising edges of the clock."""
    number: dict[str, int] = {}
    state: dict[str, str] = {}
    clock, cycles = "", 0
    counts = np.zeros(signals, np.int64)
    tally: dict[str, int] = {}
    with path.open(encoding="ascii") as file:
        for line in file:
            if line.startswith("$var"):
                words = line.split()
                if words[4] == CLOCK:
                    clock = words[3]
                elif words[2] == "1" and words[4][0] == "n" and words[4][1:].isdigit():
                    number[words[3]] = int(words[4][1:])
            if line.startswith("$enddefinitions"):
                break
        for line in file:
            value, code = line[0], line[1:-1]
            if value not in "01x" or (code not in number and code != clock):
                continue
            before = state.get(code)
            state[code] = value
            if before is None or "x" in (before, value) or before == value:
                continue
            if code == clock:
                cycles += value == "1"
            else:
                tally[code] = tally.get(code, 0) + 1
    for code, count in tally.items():
        counts[number[code]] = count
    return counts, cycles


def energy(netlist: SequentialNetlist, library: CellLibrary, toggles: Toggles) -> Energy:
    """Returns what toggles cost, by the same energies as components are characterised by."""
    network, flip_flop = netlist.network, netlist.flip_flop
    timing = analyse_timing(network, library)
    per_change = change_energies(network, library, timing)
    slew = library.input_slew_ns
    drawn = {
        pin: sum(table(slew, 0.0) for table in tables) / len(tables)
        for pin, tables in flip_flop.input_energy.items()
    }
    data = data_pin(flip_flop)
    edges = flip_flop.inputs[flip_flop.clock] * library.voltage**2 + 2 * drawn.get(
        flip_flop.clock, 0.0
    )
    stored = np.zeros(len(per_change), bool)
    for register in netlist.registers:
        own = flip_flop.energy_of_change(slew, timing.loads_ff[register.output])
        per_change[register.output] += own
        stored[register.output] = True
        if register.data > ONE:
            per_change[register.data] += drawn.get(data, 0.0)
    spent = per_change * toggles.changes
    return Energy(
        clock=edges * len(netlist.registers) * toggles.cycles,
        registers=float(spent[stored].sum()),
        logic=float(spent[~stored].sum()),
    )
