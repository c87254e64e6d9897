"""HAWX search: predict with single-layer responses, solve a knapsack, measure what looks best."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import FilterSurrogate, ResponseSurrogate
from hawx_onnx.search.filter_level import search_filters
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.pareto import non_dominated
from hawx_onnx.search.pool import build_pool
from hawx_onnx.search.problem import Choice, Problem
from hawx_onnx.search.result import SearchResult, collect_points

DEFAULT_EVALUATIONS = 40


def search_hawx(
    problem: Problem,
    measurer: Measurer,
    surrogate: ResponseSurrogate | FilterSurrogate | None = None,
    *,
    seed: int = 0,
    scoring_seconds: float = 0.0,
) -> SearchResult:
    """Surrogate and knapsack, then measurements where they decide.

    First the predicted front is measured around the budget. Then, as long as evaluations are
    left, the cheapest assignment that could still beat the best one found is measured; its
    prediction is first corrected by the error seen on the measured ones nearest to it in cost.

    Args:
        problem: The problem.
        measurer: Runs the network; without a limit of its own, 40 choices are measured.
        surrogate: Predicts accuracies.
        seed: Not used; the signature is that of all methods.
        scoring_seconds: What the responses of the surrogate took.
    """
    if surrogate is None:
        raise ConfigError("needs scores", where="--method hawx", mend="score the layers first")
    if isinstance(surrogate, FilterSurrogate):
        most = DEFAULT_EVALUATIONS if measurer.left is None else measurer.left
        return search_filters(
            problem,
            measurer,
            surrogate,
            search_hawx,
            most,
            seed=seed,
            scoring_seconds=scoring_seconds,
        )
    start, before = time.perf_counter(), measurer.seconds
    pool, thinned = build_pool(problem, surrogate.damages())
    picks = [tuple(row) for row in problem.encode(pool).tolist()]
    costs = problem.scores(pool)
    predicted = surrogate.accuracies(picks)
    offset = surrogate.accuracy((0,) * len(problem.units))
    baseline = measurer.baseline().value
    evaluations = DEFAULT_EVALUATIONS if measurer.left is None else measurer.left
    state = _State(problem, measurer, pool, costs, offset - predicted, baseline)
    front = state.predicted_front()
    state.measure(state.measuring_order(front, evaluations))
    while state.count < evaluations and not measurer.exhausted:
        promising = state.next_promising()
        if promising is None:
            break
        state.measure([promising])
    shown = {pool[row]: float(predicted[row]) for row in state.shown(front)}
    points = collect_points(problem, measurer, shown, shown)
    measuring = measurer.seconds - before
    return SearchResult(
        method="hawx",
        points=points,
        baseline_accuracy=baseline,
        evaluations=measurer.evaluations,
        scoring_seconds=scoring_seconds,
        solving_seconds=time.perf_counter() - start - measuring,
        measuring_seconds=measuring,
        space_size=problem.space_size,
        relaxed=thinned,
        samples_run=measurer.samples_run,
        stopped_by=measurer.stopped_by,
        remembered=measurer.remembered,
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

    def measure(self, rows: Sequence[int]) -> None:
        """Measures choices together, as far as the limits allow."""
        found = self.measurer.measure_all([self.pool[row] for row in rows])
        for row, accuracy in zip(rows, found, strict=True):
            if accuracy is not None:
                self.measured_drop[row] = self.baseline - accuracy.value

    def shown(self, front: Sequence[int]) -> list[int]:
        """Rows to report: the predicted front and everything measured."""
        return sorted({*front, *(int(r) for r in np.flatnonzero(~np.isnan(self.measured_drop)))})

    def next_promising(self) -> int | None:
        """The cheapest unmeasured choice that, corrected, meets the budget and beats the best."""
        known = np.flatnonzero(~np.isnan(self.measured_drop))
        whole = [self.measurer.complete(self.pool[row]) for row in known]
        good = known[(self.measured_drop[known] <= self.limit) & np.array(whole, dtype=bool)]
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
