"""LowerQdq: the integer graph equals the QDQ graph; every group left alone says why."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from hawx_onnx.passes import LowerQdq, PassState

F32 = np.float32


def lowered(kit, model):
    before = model.SerializeToString()
    after = LowerQdq()(PassState(model))
    assert model.SerializeToString() == before, "the caller's model was edited"
    return after


def codes_of(kit, model, x):
    """Codes by the lowered graph, by node-wise execution, by onnxruntime's own fusion."""
    integer = lowered(kit, model)
    (ours,) = kit.run(integer.model, x)
    (stock,) = kit.run(model, x)
    (plain,) = kit.run(model, x, optimised=False)
    return integer, ours, stock, plain


def assert_close_codes(ours, plain):
    """At most one code apart, where the real value lies at the middle between two codes."""
    apart = np.abs(ours.astype(int) - plain.astype(int))
    assert apart.max() <= 1
    assert (apart == 0).mean() > 0.99
    assert len(np.unique(ours)) > 20, "the outputs do not say much"


def conv_qdq(kit, code, clamp="", zero=0, weights=(6, 3, 3, 3), attributes="", y_scale=0.05):
    """DQ -> Conv -> clamp -> Q between int8 or uint8 graph input and output."""
    x_type = np.dtype(code).name
    shape = {3: "3,12", 4: "3,10,10", 5: "3,5,6,5"}[len(weights)]
    result = "[" + ",".join(["N", "m", "p", "q", "r"][: len(weights)]) + "]"
    w = np.random.default_rng(1).integers(-100, 100, weights).astype(np.int8)
    zero_of_weights = np.zeros(weights[0], np.int8)
    if code == np.uint8:
        w, zero_of_weights = (w.astype(int) + 128).astype(np.uint8), np.full(weights[0], 128, code)
    text = {"": "", "Relu": "c = Relu(r)", "Clip": "c = Clip(r, low, high)"}[clamp]
    braced = f"<{attributes}>" if attributes else ""
    return kit.model(
        f"""g ({x_type}[N,{shape}] x) => ({x_type}{result} y) {{
            xf = DequantizeLinear(x, xs, xz)
            wf = DequantizeLinear<axis=0>(w, ws, wz)
            bf = DequantizeLinear<axis=0>(b, bs, bz)
            {"c" if not clamp else "r"} = Conv{braced}(xf, wf, bf)
            {text}
            y = QuantizeLinear(c, ys, xz)
        }}""",
        names=("", "", "", "conv", "clamp" if clamp else "", ""),
        xs=F32(0.02),
        xz=np.array(zero, code),
        w=w,
        ws=np.linspace(0.004, 0.008, weights[0], dtype=F32),
        wz=zero_of_weights,
        b=np.random.default_rng(2).integers(-3000, 3000, weights[0]).astype(np.int32),
        bs=np.linspace(0.004, 0.008, weights[0], dtype=F32) * F32(0.02),
        bz=np.zeros(weights[0], np.int32),
        ys=F32(y_scale),
        low=F32(0.0),
        high=F32(6.0),
    )


def random_codes(shape, code, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8).view(code)


CONVS = {
    "2-D": ((6, 3, 3, 3), ""),
    "padded": ((6, 3, 3, 3), "pads=[1,0,2,1]"),
    "strided": ((6, 3, 3, 2), "strides=[2,1], dilations=[2,3]"),
    "same upper": ((6, 3, 4, 3), 'auto_pad="SAME_UPPER", strides=[2,3]'),
    "same lower": ((6, 3, 4, 3), 'auto_pad="SAME_LOWER", strides=[2,3]'),
    "valid": ((6, 3, 2, 2), 'auto_pad="VALID"'),
    "depthwise": ((6, 1, 3, 3), "group=3, pads=[1,1,1,1]"),
    "1-D": ((6, 3, 3), "pads=[1,1]"),
    "3-D": ((4, 3, 2, 3, 2), "pads=[1,0,0,0,1,1]"),
}


@pytest.mark.parametrize("form", CONVS)
@pytest.mark.parametrize(("code", "zero"), [(np.int8, 0), (np.int8, -17), (np.uint8, 120)])
def test_convolution(kit, form, code, zero):
    weights, attributes = CONVS[form]
    model = conv_qdq(kit, code, zero=zero, weights=weights, attributes=attributes)
    sizes = [size.dim_value for size in model.graph.input[0].type.tensor_type.shape.dim[1:]]
    x = random_codes((3, *sizes), code)
    after, ours, stock, plain = codes_of(kit, model, x)
    assert kit.ops(after.model) == ["QLinearConv"]
    assert after.model.graph.node[0].name == "conv"
    assert after.records[-1].left_alone == ()
    np.testing.assert_array_equal(ours, stock)
    assert_close_codes(ours, plain)


