"""The pool: assignments worth predicting, from knapsack fronts under several damage measures."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping

import numpy as np

from hawx_onnx.hardware import CostTerms
from hawx_onnx.search.knapsack import KnapsackFront, lagrangian_front, pareto_knapsack
from hawx_onnx.search.milp import CostLimit, solve_milp
from hawx_onnx.search.problem import Choice, Problem

MAX_STATES = 1024
# A space up to this size is enumerated: the surrogate predicts it in about a second.
ENUMERATE = 4096
# Up to this many candidates every set of multiplier types is tried on shared arrays: their number
# doubles with each candidate.
ALL_SUBSETS = 5
# Of more candidates, what types cost together is left aside where it is no more than this share of
# what the units can save: the front over all types is then that close to the best.
LITTLE = 1e-3
# Up to this many units fronts come from dynamic programming, beyond from Lagrangian relaxation.
EXACT_UNITS = 64
# How many points of a front the mixed-integer program is asked for, and how many branches each may
# take: most take a few, 64 layers with 8 candidates and two limits ten, within seconds.
MILP_POINTS, MILP_NODES = 8, 200


def build_pool(problem: Problem, damages: Mapping[str, np.ndarray]) -> tuple[list[Choice], bool]:
    """Assignments that could be on the front.

    A small space is taken whole. Otherwise each damage measure gives one knapsack front for each
    objective; where layers share hardware, one for each set of multiplier types that the array
    could hold. What sets of types and one cost alone do not cover, many candidates on shared
    arrays that cost much and limits on hardware costs, goes to a mixed-integer program.

    Args:
        problem: The problem.
        damages: Name -> separable damage of each unit, [U, M].

    Returns:
        The choices, each once, and whether some front had to be thinned.
    """
    if problem.space_size <= ENUMERATE:
        return [problem.decode(picks) for picks in itertools.product(*problem.options)], False
    pool: dict[Choice, None] = {problem.exact_choice: None} if problem.allow_exact else {}
    thinned = False
    allowed = np.zeros(problem.terms.per_layer.shape, dtype=bool)
    for unit, options in enumerate(problem.options):
        allowed[unit, options.start : options.stop] = True
    # Of several objectives, ``terms`` is the sum.
    single = len(problem.objectives) == 1
    others = [t for name, t in problem.all_terms.items() if not single or name != problem.objective]
    wanted = [
        (terms, subset, damage)
        for terms in (problem.terms, *others)
        for subset in _type_subsets(problem, terms)
        for damage in damages.values()
    ]
    # Choices of many units are long: all fronts together get as many as four of few units.
    share = MAX_STATES if len(allowed) <= EXACT_UNITS else max(4 * MAX_STATES // len(wanted), 32)
    for terms, subset, damage in wanted:
        front = _front(terms, damage, allowed, subset, min(share, MAX_STATES))
        thinned |= not front.exact
        pool.update(dict.fromkeys(problem.decode(state.choice) for state in front.states))
    if _needs_milp(problem) and len(allowed) <= EXACT_UNITS:
        for damage in damages.values():
            pool.update(dict.fromkeys(_milp_choices(problem, damage, allowed)))
    return list(pool), thinned


def _front(
    terms: CostTerms, damage: np.ndarray, allowed: np.ndarray, subset: list[int], states: int
) -> KnapsackFront:
    """The front over the types of a set; what is kept exact stays so."""
    open_layers = allowed.sum(axis=1) > 1
    blocked = np.full_like(terms.per_layer, np.inf)
    blocked[:, subset] = terms.per_layer[:, subset]
    blocked[~open_layers, 0] = terms.per_layer[~open_layers, 0]
    cost = np.where(allowed, blocked, np.inf)
    if len(damage) > EXACT_UNITS:
        return lagrangian_front(cost, damage, states)
    return pareto_knapsack(cost, damage, states)


def _needs_milp(problem: Problem) -> bool:
    """Whether fronts of one cost over sets of types may miss the best choice."""
    shared = any(np.any(terms.per_type) for terms in problem.all_terms.values())
    others = [name for name in problem.budget.limits() if name != problem.objective]
    few = problem.budget.max_multipliers is not None and not shared
    if others or few:
        return True
    many = shared and len(problem.allowed) > ALL_SUBSETS
    limited = problem.budget.max_multipliers is not None
    return many and (limited or not little_for_types(problem))


def little_for_types(problem: Problem) -> bool:
    """Whether types cost next to nothing beside what the units can save."""
    types = list(problem.allowed)
    each = problem.terms.per_layer[:, types]
    most = LITTLE * float(np.ptp(each, axis=1).sum())
    return float(np.abs(problem.terms.per_type[types]).sum()) <= most


def _milp_choices(problem: Problem, damage: np.ndarray, allowed: np.ndarray) -> Iterator[Choice]:
    """The cheapest choices within all hardware limits for some levels of damage."""
    limits = [
        CostLimit(terms.per_layer, terms.per_type, problem.budget.limits()[name] - terms.constant)
        for name, terms in problem.limit_terms.items()
    ]
    cost = np.where(allowed, problem.terms.per_layer, np.inf)
    front = pareto_knapsack(cost, damage, MAX_STATES).states
    levels = np.linspace(0, len(front) - 1, min(MILP_POINTS, len(front))).astype(int)
    for level in dict.fromkeys(levels.tolist()):
        state = solve_milp(
            cost,
            damage,
            # The front's own damage is a sum in another order.
            front[level].damage + 1e-9 * abs(front[level].damage),
            max_types=problem.budget.max_multipliers,
            type_cost=problem.terms.per_type,
            most_nodes=MILP_NODES,
            limits=limits,
        )
        if state is not None:
            yield problem.decode(state.choice)


def _type_subsets(problem: Problem, terms: CostTerms) -> Iterator[list[int]]:
    """Sets of multipliers that an array may hold; the whole set where types cost nothing."""
    allowed = list(problem.allowed)
    limit = problem.budget.max_multipliers
    if not np.any(terms.per_type) and limit is None:
        yield allowed
        return
    most = len(allowed)
    if most > ALL_SUBSETS:
        most = 1 if limit is None else 2
    most = most if limit is None else min(most, limit)
    for size in range(1, most + 1):
        for subset in itertools.combinations(allowed, size):
            yield list(subset)
    if most < len(allowed) and limit is None:
        yield allowed
