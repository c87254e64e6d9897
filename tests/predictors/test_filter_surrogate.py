"""FilterSurrogate: margins of groups of channels, and agreement with measured layers."""

from __future__ import annotations

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


@pytest.mark.parametrize("size", [1, 2, 4])
def test_one_layer_of_one_multiplier_is_as_measured(sensitivity, size):
    units = units_of(size)
    surrogate = FilterSurrogate(sensitivity, units)
    exact = (sensitivity.baseline.argmax(axis=1) == sensitivity.labels).mean()
    for choice in ((0, 0), (1, 0), (2, 0), (0, 1), (0, 2)):
        picks = [choice[unit.layer] for unit in units]
        layer = int(choice[1] > 0)
        wanted = exact - sensitivity.accuracy_drop()[layer, choice[layer]]
        assert surrogate.accuracy(picks) == pytest.approx(wanted)


def test_whole_layers_count_as_measured_too(sensitivity):
    by_layer = FilterSurrogate(sensitivity, layer_units(2))
    by_channel = FilterSurrogate(sensitivity, units_of())
    picks = [[a, b] for a in range(3) for b in range(3)]
    spread = [[a] * CHANNELS[0] + [b] * CHANNELS[1] for a, b in picks]
    np.testing.assert_allclose(by_layer.accuracies(picks), by_channel.accuracies(spread))


def test_margins_add_up(sensitivity):
    units = (Unit(0, (0, 2)), Unit(0, (1, 3)), Unit(1))
    surrogate = FilterSurrogate(sensitivity, units)
    rows = np.arange(SAMPLES)

    def margin(outputs):
        others = outputs.astype(np.float64).copy()
        others[rows, sensitivity.labels] = -np.inf
        return outputs[rows, sensitivity.labels] - others.max(axis=1)

    base = margin(sensitivity.baseline)
    score = sensitivity.filters["a"]
    share = score.output_mse[1, [0, 2]].sum() / score.output_mse[1].sum()
    whole = margin(sensitivity.baseline + sensitivity.responses[0, 1]) - base
    shifts = score.margin_shifts[1].astype(np.float64)
    expected = base + shifts[[0, 2]].sum(axis=0) + share * (whole - shifts.sum(axis=0))
    assert surrogate.accuracy([1, 0, 0]) == pytest.approx((expected > 0).mean())


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