@pytest.mark.parametrize("clamp", ["Relu", "Clip"])
@pytest.mark.parametrize(
    ("code", "zero", "y_scale"),
    [(np.int8, 0, 0.05), (np.int8, -128, 0.03), (np.uint8, 0, 0.03), (np.uint8, 99, 0.05)],
)
def test_clamp_behind_a_convolution(kit, clamp, code, zero, y_scale):
    model = conv_qdq(kit, code, clamp, zero, y_scale=y_scale)
    after, ours, _, plain = codes_of(kit, model, random_codes((3, 3, 10, 10), code))
    whole = zero == np.iinfo(code).min and (clamp == "Relu" or y_scale * 255 <= 6)
    assert kit.ops(after.model) == (["QLinearConv"] if whole else ["Clip", "QLinearConv"])
    assert after.records[-1].left_alone == ()
    assert ours.min() == max(zero, np.iinfo(code).min)
    apart = np.abs(ours.astype(int) - plain.astype(int))
    assert apart.max() <= 1
    assert (apart == 0).mean() > 0.99


def matmul_qdq(kit, code, zero, b_shape, *, constant, axis=None, op="MatMul(af, bf)"):
    name = np.dtype(code).name
    other = np.int8 if code == np.int8 else np.uint8
    columns = b_shape[-1]
    b = random_codes(b_shape, other, 5)
    scale = np.linspace(0.01, 0.02, columns, dtype=F32) if axis is not None else F32(0.015)
    half = 0 if other == np.int8 else 128
    zeros = np.full(columns, half, other) if axis is not None else np.array(half, other)
    attribute = f"<axis={axis}>" if axis is not None else ""
    second = (
        f"bf = DequantizeLinear{attribute}(b, bs, bz)"
        if constant
        else "t = Transpose<perm=[0,2,1]>(a) bf = DequantizeLinear(t, as, az)"
    )
    return kit.model(
        f"""g ({name}[N,4,7] a) => ({name}[N,4,c] y) {{
            af = DequantizeLinear(a, as, az)
            {second}
            m = {op}
            y = QuantizeLinear(m, ys, az)
        }}""",
        **{"as": F32(0.0213)},
        az=np.array(zero, code),
        b=b,
        bs=scale,
        bz=zeros,
        ys=F32(0.06),
    )


@pytest.mark.parametrize(("code", "zero"), [(np.int8, 0), (np.int8, 9), (np.uint8, 100)])
@pytest.mark.parametrize(
    ("b_shape", "axis", "constant"),
    [((7, 30), None, True), ((7, 30), 1, True), ((7, 30), -1, True), ((1, 4), None, False)],
)
def test_matrix_product(kit, code, zero, b_shape, axis, constant):
    model = matmul_qdq(kit, code, zero, b_shape, constant=constant, axis=axis)
    after, ours, stock, plain = codes_of(kit, model, random_codes((5, 4, 7), code))
    wanted = ["QLinearMatMul"] if constant else ["QLinearMatMul", "Transpose"]
    assert kit.ops(after.model) == wanted
    assert_close_codes(ours, plain)
    if constant:
        np.testing.assert_array_equal(ours, stock)


