"""Rules of quantised operators, against the float operator with the same real values.

The float operator's rule is held against finite differences beside this file. What is expected of
the quantised one is its cotangent, after saturation has zeroed what it stops.
"""

from __future__ import annotations

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

from hawx_onnx.passes.gradient import build_gradient

HEADER = '<ir_version: 8, opset_import: ["" : 18, "com.microsoft" : 1]>'
# Scale and zero point of inputs, by name; zero point of the output.
SCALES = {"x": (0.1, 3), "b": (0.07, -5)}
ZERO = 7


def codes(*shape, dtype=np.int8):
    limits = np.iinfo(dtype)
    rng = np.random.default_rng(sum(shape))
    return rng.integers(limits.min, limits.max + 1, shape).astype(dtype)


def case(node, like, *, saturates=True, scale=0.9, dtype="int8", constants=(), real=(), **inputs):
    """`like`: the float operator; `real`: its constants; `scale` of the output; inputs by shape."""
    return {
        "node": node,
        "like": like,
        "saturates": saturates,
        "scale": scale,
        "dtype": dtype,
        "constants": dict(constants),
        "real": dict(real),
        "inputs": inputs,
    }


def quantized_weights(axis, *shape, dtype=np.int8, zero=0):
    """Codes with a scale for each channel: constants `w`, `ws`, `wz`, and real ones `w`."""
    values = codes(*shape, dtype=dtype)
    scale = np.linspace(0.01, 0.03, shape[axis], dtype=np.float32)
    by_axis = scale.reshape([-1 if a == axis % len(shape) else 1 for a in range(len(shape))])
    zeros = np.full(shape[axis], zero, dtype)
    real = (values.astype(np.float32) - zero) * by_axis
    return {"constants": {"w": values, "ws": scale, "wz": zeros}, "real": {"w": real}}


CONV = "(x, xs, xz, w, ws, wz, ys, yz)"
CASES = [
    case("QuantizeLinear(x, ys, yz)", "Identity(x)", x=(3, 40)),
    case("QuantizeLinear(x, ys, yz)", "Identity(x)", x=(3, 40), dtype="uint8"),
    case("DequantizeLinear(x, xs, xz)", "Identity(x)", x=(3, 40), saturates=False),
    case(
        f"QLinearConv<pads=[1,1,1,1]>{CONV}",
        "Conv<pads=[1,1,1,1]>(x, w)",
        x=(2, 3, 7, 6),
        **quantized_weights(0, 4, 3, 3, 3),
    ),
    case(
        f"QLinearConv<pads=[1,0,0,1], strides=[2,2], group=2>{CONV}",
        "Conv<pads=[1,0,0,1], strides=[2,2], group=2>(x, w)",
        x=(2, 4, 7, 6),
        dtype="uint8",
        **quantized_weights(0, 4, 2, 3, 3),
    ),
    case(
        f"QLinearConv<pads=[1,1,1,1]>{CONV}",
        "Conv<pads=[1,1,1,1]>(x, w)",
        x=(2, 16, 7, 6),
        dtype="uint8",
        **quantized_weights(0, 3, 16, 3, 3, dtype=np.uint8, zero=130),
    ),
    case(
        "QLinearMatMul(x, xs, xz, w, ws, wz, ys, yz)",
        "MatMul(x, w)",
        x=(2, 3, 8),
        **quantized_weights(-1, 8, 5),
    ),
    case("QLinearMatMul(x, xs, xz, b, bs, bz, ys, yz)", "MatMul(x, b)", x=(2, 3, 8), b=(8, 5)),
    case(
        "QLinearMatMul(x, xs, xz, b, bs, bz, ys, yz)", "MatMul(x, b)", x=(2, 1, 3, 8), b=(2, 8, 5)
    ),
    case(
        "com.microsoft.QGemm<transB=1, alpha=0.5>(x, xs, xz, w, ws, wz, , ys, yz)",
        "Gemm<transB=1, alpha=0.5>(x, w)",
        scale=0.05,
        x=(3, 8),
        **quantized_weights(0, 5, 8),
    ),
    case(
        "com.microsoft.QGemm(x, xs, xz, w, ws, wz)",
        "Gemm(x, w)",
        x=(3, 8),
        saturates=False,
        **quantized_weights(1, 8, 5),
    ),
    case(
        "com.microsoft.QLinearAdd(x, xs, xz, b, bs, bz, ys, yz)",
        "Add(x, b)",
        scale=0.1,
        x=(3, 40),
        b=(40,),
    ),
    case(
        "com.microsoft.QLinearMul(x, xs, xz, b, bs, bz, ys, yz)", "Mul(x, b)", x=(3, 40), b=(3, 40)
    ),
    case(
        "com.microsoft.QLinearConcat<axis=1>(ys, yz, x, xs, xz, b, bs, bz)",
        "Concat<axis=1>(x, b)",
        scale=0.08,
        x=(3, 40),
        b=(3, 5),
    ),
    case(
        "com.microsoft.QLinearGlobalAveragePool(x, xs, xz, ys, yz)",
        "GlobalAveragePool(x)",
        scale=0.01,
        x=(2, 3, 5, 4),
    ),
    case(
        "MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)",
        "MaxPool<kernel_shape=[3,3], strides=[2,2]>(x)",
        x=(2, 3, 9, 8),
        saturates=False,
    ),
    case("Transpose(x)", "Transpose(x)", x=(3, 4), saturates=False),
]


