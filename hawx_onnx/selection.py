"""Search over a prepared model: problem, measurer and methods put together."""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable
from functools import partial

import numpy as np

from hawx_onnx.errors import BudgetError
from hawx_onnx.exclusion import excluded
from hawx_onnx.journal import Journal
from hawx_onnx.metric_names import is_function
from hawx_onnx.prepared import Prepared
from hawx_onnx.remote_runs import RemoteRuns
from hawx_onnx.report.interrupted import described
from hawx_onnx.runtime.workers import Workers
from hawx_onnx.search import (
    METHODS,
    Budget,
    Limits,
    Measurer,
    Point,
    Problem,
    SearchResult,
    select,
)
from hawx_onnx.search.drop_text import drop_text, with_unit
from hawx_onnx.search.held_choice import held_choice
from hawx_onnx.search.measurer import EVALUATIONS
from hawx_onnx.search.problem import TOTALS_FIELD, Choice, order_of
from hawx_onnx.search.result import collect_points
from hawx_onnx.search.units import Unit, channel_units
from hawx_onnx.sensitivity import Sensitivity
from hawx_onnx.settings import Settings
from hawx_onnx.surrogates import surrogate_of
from hawx_onnx.validation_runs import ValidationRuns

log = logging.getLogger(__name__)

UNITS = {"power": "mW", "area": "um2", "energy": "uJ", "latency": "cycles", "luts": "LUT6"}


def make_problem(prepared: Prepared, settings: Settings) -> Problem:
    """The assignment problem of a prepared model.

    Raises:
        ConfigError: ``exclude`` names a layer that is no candidate.
    """
    kept = excluded([c.name for c in prepared.state.candidates], settings.exclude)
    workloads = tuple(c.workload for c in prepared.state.candidates)
    units: tuple[Unit, ...] = ()
    if settings.granularity == "filter":
        assert prepared.state.sensitivity is not None
        orders = channels_by_damage(prepared.state.sensitivity)
        units = channel_units(orders, prepared.target.channels_together(workloads), kept)
    return Problem(
        workloads=workloads,
        multipliers=prepared.state.multipliers,
        target=prepared.target,
        objective=settings.objective[0],
        budget=Budget(
            settings.max_accuracy_drop,
            settings.max_power,
            settings.max_area,
            settings.max_energy,
            settings.max_latency,
            settings.max_multipliers,
            settings.max_luts,
            # At one half the bound is the measured drop itself.
            settings.confidence if settings.confidence > 0.5 else None,
            None if is_function(prepared.metric) else prepared.measure.drop_unit,
        ),
        allow_exact=settings.exact,
        further_objectives=settings.objective[1:],
        kept_exact=kept,
        units=units,
    )


def channels_by_damage(sensitivity: Sensitivity) -> list[list[int]]:
    """The output channels of each layer, those first that suffer least over all multipliers.

    None of layers whose channels were not scored.
    """
    orders: list[list[int]] = []
    for layer in sensitivity.layers:
        if layer not in sensitivity.filters:  # it stays exact
            orders.append([])
            continue
        damage = sensitivity.filters[layer].output_mse
        # Each multiplier counts alike, however much it errs.
        relative = damage / np.maximum(damage.max(axis=1, keepdims=True), 1e-300)
        orders.append([int(c) for c in np.argsort(relative.sum(axis=0), kind="stable")])
    return orders


