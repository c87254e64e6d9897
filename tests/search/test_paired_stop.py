"""The paired bound against sums over all outcomes, counted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from hawx_onnx.search.paired_stop import log_factorials, paired_p_value


def share(total: int, marked: int, drawn: int, found: int) -> float:
    """P(just so many marked ones among those drawn), counted."""
    if found > marked or drawn - found > total - marked or found > drawn:
        return 0.0
    return (
        math.comb(marked, found)
        * math.comb(total - marked, drawn - found)
        / math.comb(total, drawn)
    )


def counted(lost, won, seen, samples, allowed) -> float:
    """The greatest joined p-value over all numbers of wins."""
    found = [0.0]
    for wins in range(samples[1] + 1):
        losses = wins + allowed
        if not 0 <= losses <= samples[0]:
            continue
        more = sum(share(samples[0], losses, seen[0], k) for k in range(lost, seen[0] + 1))
        fewer = sum(share(samples[1], wins, seen[1], k) for k in range(won + 1))
        # What cannot be under this number of wins rules it out.
        if share(samples[0], losses, seen[0], lost) * share(samples[1], wins, seen[1], won) > 0:
            product = more * fewer
            found.append(product * (1 - math.log(product)))
    return max(found)


def test_factorials():
    np.testing.assert_allclose(np.exp(log_factorials(10)), [math.factorial(k) for k in range(11)])


@pytest.mark.parametrize("allowed", [-3, 0, 4])
@pytest.mark.parametrize(("lost", "won"), [(0, 0), (3, 0), (6, 1), (9, 0), (2, 3)])
def test_the_p_value_is_the_greatest_over_all_numbers_of_wins(lost, won, allowed):
    seen, samples = (14, 6), (30, 12)
    wanted = counted(lost, won, seen, samples, allowed)
    assert paired_p_value(lost, won, seen, samples, allowed, 1.0) == pytest.approx(wanted)


def test_above_alpha_a_value_above_it_is_enough():
    seen, samples = (140, 60), (300, 120)
    wanted = paired_p_value(20, 6, seen, samples, 10, 1.0)
    quick = paired_p_value(20, 6, seen, samples, 10, 1e-6)
    assert 1e-6 < quick <= wanted


def test_outcomes_that_no_useful_choice_gives_have_none():
    """All right ones were seen, and more were lost than may be."""
    assert paired_p_value(9, 0, (30, 12), (30, 12), 4, 1e-5) == 0.0
