"""Measured errors of accumulators against the numpy reference of the operators."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper, numpy_helper

from hawx_onnx.frontend.copies import exposed
from hawx_onnx.passes import Calibrate
from hawx_onnx.passes.calibrate import operand_tensors
from hawx_onnx.passes.measured_error import measure_errors
from hawx_onnx.passes.operator_level import score_operator
from hawx_onnx.runtime.reference import conv_accumulators, matmul_accumulators

ATTENTION = """net (float[N,6,8] x) => (float[N,6,6] y) {
    q = MatMul(x, w)
    t = Transpose<perm=[0,2,1]>(x)
    y = MatMul(q, t)
}"""
CONV_ATTRIBUTES = ("auto_pad", "dilations", "group", "pads", "strides")


def reference_errors(kit, state, candidate, x):
    """Errors of all sums, int64 [multipliers, samples * positions, channels]."""
    node = next(n for n in state.model.graph.node if n.name == candidate.name)
    values = {t.name: numpy_helper.to_array(t) for t in state.model.graph.initializer}
    names = [n for n in operand_tensors(state.model, candidate) if n not in values]
    found = kit.run(exposed(state.model, names), x, outputs=names)
    values |= dict(zip(names, found, strict=True))
    a, za, b, zb = (values[node.input[i]] for i in (0, 2, 3, 5))
    index = np.zeros(candidate.channels, np.int32)
    sums = []
    for multiplier in state.multipliers:
        tables = multiplier.table[None]
        if candidate.kind == "QLinearConv":
            attributes = {
                entry.name: helper.get_attribute_value(entry)
                for entry in node.attribute
                if entry.name in CONV_ATTRIBUTES
            }
            sums.append(conv_accumulators(a, za, b, zb, None, tables, index, **attributes))
        else:
            sums.append(matmul_accumulators(a, za, b, zb, tables, index))
    axis = 1 if candidate.kind == "QLinearConv" else -1
    rows = [np.moveaxis(s, axis, -1).reshape(-1, candidate.channels) for s in sums]
    return np.stack(rows).astype(np.int64) - rows[0]


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_convolutions(library, kit, residual, encoding, request):
    state = kit.prepare(residual, request.getfixturevalue(encoding))
    x = kit.samples(residual, 40)
    measured = measure_errors(state, x, 1, wanted=10**6)
    assert set(measured) == {"a", "b", "c", "d"}
    for candidate in state.candidates:
        errors = reference_errors(kit, state, candidate, x)
        found = measured[candidate.name]
        assert found.samples == 40
        np.testing.assert_allclose(found.mean, errors.mean(axis=1), atol=1e-9)
        np.testing.assert_allclose(found.std, errors.std(axis=1), atol=1e-6)
        assert found.std[1:].any()


def test_products_of_activations(library, kit, signed):
    model = kit.model(ATTENTION, names=tuple("qty"), w=kit.normal(8, 8))
    state = kit.prepare(model, signed)
    x = kit.samples(model, 30)
    measured = measure_errors(state, x, 1, wanted=10**6)
    for candidate in state.candidates:
        errors = reference_errors(kit, state, candidate, x)
        np.testing.assert_allclose(measured[candidate.name].mean, errors.mean(axis=1), atol=1e-9)
        np.testing.assert_allclose(measured[candidate.name].std, errors.std(axis=1), atol=1e-6)


def test_each_node_takes_the_samples_it_needs(library, kit, residual, signed):
    """Nodes of 64 positions need fewer samples than the classifier, which has one."""
    state = kit.prepare(residual, signed)
    measured = measure_errors(state, kit.samples(residual, 70), 1, wanted=640, least=8)
    samples = {name: error.samples for name, error in measured.items()}
    assert samples == {"a": 16, "b": 16, "c": 16, "d": 70}
    errors = reference_errors(kit, state, state.candidates[0], kit.samples(residual, 70)[:16])
    np.testing.assert_allclose(measured["a"].mean, errors.mean(axis=1), atol=1e-9)


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_closed_form_means_are_exact_on_the_same_samples(library, kit, residual, encoding, request):
    """Padding, groups and zero points included."""
    x = kit.samples(residual, 30)
    state = Calibrate()(kit.prepare(residual, request.getfixturevalue(encoding), x))
    for candidate in state.candidates:
        errors = reference_errors(kit, state, candidate, x)
        score = score_operator(state, candidate)
        np.testing.assert_allclose(score.mean, errors.mean(axis=1), atol=1e-8)
        assert score.std is score.independent_std
        assert score.spread_samples == 0


def test_measured_spread_goes_into_the_score(library, kit, residual, signed):
    x = kit.samples(residual, 30)
    state = Calibrate()(kit.prepare(residual, signed, x))
    measured = measure_errors(state, x, 1)
    score = score_operator(state, state.candidates[1], measured["b"])
    assert score.std is measured["b"].std
    assert (score.independent_std[1:] != score.std[1:]).any()
    np.testing.assert_allclose(score.output_std(), score.std * score.output_scale)
    np.testing.assert_allclose(score.output_mean(), score.mean * score.output_scale)
    assert score.spread_samples == 30