class Searcher:
    """Runs search methods on one prepared model; each method measures for itself.

    Args:
        prepared: The model.
        settings: Options.
        progress: Called after each measured assignment.
        journal: Where measurements are written down, and taken from; nowhere if None.
        describe: Whether they are written with what a report needs of them.
        share: Compute once what assignments have in common, in all methods.
        workers: Where assignments are run; in this process if None.
    """

    def __init__(
        self,
        prepared: Prepared,
        settings: Settings,
        progress: Callable[[], None] | None = None,
        journal: Journal | None = None,
        *,
        describe: bool = False,
        share: bool = True,
        workers: Workers | None = None,
    ) -> None:
        assert prepared.state.sensitivity is not None
        self.problem = make_problem(prepared, settings)
        sensitivity = prepared.state.sensitivity
        self.surrogate = surrogate_of(prepared, settings, self.problem)
        self._scoring = sensitivity.seconds
        self._settings, self._progress = settings, progress
        self._prepared, self._journal, self._share = prepared, journal, share
        self._workers = workers
        self._describe = self._described if describe else None

    def measurer(self, method: str) -> Measurer:
        """A measurer for one method, which knows nothing that another one ran."""
        network = self.network()
        settings, scoring = self._settings, self._scoring if method == "hawx" else 0.0
        limits = Limits(
            evaluations=settings.max_evaluations,
            # The scores are part of the method's time.
            seconds=None if settings.max_seconds is None else settings.max_seconds - scoring,
            # The reference measures everything.
            early_stop=settings.early_stop and method != "exhaustive",
            block=network.block,
        )
        known = None
        if self._journal is not None:
            known = self._journal.measurements(method, self._describe)
        return Measurer(network, self.problem, limits, known, progress=self._progress)

    def network(self) -> ValidationRuns | RemoteRuns:
        """A fresh network: no method shall gain from what another one ran."""
        prepared = self._prepared
        make = partial(
            ValidationRuns,
            prepared.state.bare(),
            prepared.dataset.validation,
            self._settings.seed,
            share=self._share,
            folds=prepared.folds,
            scorer=prepared.scorer,
            shape=prepared.output_shape,
        )
        local = make(self._settings.jobs)
        return local if self._workers is None else RemoteRuns(local, make, self._workers)

    def _described(self, choice: Choice) -> dict[str, object]:
        """A measured choice as the report of an interrupted run tells it."""
        (picks,) = self.problem.encode([choice]).tolist()
        totals, predicted = self.problem.report(choice).total, self.surrogate.accuracy(tuple(picks))
        return described(self.problem, Point(choice, totals, predicted, None))

    def run(self, method: str) -> SearchResult:
        """Runs one of ``METHODS``."""
        measurer = self.measurer(method)
        start = self._start() if method == "hawx" else None
        if start is not None:
            measurer.measure(start)
        begun = measurer.seconds
        result = METHODS[method](
            self.problem,
            measurer,
            self.surrogate,
            seed=self._settings.seed,
            scoring_seconds=self._scoring,
        )
        if measurer.remembered:
            log.info("%d measurements were in the journal", measurer.remembered)
        # What was measured before a run was interrupted took its time as well.
        seconds = begun + result.measuring_seconds + measurer.remembered_seconds
        result = dataclasses.replace(result, measuring_seconds=seconds)
        if start is not None and start not in {point.choice for point in result.points}:
            (point,) = collect_points(self.problem, measurer, [start])
            result = self._with_points(result, [*result.points, point])
        return self._with_exact(result)

    def _start(self) -> Choice | None:
        """What the user's model was rewritten by, if it is one of the problem's choices."""
        held = self._prepared.held
        choice = None if held is None else held_choice(self.problem, held)
        if held is not None and choice is None:
            log.warning(
                "the search does not start from the model's own assignment, which these "
                "--candidates, --exclude and --granularity do not allow: %s",
                ", ".join(held.multipliers()),
            )
        return choice

    def _with_points(self, result: SearchResult, points: list[Point]) -> SearchResult:
        """The result with other points, cheapest first."""
        key = self.problem.objective_of
        ordered = sorted(points, key=lambda point: (key(point.totals), order_of(point.choice)))
        return dataclasses.replace(result, points=tuple(ordered))

    def _with_exact(self, result: SearchResult) -> SearchResult:
        """Adds the all-exact design, which every method measures as the baseline.

        So that a search with few evaluations can fall back on it.
        """
        problem, exact = self.problem, self.problem.exact_choice
        known = [point for point in result.points if point.choice == exact]
        if not problem.allow_exact or any(p.measured_accuracy is not None for p in known):
            return result
        predicted = known[0].predicted_accuracy if known else None
        if predicted is None and result.method == "hawx":
            predicted = self.surrogate.accuracy((0,) * len(problem.options))
        totals = problem.report(exact).total
        points = [point for point in result.points if point.choice != exact]
        samples = len(self._prepared.dataset.validation)
        points.append(Point(exact, totals, predicted, result.baseline_accuracy, samples))
        return self._with_points(result, points)


def choose(problem: Problem, result: SearchResult) -> Point:
    """The cheapest measured point within the budget.

    Raises:
        BudgetError: There is none; the text says how far off the best one is.
    """
    point = select(problem, result)
    if point is not None:
        return point
    sure = problem.budget.confidence
    less = "" if sure is None else "give more validation samples or a smaller --confidence, "
    raise BudgetError(
        f"no assignment meets the budget: {_nearest(problem, result)}",
        where="search",
        mend=f"loosen the budget, {less}name other --candidates, or raise "
        f"--max-{result.stopped_by or EVALUATIONS}",
    )


def _nearest(problem: Problem, result: SearchResult) -> str:
    """How far the best points are from each limit that they break."""
    budget = problem.budget
    measured = [p for p in result.points if p.measured_accuracy is not None]
    parts = []
    for name, limit in budget.limits().items():
        least = _least(problem, result, TOTALS_FIELD[name])
        if least > limit:
            told = f"{_rounded_up(least):.6g} {UNITS[name]}"
            parts.append(f"the least {name} found is {told}, the limit {limit:.6g}")
    fitting = [p for p in measured if problem.allows(p.choice, p.totals)]
    if fitting:
        best = max(fitting, key=lambda p: (p.complete, p.measured_accuracy or 0.0))
        drop = result.baseline_accuracy - (best.measured_accuracy or 0.0)
        so_far = "" if best.complete else f" (on the {best.samples} samples it was given up after)"
        parts.append(
            f"the most accurate one within the hardware limits loses {with_unit(budget, drop)}"
            f"{so_far}{_surely(problem, best, drop)}, "
            f"{drop_text(budget, budget.max_accuracy_drop)} are allowed"
        )
    return "; ".join(parts) or "nothing was measured within the hardware limits"


def _surely(problem: Problem, point: Point, drop: float) -> str:
    """What the drop of a point may truly be, where the budget asks for confidence."""
    sure = problem.budget.confidence
    most = drop_text(problem.budget, drop + point.allowance)
    return "" if sure is None else f", at {100 * sure:g} % confidence up to {most}"


def _rounded_up(value: float) -> float:
    """Six significant digits, so that a limit of what is told can be met."""
    if value <= 0:
        return value
    unit = 10.0 ** (math.floor(math.log10(value)) - 5)
    return math.ceil(value / unit) * unit


def _least(problem: Problem, result: SearchResult, field: str) -> float:
    """The least total among the points found and the designs with one multiplier everywhere.

    A search leaves out points beyond the hardware limits, so that there may be none.
    """
    alike = [[min(index, one.stop - 1) for one in problem.options] for index in problem.allowed]
    uniform = [problem.report(problem.decode(picks)).total for picks in alike]
    return float(min(getattr(t, field) for t in (*(p.totals for p in result.points), *uniform)))
