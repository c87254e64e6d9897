"""Exhaustive search: measure every assignment. The reference the other methods are held against."""

from __future__ import annotations

import itertools
import time

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.search.problem import Measurer, Problem
from hawx_onnx.search.result import Point, SearchResult

MOST = 100_000


def search_exhaustive(
    problem: Problem, measurer: Measurer, surrogate: ResponseSurrogate | None = None
) -> SearchResult:
    """Measures the whole space.

    Args:
        problem: The problem.
        measurer: Without an evaluation limit.
        surrogate: Not used; the signature is that of all methods.

    Raises:
        ConfigError: The space is larger than 100,000 assignments.
    """
    if problem.space_size > MOST:
        raise ConfigError(
            f"the space has {problem.space_size:,} assignments, more than {MOST:,}",
            where="--method exhaustive",
            mend="name fewer --candidates, or use --method hawx",
        )
    start = time.perf_counter()
    before = measurer.seconds
    baseline = measurer.measure(problem.exact_choice).value
    points = []
    for choice in itertools.product(problem.allowed, repeat=len(problem.workloads)):
        accuracy = measurer.measure(choice).value
        points.append(Point(choice, problem.report(choice).total, None, accuracy))
    points.sort(key=lambda p: (problem.objective_of(p.totals), p.choice))
    measuring = measurer.seconds - before
    return SearchResult(
        method="exhaustive",
        points=tuple(points),
        baseline_accuracy=baseline,
        evaluations=len(points),
        scoring_seconds=0.0,
        solving_seconds=time.perf_counter() - start - measuring,
        measuring_seconds=measuring,
        space_size=problem.space_size,
    )
