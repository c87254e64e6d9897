"""Verilog of multipliers, each with a testbench that proves its table."""

from __future__ import annotations

from dataclasses import dataclass

import hawx_onnx
from hawx_onnx.components.builtin import builtin, builtin_names, builtin_network
from hawx_onnx.components.multiplier import Multiplier
from hawx_onnx.components.netlist.decision_diagram import table_network
from hawx_onnx.components.netlist.network import GateNetwork
from hawx_onnx.components.netlist.testbench import Interface, bench_text, expected_text
from hawx_onnx.components.netlist.verilog import module_text
from hawx_onnx.components.tables import Encoding
from hawx_onnx.errors import LibraryError

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
        interface: The module's name and ports.
        design: The module, in Verilog.
        testbench: A self-checking testbench for all operand pairs.
        expected: The products that it expects, for ``$readmemh``.
        gates: How many gates the module has.
    """

    interface: Interface
    design: str
    testbench: str
    expected: str
    gates: int

    def files(self) -> dict[str, str]:
        """Returns the texts by file name."""
        top = self.interface.top
        return {
            f"{top}.v": self.design,
            f"{top}_tb.v": self.testbench,
            f"{top}.hex": self.expected,
        }


def circuit(multiplier: Multiplier) -> GateNetwork | None:
    """Returns the circuit of a multiplier, or None where nothing but its table is known."""
    if multiplier.name not in builtin_names():
        return None
    known = builtin(multiplier.name)
    same = (known.encoding, known.content_hash) == (multiplier.encoding, multiplier.content_hash)
    return builtin_network(multiplier.name) if same else None


def rtl(multiplier: Multiplier, *, from_table: bool = False) -> Rtl:
    """Returns the Verilog of a multiplier and its testbench.

    Args:
        multiplier: The multiplier; the module gets its name.
        from_table: Whether a multiplier without a known circuit gets one of multiplexers, made
            of its truth table. It is right, synthesizable, and larger than a designed one.

    Raises:
        LibraryError: No circuit is known and ``from_table`` is not set, or the name is no Verilog
            identifier.
    """
    network, origin = circuit(multiplier), multiplier.source
    signed = multiplier.encoding.codes_signed
    below_zero = signed or bool(multiplier.table.min() < 0)
    if network is None:
        if not from_table:
            raise LibraryError(
                "nothing but a truth table is known of the multiplier",
                where=multiplier.name,
                mend="give --from-table for a circuit of multiplexers that is made of the table",
            )
        network = table_network(multiplier.table, multiplier.name, signed=below_zero)
        origin = f"decision diagrams of a truth table, not its circuit; {multiplier.source}"
    comments = (
        f"{multiplier.name}: {multiplier.description}",
        f"Source: {origin}",
        f"Encoding: {CODES_TOLD[multiplier.encoding]}",
        "Ports: A activation, B weight, O product",
        f"Truth table: SHA-256 {multiplier.content_hash}",
        f"Written by hawx-onnx {hawx_onnx.__version__}",
        LICENCE,
    )
    width = len(network.outputs[0].signals)
    interface = Interface(network.name, width=width)
    return Rtl(
        interface=interface,
        design=module_text(network, comments=comments, signed=signed),
        testbench=bench_text(interface, f"{interface.top}.hex"),
        expected=expected_text(multiplier.table, width),
        gates=len(network.gates),
    )
