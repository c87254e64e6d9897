"""Look-up tables, flip-flops and block RAMs of accelerators, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.hardware.fpga import Fabric, MemoryShape, fpga_area, lut6_of, tree_bits


def test_adder_tree_by_hand():
    # 6 products of 16 bits: 3 adders of 17, 1 of 18 (2 of 3 sums are left), 1 of 19.
    assert tree_bits(6) == 3 * 17 + 18 + 19
    assert tree_bits(1) == 0


@pytest.mark.parametrize(
    ("shape", "luts", "blocks"),
    [
        (MemoryShape(0, 4), 0, 0),
        (MemoryShape(64, 1), 8, 0),
        (MemoryShape(65, 1), 0, 1),
        (MemoryShape(2048, 4), 0, 1),
        (MemoryShape(2049, 4), 0, 2),
        (MemoryShape(65 * 9, 9, 3), 0, 6),
        (MemoryShape(40, 2, 5), 5 * 16, 0),
    ],
)
def test_memories_by_hand(shape, luts, blocks):
    area, _ = fpga_area(Fabric(7, 11, (shape,)), {}, {})
    assert (area.area_lut6, area.flip_flops, area.block_ram18) == (7 + luts, 11, blocks)


def test_array_by_hand():
    exact, cheap = components.load("mul8s_exact"), components.load("mul8s_trunc2")
    layers = (LayerWorkload("a", "Gemm", 1, 10, 84), LayerWorkload("b", "Gemm", 1, 10, 84))
    target = load_target("temporal-systolic-16x16-fpga")
    report = target.cost(layers, {"a": cheap}, exact)
    counts = [lut6_of(one.name, one.cost) for one in (exact, cheap)]
    assert counts[0] > counts[1] > 0
    assert report.fpga.area_lut6 == 256 * (sum(counts) + 32)
    assert report.fpga.flip_flops == 256 * (8 + 8 + 16 + 32 + 1)
    assert report.fpga.block_ram18 == 3 * 32
    assert any("only their ratios" in note for note in report.notes)
    assert load_target("temporal").cost(layers, {"a": cheap}, exact).fpga is None


def test_engine_by_hand():
    exact = components.load("mul8s_exact")
    layer = LayerWorkload("fc", "Gemm", 1, 4, 6)
    target = load_target("spatial-dataflow-fpga").override(target_cycles=4)
    area = target.cost((layer,), {}, exact).fpga
    # One element of 6 lanes: 4 words of weights of 6 bytes, and a window of 6 bytes, in LUT6s.
    memory = 2 * 6 * 8
    assert area.area_lut6 == 6 * lut6_of("mul8s_exact", exact.cost) + 3 * 17 + 37 + 32 + memory
    assert area.flip_flops == 6 * (8 + 16) + 32 + 6 * 8
    assert area.block_ram18 == 0


def test_unknown_look_up_tables_are_told(lenet, exact):
    report = load_target("temporal-systolic-16x16-fpga").cost(lenet, {}, exact)
    assert report.fpga.area_lut6 is None
    assert any("no LUT6 count of exact" in note for note in report.notes)


def test_another_circuit_of_a_built_in_name_is_not_taken_for_it():
    cost = components.load("mul8s_exact").cost
    other = components.load("mul8s_trunc2").cost
    assert lut6_of("mul8s_exact", cost) is not None
    assert lut6_of("mul8s_exact", other) is None


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("temporal-systolic-16x16-fpga", {}),
        ("temporal-systolic-16x16-fpga", {"heterogeneity": "partitioned"}),
        ("temporal-softgpu-fpga", {}),
        ("spatial-dataflow-fpga", {}),
    ],
)
def test_many_designs_have_the_look_up_tables_of_each(name, keys):
    candidates = [components.load(f"mul8s_{one}") for one in ("exact", "trunc2", "trunc3")]
    layers = (LayerWorkload("a", "Conv", 64, 24, 72), LayerWorkload("b", "Gemm", 1, 10, 640))
    target = load_target(name).override(**keys)
    by_layer = [(first, second) for first in range(3) for second in range(3)]
    counts = np.zeros((len(by_layer) + 1, 2, 3), np.int64)
    for row, choice in enumerate(by_layer):
        for layer, pick in enumerate(choice):
            counts[row, layer, pick] = layers[layer].filters
    counts[-1] = [[7, 8, 9], [1, 0, 9]]
    designs = [
        {
            work.name: [one for one, n in zip(candidates, row, strict=True) for _ in range(n)]
            for work, row in zip(layers, design, strict=True)
        }
        for design in counts
    ]
    single = [target.cost(layers, one, candidates[0]).total.area_lut6 for one in designs]
    assert len(set(single)) > 3
    many = target.cost_many(layers, candidates, counts).area_lut6
    np.testing.assert_array_equal(many, single)
    terms = target.cost_terms(layers, candidates, "luts")
    np.testing.assert_allclose(terms.evaluate(by_layer), single[:-1])


def test_look_up_tables_as_a_cost_need_an_fpga_and_known_circuits(lenet, exact):
    known = components.load("mul8s_exact")
    with pytest.raises(ConfigError, match="an ASIC has no look-up tables"):
        load_target("spatial").cost_terms(lenet, [known], "luts")
    with pytest.raises(ConfigError, match="no LUT6 count of exact"):
        load_target("spatial-dataflow-fpga").cost_terms(lenet, [exact], "luts")
    asic = load_target("spatial").cost(lenet, {}, known).total
    assert asic.area_lut6 is None
    with pytest.raises(ConfigError, match="FPGA"):
        asic.value("luts")
