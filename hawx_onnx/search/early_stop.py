"""Stop measuring an assignment as soon as it is clear that it cannot be of use.

The samples are run in random order. After n of N samples an assignment is given up where what was
seen would be too unlikely had it, over all N, as many hits as it takes to be of use. Two exact
bounds share the error probability of a look evenly, and the looks share the whole: on the hits
seen, which are hypergeometric (sampling without replacement; Chvatal 1979, "The tail of the
hypergeometric distribution"), and on the samples where it differs from the exact network
(:mod:`hawx_onnx.search.paired_stop`). The first sees sooner what is hopeless, the second what is
somewhat worse.

How many hits are of use follows from what is known over all N samples: the exact model's hits less
the largest drop of interest, or the hits of an assignment that costs no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from hawx_onnx.runtime.evaluate import Accuracy
from hawx_onnx.search.paired_stop import log_factorials, paired_p_value
from hawx_onnx.search.problem import Choice, Problem

# Most probability that an assignment of use is given up, over all its looks.
ALPHA = 1e-5
# Most looks at one choice.
MOST_LOOKS = 64
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
    table = log_factorials(total)
    least = min(max(least, 0), total)
    lowest, highest = max(0, seen - (total - least)), min(seen, least)
    hits = np.arange(lowest, highest + 1)

    def log_choose(n: int, k: npt.NDArray[np.int_] | int) -> npt.NDArray[np.float64]:
        return np.asarray(table[n] - table[k] - table[np.subtract(n, k)])

    logs = log_choose(least, hits) + log_choose(total - least, seen - hits)
    tail = np.cumsum(np.exp(logs - log_choose(total, seen)))
    below = int(np.searchsorted(tail, alpha, side="right"))
    return lowest + below - 1


def looks(batches: int) -> tuple[int, ...]:
    """After how many batches to look: after each but the last, or evenly after :data:`MOST_LOOKS`.

    A look more costs little: the smaller share of the error probability asks for hardly more.
    """
    if batches - 1 <= MOST_LOOKS:
        return tuple(range(1, batches))
    places = np.linspace(0, batches, MOST_LOOKS + 2)[1:-1]
    return tuple(int(place) for place in np.unique(np.round(places)))


def hopeless(hits: npt.NDArray[np.bool_], exact: Accuracy, least: int, alpha: float) -> bool:
    """Whether what was seen rules out that a choice reaches a number of hits.

    Args:
        hits: Which of the samples seen are right, the first of all [n].
        exact: The exact network on all samples.
        least: Hits over all samples that are to be ruled out.
        alpha: Most probability of ruling them out wrongly, if the samples' order is random.
    """
    seen, half = len(hits), alpha / 2
    if int(hits.sum()) <= critical_hits(exact.samples, seen, least, half):
        return True
    before = exact.scores[:seen]
    right = int(before.sum())
    lost, won = int((before & ~hits).sum()), int((~before & hits).sum())
    allowed = exact.correct - least
    # No worse so far than it may be in the end.
    if lost - won <= allowed * seen / exact.samples:
        return False
    samples = (exact.correct, exact.samples - exact.correct)
    return paired_p_value(lost, won, (right, seen - right), samples, allowed, half) <= half


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
        # Choice -> its costs, and whether it keeps the hardware limits.
        self._known: dict[Choice, tuple[npt.NDArray[np.float64], bool]] = {}

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
        self._look_up([*choices, *(choice for choice, _ in known)])
        costs = [self._known[choice][0] for choice in choices]
        others = np.stack([self._known[choice][0] for choice, _ in known])
        of_use = np.array([self._known[choice][1] for choice, _ in known])
        hits = np.array([hit for _, hit in known])
        for row, cost in enumerate(costs):
            cheaper = of_use & (others <= cost).all(axis=1)
            if cheaper.any():
                least[row] = max(least[row], hits[cheaper].max())
        return least

    def _look_up(self, choices: Sequence[Choice]) -> None:
        """Finds what choices cost, each once."""
        new = [choice for choice in dict.fromkeys(choices) if choice not in self._known]
        if new:
            allowed = self._problem.affordable(new).tolist()
            for choice, cost, allows in zip(new, self._problem.costs(new), allowed, strict=True):
                self._known[choice] = cost, allows
