"""How large a measured drop may truly be: what a few samples tell is not what all would."""

from __future__ import annotations

import math

from hawx_onnx.runtime.evaluate import Accuracy, student_interval

_STEPS = 40


def allowance(exact: Accuracy, found: Accuracy, confidence: float | None) -> float:
    """By how much the true drop may exceed the measured one, a fraction, at least 0.

    The one-sided score bound for paired proportions (Tango 1998, "Equivalence test and confidence
    interval for the difference in proportions for the paired-sample design"). What both networks
    get right or both get wrong hardly matters, so it is closer than bounds of two accuracies. Of
    other scores it is Student's, of the differences of samples.

    Args:
        exact: The exact network.
        found: Another one, on the same samples.
        confidence: The probability that the true drop is no greater, at least 0.5; with None,
            nothing is added.
    """
    if confidence is None:
        return 0.0
    # Here, not above: most searches do without, and it takes milliseconds.
    from statistics import NormalDist

    if not (exact.binary and found.binary):
        _, above = student_interval(exact.scores - found.scores, 2 * confidence - 1)
        return above - float((exact.scores - found.scores).mean())
    quantile = NormalDist().inv_cdf(confidence)
    lost = int((exact.scores & ~found.scores).sum())
    won = int((~exact.scores & found.scores).sum())
    measured = (lost - won) / exact.samples
    below, above = measured, 1.0
    for _ in range(_STEPS):
        drop = (below + above) / 2
        if _score(lost, won, exact.samples, drop) <= quantile:
            below = drop
        else:
            above = drop
    return above - measured


def _score(lost: int, won: int, samples: int, drop: float) -> float:
    """By how many standard deviations a drop lies above the measured one, were it the true one.

    The deviation takes the share of wins that explains the counts best under that drop, the
    greater root of a quadratic equation.
    """
    linear = (2 * samples - lost + won) * drop - lost - won
    constant = -won * drop * (1 - drop)
    root = math.sqrt(max(linear**2 - 8 * samples * constant, 0.0))
    share = (root - linear) / (4 * samples)
    variance = samples * (2 * share + drop * (1 - drop))
    above = samples * drop - (lost - won)
    return above / math.sqrt(variance) if variance > 0 else math.inf * (above > 0)
