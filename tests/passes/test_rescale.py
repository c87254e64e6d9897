"""Rescale: errors proportional to the product vanish; channels it cannot help stay."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding, exact_table
from hawx_onnx.passes import Rewrite, Verify
from hawx_onnx.passes.layer_constants import layer_constants
from hawx_onnx.passes.layer_outputs import LayerOutputs
from hawx_onnx.passes.probe import AssignmentProbe
from hawx_onnx.passes.rescale import Rescale, fitted_line

pytestmark = pytest.mark.usefixtures("library")
SIGNED = exact_table(Encoding.SIGNED)


@pytest.fixture
def doubled(table_of):
    """The exact multiplier and one that gives twice the product."""
    return components.exact(Encoding.SIGNED), table_of("doubled", 2 * SIGNED)


def outputs(state, assignment=None):
    probe = AssignmentProbe(state.model, state.candidates, state.multipliers, 1)
    chosen = state.assignment if assignment is None else assignment
    return probe.outputs(chosen, state.dataset.validation.x)


def constants(state):
    return layer_constants(state.model, {c.name: c.channels for c in state.candidates})


@pytest.mark.parametrize("form", ["residual", "fixed_batch", "attention"])
def test_doubled_products_vanish(kit, small_networks, doubled, form):
    network = small_networks[form]
    state = kit.prepare(network, doubled, kit.samples(network, 60))
    # A product of two activations has no scale to change: it stays exact.
    left = "am" if form == "attention" else ""
    chosen = Assignment.of({c.name: "doubled" for c in state.candidates if c.name not in left})
    state = state.replace(assignment=chosen)
    exact, before = outputs(state, Assignment(())), outputs(state)
    after = Rescale(threads=1)(state)
    for name, new in constants(after).items():
        if name in chosen:
            halved = constants(state)[name].channel_scales / 2
            np.testing.assert_allclose(new.channel_scales, halved, rtol=2e-2)
    step = np.abs(exact).max() / 127
    assert np.abs(outputs(after) - exact).max() <= 2 * step < np.abs(before - exact).max()


def test_rescaled_models_are_verified_with_and_without_the_library(kit, small_networks, doubled):
    for form in ("residual", "attention"):
        network = small_networks[form]
        state = kit.prepare(network, doubled, kit.samples(network, 30))
        chosen = Assignment.of({c.name: "doubled" for c in state.candidates})
        after = Rescale(threads=1)(state.replace(assignment=chosen))
        assert after.records[-1].modified
        Verify(after.model, 1)(Rewrite()(after))


def test_exact_channels_keep_their_scale(kit, residual, doubled):
    state = kit.prepare(residual, doubled, kit.samples(residual, 60))
    exact = doubled[0].name
    state = state.replace(assignment=Assignment.of({"a": [exact, "doubled"] * 3}))
    after = Rescale(threads=1)(state)
    old, new = constants(state)["a"].channel_scales, constants(after)["a"].channel_scales
    assert list(old != new) == [False, True] * 3
    assert np.array_equal(
        constants(after)["b"].channel_scales, constants(state)["b"].channel_scales
    )
    same = Rescale(threads=1)(state.replace(assignment=Assignment.of({"a": exact})))
    assert same.model.SerializeToString() == state.model.SerializeToString()


def test_products_of_two_activations_are_left_alone(kit, small_networks, doubled):
    network = small_networks["attention"]
    state = kit.prepare(network, doubled, kit.samples(network, 10))
    chosen = Assignment.of({c.name: "doubled" for c in state.candidates})
    left = Rescale(threads=1)(state.replace(assignment=chosen)).records[-1].left_alone
    assert {one.node: one.reason for one in left} == dict.fromkeys(
        "am", "both of its operands are activations"
    )


def seen(sums, wanted, *, bias=0.0, low=-128.0, high=127.0, step=0.01):
    """One channel."""
    sums, wanted = (np.array([values], np.float64) for values in (sums, wanted))
    return LayerOutputs(sums, wanted, low, high, np.array([step]), np.array([bias]))


def test_the_line_is_that_of_least_squares_within_the_bounds():
    rng = np.random.default_rng(0)
    sums = rng.normal(0, 3000, 4000)
    wanted = 0.6 * 0.01 * sums + 5 + rng.normal(0, 2, 4000)
    slope, bias = fitted_line(seen(sums, np.clip(wanted, -128, 127)), intercept=True)
    reference = np.polyfit(0.01 * sums, wanted, 1)
    assert slope[0] == pytest.approx(reference[0], rel=1e-3)
    assert bias[0] == pytest.approx(reference[1] / reference[0] / 0.01, abs=20)
    # What a Relu cuts off has no say.
    bent = np.where(sums > 0, sums, 7 * sums)
    slope, bias = fitted_line(seen(bent, np.maximum(0.006 * sums, 0), low=0), intercept=True)
    assert slope[0] == pytest.approx(0.6, rel=1e-3) and abs(bias[0]) <= 5


def test_without_an_intercept_the_line_goes_through_the_origin():
    slope, bias = fitted_line(seen([100, 200, 400], [2, 4, 8]), intercept=False)
    assert slope[0] == pytest.approx(2) and bias[0] == 0


def test_a_channel_that_nothing_helps_stays():
    for sums, wanted in (([5, 5, 5], [0.05] * 3), ([100, 300], [1, 3]), ([0, 0], [0, 0])):
        slope, bias = fitted_line(seen(sums, wanted), intercept=True)
        assert slope[0] == 1 and bias[0] == 0
    largest = 2**31 - 5
    slope, bias = fitted_line(seen([largest, 0], [60, 60], step=1e-9, bias=4), intercept=True)
    assert slope[0] == 1 and bias[0] == 4
