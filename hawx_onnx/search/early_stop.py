"""Stop measuring an assignment as soon as it is clear that it cannot be of use.

The samples are run in random order. After n of N samples with h hits, an assignment is given up
where so few hits would be too unlikely had it, over all N, as many hits as it takes to be of use:
then h is hypergeometric, which gives an exact bound (sampling without replacement; Chvatal 1979,
"The tail of the hypergeometric distribution"). The looks share the error probability evenly.

How many hits are of use follows from what is known over all N samples: the exact model's hits less
the largest drop of interest, or the hits of an assignment that costs no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search.problem import Choice, Problem

# Most probability that an assignment of use is given up, over all its looks.
ALPHA = 1e-5
# A drop beyond this is of no interest, whatever the budget; also the corner of the hypervolume.
LARGEST_DROP = 0.10


@lru_cache(maxsize=4096)
def critical_hits(total: int, seen: int, least: int, alpha: float) -> int:
    """The most hits among the samples seen that rule out a number of hits over all samples.

    Args:
        total: All samples (N).
        seen: How many of them were run (n).
        least: Hits over all samples that are to be ruled out.
        alpha: Most probability of ruling them out wrongly.

    Returns:
        The largest h with P(hits <= h) <= alpha; -1 if there is none.
    """
    from scipy.special import gammaln

    least = min(max(least, 0), total)
    lowest, highest = max(0, seen - (total - least)), min(seen, least)
    hits = np.arange(lowest, highest + 1)

    def log_choose(n: int, k: npt.NDArray[np.int_] | int) -> npt.NDArray[np.float64]:
        return np.asarray(gammaln(n + 1) - gammaln(np.add(k, 1)) - gammaln(np.subtract(n, k) + 1))

    logs = log_choose(least, hits) + log_choose(total - least, seen - hits)
    tail = np.cumsum(np.exp(logs - log_choose(total, seen)))
    below = int(np.searchsorted(tail, alpha, side="right"))
    return lowest + below - 1


def looks(batches: int) -> tuple[int, ...]:
    """After how many batches to look: 1, 2, 4, ... but not after the last."""
    return tuple(2**k for k in range(max(0, (batches - 1)).bit_length()))


class EarlyStop:
    """How many hits an assignment must reach to be of use.

    Args:
        problem: The problem.
        exact: Hits of the exact model on all samples.
    """

    def __init__(self, problem: Problem, exact: Accuracy) -> None:
        self._problem = problem
        drop = max(problem.budget.max_accuracy_drop, LARGEST_DROP)
        self._least = int(np.ceil(exact.correct - drop * exact.samples - 1e-9))

    def least_hits(
        self, choices: Sequence[Choice], measured: Iterable[tuple[Choice, Accuracy]]
    ) -> npt.NDArray[np.int64]:
        """Hits over all samples below which each choice is of no use: int64 [choices].

        Either its drop is beyond interest, or a measured choice within the hardware limits is at
        least as cheap in every objective and more accurate.

        Args:
            choices: What is about to be measured.
            measured: Choices that were run on all samples.
        """
        least = np.full(len(choices), self._least, dtype=np.int64)
        known = [(choice, accuracy.correct) for choice, accuracy in measured]
        if not known or not choices:
            return least
        costs = self._problem.costs(choices)
        others = self._problem.costs([choice for choice, _ in known])
        of_use = self._problem.affordable([choice for choice, _ in known])
        hits = np.array([hit for _, hit in known])
        for row, cost in enumerate(costs):
            cheaper = of_use & (others <= cost).all(axis=1)
            if cheaper.any():
                least[row] = max(least[row], hits[cheaper].max())
        return least
