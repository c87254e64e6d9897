"""With the exact multiplier's table the ops equal onnxruntime's own, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.errors import ModelError

# Activation and weight types that onnxruntime's own operators take.
TYPES = [(np.uint8, np.int8), (np.int8, np.int8), (np.uint8, np.uint8)]


def random_quantisation(rng, node, weights, signed_x, signed_w, per_channel):
    """Zero points and scales; the symmetric scheme for signed codes."""
    x = "x" if weights == "w" else "a"
    channels = node.inputs["table_index"].size
    depth = node.inputs["w"][0].size if weights == "w" else node.inputs["b"].shape[-2]
    kinds = {name: node.inputs[name].dtype for name in (x, weights)}
    y_type = kinds[x]
    scales = rng.random(channels if per_channel else ()) * 0.02 + 0.01
    zero = 0 if signed_w else 120
    return node.replace(
        **{
            f"{x}_scale": np.array(0.02, np.float32),
            f"{x}_zero_point": np.array(0 if signed_x else 131, kinds[x]),
            f"{weights}_scale": np.asarray(scales, np.float32),
            f"{weights}_zero_point": np.full(channels if per_channel else (), zero, kinds[weights]),
            "y_scale": np.array(0.02 * 0.02 * 100 * depth**0.5, np.float32),
            "y_zero_point": np.array(3 if signed_x else 128, y_type),
        }
    )


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("x_type", "w_type"), TYPES)
def test_convolution(ops, x_type, w_type, seed):
    rng = np.random.default_rng(seed)
    group = int(rng.choice([1, 1, 2, 4]))
    inputs = int(rng.integers(1, 6))
    w_shape = (group * int(rng.integers(1, 9)), inputs, *rng.integers(1, 4, 2))
    x_shape = (int(rng.integers(1, 4)), group * inputs, *rng.integers(7, 20, 2))
    node = ops.conv(
        rng.integers(0, 256, x_shape).astype(np.uint8).view(x_type),
        rng.integers(0, 256, w_shape).astype(np.uint8).view(w_type),
        group=group,
        strides=[int(s) for s in rng.integers(1, 3, 2)],
        dilations=[int(d) for d in rng.integers(1, 3, 2)],
        pads=[int(p) for p in rng.integers(0, 3, 4)],
    )
    signed = x_type is np.int8, w_type is np.int8
    node = random_quantisation(rng, node, "w", *signed, per_channel=seed % 2 == 0)
    node = node.replace(bias=rng.integers(-5000, 5000, w_shape[0]).astype(np.int32))
    expected = ops.run(node, stock=True)
    assert np.unique(expected).size > 20
    np.testing.assert_array_equal(ops.reference(node), expected)
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa), expected)


@pytest.mark.parametrize("auto_pad", ["SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize(
    ("size", "kernel", "stride"), [(9, 3, 2), (10, 3, 2), (10, 4, 1), (7, 2, 3)]
)
def test_automatic_padding(ops, auto_pad, size, kernel, stride):
    rng = np.random.default_rng(size)
    node = ops.conv(
        rng.integers(0, 256, (2, 3, size, size + 1)).astype(np.uint8),
        rng.integers(-128, 128, (5, 3, kernel, kernel)).astype(np.int8),
        auto_pad=auto_pad,
        strides=[stride, stride],
    ).replace(x_zero_point=np.array(77, np.uint8), y_zero_point=np.array(9, np.uint8))
    expected = ops.run(node, stock=True)
    np.testing.assert_array_equal(ops.reference(node), expected)
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa), expected)


@pytest.mark.parametrize("batch", [((), ()), ((4,), ()), ((2, 3), (3,))])
@pytest.mark.parametrize("per_channel", [False, True])
@pytest.mark.parametrize(("a_type", "b_type"), TYPES)
def test_matrix_product(ops, a_type, b_type, per_channel, batch):
    rng = np.random.default_rng(len(batch[0]))
    rows, depth, columns = (int(n) for n in rng.integers(1, 80, 3))
    node = ops.matmul(
        rng.integers(0, 256, (*batch[0], rows, depth)).astype(np.uint8).view(a_type),
        rng.integers(0, 256, (*batch[1], depth, columns)).astype(np.uint8).view(b_type),
    )
    signed = a_type is np.int8, b_type is np.int8
    node = random_quantisation(rng, node, "b", *signed, per_channel=per_channel)
    if per_channel and batch[1]:  # then onnxruntime wants them for every matrix
        shape = (*batch[1], 1, columns)
        node = node.replace(
            b_scale=rng.uniform(0.01, 0.03, shape).astype(np.float32),
            b_zero_point=np.full(shape, node.inputs["b_zero_point"][0]),
        )
    expected = ops.run(node, stock=True)
    np.testing.assert_array_equal(ops.reference(node), expected)
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa), expected)


# The types that onnxruntime's ConvInteger takes, and those of its MatMulInteger, in new versions.
CONV_INTEGER = [(np.uint8, np.uint8), (np.uint8, np.int8)]
MATMUL_INTEGER = [*TYPES, (np.int8, np.uint8)]


def stock_integer(ops, node):
    """What onnxruntime's own operator gives; skips where an old one does not take these types."""
    try:
        return ops.run(node, stock=True)
    except ModelError as error:
        if "Could not find an implementation" in str(error):
            pytest.skip("this onnxruntime's operator does not take these types")
        raise


