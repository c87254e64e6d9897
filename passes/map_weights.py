"""Replace weight codes by those whose approximate products come closest to the wanted ones."""

from __future__ import annotations

import numpy as np

from hawx_onnx.components import Multiplier, operand_values
from hawx_onnx.components.tables import CODES
from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.calibrate import Calibrate
from hawx_onnx.passes.integer_ops import convolves
from hawx_onnx.passes.layer_constants import (
    WEIGHTS,
    X_ZERO,
    LayerConstants,
    layer_constants,
    with_constants,
)
from hawx_onnx.passes.layerwise import EXACT, RUN_TIME, require_assignment
from hawx_onnx.passes.operator_score import weight_patterns
from hawx_onnx.passes.probe import table_indices


class MapWeights(Pass):
    """Maps weight codes, for each input channel and multiplier, to the code that errs least.

    The error of a code is the mean squared error of its products over the activation codes that the
    input channel sees. The idea is ALWANN's (Mrazek et al., ICCAD 2019,
    doi:10.1109/ICCAD45719.2019.8942068), which takes the mean absolute error over activations.

    Args:
        threads: Threads within an operator, where activations have to be counted first.
        memory_limit: Bytes that the process may hold meanwhile; None for any number.
    """

    name = "map-weights"

    def __init__(self, threads: int = 0, memory_limit: int | None = None) -> None:
        self.threads, self.memory_limit = threads, memory_limit

    def requires(self, state: PassState) -> None:
        """There are an assignment and calibration samples."""
        require_assignment(state, self.name)

    def call(self, state: PassState) -> PassResult:
        """Maps the weights of every approximated layer."""
        assert state.assignment is not None
        indices = table_indices(state.assignment, state.candidates, state.multipliers)
        constants = layer_constants(state.model, {c.name: c.channels for c in state.candidates})
        chosen = [c for c in state.candidates if indices[c.name].any()]
        if chosen and not all(c.name in state.histograms for c in chosen):
            counted = Calibrate(self.threads, self.memory_limit)(state).histograms
            state = state.replace(histograms=counted)
        left, changes = [], {}
        for c in state.candidates:
            known, index = constants[c.name], indices[c.name]
            reason = "" if index.any() else EXACT
            if known.weights is None:
                reason = reason or "both of its operands are activations"
            if X_ZERO not in known.values:
                reason = reason or RUN_TIME
            if reason:
                left.append(LeftAlone(c.name, c.op, reason))
                continue
            mapped = mapped_weights(known, index, state.multipliers, state.histograms[c.name])
            if not np.array_equal(mapped, known.values[WEIGHTS]):
                changes[c.name] = {WEIGHTS: mapped}
        model = with_constants(state.model, changes)
        return PassResult(state.replace(model=model), bool(changes), tuple(left))


def mapped_weights(
    known: LayerConstants,
    index: np.ndarray,
    multipliers: tuple[Multiplier, ...],
    histogram: np.ndarray,
) -> np.ndarray:
    """Weight codes of a layer after mapping.

    Args:
        known: The layer's constants, with weights.
        index: Which multiplier each output channel uses, int32 [channels].
        multipliers: What it counts in; exact ones keep their weights.
        histogram: Counts of activation codes, int64 [input channels, 256], by bit pattern.

    Returns:
        Codes of the shape and type of the weights.
    """
    weights = known.values[WEIGHTS]
    # [stack, output channels, depth, taps]
    patterns = weight_patterns(known.kind, weights)
    stacked = patterns.reshape(-1, *patterns.shape[-3:]).copy()
    filters, depth = stacked.shape[1:3]
    groups = max(1, len(histogram) // depth)
    first = np.arange(filters) // max(1, filters // groups) * depth
    zero = int(known.values[X_ZERO].reshape(-1)[0])
    for number in np.unique(index):
        if multipliers[number].is_exact:
            continue
        for channel in range(len(histogram)):
            mine = (index == number) & (first <= channel) & (channel < first + depth)
            if mine.any() and histogram[channel].any():
                code = code_map(multipliers[number], histogram[channel], zero)
                place = channel - int(first[mine][0])
                stacked[:, mine, place] = code[stacked[:, mine, place]]
    return _as_weights(stacked, known.kind, weights)


def code_map(multiplier: Multiplier, histogram: np.ndarray, zero: int = 0) -> np.ndarray:
    """For every weight code the one whose products err least.

    With an activation zero point z a product stands for (a - z) w, and the layer takes z w' off
    again for the code w' that stands there, so that the error is T[a][w'] - z w' - (a - z) w.

    Args:
        multiplier: The multiplier.
        histogram: Counts of activation codes, [256], by bit pattern; not all zero.
        zero: Zero point of the activations.

    Returns:
        uint8 [256], by bit pattern; a code that no other one beats stays.
    """
    values = operand_values(multiplier.encoding).astype(np.int64)
    # In integers the errors of equal codes are equal, and ties are ties.
    counts, wanted = np.asarray(histogram, np.int64), values - zero
    made = multiplier.table.astype(np.int64) - zero * values[None, :]
    share = counts / counts.sum()
    squares = share @ (made.astype(np.float64) ** 2)
    products = (share * wanted) @ made
    own = np.arange(CODES)
    # The square of what is wanted is the same for all codes.
    errors = squares[None, :] - 2 * values[:, None] * products[None, :]
    best = errors.argmin(axis=1)
    better = errors[own, best] < errors[own, own] - 1e-9 * np.abs(squares).max()
    return np.where(better, best, own).astype(np.uint8)


def _as_weights(stacked: np.ndarray, kind: str, like: np.ndarray) -> np.ndarray:
    """Undoes :func:`weight_patterns`."""
    codes = stacked[0] if convolves(kind) else stacked[..., 0].transpose(0, 2, 1)
    return np.ascontiguousarray(codes).view(like.dtype).reshape(like.shape)
