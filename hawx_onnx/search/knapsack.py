"""Multiple-choice knapsack: one candidate per layer, the least cost for the least damage.

Cost and damage are sums over layers of one entry each (Kellerer, Pferschy, Pisinger, "Knapsack
Problems", chapter 11). The whole front comes from dynamic programming with dominance pruning;
costs that layers share, and limits on the number of types, go to a mixed-integer program
(`hawx_onnx.search.milp`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hawx_onnx.search.pareto import non_dominated

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]


@dataclass(frozen=True)
class KnapsackState:
    """One choice per layer.

    Args:
        choice: Candidate index of each layer.
        cost: Total cost; with types' own costs where the solver was given them.
        damage: Total damage.
        optimal: False where a time limit ended the solver before it had proved the optimum.
    """

    choice: tuple[int, ...]
    cost: float
    damage: float
    optimal: bool = True


@dataclass(frozen=True)
class KnapsackFront:
    """The Pareto front of a multiple-choice knapsack.

    Args:
        states: Non-dominated states, cheapest first; damage falls as cost rises.
        exact: Whether this is the whole front. False where states had to be thinned: each state
            is still a true choice with true sums, but better ones may have been lost.
    """

    states: tuple[KnapsackState, ...]
    exact: bool


def pareto_knapsack(
    cost: npt.ArrayLike, damage: npt.ArrayLike, max_states: int = 4096
) -> KnapsackFront:
    """Returns the front of total cost and total damage over all choices.

    Layer by layer, every kept state is extended by every candidate and dominated states are
    dropped. Where more than max_states remain, states evenly spaced along cost are kept, the
    cheapest and the least damaging among them; the front then is an approximation.

    Args:
        cost: Float array [layers, candidates]; +inf forbids an entry.
        damage: Float array [layers, candidates]; may be negative, +inf forbids an entry.
        max_states: Most states to keep after a layer.

    Returns:
        The front; without states if some layer has no allowed candidate.

    Raises:
        ValueError: If the shapes differ, an entry is NaN or -inf, or max_states is below 2.
    """
    costs, damages, allowed = checked_entries(cost, damage)
    if max_states < 2:
        raise ValueError(f"max_states is {max_states}: at least the two extremes are kept")
    totals, harms = np.zeros(1), np.zeros(1)
    parents: list[IntArray] = []
    picks: list[IntArray] = []
    exact = True
    for layer_cost, layer_damage, layer_allowed in zip(costs, damages, allowed, strict=True):
        columns = np.flatnonzero(layer_allowed)
        if columns.size == 0:
            return KnapsackFront((), exact=True)
        grown = (totals[:, None] + layer_cost[columns]).ravel()
        harmed = (harms[:, None] + layer_damage[columns]).ravel()
        kept = np.flatnonzero(non_dominated(np.stack([grown, harmed], axis=1)))
        kept = kept[np.argsort(grown[kept], kind="stable")]
        if len(kept) > max_states:
            kept = kept[_evenly_spaced(grown[kept], max_states)]
            exact = False
        totals, harms = grown[kept], harmed[kept]
        parents.append(kept // columns.size)
        picks.append(columns[kept % columns.size])
    choices = _trace(parents, picks, len(totals))
    states = zip(choices.tolist(), totals.tolist(), harms.tolist(), strict=True)
    return KnapsackFront(tuple(KnapsackState(tuple(c), t, h) for c, t, h in states), exact)


def lagrangian_front(
    cost: npt.ArrayLike, damage: npt.ArrayLike, max_states: int = 4096
) -> KnapsackFront:
    """Returns states of the front of total cost and total damage, for many layers.

    For every weight of damage against cost each layer's best candidate is known at once; as the
    weight grows, layers step along the convex hulls of their own candidates, those first that
    lose the most damage for their cost. The states are all those on the convex hull of the front
    (Kellerer, Pferschy, Pisinger, section 11.2, the linear relaxation's) and those between them.

    Args:
        cost: Float array [layers, candidates]; +inf forbids an entry.
        damage: Float array [layers, candidates]; may be negative, +inf forbids an entry.
        max_states: Most states, evenly spaced along cost.

    Returns:
        States of the front, cheapest first, marked as thinned: those off the hull may be missing.

    Raises:
        ValueError: As `pareto_knapsack`.
    """
    costs, damages, allowed = checked_entries(cost, damage)
    if max_states < 2:
        raise ValueError(f"max_states is {max_states}: at least the two extremes are kept")
    if not allowed.any(axis=1).all():
        return KnapsackFront((), exact=True)
    start, steps = hull_steps(np.where(allowed, costs, np.inf), np.where(allowed, damages, np.inf))
    order = np.argsort(-steps.slopes, kind="stable")
    layers, targets = steps.layers[order], steps.targets[order]
    rows = np.arange(len(costs))
    totals = costs[rows, start].sum() + np.concatenate([[0.0], np.cumsum(steps.paid[order])])
    harms = damages[rows, start].sum() - np.concatenate([[0.0], np.cumsum(steps.lost[order])])
    kept = np.arange(len(totals))
    if len(kept) > max_states:
        kept = _evenly_spaced(totals, max_states)
    states, picks, at = [], start.copy(), 0
    for row in kept.tolist():
        # A layer's last step counts: numpy assigns in order.
        picks[layers[at:row]] = targets[at:row]
        at = row
        states.append(KnapsackState(tuple(picks.tolist()), float(totals[row]), float(harms[row])))
    return KnapsackFront(tuple(states), exact=False)


@dataclass(frozen=True, eq=False)
class HullSteps:
    """Steps of layers along the convex hulls of their candidates, those of a layer in order.

    Args:
        slopes: Damage lost per cost.
        layers: Layer of each step.
        targets: Candidate that it leads to.
        paid: Cost that it adds.
        lost: Damage that it takes away.
    """

    slopes: FloatArray
    layers: IntArray
    targets: IntArray
    paid: FloatArray
    lost: FloatArray


def hull_steps(costs: FloatArray, damages: FloatArray) -> tuple[IntArray, HullSteps]:
    """Each layer's cheapest candidate, and the steps along its hull to the least damaging one.

    Args:
        costs: Float array [layers, candidates]; +inf where damages are, one finite in each layer.
        damages: Float array [layers, candidates].

    Returns:
        Candidates [layers], and the steps.
    """
    rows = np.arange(len(costs))
    cheapest = costs.min(axis=1, keepdims=True)
    start = np.where(costs == cheapest, damages, np.inf).argmin(axis=1)
    columns: tuple[list[npt.NDArray[np.generic]], ...] = ([], [], [], [], [])
    at, active = start.copy(), np.ones(len(costs), dtype=bool)
    slope = np.full(len(costs), np.inf)
    while active.any():
        lost = damages[rows, at][:, None] - damages
        paid = costs - costs[rows, at][:, None]
        gain = np.full(costs.shape, -np.inf)
        np.divide(lost, paid, out=gain, where=(paid > 0) & (lost > 0) & np.isfinite(costs))
        best = gain.argmax(axis=1)
        active = gain[rows, best] > 0
        # Along a hull slopes fall, but for rounding, which must not put steps out of order.
        slope = np.minimum(slope, gain[rows, best])
        found = (slope, rows, best, paid[rows, best], lost[rows, best])
        for column, values in zip(columns, found, strict=True):
            column.append(values[active])
        at = np.where(active, best, at)
    return start, HullSteps(*(np.concatenate(column) for column in columns))


def checked_entries(
    cost: npt.ArrayLike, damage: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, npt.NDArray[np.bool_]]:
    """Returns both arrays and which entries are allowed."""
    costs, damages = np.asarray(cost, np.float64), np.asarray(damage, np.float64)
    if costs.ndim != 2 or costs.shape != damages.shape or 0 in costs.shape:
        shapes = f"cost is {costs.shape}, damage is {damages.shape}"
        raise ValueError(f"{shapes}: need one shape [layers, candidates]")
    if not (np.isfinite(both := np.stack([costs, damages])) | np.isposinf(both)).all():
        raise ValueError("cost or damage has an entry that is NaN or -inf")
    return costs, damages, np.isfinite(costs) & np.isfinite(damages)


def _evenly_spaced(sorted_values: FloatArray, count: int) -> IntArray:
    """Returns at most so many indices, evenly along the values, both ends among them."""
    marks = np.linspace(sorted_values[0], sorted_values[-1], count)
    right = np.clip(np.searchsorted(sorted_values, marks), 1, len(sorted_values) - 1)
    nearer_left = marks - sorted_values[right - 1] <= sorted_values[right] - marks
    return np.unique(np.where(nearer_left, right - 1, right))


def _trace(parents: Sequence[IntArray], picks: Sequence[IntArray], count: int) -> IntArray:
    """Follows each final state back through the layers; int array [states, layers]."""
    choices = np.empty((count, len(picks)), dtype=np.intp)
    at = np.arange(count)
    for layer in range(len(picks) - 1, -1, -1):
        choices[:, layer] = picks[layer][at]
        at = parents[layer][at]
    return choices
