"""HAWX search: predict with single-layer responses, solve a knapsack, measure what looks best."""

from __future__ import annotations

import time

import numpy as np

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.pool import build_pool
from hawx_onnx.search.problem import Choice, Measurer, Problem
from hawx_onnx.search.result import Point, SearchResult

DEFAULT_EVALUATIONS = 40


def search_hawx(
    problem: Problem,
    measurer: Measurer,
    surrogate: ResponseSurrogate | None = None,
    *,
    evaluations: int = DEFAULT_EVALUATIONS,
    scoring_seconds: float = 0.0,
) -> SearchResult:
    """Surrogate and knapsack, then measurements where they decide.

    First the predicted front is measured around the budget. Then, as long as evaluations are
    left, the cheapest assignment that could still beat the best one found is measured; its
    prediction is first corrected by the error seen on the measured ones nearest to it in cost.

    Args:
        problem: The problem.
        measurer: Runs the network.
        surrogate: Predicts accuracies.
        evaluations: Most measurements.
        scoring_seconds: What the responses of the surrogate took.
    """
    if surrogate is None:
        raise ConfigError("needs scores", where="--method hawx", mend="score the layers first")
    start, before = time.perf_counter(), measurer.seconds
    pool, thinned = build_pool(problem, surrogate.damages())
    costs = problem.terms.evaluate(pool)
    predicted = surrogate.accuracies(pool)
    offset = surrogate.accuracy(problem.exact_choice)
    baseline = measurer.measure(problem.exact_choice).value
    state = _State(problem, measurer, pool, costs, offset - predicted, baseline)
    front = state.predicted_front()
    for row in state.measuring_order(front, evaluations):
        state.measure(row)
    while state.count < evaluations and (promising := state.next_promising()) is not None:
        state.measure(promising)
    points = _points(state, set(front), predicted)
    measuring = measurer.seconds - before
    return SearchResult(
        method="hawx",
        points=points,
        baseline_accuracy=baseline,
        evaluations=state.count,
        scoring_seconds=scoring_seconds,
        solving_seconds=time.perf_counter() - start - measuring,
        measuring_seconds=measuring,
        space_size=problem.space_size,
        relaxed=thinned,
    )


class _State:
    """The pool with its predictions and measurements."""

    def __init__(
        self,
        problem: Problem,
        measurer: Measurer,
        pool: list[Choice],
        costs: np.ndarray,
        predicted_drop: np.ndarray,
        baseline: float,
    ) -> None:
        self.problem, self.measurer, self.pool = problem, measurer, pool
        self.costs, self.predicted_drop, self.baseline = costs, predicted_drop, baseline
        self.measured_drop = np.full(len(pool), np.nan)
        self.limit = problem.budget.max_accuracy_drop + 1e-6
        self.affordable = problem.affordable(pool)

    @property
    def count(self) -> int:
        """How many of the pool are measured."""
        return int((~np.isnan(self.measured_drop)).sum())

    def predicted_front(self) -> list[int]:
        """Rows of the predicted front within the hardware limits, cheapest first."""
        rows = np.flatnonzero(self.affordable)
        values = np.stack([self.costs[rows], self.predicted_drop[rows]], axis=1)
        rows = rows[non_dominated(values)]
        return [int(row) for row in rows[np.argsort(self.costs[rows], kind="stable")]]

    def measuring_order(self, front: list[int], evaluations: int) -> list[int]:
        """Front rows to measure first: those nearest to the budget, within half the evaluations."""
        near = sorted(front, key=lambda row: abs(self.predicted_drop[row] - self.limit))
        return near[: min(evaluations, max(1, evaluations // 2))]

    def measure(self, row: int) -> None:
        """Measures one choice."""
        accuracy = self.measurer.measure(self.pool[row]).value
        self.measured_drop[row] = self.baseline - accuracy

    def next_promising(self) -> int | None:
        """The cheapest unmeasured choice that, corrected, meets the budget and beats the best."""
        known = np.flatnonzero(~np.isnan(self.measured_drop))
        good = known[self.measured_drop[known] <= self.limit]
        best = self.costs[good].min() if good.size else np.inf
        error = (self.measured_drop - self.predicted_drop)[known]
        unmeasured = np.isnan(self.measured_drop)
        open_rows = np.flatnonzero(unmeasured & self.affordable & (self.costs < best))
        for row in open_rows[np.argsort(self.costs[open_rows], kind="stable")]:
            nearest = np.argsort(np.abs(self.costs[known] - self.costs[row]))[:3]
            expected = self.predicted_drop[row] + error[nearest].mean()
            if expected <= self.limit:
                return int(row)
        return None


def _points(state: _State, front: set[int], predicted: np.ndarray) -> tuple[Point, ...]:
    """The predicted front and everything measured, cheapest first."""
    rows = sorted(
        front | {int(row) for row in np.flatnonzero(~np.isnan(state.measured_drop))},
        key=lambda row: (state.costs[row], state.pool[row]),
    )
    points = []
    for row in rows:
        choice = state.pool[row]
        known = state.measurer.known(choice)
        totals = state.problem.report(choice).total
        accuracy = None if known is None else known.value
        points.append(Point(choice, totals, float(predicted[row]), accuracy))
    return tuple(points)
