"""What a family module says about each of its circuits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hawx_onnx.components.netlist.arithmetic import padded
from hawx_onnx.components.netlist.builder import Bits, Builder
from hawx_onnx.components.netlist.network import GateNetwork, Port
from hawx_onnx.components.tables import Product

OPERAND_BITS, PRODUCT_BITS = 8, 16

Wiring = Callable[[Builder, Bits, Bits], Bits]
"""Builds a multiplier: from the bits of activation and weight to those of the product."""


@dataclass(frozen=True)
class Definition:
    """One circuit of a family; making one computes nothing.

    Attributes:
        stem: Name without the encoding's prefix, for instance ``drum6``.
        product: The arithmetic, over broadcast int64 arrays of operand values.
        wiring: Builds the circuit, which computes the same.
        source: Citation.
        description: One line on what the circuit does.
        signed: Whether the operands are in two's complement; an unsigned core is offered as
            sign-magnitude multiplier too.
    """

    stem: str
    product: Product
    wiring: Wiring
    source: str
    description: str
    signed: bool = False

    def network(self, name: str = "") -> GateNetwork:
        """Returns the circuit: inputs A (activation) and B (weight), output O (product).

        Args:
            name: The module's name, by default the stem.
        """
        build = Builder((Port("A", OPERAND_BITS), Port("B", OPERAND_BITS)))
        product = self.wiring(build, build.input("A"), build.input("B"))
        return build.network(name or self.stem, {"O": padded(product, PRODUCT_BITS)})
