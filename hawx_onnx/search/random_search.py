"""Random search: the least that a method has to beat at an equal number of evaluations."""

from __future__ import annotations

import time

import numpy as np

from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.search.problem import Measurer, Problem
from hawx_onnx.search.result import Point, SearchResult

DEFAULT_EVALUATIONS = 40


def search_random(
    problem: Problem,
    measurer: Measurer,
    surrogate: ResponseSurrogate | None = None,
    *,
    evaluations: int = DEFAULT_EVALUATIONS,
    seed: int = 0,
) -> SearchResult:
    """Measures assignments drawn evenly from the space, none twice.

    Args:
        problem: The problem.
        measurer: Runs the network.
        surrogate: Not used; the signature is that of all methods.
        evaluations: How many to draw, at most the size of the space.
        seed: Seed of the draw.
    """
    start = time.perf_counter()
    before = measurer.seconds
    generator = np.random.default_rng(seed)
    baseline = measurer.measure(problem.exact_choice).value
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < min(evaluations, problem.space_size):
        picks = generator.integers(
            problem.allowed.start, problem.allowed.stop, size=len(problem.workloads)
        )
        drawn[tuple(int(pick) for pick in picks)] = None
    points = [
        Point(choice, problem.report(choice).total, None, measurer.measure(choice).value)
        for choice in drawn
    ]
    points.sort(key=lambda p: (problem.objective_of(p.totals), p.choice))
    measuring = measurer.seconds - before
    return SearchResult(
        method="random",
        points=tuple(points),
        baseline_accuracy=baseline,
        evaluations=len(points),
        scoring_seconds=0.0,
        solving_seconds=time.perf_counter() - start - measuring,
        measuring_seconds=measuring,
        space_size=problem.space_size,
    )
