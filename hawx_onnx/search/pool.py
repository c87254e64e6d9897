"""The pool: assignments worth predicting, from knapsack fronts under several damage measures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from hawx_onnx.hardware import CostTerms
from hawx_onnx.search.knapsack import pareto_knapsack
from hawx_onnx.search.problem import Choice, Problem

MAX_STATES = 1024
# A space up to this size is enumerated: the surrogate predicts it in about a second.
ENUMERATE = 4096
# Up to this many candidates every set of multiplier types is tried on shared arrays.
ALL_SUBSETS = 8


def build_pool(problem: Problem, damages: Mapping[str, np.ndarray]) -> tuple[list[Choice], bool]:
    """Assignments that could be on the front.

    A small space is taken whole. Otherwise each damage measure gives one knapsack front; where
    layers share hardware, one front for each set of multiplier types that the array could hold.
    A hardware limit gives fronts of its own: what meets it may lie off those of the objective.

    Args:
        problem: The problem.
        damages: Name -> separable damage [L, M].

    Returns:
        The choices, each once, and whether some front had to be thinned.
    """
    if problem.space_size <= ENUMERATE:
        layers = len(problem.workloads)
        return list(itertools.product(problem.allowed, repeat=layers)), False
    pool: dict[Choice, None] = {problem.exact_choice: None} if problem.allow_exact else {}
    thinned = False
    others = [terms for name, terms in problem.limit_terms.items() if name != problem.objective]
    for terms in (problem.terms, *others):
        for subset in _type_subsets(problem, terms):
            blocked = np.full_like(terms.per_layer, np.inf)
            blocked[:, subset] = terms.per_layer[:, subset]
            for damage in damages.values():
                front = pareto_knapsack(blocked, damage, MAX_STATES)
                thinned |= not front.exact
                pool.update(dict.fromkeys(state.choice for state in front.states))
    return list(pool), thinned


def _type_subsets(problem: Problem, terms: CostTerms) -> Iterator[list[int]]:
    """Sets of multipliers that an array may hold; the whole set where types cost nothing."""
    allowed = list(problem.allowed)
    if not np.any(terms.per_type):
        yield allowed
        return
    most = len(allowed) if len(allowed) <= ALL_SUBSETS else 2
    for size in range(1, most + 1):
        for subset in itertools.combinations(allowed, size):
            yield list(subset)
    if most < len(allowed):
        yield allowed
