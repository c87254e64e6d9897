"""Graphs of other float widths compute in float32, behind inputs and outputs of their own type."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from hawx_onnx.passes import Canonicalize, FindCandidates, LowerQdq, Quantize
from hawx_onnx.passes.widen_floats import has_other_floats, widen_floats

TYPES = {"float16": np.float16, "double": np.float64}


def network(kit, kind: str) -> onnx.ModelProto:
    """Conv, a nested graph, a cast and a product, all of one float type."""
    numpy_type = TYPES[kind]
    number = TensorProto.DataType.Value("FLOAT16" if kind == "float16" else "DOUBLE")
    return kit.model(
        f"""net ({kind}[N,2,4,4] x) => ({kind}[N,3] y) {{
            a = Conv(x, k)
            r = Relu(a)
            n = ReduceSum<keepdims=0>(r)
            c = Cast<to=9>(n)
            i = If (c) <then_branch = yes () => ({kind}[N,3,2,2] t) {{ t = Add(r, one) }},
                        else_branch = no () => ({kind}[N,3,2,2] e) {{ e = Identity(r) }}>
            f = Flatten(i)
            s = Shape(f)
            g = Cast<to={number}>(s)
            m = ReduceMax<keepdims=0>(g)
            v = Div(f, m)
            y = MatMul(v, w)
        }}""",
        names=tuple("arncifsgmvy"),
        k=kit.normal(3, 2, 3, 3).astype(numpy_type),
        one=numpy_type(1),
        w=kit.normal(12, 3, seed=4).astype(numpy_type),
    )


@pytest.mark.parametrize("kind", TYPES)
def test_values_and_borders_stay(kit, kind) -> None:
    model = network(kit, kind)
    assert has_other_floats(model)
    widened = widen_floats(model)
    onnx.checker.check_model(widened, full_check=True)
    assert {t.data_type for t in widened.graph.initializer} == {TensorProto.FLOAT}
    assert widened.graph.input[0] == model.graph.input[0]
    assert widened.graph.output[0] == model.graph.output[0]
    x = kit.samples(model).astype(TYPES[kind])
    (result,) = kit.run(widened, x)
    assert result.dtype == TYPES[kind]
    if kind == "float16":  # onnxruntime convolves no doubles
        (wanted,) = kit.run(model, x)
        assert np.abs(result - wanted).max() < 0.02 * np.abs(wanted).max()


@pytest.mark.parametrize("kind", TYPES)
def test_products_become_candidates(kit, kind) -> None:
    model = network(kit, kind)
    state = kit.state(model, x=kit.samples(model).astype(TYPES[kind]))
    encoding = state.multipliers[0].encoding
    for one in (Canonicalize(), Quantize(encoding), LowerQdq(), FindCandidates()):
        state = one(state)
    assert [c.name for c in state.candidates] == ["a", "y"]


def test_float32_is_left_alone(residual) -> None:
    assert not has_other_floats(residual)
