"""The node tests of the ONNX standard, run by the approximate operators with exact tables."""

from __future__ import annotations

import importlib

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.backend.test.case import node as cases

from hawx_onnx.runtime.library import create_session

# Where the inputs stand that say types and output channels, and the axis of the channels.
PLACES = {
    "QLinearConv": (0, 3, 0),
    "QLinearMatMul": (0, 3, -1),
    "ConvInteger": (0, 1, 0),
    "MatMulInteger": (0, 1, -1),
}
# The number of inputs before the tables: optional ones that a test leaves out are empty.
STANDARD_INPUTS = {"QLinearConv": 9, "QLinearMatMul": 8, "ConvInteger": 4, "MatMulInteger": 4}


def collected():
    """The tests of the four operators; the modules of all others stay unread."""
    for op in PLACES:
        importlib.import_module(f"{cases.__name__}.{op.lower()}")
    found = {case.name: case for case in cases._NodeTestCases if op_of(case) in PLACES}
    # Scales are float32 here; the standard's newest version also takes float16.
    return [found[name] for name in sorted(found) if "float16" not in name]


def op_of(case):
    return case.model.graph.node[0].op_type


def approximate(case, inputs, ops):
    """The test's model with the approximate operator and the exact table."""
    node = case.model.graph.node[0]
    x, w, axis = PLACES[node.op_type]
    names = list(node.input) + [""] * (STANDARD_INPUTS[node.op_type] - len(node.input))
    made = helper.make_node(
        f"Approx{node.op_type}", [*names, "tables", "index"], node.output, domain="ai.hawx"
    )
    made.attribute.extend(node.attribute)
    graph = helper.make_graph(
        [made],
        case.name,
        case.model.graph.input,
        case.model.graph.output,
        [
            numpy_helper.from_array(ops.exact_tables(inputs[x].dtype, inputs[w].dtype), "tables"),
            numpy_helper.from_array(np.zeros(inputs[w].shape[axis], np.int32), "index"),
        ],
    )
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.hawx", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def arrays(values):
    return [
        numpy_helper.to_array(v) if isinstance(v, TensorProto) else np.asarray(v) for v in values
    ]


def test_every_operator_has_tests():
    assert {op_of(case) for case in collected()} == set(PLACES)


@pytest.mark.parametrize("case", collected(), ids=lambda case: case.name)
def test_node(ops, case, monkeypatch):
    if "_int8_" in case.name and tuple(map(int, onnx.__version__.split(".")[:2])) < (1, 18):
        pytest.skip("onnx before 1.18 expects outputs that do not saturate")
    assert case.data_sets
    for given, expected in case.data_sets:
        inputs = arrays(given)
        model = approximate(case, inputs, ops).SerializeToString()
        names = [value.name for value in case.model.graph.input]
        for isa in ops.isas:
            monkeypatch.setenv("HAWX_ISA", isa)
            session = create_session(model, threads=1, use_library=True)
            (result,) = session.run(None, dict(zip(names, inputs, strict=True)))
            (wanted,) = arrays(expected)
            assert result.dtype == wanted.dtype
            np.testing.assert_array_equal(result, wanted)
