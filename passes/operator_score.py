"""Operator-level score: error of the accumulated sum in closed form.

For one output channel the accumulated error is the sum over the window of E[x][w], E = T - a*w.
With the distribution of the codes that each tap reads, its mean is a product of histogram and
error table, summed over the weights; products are taken as independent for the variance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hawx_onnx.components import Multiplier
from hawx_onnx.components.statistics import error_moments
from hawx_onnx.passes.integer_ops import convolves


def accumulated_error(
    histogram: np.ndarray, weights: np.ndarray, multipliers: Sequence[Multiplier]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation of the accumulated error of each output channel.

    Args:
        histogram: Counts or shares of activation codes, [input channels, taps, 256], by bit
            pattern; [input channels, 256] where all taps read the same.
        weights: Bit patterns of the weights, uint8 [output channels, input channels, taps], or
            [output channels, channels of one group, taps] for a grouped convolution, or a stack
            of such arrays, [S, ...], whose members serve equally many outputs.
        multipliers: The T candidates.

    Returns:
        mean and std, float64 [T, output channels], in units of one product.
    """
    share = histogram / np.maximum(histogram.sum(axis=-1, keepdims=True), 1e-300)
    share = share[:, None] if share.ndim == 2 else share
    filters, depth, taps = weights.shape[-3:]
    groups = max(1, len(share) // depth)
    # Row of the shares that each (output channel, depth, tap) of the weights meets.
    first = np.arange(filters) // max(1, filters // groups) * depth
    channel = (first[:, None] + np.arange(depth))[:, :, None]
    row = channel * share.shape[1] + np.arange(taps) % share.shape[1]
    place = row * share.shape[2] + weights
    share = share.reshape(-1, share.shape[2])
    means, stds = [], []
    for multiplier in multipliers:
        by_code, second = error_moments(multiplier.error_table, share)
        # Over a stack: mean of the means, mean of the variances plus variance of the means.
        sums = by_code.ravel()[place].sum(axis=(-2, -1)).reshape(-1, filters)
        variance = np.maximum(second - by_code**2, 0)
        spread = variance.ravel()[place].sum(axis=(-2, -1)).reshape(-1, filters)
        means.append(sums.mean(axis=0))
        stds.append(np.sqrt(spread.mean(axis=0) + sums.var(axis=0)))
    return np.array(means), np.array(stds)


def accumulated_error_of_activations(
    first: np.ndarray, second: np.ndarray, window: int, multipliers: Sequence[Multiplier]
) -> tuple[np.ndarray, np.ndarray]:
    """The same for a product of two activations, as in attention.

    Args:
        first: Counts of the first operand's codes, [window, 256]; pooled over the window.
        second: Counts of the second operand's codes, [output channels, 256].
        window: Products per output.
        multipliers: The T candidates.

    Returns:
        mean and std, float64 [T, output channels], in units of one product.
    """
    pooled = first.sum(axis=0) / max(first.sum(), 1)
    share = second / np.maximum(second.sum(axis=1, keepdims=True), 1)
    means, stds = [], []
    for multiplier in multipliers:
        by_code, square = error_moments(multiplier.error_table, pooled)
        mean = share @ by_code
        variance = share @ square - mean**2
        means.append(window * mean)
        stds.append(np.sqrt(window * np.maximum(variance, 0)))
    return np.array(means), np.array(stds)


def weight_patterns(kind: str, weights: np.ndarray) -> np.ndarray:
    """Weights as bit patterns in the shape that :func:`accumulated_error` takes.

    Args:
        kind: Operator, a convolution (weights [filters, depth, ...]) or a product ([..., K, N];
            leading axes become a stack).
        weights: int8 or uint8.
    """
    patterns = np.ascontiguousarray(weights).view(np.uint8)
    if convolves(kind):
        return patterns.reshape(*patterns.shape[:2], -1)
    stacked = patterns.reshape(-1, *patterns.shape[-2:])
    return np.ascontiguousarray(stacked.transpose(0, 2, 1)[..., None])
