"""Gradient rules of convolutions.

The cotangent of a convolution's input is a transposed convolution with the same weights. There are
two ways to run it, one thread, onnxruntime 1.32, milliseconds for 16 samples (AVX-512, Zen 5):

| layer                         | forward | ConvTranspose | Conv, flipped weights |
|-------------------------------|---------|---------------|-----------------------|
| 16 -> 16, 3x3, 32x32          |    0.53 |          0.68 |                  0.52 |
| 64 -> 64, 3x3, 8x8            |    0.33 |          0.47 |                  0.32 |
| depthwise 96, 3x3, 28x28      |    0.69 |          2.27 |                  0.66 |
| 64 in 4 groups, 3x3, 28x28    |    1.79 |          2.21 |                  1.80 |
| 3 -> 16, 3x3, 32x32           |    0.15 |          0.16 |                  0.50 |
| 6 -> 16, 5x5, 14x14           |    0.15 |          0.14 |                  0.44 |
| 16 -> 32, 3x3, 32x32, strided |    0.22 |          0.41 |  0.61 (+ DepthToSpace)|
| 64 -> 128, 1x1, 28x28, strided|    0.34 |          0.38 |  2.02 (+ DepthToSpace)|

So strided layers, and those whose inputs do not fill a block of 16 channels, take ConvTranspose.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hawx_onnx.passes.gradient.emitter import Emitter
from hawx_onnx.passes.gradient.node import Blocked, Node, NoRule

_BLOCK = 16
_CONSTANT_ONLY = Blocked("its cotangent to weights and bias is not computed")


@dataclass(frozen=True)
class Geometry:
    """What a convolution does along its spatial axes, one entry each.

    Attributes:
        kernel: Taps.
        strides: Steps of the window.
        dilations: Distances of taps.
        begin: Zeros before the first value.
        end: Zeros behind the last.
        group: Groups of channels.
    """

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begin: tuple[int, ...]
    end: tuple[int, ...]
    group: int

    @property
    def reach(self) -> list[int]:
        """Distance from the first tap to the last."""
        return [d * (k - 1) for d, k in zip(self.dilations, self.kernel, strict=True)]


def geometry(emit: Emitter, node: Node, x: str, kernel: Sequence[int]) -> Geometry:
    """The geometry of a node that slides a window over a tensor.

    Args:
        emit: The graph to write.
        node: Convolution or pooling.
        x: The tensor of the model that the window slides over.
        kernel: Taps along each spatial axis.

    Raises:
        NoRule: The padding depends on sizes that are known at run time only.
    """
    count = len(kernel)
    strides = node.ints("strides", [1] * count)
    dilations = node.ints("dilations", [1] * count)
    auto = node.attributes.get("auto_pad", "NOTSET")
    pads = node.ints("pads", [0] * (2 * count))
    if auto == "VALID":
        pads = [0] * (2 * count)
    elif auto in ("SAME_UPPER", "SAME_LOWER"):
        # Without strides the padding is the same for all sizes.
        sizes = [0] * count if set(strides) == {1} else emit.source.sizes(x, 2)
        pads = _same_pads(sizes, kernel, strides, dilations, upper=auto == "SAME_UPPER")
    return Geometry(
        tuple(kernel),
        tuple(strides),
        tuple(dilations),
        tuple(pads[:count]),
        tuple(pads[count:]),
        int(node.attributes.get("group", 1)),
    )


def _same_pads(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    *,
    upper: bool,
) -> list[int]:
    begin, end = [], []
    for n, k, s, d in zip(sizes, kernel, strides, dilations, strict=True):
        total = max((math.ceil(n / s) - 1) * s + d * (k - 1) + 1 - n, 0)
        if not n:
            total = d * (k - 1)
        small, large = total // 2, total - total // 2
        begin.append(small if upper else large)
        end.append(large if upper else small)
    return begin + end


def conv(emit: Emitter, node: Node, cotangents: list[str | None]) -> list[str | Blocked | None]:
    """Conv."""
    x, w = node.inputs[:2]
    parts: list[str | Blocked | None] = [None, _CONSTANT_ONLY, _CONSTANT_ONLY]
    if node.needs(0):
        weights = emit.source.constant(w)
        parts[0] = transposed(emit, node, str(cotangents[0]), x, weights, w)
    return parts


def transposed(
    emit: Emitter, node: Node, cotangent: str, x: str, weights: np.ndarray | None, w: str = ""
) -> str:
    """The cotangent of a convolution's input.

    Args:
        emit: The graph to write.
        node: Its attributes are those of Conv.
        cotangent: Of the convolution's output.
        x: The input, a tensor of the model.
        weights: Real values [filters, channels of a group, ...]; None: ``w`` is read at run time.
        w: The weights' tensor in the model.
    """
    shape = emit.source.sizes(w) if weights is None else list(weights.shape)
    if weights is None and node.op != "Conv":
        raise NoRule("its weights are computed at run time")
    g = geometry(emit, node, x, shape[2:])
    if weights is not None and _flips(g, channels=shape[1]):
        return _flipped(emit, cotangent, weights, g)
    named = emit.real(w) if weights is None else emit.constant(weights.astype(np.float32))
    return spread(emit, cotangent, named, g, x)


def spread(emit: Emitter, cotangent: str, weights: str, g: Geometry, x: str) -> str:
    """ConvTranspose that gives exactly the spatial sizes of a tensor of the model.

    Positions behind the last window, which no product reads, get zero.
    """
    shape = emit.source.shape(x)
    sizes = (None,) * len(g.kernel) if shape is None else shape[2:]
    attributes = {
        "strides": list(g.strides),
        "dilations": list(g.dilations),
        "group": g.group,
        "kernel_shape": list(g.kernel),
    }
    if all(isinstance(size, int) for size in sizes):
        padded = [int(n or 0) + b + e for n, b, e in zip(sizes, g.begin, g.end, strict=True)]
        rest = [(n - r - 1) % s for n, r, s in zip(padded, g.reach, g.strides, strict=True)]
        # The padding at the end may be wider than what the windows read of it.
        end = [e - r for e, r in zip(g.end, rest, strict=True)]
        short = [max(-e, 0) for e in end]
        attributes["pads"] = [*g.begin, *(max(e, 0) for e in end)]
        if any(short):
            attributes["output_padding"] = short
        return emit.op("ConvTranspose", cotangent, weights, **attributes)
    if set(g.strides) == {1}:
        attributes["pads"] = [*g.begin, *g.end]
        return emit.op("ConvTranspose", cotangent, weights, **attributes)
    full = emit.op("ConvTranspose", cotangent, weights, **attributes)
    before = emit.constant(np.array([-b for b in g.begin], np.int64))
    surplus = emit.op("Sub", emit.spatial_sizes(x), emit.op("Shape", full, start=2))
    after = emit.op("Sub", surplus, before)
    pads = emit.op("Concat", before, after, axis=0)
    axes = emit.constant(np.arange(2, 2 + len(g.kernel)))
    return emit.op("Pad", full, pads, "", axes)


def _flips(g: Geometry, channels: int) -> bool:
    """Whether a plain convolution with flipped weights is the faster way."""
    if set(g.strides) != {1} or any(
        r < max(b, e) for r, b, e in zip(g.reach, g.begin, g.end, strict=True)
    ):
        return False
    depthwise = channels == 1 and g.group % _BLOCK == 0
    return depthwise or channels % _BLOCK == 0


def _flipped(emit: Emitter, cotangent: str, weights: np.ndarray, g: Geometry) -> str:
    filters, channels, *kernel = weights.shape
    grouped = weights.reshape(g.group, filters // g.group, channels, *kernel).swapaxes(1, 2)
    turned = np.flip(grouped, tuple(range(3, grouped.ndim)))
    turned = turned.reshape(g.group * channels, filters // g.group, *kernel)
    pads = [r - p for r, p in zip(g.reach * 2, (*g.begin, *g.end), strict=True)]
    return emit.op(
        "Conv",
        cotangent,
        emit.constant(np.ascontiguousarray(turned, np.float32)),
        group=g.group,
        dilations=list(g.dilations),
        kernel_shape=kernel,
        pads=pads,
    )


def conv_transpose(
    emit: Emitter, node: Node, cotangents: list[str | None]
) -> list[str | Blocked | None]:
    """ConvTranspose: a convolution with the same weights."""
    _x, w = node.inputs[:2]
    parts: list[str | Blocked | None] = [None, _CONSTANT_ONLY, _CONSTANT_ONLY]
    if not node.needs(0):
        return parts
    kernel = emit.source.sizes(w)[2:]
    count = len(kernel)
    strides, dilations = node.ints("strides", [1] * count), node.ints("dilations", [1] * count)
    pads = _pads_of_transposed(emit, node, kernel, strides, dilations)
    cotangent = str(cotangents[0])
    if min(pads) < 0:  # output_padding and output_shape may add what no product writes
        cut = [min(p, 0) for p in pads]
        both = [0, 0, *cut[:count], 0, 0, *cut[count:]]
        cotangent = emit.op("Pad", cotangent, emit.constant(np.array(both, np.int64)))
    parts[0] = emit.op(
        "Conv",
        cotangent,
        emit.real(w),
        strides=strides,
        dilations=dilations,
        kernel_shape=kernel,
        group=int(node.attributes.get("group", 1)),
        pads=[max(p, 0) for p in pads],
    )
    return parts


def _pads_of_transposed(
    emit: Emitter,
    node: Node,
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> list[int]:
    """What ConvTranspose cut off at both ends, which is what the convolution pads.

    At the end it is computed from the sizes, as output_shape, auto_pad and output_padding all
    change it. Negative numbers are values that no product wrote.
    """
    count = len(kernel)
    auto = node.attributes.get("auto_pad", "NOTSET")
    given = node.ints("output_shape", [])
    if auto == "NOTSET" and not given:
        pads = node.ints("pads", [0] * (2 * count))
        extra = node.ints("output_padding", [0] * count)
        return [*pads[:count], *(p - e for p, e in zip(pads[count:], extra, strict=True))]
    begin, end = [], []
    extra = node.ints("output_padding", [0] * count)
    inputs = emit.source.sizes(node.inputs[0], 2)
    outputs = emit.source.sizes(node.outputs[0], 2)
    for n, m, k, s, d, more in zip(inputs, outputs, kernel, strides, dilations, extra, strict=True):
        total = s * (n - 1) + more + d * (k - 1) + 1 - m
        cut = 0 if auto == "VALID" else max(total, 0)
        first = cut // 2 if auto == "SAME_UPPER" else cut - cut // 2
        begin.append(first)
        end.append(total - first - more)
    return begin + end
