"""An assignment as the choice that a search knows it by."""

from __future__ import annotations

from hawx_onnx.assignment import Assignment
from hawx_onnx.search.problem import Choice, Problem


def held_choice(problem: Problem, assignment: Assignment) -> Choice | None:
    """The choice that an assignment makes; None where it is none of the problem's.

    It is none where it names a layer or a multiplier that the problem lacks, approximates a layer
    that is kept exact, or mixes multipliers within what gets one.
    """
    index = {multiplier.name: place for place, multiplier in enumerate(problem.multipliers)}
    layers = {work.name for work in problem.workloads}
    if not layers.issuperset(assignment) or not set(assignment.multipliers()) <= index.keys():
        return None
    exact = problem.multipliers[0].name
    entries: list[int | tuple[int, ...]] = []
    for work in problem.workloads:
        given = assignment.get(work.name, exact)
        row = (index[given],) if isinstance(given, str) else tuple(index[name] for name in given)
        if not isinstance(given, str) and len(row) != work.filters:
            return None
        entries.append(row[0] if len(set(row)) == 1 else row)
    choice = tuple(entries)
    (picks,) = problem.encode([choice]).tolist()
    fits = all(pick in one for pick, one in zip(picks, problem.options, strict=True))
    return choice if fits and problem.decode(picks) == choice else None
