"""Bytes between array, buffers and DRAM, and what memories cost."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, TemporalTarget
from hawx_onnx.hardware.memory import process_of
from hawx_onnx.hardware.traffic import Buffers, layer_traffic
from hawx_onnx.hardware.workload import Geometry

from .conftest import Figures

LARGE = Buffers(1024, 1024, 1024)
DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
NODE = "osu018-1.8V-test"


def array(**keys):
    keys = {"name": "t", "frequency_mhz": 200.0, "rows": 16, "cols": 16, **keys}
    return TemporalTarget(**keys)


def traffic(work, dataflow, buffers=LARGE, rows=16, cols=16):
    target = array(dataflow=dataflow, rows=rows, cols=cols)
    return layer_traffic(work, dataflow, (rows, cols), target.folds(work), 32, buffers, "t")


# SRAM reads of inputs and of weights that SCALE-Sim 3.0.0 reports for 784 x 25 inputs and 6
# filters on 16 x 16, then 1024 x 288 and 32 (benchmarks/scalesim.py compares whole networks).
SCALESIM = {
    "output-stationary": ((19600, 7350), (589824, 589824)),
    "weight-stationary": ((19600, 150), (589824, 9216)),
    "input-stationary": ((19600, 7350), (294912, 589824)),
}


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_array_side_accesses_equal_scalesims(dataflow):
    shapes = ((784, 6, 25), (1024, 32, 288))
    for (m, n, k), (inputs, weights) in zip(shapes, SCALESIM[dataflow], strict=True):
        moved = traffic(LayerWorkload("x", "MatMul", m, n, k), dataflow)
        # What DRAM fills the buffers with is written there too.
        assert moved.ifmap_sram_bytes - moved.ifmap_dram_bytes == inputs
        assert moved.filter_sram_bytes - moved.filter_dram_bytes == weights


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_what_fits_crosses_to_dram_once(network, dataflow):
    for work in network:
        moved = traffic(work, dataflow)
        assert moved.ifmap_dram_bytes == work.input_values
        assert moved.filter_dram_bytes == work.weight_values
        assert moved.ofmap_dram_bytes == work.output_values


def test_geometry_counts_each_activation_once():
    images = Geometry(3, 32, 32, 32, 3, 3)
    work = LayerWorkload("x", "Conv", 1024, 64, 27, geometry=images)
    assert traffic(work, "output-stationary").ifmap_dram_bytes == 3 * 32 * 32


def test_weights_pass_again_for_each_block_of_inputs_by_hand():
    # 64 positions in 4 row folds, 64 filters in 4 column folds, 1,000 products: inputs and weights
    # of a fold are 16,000 bytes each, 64,000 in all. Of 32 kB 16,384 bytes are usable: one fold.
    work = LayerWorkload("x", "MatMul", 64, 64, 1000)
    moved = traffic(work, "output-stationary", Buffers(32, 32, 32))
    assert sorted((moved.ifmap_dram_bytes, moved.filter_dram_bytes)) == [64_000, 4 * 64_000]
    # Two folds of weights fit 64 kB: half as many passes.
    moved = traffic(work, "output-stationary", Buffers(32, 64, 32))
    assert (moved.ifmap_dram_bytes, moved.filter_dram_bytes) == (2 * 64_000, 64_000)
    # No fold fits 16 kB: everything streams.
    moved = traffic(work, "output-stationary", Buffers(16, 16, 16))
    assert (moved.ifmap_dram_bytes, moved.filter_dram_bytes) == (4 * 64_000, 4 * 64_000)


def test_partial_sums_that_do_not_fit_go_to_dram_and_back_by_hand():
    # 1,000 positions, 16 filters in one column fold, 4 row folds: 64,000 bytes of sums are alive,
    # 512 fit; each of the 3 changes of row fold writes the rest and reads it back.
    work = LayerWorkload("x", "MatMul", 1000, 16, 64)
    moved = traffic(work, "weight-stationary", Buffers(1024, 1024, 1))
    assert moved.ofmap_dram_bytes == 16_000 + 2 * 3 * (64_000 - 512)


@pytest.mark.parametrize("dataflow", DATAFLOWS)
def test_larger_buffers_never_move_more(network, dataflow):
    for work in network:
        sizes = [traffic(work, dataflow, Buffers(kb, kb, kb)).dram_bytes for kb in (2, 8, 64, 512)]
        assert sizes == sorted(sizes, reverse=True)
        least = work.input_values + work.weight_values + work.output_values
        assert sizes[-1] >= least


def test_batches_read_operands_of_their_own():
    heads = LayerWorkload("scores", "MatMul", 8 * 64, 64, 32, batches=8)
    assert heads.weight_values == 8 * 64 * 32
    assert array().compute_cycles(heads) + 1 == 8 * 4 * 4 * (32 + 30)
    assert traffic(heads, "output-stationary").filter_dram_bytes == 8 * 64 * 32


@pytest.mark.parametrize(
    ("dataflow", "key", "need"),
    [
        ("output-stationary", "ofmap_buffer_kb", 64 * 64),
        ("weight-stationary", "filter_buffer_kb", 64 * 64),
        ("input-stationary", "ifmap_buffer_kb", 64 * 64),
    ],
)
def test_step_too_large_for_a_buffer_is_refused_with_how_much(dataflow, key, need):
    work = LayerWorkload("big", "MatMul", 100, 100, 100)
    with pytest.raises(ConfigError) as caught:
        traffic(work, dataflow, Buffers(1, 1, 1), 64, 64)
    told = str(caught.value)
    assert f"layer big keeps {need} bytes" in told and f"{need - 512} too few" in told
    assert key in told and f"raise {key} to 8" in caught.value.mend
    traffic(work, dataflow, Buffers(8, 8, 8), 64, 64)


class Registers:
    """A register bit that leaks 4 nW; all else costs nothing."""

    technology = NODE

    def adder(self, bits):
        return Figures(0.0, 0.0, 0.0, technology=NODE)

    accumulator = gate = multiplexer = adder

    def register(self, bits, activity=0.5):
        return Figures(1.0 * bits, 1.0 * bits, 4.0 * bits, technology=NODE)


REGISTERS = Registers()


@pytest.fixture
def costed(exact, cheap):
    """Fake multipliers of a technology whose feature size is known."""
    known = {"technology": NODE, "periphery": REGISTERS}
    return [type(one)(one.name, replace(one.cost, **known)) for one in (exact, cheap)]


def test_memory_figures_by_hand():
    process, notes = process_of(NODE, REGISTERS, "auto", 0, "t")
    scale = 180 / 45 * (1.8 / 0.9) ** 2
    assert process.sram_pj_per_byte(8) == pytest.approx(10 / 8 * scale)
    assert process.sram_pj_per_byte(32) == pytest.approx(20 / 8 * scale)
    assert process.sram_pj_per_byte(1024) == pytest.approx(100 / 8 * scale)
    assert process.sram_pj_per_byte(16) == pytest.approx((10 * 20) ** 0.5 / 8 * scale)
    assert process.sram_pj_per_byte(2) == pytest.approx(5 / 8 * scale)
    assert process.sram_um2(1) == pytest.approx(8192 * 0.346 / 0.7 * 16)
    assert process.sram_leakage_nw(1) == pytest.approx(8192 * 4 / 4)
    assert notes == ()
    assert process.provenance == (
        "published figures at 45 nm, scaled to 180 nm and 1.8 V; not synthesised"
    )
    assert process_of(NODE, REGISTERS, "auto", 90, "t")[0].feature_nm == 90


def test_unknown_feature_size_is_noted_or_refused(lenet, foreign):
    report = array().cost(lenet, {}, foreign)
    assert any("feature size of other-node is not known" in note for note in report.notes)
    with pytest.raises(ConfigError, match=r"(?s)feature size of .*memory_feature_nm"):
        array(memories="required").cost(lenet, {}, foreign)
    with pytest.raises(ConfigError, match="the supply of technology other-node"):
        array(memories="required", memory_feature_nm=90).cost(lenet, {}, foreign)


def test_bandwidth_stalls_by_hand(costed):
    layer = LayerWorkload("fc", "Gemm", 1, 160, 1000)
    report = array(dram_bytes_per_cycle=8).cost((layer,), {}, costed[0])
    compute, transfer = 10 * 1030 - 1, (1000 + 160_000 + 160) // 8
    row = report.layers[0]
    assert (row.compute_cycles, row.stall_cycles) == (compute, transfer - compute)
    assert report.total.latency_cycles == transfer
    assert report.total.stall_cycles == transfer - compute
    assert row.dram_bytes == report.total.dram_bytes == 161_160
    fast = array(dram_bytes_per_cycle=1000).cost((layer,), {}, costed[0])
    assert fast.layers[0].stall_cycles == 0
    assert fast.total.latency_cycles == compute


def test_energy_parts_add_up(network, costed):
    exact, cheap = costed
    report = array().cost(network, {"conv2": cheap}, exact)
    for row in report.layers:
        assert row.energy_uj == pytest.approx(row.energy_parts.total_uj)
        assert row.energy_parts.dram_uj == pytest.approx(row.dram_bytes * 162.5e-6)
        assert row.energy_parts.sram_uj > 0
    parts = report.total.energy_parts
    assert parts.total_uj == pytest.approx(report.total.energy_uj)
    assert parts.multiplication_uj == report.total.multiplication_energy_uj
    assert report.total.power_mw == pytest.approx(
        parts.total_uj / (report.total.latency_cycles / 200) * 1e3
    )


def test_memories_dilute_savings_and_change_no_multiplication(lenet, costed):
    exact, cheap = costed
    chosen = {work.name: cheap for work in lenet}

    def saving(target, field):
        before, after = target.cost(lenet, {}, exact).total, target.cost(lenet, chosen, exact).total
        return 1 - getattr(after, field) / getattr(before, field)

    alone, whole = array(memories="none"), array()
    assert 0 < saving(whole, "energy_uj") < saving(alone, "energy_uj")
    assert 0 < saving(whole, "area_um2") < saving(alone, "area_um2")
    same = "multiplication_energy_uj"
    assert saving(whole, same) == pytest.approx(saving(alone, same))
    total = whole.cost(lenet, {}, exact).total
    area = total.area_um2 - alone.cost(lenet, {}, exact).total.area_um2
    assert area == pytest.approx(total.memory_area_um2) and area > 0
