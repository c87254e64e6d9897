"""Gate networks from Verilog: elaborated by yosys, read from its JSON netlist.

The script keeps the circuit's structure: operators become gates, nothing is optimised across them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hawx_onnx.components.netlist.network import ONE, ZERO, Gate, GateNetwork, Output, Port
from hawx_onnx.components.netlist.verilog_source import scan
from hawx_onnx.components.netlist.yosys import Yosys, run_yosys
from hawx_onnx.errors import ComponentError

FLOW = "1"
"""Version of the script below; part of what caches are keyed by."""

CPU_SECONDS = 8
"""Processor time that elaboration may take: built-in multipliers need a tenth of a second."""
_FILE = "netlist.v"
_SCRIPT = f"""\
read_verilog {{options}} {_FILE}
hierarchy -check -top {{top}}
proc
flatten
opt_clean
memory
techmap
simplemap
opt_clean -purge
write_json netlist.json
"""

# Cells of yosys after simplemap: kind of the gate, and its inputs in the order of its function.
_CELLS: Mapping[str, tuple[str, str]] = {
    "$_BUF_": ("BUF", "A"),
    "$_NOT_": ("NOT", "A"),
    "$_AND_": ("AND", "AB"),
    "$_NAND_": ("NAND", "AB"),
    "$_OR_": ("OR", "AB"),
    "$_NOR_": ("NOR", "AB"),
    "$_XOR_": ("XOR", "AB"),
    "$_XNOR_": ("XNOR", "AB"),
    "$_ANDNOT_": ("ANDNOT", "AB"),
    "$_ORNOT_": ("ORNOT", "AB"),
    "$_MUX_": ("MUX", "ABS"),
}
_REFUSED = (
    ("$_DLATCH", "latch"),
    ("$dlatch", "latch"),
    ("$_SR_", "latch"),
    ("$sr", "latch"),
    ("$_TBUF", "tri-state driver"),
    ("$tribuf", "tri-state driver"),
    ("$mem", "memory"),
)
_MEND_STATE = "a multiplier is combinational: give every output a value for every input"


@dataclass(frozen=True)
class Elaborated:
    """A circuit as yosys elaborated it.

    Attributes:
        network: With every undefined bit (x, z) read as 0.
        undefined: The same with these bits read as 1; None where there are none.
        signed: Names of the ports that are declared signed.
    """

    network: GateNetwork
    undefined: GateNetwork | None
    signed: frozenset[str]


def elaborate(text: str, top: str, *, where: str, yosys: Yosys | None = None) -> Elaborated:
    """Elaborates a Verilog text into gates.

    Args:
        text: Verilog that defines the module and all that it uses.
        top: The module.
        where: The file, for error texts; SystemVerilog if it ends in ``.sv``.
        yosys: The program; by default :func:`~hawx_onnx.components.netlist.yosys.find_yosys`.

    Raises:
        ComponentError: The text does not parse, holds state, drives a signal twice or not at all,
            or holds a loop; file and line or port are named.
        LibraryError: There is no yosys.
    """
    scan(text, where)
    script = _SCRIPT.format(options="-sv" if where.endswith(".sv") else "", top=_escaped(top))
    files = run_yosys(
        script,
        {_FILE: text},
        ["netlist.json"],
        where=where,
        yosys=yosys,
        cpu_seconds=CPU_SECONDS,
    )
    modules = json.loads(files["netlist.json"])["modules"]
    module = modules.get(top)
    if module is None or len(modules) != 1:
        raise ComponentError(f"yosys made no flat module {top}", where=where, mend="check its name")
    reader = _Reader(module, top, where)
    network = reader.network(ZERO)
    undefined = reader.network(ONE) if reader.has_unknown else None
    signed = frozenset(name for name, port in module["ports"].items() if port.get("signed"))
    return Elaborated(network, undefined, signed)


def _escaped(name: str) -> str:
    return "\\" + name


class _Reader:
    """Turns one module of yosys's JSON into a network."""

    def __init__(self, module: Mapping[str, Any], name: str, where: str) -> None:
        self._module, self._name, self._where = module, name, where
        self.has_unknown = False
        self._cells = self._by_output()

    def network(self, unknown: int) -> GateNetwork:
        """Returns the network with undefined bits as one of the constants."""
        ports = self._module["ports"]
        inputs = {
            name: port["bits"] for name, port in ports.items() if port["direction"] == "input"
        }
        outputs = {n: port["bits"] for n, port in ports.items() if port["direction"] == "output"}
        signals: dict[int | str, int] = {"0": ZERO, "1": ONE, "x": unknown, "z": unknown}
        for bit in (bit for bits in inputs.values() for bit in bits):
            signals[bit] = len(signals) - 2
        gates: list[Gate] = []
        first = len(signals) - 2
        for name, bits in outputs.items():
            for index, bit in enumerate(bits):
                self._reach(bit, f"output {name}[{index}]", signals, gates, first)
        return GateNetwork(
            self._name,
            tuple(Port(name, len(bits)) for name, bits in inputs.items()),
            tuple(Output(n, tuple(signals[bit] for bit in bits)) for n, bits in outputs.items()),
            tuple(gates),
        )

    def _by_output(self) -> dict[int, tuple[str, str, Sequence[int | str], str]]:
        """Cells by the bit that they drive: kind, name, input bits, source; refuses conflicts."""
        driven: dict[int, tuple[str, str, Sequence[int | str], str]] = {}
        taken: dict[int | str, str] = {}
        for name, port in self._module["ports"].items():
            if port["direction"] == "inout":
                raise self._error(f"port {name} is inout", "declare it input or output")
            if port["direction"] == "input":
                for index, bit in enumerate(port["bits"]):
                    if bit in taken or isinstance(bit, str):
                        raise self._twice(f"input {name}[{index}]")
                    taken[bit] = name
        for name, cell in self._module["cells"].items():
            kind, pins = self._kind(name, cell)
            bits = [cell["connections"][pin][0] for pin in pins]
            (target,) = cell["connections"]["Y"]
            if target in taken or isinstance(target, str):
                raise self._twice(self._net(target) or name, cell)
            taken[target] = name
            driven[target] = (kind, name, bits, self._line(cell))
        return driven

    def _kind(self, name: str, cell: Mapping[str, Any]) -> tuple[str, str]:
        """The gate of a cell, or an error for what is no gate."""
        if cell["type"] in _CELLS:
            return _CELLS[cell["type"]]
        state = next((word for start, word in _REFUSED if cell["type"].startswith(start)), None)
        if state is None and ("FF" in cell["type"] or "ff" in cell["type"]):
            state = "flip-flop"
        target = self._net(cell["connections"].get("Q", cell["connections"].get("Y", [""]))[0])
        of = f" for {target}" if target else ""
        if state is None:
            raise self._error(f"the cell {name} of kind {cell['type']} is no gate", "", cell)
        raise self._error(f"the circuit holds a {state}{of}", _MEND_STATE, cell)

    def _reach(
        self,
        bit: int | str,
        what: str,
        signals: dict[int | str, int],
        gates: list[Gate],
        first: int,
    ) -> None:
        """Appends the gates that drive a bit, those that they read before them."""
        stack: list[int | str] = [bit]
        path: set[int | str] = set()
        while stack:
            bit = stack[-1]
            if bit in signals:
                self.has_unknown |= bit in ("x", "z")
                path.discard(stack.pop())
                continue
            if bit not in self._cells:
                raise self._undriven(bit, what)
            kind, _, reads, line = self._cells[int(bit)]
            self.has_unknown |= any(read in ("x", "z") for read in reads)
            waiting = [read for read in reads if read not in signals]
            if not waiting:
                gates.append(Gate(kind, tuple(signals[read] for read in reads)))
                signals[bit] = first + len(gates) - 1
                path.discard(stack.pop())
                continue
            path.add(bit)
            for read in waiting:
                if read in path:
                    raise self._error(
                        f"there is a loop through {self._net(read) or 'unnamed gates'}",
                        "a combinational circuit reads no signal that depends on itself",
                        line=line,
                    )
            stack += waiting

    def _undriven(self, bit: int | str, what: str) -> ComponentError:
        net = self._net(bit)
        via = "" if not net or f"output {net}" == what else f": nothing drives {net}"
        return self._error(f"{what} is undriven{via}", "assign every bit that an output depends on")

    def _twice(self, what: str, cell: Mapping[str, Any] | None = None) -> ComponentError:
        return self._error(f"{what} is driven more than once", "leave one driver", cell)

    def _net(self, bit: int | str) -> str:
        """The shortest public name of a bit, such as ``O[3]``; empty where there is none."""
        names = [
            name if len(net["bits"]) == 1 else f"{name}[{net['bits'].index(bit)}]"
            for name, net in self._module["netnames"].items()
            if not net["hide_name"] and bit in net["bits"]
        ]
        return min(names, key=lambda name: (len(name), name), default="")

    def _line(self, cell: Mapping[str, Any]) -> str:
        """The line of the file that a cell comes from; empty where it comes from none of it."""
        for source in str(cell.get("attributes", {}).get("src", "")).split("|"):
            file, _, position = source.partition(":")
            if file == _FILE:
                return position.partition(".")[0]
        return ""

    def _error(
        self, what: str, mend: str, cell: Mapping[str, Any] | None = None, line: str = ""
    ) -> ComponentError:
        line = line or (self._line(cell) if cell else "")
        return ComponentError(
            what, where=f"{self._where}:{line}" if line else self._where, mend=mend
        )
