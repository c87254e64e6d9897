"""Filter level: effects of single channels against runs in which they are approximated alone."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import stacked_factors
from hawx_onnx.passes import Calibrate
from hawx_onnx.passes.filter_effects import BATCH, FilterLevel
from hawx_onnx.passes.filter_score import RoundingNoise, find_effects, score_filters
from hawx_onnx.passes.layer_level import LayerLevel, SampleRuns
from hawx_onnx.passes.operator_level import score_operator
from hawx_onnx.passes.probe import AssignmentProbe, stacked_tables
from hawx_onnx.passes.projection import (
    Layer,
    error_field,
    margin_direction,
    output_directions,
    project,
)
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.sensitivity import GRADIENT, MEASURED

RESHAPED = """net (float[N,6,8] x) => (float[N,30] y) {
    r = Reshape(x, rows)
    m = MatMul(r, w)
    b = Reshape(m, back)
    y = Identity(b)
}"""


def level_of(state, output="y"):
    tables, factors = stacked_tables(state.multipliers), stacked_factors(state.multipliers)
    return FilterLevel(state.model, state.candidates, tables, factors, output, threads=1)


LIMIT = 2**33


def scores_of(state, x, labels=None):
    measured = np.full((len(state.candidates), len(state.multipliers)), 2.0)
    measured[:, 0] = 0
    probe = LayerResponses(state.model, state.candidates, state.multipliers, threads=1)
    return score_filters(
        state,
        find_effects(state, x, labels, LIMIT, 1),
        operator={c.name: score_operator(state, c) for c in state.candidates},
        measured=measured,
        layers=LayerLevel(SampleRuns(probe, x)),
        batch=64,
    )


def changes_alone(state, name, x):
    """Change of the outputs with one channel alone approximated: [T, C, samples, values]."""
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, threads=1)
    exact = probe.outputs(Assignment(()), x)
    (candidate,) = (c for c in state.candidates if c.name == name)
    changes = np.zeros((len(state.multipliers), candidate.channels, *exact.shape))
    for row, multiplier in enumerate(state.multipliers[1:], 1):
        for channel in range(candidate.channels):
            names = [state.multipliers[0].name] * candidate.channels
            names[channel] = multiplier.name
            outputs = probe.outputs(Assignment.of({name: names}), x)
            changes[row, channel] = outputs.astype(np.float64) - exact
    return exact, changes


def margins(outputs, labels):
    rows = np.arange(len(labels))
    others = outputs.copy()
    others[rows, labels] = -np.inf
    return outputs[rows, labels] - others.max(axis=1)


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
@pytest.mark.parametrize("samples", [40, 70])
def test_the_last_layer_is_exact(library, kit, residual, encoding, samples, request):
    """Behind the last layer nothing is rounded any more: first order is all there is."""
    state = Calibrate(1)(kit.prepare(residual, request.getfixturevalue(encoding)))
    x = kit.samples(residual, samples)
    labels = np.arange(samples) % 5
    last = state.candidates[-1].name
    score = scores_of(state, x, labels)[last]
    exact, changes = changes_alone(state, last, x)
    assert score.method == GRADIENT
    assert changes[1:].any()
    wanted = (changes**2).mean(axis=(2, 3))
    np.testing.assert_allclose(score.first_order_mse, wanted, rtol=1e-4)
    # The probes find no noise of rounding, but for the last digits of float32.
    np.testing.assert_allclose(score.output_mse, wanted, rtol=1e-3)
    # To first order the best other class is that of the exact outputs.
    rows = np.arange(samples)
    others = exact.copy()
    others[rows, labels] = -np.inf
    wanted = changes[:, :, rows, labels] - changes[:, :, rows, others.argmax(axis=1)]
    assert score.margin_shifts.shape == wanted.shape
    np.testing.assert_allclose(score.margin_shifts, wanted, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(score.margin_change, wanted.mean(axis=2), rtol=1e-3, atol=1e-5)


def test_earlier_layers_rank_alike(library, kit, residual, signed):
    state = Calibrate(1)(kit.prepare(residual, signed))
    x = kit.samples(residual, 64, seed=5)
    scores = scores_of(state, x, np.zeros(64, np.int64))
    for candidate in state.candidates:
        _, changes = changes_alone(state, candidate.name, x)
        measured = (changes**2).mean(axis=(2, 3))
        predicted = scores[candidate.name].output_mse
        assert predicted.shape == measured.shape
        assert not predicted[0].any()
        assert spearmanr(predicted[1:].ravel(), measured[1:].ravel()).statistic > 0.9
        assert 0.5 < predicted[1:].sum() / measured[1:].sum() < 2, candidate.name


def test_attention(library, kit, signed):
    """Products of two activations, stacked: channels are the last axis."""
    model = kit.model(
        """net (float[N,6,8] x) => (float[N,6,8] y) {
            q = MatMul(x, w)
            t = Transpose<perm=[0,2,1]>(x)
            a = MatMul(q, t)
            p = Softmax<axis=-1>(a)
            y = MatMul(p, x)
        }""",
        names=tuple("qtapy"),
        w=kit.normal(8, 8),
    )
    state = Calibrate(1)(kit.prepare(model, signed))
    x = kit.samples(model, 20)
    last = state.candidates[-1].name
    level = level_of(state)
    effects = [level.effects(x, None, start, BATCH) for start in (0, BATCH)]
    _, changes = changes_alone(state, last, x)
    # 48 outputs are projected at random: an unbiased estimate from eight directions.
    squared = np.concatenate([part.squared[last] for part in effects], axis=2)
    share = squared[1:].sum() / (changes[1:] ** 2).mean(axis=3).sum()
    assert 0.5 < share < 2
    assert effects[0].margin == {}
    assert {name: part.shape for name, part in effects[0].squared.items()} == {
        "q": (3, 8, BATCH),
        "a": (3, 6, BATCH),
        "y": (3, 8, BATCH),
    }


def test_rows_of_a_sample_side_by_side(library, kit, signed):
    """A product whose first axis counts samples times positions."""
    model = kit.model(
        RESHAPED,
        names=tuple("rmby"),
        rows=np.array([-1, 8], np.int64),
        w=kit.normal(8, 5),
        back=np.array([-1, 30], np.int64),
    )
    state = Calibrate(1)(kit.prepare(model, signed))
    x = kit.samples(model, 9)
    level = level_of(state)
    parts = [level.effects(x, None, start, 5) for start in (0, 5)]
    assert level.reached == ("m",)
    _, changes = changes_alone(state, "m", x)
    squared = np.concatenate([part.squared["m"] for part in parts], axis=2)
    assert squared.shape == (3, 5, 9)
    # Each channel moves six of thirty outputs; random signs keep the expectation.
    share = squared[1:].sum() / (changes[1:] ** 2).mean(axis=3).sum()
    assert 0.5 < share < 2


def test_samples_that_do_not_lie_apart(library, kit, signed):
    """Positions first: no row belongs to one sample, so the measured response is shared out."""
    model = kit.model(
        """net (float[N,6,8] x) => (float[N,6,5] y) {
            t = Transpose<perm=[1,0,2]>(x)
            m = MatMul(t, w)
            y = Transpose<perm=[1,0,2]>(m)
        }""",
        names=tuple("tmy"),
        w=kit.normal(8, 5),
    )
    state = Calibrate(1)(kit.prepare(model, signed))
    score = scores_of(state, kit.samples(model, 12))["m"]
    assert score.method == MEASURED
    assert "does not count samples" in score.reason
    np.testing.assert_allclose(score.output_mse.sum(axis=1), [0, 2, 2])


def test_an_operator_without_rule(library, kit, signed):
    """What lies before it shares out its measured response, what lies behind has a derivative."""
    model = kit.model(
        """net (float[N,3,6,6] x) => (float[N,4] y) {
            a = Conv(x, wa)
            s = CumSum(a, axis)
            b = Conv(s, wb)
            y = GlobalMaxPool(b)
        }""".replace("float[N,4] y", "float[N,4,1,1] y"),
        names=tuple("asby"),
        wa=kit.normal(3, 3, 3, 3),
        axis=np.array(3, np.int64),
        wb=kit.normal(4, 3, 1, 1),
    )
    state = Calibrate(1)(kit.prepare(model, signed))
    scores = scores_of(state, kit.samples(model, 12))
    assert {name: score.method for name, score in scores.items()} == {"a": MEASURED, "b": GRADIENT}
    assert "CumSum" in scores["a"].reason
    np.testing.assert_allclose(scores["a"].output_mse.sum(axis=1), [0, 2, 2])
    assert (scores["a"].output_mse[1:] > 0).all()
    assert scores["a"].to_dict()["reason"] == scores["a"].reason
    assert "reason" not in scores["b"].to_dict()


def test_directions():
    units, weight = output_directions(10)
    assert units.tolist() == np.eye(10).tolist()
    assert weight == 1 / 10
    signs, weight = output_directions(1000)
    assert set(np.unique(signs)) == {-1, 1}
    change = np.random.default_rng(1).standard_normal((500, 1000))
    estimate = ((change @ signs.T) ** 2).sum(axis=1) * weight
    assert estimate.mean() == pytest.approx((change**2).mean(), rel=0.05)


def test_margin_direction():
    outputs = np.array([[1, 5, 3], [9, 0, 2], [4, 4, 4]], np.float32)
    direction = margin_direction(outputs, np.array([1, 2]))
    assert direction.tolist() == [[0, 1, -1], [-1, 0, 1], [0, 0, 0]]
    step = np.array([[0.1, 0.2, 0.3], [0.3, 0.1, 0.2]])
    moved = margins(outputs[:2] + step, np.array([1, 2])) - margins(outputs[:2], np.array([1, 2]))
    np.testing.assert_allclose((direction[:2] * step).sum(axis=1), moved, atol=1e-6)


@pytest.mark.parametrize(("axis", "shape"), [(1, (4, 3, 2, 5)), (-1, (4, 2, 5, 3)), (-1, (8, 3))])
def test_projection_adds_up_codes_times_slopes(axis, shape):
    rng = np.random.default_rng(0)
    exact, *moved = (rng.integers(-128, 128, shape).astype(np.int8) for _ in range(3))
    layer = Layer("l", "o", (), 0.5, axis)
    slopes = rng.standard_normal((4, 3, 6, np.prod(shape) // 12)).astype(np.float32)
    found = project(error_field(layer, exact, moved, 4), slopes, layer.scale)
    assert found.shape == (4, 3, 2, 6)
    for index, codes in enumerate(moved):
        field = (codes.astype(float) - exact) * 0.5
        rows = field.reshape(4, -1, 3).swapaxes(1, 2) if axis == -1 else field.reshape(4, 3, -1)
        wanted = np.einsum("bcp,bcdp->bcd", rows, slopes)
        np.testing.assert_allclose(found[:, :, index], wanted, rtol=1e-3, atol=1e-2)


def test_noise_of_rounding_is_fitted():
    first_order = np.array([1e-6, 1e-5, 1e-4, 1e-3])
    wanted = RoundingNoise(0.2, 1e-5)
    found = RoundingNoise.fit(first_order, first_order + wanted(first_order))
    between = np.geomspace(1e-6, 1e-3, 20)
    np.testing.assert_allclose(found(between), wanted(between), rtol=0.1)
    assert found(np.zeros(2)).tolist() == [0, 0]
    # No more than first order, or nothing measured: no noise.
    assert RoundingNoise.fit(first_order, first_order).full == 0
    assert RoundingNoise.fit(first_order, first_order / 2).full == 0
    assert RoundingNoise.fit(first_order, np.zeros(4)).full == 0
