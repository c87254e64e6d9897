"""Exhaustive search: measure every assignment. The reference the other methods are held against."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.search.problem import Choice, Measurer, Problem
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
    layers = len(problem.workloads)
    return measure_all(
        "exhaustive", problem, measurer, itertools.product(problem.allowed, repeat=layers)
    )


def measure_all(
    method: str, problem: Problem, measurer: Measurer, choices: Iterable[Choice]
) -> SearchResult:
    """Measures choices one after the other, without predicting anything.

    Args:
        method: Name for the result.
        problem: The problem.
        measurer: Runs the network.
        choices: What to measure.
    """
    start = time.perf_counter()
    before = measurer.seconds
    baseline = measurer.measure(problem.exact_choice).value
    points = [
        Point(choice, problem.report(choice).total, None, measurer.measure(choice).value)
        for choice in choices
    ]
    points.sort(key=lambda p: (problem.objective_of(p.totals), p.choice))
    measuring = measurer.seconds - before
    return SearchResult(
        method=method,
        points=tuple(points),
        baseline_accuracy=baseline,
        evaluations=len(points),
        scoring_seconds=0.0,
        solving_seconds=time.perf_counter() - start - measuring,
        measuring_seconds=measuring,
        space_size=problem.space_size,
    )
