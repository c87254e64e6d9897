"""Score: responses from cached activations equal full runs with one layer approximated."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.errors import DataError
from hawx_onnx.passes import Calibrate, Score
from hawx_onnx.passes.layer_level import LayerLevel, SampleRuns
from hawx_onnx.passes.probe import AssignmentProbe, table_indices
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.passes.score import looks
from hawx_onnx.passes.suffix import Suffixes
from hawx_onnx.runtime.runner import Runner

TWO_OUTPUTS = """net (float[N,3,8,8] x) => (float[N,4,8,8] y, float[N,3,8,8] h, float[N,2,8,8] z) {
    h = Conv(x, wa)
    r = Sigmoid(h)
    y = Conv(r, wb)
    s = Sigmoid(h)
    z = Conv(s, wc)
}"""


def responses_of(state, x):
    probe = LayerResponses(state.model, state.candidates, state.multipliers, threads=1)
    level = LayerLevel(SampleRuns(probe, x))
    parts = list(level.stream())
    exact = np.concatenate([part for part, _ in parts])
    return exact, np.concatenate([part for _, part in parts], axis=2), level.runs


def assert_equal_to_full_runs(state, x):
    """Bit for bit, for every layer and multiplier."""
    exact, responses, runs = responses_of(state, x)
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, threads=1)
    assert exact.tobytes() == probe.outputs(Assignment(()), x).tobytes()
    assert runs > 0
    for row, candidate in enumerate(state.candidates):
        assert not responses[row, 0].any()
        for column, multiplier in enumerate(state.multipliers[1:], 1):
            full = probe.outputs(Assignment.of({candidate.name: multiplier.name}), x)
            assert (full - exact).tobytes() == responses[row, column].tobytes(), candidate.name


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_responses_of_a_residual_network(library, kit, residual, encoding, request):
    state = kit.prepare(residual, request.getfixturevalue(encoding))
    assert_equal_to_full_runs(state, kit.samples(residual, 70))


def test_skip_connections_are_cached_as_codes(kit, residual, signed):
    """Only codes cross the cuts: the DequantizeLinear on a skip connection goes with the part."""
    state = kit.prepare(residual, signed)
    writers = {name: n.op_type for n in state.model.graph.node for name in n.output}
    for candidate in state.candidates[1:]:
        cut = Suffixes(state.model).from_node(candidate.name).inputs
        assert "DequantizeLinear" not in {writers[name] for name in cut}
    assert len(Suffixes(state.model).from_node("c").inputs) == 2


def test_responses_of_attention(library, kit, signed):
    model = kit.model(
        """net (float[N,6,8] x) => (float[N,6,8] y) {
            q = MatMul(x, w)
            t = Transpose<perm=[0,2,1]>(x)
            a = MatMul(q, t)
            p = Softmax<axis=-1>(a)
            m = MatMul(p, x)
            y = Add(m, x)
        }""",
        names=tuple("qtapmy"),
        w=kit.normal(8, 8),
    )
    state = kit.prepare(model, signed)
    assert len(state.candidates) == 3
    assert_equal_to_full_runs(state, kit.samples(model, 10))


@pytest.mark.parametrize("batch", [1, 4])
def test_fixed_batch_with_a_rest(library, kit, signed, batch):
    """Ten samples in batches of four: the last one is filled up, its filler rows dropped."""
    model = kit.model(
        f"""net (float[{batch},3,6,6] x) => (float[{batch},5] y) {{
            a = Conv(x, wa)
            r = Relu(a)
            f = Reshape(r, shape)
            y = Gemm(f, wb)
        }}""",
        names=tuple("arfy"),
        wa=kit.normal(4, 3, 3, 3),
        shape=np.array([batch, 64], np.int64),
        wb=kit.normal(64, 5, seed=2),
    )
    x = kit.samples(model, 10)
    state = kit.prepare(model, signed, x)
    exact, responses, _ = responses_of(state, x)
    assert exact.shape == (10, 5)
    assert responses.shape == (2, 3, 10, 5)
    assert_equal_to_full_runs(state, x)


def test_outputs_beside_the_scored_one(library, kit, signed):
    """A cut at a graph output, and a layer on which the scored output does not depend."""
    tensors = {
        "wa": kit.normal(3, 3, 1, 1),
        "wb": kit.normal(4, 3, 1, 1),
        "wc": kit.normal(2, 3, 1, 1),
    }
    model = kit.model(TWO_OUTPUTS, names=("a", "r", "b", "s", "c"), **tensors)
    state = kit.prepare(model, signed)
    names = [candidate.name for candidate in state.candidates]
    _, responses, runs = responses_of(state, kit.samples(model, 5))
    assert runs == 2 * (len(names) - names.count("c"))
    for name, part in zip(names, responses, strict=True):
        assert part[1:].any() == (name != "c")
    assert_equal_to_full_runs(state, kit.samples(model, 5))


def test_suffix_holds_what_depends_on_its_node(kit, residual, signed):
    state = kit.prepare(residual, signed)
    suffix = Suffixes(state.model).from_node("d")
    ops = {node.op_type for node in suffix.model.graph.node}
    assert suffix.outputs == ("y",)
    assert len(suffix.inputs) == 1
    assert ops <= {"QLinearConv", "Squeeze", "DequantizeLinear"}
    assert len(suffix.model.graph.initializer) < len(state.model.graph.initializer)


@pytest.mark.parametrize("labelled", [True, False])
def test_score_fills_the_sensitivity(library, kit, residual, signed, labelled):
    x = kit.samples(residual, 40)
    y = np.arange(40) % 5 if labelled else None
    state = kit.prepare(residual, signed, x)
    state = state.replace(dataset=kit.dataset(x, y))
    state = Score(samples=30, threads=1)(Calibrate()(state))
    sensitivity = state.sensitivity
    assert sensitivity.layers == ("a", "b", "c", "d")
    assert sensitivity.multipliers == tuple(m.name for m in signed)
    assert sensitivity.baseline.shape == (30, 5)
    assert sensitivity.responses.shape == (4, 3, 30, 5)
    # Four layers under two multipliers, and four channels of each layer alone.
    assert sensitivity.runs == 8 + 16
    assert {name: score.method for name, score in sensitivity.filters.items()} == dict.fromkeys(
        sensitivity.layers, "gradient"
    )
    exact = Runner(state.model).run(x[:30])
    assert sensitivity.baseline.tobytes() == exact.tobytes()
    wanted = y[:30] if labelled else exact.argmax(axis=1)
    np.testing.assert_array_equal(sensitivity.labels, wanted)
    assert set(sensitivity.operator) == set(sensitivity.layers)
    drop = sensitivity.accuracy_drop()
    assert not drop[:, 0].any()
    moved = (sensitivity.baseline + sensitivity.responses[2, 1]).argmax(axis=1)
    hits = (exact.argmax(axis=1) == wanted).mean() - (moved == wanted).mean()
    assert drop[2, 1] == pytest.approx(hits)
    np.testing.assert_allclose(
        sensitivity.output_mse()[1, 2], (sensitivity.responses[1, 2] ** 2).mean(), rtol=1e-5
    )
    document = sensitivity.to_dict()
    assert document["samples"] == 30
    assert document["layers"] == ["a", "b", "c", "d"]


def test_no_validation_samples_is_told(kit, residual, signed):
    state = kit.prepare(residual, signed).replace(dataset=None)
    with pytest.raises(DataError, match="no validation samples"):
        Score()(state)


def test_indices_of_an_assignment(kit, residual, signed):
    state = kit.prepare(residual, signed)
    mixed = [signed[1].name, signed[2].name, signed[0].name] * 2
    chosen = Assignment.of({"a": mixed, "d": signed[2].name})
    indices = table_indices(chosen, state.candidates, signed)
    assert {name: index.tolist() for name, index in indices.items()} == {
        "a": [1, 2, 0, 1, 2, 0],
        "b": [0] * 6,
        "c": [0] * 6,
        "d": [2] * 5,
    }
    assert {index.dtype for index in indices.values()} == {np.dtype(np.int32)}


def test_score_without_filters(library, kit, residual, signed):
    x = kit.samples(residual, 12)
    state = Calibrate()(kit.prepare(residual, signed, x))
    sensitivity = Score(samples=12, threads=1, filters=False)(state).sensitivity
    assert sensitivity.filters == {}
    assert sensitivity.runs == 8


def test_no_score_of_layers_waits_for_the_operator_level(library, kit, residual, signed):
    state = Calibrate()(kit.prepare(residual, signed, kit.samples(residual, 12)))
    operator = Score(samples=12, threads=1)(state).sensitivity.operator
    assert operator.seconds == 0
    assert operator["a"].mean.shape == (3, 6)
    assert operator.seconds > 0


def test_looks_double():
    assert looks(10) == (10,)
    assert looks(64) == (64,)
    assert looks(200) == (64, 128, 200)
    assert looks(256) == (64, 128, 256)


@pytest.mark.parametrize(("stop_at", "wanted"), [(64, 64), (128, 128), (10**6, 150)])
def test_scoring_stops_as_soon_as_it_is_told(library, kit, residual, signed, stop_at, wanted):
    x = kit.samples(residual, 150)
    state = Calibrate()(kit.prepare(residual, signed, x))
    seen = []

    def enough(sensitivity):
        seen.append(len(sensitivity.labels))
        assert sensitivity.responses.shape == (4, 3, seen[-1], 5)
        return seen[-1] >= stop_at

    found = Score(150, 1, filters=False, enough=enough)(state).sensitivity
    assert len(found.labels) == len(found.baseline) == found.responses.shape[2] == wanted
    assert seen == [n for n in (64, 128) if n <= wanted]
    whole = Score(150, 1, filters=False)(state).sensitivity
    assert found.responses.tobytes() == whole.responses[:, :, :wanted].tobytes()
    mse = (found.responses.astype(float) ** 2).mean(axis=(2, 3))
    np.testing.assert_allclose(found.output_mse(), mse, rtol=1e-5)
