"""Verilog of multipliers, each with a testbench that proves its table."""

from __future__ import annotations

from dataclasses import dataclass

import hawx_onnx
from hawx_onnx.components.builtin import builtin, builtin_names, builtin_network
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.decision_diagram import table_network
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.testbench import Interface, bench_text, expected_text
from hawx_onnx.components.netlist.verilog import check_identifier, module_text
from hawx_onnx.components.stored import StoredMultiplier
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import ConfigError

LICENCE = "SPDX-License-Identifier: Apache-2.0"
CODES_TOLD = {
    Encoding.SIGNED: "signed: operands and product in two's complement",
    Encoding.UNSIGNED: "unsigned",
    Encoding.SIGN_MAGNITUDE: "sign_magnitude: an unsigned core inside, two's complement outside",
}


@dataclass(frozen=True)
class Rtl:
    """The files of one multiplier.

    Attributes:
        name: What the files are named after.
        interface: The module's name and ports.
        design: The module, in Verilog.
        testbench: A self-checking testbench for all operand pairs.
        expected: The products that it expects, for ``$readmemh``.
        origin: ``circuit`` (its own), ``library`` (as imported) or ``table`` (made of the table).
    """

    name: str
    interface: Interface
    design: str
    testbench: str
    expected: str
    origin: str

    def files(self) -> dict[str, str]:
        """Returns the texts by file name: design, testbench, expected products."""
        return {
            f"{self.name}.v": self.design,
            f"{self.name}_tb.v": self.testbench,
            f"{self.name}.hex": self.expected,
        }


def circuit(multiplier: Multiplier) -> GateNetwork | None:
    """Returns the circuit of a built-in multiplier, or None for any other one."""
    if multiplier.name not in builtin_names():
        return None
    known = builtin(multiplier.name)
    same = (known.encoding, known.content_hash) == (multiplier.encoding, multiplier.content_hash)
    return builtin_network(multiplier.name) if same else None


def rtl(multiplier: Multiplier, *, from_table: bool = False) -> Rtl:
    """Returns the Verilog of a multiplier and its testbench.

    Args:
        multiplier: The multiplier. A library's is exported with the Verilog that the library
            holds, as it is; where that is an unsigned core, sign logic is put around it.
        from_table: Whether a multiplier without a known circuit gets one of multiplexers, made
            of its truth table. It is right, synthesizable, and larger than a designed one.

    Raises:
        ConfigError: No circuit is known and ``from_table`` is not set.
        ComponentError: The library's Verilog is damaged, or a name is no Verilog identifier.
    """
    if isinstance(multiplier, StoredMultiplier) and multiplier.verilog is not None:
        return _held(multiplier)
    network = circuit(multiplier)
    if network is not None:
        return _built(multiplier, network, multiplier.source, "circuit")
    if not from_table:
        raise ConfigError(
            "nothing but a truth table is known of the multiplier",
            where=multiplier.name,
            mend="give --from-table for a circuit of multiplexers that is made of the table",
        )
    below_zero = multiplier.encoding.codes_signed or bool(multiplier.table.min() < 0)
    network = table_network(multiplier.table, multiplier.name, signed=below_zero)
    told = f"decision diagrams of a truth table, not its circuit; {multiplier.source}"
    return _built(multiplier, network, told, "table")


def design_text(multiplier: Multiplier, network: GateNetwork, source: str) -> str:
    """Returns the Verilog of a multiplier's circuit, headed by what is known of it.

    Raises:
        ComponentError: A name is no Verilog identifier.
    """
    comments = (
        f"{multiplier.name}: {multiplier.description}",
        f"Source: {source}",
        f"Encoding: {CODES_TOLD[multiplier.encoding]}",
        "Ports: A activation, B weight, O product",
        f"Truth table: SHA-256 {multiplier.content_hash}",
        f"Written by hawx-onnx {hawx_onnx.__version__}",
        LICENCE,
    )
    return module_text(network, comments=comments, signed=multiplier.encoding.codes_signed)


def _built(multiplier: Multiplier, network: GateNetwork, source: str, origin: str) -> Rtl:
    """Files of a circuit of our own."""
    interface = Interface(network.name, width=len(network.outputs[0].signals))
    return _files(multiplier, interface, design_text(multiplier, network, source), origin)


def _held(multiplier: StoredMultiplier) -> Rtl:
    """Files of Verilog that a library holds."""
    text, provenance = multiplier.read_verilog(), multiplier.provenance
    assert text is not None
    if not provenance.top or len(provenance.ports) != 3:
        raise ConfigError(
            "the library does not tell the top module and ports of the Verilog",
            where=multiplier.name,
            mend="import it anew with --top and --ports",
        )
    interface = Interface(provenance.top, *provenance.ports)
    if provenance.core:
        wrapped = Interface(f"{interface.top}_sign_magnitude")
        text = f"{text.rstrip()}\n\n{_sign_logic(interface, wrapped)}"
        interface = wrapped
    return _files(multiplier, interface, text, "library")


def _files(multiplier: Multiplier, interface: Interface, design: str, origin: str) -> Rtl:
    name = multiplier.name
    return Rtl(
        name=name,
        interface=interface,
        design=design,
        testbench=bench_text(interface, name),
        expected=expected_text(multiplier.table, interface.width),
        origin=origin,
    )


def _sign_logic(core: Interface, wrapped: Interface) -> str:
    """A module that puts sign logic around an unsigned core."""
    for name in (core.top, core.activation, core.weight, core.product):
        check_identifier(name)
    return f"""\
// Sign logic around the unsigned core {core.top}, by hawx-onnx.
// {LICENCE}
module {wrapped.top} (
  input signed [7:0] A,
  input signed [7:0] B,
  output signed [15:0] O
);
  wire [7:0] magnitude_a = A[7] ? -A : A;
  wire [7:0] magnitude_b = B[7] ? -B : B;
  wire [15:0] magnitude;
  {core.top} core (
    .{core.activation}(magnitude_a),
    .{core.weight}(magnitude_b),
    .{core.product}(magnitude)
  );
  wire [15:0] gated = (|A && |B) ? magnitude : 16'd0;
  assign O = (A[7] ^ B[7]) ? -gated : gated;
endmodule
"""
