"""NSGA-II over measured accuracy and costs: a reference that predicts nothing.

Deb et al., "A Fast and Elitist Multiobjective Genetic Algorithm: NSGA-II" (IEEE TEC 2002), in
pymoo's implementation. A gene is the multiplier of a unit: of a layer, or of a group of channels.
Every individual is measured and counted; the first population holds the designs with one multiplier
everywhere.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from hawx_onnx.errors import ConfigError
from hawx_onnx.predictors import Surrogate
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.problem import Choice, Problem
from hawx_onnx.search.result import SearchResult, collect_points

# Ten times what a search needs that predicts.
DEFAULT_EVALUATIONS = 400
SMALLEST_POPULATION, LARGEST_POPULATION = 8, 40
# Generations without a new individual, after which the search has converged.
PATIENCE = 30


def search_nsga2(
    problem: Problem,
    measurer: Measurer,
    surrogate: Surrogate | None = None,
    *,
    seed: int = 0,
    scoring_seconds: float = 0.0,
) -> SearchResult:
    """Measures generation after generation until a limit, the whole space, or convergence.

    Args:
        problem: The problem.
        measurer: Runs the network; without a limit of its own, 400 choices are measured.
        surrogate: Not used; the signature is that of all methods.
        seed: Seed of the genetic operators.
        scoring_seconds: Not used.

    Raises:
        ConfigError: pymoo is not installed.
    """
    start, before = time.perf_counter(), measurer.seconds
    baseline = measurer.baseline().value
    evaluations = DEFAULT_EVALUATIONS if measurer.left is None else measurer.left
    evaluations = min(evaluations, problem.space_size)
    algorithm = _algorithm(problem, evaluations, seed)
    idle = 0
    while measurer.evaluations < evaluations and idle < PATIENCE and not measurer.exhausted:
        known = measurer.evaluations
        population = algorithm.ask()
        choices = [problem.decode(genes) for genes in population.get("X").astype(int).tolist()]
        room = evaluations - known
        new = [c for c in dict.fromkeys(choices) if measurer.known(c) is None][:room]
        # What was measured before is asked for too: the exact design counts once it is.
        measurer.measure_all([*(c for c in dict.fromkeys(choices) if measurer.known(c)), *new])
        idle = idle + 1 if measurer.evaluations == known else 0
        _tell(algorithm, population, problem, measurer, choices, baseline)
    points = collect_points(problem, measurer, (choice for choice, _ in measurer.measured()))
    measuring = measurer.seconds - before
    return SearchResult(
        method="nsga2",
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


def _algorithm(problem: Problem, evaluations: int, seed: int) -> Any:  # noqa: ANN401 - untyped
    """The algorithm of pymoo, set up for integer genes."""
    try:
        from pymoo.algorithms.moo.nsga2 import NSGA2
        from pymoo.core.problem import Problem as Genes
        from pymoo.operators.crossover.sbx import SBX
        from pymoo.operators.mutation.pm import PM
        from pymoo.operators.repair.rounding import RoundingRepair
    except ImportError as error:
        raise ConfigError(
            "needs pymoo, which is not installed",
            where="--method nsga2",
            mend="pip install 'hawx-onnx[nsga2]'",
        ) from error
    lowest = np.array([options.start for options in problem.options])
    highest = np.array([options.stop - 1 for options in problem.options])
    genes = Genes(
        n_var=len(lowest),
        n_obj=1 + len(problem.objectives),
        n_ieq_constr=1,
        xl=lowest,
        xu=highest,
        vtype=int,
    )
    size = int(np.clip(evaluations // 10, SMALLEST_POPULATION, LARGEST_POPULATION))
    rng = np.random.default_rng(seed)
    first = rng.integers(lowest, highest + 1, (size, len(lowest)))
    uniform = np.clip(np.array(problem.allowed)[:, None], lowest, highest)[:size]
    first[: len(uniform)] = uniform
    algorithm = NSGA2(
        pop_size=size,
        sampling=first,
        crossover=SBX(prob=0.9, eta=3.0, vtype=float, repair=RoundingRepair()),
        mutation=PM(eta=3.0, vtype=float, repair=RoundingRepair()),
    )
    algorithm.setup(genes, seed=seed, termination=("n_gen", 10**9), verbose=False)
    return algorithm


def _tell(
    algorithm: Any,  # noqa: ANN401
    population: Any,  # noqa: ANN401
    problem: Problem,
    measurer: Measurer,
    choices: list[Choice],
    baseline: float,
) -> None:
    """Gives a generation its drops, costs, and whether it breaks a hardware limit."""
    from pymoo.core.evaluator import Evaluator
    from pymoo.problems.static import StaticProblem

    accuracies = [measurer.known(choice) for choice in choices]
    # What no evaluation was left for is as bad as can be.
    drops = np.array([baseline - (a.value if a is not None else 0.0) for a in accuracies])
    values = np.column_stack([drops, problem.costs(choices)])
    broken = np.where(problem.affordable(choices), 0.0, 1.0)[:, None]
    Evaluator().eval(StaticProblem(algorithm.problem, F=values, G=broken), population)
    algorithm.tell(infills=population)
