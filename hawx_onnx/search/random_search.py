"""Random search: the least that a method has to beat at an equal number of evaluations."""

from __future__ import annotations

import numpy as np

from hawx_onnx.predictors import Surrogate
from hawx_onnx.search.exhaustive import measure_all
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.problem import Choice, Problem
from hawx_onnx.search.result import SearchResult

DEFAULT_EVALUATIONS = 40


def search_random(
    problem: Problem,
    measurer: Measurer,
    surrogate: Surrogate | None = None,
    *,
    seed: int = 0,
    scoring_seconds: float = 0.0,
) -> SearchResult:
    """Measures assignments drawn evenly from the space, none twice.

    Args:
        problem: The problem.
        measurer: Runs the network; its limit, or 40, is how many are drawn.
        surrogate: Not used; the signature is that of all methods.
        seed: Seed of the draw.
        scoring_seconds: Not used.
    """
    generator = np.random.default_rng(seed)
    drawn: dict[Choice, None] = {}
    evaluations = DEFAULT_EVALUATIONS if measurer.left is None else measurer.left
    starts = [options.start for options in problem.options]
    stops = [options.stop for options in problem.options]
    while len(drawn) < min(evaluations, problem.space_size):
        picks = generator.integers(starts, stops)
        drawn[problem.decode(picks.tolist())] = None
    return measure_all("random", problem, measurer, drawn)
