"""A rewrite undone: the int8 model that it was made of, with its own constants."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.compensation import Compensation, LayerCompensation
from hawx_onnx.errors import ModelError
from hawx_onnx.passes import Canonicalize, FindCandidates, LowerQdq, Rewrite
from hawx_onnx.passes.compensated import digest
from hawx_onnx.passes.graph import HAWX_DOMAIN, metadata
from hawx_onnx.passes.layer_constants import layer_constants
from hawx_onnx.passes.rewrite import OWN_KEYS, UNCOMPENSATED_KEY
from hawx_onnx.passes.undo_rewrite import undo_rewrite
from hawx_onnx.rewriting import rewrite_and_verify

NETWORKS = ("residual", "attention", "fixed_batch")


def assigned(state, name="mul8s_trunc_w3"):
    """The state with one multiplier in every layer but the last."""
    chosen = {candidate.name: name for candidate in state.candidates[:-1]}
    return state.replace(assignment=Assignment.of(chosen))


def constants(model, state):
    return layer_constants(model, {c.name: c.channels for c in state.candidates})


def same_constants(one, other):
    assert one.keys() == other.keys()
    for name, layer in one.items():
        assert layer.kind == other[name].kind
        assert layer.values.keys() == other[name].values.keys(), name
        for place, values in layer.values.items():
            assert values.dtype == other[name].values[place].dtype
            assert np.array_equal(values, other[name].values[place])


@pytest.mark.parametrize("name", NETWORKS)
def test_an_undone_rewrite_is_the_int8_model(kit, small_networks, signed, name):
    state = assigned(kit.prepare(small_networks[name], signed))
    rewritten = Rewrite()(state).model
    before = rewritten.SerializeToString()
    undone = undo_rewrite(rewritten)
    assert rewritten.SerializeToString() == before
    assert HAWX_DOMAIN in {node.domain for node in rewritten.graph.node}
    onnx.checker.check_model(undone, full_check=True)
    assert kit.ops(undone) == kit.ops(state.model)
    assert not undone.functions
    assert all(entry.domain != HAWX_DOMAIN for entry in undone.opset_import)
    assert not set(metadata(undone)) & set(OWN_KEYS)
    names = {tensor.name for tensor in undone.graph.initializer}
    assert names == {tensor.name for tensor in state.model.graph.initializer}
    same_constants(constants(undone, state), constants(state.model, state))
    x = kit.samples(small_networks[name], 6)[: 3 if name == "fixed_batch" else 6]
    for wanted, given in zip(kit.run(state.model, x), kit.run(undone, x), strict=True):
        assert wanted.tobytes() == given.tobytes()


def compensated(state):
    """A compensation of the first layer's bias, scales and weights."""
    first = state.candidates[0]
    known = constants(state.model, state)[first.name]
    from hawx_onnx.passes.compensated import compensation_of
    from hawx_onnx.passes.layer_constants import BIAS, WEIGHTS, with_constants

    changes = {
        BIAS: known.bias + 77,
        WEIGHTS: known.weights - np.sign(known.weights),
        **known.per_channel_scales(known.channel_scales * np.float32(1.25)),
    }
    after = with_constants(state.model, {first.name: changes})
    return compensation_of(state.model, after, state.candidates, ("fold-bias",))


def test_what_was_compensated_gets_its_own_constants_back(kit, library, residual, signed):
    state = assigned(kit.prepare(residual, signed))
    given = dataclasses.replace(state.assignment, compensation=compensated(state))
    rewritten = rewrite_and_verify(state, given, 1)
    changed = constants(rewritten, state)[state.candidates[0].name]
    own = constants(state.model, state)
    assert not np.array_equal(changed.weights, own[state.candidates[0].name].weights)
    undone = undo_rewrite(rewritten)
    same_constants(constants(undone, state), own)
    x = kit.samples(residual, 6)
    assert kit.run(undone, x)[0].tobytes() == kit.run(state.model, x)[0].tobytes()


def test_an_older_file_keeps_what_compensated_it(kit, library, residual, signed):
    state = assigned(kit.prepare(residual, signed))
    given = dataclasses.replace(state.assignment, compensation=compensated(state))
    rewritten = rewrite_and_verify(state, given, 1)
    kept = [entry for entry in rewritten.metadata_props if entry.key != UNCOMPENSATED_KEY]
    del rewritten.metadata_props[:]
    rewritten.metadata_props.extend(kept)
    first = state.candidates[0].name
    undone = constants(undo_rewrite(rewritten), state)[first]
    assert digest(undone) != digest(constants(state.model, state)[first])
    assert np.array_equal(undone.bias, constants(rewritten, state)[first].bias)


def test_an_undone_model_has_the_same_candidates(kit, residual, signed):
    state = assigned(kit.prepare(residual, signed))
    again = kit.state(undo_rewrite(Rewrite()(state).model), signed, kit.samples(residual))
    for one in (Canonicalize(), LowerQdq(), FindCandidates()):
        again = one(again)
    assert [(c.name, c.op, c.kind, c.channels) for c in again.candidates] == [
        (c.name, c.op, c.kind, c.channels) for c in state.candidates
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"passes": [], "layers": {"no": {"int8": "0"}}}'])
def test_damaged_metadata(kit, residual, signed, text):
    rewritten = Rewrite()(assigned(kit.prepare(residual, signed))).model
    rewritten.metadata_props.add(key=UNCOMPENSATED_KEY, value=text)
    with pytest.raises(ModelError, match=r"hawx\.uncompensated is damaged"):
        undo_rewrite(rewritten)


def test_an_operator_that_is_not_known(kit, residual, signed):
    rewritten = Rewrite()(assigned(kit.prepare(residual, signed))).model
    node = next(node for node in rewritten.graph.node if node.domain == HAWX_DOMAIN)
    node.op_type = "ApproxNothing"
    with pytest.raises(ModelError, match="ApproxNothing of ai.hawx, which is not known"):
        undo_rewrite(rewritten)


def test_a_compensation_of_the_wrong_size_is_damaged(kit, residual, signed):
    state = assigned(kit.prepare(residual, signed))
    rewritten = Rewrite()(state).model
    one = LayerCompensation("0", bias=(1,))
    wrong = Compensation((), ((state.candidates[0].name, one),))
    import json

    rewritten.metadata_props.add(key=UNCOMPENSATED_KEY, value=json.dumps(wrong.to_dict()))
    with pytest.raises(ModelError, match="is damaged"):
        undo_rewrite(rewritten)
