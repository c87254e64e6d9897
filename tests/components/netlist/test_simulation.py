"""Gate networks: what they refuse, and their simulation against plain arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.components.netlist import (
    Gate,
    GateNetwork,
    Output,
    Port,
    multiplication_table,
    simulate,
)
from hawx_onnx.components.netlist.network import PRIMITIVES
from hawx_onnx.components.netlist.simulation import pack, unpack
from hawx_onnx.errors import LibraryError

TWO = (Port("a", 8), Port("w", 8))


def test_packing_is_undone_by_unpacking():
    values = np.random.default_rng(0).integers(0, 2**16, 640)
    np.testing.assert_array_equal(unpack(pack(values, 16)), values)


@pytest.mark.parametrize("kind", PRIMITIVES)
def test_primitives(kind):
    """Every combination of three bits, by Python's own operators."""
    expected = {
        "BUF": lambda a, b, s: a,
        "NOT": lambda a, b, s: 1 - a,
        "AND": lambda a, b, s: a and b,
        "NAND": lambda a, b, s: not (a and b),
        "OR": lambda a, b, s: a or b,
        "NOR": lambda a, b, s: not (a or b),
        "XOR": lambda a, b, s: a != b,
        "XNOR": lambda a, b, s: a == b,
        "ANDNOT": lambda a, b, s: a and not b,
        "ORNOT": lambda a, b, s: a or not b,
        "MUX": lambda a, b, s: b if s else a,
    }[kind]
    count = {"BUF": 1, "NOT": 1, "MUX": 3}.get(kind, 2)
    gate = Gate(kind, tuple(range(2, 2 + count)))
    network = GateNetwork("one", (Port("x", 3),), (Output("y", (5,)),), (gate,))
    x = np.arange(64) % 8
    y = unpack(simulate(network, {"x": pack(x, 3)})["y"])
    bits = [(int(v) & 1, int(v) >> 1 & 1, int(v) >> 2) for v in x]
    assert y.tolist() == [int(expected(*three)) for three in bits]


def test_table_is_indexed_by_activation_first():
    """y = a + 256 * w by wires alone."""
    network = GateNetwork("wires", TWO, (Output("y", tuple(range(2, 18))),), ())
    a, w = np.arange(256)[:, None], np.arange(256)[None]
    table = multiplication_table(network, signed=False)
    assert table.dtype == np.int32
    np.testing.assert_array_equal(table, a + 256 * w)
    signed = multiplication_table(network, signed=True)
    np.testing.assert_array_equal(signed, (a + 256 * w).astype(np.uint16).view(np.int16))


def test_faults_are_refused():
    with pytest.raises(LibraryError, match="no gate of kind 'NAND9'"):
        GateNetwork("m", TWO, (), (Gate("NAND9", (2, 3)),))
    with pytest.raises(LibraryError, match="gate 18 reads a later signal"):
        GateNetwork("m", TWO, (), (Gate("NOT", (18,)),))
    with pytest.raises(LibraryError, match="output y reads no signal"):
        GateNetwork("m", TWO, (Output("y", (99,)),), ())
    network = GateNetwork("m", TWO, (Output("y", (2,)),), ())
    with pytest.raises(LibraryError, match="input w needs words for 8 bits"):
        simulate(network, {"a": pack(np.arange(64), 8)})
    three = GateNetwork("m", (*TWO, Port("c", 1)), (Output("y", (2,)),), ())
    with pytest.raises(LibraryError, match="two inputs of 8 bits"):
        multiplication_table(three, signed=False)
