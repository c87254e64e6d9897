"""The portable bodies equal the library bit for bit, whatever shapes, attributes and tables."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from hawx_onnx.passes.portable import add_portable_bodies, portable_body
from hawx_onnx.runtime.library import create_session

quick = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
CONV = ("x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias")
NAMES = {
    "ApproxQLinearConv": CONV,
    "ApproxQLinearMatMul": CONV[:8],
    "ApproxConvInteger": ("x", "w", "x_zero", "w_zero"),
    "ApproxMatMulInteger": ("x", "w", "x_zero", "w_zero"),
}
CODES = st.sampled_from([np.int8, np.uint8])


def one_node(op, inputs, opset=13, **attributes):
    """A model of one ai.hawx node with its portable body; "x" is its graph input."""
    names = [*NAMES[op], "tables", "table_index", *(["factors"] if "factors" in inputs else [])]
    node = helper.make_node(op, names, ["y"], "node", domain="ai.hawx", **attributes)
    kinds = {name: helper.np_dtype_to_tensor_dtype(v.dtype) for name, v in inputs.items()}
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", kinds["x"], [None] * inputs["x"].ndim)],
        [helper.make_tensor_value_info("y", 6 if "Integer" in op else kinds["y_zero"], None)],
        [numpy_helper.from_array(inputs[name], name) for name in names if name != "x"],
    )
    imports = [helper.make_opsetid("", opset), helper.make_opsetid("ai.hawx", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    add_portable_bodies(model, opset)
    return model


def both(model, x):
    """Outputs of the library's kernel and of the portable body."""
    source = model.SerializeToString()
    return [
        create_session(source, threads=1, use_library=use).run(None, {"x": x})[0]
        for use in (True, False)
    ]


def codes(rng, kind, shape):
    return rng.integers(0, 256, shape).astype(np.uint8).view(kind)


def zero_point(rng, draw, kind, shape):
    return codes(rng, kind, shape) if draw(st.booleans()) else np.zeros(shape, kind)


def factor(rng):
    return rng.integers(-128, 128, 256) + (128 if rng.random() < 0.5 else 0)


def factored(rng, count, factored_tables):
    """Tables, the given ones of them as sums of one to three terms, and the rows of factors."""
    tables, rows = rng.integers(-(2**15), 2**15, (count, 256, 256)), []
    for number in factored_tables:
        tables[number] = 0
        for _ in range(rng.integers(1, 4)):
            scale, left, right = rng.integers(-3, 4), factor(rng), factor(rng)
            rows.append([number, scale, *left, *right])
            tables[number] += scale * np.multiply.outer(left, right)
    return tables, np.array(rows, np.int32).reshape(-1, 514)


def tables_of(rng, draw, count):
    """Tables with factors of all, of some, wrong ones, or none; the spread of their entries."""
    factors = draw(st.sampled_from(["absent", "all", "some", "wrong"]))
    if factors == "absent":
        size = draw(st.sampled_from([2**7, 2**15, 2**20]))
        return {"tables": rng.integers(-size, size, (count, 256, 256)).astype(np.int32)}, size
    tables, rows = factored(rng, count, [0] if factors == "some" else range(count))
    if factors == "wrong":
        rows[rng.integers(len(rows)), 1] += 1
    return {"tables": tables.astype(np.int32), "factors": rows}, 2**15


def common(rng, draw, x_kind, channels, depth):
    """Scales, zero points, tables and their index; accumulators of some 2**17 fill the codes."""
    tables = draw(st.integers(1, 3))
    shared, size = tables_of(rng, draw, tables)
    per_channel = draw(st.booleans())
    w_kind, y_kind = draw(CODES), draw(CODES)
    shape = channels if per_channel else ()
    return w_kind, {
        "x_scale": np.float32(0.01),
        "x_zero": zero_point(rng, draw, x_kind, ()),
        "w_scale": np.asarray(rng.uniform(0.005, 0.01, shape), np.float32),
        "w_zero": zero_point(rng, draw, w_kind, shape if draw(st.booleans()) else ()),
        "y_scale": np.float32(7e-5 * size * depth**0.5 / 100),
        "y_zero": codes(rng, y_kind, ()),
        "table_index": rng.integers(0, tables, channels).astype(np.int32),
        **shared,
    }


