"""Whatever does not fit is refused with a text that names the node, the tensor and the fault."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.errors import LibraryError


def conv(ops):
    rng = np.random.default_rng(3)
    return ops.conv(
        rng.integers(0, 256, (1, 4, 6, 6)).astype(np.uint8),
        rng.integers(0, 256, (6, 4, 3, 3)).astype(np.uint8),
    )


def matmul(ops):
    return ops.matmul(np.zeros((3, 4), np.uint8), np.zeros((4, 6), np.uint8))


def ints(*values):
    return np.array(values, np.int32)


def zeros(*shape, kind=np.uint8):
    return np.zeros(shape, kind)


def term(table=0, scale=1, factors=0, width=514):
    """One row of the input `factors`."""
    row = np.full((1, width), factors, np.int32)
    row[:, :2] = table, scale
    return row


INDEX = [
    ({"table_index": ints(0, 0, 1, 0, 0, 0)}, r"table_index\[2\] is 1, tables holds 1"),
    ({"table_index": ints(0, 0, 0, 0, 0, -1)}, r"table_index\[5\] is -1"),
    ({"table_index": ints(0, 0, 0)}, r"table_index has shape \[3\], it must be \[6\]"),
    ({"table_index": zeros(6, 1, kind=np.int32)}, r"table_index has shape \[6,1\]"),
    ({"tables": zeros(1, 256, 255, kind=np.int32)}, r"tables has shape \[1,256,255\]"),
    ({"tables": zeros(256, 256, kind=np.int32)}, r"tables has shape \[256,256\]"),
    ({"tables": zeros(0, 256, 256, kind=np.int32)}, r"table_index\[0\] is 0, tables holds 0"),
    ({"factors": term(width=513)}, r"factors has shape \[1,513\], it must be \[R,514\]"),
    ({"factors": term()[0]}, r"factors has shape \[514\]"),
    ({"factors": term(table=1)}, r"factors\[0\] is for table 1, tables holds 1"),
    ({"factors": term(table=-1)}, r"factors\[0\] is for table -1"),
    ({"factors": term(factors=256)}, r"factors\[0\] has factors beyond 8 bits"),
    ({"factors": term(factors=-129)}, r"factors\[0\] has factors beyond 8 bits"),
    ({"y_scale": np.zeros(2, np.float32)}, r"y_scale has shape \[2\]"),
    ({"y_scale": np.zeros((), np.float32)}, "scale of channel 0 is not finite"),
    ({"y_zero_point": zeros(2)}, r"y_zero_point has shape \[2\]"),
]
CONV = [
    *INDEX,
    ({"x": zeros(4, 6)}, r"x has shape \[4,6\]"),
    ({"x": zeros(1, 4, 6, 6, 6, 6), "w": zeros(6, 4, 1, 1, 1, 1)}, "1 to 3 spatial"),
    ({"x": zeros(1, 5, 6, 6)}, "x has 5 channels"),
    ({"x": zeros(1, 4, 6)}, "its rank is not that of x"),
    ({"x": zeros(1, 4, 2, 6)}, "kernel spans 3 elements, x padded only 2"),
    ({"w": zeros(6, 4, 0, 3)}, "its kernel is empty"),
    ({"x_scale": np.ones(4, np.float32)}, r"x_scale has shape \[4\]"),
    ({"w_scale": np.ones(5, np.float32)}, r"w_scale has shape \[5\]"),
    ({"w_zero_point": zeros(4)}, r"w_zero_point has shape \[4\]"),
    ({"bias": ints(1, 2)}, r"B has shape \[2\], it must be \[6\]"),
    ({"attributes": {"group": 4}}, "group 4 does not divide the 6 output channels"),
    ({"attributes": {"group": 0}}, "group is 0"),
    ({"attributes": {"group": 2}}, "x has 4 channels, w .* needs 8"),
    ({"attributes": {"pads": [1, 1]}}, "pads has 2 values, .* needs 4"),
    ({"attributes": {"pads": [1, 1, -1, 1]}}, "pads must not be negative"),
    ({"attributes": {"pads": [0, 0, 2**62, 0]}}, "pads must not be negative and below"),
    ({"attributes": {"strides": [1]}}, "strides has 1 values"),
    ({"attributes": {"strides": [1, 0]}}, "strides must be positive"),
    ({"attributes": {"dilations": [1, 1, 1]}}, "dilations has 3 values"),
    ({"attributes": {"kernel_shape": [3, 2]}}, r"kernel_shape is \[3,2\]"),
    ({"attributes": {"auto_pad": "SAME"}}, "auto_pad is 'SAME'"),
]
MATMUL = [
    *INDEX,
    ({"a": zeros(4)}, r"a has shape \[4\], it must have at least two"),
    ({"b": zeros(4)}, r"b has shape \[4\], it must have at least two"),
    ({"a": zeros(3, 5)}, r"a with shape \[3,5\] has 5 columns"),
    ({"a": zeros(2, 3, 4), "b": zeros(3, 4, 6)}, "do not broadcast"),
    ({"a_scale": np.ones(3, np.float32)}, r"a_scale has shape \[3\]"),
    ({"b_scale": np.ones((6, 1), np.float32)}, r"b_scale has shape \[6,1\]"),
]


def assert_refused(ops, node, text, fed):
    """The failure of session creation or of the run tells `text` and the node."""
    with pytest.raises(Exception, match=text) as refusal:
        ops.run(node, fed=fed)
    assert "node 'layer_7': " in str(refusal.value)


@pytest.mark.parametrize("fed", [(), ("table_index",), ("tables", "w", "table_index")], ids=len)
@pytest.mark.parametrize(("change", "text"), CONV)
def test_convolution(ops, change, text, fed):
    assert_refused(ops, conv(ops).replace(**change), f"ApproxQLinearConv.*{text}", fed)


@pytest.mark.parametrize("fed", [(), ("table_index",), ("tables", "b", "table_index")], ids=len)
@pytest.mark.parametrize(("change", "text"), MATMUL)
def test_matrix_product(ops, change, text, fed):
    assert_refused(ops, matmul(ops).replace(**change), f"ApproxQLinearMatMul.*{text}", fed)


def integer_changes(node, changes):
    """Those that concern an operator without scales and bias."""
    names = {*node.inputs, "factors", "attributes"}
    return [(change, text) for change, text in changes if names.issuperset(change)]


def test_integer_convolution(ops):
    node = conv(ops).integer()
    changes = integer_changes(node, CONV)
    assert len(changes) > 20
    for change, text in [*changes, ({"x_zero_point": zeros(4)}, r"x_zero_point has shape \[4\]")]:
        for fed in ((), ("table_index",), ("tables", "w", "table_index")):
            assert_refused(ops, node.replace(**change), f"ApproxConvInteger.*{text}", fed)


def test_integer_matrix_product(ops):
    node = matmul(ops).integer()
    changes = [
        *integer_changes(node, MATMUL),
        ({"a_zero_point": zeros(2)}, r"a_zero_point has shape \[2\], .* one for each row of a"),
        ({"a_zero_point": zeros(1, 3)}, r"a_zero_point has shape \[1,3\]"),
        ({"a_zero_point": zeros(2, 3, 1)}, r"a_zero_point has shape \[2,3,1\]"),
        ({"a_zero_point": zeros(1, 1)}, r"a_zero_point has shape \[1,1\]"),
        ({"a_zero_point": zeros(0)}, r"a_zero_point has shape \[0\]"),
        ({"b_zero_point": zeros(4)}, r"b_zero_point has shape \[4\]"),
    ]
    assert len(changes) > 15
    for change, text in changes:
        for fed in ((), ("table_index",), ("tables", "b", "table_index")):
            assert_refused(ops, node.replace(**change), f"ApproxMatMulInteger.*{text}", fed)


def test_zero_points_of_another_type_are_refused(ops):
    node = matmul(ops).integer().replace(a_zero_point=zeros(kind=np.int8))
    with pytest.raises(Exception, match="ApproxMatMulInteger"):
        ops.run(node)


def test_constant_tables_are_checked_before_the_first_run(ops):
    node = conv(ops).replace(table_index=ints(0, 0, 9, 0, 0, 0))
    with pytest.raises(LibraryError, match=r"table_index\[2\] is 9"):
        ops.run(node)


def test_wrong_types_are_refused(ops):
    with pytest.raises(Exception, match="ApproxQLinearConv"):
        ops.run(conv(ops).replace(tables=zeros(1, 256, 256, kind=np.int64)))
