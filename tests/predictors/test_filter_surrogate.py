"""FilterSurrogate: margins of groups of channels, and agreement with measured layers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hawx_onnx.predictors import FilterSurrogate
from hawx_onnx.search.units import Unit, channel_units, layer_units
from hawx_onnx.sensitivity import GRADIENT, MEASURED, FilterScore, Sensitivity

SAMPLES, CLASSES, MULTIPLIERS = 60, 3, 3
CHANNELS = (4, 6)


@pytest.fixture
def sensitivity():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, SAMPLES)
    baseline = rng.normal(size=(SAMPLES, CLASSES))
    baseline[np.arange(SAMPLES), labels] += 1
    responses = 0.6 * rng.normal(size=(2, MULTIPLIERS, SAMPLES, CLASSES))
    responses[:, 0] = 0
    filters = {}
    for name, channels in zip("ab", CHANNELS, strict=True):
        squared = rng.random((MULTIPLIERS, channels))
        squared[0] = 0
        shifts = rng.normal(size=(MULTIPLIERS, channels, SAMPLES)).astype(np.float32)
        shifts[0] = 0
        if name == "a":
            change = shifts.mean(axis=2, dtype=np.float64)
            filters[name] = FilterScore(squared, squared, change, shifts, GRADIENT)
        else:
            filters[name] = FilterScore(squared, None, None, None, MEASURED, "no rule")
    return Sensitivity(
        ("a", "b"),
        ("exact", "m1", "m2"),
        {},
        baseline.astype(np.float32),
        responses.astype(np.float32),
        labels,
        filters,
    )


def units_of(size=1):
    return channel_units([range(c) for c in CHANNELS], [size, size])


def margin_of(sensitivity, outputs):
    rows = np.arange(SAMPLES)
    others = outputs.astype(np.float64).copy()
    others[rows, sensitivity.labels] = -np.inf
    return outputs[rows, sensitivity.labels] - others.max(axis=1)


def composed(base, shifts):
    """Margins where each layer's factor, that fits best over all samples, multiplies."""
    total = base.copy()
    for shift in shifts:
        factor = max(1 + shift @ base / (base @ base), 0.05)
        total += (base + shift) / factor - base
    return total


@pytest.mark.parametrize("size", [1, 2, 4])
def test_one_layer_of_one_multiplier_goes_by_what_was_measured(sensitivity, size):
    units = units_of(size)
    surrogate = FilterSurrogate(sensitivity, units)
    base = margin_of(sensitivity, sensitivity.baseline)
    for choice in ((1, 0), (2, 0), (0, 1), (0, 2)):
        picks = [choice[unit.layer] for unit in units]
        layer = int(choice[1] > 0)
        outputs = sensitivity.baseline + sensitivity.responses[layer, choice[layer]]
        whole = margin_of(sensitivity, outputs) - base
        wanted = surrogate.layers.level(composed(base, [whole]))
        assert surrogate.accuracy(picks) == pytest.approx(wanted, abs=1e-5)


def test_nothing_approximated_is_as_measured(sensitivity):
    surrogate = FilterSurrogate(sensitivity, units_of())
    exact = (sensitivity.baseline.argmax(axis=1) == sensitivity.labels).mean()
    assert surrogate.accuracy([0] * sum(CHANNELS)) == pytest.approx(exact)


def test_whole_layers_count_as_measured_too(sensitivity):
    by_layer = FilterSurrogate(sensitivity, layer_units(2))
    by_channel = FilterSurrogate(sensitivity, units_of())
    picks = [[a, b] for a in range(3) for b in range(3)]
    spread = [[a] * CHANNELS[0] + [b] * CHANNELS[1] for a, b in picks]
    np.testing.assert_allclose(by_layer.accuracies(picks), by_channel.accuracies(spread))


def test_channels_add_up_and_layers_multiply(sensitivity):
    units = (Unit(0, (0, 2)), Unit(0, (1, 3)), Unit(1))
    surrogate = FilterSurrogate(sensitivity, units)
    base = margin_of(sensitivity, sensitivity.baseline)
    score = sensitivity.filters["a"]
    share = score.output_mse[1, [0, 2]].sum() / score.output_mse[1].sum()
    whole, other = (
        margin_of(sensitivity, sensitivity.baseline + sensitivity.responses[layer, 1]) - base
        for layer in (0, 1)
    )
    shifts = score.margin_shifts[1].astype(np.float64)
    some = shifts[[0, 2]].sum(axis=0) + share * (whole - shifts.sum(axis=0))
    for picks, wanted in (([1, 0, 0], [some]), ([1, 1, 1], [whole, other])):
        level = surrogate.layers.level(composed(base, wanted))
        assert surrogate.accuracy(picks) == pytest.approx(level, abs=1e-5)


def test_layers_that_shrink_margins_turn_none_around(sensitivity):
    """Two layers that each take 0.6 of all margins leave 0.16 of them, where sums leave -0.2."""
    base = sensitivity.baseline
    responses = np.zeros_like(sensitivity.responses)
    responses[:, 1] = -0.6 * base
    filters = {
        name: replace(score, margin_change=None, margin_shifts=None)
        for name, score in sensitivity.filters.items()
    }
    shrunk = FilterSurrogate(replace(sensitivity, responses=responses, filters=filters), units_of())
    exact = (base.argmax(axis=1) == sensitivity.labels).mean()
    assert shrunk.accuracy([1] * sum(CHANNELS)) == pytest.approx(exact, abs=1e-4)


def test_order_does_not_matter(sensitivity):
    surrogate = FilterSurrogate(sensitivity, units_of())
    rng = np.random.default_rng(1)
    picks = rng.integers(0, 3, (40, sum(CHANNELS)))
    at_once = surrogate.accuracies(picks)
    np.testing.assert_array_equal(at_once, [surrogate.accuracy(row) for row in picks])
    np.testing.assert_array_equal(at_once[::-1], surrogate.accuracies(picks[::-1]))


def test_damages(sensitivity):
    units = units_of(2)
    damages = FilterSurrogate(sensitivity, units).damages()
    assert set(damages) == {"output", "loss", "margin"}
    for damage in damages.values():
        assert damage.shape == (len(units), MULTIPLIERS)
        np.testing.assert_allclose(damage[:, 0], 0, atol=1e-12)
    rows = [row for row, unit in enumerate(units) if unit.layer == 1]
    np.testing.assert_allclose(damages["output"][rows].sum(axis=0), sensitivity.output_mse()[1])
    assert (damages["output"][:, 1:] > 0).all()
