"""What is worth measuring next: probability to meet the budget, saving, gain of the front."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from hawx_onnx.search.early_stop import LARGEST_DROP
from hawx_onnx.search.pareto import non_dominated

Floats = npt.NDArray[np.float64]


def normal_cdf(values: Floats) -> Floats:
    """The standard normal distribution function.

    Abramowitz and Stegun 26.2.17, within 1e-7: small spaces shall not wait for scipy.
    """
    size = np.abs(values)
    t = 1 / (1 + 0.2316419 * size)
    series = (0.319381530, -0.356563782, 1.781477937, -1.821255978, 1.330274429)
    tail = np.exp(-(size**2) / 2) / np.sqrt(2 * np.pi)
    tail = tail * sum(c * t ** (k + 1) for k, c in enumerate(series))
    return np.asarray(np.where(values < 0, tail, 1 - tail))


def probability(mean: Floats, deviation: Floats, limit: float) -> Floats:
    """That what is predicted stays within a limit: [n]."""
    return normal_cdf((limit - mean) / deviation)


def front_gain(costs: Floats, drops: Floats, known: Floats, largest_cost: float) -> Floats:
    """The area that points would add to what a front dominates, as a share of the whole: [n].

    The whole reaches to the largest drop of interest and the largest cost.

    Args:
        costs: Of the points [n].
        drops: Theirs [n].
        known: (cost, drop) of measured choices [m, 2].
        largest_cost: Of interest.
    """
    front = known[(known[:, 0] < largest_cost) & (known[:, 1] < LARGEST_DROP)]
    front = front[non_dominated(front)] if len(front) else front
    front = front[np.argsort(front[:, 0], kind="stable")]
    # Between neighbours on the front the best drop is that of the cheaper one.
    edges = np.concatenate([front[:, 0], [largest_cost]])
    best = np.minimum.accumulate(np.concatenate([[LARGEST_DROP], front[:, 1]]))
    starts = np.concatenate([[-np.inf], front[:, 0]])
    width = np.maximum(edges - np.maximum(starts, costs[:, None]), 0)
    gained = (width * np.maximum(best - drops[:, None], 0)).sum(axis=1)
    return np.asarray(gained / (largest_cost * LARGEST_DROP))
