"""Channels run one by one: from behind their layer, with the bytes of whole runs."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.passes import Calibrate, Score
from hawx_onnx.passes.channel_responses import ChannelResponses, last_apart, margins, runs_pay
from hawx_onnx.passes.layer_level import LayerLevel, SampleRuns
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.sensitivity import GRADIENT, RUNS

POOLED = """net (float[N,3,8,8] x) => (float[N,5] y) {
    a = Conv<pads=[1,1,1,1]>(x, wa)
    r = Relu(a)
    p = MaxPool<kernel_shape=[2,2], strides=[2,2]>(r)
    f = Flatten(p)
    y = Gemm(f, wb)
}"""


@pytest.fixture
def pooled(kit):
    weights = {"wa": kit.normal(4, 3, 3, 3), "wb": kit.normal(64, 5, seed=2)}
    return kit.model(POOLED, names=("a", "r", "p", "f", "b"), **weights)


def level_of(state, x, labels=None, kept=()):
    parts = (state.model, state.candidates, state.multipliers)
    probe = ChannelResponses(*parts, threads=1, labels=labels, kept=kept)
    return LayerLevel(SampleRuns(probe, x))


def alone(state, candidate, multiplier, channel, x):
    """Outputs with one channel approximated, by a run of the whole network."""
    names = [state.multipliers[0].name] * candidate.channels
    names[channel] = multiplier.name
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, threads=1)
    return probe.outputs(Assignment.of({candidate.name: names}), x)


@pytest.mark.parametrize("network", ["residual", "pooled"])
@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_channels_are_scored_as_whole_runs_tell(library, kit, network, encoding, request):
    model, multipliers = request.getfixturevalue(network), request.getfixturevalue(encoding)
    state = kit.prepare(model, multipliers)
    x, labels = kit.samples(model, 21), np.arange(21) % 5
    level = level_of(state, x, labels)
    parts = list(level.stream(batch=8))
    whole = AssignmentProbe(state.model, state.candidates, state.multipliers, threads=1)
    exact = whole.outputs(Assignment(()), x)
    assert np.concatenate([part for part, _ in parts]).tobytes() == exact.tobytes()
    scores = level.channel_scores()
    for candidate in state.candidates:
        score = scores[candidate.name]
        assert score.method == RUNS
        assert not score.output_mse[0].any()
        assert not score.margin_shifts[0].any()
        assert score.output_mse[1:].any()
        for row, multiplier in enumerate(state.multipliers[1:], 1):
            for channel in range(0, candidate.channels, 2):
                moved = alone(state, candidate, multiplier, channel, x)
                change = ((moved.astype(float) - exact) ** 2).mean()
                assert score.output_mse[row, channel] == pytest.approx(change, rel=1e-5)
                shift = margins(moved, labels) - margins(exact, labels)
                np.testing.assert_array_equal(score.margin_shifts[row, channel], shift)


def test_layers_respond_as_without_channels(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    x = kit.samples(residual, 20)
    plain = LayerResponses(state.model, state.candidates, state.multipliers, threads=1)
    found, wanted = (
        np.concatenate([responses for _, responses in level.stream(batch=16)], axis=2)
        for level in (level_of(state, x), LayerLevel(SampleRuns(plain, x)))
    )
    assert found.tobytes() == wanted.tobytes()


def test_channels_of_kept_layers_are_not_run(library, kit, residual, signed):
    state = kit.prepare(residual, signed)
    x = kit.samples(residual, 8)
    every, some = level_of(state, x), level_of(state, x, kept=("a", "c"))
    for level in (every, some):
        list(level.stream())
    assert some.channel_scores().keys() == {"b", "d"}
    assert some.runs < every.runs
    for name, score in some.channel_scores().items():
        assert score.output_mse.tobytes() == every.channel_scores()[name].output_mse.tobytes()


def test_margins_are_those_over_the_best_other_class():
    outputs = np.array([[1.0, 4.0, 2.0], [5.0, 5.0, 1.0]], np.float32)
    assert margins(outputs, np.array([2, 0])).tolist() == [-2.0, 0.0]


def test_channels_stay_apart_behind_clamps_and_pools(kit, pooled, signed):
    state = kit.prepare(pooled, signed)
    writers = {name: node.op_type for node in state.model.graph.node for name in node.output}
    assert writers[last_apart(state.model, state.candidates[0])] == "MaxPool"


def test_runs_pay_where_little_lies_behind(kit, residual, signed):
    state = kit.prepare(residual, signed)
    assert not runs_pay(state.model, state.candidates, 1000, ())
    assert runs_pay(state.model, state.candidates, 1000, [c.name for c in state.candidates])
    assert runs_pay(state.model, state.candidates, 2, ["a", "b", "c"])


@pytest.mark.parametrize("few", [True, False])
def test_a_search_runs_channels_where_that_pays(library, kit, pooled, signed, few, monkeypatch):
    """And then stops as soon as it knows enough; derivatives take all samples."""
    if not few:
        monkeypatch.setattr("hawx_onnx.passes.channel_responses.MOST_PASSES", 0.0)
    x = kit.samples(pooled, 150)
    state = Calibrate(1)(kit.prepare(pooled, signed, x))
    score = Score(150, 1, enough=lambda sensitivity: True, kept=("b",))
    found = score(state).sensitivity
    assert found.responses.shape[2] == (64 if few else 150)
    assert found.filters["a"].method == (RUNS if few else GRADIENT)
    assert ("b" in found.filters) == (not few)
    assert Score(150, 1)(state).sensitivity.filters["a"].method == GRADIENT
