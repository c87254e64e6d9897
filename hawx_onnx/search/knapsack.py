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
