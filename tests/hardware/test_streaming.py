"""Weights that do not fit on the chip: who streams them, what that moves, how long it takes."""

from __future__ import annotations

import pytest

from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.hardware.folding import fold
from hawx_onnx.hardware.streaming import streamed_layers, weight_bytes


def test_weights_of_an_engine_by_hand():
    work = LayerWorkload("fc", "Gemm", 1, 8, 12)
    assert weight_bytes(fold(work, 2, 3)) == 8 * 12
    assert weight_bytes(fold(work, 8, 12)) == 0


def test_layers_that_reuse_weights_least_go_first(lenet):
    foldings = [fold(work, 1, 1) for work in lenet]
    # conv1 150, conv2 2400, fc1 48000, fc2 10080, fc3 840 bytes.
    assert streamed_layers(lenet, foldings, 0) == frozenset()
    assert streamed_layers(lenet, foldings, 61) == frozenset()
    assert streamed_layers(lenet, foldings, 60) == {2}
    assert streamed_layers(lenet, foldings, 10) == {2, 3}
    assert streamed_layers(lenet, foldings, 3) == {2, 3, 4}
    assert streamed_layers(lenet, foldings, 2) == {1, 2, 3, 4}


def spatial(**keys):
    return load_target("spatial").override(memory_feature_nm=45.0, **keys)


@pytest.fixture
def exact(exact):
    """The fake multiplier in a technology whose memories can be scaled."""
    from dataclasses import replace

    return replace(exact, cost=replace(exact.cost, technology="test-1V", periphery=None))


def test_streamed_weights_cross_from_dram_in_every_inference(lenet, exact):
    whole = spatial().cost(lenet, {}, exact)
    part = spatial(weight_memory_kb=10).cost(lenet, {}, exact)
    moved = {
        one.name: other.dram_bytes - one.dram_bytes
        for one, other in zip(whole.layers, part.layers, strict=True)
    }
    assert moved == {"conv1": 0, "conv2": 0, "fc1": 48000, "fc2": 10080, "fc3": 0}
    assert part.total.dram_bytes == whole.total.dram_bytes + 58080
    extra = part.total.energy_parts.dram_uj - whole.total.energy_parts.dram_uj
    assert extra == pytest.approx(58080 * 162.5e-6)
    assert part.total.memory_area_um2 < 0.3 * whole.total.memory_area_um2
    fc1 = part.layers[2].mapping
    assert fc1["weight_memory_bytes"] == 2 * fc1["pe"] * fc1["simd"]
    assert any("streamed: fc1, fc2" in note for note in part.notes)
    assert not any("streamed" in note for note in whole.notes)


def test_narrow_dram_stretches_the_interval_by_hand(lenet, exact):
    free = spatial(weight_memory_kb=10).cost(lenet, {}, exact)
    slow = spatial(weight_memory_kb=10, dram_bytes_per_cycle=2.0).cost(lenet, {}, exact)
    outside = lenet[0].input_values + 48000 + 10080 + 10
    waits = -(-outside // 2)
    assert free.total.stall_cycles == 0
    assert slow.total.initiation_interval_cycles == waits
    assert slow.total.stall_cycles == waits - 16000
    for layer in slow.layers:
        uses = layer.name != "conv2"
        assert layer.stall_cycles == (waits - layer.compute_cycles if uses else 0)
        assert layer.utilization < 1
    assert slow.total.latency_cycles > free.total.latency_cycles
    assert slow.total.inferences_per_second == pytest.approx(200e6 / waits)


def test_many_assignments_see_the_same_interval(lenet, exact):
    import numpy as np

    target = spatial(weight_memory_kb=10, dram_bytes_per_cycle=2.0)
    channels = np.array([[[work.filters] for work in lenet]])
    many = target.cost_many(lenet, [exact], channels)
    total = target.cost(lenet, {}, exact).total
    assert many.energy_uj[0] == pytest.approx(total.energy_uj)
    assert many.power_mw[0] == pytest.approx(total.power_mw)
    assert many.latency_cycles[0] == total.latency_cycles


def test_without_memories_nothing_waits(lenet, exact):
    target = load_target("spatial").override(memories="none", dram_bytes_per_cycle=0.01)
    assert target.cost(lenet, {}, exact).total.stall_cycles == 0
