"""MapWeights: the best code by brute force, per input channel and multiplier, no other."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding, exact_table, operand_values
from hawx_onnx.errors import ConfigError
from hawx_onnx.passes import Calibrate
from hawx_onnx.passes.layer_constants import WEIGHTS, layer_constants
from hawx_onnx.passes.map_weights import MapWeights, code_map

pytestmark = pytest.mark.usefixtures("library")


def squared_errors(multiplier, histogram, zero):
    """Mean squared error of each code (columns) in place of each code (rows), one by one."""
    values = [int(value) for value in operand_values(multiplier.encoding)]
    share = histogram / histogram.sum()
    errors = np.zeros((256, 256))
    for made in range(256):
        products = multiplier.table[:, made].astype(np.int64) - zero * values[made]
        for wanted in range(256):
            target = (np.array(values) - zero) * values[wanted]
            errors[wanted, made] = share @ np.square(products - target)
    return errors


@pytest.mark.parametrize(
    ("name", "zero"), [("mul8s_trunc3", 0), ("mul8sm_drum4", 0), ("mul8u_trunc3", 113)]
)
def test_every_code_goes_to_the_best_one(name, zero):
    multiplier = components.load(name)
    # Activations as behind a Relu: one half are zero.
    counts = np.random.default_rng(3).integers(0, 40, 256)
    counts[zero] = 4000
    errors = squared_errors(multiplier, counts, zero)
    mapped = code_map(multiplier, counts, zero).astype(int)
    own = np.arange(256)
    best = errors.min(axis=1)
    assert np.allclose(errors[own, mapped], best, rtol=1e-9, atol=1e-6)
    # Codes that nothing beats stay, and the others gain.
    stay = np.isclose(errors[own, own], best, rtol=1e-12, atol=1e-9)
    assert (mapped == own)[stay].all() and (mapped != own)[~stay].all()
    assert 0 < stay.sum() < 256


def test_exact_multipliers_map_nothing():
    counts = np.random.default_rng(3).integers(0, 40, 256)
    for encoding, zero in ((Encoding.SIGNED, 0), (Encoding.UNSIGNED, 77)):
        assert np.array_equal(code_map(components.exact(encoding), counts, zero), np.arange(256))


def halves(encoding):
    """A multiplier that takes half of each weight."""
    values = operand_values(encoding).astype(np.int64)
    return np.multiply.outer(values, values // 2)


@pytest.mark.parametrize("encoding", ["signed", "unsigned"])
def test_layers_are_mapped_channel_by_channel(kit, small_networks, table_of, encoding, request):
    kind = Encoding(encoding)
    multipliers = (*request.getfixturevalue(encoding), table_of("halves", halves(kind), kind))
    network = small_networks["residual"]
    state = Calibrate(1)(kit.prepare(network, multipliers, kit.samples(network, 30)))
    names = [multiplier.name for multiplier in multipliers]
    chosen = Assignment.of(
        {c.name: [names[i % 4] for i in range(c.channels)] for c in state.candidates}
    )
    after = MapWeights(1)(state.replace(assignment=chosen))
    channels = {c.name: c.channels for c in state.candidates}
    old, new = (layer_constants(one.model, channels) for one in (state, after))
    grouped = {"a": 3, "b": 3, "c": 6, "d": 6}
    changed = 0
    for name, depth in grouped.items():
        before = old[name].weights.view(np.uint8).reshape(channels[name], depth, -1)
        mapped = new[name].weights.view(np.uint8).reshape(before.shape)
        zero = int(old[name].values[2])
        for filter_, channel in np.ndindex(before.shape[:2]):
            group = filter_ // (channels[name] // 2) if name == "b" else 0
            counts = state.histograms[name][group * depth + channel]
            code = code_map(multipliers[filter_ % 4], counts, zero)
            assert np.array_equal(mapped[filter_, channel], code[before[filter_, channel]])
        assert np.array_equal(mapped[::4], before[::4]), "exact channels stay"
        changed += int((mapped != before).sum())
    assert changed > 50
    assert [one.node for one in after.records[-1].left_alone] == []


def test_columns_of_products_are_mapped_too(kit, small_networks, table_of, signed):
    network = small_networks["attention"]
    multipliers = (signed[0], table_of("halves", halves(Encoding.SIGNED)))
    state = Calibrate(1)(kit.prepare(network, multipliers, kit.samples(network, 30)))
    chosen = Assignment.of({c.name: "halves" for c in state.candidates})
    after = MapWeights(1)(state.replace(assignment=chosen))
    channels = {c.name: c.channels for c in state.candidates}
    old, new = (layer_constants(one.model, channels) for one in (state, after))
    for row in range(8):
        code = code_map(multipliers[1], state.histograms["q"][row])
        before, mapped = (one["q"].weights.view(np.uint8)[row] for one in (old, new))
        assert np.array_equal(mapped, code[before])
    # Weights of half their size come back as twice the code, as far as codes go.
    values = old["q"].weights.astype(int)
    within = np.abs(values) < 63
    assert np.array_equal(new["q"].values[WEIGHTS].astype(int)[within] // 2, values[within])
    left = {one.node: one.reason for one in after.records[-1].left_alone}
    assert left == dict.fromkeys("am", "both of its operands are activations")


def test_activations_are_counted_where_they_were_not(kit, residual, signed):
    state = kit.prepare(residual, signed, kit.samples(residual, 30))
    state = state.replace(assignment=Assignment.of({"a": signed[1].name}))
    counted = MapWeights(1)(Calibrate(1)(state))
    assert MapWeights(1)(state).model.SerializeToString() == counted.model.SerializeToString()


def test_an_exact_assignment_changes_nothing(kit, residual, signed):
    state = kit.prepare(residual, signed)
    after = MapWeights(1)(state.replace(assignment=Assignment.of({"a": signed[0].name})))
    assert after.model.SerializeToString() == state.model.SerializeToString()
    assert not after.records[-1].modified
    assert {one.reason for one in after.records[-1].left_alone} == {"the assignment keeps it exact"}
    with pytest.raises(ConfigError, match="no assignment was chosen"):
        MapWeights(1)(state)


def test_brute_force_agrees_with_the_table_of_exact_products():
    errors = squared_errors(components.exact(Encoding.SIGNED), np.ones(256), 0)
    assert np.array_equal(np.diag(errors), np.zeros(256))
    assert np.array_equal(exact_table(Encoding.SIGNED)[3], 3 * operand_values(Encoding.SIGNED))
