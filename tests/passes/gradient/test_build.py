"""The sweep: sums over readers, several outputs, operators without a rule, what is not reached."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx.reference import ReferenceEvaluator

from hawx_onnx.errors import ModelError
from hawx_onnx.passes.gradient import build_gradient


def named(model):
    """Every node bears the name of its first output."""
    for node in model.graph.node:
        node.name = node.output[0]
    return model


def of(kit, text, **rest):
    return named(kit.model(text, opset=18, **rest))


def hold(backward, kit, model, wanted, batch=2):
    """Cotangents of wanted nodes against central differences of the model in double precision."""
    gradient = build_gradient(model, wanted)
    assert not gradient.unreached
    x = kit.samples(model, batch)
    name = model.graph.input[0].name
    outputs = [value.name for value in model.graph.output]
    results = backward.forward(model, {name: x}, outputs)
    rng = np.random.default_rng(0)
    given = {n: rng.standard_normal(results[n].shape).astype(np.float32) for n in outputs}
    found = backward.cotangents(model, gradient, {name: x}, given)
    for node in wanted:
        reference = ReferenceEvaluator(backward.moved(model, node, onnx.TensorProto.DOUBLE))

        def value(change, reference=reference):
            values = reference.run(outputs, {name: x.astype(np.float64), "change": change})
            return sum(np.vdot(v, given[o]) for o, v in zip(outputs, values, strict=True))

        backward.compare(found[node], value, np.zeros(found[node].shape), 1e-6)


@pytest.fixture(scope="module")
def residual(kit):
    """Convolutions, one grouped and one strided, a skip connection and a classifier.

    Nothing stands at a kink: all have a bias, and the pooling comes before the Relu.
    """
    return of(
        kit,
        """net (float[N,3,8,8] x) => (float[N,5] y) {
            a = Conv<pads=[1,1,1,1]>(x, wa, ba)  ar = Relu(a)
            b = Conv<pads=[1,1,1,1], group=2, strides=[2,2]>(ar, wb, ba)  br = Relu(b)
            c = Conv(br, wc, ba)  m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(a)
            s = Add(c, m)  sr = Relu(s)  p = GlobalAveragePool(sr)  f = Flatten(p)
            d = Gemm<transB=1>(f, wd, bd)  y = Softmax(d)
        }""",
        wa=kit.normal(6, 3, 3, 3),
        ba=kit.normal(6, seed=2),
        wb=kit.normal(6, 3, 3, 3, seed=3),
        wc=kit.normal(6, 6, 1, 1, seed=5),
        wd=kit.normal(5, 6, seed=6),
        bd=kit.normal(5, seed=7),
    )


def test_residual_network(backward, kit, residual):
    hold(backward, kit, residual, ["a", "ar", "b", "c", "m", "s", "d"])


def test_several_outputs_and_branches(backward, kit):
    model = of(
        kit,
        """net (float[N,4] x) => (float[N,4] y, float[N,3] z, float[N,4] a) {
            a = Tanh(x)  b = Mul(a, a)  y = Add(b, a)  c = MatMul(b, w)  z = Softmax(c)
        }""",
        w=kit.normal(4, 3),
    )
    hold(backward, kit, model, ["a", "b", "c", "y", "z"])


def test_one_of_several_outputs(backward, kit):
    model = of(
        kit,
        "net (float[N,4] x) => (float[N,4] y, float[N,4] z) { "
        "a = Exp(x)  y = Neg(a)  b = Tanh(x)  z = Add(a, b) }",
    )
    gradient = build_gradient(model, ["a", "b"], ["y"])
    assert list(gradient.nodes) == ["a"]
    assert "do not depend" in gradient.unreached["b"]
    x = kit.samples(model, 3)
    found = backward.cotangents(model, gradient, {"x": x}, {"y": x})
    np.testing.assert_allclose(found["a"], -x)


def test_an_output_that_is_wanted_and_read_again(backward, kit):
    model = of(
        kit, "net (float[N,4] x) => (float[N,4] y, float[N,4] z) { y = Exp(x)  z = Mul(y, y) }"
    )
    hold(backward, kit, model, ["y", "z"])
    alone = build_gradient(model, ["z"], ["z"])
    assert alone.nodes["z"] == "cotangent/z/total"


UNKNOWN = """net (float[N,4] x) => (float[N,4] y) {
    a = Exp(x)  b = Tanh(a)  c = Round(a)  d = Neg(c)  e = Add(b, d)  y = Neg(e)
}"""


def test_a_tensor_before_an_operator_without_rule_gets_no_part(kit):
    gradient = build_gradient(of(kit, UNKNOWN), ["a", "b", "c", "d", "e"])
    assert sorted(gradient.nodes) == ["b", "c", "d", "e"]
    assert gradient.unreached == {"a": "Round c: there is no gradient rule for Round"}


def test_the_block_reaches_everything_before_it(kit):
    model = of(
        kit,
        "net (float[N,4] x) => (float[N,4] y) { "
        "a = Exp(x)  b = Tanh(a)  c = Floor(b)  y = Add(c, a) }",
    )
    gradient = build_gradient(model, ["a", "b", "c"])
    assert sorted(gradient.nodes) == ["c"]
    assert set(gradient.unreached.values()) == {"Floor c: there is no gradient rule for Floor"}


CUSTOM = """net (float[N,4] x) => (float[N,4] y) {
    a = Exp(x)  b = some.domain.Frob(a)  c = Tanh(b)  y = Add(c, a)
}"""
BODY = """<domain: "some.domain", opset_import: ["" : 18]> Frob (x) => (y) { y = Sin(x) }"""


def test_a_custom_operator_in_the_middle(backward, kit):
    model = of(kit, CUSTOM + BODY, more=', "some.domain" : 1')
    gradient = build_gradient(model, ["a", "b", "c"])
    assert gradient.unreached == {"a": "Frob b: there is no gradient rule for Frob"}
    x = kit.samples(model, 2)
    found = backward.cotangents(model, gradient, {"x": x}, {"y": np.ones_like(x)})
    c = backward.forward(model, {"x": x}, ["c"])["c"]
    np.testing.assert_allclose(found["b"], 1 - c**2, rtol=1e-5)


def test_a_custom_operator_that_no_runtime_here_has(kit):
    gradient = build_gradient(of(kit, CUSTOM, more=', "some.domain" : 1'), ["a"])
    assert list(gradient.unreached) == ["a"]


def test_an_unknown_operator_beside_the_way_does_not_matter(backward, kit):
    model = of(
        kit,
        "net (float[N,4] x) => (float[N,4] y, float[N,4] z) { "
        "a = Exp(x)  y = Neg(a)  b = Tanh(x)  z = Floor(b) }",
    )
    gradient = build_gradient(model, ["a"], ["y", "z"])
    assert not gradient.unreached


def test_operators_of_zero_derivative_hold_nothing_up(backward, kit):
    model = of(
        kit,
        """net (float[N,4] x) => (float[N,4] y) {
            a = Exp(x)  s = Shape(a)  r = Reshape(a, s)  g = Greater(a, one)
            y = Where(g, r, a)
        }""",
        one=np.float32(1),
    )
    hold(backward, kit, model, ["a"])


def test_zero_derivative_alone_is_told(kit):
    model = of(
        kit,
        "net (float[N,4] x) => (float[N,4] y) { "
        "a = Exp(x)  b = Greater(a, one)  y = Where(b, one, two) }",
        one=np.float32(1),
        two=np.float32(2),
    )
    gradient = build_gradient(model, ["a"])
    assert gradient.unreached["a"].endswith("have a derivative of zero")


def test_subgraphs_stop_cotangents(kit):
    branch = "graph () => (float[N,4] o) { o = Neg(a) }"
    model = of(
        kit,
        "net (float[N,4] x, bool c) => (float[N,4] y) { a = Exp(x)  b = Tanh(a)  "
        f"d = If(c)<then_branch = then {branch[5:]}, else_branch = other {branch[5:]}> "
        " y = Add(b, d) }",
    )
    gradient = build_gradient(model, ["a", "b"])
    assert list(gradient.nodes) == ["b"]
    assert gradient.unreached["a"].endswith("there is no gradient rule for If")


@pytest.mark.parametrize(
    ("wanted", "outputs", "text"),
    [
        (["aa"], None, "did you mean a"),
        (["a"], ["yy"], "did you mean y"),
        (["a"], ["k"], "has no derivative"),
    ],
)
def test_unknown_names_are_refused(kit, wanted, outputs, text):
    model = of(
        kit,
        "net (float[N,4] x) => (float[N,4] y, int64[N,1] k) { "
        "a = Exp(x)  y = Neg(a)  k = ArgMax<axis=1>(a) }",
    )
    with pytest.raises(ModelError, match=text):
        build_gradient(model, wanted, outputs)


def test_a_model_without_real_outputs_is_refused(kit):
    model = of(kit, "net (float[N,4] x) => (int64[N,1] k) { a = Exp(x)  k = ArgMax<axis=1>(a) }")
    with pytest.raises(ModelError, match="no output holds real values"):
        build_gradient(model, ["a"])


def test_codes_read_with_another_scale_are_refused(kit):
    model = of(
        kit,
        "net (float[N,4] x) => (float[N,4] y) { "
        "a = QuantizeLinear(x, s, z)  b = DequantizeLinear(a, t, z)  y = Neg(b) }",
        s=np.float32(0.1),
        t=np.float32(0.2),
        z=np.int8(0),
    )
    gradient = build_gradient(model, ["a", "b"])
    assert "another scale" in gradient.unreached["a"]


def test_limits_that_values_cannot_pass_do_not_stop_cotangents(backward, kit):
    """Zero is the lowest code behind a Relu: nothing was cut off there."""
    model = of(
        kit,
        "net (float[N,4] x) => (float[N,4] y) { "
        "a = Identity(x)  r = Sigmoid(a)  q = QuantizeLinear(r, s, z)  "
        "y = DequantizeLinear(q, s, z) }",
        s=np.float32(1 / 255),
        z=np.uint8(0),
    )
    gradient = build_gradient(model, ["r"])
    x = np.array([[-30, 30, 0, 1]], np.float32)
    found = backward.cotangents(model, gradient, {"x": x}, {"y": np.ones_like(x)})
    np.testing.assert_array_equal(found["r"], np.ones_like(x))


def test_the_model_is_not_edited(kit, residual):
    before = residual.SerializeToString()
    build_gradient(residual, ["a"])
    assert residual.SerializeToString() == before


@pytest.mark.parametrize("batch", [1, 5])
def test_any_batch(backward, kit, residual, batch):
    hold(backward, kit, residual, ["a", "c"], batch=batch)


def test_shared_work_is_split_off(kit, residual):
    gradient = build_gradient(residual, ["a", "b", "c"])
    from hawx_onnx.passes.gradient import split_gradient

    split = split_gradient(gradient)
    assert {"Greater", "Equal", "Cast"} <= {node.op_type for node in split.prepare.graph.node}
    assert not {"Greater", "Equal", "Cast"} & {n.op_type for n in split.backward.graph.node}


def test_only_standard_operators(residual):
    gradient = build_gradient(residual, ["a"])
    assert [entry.domain for entry in gradient.backward.opset_import] == [""]
    onnx.checker.check_model(gradient.backward)
