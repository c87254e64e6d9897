"""What elements hold: rates of change, and the parts that their Verilog has."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.adder_power import adder_energies, flips, stimulus, typical_changes
from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.synthesis.periphery import accumulation
from hawx_onnx.components.synthesis.power import popcount
from hawx_onnx.components.tables import Encoding
from hawx_onnx.hardware import LayerWorkload, SpatialTarget, TemporalTarget, element

WORDS = 40_960


def changing(words: np.ndarray) -> float:
    """Mean share of the bits that change from word to word."""
    return float(np.unpackbits(words[1:] ^ words[:-1]).mean())


def test_activities_are_those_of_typical_codes() -> None:
    share = network_operands(Encoding.SIGNED).weight
    drawn = np.random.default_rng(1).choice(256, (2, WORDS + 1), p=share).astype(np.uint8)
    activations = np.maximum(drawn[0].view(np.int8), 0).view(np.uint8)
    assert changing(activations) == pytest.approx(element.ACTIVATION_ACTIVITY, abs=0.01)
    assert changing(drawn[1]) == pytest.approx(element.WEIGHT_ACTIVITY, abs=0.01)
    summed = accumulation(32, WORDS, seed=1)
    changes = popcount(summed.before ^ summed.after).sum(axis=1) / WORDS
    assert changes[:32].mean() == pytest.approx(element.SUM_ACTIVITY, abs=0.01)
    assert changes[32:48].mean() == pytest.approx(element.PRODUCT_ACTIVITY, abs=0.01)


def passing(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Sums and products of elements whose weight stays: [2, operations] each."""
    rng = np.random.default_rng(seed)
    share = network_operands(Encoding.SIGNED).weight
    weights = rng.choice(256, (256, 128), p=share).astype(np.uint8).view(np.int8).astype(np.int64)
    drawn = rng.choice(256, (2, 256, 128), p=share).astype(np.uint8).view(np.int8)
    products = np.maximum(drawn.astype(np.int64), 0) * weights
    sums = np.cumsum(products, axis=2) - products
    return sums.reshape(2, -1), products.reshape(2, -1)


def test_activities_of_what_passes() -> None:
    sums, products = passing(3)
    assert flips(products, 16) / 16 == pytest.approx(element.PASSING_PRODUCT_ACTIVITY, abs=0.01)
    assert flips(sums + products, 32) / 32 == pytest.approx(element.PASSING_SUM_ACTIVITY, abs=0.02)
    (found,) = adder_energies([stimulus((sums, products), (32, 32))], 32, 1.0)
    assert found / typical_changes() == pytest.approx(element.PASSING_ADDER, abs=0.03)


def numbers(words: np.ndarray) -> np.ndarray:
    """Signed values of words of 32 bits, the lowest bit first."""
    bits = np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(np.int64)
    value = (1 << np.arange(32)) @ bits
    return value - (value >> 31 << 32)


def test_accumulated_words_are_sums_of_products() -> None:
    found = accumulation(32, 256)
    before, after = ((numbers(words[:32]), numbers(words[32:])) for words in vars(found).values())
    expected = before[0] + before[1]
    # A sum starts anew after 128 products.
    starts = np.arange(256) % 128 == 127
    np.testing.assert_array_equal(after[0], np.where(starts, 0, expected))
    assert (before[1] == 0).mean() > 0.4


WORKS = (
    LayerWorkload("conv1", "Conv", 64, 8, 27),
    LayerWorkload("conv2", "Conv", 16, 16, 72),
    LayerWorkload("fc", "Gemm", 1, 10, 64),
)
NAMES = ("exact", "trunc1", "trunc2")
TARGETS = {
    "multi-mode": TemporalTarget(name="t", frequency_mhz=200.0, rows=8, cols=8),
    "partitioned": TemporalTarget(
        name="t", frequency_mhz=200.0, rows=8, cols=8, heterogeneity="partitioned"
    ),
    "engines": SpatialTarget(name="s", frequency_mhz=200.0, target_cycles=1000),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_own_energies_and_spared_bits_cost_the_same_in_all_ways(kind: str) -> None:
    target, rng = TARGETS[kind], np.random.default_rng(7)
    chosen = [components.load(f"mul8s_{name}") for name in NAMES]
    works = tuple(
        replace(
            work,
            energies_fj=tuple((m.name, float(rng.integers(1e4, 4e4))) for m in chosen),
            around_fj=tuple((m.name, float(rng.integers(1e4, 4e4))) for m in chosen),
        )
        for work in WORKS
    )
    for _ in range(5):
        picks = rng.integers(0, 3, 3)
        alone = target.cost(
            works, {w.name: chosen[i] for w, i in zip(works, picks, strict=True)}, chosen[0]
        ).total
        counts = [
            [w.filters if i == m else 0 for m in range(3)]
            for w, i in zip(works, picks, strict=True)
        ]
        many = target.cost_many(works, chosen, [counts])
        for figure, objective in (("energy_uj", "energy"), ("area_um2", "area")):
            value = getattr(alone, figure)
            assert getattr(many, figure)[0] == pytest.approx(value, rel=1e-12)
            terms = target.cost_terms(works, chosen, objective)
            assert terms.evaluate(picks[None])[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("kind", TARGETS)
def test_own_energies_count_product_by_product(kind: str) -> None:
    target, exact = TARGETS[kind], components.load("mul8s_exact")
    found = []
    for fj in (1000.0, 3000.0):
        work = replace(WORKS[0], around_fj=(("mul8s_exact", fj),))
        found.append(target.cost((work,), {}, exact).total.energy_parts.periphery_uj)
    assert found[1] - found[0] == pytest.approx(WORKS[0].macs * 2000.0 * 1e-9)
