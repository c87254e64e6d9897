"""Canonicalize: equal outputs, names and metadata kept, Gemm as a 1x1 Conv."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hawx_onnx.errors import ModelError
from hawx_onnx.passes import Canonicalize, PassState
from hawx_onnx.passes.graph import ORIGIN_KEY, metadata

IDENTITY = ("producer_name", "producer_version", "domain", "model_version", "doc_string")


def canonical(model):
    before = model.SerializeToString()
    after = Canonicalize()(PassState(model))
    assert model.SerializeToString() == before, "the caller's model was edited"
    return after


def assert_same_outputs(kit, model, after, x, rtol=1e-4):
    for one, other in zip(kit.run(model, x), kit.run(after.model, x), strict=True):
        np.testing.assert_allclose(other, one, rtol=rtol, atol=1e-5)


@pytest.mark.parametrize("opset", [8, 9, 11, 12, 13, 17])
def test_batch_normalisation_is_folded_and_identity_kept(kit, opset):
    model = kit.model(
        """g (float[N,3,8,8] x) => (float[N,4,6,6] y) {
            c = Conv(x, w)
            d = BatchNormalization(c, s, b, m, v)
            y = Relu(d)
        }""",
        opset=opset,
        ir=7,
        names=("my conv", "my norm", ""),
        w=kit.normal(4, 3, 3, 3),
        s=abs(kit.normal(4)),
        b=kit.normal(4, seed=2),
        m=kit.normal(4, seed=3),
        v=abs(kit.normal(4, seed=4)) + 0.1,
    )
    after = canonical(model)
    assert kit.ops(after.model) == ["Conv", "Relu"]
    assert [n.name for n in after.model.graph.node] == ["my conv", "Relu_1"]
    for field in IDENTITY:
        assert getattr(after.model, field) == getattr(model, field), field
    assert metadata(after.model)["author"] == "me"
    assert after.model.ir_version == 8
    assert [(e.domain, e.version) for e in after.model.opset_import] == [("", max(opset, 13))]
    assert_same_outputs(kit, model, after, kit.samples(model))


def test_newer_ir_version_stays(kit):
    model = kit.model("g (float[N,2] x) => (float[N,2] y) { y = Relu(x) }", ir=10, opset=19)
    after = canonical(model).model
    assert (after.ir_version, after.opset_import[0].version) == (10, 19)


GEMMS = {
    "plain": ("Gemm(x, w, b)", (6, 4), (4,)),
    "transposed": ("Gemm<transB=1>(x, w, b)", (4, 6), (4,)),
    "scaled": ("Gemm<transB=1, alpha=0.5, beta=2.0>(x, w, b)", (4, 6), (4,)),
    "no bias": ("Gemm<transB=1>(x, w)", (4, 6), (4,)),
    "row bias": ("Gemm(x, w, b)", (6, 4), (1, 4)),
    "scalar bias": ("Gemm(x, w, b)", (6, 4), (1,)),
}


@pytest.mark.parametrize("form", GEMMS)
def test_gemm_becomes_a_pointwise_convolution(kit, form):
    call, weights, bias = GEMMS[form]
    model = kit.model(
        f"g (float[N,6] x) => (float[N,4] y) {{ y = {call} }}",
        names=("fc",),
        w=kit.normal(*weights),
        b=kit.normal(*bias, seed=2),
    )
    after = canonical(model)
    assert kit.ops(after.model) == ["Conv", "Squeeze", "Unsqueeze"]
    assert next(n for n in after.model.graph.node if n.op_type == "Conv").name == "fc"
    assert json.loads(metadata(after.model)[ORIGIN_KEY]) == {"fc": "Gemm"}
    assert after.records[-1].left_alone == ()
    assert_same_outputs(kit, model, after, kit.samples(model))


def test_clamp_stays_beside_the_convolution_of_its_gemm(kit):
    model = kit.model(
        "g (float[N,6] x) => (float[N,4] y) { h = Gemm(x, w, b) y = Relu(h) }",
        w=kit.normal(6, 4),
        b=kit.normal(4, seed=2),
    )
    after = canonical(model)
    assert [n.op_type for n in after.model.graph.node] == ["Unsqueeze", "Conv", "Relu", "Squeeze"]
    assert_same_outputs(kit, model, after, kit.samples(model))


@pytest.mark.parametrize(
    ("text", "tensors"),
    [
        ("k = Relu(x) y = Gemm(x, w, k)", {"w": (6, 6)}),
        ("k = Relu(x) h = MatMul(x, w) y = Add(h, k)", {"w": (6, 6)}),
        ("y = Gemm(x, w, b)", {"w": (6, 4), "b": (5, 1)}),
        ("y = Gemm(x, w, b)", {"w": (6, 5), "b": (5, 1)}),
        ("y = Gemm(x, w, b)", {"w": (6, 4), "b": (5, 4)}),
    ],
)
def test_bias_that_is_no_constant_row_is_added_behind(kit, text, tensors):
    values = {name: kit.normal(*shape) for name, shape in tensors.items()}
    model = kit.model(f"g (float[5,6] x) => (float[5,n] y) {{ {text} }}", **values)
    after = canonical(model)
    assert {"Conv", "Add"} < set(kit.ops(after.model))
    assert "Gemm" not in kit.ops(after.model)
    assert_same_outputs(kit, model, after, kit.samples(model, 5))


def test_product_and_sum_keep_the_name_of_the_product(kit):
    model = kit.model(
        """g (float[N,6] x) => (float[N,4] y, float[N,4] z, float[N,4] n) {
            a = MatMul(x, w)
            y = Add(a, b)
            c = MatMul(x, v)
            z = Add(b, c)
            d = MatMul(x, u)
            n = BatchNormalization(d, s, b, b, s)
        }""",
        names=("left/fc", "left/add", "", "", "norm/fc", ""),
        w=kit.normal(6, 4),
        v=kit.normal(6, 4, seed=3),
        u=kit.normal(6, 4, seed=4),
        b=kit.normal(4, seed=2),
        s=abs(kit.normal(4)) + 0.1,
    )
    after = canonical(model)
    origin = json.loads(metadata(after.model)[ORIGIN_KEY])
    assert set(origin.values()) == {"MatMul"}
    assert {"left/fc", "norm/fc"} < set(origin)
    convs = {n.name for n in after.model.graph.node if n.op_type == "Conv"}
    assert convs == set(origin)
    assert not any("Fusion" in name for name in convs)
    assert_same_outputs(kit, model, after, kit.samples(model))


def test_names_become_unique_and_given_ones_stay(kit):
    model = kit.model(
        """g (float[N,2,4,4] x) => (float[N,2,4,4] y) {
            a = Conv(x, w)
            b = Conv(a, w)
            c = Conv(b, w)
            y = Conv(c, w)
        }""",
        names=("", "mine", "", "Conv_0"),
        w=kit.normal(2, 2, 1, 1),
    )
    after = canonical(model)
    names = [node.name for node in after.model.graph.node]
    assert (names[1], names[3]) == ("mine", "Conv_0")
    assert len(set(names)) == 4
    assert_same_outputs(kit, model, after, kit.samples(model))


def test_tensors_named_after_the_node_do_not_clash(kit):
    """Two Gemms share weights that bear the name that the first one's tensors would get."""
    model = kit.model(
        "g (float[N,4] x) => (float[N,4] y) { h = Gemm(x, W, B) y = Gemm<alpha=3.0>(h, W, B) }",
        names=("fc", "fc2"),
        W=kit.normal(4, 4),
        B=kit.normal(4, seed=2),
    )
    text = {"W": "fc.weight", "B": "fc.bias", "h": "fc.product"}
    for node in model.graph.node:
        node.input[:] = [text.get(name, name) for name in node.input]
        node.output[:] = [text.get(name, name) for name in node.output]
    for tensor in model.graph.initializer:
        tensor.name = text[tensor.name]
    after = canonical(model)
    tensors = [tensor.name for tensor in after.model.graph.initializer]
    assert len(tensors) == len(set(tensors))
    assert_same_outputs(kit, model, after, kit.samples(model))


def test_constants_are_folded_and_old_initializers_that_are_inputs_too(kit):
    model = kit.model(
        """g (float[N,4] x, float[2,8] w, int64[2] s) => (float[N,4] y) {
            v = Reshape(w, s)
            y = MatMul(x, v)
        }""",
        opset=8,
        ir=3,
        w=kit.normal(2, 8),
        s=np.array([4, 4], np.int64),
    )
    after = canonical(model)
    assert kit.ops(after.model) == ["MatMul"]
    assert_same_outputs(kit, model, after, kit.samples(model))


def test_graph_that_the_runtime_refuses_is_a_model_error(kit):
    model = kit.model("g (float[N,4] x) => (float[N,4] y) { y = MatMul(x, w) }", w=kit.normal(3, 4))
    with pytest.raises(ModelError, match="cannot load it"):
        canonical(model)
    del model.graph.output[:]
    with pytest.raises(ModelError, match="no outputs"):
        canonical(model)
