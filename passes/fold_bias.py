"""Fold what multipliers do to the mean of each output channel into the layer's bias."""

from __future__ import annotations

import numpy as np

from hawx_onnx.passes.layer_constants import BIAS, LayerConstants
from hawx_onnx.passes.layer_outputs import LayerOutputs
from hawx_onnx.passes.layerwise import Layerwise, why_not


class FoldBias(Layerwise):
    """Chooses each channel's bias so that its mean output is that of the exact network.

    The mean is taken over outputs as the next layer sees them, behind saturation and a Relu: the
    mean of the accumulators would be dominated by sums that the Relu cuts off. It is compared with
    the exact network's own mean at that layer, so that what is left of the errors of earlier layers
    is mended too. Layers are treated in topological order, each upon the ones before it.
    """

    name = "fold-bias"

    def why_not(self, known: LayerConstants) -> str:
        """A layer needs a bias input besides."""
        return why_not(known) or ("" if known.takes_bias else "its operator has no bias input")

    def fit(self, outputs: LayerOutputs, known: LayerConstants) -> dict[int, np.ndarray]:
        """The bias."""
        return {BIAS: folded_bias(outputs)}


def folded_bias(outputs: LayerOutputs) -> np.ndarray:
    """The bias under which each channel's mean output is closest to the wanted one.

    Mean outputs grow with the bias, so that bisection finds it; of several it is the one closest to
    the present bias. A channel keeps its bias where sums would leave int32.

    Returns:
        int32 [channels].
    """
    wanted, start = outputs.wanted.mean(axis=1), outputs.bias
    scaled = outputs.steps > 0
    steps = np.where(scaled, outputs.steps, 1)
    rises = outputs.bounded(start).mean(axis=1) < wanted
    # Where all sums are within reach of a bound the mean is that bound.
    top = np.maximum(start, np.ceil(outputs.high / steps - outputs.sums.min(axis=1)))
    bottom = np.minimum(start, np.floor(outputs.low / steps - outputs.sums.max(axis=1)))
    near, far = start.copy(), np.where(rises, top, bottom)
    while (np.abs(far - near) > 1).any():
        middle = np.where(np.abs(far - near) > 1, np.floor((near + far) / 2), near)
        mean = outputs.bounded(middle).mean(axis=1)
        short = np.where(rises, mean < wanted, mean > wanted)
        near, far = np.where(short, middle, near), np.where(short, far, middle)
    misses = [np.abs(outputs.bounded(bias).mean(axis=1) - wanted) for bias in (near, far)]
    bias = np.where(misses[1] < misses[0], far, near)
    return np.where(scaled & outputs.fits_int32(bias), bias, start).astype(np.int32)
