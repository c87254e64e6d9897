"""Which bits of its operands a multiplier reads, and which of its product it ever sets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hawx_onnx.components.tables import CODES, Table

OPERAND_BITS, PRODUCT_BITS = 8, 16


@dataclass(frozen=True)
class UsedBits:
    """Bits that need gates, registers and adders around a multiplier.

    Attributes:
        activation: Bits of the activation on which the product depends.
        weight: The same of the weight.
        product: Bits of the product that are not always 0.
        low_zeros: Lowest bits of the product that are always 0.
    """

    activation: int = OPERAND_BITS
    weight: int = OPERAND_BITS
    product: int = PRODUCT_BITS
    low_zeros: int = 0


def used_bits(table: Table) -> UsedBits:
    """Returns the bits that a multiplier uses.

    Args:
        table: int32 [256, 256], [activation][weight].
    """
    codes = np.arange(CODES)
    read = [
        sum(bool((one != one[codes ^ (1 << bit)]).any()) for bit in range(OPERAND_BITS))
        for one in (table, table.T)
    ]
    ever = int(np.bitwise_or.reduce(table, axis=None)) & ((1 << PRODUCT_BITS) - 1)
    low = (ever & -ever).bit_length() - 1 if ever else PRODUCT_BITS
    activation, weight = read
    return UsedBits(activation, weight, bin(ever).count("1"), low)
