"""Histograms of the activation codes that each candidate node really sees."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.errors import DataError
from hawx_onnx.passes.approximate import exposed
from hawx_onnx.passes.base import Candidate, Pass, PassResult, PassState
from hawx_onnx.runtime.runner import Runner

CODES = 256


class Calibrate(Pass):
    """Counts activation codes per input channel over the calibration split, batch by batch.

    The histograms are indexed by bit pattern, as the truth tables are. Memory is one batch of
    activations, whatever the number of samples.
    """

    name = "calibrate"

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads

    def requires(self, state: PassState) -> None:
        """There are calibration samples."""
        if state.dataset is None or len(state.dataset.calibration) == 0:
            raise DataError("there are no calibration samples", where="data", mend="give --data")

    def call(self, state: PassState) -> PassResult:
        """Streams the calibration split through the int8 model."""
        assert state.dataset is not None
        wanted = _wanted(state)
        names = list(dict.fromkeys(tensor for tensor, _ in wanted.values()))
        runner = Runner(exposed(state.model, names), threads=self.threads)
        counts: dict[tuple[str, int], np.ndarray] = {}
        for results in runner.stream(state.dataset.calibration.x, names):
            codes = dict(zip(names, results, strict=True))
            for tensor, axis in dict.fromkeys(wanted.values()):
                add = histogram(codes[tensor], axis)
                counts[tensor, axis] = counts.get((tensor, axis), 0) + add
        histograms = {key: counts[where] for key, where in wanted.items()}
        return PassResult(state.replace(histograms=histograms), False)


def second_operand(candidate: str) -> str:
    """Key of the histogram of a MatMul's second operand, where that is no constant."""
    return f"{candidate}:second"


def _wanted(state: PassState) -> dict[str, tuple[str, int]]:
    """Histogram key -> (tensor, axis of the channels)."""
    constants = {tensor.name for tensor in state.model.graph.initializer}
    wanted = {}
    for candidate in state.candidates:
        first, second = operand_tensors(state.model, candidate)
        wanted[candidate.name] = (first, 1 if candidate.kind == "QLinearConv" else -1)
        if second not in constants:
            wanted[second_operand(candidate.name)] = (second, -1)
    return wanted


def operand_tensors(model: onnx.ModelProto, candidate: Candidate) -> tuple[str, str]:
    """Names of the activation and weight codes that a candidate reads."""
    node = next(n for n in model.graph.node if n.name == candidate.name)
    return node.input[0], node.input[3]


def histogram(codes: np.ndarray, channel_axis: int) -> np.ndarray:
    """Counts of codes per channel.

    Args:
        codes: int8 or uint8, any shape.
        channel_axis: Axis that is kept.

    Returns:
        int64 [channels, 256], indexed by bit pattern.
    """
    rows = np.moveaxis(codes, channel_axis, 0).reshape(codes.shape[channel_axis], -1)
    patterns = rows.view(np.uint8).astype(np.int64)
    channels = len(patterns)
    offsets = np.arange(channels, dtype=np.int64)[:, None] * CODES
    counts = np.bincount((patterns + offsets).ravel(), minlength=channels * CODES)
    return counts.reshape(channels, CODES)
