"""OpenBatch: opened where every sample gives the same bytes, left alone elsewhere, closed again."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.frontend.model import model_input
from hawx_onnx.passes import OpenBatch, Rewrite, Verify
from hawx_onnx.passes.graph import metadata
from hawx_onnx.passes.open_batch import BATCH_KEY, close_batch
from hawx_onnx.runtime.runner import Runner

CNN = """net (float[{batch},2,6,6] x) => (float[{batch},4] y) {{
    c = Conv<pads=[1,1,1,1]>(x, wc)
    a = Relu(c)
    r = Reshape(a, flat)
    m = MatMul(r, wm)
    s = Softmax(m)
    y = Reshape(s, last)
}}"""


def cnn(kit, batch, flat=None, last=None):
    return kit.model(
        CNN.format(batch=batch),
        names=("c", "a", "r", "m", "s", "out"),
        wc=kit.normal(3, 2, 3, 3),
        flat=np.array([batch, -1] if flat is None else flat, np.int64),
        wm=kit.normal(108, 4, seed=2),
        last=np.array([batch, 4] if last is None else last, np.int64),
    )


def shapes(model):
    return [
        [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (model.graph.input[0], model.graph.output[0])
    ]


@pytest.mark.parametrize("batch", [1, 4])
@pytest.mark.parametrize("flat", [None, [-1, 108]])
def test_the_same_bytes_in_one_batch(kit, library, batch, flat):
    state = kit.prepare(cnn(kit, batch, flat), x=kit.samples(cnn(kit, 1), 24))
    after = OpenBatch()(state)
    assert model_input(after.model).shape[0] is None
    assert shapes(after.model) == [["batch", 2, 6, 6], ["batch", 4]]
    x = state.dataset.calibration.x
    fixed = Runner(state.model).run(x)
    np.testing.assert_array_equal(Runner(after.model).run(x, batch=24), fixed)
    assert [r.modified for r in after.records][-1]


def test_ranges_of_a_whole_batch_stay(kit):
    """With all samples in one batch they would be others."""
    text = """net (float[4,6] x) => (float[4,6] y) {
        c, s, z = DynamicQuantizeLinear(x)
        y = DequantizeLinear(c, s, z)
    }"""
    model = kit.model(text, names=("c", "y"))
    result = OpenBatch().call(kit.state(model))
    assert result.state.model is model
    assert "run time, over batches of 4" in result.left_alone[0].reason


def test_open_batches_stay(kit, library):
    text = "net (float[N,4] x) => (float[N,2] y) { y = MatMul(x, w) }"
    model = kit.model(text, w=kit.normal(4, 2))
    state = kit.prepare(model)
    assert OpenBatch()(state).model is state.model


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            "net (float[4,6] x) => (float[4,6] y) {{ m = MatMul(x, w) h = ReduceMean<axes=[0]>(m)"
            " y = Sub(m, h) }}",
            "samples that feel each other",
        ),
        (
            "net (float[1,6] x) => (float[1,6] y) {{ m = MatMul(x, w) e = Expand(k, one)"
            " s = Concat<axis=0>(m, e) y = ReduceSum<keepdims=1>(s, zero) }}",
            "a sum over the batch",
        ),
    ],
)
def test_graphs_that_compute_with_their_batch_are_left_alone(kit, library, text, what):
    model = kit.model(
        text.format(),
        w=kit.normal(6, 6),
        k=np.zeros((1, 6), np.float32),
        one=np.array([1, 6], np.int64),
        zero=np.array([0], np.int64),
    )
    state = kit.prepare(model, x=kit.samples(model, 24))
    after = OpenBatch()(state)
    assert after.model is state.model, what
    (note,) = after.records[-1].left_alone
    assert (note.node, note.op) == ("x", "input")
    assert "is part of what the graph computes" in note.reason


def test_one_sample_proves_nothing(kit, library):
    state = kit.prepare(cnn(kit, 1), x=kit.samples(cnn(kit, 1), 1))
    assert OpenBatch()(state).model is state.model


def test_the_rewritten_model_has_the_users_batch(kit, library):
    chosen = components.resolve(["mul8s_trunc3"], ("builtin",))
    multipliers = (components.exact_for(chosen, ()), *chosen)
    state = OpenBatch()(kit.prepare(cnn(kit, 1), multipliers))
    assert metadata(state.model)[BATCH_KEY] == "1"
    assignment = Assignment.of({c.name: "mul8s_trunc3" for c in state.candidates})
    state = state.replace(assignment=assignment)
    rewritten = Verify(state.model)(Rewrite()(state)).model
    assert shapes(rewritten) == [[1, 2, 6, 6], [1, 4]]
    assert BATCH_KEY not in metadata(rewritten)
    opened = Rewrite()(state.replace(model=OpenBatch()(state).model)).model
    x = state.dataset.calibration.x[:5]
    np.testing.assert_array_equal(Runner(rewritten).run(x), Runner(opened).run(x))


def test_closing_leaves_other_models_as_they_are(kit):
    model = cnn(kit, "N", flat=[0, -1], last=[0, 4])
    before = model.SerializeToString()
    close_batch(model)
    assert model.SerializeToString() == before
