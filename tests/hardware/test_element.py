"""What elements hold: rates of change, and the parts that their Verilog has."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.components.network_operands import network_operands
from hawx_onnx.components.synthesis.periphery import accumulation
from hawx_onnx.components.synthesis.power import popcount
from hawx_onnx.components.tables import Encoding
from hawx_onnx.hardware import element

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
