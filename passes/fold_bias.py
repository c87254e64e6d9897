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
    wanted, start = outputs.wanted_mean, outputs.bias
    scaled = outputs.steps > 0
    means = _Means(outputs, np.where(scaled, outputs.steps, 1))
    rises = means(start) < wanted
    near, far = start.copy(), np.where(rises, means.top(start), means.bottom(start))
    while (np.abs(far - near) > 1).any():
        middle = np.where(np.abs(far - near) > 1, np.floor((near + far) / 2), near)
        mean = means(middle)
        short = np.where(rises, mean < wanted, mean > wanted)
        near, far = np.where(short, middle, near), np.where(short, far, middle)
    bias = np.where(np.abs(means(far) - wanted) < np.abs(means(near) - wanted), far, near)
    return np.where(scaled & outputs.fits_int32(bias), bias, start).astype(np.int32)


class _Means:
    """Mean bounded outputs under any bias, from sums that are sorted once.

    Sorted sums fall into those under the lower bound, those over the upper one, and those between,
    whose total is a difference of running totals: a bias is looked up, not tried on every sum.

    Args:
        outputs: Sums and bounds.
        steps: Codes for one unit of the accumulator, above 0, [channels].
    """

    def __init__(self, outputs: LayerOutputs, steps: np.ndarray) -> None:
        ordered = np.sort(outputs.sums, axis=1).astype(np.int64)
        self._channels, self._count = np.arange(len(ordered)), ordered.shape[1]
        self._ends = ordered[:, 0], ordered[:, -1]
        self._totals = np.zeros((len(ordered), self._count + 1), np.int64)
        np.cumsum(ordered, axis=1, out=self._totals[:, 1:])
        # One ascending row for all channels: sums take 33 bits at most.
        self._offsets = self._channels << 35
        self._row = (ordered + self._offsets[:, None]).reshape(-1)
        self._low, self._high, self._steps = outputs.low, outputs.high, steps

    def __call__(self, bias: np.ndarray) -> np.ndarray:
        """Mean outputs, codes from zero: float64 [channels]."""
        under = self._below(self._low / self._steps - bias)
        upto = self._below(self._high / self._steps - bias)
        totals = self._totals[self._channels, upto] - self._totals[self._channels, under]
        between = self._steps * (totals + (upto - under) * bias)
        beyond = under * self._low + (self._count - upto) * self._high
        return np.asarray((between + beyond) / self._count)

    def top(self, start: np.ndarray) -> np.ndarray:
        """A bias at which all sums are at the upper bound, at least the present one."""
        return np.asarray(np.maximum(start, np.ceil(self._high / self._steps - self._ends[0])))

    def bottom(self, start: np.ndarray) -> np.ndarray:
        """A bias at which all sums are at the lower bound, at most the present one."""
        return np.asarray(np.minimum(start, np.floor(self._low / self._steps - self._ends[1])))

    def _below(self, limit: np.ndarray) -> np.ndarray:
        """How many sums of each channel lie below a limit."""
        limit = np.clip(np.ceil(limit), -(2.0**33), 2.0**33).astype(np.int64)
        found = np.searchsorted(self._row, self._offsets + limit)
        return np.asarray(found - self._channels * self._count)
