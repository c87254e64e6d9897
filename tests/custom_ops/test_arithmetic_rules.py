"""Rules of the arithmetic that emulators are known to get wrong, one test each."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture
def rng():
    return np.random.default_rng(11)


def random_codes(rng, shape, kind=np.uint8):
    return rng.integers(0, 256, shape).astype(np.uint8).view(kind)


def assert_matches(ops, node):
    expected = ops.reference(node)
    assert np.unique(expected).size > 1
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa), expected)


def asymmetric_table():
    """A table in which the operands' order matters: activation plus three times the weight."""
    codes = np.arange(256)
    return (codes[:, None] + 3 * codes[None, :])[None].astype(np.int32)


def test_asymmetric_zero_points_give_the_sum_of_real_products(ops, rng):
    x, w = random_codes(rng, (1, 4, 6, 6)), random_codes(rng, (3, 4, 3, 3))
    node = ops.conv(x, w).replace(
        x_zero_point=np.array(17, np.uint8), w_zero_point=np.array([90, 130, 201], np.uint8)
    )
    values = x.astype(float) - 17
    weights = w.astype(float) - np.array([90, 130, 201]).reshape(3, 1, 1, 1)
    windows = np.lib.stride_tricks.sliding_window_view(values, (3, 3), axis=(2, 3))
    real = np.einsum("nchwij,mcij->nmhw", windows, weights) / float(node.inputs["y_scale"])
    expected = np.clip(np.rint(real), -128, 127)
    for isa in ops.isas:
        assert np.abs(ops.run(node, isa=isa) - expected).max() <= 1


def test_three_dimensional_products_use_the_table(ops, rng):
    a, b = random_codes(rng, (2, 3, 8)), random_codes(rng, (8, 5))
    node = ops.matmul(a, b, tables=asymmetric_table())
    assert_matches(ops, node)
    zeros = np.zeros((1, 256, 256), np.int32)
    assert not ops.run(node.replace(tables=zeros)).any()


def test_sums_beyond_two_to_the_24_are_exact(ops):
    x = np.full((1, 600, 1), 255, np.uint8)
    node = ops.conv(x, np.full((1, 600, 1), 255, np.uint8)).replace(
        bias=np.array([-600 * 255 * 255 + 1], np.int32), y_scale=np.array(1.0, np.float32)
    )
    for isa in ops.isas:
        assert ops.run(node, isa=isa).item() == 1


def test_activation_comes_first_in_convolution_and_product(ops, rng):
    a, b = random_codes(rng, (5, 7)), random_codes(rng, (7, 4))
    product = ops.matmul(a, b, tables=asymmetric_table())
    convolution = ops.conv(a[:, :, None], b.T[:, :, None], tables=asymmetric_table())
    expected = (a.sum(1, dtype=int)[:, None] + 3 * b.sum(0, dtype=int)[None]) / float(
        product.inputs["y_scale"]
    )
    expected = np.clip(np.rint(expected), -128, 127)
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(product, isa=isa), expected)
        np.testing.assert_array_equal(ops.run(convolution, isa=isa)[:, :, 0], expected)


def test_dilation_is_applied(ops, rng):
    x, w = random_codes(rng, (1, 2, 9), np.int8), random_codes(rng, (2, 2, 3), np.int8)
    node = ops.conv(x, w, dilations=[3])
    assert_matches(ops, node)
    spread = np.zeros((2, 2, 7), np.int8)
    spread[:, :, ::3] = w
    np.testing.assert_array_equal(
        ops.run(node), ops.run(node.replace({"dilations": [1]}, w=spread))
    )


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
def test_padding_looks_up_the_zero_point_code(ops, rng, kind):
    zero = np.array(37, kind)
    x, w = random_codes(rng, (1, 2, 4, 4), kind), random_codes(rng, (3, 2, 3, 3), kind)
    tables = rng.integers(-(2**14), 2**14, (1, 256, 256)).astype(np.int32)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=zero)
    node = ops.conv(x, w, tables=tables, pads=[1, 1, 1, 1]).replace(
        x_zero_point=zero, y_scale=np.array(1000.0, np.float32)
    )
    assert_matches(ops, node)
    np.testing.assert_array_equal(
        ops.run(node), ops.run(node.replace({"pads": [0, 0, 0, 0]}, x=padded))
    )


def test_skipped_padding_contributes_nothing(ops):
    """A table of ones counts products: 4 at a corner, 6 at an edge, 9 inside."""
    node = ops.conv(
        np.zeros((1, 1, 4, 4), np.uint8),
        np.full((1, 1, 3, 3), 7, np.uint8),
        tables=np.ones((1, 256, 256), np.int32),
        pads=[1, 1, 1, 1],
        skip_padding=1,
    ).replace(y_scale=np.array(1.0, np.float32))
    expected = [[4, 6, 6, 4], [6, 9, 9, 6], [6, 9, 9, 6], [4, 6, 6, 4]]
    for isa in ops.isas:
        np.testing.assert_array_equal(ops.run(node, isa=isa)[0, 0], expected)
        np.testing.assert_array_equal(ops.run(node.integer(), isa=isa)[0, 0], expected)


