"""Error fields of channels, and their projections on directions of the outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MOST_UNIT_DIRECTIONS = 16
"""Outputs up to which each has a direction of its own; more are projected at random."""

RANDOM_DIRECTIONS = 8
SEED = 0


@dataclass(frozen=True)
class Layer:
    """How a candidate's output is read.

    Attributes:
        name: The candidate.
        output: The tensor of its output codes.
        reads: The tensors that it reads and that are no constants.
        scale: What one code is worth.
        channel_axis: 1 for convolutions, the last one for products.
    """

    name: str
    output: str
    reads: tuple[str, ...]
    scale: float
    channel_axis: int

    def by_channel(self, value: np.ndarray, samples: int) -> np.ndarray:
        """Any array in the output's shape as [samples, C, positions].

        A first axis of several rows for each sample holds those of one sample side by side.
        """
        channels = value.shape[self.channel_axis]
        moved = np.moveaxis(value, self.channel_axis, 1)
        if len(moved) == samples:
            return np.asarray(moved.reshape(samples, channels, -1))
        parts = moved.reshape(samples, -1, channels, *moved.shape[2:])
        return np.asarray(parts.swapaxes(1, 2).reshape(samples, channels, -1))


def error_field(
    layer: Layer, exact: np.ndarray, moved: Sequence[np.ndarray], samples: int
) -> np.ndarray:
    """Changes of a layer's output, in codes: float32 [B, C, T, P].

    Args:
        layer: The layer.
        exact: Its exact output codes.
        moved: Its output codes under each multiplier (T).
        samples: B.
    """
    before = layer.by_channel(exact, samples).astype(np.float32)
    fields = np.empty((*before.shape[:2], len(moved), before.shape[2]), np.float32)
    for index, codes in enumerate(moved):
        np.subtract(layer.by_channel(codes, samples), before, out=fields[:, :, index])
    return fields


def project(fields: np.ndarray, slopes: np.ndarray, scale: float) -> np.ndarray:
    """Effects of a layer's channels on the directions, to first order.

    Args:
        fields: Changes of the layer's output codes, [B, C, T, P].
        slopes: Derivatives by its real values, [B, C, directions, P].
        scale: What one code is worth.

    Returns:
        float32 [B, C, T, directions].
    """
    return np.asarray(np.matmul(fields, slopes.swapaxes(-1, -2)) * np.float32(scale))


def output_directions(outputs: int) -> tuple[np.ndarray, float]:
    """Directions v whose weighted squared projections sum up to the mean square of the outputs.

    Args:
        outputs: Number of output values.

    Returns:
        float32 [directions, outputs], and the weight of each square. Up to
        ``MOST_UNIT_DIRECTIONS`` outputs get unit vectors, which is exact; more get random signs,
        whose squared projections have the squared length as expectation (Hutchinson 1989).
    """
    if outputs <= MOST_UNIT_DIRECTIONS:
        return np.eye(outputs, dtype=np.float32), 1 / outputs
    signs = np.random.default_rng(SEED).integers(0, 2, (RANDOM_DIRECTIONS, outputs))
    return np.asarray(2 * signs - 1, np.float32), 1 / (outputs * RANDOM_DIRECTIONS)


def margin_direction(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The gradient of the margin of the true class over the best other one: float32 [B, values].

    Args:
        outputs: Class scores, [B, values]; rows beyond the labels are filler and get zeros.
        labels: True classes.
    """
    rows = np.arange(len(labels))
    others = outputs[: len(labels)].copy()
    others[rows, labels] = -np.inf
    direction = np.zeros(outputs.shape, np.float32)
    direction[rows, others.argmax(axis=1)] = -1
    direction[rows, labels] = 1
    return direction
