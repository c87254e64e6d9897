"""Fronts of cost and damage over units: over all candidates, and near one choice."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from hawx_onnx.search.knapsack import lagrangian_front, pareto_knapsack
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.pool import little_for_types
from hawx_onnx.search.problem import Problem

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Picks = npt.NDArray[np.intp]

# States of one front.
STATES = 256
# Types that a choice uses, up to which each is tried to be left out.
MOST_TYPES = 8


def local_fronts(problem: Problem, damage: FloatArray, around: Picks | None = None) -> Picks:
    """Choices on fronts, of units and of whole layers, as the multiplier of each unit.

    Args:
        problem: The problem.
        damage: Damage of each unit [U, M].
        around: A choice [U]; with it further fronts take the types that it uses alone, those less
            one of them, and of each layer only the multipliers next to the choice's.

    Returns:
        Int array [choices, U]; not all need keep the hardware limits.
    """
    allowed = np.zeros(damage.shape, dtype=bool)
    for unit, options in enumerate(problem.options):
        allowed[unit, options.start : options.stop] = True
    cost = problem.terms.per_layer
    rows: dict[tuple[int, ...], None] = {}
    for mask in (allowed, *_masks(problem, damage, allowed, around)):
        front = lagrangian_front(np.where(mask, cost, np.inf), damage, STATES)
        rows.update(dict.fromkeys(state.choice for state in front.states))
    whole = _whole_layers(problem, damage, allowed)
    rows.update(dict.fromkeys(map(tuple, whole.tolist())))
    return np.array(list(rows), np.intp).reshape(len(rows), len(damage))


def _whole_layers(problem: Problem, damage: FloatArray, allowed: BoolArray) -> Picks:
    """The front of choices with one multiplier for each layer."""
    layers = np.array([unit.layer for unit in problem.units], np.intp)
    starts = np.flatnonzero(np.diff(layers, prepend=-1))
    cost = np.add.reduceat(np.where(allowed, problem.terms.per_layer, np.inf), starts)
    harm = np.add.reduceat(damage, starts)
    front = pareto_knapsack(cost, harm, STATES)
    picks = np.array([state.choice for state in front.states], np.intp)
    return np.asarray(picks.reshape(len(front.states), len(starts))[:, layers])


def _masks(
    problem: Problem, damage: FloatArray, allowed: BoolArray, around: Picks | None
) -> Iterator[BoolArray]:
    """Which multipliers units may get, for each front near a choice."""
    if around is None:
        return
    near = allowed & neighbours(problem, damage, around)
    yield near
    types = np.unique(around)
    if not _types_count(problem):
        return
    fixed = allowed.sum(axis=1) == 1
    left_out = types if 1 < len(types) <= MOST_TYPES else types[:0]
    for some in (types, *(types[types != one] for one in left_out)):
        of_types = np.zeros(allowed.shape, dtype=bool)
        of_types[:, some] = True
        of_types[fixed] = allowed[fixed]
        yield allowed & of_types


def _types_count(problem: Problem) -> bool:
    """Whether how many types a choice uses may matter."""
    if problem.budget.max_multipliers is not None:
        return True
    if not any(bool(np.any(terms.per_type)) for terms in problem.all_terms.values()):
        return False
    return bool(problem.budget.limits()) or not little_for_types(problem)


def neighbours(problem: Problem, damage: FloatArray, around: Picks) -> BoolArray:
    """The multipliers that a choice has in each unit's layer, and those next to them.

    Next on the layer's own front of cost and damage: one dearer, one cheaper.

    Args:
        problem: The problem.
        damage: Damage of each unit [U, M].
        around: The choice [U].
    """
    layers = np.array([unit.layer for unit in problem.units])
    cost = problem.terms.per_layer
    mask = np.zeros(damage.shape, dtype=bool)
    for layer in dict.fromkeys(layers.tolist()):
        units = np.flatnonzero(layers == layer)
        points = np.stack([cost[units].sum(axis=0), damage[units].sum(axis=0)], axis=1)
        front = np.flatnonzero(non_dominated(points))
        front = front[np.argsort(points[front, 0], kind="stable")]
        used = np.unique(around[units])
        places = np.searchsorted(points[front, 0], points[used, 0])
        for place in places.tolist():
            mask[np.ix_(units, front[max(place - 1, 0) : place + 2])] = True
        mask[np.ix_(units, used)] = True
    return mask