def model_of(node, inputs, types, constants, result):
    arguments = ", ".join(
        f"{types[name]}[{','.join(map(str, shape))}] in_{name}" for name, shape in inputs.items()
    )
    heads = "\n".join(f"{name} = Identity(in_{name})" for name in inputs)
    text = f"{HEADER} net ({arguments}) => ({result}[] y) {{ {heads}\n y = {node} }}"
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for one in model.graph.node:
        one.name = one.output[0]
    for name, values in constants.items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(values), name))
    return model


def parameters(dtype, output):
    """Scales and zero points as constants."""
    kind = np.dtype(dtype)
    shift = 0 if kind == np.int8 else 128
    return {
        f"{name}{end}": value
        for name, (scale, zero) in {**SCALES, "y": (output, ZERO)}.items()
        for end, value in (("s", np.float32(scale)), ("z", np.array(zero + shift, kind)))
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["node"])
def test_rule(backward, case):
    dtype, inputs = case["dtype"], case["inputs"]
    first = "float" if case["node"].startswith("Quantize") else dtype
    last = "float" if case["like"] == "Identity(x)" and first == dtype else dtype
    if "QGemm(" in case["node"]:
        last = "float"
    given = parameters(dtype, case["scale"])
    quantized = model_of(
        case["node"], inputs, dict.fromkeys(inputs, first), {**given, **case["constants"]}, last
    )
    gradient = build_gradient(quantized, list(inputs))
    assert not gradient.unreached
    kind = np.dtype(dtype)
    feeds = {f"in_{name}": codes(*shape, dtype=kind) for name, shape in inputs.items()}
    real = {
        f"in_{n}": (feeds[f"in_{n}"].astype(np.float32) - given[f"{n}z"]) * given[f"{n}s"]
        for n in inputs
    }
    if first == "float":
        feeds = real = {name: values * 12 for name, values in real.items()}
    y = backward.forward(quantized, feeds, ["y"])["y"]
    cotangent = np.random.default_rng(0).standard_normal(y.shape).astype(np.float32)
    found = backward.cotangents(quantized, gradient, feeds, {"y": cotangent})
    limits = np.iinfo(kind)
    inside = (y > limits.min) & (y < limits.max) if case["saturates"] else np.ones(y.shape, bool)
    if case["saturates"]:
        assert 0 < inside.mean() < 1  # both ways are seen
    like = model_of(case["like"], inputs, dict.fromkeys(inputs, "float"), case["real"], "float")
    expected = backward.cotangents(
        like, build_gradient(like, list(inputs)), real, {"y": cotangent * inside}
    )
    for name in inputs:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("node", "low", "high"),
    [
        ("Relu(x)", 0, None),
        ("Clip(x, lo, hi)", -20, 60),
        ("Clip(x, lo, hi)", 3, 127),
        ("Clip(x, lo, hi)", -128, 5),
        ("Clip(x, lo, hi)", -128, 127),
        ("Clip(x, lo, hi)", 4, 4),
        ("Clip(x, , hi)", None, 9),
    ],
)
def test_clamp_of_codes(backward, node, low, high):
    """Half at a bound; a bound at the limit of the type is none."""
    bounds = {"lo": np.int8(low or 0), "hi": np.int8(high or 0)}
    x = np.arange(-128, 128).astype(np.int8)
    model = model_of(node, {"x": x.shape}, {"x": "int8"}, bounds, "int8")
    g = np.random.default_rng(0).standard_normal(x.shape).astype(np.float32)
    found = backward.cotangents(model, build_gradient(model, ["x"]), {"in_x": x}, {"y": g})["x"]
    low = None if low == -128 else low
    high = None if high == 127 else high
    share = np.ones(x.shape)
    if low is not None:
        share = np.minimum(share, np.where(x == low, 0.5, x > low))
    if high is not None:
        share = np.minimum(share, np.where(x == high, 0.5, x < high))
    np.testing.assert_allclose(found, g * share, rtol=1e-6)
