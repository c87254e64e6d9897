"""HAWX search: predict with single-layer responses, solve a knapsack, measure what looks best."""

from __future__ import annotations

import time

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import (
    FilterNoiseSurrogate,
    FilterSurrogate,
    ResponseSurrogate,
    Surrogate,
)
from hawx_onnx.search.active import ActiveSearch
from hawx_onnx.search.candidates import Candidates
from hawx_onnx.search.filter_level import search_filters
from hawx_onnx.search.learner import Learner
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.pool import ENUMERATE, build_pool
from hawx_onnx.search.problem import Problem
from hawx_onnx.search.result import SearchResult, collect_points

DEFAULT_EVALUATIONS = 40
# Of a small space a tenth will do, or it might as well be measured whole; but no fewer than these.
SPACE_SHARE, LEAST_EVALUATIONS = 10, 8


def search_hawx(
    problem: Problem,
    measurer: Measurer,
    surrogate: Surrogate | None = None,
    *,
    seed: int = 0,
    scoring_seconds: float = 0.0,
) -> SearchResult:
    """Surrogate and knapsack, then measurements where they decide.

    First some of the predicted front are measured. Then, as long as evaluations are left, the
    choice with the greatest expected saving: the probability that it meets the budget times what
    it saves over the best one found. Predictions are learnt from what is measured
    (:mod:`hawx_onnx.search.learner`), and in a space too large to enumerate new choices are looked
    for around the most promising ones. Where no choice is likely to improve on the best one,
    those are measured that add to the front.

    Args:
        problem: The problem.
        measurer: Runs the network; without a limit of its own, 40 choices are measured, of a
            small space a tenth.
        surrogate: Predicts accuracies.
        seed: Of the predictor.
        scoring_seconds: What the responses of the surrogate took.
    """
    if surrogate is None:
        raise ConfigError("needs scores", where="--method hawx", mend="score the layers first")
    if isinstance(surrogate, FilterSurrogate | FilterNoiseSurrogate):
        return search_filters(
            problem,
            measurer,
            surrogate,
            search_hawx,
            _evaluations(problem, measurer),
            seed=seed,
            scoring_seconds=scoring_seconds,
        )
    start, before = time.perf_counter(), measurer.seconds
    damages = surrogate.damages()
    pool, thinned = build_pool(problem, damages)
    evaluations = _evaluations(problem, measurer)
    grows = problem.space_size > ENUMERATE
    # The trees learn from class scores.
    trees = grows and isinstance(surrogate, ResponseSurrogate)
    learner = Learner(problem, surrogate, trees=trees, seed=seed)
    candidates = Candidates(problem, measurer, learner, pool)
    active = ActiveSearch(candidates, learner, measurer, damages, grows=grows)
    front = [candidates.choice(row) for row in active.predicted_front()]
    active.run(evaluations)
    known = [candidates.choice(row) for row in candidates.measured]
    chosen = list(dict.fromkeys([*front, *known]))
    # One by one, as what is summed together moves the last digits.
    rows = problem.encode(chosen).tolist() if chosen else []
    shown = {one: surrogate.accuracy(tuple(row)) for one, row in zip(chosen, rows, strict=True)}
    points = collect_points(problem, measurer, shown, shown)
    measuring = measurer.seconds - before
    solving = time.perf_counter() - start - measuring
    # What follows only tells how good predictions were.
    report = active.report({choice: learner.exact - value for choice, value in shown.items()})
    return SearchResult(
        method="hawx",
        points=points,
        baseline_accuracy=candidates.baseline.value,
        evaluations=measurer.evaluations,
        scoring_seconds=scoring_seconds,
        solving_seconds=solving,
        measuring_seconds=measuring,
        space_size=problem.space_size,
        relaxed=thinned,
        samples_run=measurer.samples_run,
        stopped_by=measurer.stopped_by,
        remembered=measurer.remembered,
        predictor=report,
    )


def _evaluations(problem: Problem, measurer: Measurer) -> int:
    """How many choices to measure at most."""
    if measurer.left is not None:
        return measurer.left
    share = max(LEAST_EVALUATIONS, problem.space_size // SPACE_SHARE)
    return min(DEFAULT_EVALUATIONS, share)
