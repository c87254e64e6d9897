"""Circuits of multiplexers for truth tables that come without one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.netlist.builder import Builder
from hawx_onnx.components.netlist.network import GateNetwork, Port
from hawx_onnx.components.tables import CODES, Table

OPERAND_BITS = 8

_LOW = (1 << 32) - 1


def product_width(table: Table, signed: bool) -> int:
    """Returns how many bits hold all entries: 16, or as many more as are needed.

    Args:
        table: int32 [256, 256].
        signed: Whether they are in two's complement.
    """
    low, high = int(table.min()), int(table.max())
    needed = max(high.bit_length(), (~low).bit_length() if low < 0 else 0) + signed
    return max(16, needed)


def table_network(table: Table, name: str, *, signed: bool) -> GateNetwork:
    """Returns a circuit with a given truth table: its reduced ordered decision diagrams.

    Each node is a multiplexer whose operand bit chooses between two smaller functions; equal
    functions are built once, over all product bits. The operands' bits are tested in turn, from
    the highest ones at the output to the lowest ones, which keeps the diagrams of products small.
    It says nothing of the circuit that the table came from, and is larger than that.

    Args:
        table: int32 [256, 256] by bit patterns, [activation][weight].
        name: The module's name.
        signed: Whether products are in two's complement; negative entries need it.

    Returns:
        Inputs A (activation) and B (weight), output O of :func:`product_width` bits.
    """
    build = Builder((Port("A", OPERAND_BITS), Port("B", OPERAND_BITS)))
    a, b = build.input("A"), build.input("B")
    interleaved = _interleaved(table)
    functions: npt.NDArray[np.int64] = np.stack(
        [interleaved >> bit & 1 for bit in range(product_width(table, signed))]
    )
    # A function of no variables is a constant, and the constants are the signals 0 and 1.
    for variable in (bit for place in range(OPERAND_BITS) for bit in (b[place], a[place])):
        pairs = functions[:, ::2] << 32 | functions[:, 1::2]
        distinct, which = np.unique(pairs, return_inverse=True)
        nodes = [build.mux(variable, int(pair) >> 32, int(pair) & _LOW) for pair in distinct]
        functions = np.array(nodes, np.int64)[which.reshape(pairs.shape)]
    return build.network(name, {"O": tuple(int(signal) for signal in functions[:, 0])})


def _interleaved(table: Table) -> npt.NDArray[np.int64]:
    """Returns the entries [65536] by a7 b7 a6 b6 ... a0 b0, the first the highest index bit."""
    cube = table.astype(np.int64).reshape((2,) * (2 * OPERAND_BITS))
    order = [axis for place in range(OPERAND_BITS) for axis in (place, OPERAND_BITS + place)]
    entries: npt.NDArray[np.int64] = cube.transpose(order).reshape(CODES * CODES)
    return entries
