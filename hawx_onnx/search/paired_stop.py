"""The paired bound: losses and wins against the exact network, on the same samples.

Of N samples the exact network has E right. A choice loses L of these and wins W of the other
N - E; it is of use if L - W is at most a known number. After n samples in random order, l losses
among the e seen that the exact network has right, and w wins among the n - e others, are drawn
without replacement: l and w are independent and hypergeometric. For each W the p-values of so many
losses and so few wins are joined by Fisher's method (1932: of the product a of two independent
p-values, a (1 - ln a) is one); the greatest over all W holds whatever W is.

Most samples are right under both, and tell nothing here, where a bound on hits alone counts them as
noise (McNemar 1947, Psychometrika 12, for the test without wins and losses that are allowed).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# The greatest p-value over so many numbers of wins is looked at first: it is enough to go on.
_COARSE = 9


@lru_cache(maxsize=8)
def log_factorials(largest: int) -> Floats:
    """Logarithms of k! for k = 0 ... largest."""
    return np.array([math.lgamma(k + 1) for k in range(largest + 1)])


def paired_p_value(
    lost: int, won: int, seen: tuple[int, int], samples: tuple[int, int], allowed: int, alpha: float
) -> float:
    """The probability of no fewer losses and no more wins, were the choice of use.

    Args:
        lost: Samples seen that the exact network has right and the choice wrong.
        won: The other way round.
        seen: How many samples were seen that the exact network has right, and wrong.
        samples: How many there are of both kinds.
        allowed: Most losses less wins, over all samples, of a choice of use; may be negative.
        alpha: Where the p-value is above it, some value above it is returned.
    """
    right, wrong = samples
    wins = np.arange(max(0, -allowed, won), min(wrong, right - allowed) + 1)
    # Fewer wins than were seen are ruled out, as are losses that do not fit.
    wins = wins[(wins + allowed >= lost) & (wins - won <= wrong - seen[1])]
    wins = wins[wins + allowed - lost <= right - seen[0]]
    if not wins.size:
        return 0.0
    coarse = wins[np.unique(np.linspace(0, len(wins) - 1, _COARSE).astype(int))]
    for some in (coarse, wins):
        joined = _tail(right, some + allowed, seen[0], lost, more=True)
        joined = joined * _tail(wrong, some, seen[1], won, more=False)
        product = np.clip(joined, 1e-300, 1.0)
        largest = float((product * (1 - np.log(product))).max())
        if largest > alpha:
            return largest
    return largest


def _tail(total: int, marked: Counts, drawn: int, found: int, *, more: bool) -> Floats:
    """P(at least, or at most, so many marked ones found among those drawn), for each of marked."""
    table = log_factorials(total)

    def log_choose(n: Counts, k: Counts) -> Floats:
        return np.asarray(table[n] - table[k] - table[n - k])

    first, last = (found, int(min(drawn, marked.max()))) if more else (0, found)
    hits = np.arange(first, last + 1)[None]
    each = marked[:, None]
    possible = (hits <= each) & (drawn - hits <= total - each) & (hits <= drawn)
    inside = np.where(possible, hits, np.clip(hits, drawn - (total - each), each))
    whole = log_choose(np.array([total]), np.array([drawn]))[0]
    logs = log_choose(each, inside) + log_choose(total - each, drawn - inside) - whole
    return np.asarray(np.minimum(np.where(possible, np.exp(logs), 0.0).sum(axis=1), 1.0))
