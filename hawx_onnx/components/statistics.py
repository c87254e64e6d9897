"""Error statistics of a multiplier over all operand pairs, each pair weighted alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.tables import IntArray


@dataclass(frozen=True)
class ErrorStatistics:
    """Error figures of a multiplier; the error of a pair is T[a][w] - a*w.

    Attributes:
        mae: Mean absolute error over all pairs.
        wce: Worst-case absolute error.
        mre: Mean relative error |error| / |a*w|, a fraction, over the pairs whose exact product
            is not 0 (the convention of EvoApproxLib's published figures).
        ep: Error probability: the fraction of pairs with an error.
        mse: Mean squared error over all pairs.
        mean_error: Mean signed error over all pairs.
    """

    mae: float
    wce: float
    mre: float
    ep: float
    mse: float
    mean_error: float


def error_statistics(
    approximate: npt.NDArray[np.integer], exact: npt.NDArray[np.integer]
) -> ErrorStatistics:
    """Compares products with the exact ones.

    Args:
        approximate: Products of the multiplier, any integer dtype and shape.
        exact: The exact products in the same order.

    Returns:
        The figures over all pairs that the arrays hold.
    """
    truth: IntArray = exact.astype(np.int64)
    error = approximate.astype(np.int64) - truth
    magnitude = np.abs(error)
    nonzero = truth != 0
    relative = magnitude[nonzero] / np.abs(truth[nonzero])
    return ErrorStatistics(
        mae=float(magnitude.mean()),
        wce=float(magnitude.max()),
        mre=float(relative.mean()) if relative.size else 0.0,
        ep=float(np.count_nonzero(error) / error.size),
        mse=float(np.square(error.astype(np.float64)).mean()),
        mean_error=float(error.mean()),
    )
