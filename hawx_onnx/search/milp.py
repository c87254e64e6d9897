"""The multiple-choice knapsack as a mixed-integer program, for HiGHS through scipy.

For what dynamic programming cannot do: costs that layers share, limits on the number of types, and
limits on further costs.
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

from hawx_onnx.search.knapsack import FloatArray, IntArray, KnapsackState, checked_entries

# By how much HiGHS may miss a constraint whose numbers are of order one.
_TOLERANCE = 1e-6
# How many choices over a limit are cut off singly before the limits themselves are tightened.
_MOST_CUTS = 32


@dataclass(frozen=True, eq=False)
class CostLimit:
    """A further cost that must not exceed a number.

    Args:
        per_layer: Float array [layers, candidates], what each choice adds.
        per_type: Float array [candidates], what a candidate adds once if any layer uses it.
        most: The limit.
    """

    per_layer: FloatArray
    per_type: FloatArray
    most: float

    def holds(self, picked: IntArray) -> bool:
        """Whether a choice keeps to it."""
        layers = np.arange(len(picked))
        used = self.per_type[np.unique(picked)].sum()
        return bool(self.per_layer[layers, picked].sum() + used <= self.most)


def solve_milp(
    cost: npt.ArrayLike,
    damage: npt.ArrayLike,
    budget: float,
    allowed_types: Sequence[int] | None = None,
    max_types: int | None = None,
    type_cost: npt.ArrayLike | None = None,
    most_nodes: int | None = None,
    limits: Sequence[CostLimit] = (),
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
        most_nodes: Branches after which the best choice found so far is returned; no time would be
            the same on each machine.
        limits: Further costs.

    Returns:
        The choice, or None if no choice meets the limits (or none was found by then).

    Raises:
        ValueError: If shapes do not fit, an entry is NaN or -inf, or an index is out of range.
        RuntimeError: If HiGHS fails.
    """
    costs, damages, allowed = checked_entries(cost, damage)
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
    return _Program(costs, damages, shared, allowed, budget, limit, limits).solve(most_nodes)


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
        limits: Sequence[CostLimit],
    ) -> None:
        self.costs, self.damages, self.shared = costs, damages, shared
        self.allowed, self.budget, self.limit, self.limits = allowed, budget, limit, limits

    def solve(self, most_nodes: int | None) -> KnapsackState | None:
        """Returns the optimum; a choice over a limit by mere tolerance is cut off."""
        from scipy.optimize import LinearConstraint

        layers, candidates = self.costs.shape
        cuts: list[Any] = []
        slack = 0.0
        while True:
            constraints = [self._budget(slack), *self._limits(slack), *self._structure(), *cuts]
            result = self._run(constraints, most_nodes)
            if result.x is None:
                if result.status not in (1, 2):
                    raise RuntimeError(f"HiGHS: {result.message}")
                return None
            picked = result.x[: layers * candidates].reshape(layers, candidates).argmax(axis=1)
            state = self._state(picked, optimal=result.status == 0 and slack == 0)
            if state.damage <= self.budget and all(limit.holds(picked) for limit in self.limits):
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

    def _limits(self, slack: float) -> list[Any]:
        """Returns the constraints on further costs, likewise."""
        from scipy.optimize import LinearConstraint

        constraints = []
        for limit in self.limits:
            each = np.where(self.allowed, limit.per_layer, 0.0).ravel()
            row = np.concatenate([each, limit.per_type])
            scale = max(float(np.abs(row).max()), 1e-300)
            most = limit.most / scale - slack
            constraints.append(LinearConstraint(row[None] / scale, -np.inf, most))
        return constraints

    def _structure(self) -> list[Any]:
        """Returns the constraints that tie picks and types together."""
        from scipy import sparse
        from scipy.optimize import LinearConstraint

        layers, candidates = self.costs.shape
        types, picks = sparse.identity(candidates), sparse.identity(layers * candidates)
        no_types = sparse.csr_array((layers, candidates))
        one_each = sparse.kron(sparse.identity(layers), np.ones((1, candidates)))
        constraints = [LinearConstraint(sparse.hstack([one_each, no_types], format="csc"), 1, 1)]
        typed = any(limit.per_type.any() for limit in self.limits)
        if self.shared.any() or typed or self.limit < candidates:
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

    def _run(self, constraints: list[Any], most_nodes: int | None) -> Any:  # noqa: ANN401
        """Runs HiGHS, whose tolerances are absolute: the objective is scaled to order one."""
        from scipy.optimize import Bounds, milp

        objective = np.concatenate([np.where(self.allowed, self.costs, 0.0).ravel(), self.shared])
        objective /= max(float(np.abs(objective).max()), 1e-300)
        limit = {} if most_nodes is None else {"node_limit": most_nodes}
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
