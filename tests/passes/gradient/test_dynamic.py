"""Rules of products with run-time ranges: those of the float products that they stand for."""

from __future__ import annotations

import numpy as np
import onnx.parser
import pytest
from onnx import numpy_helper

from hawx_onnx.passes.gradient import build_gradient

HEADER = '<ir_version: 8, opset_import: ["" : 17]>'
RANGE = "q, s, z = DynamicQuantizeLinear(x)"
SCALED = "f = Cast<to=1>(p) k = Mul(s, ws) y = Mul(f, k)"


def case(node, like, *, x, w, dtype=np.int8, axis=None, zero=0):
    """`like`: the float operator; weights get a scale for each entry of `axis`."""
    codes = np.random.default_rng(3).integers(0, 256, w).astype(np.uint8).view(dtype)
    count = 1 if axis is None else w[axis]
    scale, zeros = np.linspace(0.01, 0.03, count, dtype=np.float32), np.full(count, zero, dtype)
    if axis is None:
        scale, zeros = scale.reshape(()), zeros.reshape(())
    return {
        "node": node,
        "like": like,
        "x": x,
        "constants": {"w": codes, "ws": scale, "wz": zeros},
        "real": (codes.astype(np.float32) - zeros) * scale,
    }


CASES = [
    case("MatMulInteger(q, w, z, wz)", "MatMul(x, w)", x=(5, 7), w=(7, 3)),
    case("MatMulInteger(q, w, z, wz)", "MatMul(x, w)", x=(2, 5, 7), w=(7, 3), axis=1, zero=4),
    case("MatMulInteger(q, w, z, )", "MatMul(x, w)", x=(5, 7), w=(7, 3), dtype=np.uint8),
    case("ConvInteger(q, w, z, wz)", "Conv(x, w)", x=(2, 3, 6, 5), w=(4, 3, 3, 2), zero=-9),
    case(
        "ConvInteger<pads=[1,1,1,1], strides=[2,2], group=2>(q, w, z, wz)",
        "Conv<pads=[1,1,1,1], strides=[2,2], group=2>(x, w)",
        x=(2, 4, 7, 6),
        w=(4, 2, 3, 3),
        dtype=np.uint8,
        zero=131,
    ),
    {"node": "DynamicQuantizeLinear(x)"},  # in front of all of them
    {"node": "Cast<to=1>(p)"},  # behind them
]


def model_of(text, x, **constants):
    shape = ",".join(map(str, x))
    model = onnx.parser.parse_model(
        f"{HEADER} net (float[{shape}] in) => (float[] y) {{ x = Identity(in) {text} }}"
    )
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for one in model.graph.node:
        one.name = one.output[0]
    for name, values in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    return model


def cotangents(backward, model, x, nodes):
    gradient = build_gradient(model, nodes)
    assert not gradient.unreached
    y = backward.forward(model, {"in": x}, ["y"])["y"]
    direction = np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    return direction, backward.cotangents(model, gradient, {"in": x}, {"y": direction})


@pytest.mark.parametrize("case", [c for c in CASES if "like" in c], ids=lambda c: c["node"])
def test_rule(backward, case):
    x = np.random.default_rng(1).standard_normal(case["x"]).astype(np.float32)
    model = model_of(f"{RANGE} p = {case['node']} {SCALED}", case["x"], **case["constants"])
    like = model_of(f"y = {case['like']}", case["x"], w=case["real"])
    direction, found = cotangents(backward, model, x, ["x", "p"])
    _, expected = cotangents(backward, like, x, ["x"])
    np.testing.assert_allclose(found["x"], expected["x"], rtol=1e-4, atol=1e-5)
    # Of the sums: what one of their units is worth behind the Mul.
    scale = backward.forward(model, {"in": x}, ["k"])["k"]
    np.testing.assert_allclose(found["p"], direction * scale, rtol=1e-6)


def test_both_factors_at_run_time(backward):
    """As attention multiplies: a product of one tensor's codes with themselves, turned."""
    text = f"{RANGE} t = Transpose<perm=[1,0]>(x) r, u, v = DynamicQuantizeLinear(t)"
    text += " p = MatMulInteger(q, r, z, v) f = Cast<to=1>(p) k = Mul(s, u) y = Mul(f, k)"
    x = np.random.default_rng(1).standard_normal((4, 6)).astype(np.float32)
    like = model_of("t = Transpose<perm=[1,0]>(x) y = MatMul(x, t)", x.shape)
    _, found = cotangents(backward, model_of(text, x.shape), x, ["x"])
    _, expected = cotangents(backward, like, x, ["x"])
    error = np.abs(found["x"] - expected["x"]).max()
    assert error < 0.02 * np.abs(expected["x"]).max()  # each factor is rounded to 256 steps


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("q = Cast<to=2>(x) p = MatMulInteger(q, w) y = Cast<to=1>(p)", "codes q is not known"),
        ("q = Cast<to=6>(x) y = Cast<to=1>(q)", "q holds no real values"),
    ],
)
def test_no_rule(text, reason):
    gradient = build_gradient(model_of(text, (3, 3), w=np.ones((3, 3), np.uint8)), ["x"])
    assert reason in gradient.unreached["x"]
