"""Calibrate and the operator-level score: histograms and closed forms against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from hawx_onnx.components import Encoding
from hawx_onnx.errors import DataError
from hawx_onnx.frontend import model as frontend_model
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.passes import Calibrate
from hawx_onnx.passes.calibrate import operand_tensors, second_operand
from hawx_onnx.passes.code_counts import histogram
from hawx_onnx.passes.operator_level import score_operator
from hawx_onnx.passes.operator_score import (
    accumulated_error,
    accumulated_error_of_activations,
    weight_patterns,
)
from hawx_onnx.runtime.reference import conv_accumulators, matmul_accumulators

ATTENTION = """net (float[N,6,8] x) => (float[N,6,6] y) {
    q = MatMul(x, w)
    t = Transpose<perm=[0,2,1]>(x)
    y = MatMul(q, t)
}"""


def counted(codes, axis):
    """Counts by a plain loop."""
    rows = np.moveaxis(codes, axis, 0)
    return np.array(
        [np.bincount(row.astype(np.int64).ravel() & 0xFF, minlength=256) for row in rows]
    )


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
@pytest.mark.parametrize("axis", [0, 1, -1])
def test_histogram(kind, axis):
    codes = np.random.default_rng(0).integers(0, 256, (5, 3, 4, 2)).astype(np.uint8).view(kind)
    result = histogram(codes, axis)
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, counted(codes, axis))


def codes_in(kit, state, candidate, x):
    names = list(operand_tensors(state.model, candidate))
    constants = {tensor.name for tensor in state.model.graph.initializer}
    names = [name for name in names if name not in constants]
    return kit.run(exposed(state.model, names), x, outputs=names)


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_histograms_of_a_network(kit, residual, encoding, request):
    x = kit.samples(residual, 20)
    state = Calibrate()(kit.prepare(residual, request.getfixturevalue(encoding), x))
    assert set(state.histograms) == {"a", "b", "c", "d"}
    for candidate in state.candidates:
        (codes,) = codes_in(kit, state, candidate, x)
        np.testing.assert_array_equal(state.histograms[candidate.name], counted(codes, 1))


def test_both_operands_of_a_product_of_activations(kit, signed):
    model = kit.model(ATTENTION, names=tuple("qty"), w=kit.normal(8, 8))
    x = kit.samples(model, 10)
    state = Calibrate()(kit.prepare(model, signed, x))
    assert set(state.histograms) == {"q", "y", second_operand("y")}
    first, second = codes_in(kit, state, state.candidates[1], x)
    np.testing.assert_array_equal(state.histograms["y"], counted(first, -1))
    np.testing.assert_array_equal(state.histograms[second_operand("y")], counted(second, -1))


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_batches_do_not_matter(kit, residual, signed, batch, monkeypatch):
    state = kit.prepare(residual, signed, kit.samples(residual, 20))
    whole = Calibrate()(state).histograms
    split = frontend_model.batches

    def small(x, spec, size=64):
        return split(x, spec, batch)

    monkeypatch.setattr("hawx_onnx.runtime.runner.batches", small)
    parts = Calibrate()(state).histograms
    for name, counts in whole.items():
        np.testing.assert_array_equal(parts[name], counts)


def test_no_data_is_told(kit, residual, signed):
    state = kit.prepare(residual, signed).replace(dataset=None)
    with pytest.raises(DataError, match="no calibration samples"):
        Calibrate()(state)


def brute_force(shares, weights, error, groups):
    """Mean and variance over every pair of code and weight, one product at a time."""
    filters, depth, taps = weights.shape
    means, variances = np.zeros(filters), np.zeros(filters)
    for f in range(filters):
        for d in range(depth):
            share = shares[f // (filters // groups) * depth + d]
            for t in range(taps):
                column = error[:, weights[f, d, t]].astype(float)
                mean = (share * column).sum()
                means[f] += mean
                variances[f] += (share * (column - mean) ** 2).sum()
    return means, np.sqrt(variances)


@pytest.mark.parametrize(("channels", "groups"), [(4, 1), (4, 2), (6, 6)])
def test_closed_form_equals_enumeration(signed, channels, groups):
    rng = np.random.default_rng(groups)
    counts = rng.integers(0, 50, (channels, 256))
    weights = rng.integers(0, 256, (6, channels // groups, 3)).astype(np.uint8)
    means, stds = accumulated_error(counts, weights, signed)
    assert means.shape == stds.shape == (3, 6)
    shares = counts / counts.sum(axis=1, keepdims=True)
    for row, multiplier in enumerate(signed):
        mean, std = brute_force(shares, weights, multiplier.error_table, groups)
        np.testing.assert_allclose(means[row], mean, atol=1e-9)
        np.testing.assert_allclose(stds[row], std, atol=1e-9)
    assert not means[0].any() and not stds[0].any()


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
@pytest.mark.parametrize("groups", [1, 3])
def test_closed_form_equals_measured_sums(encoding, groups, request):
    """Accumulated errors of the op on independent random codes have that mean and deviation."""
    multipliers = request.getfixturevalue(encoding)
    kind = Encoding(encoding).code_dtype
    rng = np.random.default_rng(5)
    samples, channels, filters = 40_000, 6, 6
    x = rng.integers(0, 90, (samples, channels, 1)).astype(np.uint8).view(kind)
    w = rng.integers(0, 256, (filters, channels // groups, 1)).astype(np.uint8).view(kind)
    zero, index = np.array(0, kind), np.zeros(filters, np.int32)
    sums = [
        conv_accumulators(x, zero, w, zero, None, m.table[None], index, group=groups)
        for m in multipliers
    ]
    means, stds = accumulated_error(histogram(x, 1), weight_patterns("QLinearConv", w), multipliers)
    for row in (1, 2):
        errors = (sums[row].astype(np.int64) - sums[0])[:, :, 0]
        tolerance = 5 * stds[row] / np.sqrt(samples) + 1e-9
        assert (np.abs(errors.mean(axis=0) - means[row]) <= tolerance).all()
        np.testing.assert_allclose(errors.std(axis=0), stds[row], rtol=0.03)


def test_stack_of_matrices_is_averaged(signed):
    """Each output meets one matrix of the stack, not all of them."""
    rng = np.random.default_rng(2)
    w = rng.integers(-128, 128, (3, 5, 4)).astype(np.int8)
    a = rng.integers(-128, 128, (30_000, 3, 1, 5)).astype(np.int8)
    zero, index = np.int8(0), np.zeros(4, np.int32)
    exact, close = (matmul_accumulators(a, zero, w, zero, m.table[None], index) for m in signed[:2])
    errors = (close.astype(np.int64) - exact).reshape(-1, 4)
    means, stds = accumulated_error(histogram(a, -1), weight_patterns("QLinearMatMul", w), signed)
    assert (np.abs(errors.mean(axis=0) - means[1]) < 5 * stds[1] / np.sqrt(len(a))).all()
    np.testing.assert_allclose(errors.std(axis=0), stds[1], rtol=0.03)


def test_product_of_activations_equals_measured_sums(signed):
    rng = np.random.default_rng(3)
    samples, window, columns = 30_000, 7, 3
    a = rng.integers(0, 100, (samples, 1, window)).astype(np.int8)
    b = rng.integers(-100, 20, (samples, window, columns)).astype(np.int8)
    zero, index = np.int8(0), np.zeros(columns, np.int32)
    exact, close = (matmul_accumulators(a, zero, b, zero, m.table[None], index) for m in signed[:2])
    errors = (close.astype(np.int64) - exact).reshape(-1, columns)
    means, stds = accumulated_error_of_activations(
        histogram(a, -1), histogram(b, -1), window, signed
    )
    assert (np.abs(errors.mean(axis=0) - means[1]) < 5 * stds[1] / np.sqrt(len(a))).all()
    np.testing.assert_allclose(errors.std(axis=0), stds[1], rtol=0.03)


@pytest.mark.parametrize("kind", [np.int8, np.uint8])
def test_weight_patterns(kind):
    w = np.arange(24).astype(kind).reshape(2, 3, 2, 2)
    assert weight_patterns("QLinearConv", w).tolist() == w.reshape(2, 3, 4).tolist()
    b = np.arange(24).astype(kind).reshape(2, 3, 4)
    patterns = weight_patterns("QLinearMatMul", b)
    assert patterns.shape == (2, 4, 3, 1)
    np.testing.assert_array_equal(patterns[1, :, :, 0], b[1].T)


def test_scores_of_a_network(kit, residual, signed):
    """Pointwise layer "c": mean error of its accumulators on the data, channel by channel."""
    x = kit.samples(residual, 64)
    state = Calibrate()(kit.prepare(residual, signed, x))
    candidate = next(c for c in state.candidates if c.name == "c")
    score = score_operator(state, candidate)
    node = next(n for n in state.model.graph.node if n.name == "c")
    values = {t.name: numpy_helper.to_array(t) for t in state.model.graph.initializer}
    (codes,) = codes_in(kit, state, candidate, x)
    w, zero = values[node.input[3]], np.int8(0)
    index = np.zeros(len(w), np.int32)
    exact, close = (
        conv_accumulators(codes, zero, w, zero, None, m.table[None], index) for m in signed[:2]
    )
    errors = close.astype(np.int64) - exact
    np.testing.assert_allclose(score.mean[1], errors.mean(axis=(0, 2, 3)), rtol=1e-9)
    scale = values[node.input[1]] * values[node.input[4]]
    np.testing.assert_allclose(score.output_scale, scale.reshape(-1), rtol=1e-6)
    assert score.peak == pytest.approx(float(values[node.input[6]]) * 255 / 2)
    relative = score.relative_rms()
    assert relative[0] == 0
    assert (relative[1:] > 0).all()