@pytest.mark.parametrize("form", ["transB", "plain", "no bias", "clamped"])
@pytest.mark.parametrize(("code", "zero"), [(np.int8, 0), (np.int8, -128), (np.uint8, 100)])
def test_gemm(kit, form, code, zero):
    """A user's QDQ graph with a Gemm: the integer form is a convolution over one position."""
    name = np.dtype(code).name
    transposed = form != "plain"
    other, half = (np.int8, 0) if code == np.int8 else (np.uint8, 128)
    bias = "" if form == "no bias" else ", bf"
    model = kit.model(
        f"""g ({name}[N,9] x) => ({name}[N,12] y) {{
            xf = DequantizeLinear(x, xs, xz)
            wf = DequantizeLinear<axis={0 if transposed else 1}>(w, ws, wz)
            bf = DequantizeLinear<axis=0>(b, bs, bz)
            g = Gemm<transB={int(transposed)}>(xf, wf{bias})
            {"c = Relu(g)" if form == "clamped" else ""}
            y = QuantizeLinear({"c" if form == "clamped" else "g"}, ys, xz)
        }}""",
        names=("", "", "", "fc", "relu", ""),
        xs=F32(0.02),
        xz=np.array(zero, code),
        w=random_codes((12, 9) if transposed else (9, 12), other, 3),
        ws=np.linspace(0.01, 0.02, 12, dtype=F32),
        wz=np.full(12, half, other),
        b=np.random.default_rng(2).integers(-3000, 3000, 12).astype(np.int32),
        bs=np.linspace(0.01, 0.02, 12, dtype=F32) * F32(0.02),
        bz=np.zeros(12, np.int32),
        ys=F32(0.06),
    )
    after, ours, _, plain = codes_of(kit, model, random_codes((40, 9), code))
    assert next(n for n in after.model.graph.node if n.op_type == "QLinearConv").name == "fc"
    assert set(kit.ops(after.model)) <= {"Clip", "QLinearConv", "Squeeze", "Unsqueeze"}
    assert_close_codes(ours, plain)


def test_ops_that_move_values_work_on_codes(kit):
    model = kit.model(
        """g (int8[N,2,6,6] x) => (int8[N,18] y) {
            a = DequantizeLinear(x, s, z)
            b = MaxPool<kernel_shape=[2,2], strides=[2,2]>(a)
            c = QuantizeLinear(b, s, z)
            d = DequantizeLinear(c, s, z)
            e = Transpose<perm=[0,2,3,1]>(d)
            f = QuantizeLinear(e, s, z)
            h = DequantizeLinear(f, s, z)
            i = Reshape(h, shape)
            j = QuantizeLinear(i, s, z)
            k = DequantizeLinear(j, s, z)
            l = Relu(k)
            y = QuantizeLinear(l, s, z)
        }""",
        s=F32(0.1),
        z=np.int8(-5),
        shape=np.array([-1, 18], np.int64),
    )
    after, ours, stock, plain = codes_of(kit, model, random_codes((4, 2, 6, 6), np.int8))
    assert kit.ops(after.model) == ["Clip", "MaxPool", "Reshape", "Transpose"]
    np.testing.assert_array_equal(ours, plain)
    np.testing.assert_array_equal(ours, stock)


def test_pair_between_convolution_and_clamp_of_a_user_is_kept(kit):
    """The user's model rounds twice; so does the lowered one."""
    model = kit.model(
        """g (int8[N,3,10,10] x) => (int8[N,6,8,8] y) {
            xf = DequantizeLinear(x, xs, z)
            wf = DequantizeLinear(w, ws, z)
            c = Conv(xf, wf)
            q = QuantizeLinear(c, s1, z)
            d = DequantizeLinear(q, s1, z)
            r = Relu(d)
            y = QuantizeLinear(r, s2, z)
        }""",
        xs=F32(0.0213),
        ws=F32(0.00517),
        z=np.int8(0),
        s1=F32(0.207),
        s2=F32(0.0531),
        w=random_codes((6, 3, 3, 3), np.int8, 1),
    )
    after, ours, _, plain = codes_of(kit, model, random_codes((3, 3, 10, 10), np.int8))
    assert "QLinearConv" in kit.ops(after.model)
    np.testing.assert_array_equal(ours, plain)


@pytest.mark.parametrize(("own", "zero"), [(0.0001, 0), (0.003, 11)])
def test_bias_of_another_scale_and_zero_point(kit, own, zero):
    """int32 and uint8 biases that are not at the accumulator's scale are brought to it."""
    model = conv_qdq(kit, np.int8)
    for index, tensor in enumerate(model.graph.initializer):
        values = {
            "b": random_codes(6, np.uint8, 3) if zero else np.arange(-3000, 3000, 1000, np.int32),
            "bs": np.full(6, own, F32),
            "bz": np.full(6, zero, np.uint8 if zero else np.int32),
        }.get(tensor.name)
        if values is not None:
            model.graph.initializer[index].CopyFrom(numpy_helper.from_array(values, tensor.name))
    _, ours, _, plain = codes_of(kit, model, random_codes((3, 3, 10, 10), np.int8))
    assert_close_codes(ours, plain)


