"""New choices for the pool: neighbours of good ones, and fronts under learnt damages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from hawx_onnx.search.knapsack import lagrangian_front, pareto_knapsack
from hawx_onnx.search.pool import EXACT_UNITS
from hawx_onnx.search.problem import Problem

Floats = npt.NDArray[np.float64]
Picks = npt.NDArray[np.intp]

# Moves of one unit that are tried singly, and those among them that are tried in pairs.
MOVES, PAIRED = 300, 16
STATES = 256
# What costs or damages are divided by at least.
_LEAST = 1e-30


def neighbours(problem: Problem, base: Picks, damage: Floats) -> Picks:
    """Choices that differ from one in a unit or two: int [n, U].

    Single moves give a unit another multiplier. Pairs take a move that saves and one that heals:
    of each kind those that save the most for the damage, and heal the most for the cost.

    Args:
        problem: The problem.
        base: The multiplier of each unit [U].
        damage: Damage of each unit [U, M].
    """
    cost, rows = problem.terms.per_layer, np.arange(len(base))
    moves = np.array(
        [(u, m) for u, options in enumerate(problem.options) for m in options if m != base[u]],
        np.intp,
    ).reshape(-1, 2)
    if not len(moves):
        return np.zeros((0, len(base)), np.intp)
    paid = cost[moves[:, 0], moves[:, 1]] - cost[rows, base][moves[:, 0]]
    hurt = damage[moves[:, 0], moves[:, 1]] - damage[rows, base][moves[:, 0]]
    least_paid = max(1e-9 * float(np.abs(paid).max()), _LEAST)
    least_hurt = max(1e-9 * float(np.abs(hurt).max()), _LEAST)
    saving = -paid / np.maximum(hurt, least_hurt) * (paid < 0)
    healing = -hurt / np.maximum(paid, least_paid) * (hurt < 0)
    singles = np.argsort(-np.maximum(saving, 0), kind="stable")[:MOVES]
    singles = np.union1d(singles, np.argsort(-healing, kind="stable")[:MOVES])
    result = [_moved(base, moves[[index]]) for index in singles]
    for first in np.argsort(-saving, kind="stable")[:PAIRED]:
        for second in np.argsort(-healing, kind="stable")[:PAIRED]:
            useful = saving[first] > 0 and healing[second] > 0
            if useful and moves[first, 0] != moves[second, 0]:
                result.append(_moved(base, moves[[first, second]]))
    return np.array(result, np.intp)


def _moved(base: Picks, moves: Picks) -> Picks:
    changed: Picks = base.copy()
    changed[moves[:, 0]] = moves[:, 1]
    return changed


def learnt_fronts(
    problem: Problem, damages: Mapping[str, Floats], picks: Picks, drops: Floats
) -> Iterator[Picks]:
    """Knapsack fronts under damages that are corrected by what was measured: int [n, U] each.

    A drop is taken as a weighted sum of the damages of units. The weights, near one for all, are
    fitted by ridge regression; drops above ten times the least count ever less.

    Args:
        problem: The problem.
        damages: Name -> damage of each unit [U, M].
        picks: Measured choices [n, U].
        drops: Their drops, fractions [n].
    """
    units = np.arange(picks.shape[1])
    allowed = np.zeros(problem.terms.per_layer.shape, bool)
    for unit, options in enumerate(problem.options):
        allowed[unit, options.start : options.stop] = True
    cost = np.where(allowed, problem.terms.per_layer, np.inf)
    solve = pareto_knapsack if len(units) <= EXACT_UNITS else lagrangian_front
    for damage in damages.values():
        weights = unit_weights(damage[units, picks], drops, problem.budget.max_accuracy_drop)
        states = solve(cost, damage * weights[:, None], STATES).states
        yield np.array([state.choice for state in states], np.intp).reshape(-1, len(units))


def unit_weights(damage: Floats, drops: Floats, limit: float) -> Floats:
    """How much the damage of each unit counts [U], relative to that of all.

    Args:
        damage: Of each unit of the measured choices [n, U].
        drops: Their drops [n].
        limit: The largest drop allowed; drops far beyond it count less.
    """
    wanted = 1.0 / (np.abs(drops) + max(limit, 0.005))
    total = damage.sum(axis=1)
    square = float((wanted * total) @ (wanted * total))
    common = float((wanted * total) @ (wanted * drops)) / square if square > 0 else 0.0
    if common <= 0:
        return np.ones(damage.shape[1])
    scaled = common * damage * wanted[:, None]
    rest = wanted * drops - scaled.sum(axis=1)
    # Errors of a third of a drop are the noise, deviations of 100 % of a unit's weight the prior.
    ridge = 0.1
    kernel = scaled @ scaled.T + ridge * np.eye(len(drops))
    found = 1 + scaled.T @ np.linalg.solve(kernel, rest)
    return np.asarray(np.clip(found, 0.1, 10.0))
