"""Exhaustive search: measure every assignment. The reference the other methods are held against."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import Surrogate
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.problem import Choice, Problem, size_text
from hawx_onnx.search.result import SearchResult, collect_points

MOST = 100_000


def search_exhaustive(
    problem: Problem,
    measurer: Measurer,
    surrogate: Surrogate | None = None,
    *,
    seed: int = 0,
    scoring_seconds: float = 0.0,
) -> SearchResult:
    """Measures the whole space, within the measurer's limits.

    Args:
        problem: The problem.
        measurer: Runs the network.
        surrogate: Not used, nor are the others; the signature is that of all methods.
        seed: Not used.
        scoring_seconds: Not used.

    Raises:
        ConfigError: The space is larger than 100,000 assignments.
    """
    if problem.space_size > MOST:
        raise ConfigError(
            f"the space has {size_text(problem.space_size)} assignments, more than {MOST:,}",
            where="--method exhaustive",
            mend="name fewer --candidates, or use --method hawx",
        )
    choices = (problem.decode(picks) for picks in itertools.product(*problem.options))
    return measure_all("exhaustive", problem, measurer, choices)


def measure_all(
    method: str, problem: Problem, measurer: Measurer, choices: Iterable[Choice]
) -> SearchResult:
    """Measures choices together, without predicting anything.

    Args:
        method: Name for the result.
        problem: The problem.
        measurer: Runs the network.
        choices: What to measure, as far as the measurer's limits allow.
    """
    start = time.perf_counter()
    before = measurer.seconds
    baseline = measurer.baseline().value
    wanted = list(dict.fromkeys(choices))
    measurer.measure_all(wanted)
    points = collect_points(problem, measurer, (c for c in wanted if measurer.known(c)))
    measuring = measurer.seconds - before
    return SearchResult(
        method=method,
        points=points,
        baseline_accuracy=baseline,
        evaluations=measurer.evaluations,
        scoring_seconds=0.0,
        solving_seconds=time.perf_counter() - start - measuring,
        measuring_seconds=measuring,
        space_size=problem.space_size,
        samples_run=measurer.samples_run,
        stopped_by=measurer.stopped_by,
        remembered=measurer.remembered,
    )
