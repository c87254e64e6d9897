"""SharedFolds: bit for bit what the pass makes of each choice, each beginning folded once."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding, operand_values
from hawx_onnx.errors import ConfigError
from hawx_onnx.passes import Calibrate
from hawx_onnx.passes.fold_bias import FoldBias
from hawx_onnx.passes.layer_constants import BIAS, layer_constants
from hawx_onnx.passes.layerwise import DEFAULT_SAMPLES
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.shared_folds import SharedFolds, shared_folds
from hawx_onnx.passes.staged_probe import StagedProbe
from hawx_onnx.passes.stages import Walk

pytestmark = pytest.mark.usefixtures("library")
CHOICES = (
    (3, 3, 3, 3),
    (0, 3, 1, 0),
    (3, 3, 1, 2),
    (3, 0, 0, 3),
    (0, 0, 0, 0),
    ((0, 3, 1, 2, 3, 0), 3, (3, 3, 0, 0, 1, 2), 0),
    ((0, 3, 1, 2, 3, 0), 3, (0, 3, 0, 3, 1, 2), (3, 0, 3, 0, 3)),
    (0, 3, 1, 0),
)


@pytest.fixture(scope="module")
def state(kit, residual, table_of, signed):
    """The residual network, with a multiplier that errs upwards and drops bits of the weight."""
    weights = operand_values(Encoding.SIGNED)
    bad = table_of("bad", np.multiply.outer(weights, weights // 16 * 14) + 300)
    return Calibrate(1)(kit.prepare(residual, (*signed, bad), kit.samples(residual, 90)))


def folds_of(state, **options):
    x = state.dataset.calibration.x[:DEFAULT_SAMPLES]
    return SharedFolds(state.model, state.candidates, state.multipliers, x, 1, **options)


def folded_by_the_pass(state, choice):
    """The state with its biases folded by the pass, under the assignment that a choice makes."""
    names = [m.name for m in state.multipliers]
    picks = {
        c.name: names[p] if isinstance(p, int) else [names[i] for i in p]
        for c, p in zip(state.candidates, choice, strict=True)
    }
    return FoldBias(threads=1)(state.replace(assignment=Assignment.of(picks)))


def outputs(state):
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    return probe.outputs(state.assignment, state.dataset.validation.x)


def biases(state):
    known = layer_constants(state.model, {c.name: c.channels for c in state.candidates})
    return {name: one.bias for name, one in known.items()}


@pytest.mark.parametrize(
    "options", [{}, {"cache_bytes": 0}, {"cache_bytes": 60_000}, {"share": False}]
)
def test_biases_are_those_of_the_pass(state, options):
    folds, own, moved = folds_of(state, **options), biases(state), 0
    for choice in CHOICES:
        found = {name: one[BIAS] for name, one in folds.constants(choice).items()}
        wanted = biases(folded_by_the_pass(state, choice))
        assert {name: bias.tolist() for name, bias in {**own, **found}.items()} == {
            name: bias.tolist() for name, bias in wanted.items()
        }
        assert all((bias != own[name]).any() for name, bias in found.items())
        moved += len(found)
    assert moved > len(CHOICES)


@pytest.mark.parametrize("cuts", [(), (1, 2, 3)])
def test_outputs_are_those_of_the_folded_network(state, cuts):
    x = state.dataset.validation.x
    probe = StagedProbe(state.model, state.candidates, state.multipliers, 1, folds=folds_of(state))
    probe.cuts = cuts
    plain = StagedProbe(state.model, state.candidates, state.multipliers, 1)
    differ = 0
    for choice in CHOICES:
        measured = probe.outputs(0, x, choice)
        assert measured.tobytes() == outputs(folded_by_the_pass(state, choice)).tobytes()
        differ += not np.array_equal(measured, plain.outputs(0, x, choice))
    assert differ == sum(any(np.any(one) for one in choice) for choice in CHOICES)


def counted(monkeypatch):
    """Counts measurements of accumulators and layers run."""
    calls = {"accumulators": 0, "advance": 0}
    for name in calls:
        real = getattr(Walk, name)

        def spy(self, *given, _real=real, _name=name):
            calls[_name] += 1
            return _real(self, *given)

        monkeypatch.setattr(Walk, name, spy)
    return calls


def test_beginnings_are_folded_once(state, monkeypatch):
    folds = folds_of(state)
    folds.constants((1, 0, 0, 0))
    calls = counted(monkeypatch)
    folds.constants((1, 0, 0, 0))
    assert calls == {"accumulators": 0, "advance": 0}
    # The first layer is run once more, under the bias that is known; the second one is measured.
    folds.constants((1, 2, 0, 0))
    assert calls == {"accumulators": 1, "advance": 1}
    folds.constants((1, 2, 3, 0))
    assert calls == {"accumulators": 2, "advance": 2}
    folds.constants((1, 2, 3, 1))
    assert calls == {"accumulators": 3, "advance": 3}
    folds.constants((1, 2, 3, 2))
    assert calls == {"accumulators": 4, "advance": 3}
    # Nothing is folded behind the last approximated layer, so that nothing is run up to there.
    folds.constants((2, 0, 0, 0))
    assert calls == {"accumulators": 5, "advance": 3}
    alone = folds.fresh(share=False)
    alone.constants((1, 2, 3, 1))
    assert calls == {"accumulators": 9, "advance": 6}
    alone.constants((1, 2, 3, 1))
    alone.constants((1, 2, 3, 2))
    assert calls == {"accumulators": 13, "advance": 9}


def test_activations_stay_within_their_limit(state):
    most, folds = 60_000, folds_of(state, cache_bytes=60_000)
    for choice in CHOICES:
        folds.constants(choice)
        assert sum(walk.nbytes for walk in folds._walks.values()) <= most
    assert folds._walks
    folds.forget_activations()
    assert not folds._walks
    assert folds.constants(CHOICES[0]).keys() == folds_of(state).constants(CHOICES[0]).keys()


def test_a_single_layer_under_each_multiplier(state):
    folds, own = folds_of(state), biases(state)
    table = folds.single("b")
    assert table.shape == (4, 6) and table.dtype == np.int32
    assert table[0].tolist() == own["b"].tolist()
    for index in range(1, 4):
        wanted = biases(folded_by_the_pass(state, (0, index, 0, 0)))["b"]
        assert table[index].tolist() == wanted.tolist()
    # One channel alone gets the bias that it has among all.
    alone = biases(folded_by_the_pass(state, (0, (0, 0, 3, 0, 0, 0), 0, 0)))["b"]
    assert alone.tolist() == [*own["b"][:2], table[3, 2], *own["b"][3:]]


def test_networks_without_a_bias_to_fold_into(kit, small_networks, signed):
    network = small_networks["attention"]
    state = kit.prepare(network, signed, kit.samples(network, 10))
    assert shared_folds(state, 1) is None


def test_samples_fit_into_the_memory(state):
    whole = shared_folds(state, 1)
    assert whole is not None and whole.layers == ("a", "b", "c", "d")
    assert len(whole.x) == len(state.dataset.calibration.x)
    with pytest.raises(ConfigError, match="is too little"):
        shared_folds(state, 1, memory_limit=2**20)