def test_accumulators_are_the_output_of_integer_operators(ops):
    """3 of 255 x -128, then less the zero points' share: nothing saturates or is scaled."""
    x = np.full((1, 3, 1), 255, np.uint8)
    w = np.full((2, 3, 1), -128, np.int8)
    node = ops.conv(x, w).integer()
    zeroed = node.replace(
        x_zero_point=np.array(5, np.uint8), w_zero_point=np.array([1, 2], np.int8)
    )
    for isa in ops.isas:
        assert ops.run(node, isa=isa)[0, :, 0].tolist() == [-97920, -97920]
        assert ops.run(zeroed, isa=isa)[0, :, 0].tolist() == [-96750, -97500]


def test_accumulators_wrap_at_32_bits(ops):
    """2 * (2**31 - 1) is -2, and a zero-point term of 2 more makes it 0."""
    tables = np.full((1, 256, 256), 2**31 - 1, np.int32)
    a, b = np.array([[1, 0]], np.uint8), np.array([[0], [0]], np.int8)
    node = ops.matmul(a, b, tables=tables).integer()
    for isa in ops.isas:
        assert ops.run(node, isa=isa).tolist() == [[-2]]
        shifted = node.replace(b_zero_point=np.array(-2, np.int8))
        assert ops.run(shifted, isa=isa).tolist() == [[0]]


def test_zero_points_of_rows(ops, rng):
    """Each row of A may have its own, the same in all matrices or not."""
    a, b = random_codes(rng, (2, 3, 40)), random_codes(rng, (40, 5), np.int8)
    node = ops.matmul(a, b).integer().replace(b_zero_point=np.array(-3, np.int8))
    for shape in ((3,), (2, 3, 1)):
        zeros = random_codes(rng, shape)
        column = zeros.astype(np.int32)[..., None] if zeros.ndim == 1 else zeros.astype(np.int32)
        expected = (a.astype(np.int32) - column) @ (b.astype(np.int32) + 3)
        for isa in ops.isas:
            result = ops.run(node.replace(a_zero_point=zeros), isa=isa)
            np.testing.assert_array_equal(result, expected)


def test_groups_with_a_depth_multiplier(ops, rng):
    x, w = random_codes(rng, (2, 3, 6, 6)), random_codes(rng, (6, 1, 3, 3))
    node = ops.conv(x, w, group=3)
    whole = ops.run(node)
    for m in range(6):
        alone = ops.conv(x[:, m // 2 : m // 2 + 1], w[m : m + 1])
        np.testing.assert_array_equal(whole[:, m], ops.run(alone)[:, 0])


def test_each_channel_uses_its_own_table(ops, rng):
    x, w = random_codes(rng, (1, 4, 8, 8)), random_codes(rng, (5, 4, 1, 1))
    tables = rng.integers(0, 2**15, (3, 256, 256)).astype(np.int32)
    index = np.array([2, 0, 1, 2, 2], np.int32)
    node = ops.conv(x, w, tables=tables).replace(
        table_index=index, y_scale=np.array(600.0, np.float32)
    )
    for fed in ((), ("table_index",), ("tables",), ("tables", "table_index")):
        whole = ops.run(node, fed=fed)
        for m, t in enumerate(index):
            one = node.replace(w=w[m : m + 1], table_index=np.array([t], np.int32))
            np.testing.assert_array_equal(whole[:, m], ops.run(one)[:, 0])


def test_tables_at_run_time_may_change_between_runs(ops, rng):
    from hawx_onnx.runtime.library import create_session

    x, w = random_codes(rng, (1, 2, 3, 3)), random_codes(rng, (2, 2, 1, 1))
    node = ops.conv(x, w).replace(y_scale=np.array(600.0, np.float32))
    session = create_session(ops.model(node, ("x", "tables"), False), use_library=True)
    for _ in range(3):
        tables = rng.integers(0, 2**15, (1, 256, 256)).astype(np.int32)
        (result,) = session.run(None, {"x": x, "tables": tables})
        np.testing.assert_array_equal(result, ops.reference(node.replace(tables=tables)))


@pytest.mark.parametrize(("images", "outputs"), [(0, 3), (2, 0)])
def test_empty_outputs(ops, images, outputs):
    node = ops.conv(np.zeros((images, 2, 5), np.uint8), np.zeros((outputs, 2, 3), np.uint8))
    assert ops.run(node).shape == (images, outputs, 3)
    assert ops.run(node.integer()).shape == (images, outputs, 3)
    assert ops.run(node.integer().replace({"skip_padding": 1, "pads": [1, 0]})).shape[2] == 4


@pytest.mark.parametrize(
    ("a_shape", "b_shape", "shape"),
    [
        ((0, 4), (4, 3), (0, 3)),
        ((2, 4), (4, 0), (2, 0)),
        ((0, 2, 4), (4, 3), (0, 2, 3)),
        ((2, 0), (0, 3), (2, 3)),
        ((0, 2, 4), (0, 4, 3), (0, 2, 3)),
    ],
)
def test_empty_products(ops, a_shape, b_shape, shape):
    node = ops.matmul(np.zeros(a_shape, np.uint8), np.zeros(b_shape, np.uint8)).replace(
        y_scale=np.array(1.0, np.float32)
    )
    row_zeros = np.full((*a_shape[:-1], 1), 9, np.uint8)
    for isa in ops.isas:
        for one in (node, node.integer(), node.integer().replace(a_zero_point=row_zeros)):
            result = ops.run(one, isa=isa)
            assert result.shape == shape
            assert not result.any()
