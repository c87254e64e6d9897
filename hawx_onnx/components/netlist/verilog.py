"""Gate networks as structural Verilog-2001: one module, one line for each gate."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType

from hawx_onnx.components.netlist.network import ONE, PRIMITIVES, ZERO, GateNetwork
from hawx_onnx.errors import ComponentError

EXPRESSIONS: Mapping[str, str] = MappingProxyType(
    {
        "BUF": "{0}",
        "NOT": "~{0}",
        "AND": "{0} & {1}",
        "NAND": "~({0} & {1})",
        "OR": "{0} | {1}",
        "NOR": "~({0} | {1})",
        "XOR": "{0} ^ {1}",
        "XNOR": "~({0} ^ {1})",
        "ANDNOT": "{0} & ~{1}",
        "ORNOT": "{0} | ~{1}",
        "MUX": "{2} ? {1} : {0}",
    }
)
"""What each primitive gate is in Verilog."""

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Names that a module or port cannot have; those of gates are the likeliest.
KEYWORD = re.compile(
    "always|and|assign|begin|buf|case|default|else|end|endmodule|for|function|if|initial|inout|"
    "input|integer|module|nand|negedge|nor|not|or|output|posedge|real|reg|signed|specify|supply0|"
    "supply1|table|task|time|tri|wire|xnor|xor"
)


def check_identifier(name: str) -> None:
    """Checks that a module or port can have a name.

    Raises:
        ComponentError: It cannot.
    """
    if not IDENTIFIER.fullmatch(name) or KEYWORD.fullmatch(name):
        raise ComponentError(
            "the name is no Verilog identifier",
            where=name,
            mend="rename it: letters, digits and underscores, no digit first, no keyword",
        )


def module_text(network: GateNetwork, *, comments: Sequence[str] = (), signed: bool = False) -> str:
    """Returns a module that computes what a network computes.

    Args:
        network: Of gates that are :data:`PRIMITIVES`.
        comments: Lines above the module.
        signed: Whether its ports are in two's complement.

    Raises:
        ComponentError: A name is no identifier, or a gate belongs to some technology.
    """
    for name in (network.name, *_port_names(network)):
        check_identifier(name)
    if unknown := {gate.kind for gate in network.gates} - set(PRIMITIVES):
        raise ComponentError(
            f"there is no Verilog for gates of kind {', '.join(sorted(unknown))}",
            where=network.name,
            mend="export the network before it is mapped to a technology",
        )
    # A line break in a comment would end it.
    header = "\n".join(f"// {' '.join(line.split())}" for line in comments)
    body = "\n".join(f"  {line}" for line in (*_wires(network), *_outputs(network)))
    ports = ",\n".join(f"  {port}" for port in _ports(network, "signed " if signed else ""))
    text = f"module {network.name} (\n{ports}\n);\n{body}\nendmodule\n"
    return f"{header}\n{text}" if header else text


def _port_names(network: GateNetwork) -> list[str]:
    return [port.name for port in network.inputs] + [output.name for output in network.outputs]


def _ports(network: GateNetwork, sign: str) -> Iterator[str]:
    for port in network.inputs:
        yield f"input {sign}[{port.width - 1}:0] {port.name}"
    for output in network.outputs:
        yield f"output {sign}[{len(output.signals) - 1}:0] {output.name}"


def _wires(network: GateNetwork) -> Iterator[str]:
    names = _signal_names(network)
    for signal, gate in enumerate(network.gates, network.first_gate):
        value = EXPRESSIONS[gate.kind].format(*(names[s] for s in gate.inputs))
        yield f"wire {names[signal]} = {value};"


def _outputs(network: GateNetwork) -> Iterator[str]:
    names = _signal_names(network)
    for output in network.outputs:
        for bit, signal in enumerate(output.signals):
            yield f"assign {output.name}[{bit}] = {names[signal]};"


def _signal_names(network: GateNetwork) -> list[str]:
    """Returns how each signal is called in the module."""
    bits = [f"{port.name}[{bit}]" for port in network.inputs for bit in range(port.width)]
    names = ["1'b0", "1'b1", *bits]
    assert (ZERO, ONE) == (0, 1)
    # No port may have the name of a wire.
    prefix = "n"
    while any(re.fullmatch(rf"{prefix}\d+", name) for name in _port_names(network)):
        prefix += "_"
    return names + [f"{prefix}{index}" for index in range(len(network.gates))]