@pytest.mark.parametrize("auto_pad", ["NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID"])
@pytest.mark.parametrize("zeros", [(), ("x_zero_point",), ("x_zero_point", "w_zero_point")])
@pytest.mark.parametrize(("x_type", "w_type"), CONV_INTEGER)
def test_integer_convolution(ops, x_type, w_type, zeros, auto_pad):
    rng = np.random.default_rng(len(zeros) + len(auto_pad))
    group = int(rng.choice([1, 2]))
    node = ops.conv(
        rng.integers(0, 256, (2, 3 * group, 9, 12)).astype(np.uint8).view(x_type),
        rng.integers(0, 256, (4 * group, 3, 3, 2)).astype(np.uint8).view(w_type),
        group=group,
        strides=[2, 1],
        auto_pad=auto_pad,
        **({"pads": [1, 0, 2, 1]} if auto_pad == "NOTSET" else {}),
    )
    node = node.integer().without("x_zero_point", "w_zero_point")
    given = {"x_zero_point": np.array(131, x_type), "w_zero_point": np.array(77, w_type)}
    node = node.replace(**{name: given[name] for name in zeros})
    expected = stock_integer(ops, node)
    assert expected.dtype == np.int32
    np.testing.assert_array_equal(ops.reference(node), expected)
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa), expected)


@pytest.mark.parametrize("batch", [((), ()), ((4,), ()), ((2, 3), (3,))])
@pytest.mark.parametrize("zeros", ["none", "a", "both", "columns"])
@pytest.mark.parametrize(("a_type", "b_type"), MATMUL_INTEGER)
def test_integer_matrix_product(ops, a_type, b_type, zeros, batch):
    rng = np.random.default_rng(len(batch[0]))
    rows, depth, columns = (int(n) for n in rng.integers(1, 80, 3))
    node = ops.matmul(
        rng.integers(0, 256, (*batch[0], rows, depth)).astype(np.uint8).view(a_type),
        rng.integers(0, 256, (*batch[1], depth, columns)).astype(np.uint8).view(b_type),
    )
    node = node.integer().without("a_zero_point", "b_zero_point")
    if zeros != "none":
        node = node.replace(a_zero_point=np.array(99, a_type))
    if zeros == "both":
        node = node.replace(b_zero_point=np.array(100, b_type))
    if zeros == "columns":
        shape = (*batch[1], 1, columns) if batch[1] else columns
        node = node.replace(b_zero_point=rng.integers(0, 128, shape).astype(b_type))
    expected = stock_integer(ops, node)
    assert expected.dtype == np.int32
    np.testing.assert_array_equal(ops.reference(node), expected)
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa), expected)


def test_ties_round_to_even_and_outputs_saturate(ops):
    """Accumulators of -300..300 times 0.5: every half, and both ends of the range."""
    steps = np.arange(-300, 301, dtype=np.int32)
    x = np.ones((1, 1, 1), np.uint8)
    w = np.ones((steps.size, 1, 1), np.int8)
    node = ops.conv(x, w).replace(
        bias=steps - 1,
        w_scale=np.array(0.5, np.float32),
        y_scale=np.array(1.0, np.float32),
        y_zero_point=np.array(-3, np.int8),
    )
    expected = np.clip(np.rint(steps / 2) - 3, -128, 127).astype(np.int8)
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa)[0, :, 0], expected)
