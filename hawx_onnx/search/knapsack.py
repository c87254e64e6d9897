"""Multiple-choice knapsack: one candidate per layer, the least cost for the least damage.

Cost and damage are sums over layers of one entry each (Kellerer, Pferschy, Pisinger, "Knapsack
Problems", chapter 11). The whole front comes from dynamic programming with dominance pruning;
costs that layers share, and limits on the number of types, go to a mixed-integer program.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from hawx_onnx.search.pareto import non_dominated

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.intp]

# By how much HiGHS may miss a constraint whose numbers are of order one.
_TOLERANCE = 1e-6
# How many choices over the budget are cut off singly before the budget itself is tightened.
_MOST_CUTS = 32


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
    costs, damages, allowed = _checked(cost, damage)
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


def solve_milp(
    cost: npt.ArrayLike,
    damage: npt.ArrayLike,
    budget: float,
    allowed_types: Sequence[int] | None = None,
    max_types: int | None = None,
    type_cost: npt.ArrayLike | None = None,
    time_limit_s: float | None = None,
) -> KnapsackState | None:
    """Returns the cheapest choice within a damage budget, with limits and costs per type.

    Minimises sum_l cost[l, m_l] + sum of type_cost over the types used anywhere, subject to
    sum_l damage[l, m_l] <= budget, by HiGHS: the budget is kept strictly, the cost is optimal
    within HiGHS's absolute gap, a millionth of the largest entry.

    Args:
        cost: Float array [layers, candidates]; +inf forbids an entry.
        damage: Float array [layers, candidates]; may be negative, +inf forbids an entry.
        budget: Largest total damage.
        allowed_types: Candidate indices that may be used; all if None.
        max_types: Most different candidates that may be used.
        type_cost: Float array [candidates], cost that a candidate adds once if any layer uses it.
        time_limit_s: Seconds after which the best choice found so far is returned.

    Returns:
        The choice, or None if no choice meets the limits (or none was found in time).

    Raises:
        ValueError: If shapes do not fit, an entry is NaN or -inf, or an index is out of range.
        RuntimeError: If HiGHS fails.
    """
    costs, damages, allowed = _checked(cost, damage)
    candidates = costs.shape[1]
    shared = np.zeros(candidates) if type_cost is None else np.asarray(type_cost, np.float64)
    if shared.shape != (candidates,) or not np.isfinite(shared).all():
        raise ValueError(f"type_cost is {shared.shape}: need {candidates} finite numbers")
    if allowed_types is not None:
        for index in allowed_types:
            if not 0 <= index < candidates:
                raise ValueError(f"allowed_types has {index}, there are {candidates} candidates")
        allowed = allowed & np.isin(np.arange(candidates), list(allowed_types))
    limit = candidates if max_types is None else max_types
    if np.isnan(budget):
        raise ValueError("budget is NaN")
    least = np.where(allowed, damages, np.inf).min(axis=1).sum()
    if limit < 1 or least > budget:
        return None
    return _Program(costs, damages, shared, allowed, budget, limit).solve(time_limit_s)


class _Program:
    """The mixed-integer program: x[l, m] picks a candidate, y[m] says whether it is in use."""

    def __init__(
        self,
        costs: FloatArray,
        damages: FloatArray,
        shared: FloatArray,
        allowed: npt.NDArray[np.bool_],
        budget: float,
        limit: int,
    ) -> None:
        self.costs, self.damages, self.shared = costs, damages, shared
        self.allowed, self.budget, self.limit = allowed, budget, limit

    def solve(self, time_limit_s: float | None) -> KnapsackState | None:
        """Returns the optimum; a choice over the budget by mere tolerance is cut off."""
        from scipy.optimize import LinearConstraint

        layers, candidates = self.costs.shape
        cuts: list[Any] = []
        slack = 0.0
        while True:
            constraints = [self._budget(slack), *self._structure(), *cuts]
            result = self._run(constraints, time_limit_s)
            if result.x is None:
                if result.status not in (1, 2):
                    raise RuntimeError(f"HiGHS: {result.message}")
                return None
            picked = result.x[: layers * candidates].reshape(layers, candidates).argmax(axis=1)
            state = self._state(picked, optimal=result.status == 0 and slack == 0)
            if state.damage <= self.budget:
                return state
            cut = np.zeros(result.x.size)
            cut[np.arange(layers) * candidates + picked] = 1
            cuts.append(LinearConstraint(cut[None], -np.inf, layers - 1))
            slack = 0.0 if len(cuts) < _MOST_CUTS else slack + 2 * _TOLERANCE

    def _state(self, picked: IntArray, optimal: bool) -> KnapsackState:
        """Returns the true sums of a choice."""
        layers = np.arange(len(picked))
        total = self.costs[layers, picked].sum() + self.shared[np.unique(picked)].sum()
        harm = self.damages[layers, picked].sum()
        choice = tuple(int(index) for index in picked)
        return KnapsackState(choice, float(total), float(harm), optimal)

    def _budget(self, slack: float) -> Any:  # noqa: ANN401 - scipy is untyped
        """Returns the constraint on the damage, in numbers of order one."""
        from scipy.optimize import LinearConstraint

        harm = np.where(self.allowed, self.damages, 0.0).ravel()
        scale = max(float(np.abs(harm).max()), 1e-300)
        row = np.concatenate([harm / scale, np.zeros(self.costs.shape[1])])[None]
        return LinearConstraint(row, -np.inf, self.budget / scale - slack)

    def _structure(self) -> list[Any]:
        """Returns the constraints that tie picks and types together."""
        from scipy import sparse
        from scipy.optimize import LinearConstraint

        layers, candidates = self.costs.shape
        types, picks = sparse.identity(candidates), sparse.identity(layers * candidates)
        no_types = sparse.csr_array((layers, candidates))
        one_each = sparse.kron(sparse.identity(layers), np.ones((1, candidates)))
        constraints = [LinearConstraint(sparse.hstack([one_each, no_types], format="csc"), 1, 1)]
        if self.shared.any() or self.limit < candidates:
            # x[l, m] <= y[m]: tighter than one row per candidate, so that HiGHS branches less.
            used = sparse.hstack([picks, -sparse.kron(np.ones((layers, 1)), types)], format="csc")
            # y[m] <= sum_l x[l, m]: a type that no layer uses neither costs nor earns.
            idle = sparse.hstack([-sparse.kron(np.ones((1, layers)), types), types], format="csc")
            count = np.concatenate([np.zeros(layers * candidates), np.ones(candidates)])[None]
            constraints += [
                LinearConstraint(used, -np.inf, 0),
                LinearConstraint(idle, -np.inf, 0),
                LinearConstraint(count, -np.inf, self.limit),
            ]
        return constraints

    def _run(self, constraints: list[Any], time_limit_s: float | None) -> Any:  # noqa: ANN401
        """Runs HiGHS, whose tolerances are absolute: the objective is scaled to order one."""
        from scipy.optimize import Bounds, milp

        objective = np.concatenate([np.where(self.allowed, self.costs, 0.0).ravel(), self.shared])
        objective /= max(float(np.abs(objective).max()), 1e-300)
        limit = {} if time_limit_s is None else {"time_limit": time_limit_s}
        with _quiet_stdout():
            return milp(
                objective,
                integrality=np.ones(objective.size),
                bounds=Bounds(0, np.append(self.allowed.ravel(), np.ones(self.costs.shape[1]))),
                constraints=constraints,
                options={"mip_rel_gap": 0.0, **limit},
            )


@contextlib.contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Sends what C code prints to stderr: HiGHS leaves debugging lines on stdout now and then."""
    try:
        sys.stdout.flush()
        saved = os.dup(1)
        os.dup2(2, 1)
    except (AttributeError, OSError):
        return (yield)  # no standard streams at all
    try:
        yield
    finally:
        # The C library buffers lines of its own, which must leave before the way back opens.
        ctypes.CDLL(None).fflush(None)
        os.dup2(saved, 1)
        os.close(saved)


def _checked(
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