@st.composite
def convolutions(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rank = draw(st.integers(1, 3))
    group = draw(st.sampled_from([1, 1, 2, 3]))
    depth, filters = draw(st.integers(1, 3)), group * draw(st.integers(1, 3))

    def each(low, high):
        return [draw(st.integers(low, high)) for _ in range(rank)]

    kernel, strides, dilations = each(1, 3), each(1, 2), each(1, 2)
    auto_pad = draw(st.sampled_from(["NOTSET", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if auto_pad.startswith("SAME"):
        dilations = [1] * rank  # onnxruntime takes no others here, in its exact ops either
    attributes = {
        "group": group,
        "kernel_shape": kernel,
        "strides": strides,
        "dilations": dilations,
        "skip_padding": draw(st.integers(0, 1)),
        "auto_pad": auto_pad,
    }
    if attributes["auto_pad"] == "NOTSET":
        attributes["pads"] = each(0, 2) + each(0, 2)
    most = {1: 12, 2: 6, 3: 3}[rank]
    spans = [d * (k - 1) + 1 for k, d in zip(kernel, dilations, strict=True)]
    space = [span + draw(st.integers(0, most)) for span in spans]
    x_kind = draw(CODES)
    channels = group * depth
    w_kind, inputs = common(rng, draw, x_kind, filters, depth * int(np.prod(kernel)))
    inputs["x"] = codes(rng, x_kind, (draw(st.integers(1, 2)), channels, *space))
    inputs["w"] = codes(rng, w_kind, (filters, depth, *kernel))
    inputs["bias"] = rng.integers(-20000, 20000, filters).astype(np.int32)
    return inputs, attributes, draw(st.sampled_from([13, 17, 19]))


@pytest.mark.parametrize("op", ["ApproxQLinearConv", "ApproxConvInteger"])
@quick
@given(case=convolutions())
def test_convolution(library, op, case):
    inputs, attributes, opset = case
    ours, portable = both(one_node(op, inputs, opset, **attributes), inputs["x"])
    np.testing.assert_array_equal(portable, ours)


@st.composite
def products(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    a_batch, b_batch = draw(
        st.sampled_from(
            [((), ()), ((3,), ()), ((2, 3), ()), ((), (3,)), ((2, 1), (3,)), ((2, 2), (2, 2))]
        )
    )
    rows, depth, columns = (draw(st.integers(1, 6)) for _ in range(3))
    x_kind = draw(CODES)
    w_kind, inputs = common(rng, draw, x_kind, columns, depth)
    inputs["x"] = codes(rng, x_kind, (*a_batch, rows, depth))
    inputs["w"] = codes(rng, w_kind, (*b_batch, depth, columns))
    return inputs, draw(st.sampled_from([13, 17, 19]))


@quick
@given(case=products())
def test_matrix_product(library, case):
    inputs, opset = case
    ours, portable = both(one_node("ApproxQLinearMatMul", inputs, opset), inputs["x"])
    np.testing.assert_array_equal(portable, ours)


@quick
@given(case=products(), per_row=st.sampled_from(["no", "rows", "all"]), matrices=st.booleans())
def test_integer_matrix_product(library, case, per_row, matrices):
    inputs, opset = case
    rng = np.random.default_rng(inputs["x"].size)
    x, w = inputs["x"], inputs["w"]
    if per_row != "no":
        shape = x.shape[-2:-1] if per_row == "rows" else (*x.shape[:-1], 1)
        inputs["x_zero"] = codes(rng, x.dtype, shape)
    if matrices:
        inputs["w_zero"] = codes(rng, w.dtype, (*w.shape[:-2], 1, w.shape[-1]))
    ours, portable = both(one_node("ApproxMatMulInteger", inputs, opset), x)
    np.testing.assert_array_equal(portable, ours)


def simple(table, **changes):
    inputs = {
        "x": np.array([[3, -5]], np.int8),
        "x_scale": np.float32(1),
        "x_zero": np.int8(0),
        "w": np.array([[7, -2], [1, 4]], np.int8),
        "w_scale": np.float32(1),
        "w_zero": np.int8(0),
        "y_scale": np.float32(1),
        "y_zero": np.int8(0),
        "tables": table[None].astype(np.int32),
        "table_index": np.zeros(2, np.int32),
        **changes,
    }
    return one_node("ApproxQLinearMatMul", inputs), inputs["x"]


@pytest.mark.parametrize("use_library", [True, False])
def test_first_index_of_a_table_is_the_activation(library, use_library):
    """T[a][w] = a for one table, w for the other: a swap of operands would show."""
    values = np.arange(256, dtype=np.uint8).view(np.int8).astype(np.int32)
    activation = np.repeat(values[:, None], 256, axis=1)
    for table, wanted in ((activation, [[-2, -2]]), (activation.T, [[8, 2]])):
        model, x = simple(table)
        session = create_session(model.SerializeToString(), use_library=use_library)
        assert session.run(None, {"x": x})[0].tolist() == wanted


@pytest.mark.parametrize("use_library", [True, False])
def test_sums_of_large_entries_wrap_at_32_bits(library, use_library):
    """2 * (2**31 - 1) wraps to -2."""
    model, x = simple(np.full((256, 256), 2**31 - 1))
    session = create_session(model.SerializeToString(), use_library=use_library)
    assert session.run(None, {"x": x})[0].tolist() == [[-2, -2]]


@pytest.mark.parametrize("factors", [False, True])
@pytest.mark.parametrize("op", sorted(NAMES))
@pytest.mark.parametrize("opset", [13, 17, 18, 21])
def test_bodies_are_valid_at_every_opset(op, opset, factors):
    body = portable_body(op, opset, factors=factors)
    assert (body.domain, body.name) == ("ai.hawx", op)
    assert [(e.domain, e.version) for e in body.opset_import] == [("", opset)]
    assert {node.domain for node in body.node} == {""}


def test_a_body_is_added_once(library):
    model, _ = simple(np.zeros((256, 256)))
    add_portable_bodies(model, 13)
    assert [function.name for function in model.functions] == ["ApproxQLinearMatMul"]
