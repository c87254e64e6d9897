"""Taps of convolutions: what each reads, against padded arrays cut out by hand."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from onnx import helper

from hawx_onnx.passes.code_counts import TapCounter, classed_histogram, histogram
from hawx_onnx.passes.taps import taps_of

GEOMETRIES = [
    ((7,), (3,), {}),
    ((9,), (3,), {"strides": [2], "pads": [1, 1]}),
    ((6, 8), (3, 3), {"pads": [1, 1, 1, 1]}),
    ((6, 8), (3, 2), {"pads": [2, 0, 1, 3], "strides": [2, 3]}),
    ((8, 8), (5, 5), {"pads": [2, 2, 2, 2], "dilations": [2, 1]}),
    ((7, 7), (1, 1), {"strides": [2, 2]}),
    ((5, 5), (5, 5), {}),
    ((7, 6), (3, 3), {"auto_pad": "SAME_UPPER", "strides": [2, 2]}),
    ((7, 6), (4, 4), {"auto_pad": "SAME_LOWER"}),
    ((4, 5, 6), (3, 1, 2), {"pads": [1, 0, 1, 1, 0, 0]}),
    ((2, 2), (3, 3), {"pads": [3, 3, 3, 3]}),
]


def read_by_hand(x, kernel, attributes, fill):
    """Codes that each tap reads: [channels, taps, samples * outputs]."""
    rank = len(kernel)
    strides = attributes.get("strides", [1] * rank)
    dilations = attributes.get("dilations", [1] * rank)
    heads, tails = [0] * rank, [0] * rank
    if "pads" in attributes:
        heads, tails = attributes["pads"][:rank], attributes["pads"][rank:]
    if "auto_pad" in attributes:
        spans = zip(x.shape[2:], kernel, strides, dilations, strict=True)
        totals = [max(0, (-(-n // s) - 1) * s + d * (k - 1) + 1 - n) for n, k, s, d in spans]
        less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
        upper = attributes["auto_pad"] == "SAME_UPPER"
        heads, tails = (less, more) if upper else (more, less)
    padded = np.pad(
        x, ((0, 0), (0, 0), *zip(heads, tails, strict=True)), constant_values=np.int8(fill)
    )
    axes = list(zip(padded.shape[2:], kernel, strides, dilations, strict=True))
    outputs = [(n - d * (k - 1) - 1) // s + 1 for n, k, s, d in axes]
    found = []
    for tap in itertools.product(*map(range, kernel)):
        at = [
            np.arange(out) * s + t * d
            for out, t, (_, _, s, d) in zip(outputs, tap, axes, strict=True)
        ]
        part = padded[(slice(None), slice(None), *np.ix_(*at))]
        found.append(np.moveaxis(part, 1, 0).reshape(x.shape[1], -1))
    return np.stack(found, axis=1)


@pytest.mark.parametrize(("sizes", "kernel", "attributes"), GEOMETRIES)
def test_shares_are_what_each_tap_reads(sizes, kernel, attributes):
    x = np.random.default_rng(0).integers(-5, 120, (3, 2, *sizes)).astype(np.int8)
    node = helper.make_node("QLinearConv", [], [], **attributes)
    counter = TapCounter(taps_of(node, sizes, kernel), 2, len(x), -3 & 0xFF)
    counter.add(x[:2])
    counter.add(x[2:])
    counts = counter.result()
    read = read_by_hand(x, kernel, attributes, -3)
    expected = np.array(
        [[np.bincount(tap.view(np.uint8), minlength=256) for tap in channel] for channel in read]
    )
    np.testing.assert_allclose(counts.shares(), expected / read.shape[2], atol=1e-15)
    np.testing.assert_array_equal(counts.histogram(), histogram(x, 1))


def test_few_classes_inside_and_along_borders():
    plain = helper.make_node("QLinearConv", [], [], pads=[1, 1, 1, 1])
    assert taps_of(plain, (32, 32), (3, 3)).class_count == 9
    pointwise = helper.make_node("QLinearConv", [], [])
    assert taps_of(pointwise, (32, 32), (1, 1)).class_count == 1


def test_many_counts_are_pooled_and_padding_is_still_counted():
    """Beyond the limit all taps share one histogram, each with its own share of padding."""
    node = helper.make_node("QLinearConv", [], [], pads=[3, 3, 3, 3])
    taps = taps_of(node, (8, 8), (7, 7))
    x = np.random.default_rng(1).integers(1, 100, (2, 2000, 8, 8)).astype(np.int8)
    counter = TapCounter(taps, 2000, 2)
    counter.add(x)
    counts = counter.result()
    assert counts.counts.shape == (2000, 1, 256)
    shares = counts.shares()
    np.testing.assert_allclose(shares.sum(axis=2), 1)
    np.testing.assert_allclose(shares[:, :, 0], np.broadcast_to(taps.padded / 64, (2000, 49)))
    pooled = histogram(x, 1)[7] / (2 * 64)
    np.testing.assert_allclose(shares[7, 24], pooled, atol=1e-15)  # the middle meets no padding


def test_classes_are_counted_apart():
    codes = np.array([[[1, 2], [1, 1]], [[1, 1], [-1, 1]]], np.int8)  # [samples, channels, 2]
    counts = classed_histogram(codes, np.array([0, 1]), 2)
    assert counts[0, 0, 1] == 2
    assert (counts[0, 1, 2], counts[0, 1, 1]) == (1, 1)
    assert (counts[1, 0, 1], counts[1, 0, 255]) == (1, 1)
    assert counts.sum() == 8
