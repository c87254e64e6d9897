"""The operators on 8-bit codes whose products can be approximated, and where their operands are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CONV, MATMUL = "Conv", "MatMul"


@dataclass(frozen=True)
class IntegerOp:
    """An operator of the standard that multiplies codes.

    Attributes:
        op: ``Conv`` or ``MatMul``, what it computes.
        approximate: The ai.hawx operator that stands for it.
        sums: The ai.hawx operator that gives its accumulators.
        activation: Place of the first operand among the inputs.
        activation_zero: Place of its zero point.
        weight: Place of the second operand.
        weight_zero: Place of its zero points.
        dynamic: Whether it gives accumulators, whose ranges may be found at run time; otherwise
            scales, zero points and the codes of the result are inputs that have to be constants.
    """

    op: str
    approximate: str
    sums: str
    activation: int
    activation_zero: int
    weight: int
    weight_zero: int
    dynamic: bool

    @property
    def convolves(self) -> bool:
        """Whether channels are axis 1 of operands and result, and weights [filters, depth, ...]."""
        return self.op == CONV

    @property
    def operands(self) -> tuple[int, int]:
        """Places of the activation and of the weight."""
        return self.activation, self.weight

    @property
    def places(self) -> tuple[int, int, int, int]:
        """Places of the operands, then of their zero points: the inputs of ``sums``."""
        return self.activation, self.weight, self.activation_zero, self.weight_zero

    @property
    def codes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Places of codes and zero point of the activation, then of the weight."""
        return (self.activation, self.activation_zero), (self.weight, self.weight_zero)


INTEGER_OPS = {
    "QLinearConv": IntegerOp(
        CONV, "ApproxQLinearConv", "ApproxConvInteger", 0, 2, 3, 5, dynamic=False
    ),
    "QLinearMatMul": IntegerOp(
        MATMUL, "ApproxQLinearMatMul", "ApproxMatMulInteger", 0, 2, 3, 5, dynamic=False
    ),
    "ConvInteger": IntegerOp(
        CONV, "ApproxConvInteger", "ApproxConvInteger", 0, 2, 1, 3, dynamic=True
    ),
    "MatMulInteger": IntegerOp(
        MATMUL, "ApproxMatMulInteger", "ApproxMatMulInteger", 0, 2, 1, 3, dynamic=True
    ),
}
# The standard's operator that each ai.hawx operator stands for.
EXACT_OP = {known.approximate: kind for kind, known in INTEGER_OPS.items()}


def integer_op(kind: str) -> IntegerOp | None:
    """What is known of an operator, the standard's or ours; None if it has no entry."""
    return INTEGER_OPS.get(EXACT_OP.get(kind, kind))


def known_op(kind: str) -> IntegerOp:
    """The entry of an operator that has one, the standard's or ours."""
    return INTEGER_OPS[EXACT_OP.get(kind, kind)]


def convolves(kind: str) -> bool:
    """Whether an operator that has an entry is a convolution."""
    return known_op(kind).convolves


def as_codes(codes: np.ndarray, signed: bool) -> np.ndarray:
    """Codes as the multipliers take them: the same numbers, 128 less for int8, 128 more for uint8.

    Args:
        codes: int8 or uint8, any shape.
        signed: Whether the multipliers take int8.

    Returns:
        The codes themselves where they are of that type.
    """
    wanted = np.dtype(np.int8 if signed else np.uint8)
    if codes.dtype == wanted:
        return codes
    # 128 more or less is the highest bit turned over.
    return np.asarray(codes.view(np.uint8) ^ np.uint8(0x80)).view(wanted)
