"""What a family module says about each of its circuits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hawx_onnx.components.cells import Circuit
from hawx_onnx.components.tables import Product


@dataclass(frozen=True)
class Definition:
    """One circuit of a family; making one computes nothing.

    Attributes:
        stem: Name without the encoding's prefix, for instance ``drum6``.
        product: The arithmetic, over broadcast int64 arrays of operand values.
        circuit: Counts the gates.
        source: Citation.
        description: One line on what the circuit does.
        signed: Whether the operands are in two's complement; an unsigned core is offered as
            sign-magnitude multiplier too.
    """

    stem: str
    product: Product
    circuit: Callable[[], Circuit]
    source: str
    description: str
    signed: bool = False
