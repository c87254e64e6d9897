"""The circuits of the built-in multipliers against their tables."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.components.builtin import builtin_network
from hawx_onnx.components.netlist import GateNetwork, Output, Port, multiplication_table
from hawx_onnx.components.netlist.wrapping import sign_magnitude_network
from hawx_onnx.errors import ConfigError, LibraryError


@pytest.mark.parametrize("name", components.names())
def test_the_circuit_computes_the_table(name):
    network, multiplier = builtin_network(name), components.load(name)
    assert network.name == name
    assert [(port.name, port.width) for port in network.inputs] == [("A", 8), ("B", 8)]
    assert [(output.name, len(output.signals)) for output in network.outputs] == [("O", 16)]
    signed = multiplier.encoding is not Encoding.UNSIGNED
    table = multiplication_table(network, signed=signed)
    np.testing.assert_array_equal(table, multiplier.table)


def test_circuits_are_no_dumps_of_tables():
    """The published structures take a few hundred gates; sums of products take thousands."""
    sizes = {name: len(builtin_network(name).gates) for name in components.names()}
    assert sizes["mul8u_exact"] == 64 + 48 * 5 + 8 * 2
    assert max(sizes.values()) < 600
    for name in ("mul8u_ctrunc4", "mul8u_bam_h2_v6", "mul8u_drum4", "mul8u_etm", "mul8u_trunc2"):
        assert sizes[name] < sizes["mul8u_exact"], name
    assert sizes["mul8s_trunc4"] < sizes["mul8s_trunc3"] < sizes["mul8s_trunc2"]


def test_unknown_name():
    with pytest.raises(ConfigError, match="no multiplier 'mul8u_drum66'"):
        builtin_network("mul8u_drum66")


def test_wrapping_needs_a_multiplier():
    odd = GateNetwork("odd", (Port("x", 8),), (Output("y", (2,)),), ())
    with pytest.raises(LibraryError, match="odd: a multiplier has two inputs and one output"):
        sign_magnitude_network(odd, "wrapped", gate_zero=False)