def test_shared_weights_and_scales_serve_two_nodes(kit):
    model = kit.model(
        """g (int8[N,4,6,6] x) => (int8[N,4,6,6] y) {
            xf = DequantizeLinear(x, s, z)
            wf = DequantizeLinear(w, s, z)
            c = Conv<pads=[1,1,1,1]>(xf, wf)
            q = QuantizeLinear(c, ys, z)
            d = DequantizeLinear(q, ys, z)
            e = Conv<pads=[1,1,1,1]>(d, wf)
            y = QuantizeLinear(e, ys, z)
        }""",
        s=np.full(1, 0.0113, F32),
        ys=F32(0.0531),
        z=np.zeros(1, np.int8),
        w=random_codes((4, 4, 3, 3), np.int8, 1),
    )
    after, ours, _, plain = codes_of(kit, model, random_codes((3, 4, 6, 6), np.int8))
    assert kit.ops(after.model) == ["QLinearConv", "QLinearConv"]
    names = [tensor.name for tensor in after.model.graph.initializer]
    assert len(names) == len(set(names))
    np.testing.assert_array_equal(ours, plain)


def one_conv(kit, body, **changes):
    tensors = {
        "s": F32(0.1),
        "z": np.int8(0),
        "w": random_codes((2, 2, 1, 1), np.int8),
        "wf0": kit.normal(2, 2, 1, 1),
        "u": np.uint8(0),
        "z16": np.int16(0),
        "s2": np.full(2, 0.1, F32),
        "z2": np.zeros(2, np.int8),
        **changes,
    }
    used = {name: values for name, values in tensors.items() if name in body.replace(")", ",")}
    text = f"g (float[N,2,4,4] x) => (float[N,2,4,4] y) {{ {body} }}"
    model = kit.model(text, **used)
    for node in model.graph.node:
        node.name = node.name or f"n_{node.op_type}_{node.output[0]}"
    return model


HEAD = "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)"
WEIGHT = "wf = DequantizeLinear(w, s, z)"
TAIL = "o = QuantizeLinear(c, s, z) y = DequantizeLinear(o, s, z)"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (f"{WEIGHT} c = Conv(x, wf) {TAIL}", "its input is not quantised"),
        (f"{HEAD} c = Conv(d, wf0) {TAIL}", "its weight is not quantised"),
        (f"{HEAD} {WEIGHT} y = Conv(d, wf)", "its float output is an output of the graph"),
        (f"{HEAD} {WEIGHT} c = Conv(d, wf) y = Sigmoid(c)", "not quantised (Sigmoid follows)"),
        (
            f"{HEAD} {WEIGHT} c = Conv(d, wf) o = QuantizeLinear(c, s, u) "
            "y = DequantizeLinear(o, s, u)",
            "its input codes are int8, its output codes uint8",
        ),
        (
            f"{HEAD} wf = DequantizeLinear<axis=1>(w, s2, z2) c = Conv(d, wf) {TAIL}",
            "quantised along axis 1",
        ),
        (
            f"{HEAD} {WEIGHT} c = Conv(d, wf) e = Abs(c) f = Neg(c) h = Add(e, f) "
            "o = QuantizeLinear(h, s, z) y = DequantizeLinear(o, s, z)",
            "its float output has 2 readers",
        ),
        (
            f"q = QuantizeLinear(x, s) d = DequantizeLinear(q, s) {WEIGHT} c = Conv(d, wf) {TAIL}",
            "no zero point",
        ),
    ],
)
def test_groups_left_alone_tell_why(kit, body, reason):
    model = one_conv(kit, body)
    after = lowered(kit, model)
    left = {note.op: note.reason for note in after.records[-1].left_alone}
    assert reason in left["Conv"]
    x = kit.samples(model, 3)
    np.testing.assert_allclose(kit.run(after.model, x)[0], kit.run(model, x)[0], atol=1e-6)


def test_weights_of_another_width_are_left_alone(kit):
    model = one_conv(
        kit,
        f"{HEAD} wf = DequantizeLinear(w, s, z16) c = Conv(d, wf) {TAIL}",
        w=random_codes((2, 2, 1, 1), np.int8).astype(np.int16),
    )
    model.opset_import[0].version = 21
    (note,) = lowered(kit, model).records[-1].left_alone
    assert note.reason == "its weight is quantised to int16, not to 8 bits"


def test_identity_of_the_model_survives(kit):
    model = conv_qdq(kit, np.int8, "Clip")
    after = lowered(kit, model).model
    for field in ("producer_name", "producer_version", "domain", "doc_string", "ir_version"):
        assert getattr(after, field) == getattr(model, field)
    assert list(after.metadata_props) == list(model.metadata_props)
    assert list(after.opset_import) == list(model.opset_import)
