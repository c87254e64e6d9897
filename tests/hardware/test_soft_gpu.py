"""Soft GPUs: cycles and traffic by hand."""

from __future__ import annotations

import pytest

from hawx_onnx.hardware import LayerWorkload, SoftGpuTarget


def gpu(**keys):
    return SoftGpuTarget(**{"name": "g", "frequency_mhz": 200.0, "compute_units": 4, **keys})


def test_cycles_by_hand():
    # 100 x 16 results are 25 wavefronts, 7 rounds on 4 units; a wavefront takes 8 cycles per
    # instruction, 150 products take 6 each.
    work = LayerWorkload("conv", "Conv", 100, 16, 150)
    assert gpu().compute_cycles(work) == 7 * 8 * 150 * 6
    assert gpu(compute_units=1, instructions_per_mac=2.5).compute_cycles(work) == 25 * 8 * 375
    assert gpu().compute_cycles(LayerWorkload("one", "Gemm", 1, 1, 10)) == 8 * 10 * 6


def test_every_mac_has_its_slot(network, exact):
    report = gpu().cost(network, {}, exact)
    for row, work in zip(report.layers, network, strict=True):
        assert 0 < row.utilization <= 1 / 6
        assert row.compute_cycles * 32 >= 6 * work.macs
    whole = LayerWorkload("whole", "MatMul", 64, 64, 10)
    assert gpu().cost((whole,), {}, exact).layers[0].utilization == pytest.approx(1 / 6)


def test_traffic_by_hand():
    fits = LayerWorkload("fits", "MatMul", 100, 50, 100)
    moved = gpu(cache_kb=16).traffic(fits, (1, 1))
    assert (moved.ifmap_dram_bytes, moved.filter_dram_bytes) == (10_000, 5_000)
    assert moved.ifmap_sram_bytes == fits.macs + 10_000
    assert moved.ofmap_dram_bytes == 5_000
    # Halves of 2,048 bytes: the inputs pass twice for 3,000 bytes of weights, which is less than
    # the weights five times.
    narrow = LayerWorkload("narrow", "MatMul", 100, 30, 100)
    moved = gpu(cache_kb=4).traffic(narrow, (1, 1))
    assert (moved.ifmap_dram_bytes, moved.filter_dram_bytes) == (2 * 10_000, 3_000)
    wide = LayerWorkload("wide", "MatMul", 30, 100, 100)
    moved = gpu(cache_kb=4).traffic(wide, (1, 1))
    assert (moved.ifmap_dram_bytes, moved.filter_dram_bytes) == (3_000, 2 * 10_000)


def test_types_in_use_lie_in_every_element(lenet, exact, cheap):
    report = gpu(memories="none", periphery="none").cost(lenet, {"conv2": cheap}, exact)
    assert report.total.area_um2 == pytest.approx(32 * (400 + 250))
    assert any("instructions" in note for note in report.notes)
