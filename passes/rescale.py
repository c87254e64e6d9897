"""Give each output channel a scale of its own that undoes errors proportional to the product."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hawx_onnx.passes.layer_constants import BIAS, LayerConstants
from hawx_onnx.passes.layer_outputs import LayerOutputs
from hawx_onnx.passes.layerwise import Layerwise

# Slopes beyond these are no multiplier's error but a channel that hardly varies.
LEAST, MOST = 0.25, 4.0
_ROUNDS = 6


class Rescale(Layerwise):
    """Fits a line to each channel: outputs wanted over accumulators now, by least squares.

    The slope goes into the channel's weight scale and the intercept into its bias, where the
    operator has one; else the line goes through the origin. Squares are those of outputs as the
    next layer sees them, behind saturation and a Relu. Layers are treated in topological order,
    each upon the ones before it.
    """

    name = "rescale"

    def fit(self, outputs: LayerOutputs, known: LayerConstants) -> dict[int, np.ndarray]:
        """Weight scales, their zero points in the same shape, and the bias."""
        slope, bias = fitted_line(outputs, intercept=known.takes_bias)
        scales = known.channel_scales
        assert scales is not None
        changed = known.per_channel_scales(scales * slope)
        return {**changed, BIAS: bias} if known.takes_bias else changed


def fitted_line(outputs: LayerOutputs, *, intercept: bool) -> tuple[np.ndarray, np.ndarray]:
    """The line that brings each channel's bounded outputs closest to the wanted ones.

    Bounds make the problem non-linear: the line is fitted to the places where the outputs are
    within the bounds, which are found again with each line, and the best of all is kept, the
    present one among them.

    Returns:
        slope, float64 [channels], and bias, int32 [channels], in units of the accumulator; 1 and
        the present bias where nothing better was found or sums would leave int32.
    """
    outputs = replace(outputs, wanted=outputs.wanted.astype(np.float64))
    codes = outputs.sums * outputs.steps[:, None]
    state = _Best(outputs, codes)
    inside = (outputs.wanted > outputs.low) & (outputs.wanted < outputs.high)
    used = inside
    for _ in range(_ROUNDS):
        slope, offset = _line(codes, outputs.wanted, used, intercept)
        state.offer(slope, offset)
        now = slope[:, None] * codes + offset[:, None]
        beyond = (now <= outputs.low) | (now >= outputs.high)
        used = ~beyond | inside
    steps = np.where(outputs.steps > 0, outputs.steps, 1)
    bias = np.rint(state.offset / (state.slope * steps))
    bias = np.where(state.improved, bias, outputs.bias)
    sound = state.improved & (outputs.steps > 0) & outputs.fits_int32(bias)
    return np.where(sound, state.slope, 1.0), np.where(sound, bias, outputs.bias).astype(np.int32)


class _Best:
    """The best line of each channel so far, beginning with the present one."""

    def __init__(self, outputs: LayerOutputs, codes: np.ndarray) -> None:
        self._outputs, self._codes = outputs, codes
        self.slope = np.ones(len(codes))
        self.offset = outputs.bias * outputs.steps
        self.improved = np.zeros(len(codes), bool)
        self._error = self._errors(self.slope, self.offset)

    def _errors(self, slope: np.ndarray, offset: np.ndarray) -> np.ndarray:
        now = slope[:, None] * self._codes + offset[:, None]
        np.clip(now, self._outputs.low, self._outputs.high, out=now)
        return np.asarray(np.square(now - self._outputs.wanted).mean(axis=1))

    def offer(self, slope: np.ndarray, offset: np.ndarray) -> None:
        error = self._errors(slope, offset)
        better = error < self._error
        self.slope = np.where(better, slope, self.slope)
        self.offset = np.where(better, offset, self.offset)
        self._error = np.where(better, error, self._error)
        self.improved |= better


def _line(
    x: np.ndarray, y: np.ndarray, used: np.ndarray, intercept: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares of y over x, row by row, at the used places; slopes are kept within bounds."""
    count = np.maximum(used.sum(axis=1), 1)
    x_mean, y_mean = ((v * used).sum(axis=1) / count * intercept for v in (x, y))
    x_off, y_off = (x - x_mean[:, None]) * used, (y - y_mean[:, None]) * used
    spread = np.square(x_off).sum(axis=1)
    product = (x_off * y_off).sum(axis=1)
    slope = np.divide(product, spread, out=np.ones(len(x)), where=spread > 0)
    slope = np.clip(slope, LEAST, MOST)
    return slope, y_mean - slope * x_mean
