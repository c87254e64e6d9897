"""Walks layer by layer: the bytes of the whole network, and accumulators as defined."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from hawx_onnx.assignment import Assignment
from hawx_onnx.passes.layer_constants import BIAS, W_SCALE, layer_constants, with_constants
from hawx_onnx.passes.probe import AssignmentProbe, table_indices
from hawx_onnx.passes.stages import Stages, Walk
from hawx_onnx.runtime.evaluate import flat_outputs

pytestmark = pytest.mark.usefixtures("library")


def mixed(state):
    """Multipliers mixed over layers and channels."""
    names = [multiplier.name for multiplier in state.multipliers]
    return Assignment.of(
        {
            c.name: [names[(i + k) % len(names)] for k in range(c.channels)] if i % 2 else names[-1]
            for i, c in enumerate(state.candidates)
        }
    )


def walk_through(stages, x, indices, changes=None):
    walk = Walk(stages, x)
    for candidate in stages.candidates:
        walk.advance(indices[candidate.name], (changes or {}).get(candidate.name))
    return flat_outputs(walk.outputs())


@pytest.mark.parametrize("form", ["residual", "attention", "fixed_batch"])
@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_walk_gives_the_bytes_of_the_whole_network(kit, small_networks, form, encoding, request):
    network = small_networks[form]
    x = kit.samples(network, 70)
    state = kit.prepare(network, request.getfixturevalue(encoding), x)
    assignment = mixed(state)
    stages = Stages(state.model, state.candidates, state.multipliers, 1)
    assert [c.name for c in stages.candidates] == [c.name for c in state.candidates]
    indices = table_indices(assignment, state.candidates, state.multipliers)
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    outputs = walk_through(stages, x, indices)
    assert outputs.tobytes() == probe.outputs(assignment, x).tobytes()
    exact = {name: np.zeros_like(index) for name, index in indices.items()}
    assert outputs.tobytes() != walk_through(stages, x, exact).tobytes()


def test_constants_chosen_in_a_walk_are_those_of_a_model_with_them(kit, residual, signed):
    x = kit.samples(residual, 10)
    state = kit.prepare(residual, signed, x)
    known = layer_constants(state.model, {c.name: c.channels for c in state.candidates})
    changes = {
        name: {
            BIAS: one.bias + np.arange(one.channels, dtype=np.int32) * 300,
            **one.per_channel_scales(one.channel_scales * np.linspace(0.7, 1.4, one.channels)),
        }
        for name, one in known.items()
    }
    assignment = mixed(state)
    indices = table_indices(assignment, state.candidates, state.multipliers)
    stages = Stages(state.model, state.candidates, state.multipliers, 1)
    before = state.model.SerializeToString()
    changed = with_constants(state.model, changes)
    assert state.model.SerializeToString() == before
    probe = AssignmentProbe(changed, state.candidates, state.multipliers, 1)
    outputs = walk_through(stages, x, indices, changes)
    assert outputs.tobytes() == probe.outputs(assignment, x).tobytes()
    assert outputs.tobytes() != walk_through(stages, x, indices).tobytes()


def test_accumulators_are_sums_of_table_entries(kit, signed):
    network = kit.model(
        "net (float[N,3,4,4] x) => (float[N,5,4,4] y) { y = Conv<kernel_shape=[1,1]>(x, w, b) }",
        names=("y",),
        w=kit.normal(5, 3, 1, 1),
        b=kit.normal(5, seed=2),
    )
    x = kit.samples(network, 3)
    state = kit.prepare(network, signed, x)
    (candidate,) = state.candidates
    index = np.array([0, 1, 2, 1, 0], np.int32)
    walk = Walk(Stages(state.model, state.candidates, signed, 1), x)
    (sums,) = walk.accumulators(index)
    tensors = {t.name: numpy_helper.to_array(t) for t in state.model.graph.initializer}
    node = next(n for n in state.model.graph.node if n.name == candidate.name)
    scale = tensors[node.input[1]]
    codes = np.clip(np.rint(x / scale), -128, 127).astype(np.int8).view(np.uint8)
    weights = tensors[node.input[3]].view(np.uint8)[:, :, 0, 0]
    for channel, table in enumerate(index):
        products = signed[table].table[codes, weights[channel][None, :, None, None]]
        assert np.array_equal(sums[:, channel], products.sum(axis=1))


def test_a_shared_constant_is_replaced_for_one_layer_alone(kit, signed):
    network = kit.model(
        """net (float[N,4] x) => (float[N,4] y) {
            a = MatMul(x, w)
            y = MatMul(a, w)
        }""",
        names=("a", "y"),
        w=kit.normal(4, 4),
    )
    state = kit.prepare(network, signed)
    channels = {c.name: c.channels for c in state.candidates}
    known = layer_constants(state.model, channels)
    scales = known["a"].channel_scales * np.float32(2)
    changed = layer_constants(with_constants(state.model, {"a": {W_SCALE: scales}}), channels)
    assert np.array_equal(changed["a"].channel_scales, scales)
    assert np.array_equal(changed["y"].channel_scales, known["y"].channel_scales)
