"""Error statistics of a multiplier: over all operand pairs alike, or as operands occur."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.components.tables import CODES, IntArray
from hawx_onnx.errors import ConfigError

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ErrorStatistics:
    """Error figures of a multiplier; the error of a pair is T[a][w] - a*w.

    "Pairs" are all 65,536, each with the same weight; under operand distributions, those that
    occur, each with its probability.

    Attributes:
        mae: Mean absolute error over the pairs.
        wce: Worst-case absolute error.
        mre: Mean relative error |error| / |a*w|, a fraction, over the pairs whose exact product
            is not 0 (the convention of EvoApproxLib's published figures).
        ep: Error probability: the fraction of pairs with an error.
        mse: Mean squared error over the pairs.
        mean_error: Mean signed error over the pairs.
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


def weighted_error_statistics(
    approximate: npt.NDArray[np.integer],
    exact: npt.NDArray[np.integer],
    activations: npt.ArrayLike,
    weights: npt.ArrayLike,
) -> ErrorStatistics:
    """Compares products with the exact ones, as operands occur.

    Activations and weights are taken as independent: a pair's probability is the product of both.

    Args:
        approximate: Products of the multiplier, integers [256, 256], [activation][weight].
        exact: The exact products.
        activations: How often each activation code occurs, [256] by bit pattern; counts or
            shares.
        weights: The same of the weights' codes.

    Returns:
        The figures over the pairs that occur. With equal counts for all codes they are those of
        :func:`error_statistics`.

    Raises:
        ConfigError: A histogram has another shape, is negative, not finite, or counts nothing.
    """
    share_a = operand_shares(activations, "activation histogram")
    share_w = operand_shares(weights, "weight histogram")
    truth = exact.astype(np.int64)
    error = approximate.astype(np.int64) - truth
    magnitude = np.abs(error)
    mean, square = error_moments(error, share_a)
    nonzero = truth != 0
    relative = np.divide(magnitude, np.abs(truth), out=np.zeros(truth.shape), where=nonzero)
    counted = float(share_a @ nonzero @ share_w)
    return ErrorStatistics(
        mae=float(share_a @ magnitude @ share_w),
        wce=float(magnitude[np.ix_(share_a > 0, share_w > 0)].max()),
        mre=float(share_a @ relative @ share_w) / counted if counted else 0.0,
        ep=float(share_a @ (error != 0) @ share_w),
        mse=float(square @ share_w),
        mean_error=float(mean @ share_w),
    )


def error_moments(error: npt.NDArray[np.integer], share: Floats) -> tuple[Floats, Floats]:
    """Returns mean and mean square of the error for each weight code.

    Args:
        error: T - a*w, [256, 256], [activation][weight].
        share: Shares of the activation codes, [..., 256], summing to 1.

    Returns:
        Two arrays [..., 256], by the weight's bit pattern.
    """
    values = error.astype(np.float64)
    return share @ values, share @ np.square(values)


def operand_shares(histogram: npt.ArrayLike, where: str) -> Floats:
    """Returns the share of each code.

    Args:
        histogram: Counts or shares of the codes, [256] by bit pattern.
        where: What the histogram is called in errors.

    Raises:
        ConfigError: The histogram has another shape, is negative, not finite, or counts nothing.
    """
    counts = np.asarray(histogram)
    mend = f"give {CODES} counts by bit pattern"
    if counts.shape != (CODES,) or counts.dtype.kind not in "iuf":
        told = f"the histogram holds {counts.dtype} {list(counts.shape)}"
        raise ConfigError(told, where=where, mend=mend)
    values = counts.astype(np.float64)
    if not np.isfinite(values).all() or (values < 0).any():
        raise ConfigError("a count is negative or not finite", where=where, mend=mend)
    with np.errstate(over="ignore"):
        total = float(values.sum())
    if not 0 < total < np.inf:
        raise ConfigError("the histogram counts nothing, or too much", where=where, mend=mend)
    return np.asarray(values / total, dtype=np.float64)
