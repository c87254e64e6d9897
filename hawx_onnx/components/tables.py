"""Operand encodings and truth tables: what the 65,536 entries of a table stand for.

A truth table is indexed by the operands' bit patterns, the activation first. Under a signed
encoding index 255 is therefore the operand -1.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

CODES = 256
"""Bit patterns of an 8-bit operand."""

IntArray = npt.NDArray[np.int64]
Table = npt.NDArray[np.int32]
Product = Callable[[IntArray, IntArray], IntArray]
"""Multiplies two broadcast arrays of operand values, elementwise."""


class Encoding(str, enum.Enum):
    """How the bit patterns of both operands are read.

    ``SIGN_MAGNITUDE`` is an unsigned core between sign logic. Its operands arrive in two's
    complement, so its codes are the same int8 codes as those of ``SIGNED``.
    """

    SIGNED = "signed"
    UNSIGNED = "unsigned"
    SIGN_MAGNITUDE = "sign_magnitude"

    @property
    def codes_signed(self) -> bool:
        """Whether the operands' codes are int8 (else uint8)."""
        return self is not Encoding.UNSIGNED

    @property
    def code_dtype(self) -> np.dtype[np.signedinteger | np.unsignedinteger]:
        """The numpy dtype of the operands' codes."""
        return np.dtype(np.int8) if self.codes_signed else np.dtype(np.uint8)


@functools.cache
def operand_values(encoding: Encoding) -> Table:
    """Returns the value of each bit pattern, int32 [256], read-only."""
    patterns = np.arange(CODES, dtype=np.uint8)
    values = patterns.view(encoding.code_dtype).astype(np.int32)
    values.setflags(write=False)
    return values


@functools.cache
def exact_table(encoding: Encoding) -> Table:
    """Returns the table of exact products, int32 [256, 256], read-only."""
    values = operand_values(encoding)
    table = np.multiply.outer(values, values)
    table.setflags(write=False)
    return table


def tabulate(product: Product, encoding: Encoding) -> Table:
    """Returns the truth table of a product function over the operand values of an encoding.

    Args:
        product: Called once with int64 operands of shapes [256, 1] and [1, 256].
        encoding: ``SIGNED`` or ``UNSIGNED``; a sign-magnitude table is made by
            :func:`sign_magnitude` from an unsigned one.

    Returns:
        int32 [256, 256], indexed by bit patterns, activation first.
    """
    values = operand_values(encoding).astype(np.int64)
    table = product(values[:, None], values[None, :])
    return np.broadcast_to(table, (CODES, CODES)).astype(np.int32)


def sign_magnitude(core: Table) -> Table:
    """Wraps an unsigned core in sign logic: T[a][w] = sgn(a) sgn(w) core[|a|][|w|].

    The magnitude of -128 is 128, which an 8-bit unsigned core takes. The sign of 0 is 0: a zero
    operand gives a zero product even where the core does not, because the sign logic gates the
    core's output.

    Args:
        core: int32 [256, 256] over uint8 bit patterns.

    Returns:
        int32 [256, 256] over int8 bit patterns.
    """
    values = operand_values(Encoding.SIGN_MAGNITUDE)
    magnitude, sign = np.abs(values), np.sign(values)
    wrapped = np.multiply.outer(sign, sign) * core[np.ix_(magnitude, magnitude)]
    return np.asarray(wrapped, dtype=np.int32)
