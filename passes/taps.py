"""Which positions of its input each tap of a convolution reads, and where it reads padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import onnx

from hawx_onnx.runtime.reference import paddings


@dataclass(frozen=True, eq=False)
class Taps:
    """Input positions in classes: positions of one class are read by the same taps.

    A histogram for each class gives that of each tap by a sum. There are few classes, one inside
    and a few along each border, since a stride gives one more for each of its phases.

    Attributes:
        classes: int64 [positions], the class of each input position, flattened.
        reads: bool [taps, classes].
        padded: int64 [taps], output positions at which the tap reads padding.
        outputs: Output positions.
    """

    classes: np.ndarray
    reads: np.ndarray
    padded: np.ndarray
    outputs: int

    @property
    def class_count(self) -> int:
        """Number of classes."""
        return int(self.reads.shape[1])

    def pooled(self) -> Taps:
        """One class for all positions: every tap is taken to read the same codes."""
        return Taps(
            np.zeros_like(self.classes),
            np.ones((len(self.reads), 1), bool),
            self.padded,
            self.outputs,
        )


def taps_of(node: onnx.NodeProto, sizes: Sequence[int], kernel: Sequence[int]) -> Taps:
    """The taps of a convolution.

    Args:
        node: A node with the attributes of ONNX QLinearConv.
        sizes: Extents of the input's spatial axes.
        kernel: Extents of the kernel.
    """
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    rank = len(kernel)
    strides = tuple(attributes.get("strides", (1,) * rank))
    dilations = tuple(attributes.get("dilations", (1,) * rank))
    heads, tails = paddings(
        tuple(sizes),
        tuple(kernel),
        strides,
        dilations,
        tuple(attributes.get("pads", ())),
        attributes.get("auto_pad", b"NOTSET").decode(),
    )
    axes = [
        _axis(*axis) for axis in zip(sizes, kernel, strides, dilations, heads, tails, strict=True)
    ]
    classes = reduce(lambda grid, axis: grid[..., None] * axis.count + axis.classes, axes, _ONE)
    outputs = int(np.prod([axis.outputs for axis in axes]))
    real = reduce(np.multiply.outer, [axis.real for axis in axes]).ravel()
    reads = reduce(np.kron, [axis.reads for axis in axes])
    return Taps(classes.ravel(), reads.astype(bool), outputs - real, outputs)


_ONE = np.zeros((), np.int64)


@dataclass(frozen=True, eq=False)
class _Axis:
    """One spatial axis: classes [size], reads [kernel, count], real reads of each tap [kernel]."""

    classes: np.ndarray
    reads: np.ndarray
    real: np.ndarray
    outputs: int

    @property
    def count(self) -> int:
        return int(self.reads.shape[1])


def _axis(size: int, kernel: int, stride: int, dilation: int, head: int, tail: int) -> _Axis:
    outputs = (size + head + tail - dilation * (kernel - 1) - 1) // stride + 1
    position = np.arange(outputs) * stride + np.arange(kernel)[:, None] * dilation - head
    inside = (position >= 0) & (position < size)
    read = np.zeros((kernel, size), np.uint8)
    for tap in range(kernel):
        read[tap, position[tap, inside[tap]]] = 1
    reads, classes = np.unique(read, axis=1, return_inverse=True)
    return _Axis(classes.reshape(-1).astype(np.int64), reads, inside.sum(axis=1), outputs)
