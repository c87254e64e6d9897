"""Operands as they occur in networks, where no network is at hand."""

from __future__ import annotations

import functools

import numpy as np

from hawx_onnx.components.histograms import OperandHistograms
from hawx_onnx.components.tables import Encoding, operand_values

# Codes of a calibrated int8 layer: weights about normal, activations the same cut at 0 by a ReLU,
# the largest of a few thousand values at 127.
OPERAND_DEVIATION = 32.0


@functools.cache
def network_operands(encoding: Encoding) -> OperandHistograms:
    """Returns how often the codes of both operands typically occur.

    Weights are normal with a standard deviation of 32 codes, activations likewise but never
    negative. Among unsigned codes, weights have their zero point at 128, and activations use all
    256 codes.
    """
    values = operand_values(encoding).astype(np.float64)
    if encoding.codes_signed:
        shapes = ((0.0, OPERAND_DEVIATION), (0.0, OPERAND_DEVIATION))
    else:
        # 256 codes for activations that are never negative, where signed codes have 128.
        shapes = ((0.0, 2 * OPERAND_DEVIATION), (128.0, OPERAND_DEVIATION))
    activation, weight = (
        np.exp(-0.5 * ((values - zero) / deviation) ** 2) for zero, deviation in shapes
    )
    activation = activation * (values >= 0)
    return OperandHistograms(activation / activation.sum(), weight / weight.sum())
