"""compensate: keeps what gains on validation samples, tells what it tried, comes back from data."""

from __future__ import annotations

import base64
import dataclasses
import itertools
import zlib

import numpy as np
import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.compensation import Compensation, LayerCompensation
from hawx_onnx.components import Encoding, operand_values
from hawx_onnx.errors import ConfigError, DataError
from hawx_onnx.passes import Calibrate, Rewrite, Verify
from hawx_onnx.passes.compensate import ORDER, TRIALS, compensate
from hawx_onnx.passes.compensated import compensation_of, digest, with_compensation
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.layer_constants import BIAS, layer_constants
from hawx_onnx.passes.layerwise import exact_outputs
from hawx_onnx.passes.map_weights import MapWeights
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.rescale import Rescale
from hawx_onnx.passes.trial import Quality

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture
def state(kit, residual, table_of, signed):
    """The residual network under a multiplier that errs upwards and drops bits of the weight."""
    weights = operand_values(Encoding.SIGNED)
    bad = table_of("bad", np.multiply.outer(weights, weights // 16 * 14) + 300)
    x = kit.samples(residual, 200)
    made = kit.prepare(residual, (*signed, bad), x)
    made = Calibrate(1)(made)
    return made.replace(assignment=Assignment.of({c.name: "bad" for c in made.candidates}))


def outputs(state, x=None):
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    return probe.outputs(state.assignment, state.dataset.validation.x if x is None else x)


def test_what_gains_is_kept_and_told(state):
    before = state.model.SerializeToString()
    exact = outputs(state.replace(assignment=Assignment(())))
    result = compensate(state, threads=1)
    assert state.model.SerializeToString() == before
    assert [trial.name for trial in result.trials] == list(TRIALS)
    # Without labels the exact network's classes count.
    right = exact.argmax(1) == outputs(state).argmax(1)
    assert np.array_equal(result.trials[0].before.scores, right) and right.sum() < 190
    last = result.trials[0].before
    for trial in result.trials:
        assert trial.before is last
        assert trial.kept == (trial.layers > 0 and trial.after.beats(trial.before))
        last = trial.after if trial.kept else last
    after = outputs(result.state)
    assert result.quality is last
    assert np.array_equal(last.scores, exact.argmax(1) == after.argmax(1))
    assert last.output_mse == pytest.approx(float(np.square(after - exact).mean()), rel=1e-5)
    assert result.trials[0].kept and last.scores.sum() > right.sum() + 20
    assert result.compensation is not None
    assert set(result.compensation.passes) == {t.name for t in result.trials if t.kept}
    Verify(result.state.model, 1)(Rewrite()(result.state))


@pytest.mark.parametrize("passes", [(), *itertools.combinations(TRIALS, 1), TRIALS[:2]])
def test_each_pass_can_be_left_out(state, passes):
    result = compensate(state, passes, threads=1)
    assert [trial.name for trial in result.trials] == list(passes)
    if not passes:
        assert result.compensation is None and result.quality is None
        assert result.state.model.SerializeToString() == state.model.SerializeToString()
        return
    channels = {c.name: c.channels for c in state.candidates}
    old, new = (layer_constants(s.model, channels) for s in (state, result.state))
    kept = set(result.compensation.passes) if result.compensation else set()
    assert kept <= set(passes)
    moved = {
        "map-weights": any(not np.array_equal(old[n].weights, new[n].weights) for n in old),
        "rescale": any(
            not np.array_equal(old[n].channel_scales, new[n].channel_scales) for n in old
        ),
    }
    assert moved == {name: name in kept for name in moved}


def test_what_does_not_gain_is_left_out(state):
    # The fold is made on calibration samples of another kind: on validation samples it harms.
    dataset = state.dataset
    strange = dataclasses.replace(dataset.calibration, x=-4 * np.abs(dataset.calibration.x))
    mild = state.replace(
        dataset=dataclasses.replace(dataset, calibration=strange),
        assignment=Assignment.of({"c": "mul8s_trunc1"}),
    )
    result = compensate(mild, ("fold-bias",), threads=1)
    (trial,) = result.trials
    assert trial.layers == 1 and not trial.kept
    assert not trial.after.beats(trial.before)
    assert result.compensation is None and result.quality is trial.before
    assert result.state.model.SerializeToString() == state.model.SerializeToString()


def test_what_a_search_measured_is_never_lost(state):
    """Folded as the search folded it, unless the network is better without."""
    exact = exact_outputs(state, 60, 1)
    folded = FoldBias(exact, threads=1)(state)
    measured = outputs(state.replace(assignment=Assignment(()))).argmax(1) == outputs(
        folded
    ).argmax(1)
    result = compensate(state, threads=1, folded=exact)
    first = result.trials[0]
    assert first.name == "fold-bias" and first.kept
    assert np.array_equal(first.after.scores, measured)
    assert result.quality.score >= measured.mean()
    alone = compensate(state, ("fold-bias",), threads=1, folded=exact)
    assert alone.state.model.SerializeToString() == folded.model.SerializeToString()


def test_a_fold_of_the_search_goes_where_the_network_is_better_without(state, monkeypatch):
    monkeypatch.setattr(FoldBias, "fit", lambda self, outputs, known: {BIAS: known.bias + 90_000})
    mild = state.replace(assignment=Assignment.of({"c": "mul8s_trunc1"}))
    result = compensate(mild, ("fold-bias",), threads=1, folded=exact_outputs(mild, 60, 1))
    (trial,) = result.trials
    assert trial.layers == 1 and trial.before.beats(trial.after) and not trial.kept
    assert result.compensation is None
    assert result.quality is trial.before and result.quality.score > trial.after.score


def test_the_same_run_gives_the_same_constants(state):
    once, again = (compensate(state, threads=threads) for threads in (1, 2))
    assert once.compensation is not None
    assert once.compensation == again.compensation
    assert [t.kept for t in once.trials] == [t.kept for t in again.trials]


def test_exact_assignments_are_not_tried(state):
    exact = Assignment.of({"a": "mul8s_exact"})
    result = compensate(state.replace(assignment=exact), threads=1)
    assert result.trials == () and result.compensation is None
    assert result.state.model.SerializeToString() == state.model.SerializeToString()


def test_layers_that_cannot_be_treated_are_told(kit, small_networks, table_of, signed):
    network = small_networks["attention"]
    made = kit.prepare(network, signed, kit.samples(network, 30))
    chosen = Assignment.of({"q": signed[1].name, "m": signed[2].name})
    result = compensate(made.replace(assignment=chosen), threads=1)
    left = {t.name: {one.node: one.reason for one in t.left_alone} for t in result.trials}
    activations = {"m": "both of its operands are activations"}
    assert left == {
        "fold-bias": {"q": "its operator has no bias input", **activations},
        "map-weights": activations,
        "rescale": activations,
    }
    assert [trial.layers for trial in result.trials if trial.name == "fold-bias"] == [0]


def quality(hits, output_mse):
    return Quality(np.array([hit == "1" for hit in hits]), output_mse)


def test_a_gain_is_no_loss_and_closer_or_beyond_chance():
    before = quality("1" * 20 + "0" * 20, 0.5)
    assert before.score == 0.5
    assert quality("1" * 20 + "0" * 20, 0.4).beats(before)
    assert not quality("1" * 20 + "0" * 20, 0.5).beats(before)
    assert not quality("1" * 19 + "0" * 21, 0.1).beats(before)
    # One more sample right, farther off: chance.
    assert not quality("1" * 21 + "0" * 19, 0.6).beats(before)
    assert quality("1" * 21 + "0" * 19, 0.4).beats(before)
    assert quality("1" * 30 + "0" * 10, 0.6).beats(before)
    assert not quality("0" * 10 + "1" * 24 + "0" * 6, 0.6).beats(before)


def test_scores_of_any_metric_are_compared_sample_by_sample():
    rng = np.random.default_rng(5)
    base = rng.normal(size=400)
    before = Quality(base, 0.5)
    # Little, but the same for all: beyond chance, whatever the spread of samples.
    assert Quality(base + 0.01, 0.6).beats(before)
    noisy = base + rng.normal(0, 1, 400)
    noisy += base.mean() - noisy.mean() + 1e-4
    assert not Quality(noisy, 0.6).beats(before)
    assert Quality(noisy, 0.4).beats(before)
    assert not Quality(base - 0.01, 0.4).beats(before)


def test_what_the_caller_scores_decides(state):
    """Folding, which brings outputs nearer to the exact ones, is no gain where that lowers it."""
    exact = outputs(state.replace(assignment=Assignment(())))
    fold = ("fold-bias",)
    worse = compensate(state, fold, threads=1, scores=lambda y: np.square(y - exact).sum(axis=1))
    better = compensate(state, fold, threads=1, scores=lambda y: -np.square(y - exact).sum(axis=1))
    assert [trial.kept for trial in worse.trials] == [False]
    trial = better.trials[0]
    assert trial.kept
    assert trial.before.scores.dtype.kind == "f" and trial.after.score > trial.before.score
    told = trial.to_dict(lambda score: -score)
    assert told["validation_accuracy_after"] == -trial.after.score
    assert told["gain"] == trial.after.score - trial.before.score


@pytest.mark.parametrize(
    ("change", "passes", "error", "text"),
    [
        ({}, ("fold",), ConfigError, "no compensation pass 'fold'"),
        ({"assignment": None}, TRIALS, ConfigError, "no assignment was chosen"),
        ({"assignment": Assignment.of({"a": "nope"})}, TRIALS, ConfigError, "among those loaded"),
        ({"dataset": None}, TRIALS, DataError, "no calibration samples"),
    ],
)
def test_what_it_needs_is_told(state, change, passes, error, text):
    with pytest.raises(error, match=text):
        compensate(state.replace(**change), passes, threads=1)


@pytest.fixture
def compensated(state):
    """The state, and what all three passes make of it, gain or no gain."""
    made = state
    for one in (MapWeights(1), Rescale(threads=1), FoldBias(threads=1)):
        made = one(made)
    data = compensation_of(state.model, made.model, state.candidates, ORDER)
    assert data is not None
    return state, made, data


def test_data_gives_the_same_model_again(compensated):
    state, made, data = compensated
    assert [name for name, _ in data.layers] == ["a", "b", "c", "d"]
    assert all(one.bias and one.weight_scales and one.weights for _, one in data.layers)
    document = Assignment.of(state.assignment, compensation=data).document()
    read = Assignment.of_document(document, "file").compensation
    assert read == data
    before = state.model.SerializeToString()
    again = with_compensation(state.model, state.candidates, read)
    assert state.model.SerializeToString() == before
    channels = {c.name: c.channels for c in state.candidates}
    wanted, found = (layer_constants(model, channels) for model in (made.model, again))
    for name, one in wanted.items():
        assert one.values.keys() == found[name].values.keys()
        for place, values in one.values.items():
            assert values.tobytes() == found[name].values[place].tobytes()
    assert compensation_of(state.model, state.model, state.candidates, ORDER) is None


def packed(size):
    return base64.b64encode(zlib.compress(bytes(size))).decode()


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"int8": "0" * 16}, "not those that it was made for"),
        ({"bias": (1, 2)}, "`bias` has 2 values, the layer 6 output channels"),
        ({"weight_scales": (1.0,) * 7}, "`weight_scales` has 7 values"),
        ({"weights": "!"}, "cannot be unpacked"),
        ({"weights": base64.b64encode(b"no zlib").decode()}, "cannot be unpacked"),
        ({"weights": packed(5)}, "does not hold 162 codes"),
        ({"weights": packed(10**8)}, "does not hold 162 codes"),
    ],
)
def test_data_of_another_layer_is_refused(compensated, changes, text):
    state, _, data = compensated
    (name, first), *others = data.layers
    wrong = Compensation(ORDER, ((name, dataclasses.replace(first, **changes)), *others))
    with pytest.raises(ConfigError, match=text) as error:
        with_compensation(state.model, state.candidates, wrong)
    assert "compensation of a" in str(error.value)
    assert "remove `compensation`" in str(error.value)


def test_data_of_unknown_layers_and_biases_of_products_are_refused(
    compensated, kit, small_networks, signed
):
    state, _, data = compensated
    one = data.layers[0][1]
    with pytest.raises(ConfigError, match="no candidate layer is named 'z'"):
        with_compensation(state.model, state.candidates, Compensation((), (("z", one),)))
    made = kit.prepare(small_networks["attention"], signed)
    known = layer_constants(made.model, {c.name: c.channels for c in made.candidates})["q"]
    biased = Compensation((), (("q", LayerCompensation(digest(known), bias=(0,) * 8)),))
    with pytest.raises(ConfigError, match="no bias"):
        with_compensation(made.model, made.candidates, biased)
