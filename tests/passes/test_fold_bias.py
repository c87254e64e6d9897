"""FoldBias: exact where errors are constant, in topological order, honest about what it leaves."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding, exact_table
from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.passes.fold_bias import FoldBias, folded_bias
from hawx_onnx.passes.layer_constants import layer_constants
from hawx_onnx.passes.layer_outputs import LayerOutputs
from hawx_onnx.passes.layerwise import exact_outputs
from hawx_onnx.passes.probe import AssignmentProbe, table_indices
from hawx_onnx.passes.stages import Stages, Walk

pytestmark = pytest.mark.usefixtures("library")
SIGNED = exact_table(Encoding.SIGNED)


@pytest.fixture
def chain(kit):
    """Three linear convolutions, the last without a bias."""
    return kit.model(
        """net (float[N,3,5,5] x) => (float[N,4,1,1] y) {
            a = Conv(x, wa, ba)
            b = Conv(a, wb, bb)
            y = Conv<kernel_shape=[1,1]>(b, wc)
        }""",
        names=("a", "b", "y"),
        wa=kit.normal(6, 3, 3, 3),
        ba=kit.normal(6, seed=2),
        wb=kit.normal(5, 6, 3, 3, seed=3, scale=0.1) + 0.05,
        bb=kit.normal(5, seed=4),
        wc=kit.normal(4, 5, 1, 1, seed=5),
    )


@pytest.fixture
def shifted(table_of):
    """The exact multiplier and one that is off by 9 in every product."""
    return components.exact(Encoding.SIGNED), table_of("shifted", SIGNED + 9)


def assigned(state, name="", layers=None):
    """The state with one multiplier in all layers, or in those named."""
    chosen = {c.name: name for c in state.candidates if layers is None or c.name in layers}
    return state.replace(assignment=Assignment.of(chosen))


def outputs(state, assignment=None):
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    return probe.outputs(state.assignment if assignment is None else assignment, samples(state))


def samples(state):
    return state.dataset.validation.x


def biases(state):
    known = layer_constants(state.model, {c.name: c.channels for c in state.candidates})
    return {name: one.bias for name, one in known.items()}


def test_constant_errors_vanish_without_a_trace(kit, chain, shifted):
    state = assigned(kit.prepare(chain, shifted, kit.samples(chain, 40)), "shifted")
    before = state.model.SerializeToString()
    exact = outputs(state, Assignment(()))
    assert not np.array_equal(outputs(state), exact)
    after = FoldBias(threads=1)(state)
    assert state.model.SerializeToString() == before
    assert outputs(after).tobytes() == exact.tobytes()
    old, new = biases(state), biases(after)
    for name, products in (("a", 27), ("b", 54), ("y", 5)):
        assert set(new[name] - old[name]) == {-9 * products}
    assert after.records[-1].modified and not after.records[-1].left_alone


def test_all_layers_at_once_would_be_worse(kit, chain, shifted):
    state = assigned(kit.prepare(chain, shifted, kit.samples(chain, 40)), "shifted")
    exact, fold = exact_outputs(state, 40, 1), FoldBias(threads=1)
    stages = Stages(state.model, state.candidates, state.multipliers, 1)
    indices = table_indices(state.assignment, state.candidates, state.multipliers)
    known = layer_constants(state.model, {c.name: c.channels for c in state.candidates})
    measured, corrected = Walk(stages, samples(state)), Walk(stages, samples(state))
    for c in stages.candidates:
        # Each layer folded upon uncompensated layers before it.
        sums = measured.accumulators(indices[c.name])
        fitted = fold.fit(exact.against(c, known[c.name], sums), known[c.name])
        measured.advance(indices[c.name])
        corrected.advance(indices[c.name], fitted)
    wanted = outputs(state, Assignment(()))
    at_once = np.abs(corrected.outputs().reshape(wanted.shape) - wanted).mean()
    in_order = np.abs(outputs(fold(state)) - wanted).mean()
    assert in_order == 0 < at_once


def test_means_behind_a_relu_are_those_of_the_exact_network(kit, residual, table_of):
    grown = table_of("grown", SIGNED + SIGNED // 4)
    multipliers = (components.exact(Encoding.SIGNED), grown)
    state = kit.prepare(residual, multipliers, kit.samples(residual, 60))
    state = assigned(state, "grown", ("a",))
    exact = exact_outputs(state, 60, 1)
    known = layer_constants(state.model, {"a": 6})["a"]
    walk = Walk(Stages(state.model, state.candidates, multipliers, 1), exact.x)
    seen = exact.against(state.candidates[0], known, walk.accumulators(np.ones(6, np.int32)))
    assert seen.low == 0, "the Relu behind the layer bounds its outputs"
    wanted = seen.wanted.mean(axis=1)
    before = np.abs(seen.bounded(seen.bias).mean(axis=1) - wanted)
    after = np.abs(seen.bounded(folded_bias(seen).astype(float)).mean(axis=1) - wanted)
    # One unit of the bias moves the mean by less than one step.
    assert (after <= seen.steps).all()
    assert before.max() > 100 * seen.steps.max()


def test_exact_layers_and_channels_stay(kit, chain, shifted):
    state = kit.prepare(chain, shifted, kit.samples(chain, 10))
    exact = shifted[0].name
    same = FoldBias(threads=1)(assigned(state, exact))
    assert same.model.SerializeToString() == state.model.SerializeToString()
    assert not same.records[-1].modified
    assert {one.reason for one in same.records[-1].left_alone} == {"the assignment keeps it exact"}
    half = Assignment.of({"a": [exact, "shifted"] * 3, "b": exact})
    after = FoldBias(threads=1)(state.replace(assignment=half))
    moved = {name: biases(after)[name] - biases(state)[name] for name in ("a", "b", "y")}
    assert list(moved["a"] != 0) == [False, True] * 3
    assert not moved["b"].any() and not moved["y"].any()
    assert [one.node for one in after.records[-1].left_alone] == ["b", "y"]


def test_products_have_no_bias_to_fold_into(kit, small_networks, signed):
    network = small_networks["attention"]
    state = kit.prepare(network, signed, kit.samples(network, 10))
    after = FoldBias(threads=1)(assigned(state, signed[1].name))
    assert after.model.SerializeToString() == state.model.SerializeToString()
    assert {one.node: one.reason for one in after.records[-1].left_alone} == {
        "q": "its operator has no bias input",
        "k": "its operator has no bias input",
        "a": "both of its operands are activations",
        "m": "both of its operands are activations",
    }


def seen(sums, wanted, *, bias=0.0, low=-128.0, high=127.0, step=0.01):
    """One channel."""
    sums, wanted = (np.array([values], np.float64) for values in (sums, wanted))
    return LayerOutputs(sums, wanted, low, high, np.array([step]), np.array([bias]))


def test_a_channel_that_is_always_cut_off_keeps_its_bias():
    assert folded_bias(seen([-500, -900], [0, 0], bias=70, low=0))[0] == 70
    # It is on when it should be off: as little as it takes.
    assert folded_bias(seen([500, -900], [0, 0], bias=70, low=0))[0] == -500
    # It is off when it should be saturated.
    assert folded_bias(seen([500, 900], [127, 127], bias=70))[0] == 12200


def test_sums_never_leave_int32():
    largest = 2**31 - 1
    tiny = seen([largest - 5] * 2, [120, 120], bias=3, step=1e-9)
    assert folded_bias(tiny)[0] == 3
    assert folded_bias(seen([0, 0], [100, 100], bias=3, step=1e-8))[0] == 3
    assert folded_bias(seen([0, 0], [100, 100], bias=3, step=1e-7))[0] == 10**9
    assert folded_bias(seen([0, 0], [100, 100], bias=3, step=0.0))[0] == 3


@pytest.mark.parametrize(
    ("change", "error", "text"),
    [
        ({"assignment": None}, ConfigError, "no assignment was chosen"),
        ({"assignment": Assignment.of({"z": "shifted"})}, ConfigError, "no candidate layer"),
        ({"assignment": Assignment.of({"a": "nope"})}, ConfigError, "not among those loaded"),
        ({"dataset": None}, DataError, "no calibration samples"),
    ],
)
def test_what_it_needs_is_told(kit, chain, shifted, change, error, text):
    state = assigned(kit.prepare(chain, shifted, kit.samples(chain, 10)), "shifted")
    with pytest.raises(error, match=text):
        FoldBias(threads=1)(state.replace(**change))
