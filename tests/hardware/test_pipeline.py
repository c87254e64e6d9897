"""Pipelines of engines: starts, ends, joins and memories, worked out by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.hardware import Geometry, LayerWorkload, SpatialTarget
from hawx_onnx.hardware.engine import engine_memory
from hawx_onnx.hardware.folding import cycles_within, fold, smallest_folding
from hawx_onnx.hardware.memory import Process
from hawx_onnx.hardware.pipeline import schedule

IMAGES = Geometry(4, 10, 10, 10, 3, 3)


def conv(name, *sources, images=IMAGES, filters=4):
    window = images.channels * images.kernel_height * images.kernel_width
    positions = images.output_height * images.width
    return LayerWorkload(name, "Conv", positions, filters, window, geometry=images, sources=sources)


def linear(name, *sources):
    return LayerWorkload(name, "Gemm", 1, 10, 400, sources=sources)


def engines(**keys):
    return SpatialTarget(**{"name": "s", "frequency_mhz": 200.0, "target_cycles": 4000, **keys})


def test_second_layer_starts_with_its_first_rows_by_hand():
    times = schedule((conv("a"), conv("b", "a")), (1000, 500))
    # Of 10 rows the second one takes 3, after 300 cycles; it ends a row of 50 after the first.
    assert times.starts == (0, 300)
    assert times.ends == (1000, 1050)
    assert times.latency_cycles == 1050
    assert schedule((conv("a"), conv("b", "a")), (500, 1000)).ends == (500, 150 + 1000)


def test_linear_layer_waits_for_everything():
    times = schedule((conv("a"), linear("fc", "a")), (1000, 70))
    assert times.starts == (0, 1000) and times.latency_cycles == 1070


def test_longest_branch_counts_and_the_shorter_one_waits_by_hand():
    # a feeds b and, around it, c.
    times = schedule((conv("a"), conv("b", "a"), conv("c", "b", "a")), (1000, 1000, 1000))
    # b: 300 to 1300; c takes 3 of 10 rows of b: 300 + 300.
    assert times.starts == (0, 300, 600) and times.ends == (1000, 1300, 1600)
    # By then a has made 60 % of its 400 results, 30 % of which c takes at once.
    assert times.fifo_values == (0, 0, 120)
    alone = schedule((conv("a"), conv("c", "a")), (1000, 1000))
    assert alone.latency_cycles == 1300


def test_residual_blocks_join_streams_by_hand():
    # Two residual blocks of one layer each, then two readers of the second sum.
    layers = (
        conv("stem"),
        conv("one", "stem"),
        conv("two", "one", "stem"),
        conv("last", "two", "one", "stem"),
        conv("skip", "two", "one", "stem"),
    )
    times = schedule(layers, [1000] * 5)
    assert times.starts == (0, 300, 600, 900, 900)
    # Before "two", "stem" is 600 of 1,000 cycles in, before "last" the first sum is, which began
    # with "one"; 300 of them are taken at once, of 400 results. "skip" reads what "last" does.
    assert times.fifo_values == (0, 0, 120, 120, 0)


def test_concatenated_branches_wait_whole_by_hand():
    # A dense block: each layer reads all before it, 4 channels of each.
    wide = replace(IMAGES, channels=8)
    layers = (
        conv("stem"),
        conv("one", "stem"),
        conv("two", "one", "stem", images=wide),
        conv("last", "two", "one", "stem", images=replace(IMAGES, channels=12)),
    )
    times = schedule(layers, [1000] * 4)
    assert times.starts == (0, 300, 600, 900)
    # Before "two", "stem" waits as after an addition. Before "last", "stem" and "one" wait
    # as one stream: it has 800 values and is 60 % done, of which 30 % are taken at once.
    assert times.fifo_values == (0, 0, 120, 240)
    added = schedule((*layers[:3], conv("last", "two", "one", "stem")), [1000] * 4)
    assert added.fifo_values == (0, 0, 120, 240)
    summed = (*layers[:2], conv("two", "one", "stem"), conv("last", "two", "one", "stem"))
    assert schedule(summed, [1000] * 4).fifo_values == (0, 0, 120, 120)


def test_parallel_branches_take_the_longer_one():
    slow = schedule(
        (conv("a"), conv("b", "a"), conv("c", "a"), linear("d", "b", "c")), (10, 500, 20, 5)
    )
    assert slow.latency_cycles == 3 + 500 + 5


def test_unknown_sources_make_a_chain():
    layers = [replace(layer, sources=None) for layer in (conv("a"), conv("b"), linear("c"))]
    known = (conv("a"), conv("b", "a"), linear("c", "b"))
    assert schedule(layers, (9, 8, 7)) == schedule(known, (9, 8, 7))


def test_latency_is_between_the_slowest_and_the_sum(network):
    cycles = [10, 200, 30, 400, 50, 60, 70]
    assert 400 <= schedule(network, cycles).latency_cycles <= sum(cycles)


def test_circles_and_strangers_are_refused():
    with pytest.raises(ModelError, match="in a circle: a -> b"):
        schedule((conv("a", "b"), conv("b", "a")), (1, 1))
    with pytest.raises(ModelError, match=r"layer b: reads layer x, which the network does not"):
        schedule((conv("a"), conv("b", "x")), (1, 1))


def test_memories_of_an_engine_by_hand():
    process = Process(45.0, 0.9, 2.0)
    layer = conv("a", filters=8)
    engine = fold(layer, pe=2, simd=6)
    memory = engine_memory(layer, engine, 100, 50, 10.0, process)
    # 4 channels in turn, 6 cycles each: 24 words of 6 bytes for each of 2 elements.
    assert memory.weight_bytes == 2 * 24 * 6 == layer.weight_values
    # Two rows of 10 pixels and 3 pixels, of 4 channels.
    assert memory.buffer_bytes == (2 * 10 + 3) * 4
    assert memory.fifo_bytes == 100
    weights, activations = layer.macs, engine.cycles * 6 + layer.input_values
    assert memory.moved_bytes == weights + activations + 2 * layer.input_values
    kilobytes = (2 * 144 + 92 + 100) / 1024
    assert memory.area_um2 == pytest.approx(process.sram_um2(kilobytes))
    assert memory.leakage_nw == pytest.approx(process.sram_leakage_nw(kilobytes))
    energies = [
        moved * process.sram_pj_per_byte(size / 1024)
        for moved, size in ((weights, 144), (activations, 92), (800, 100))
    ]
    assert memory.sram_uj == pytest.approx(sum(energies) * 1e-6)
    assert memory.dram_uj == pytest.approx(50 * 10e-6)


def test_weights_that_never_change_need_no_memory():
    layer = LayerWorkload("fc", "Gemm", 1, 4, 6)
    memory = engine_memory(layer, fold(layer, 4, 6), 0, 0, 1.0, Process(45.0, 0.9, 0.0))
    assert memory.weight_bytes == 0 and memory.buffer_bytes == 6


def test_depthwise_elements_read_activations_of_their_own():
    images = Geometry(8, 10, 10, 10, 3, 3)
    work = LayerWorkload("dw", "Conv", 100, 8, 9, groups=8, geometry=images)
    process = Process(45.0, 0.9, 0.0)
    moved = [
        engine_memory(work, fold(work, pe, 9), 0, 0, 1.0, process).moved_bytes for pe in (1, 8)
    ]
    # Each of the products takes an activation of its own, in the one element or in eight.
    assert moved[0] == work.macs + work.macs + work.input_values
    assert moved[1] - work.input_values == work.macs


def test_memories_count_and_the_ends_read_dram(exact, lenet):
    cost = replace(exact.cost, technology="osu018-1.8V-test", periphery=None)
    known = type(exact)("exact", cost)
    whole = engines().cost(lenet, {}, known)
    alone = engines(memories="none").cost(lenet, {}, known)
    assert whole.total.area_um2 - alone.total.area_um2 == pytest.approx(whole.total.memory_area_um2)
    assert whole.total.memory_area_um2 > 0
    assert whole.total.dram_bytes == lenet[0].input_values + 10
    assert alone.total.energy_parts.sram_uj == alone.total.dram_bytes == 0
    parts = whole.total.energy_parts
    assert parts.total_uj == pytest.approx(whole.total.energy_uj)
    for row in whole.layers:
        assert row.energy_parts.total_uj == pytest.approx(row.energy_uj)


def test_budget_of_multipliers_gives_the_fewest_cycles(network):
    for budget in (7, 20, 100, 1000):
        cycles = cycles_within(network, budget)

        def used(target):
            found = [smallest_folding(work, target) for work in network]
            return sum(engine.multipliers for engine in found)

        assert used(cycles) <= budget
        if cycles > max(work.output_positions for work in network):
            assert used(cycles - 1) > budget
    target = engines(multiplier_budget=100, target_cycles=1)
    assert sum(folding.multipliers for folding in target.foldings(network)) <= 100
    with pytest.raises(ConfigError, match="7 layers need a multiplier each.* is 6"):
        engines(multiplier_budget=6).foldings(network)
