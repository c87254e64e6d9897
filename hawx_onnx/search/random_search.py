"""Random search: the least that a method has to beat at an equal number of evaluations."""

from __future__ import annotations

import numpy as np

from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.search.exhaustive import measure_all
from hawx_onnx.search.problem import Measurer, Problem
from hawx_onnx.search.result import SearchResult

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
    generator = np.random.default_rng(seed)
    drawn: dict[tuple[int, ...], None] = {}
    while len(drawn) < min(evaluations, problem.space_size):
        picks = generator.integers(
            problem.allowed.start, problem.allowed.stop, size=len(problem.workloads)
        )
        drawn[tuple(int(pick) for pick in picks)] = None
    return measure_all("random", problem, measurer, drawn)
