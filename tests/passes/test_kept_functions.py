"""Calls of model-local functions that stay: the graph around them is simplified all the same."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from hawx_onnx.passes import Canonicalize
from hawx_onnx.passes.kept_functions import function_calls, set_aside

TEXT = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
net (float[N,8] x) => (float[N,4] y, float[N,8] z)
<float[2] half = {{0.5, 0.5}}> {{
    a = MatMul(x, wa)
    r = Relu(a)
    doubled = Add(half, half)
    z = own.block(r, wf, doubled)
    s = Add(z, r)
    c = {function}(s, wb)
    y = own.twice(c)
}}
<domain: "own", opset_import: ["" : 17, "own" : 1]> block (u, w, k) => (v)
    {{ t = own.product(u, w) h = Tanh(t) n = ReduceSum<keepdims=0>(k) v = Mul(h, n) }}
<domain: "own", opset_import: ["" : 17]> product (u, w) => (v) {{ v = MatMul(u, w) }}
<domain: "own", opset_import: ["" : 17]> twice (a) => (b) {{ b = Add(a, a) }}"""


@pytest.fixture
def network() -> onnx.ModelProto:
    model = onnx.parser.parse_model(TEXT.format(function="MatMul"))
    rng = np.random.default_rng(0)
    for name, shape in (("wa", (8, 8)), ("wf", (8, 8)), ("wb", (8, 4))):
        values = rng.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    return model


def test_calls_stay_and_the_rest_is_simplified(kit, network) -> None:
    x = kit.samples(network)
    state = Canonicalize("keep")(kit.state(network))
    assert [call.op_type for call in function_calls(state.model)] == ["block", "twice"]
    # The sum of constants is one constant, which the call reads.
    assert kit.ops(state.model).count("Add") == 1
    for given, kept in zip(kit.run(network, x), kit.run(state.model, x), strict=True):
        np.testing.assert_allclose(kept, given, rtol=1e-5, atol=1e-6)
    assert [v.name for v in state.model.graph.output] == ["y", "z"]
    assert [v.name for v in state.model.graph.input] == ["x"]
    onnx.checker.check_model(state.model)


def test_calls_are_inlined_otherwise(kit, network) -> None:
    state = Canonicalize()(kit.state(network))
    assert not function_calls(state.model)
    assert kit.ops(state.model).count("MatMul") == 3


def test_a_model_without_calls_is_as_ever(kit, residual) -> None:
    assert set_aside(residual).model is residual
    kept, usual = (Canonicalize(word)(kit.state(residual)).model for word in ("keep", "inline"))
    assert kept.SerializeToString() == usual.SerializeToString()


def test_the_callers_model_stays(kit, network) -> None:
    before = network.SerializeToString()
    Canonicalize("keep")(kit.state(network))
    assert network.SerializeToString() == before
