"""What a search method returns, in one form for all methods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hawx_onnx.hardware import CostTotals
from hawx_onnx.predictors.validation import AccuracyReport
from hawx_onnx.search.confidence import allowance
from hawx_onnx.search.early_stop import LARGEST_DROP
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.pareto import hypervolume_2d, non_dominated
from hawx_onnx.search.problem import Choice, Problem, order_of

# The corner of the hypervolume: ten points of accuracy below exact, 5 % dearer than exact.
REFERENCE_DROP = LARGEST_DROP
REFERENCE_COST = 1.05


@dataclass(frozen=True)
class Point:
    """One assignment with what is known of it.

    Attributes:
        choice: Multiplier index of each layer.
        totals: Its hardware cost.
        predicted_accuracy: From the surrogate, a fraction; None where nothing was predicted.
        measured_accuracy: On the validation split; None where it was not measured.
        samples: How many validation samples it was measured on; None where it was not.
        complete: Whether these are all of them. Where not, it was given up early, and counts
            neither for the choice nor for the front.
        allowance: By how much the true drop may exceed the measured one with the budget's
            confidence; 0 where it has none.
        order: Its place among the measurements, from 1; None where it was not measured, or only as
            the baseline.
    """

    choice: Choice
    totals: CostTotals
    predicted_accuracy: float | None
    measured_accuracy: float | None
    samples: int | None = None
    complete: bool = True
    allowance: float = 0.0
    order: int | None = None

    @property
    def best_accuracy(self) -> float:
        """The measured accuracy where there is one, else the predicted one."""
        for value in (self.measured_accuracy, self.predicted_accuracy):
            if value is not None:
                return value
        return float("nan")


@dataclass(frozen=True)
class SearchResult:
    """What a method found.

    Attributes:
        method: Its name.
        points: Points of its front and all that it measured, cheapest first.
        baseline_accuracy: Exact int8 accuracy on the validation split.
        evaluations: Measured assignments, the baseline not counted.
        scoring_seconds: Responses of single layers (HAWX only).
        solving_seconds: Search without running the network.
        measuring_seconds: Running assignments over the validation split.
        space_size: Number of assignments in the space.
        relaxed: True where the front was thinned and may have lost points.
        samples_run: Samples that were run for these measurements, the baseline not counted.
        stopped_by: ``evaluations`` or ``seconds`` where that limit ended the search.
        remembered: Measurements that were taken from a journal.
        predictor: How good the learnt predictions were, each before its assignment was measured;
            None where nothing was predicted (HAWX only).
    """

    method: str
    points: tuple[Point, ...]
    baseline_accuracy: float
    evaluations: int
    scoring_seconds: float
    solving_seconds: float
    measuring_seconds: float
    space_size: int
    relaxed: bool = False
    samples_run: int = 0
    stopped_by: str | None = None
    remembered: int = 0
    predictor: AccuracyReport | None = None

    @property
    def seconds(self) -> float:
        """All parts together."""
        return self.scoring_seconds + self.solving_seconds + self.measuring_seconds


def measured_array(problem: Problem, result: SearchResult) -> np.ndarray:
    """(accuracy drop, objective) of the measured points within the hardware limits: [n, 2]."""
    rows = [
        (result.baseline_accuracy - p.measured_accuracy, problem.objective_of(p.totals))
        for p in result.points
        if p.measured_accuracy is not None and p.complete and problem.allows(p.choice, p.totals)
    ]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def hypervolume(problem: Problem, result: SearchResult) -> float:
    """Hypervolume of the measured points, relative to the exact design.

    The axes are the accuracy drop over ``REFERENCE_DROP`` and the objective over
    ``REFERENCE_COST`` times that of the all-exact design, so that 1 is the whole square.
    """
    exact = problem.objective_of(problem.report(problem.exact_choice).total)
    points = measured_array(problem, result) / (1.0, exact if exact else 1.0)
    area = hypervolume_2d(points, (REFERENCE_DROP, REFERENCE_COST))
    return float(area / (REFERENCE_DROP * REFERENCE_COST))


def front_mask(problem: Problem, points: Sequence[Point]) -> list[bool]:
    """Which points no other one beats in accuracy and all objectives; given up ones are none."""
    if not points:
        return []
    rows = [
        (-p.best_accuracy if p.complete else np.nan, *problem.costs_of(p.totals)) for p in points
    ]
    return [bool(value) for value in non_dominated(np.array(rows, np.float64))]


def collect_points(
    problem: Problem,
    measurer: Measurer,
    choices: Iterable[Choice],
    predicted: Mapping[Choice, float] | None = None,
) -> tuple[Point, ...]:
    """Choices as points with what is known of them, cheapest first.

    Args:
        problem: The problem.
        measurer: Knows what was measured.
        choices: Each once.
        predicted: Predicted accuracy by choice.
    """
    points = []
    orders = {choice: order for order, (choice, _) in enumerate(measurer.measured(), 1)}
    for choice in choices:
        known, guess = measurer.known(choice), (predicted or {}).get(choice)
        totals = problem.report(choice).total
        if known is None:
            points.append(Point(choice, totals, guess, None))
            continue
        complete = measurer.complete(choice)
        # The exact design loses nothing for certain.
        sure = None if choice == problem.exact_choice else problem.budget.confidence
        more = allowance(measurer.baseline(), known, sure) if complete else 0.0
        points.append(
            Point(
                choice,
                totals,
                guess,
                known.value,
                known.samples,
                complete,
                more,
                orders.get(choice),
            )
        )
    return tuple(sorted(points, key=lambda p: (problem.objective_of(p.totals), order_of(p.choice))))


def meets_budget(problem: Problem, baseline: float, point: Point) -> bool:
    """Whether a point was measured on all samples, and keeps the limits.

    The drop, with its allowance, is compared with one part in a million of slack, for the rounding
    of fractions.

    Args:
        problem: The problem.
        baseline: Exact int8 accuracy on the same samples, a fraction.
        point: The point.
    """
    if point.measured_accuracy is None or not point.complete:
        return False
    drop = baseline - point.measured_accuracy + point.allowance
    kept = drop <= problem.budget.max_accuracy_drop + 1e-6
    return kept and problem.allows(point.choice, point.totals)


def select(problem: Problem, result: SearchResult) -> Point | None:
    """The cheapest measured point within the budget; ties go to the more accurate one."""
    good = [p for p in result.points if meets_budget(problem, result.baseline_accuracy, p)]
    return min(
        good,
        key=lambda p: (
            problem.objective_of(p.totals),
            -(p.measured_accuracy or 0.0),
            order_of(p.choice),
        ),
        default=None,
    )
