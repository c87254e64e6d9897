"""Column truncation: the partial products of the lowest columns are left out.

T[a][w] = sum over i + j >= v of s_i s_j 2**(i+j) a_i w_j + C

s_i is -1 for the sign bit of a two's complement operand, else 1. ``ctrunc6`` leaves out columns
0 to 5 with C = 0. ``ctrunc6c`` adds the constant C that is the multiple of 2**v nearest to
the mean of the left-out part under uniform operands; a product with 0 is then C. The table
has rank at most 8. In two's complement ``ctrunc2``, ``ctrunc3`` and ``ctrunc4`` are mul8s_1KVA,
1KVB and 1KX2 of EvoApproxLib.
"""

from __future__ import annotations

import functools

from hawx_onnx.components.families.definition import Definition
from hawx_onnx.components.families.partial_products import expected_loss, kept_product
from hawx_onnx.components.netlist.array import array_product

SOURCE = (
    "M. J. Schulte, E. E. Swartzlander, Truncated multiplication with correction constant, "
    "VLSI Signal Processing VI, 1993"
)
PLAIN = (2, 3, 4, 5, 6, 7, 8)
COMPENSATED = (4, 5, 6, 7, 8)


def _keep(i: int, j: int, *, columns: int) -> bool:
    return i + j >= columns


def correction(columns: int, signed: bool) -> int:
    """Returns the correction constant for so many left-out columns."""
    loss = expected_loss(functools.partial(_keep, columns=columns), signed)
    return round(loss / (1 << columns)) << columns


def definition(columns: int, signed: bool, compensated: bool) -> Definition:
    """Returns the array without its lowest columns, plain or with the correction constant."""
    keep = functools.partial(_keep, columns=columns)
    constant = correction(columns, signed) if compensated else 0
    text = f"leaves out the partial products of the {columns} lowest columns"
    return Definition(
        stem=f"ctrunc{columns}c" if compensated else f"ctrunc{columns}",
        product=functools.partial(kept_product, keep=keep, signed=signed, constant=constant),
        wiring=functools.partial(array_product, keep=keep, signed=signed, constant=constant),
        source=SOURCE,
        description=f"{text} and adds {constant}" if compensated else text,
        signed=signed,
    )


def definitions() -> tuple[Definition, ...]:
    """Returns all variants, unsigned and signed."""
    variants = [(v, False) for v in PLAIN] + [(v, True) for v in COMPENSATED]
    return tuple(
        definition(columns, signed, compensated)
        for columns, compensated in variants
        for signed in (False, True)
    )
