"""Filter level: the search over whole layers first, then channels around what it found.

So the result is never worse than that of the first stage, which is the search at layer level with
a part of the evaluations. The others go to choices of channels: of fronts of all units, and of
those near the best choice so far, under damages that measurements have corrected (`drop_model`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from hawx_onnx.predictors import (
    FilterNoiseSurrogate,
    FilterSurrogate,
    NoiseSurrogate,
    ResponseSurrogate,
)
from hawx_onnx.search.acquisition import probability
from hawx_onnx.search.confidence import allowance
from hawx_onnx.search.drop_model import DropModel
from hawx_onnx.search.local_fronts import local_fronts
from hawx_onnx.search.measurer import Measurer
from hawx_onnx.search.problem import Choice, Problem
from hawx_onnx.search.result import SearchResult, collect_points

FloatArray = npt.NDArray[np.float64]
Picks = npt.NDArray[np.intp]
OfChannels: TypeAlias = FilterSurrogate | FilterNoiseSurrogate

# The first stage's share of the evaluations, and how many it has at least.
LAYER_SHARE, LEAST_OF_LAYERS = 0.5, 16
# Choices measured together: each waits for what the others tell, but they share computations.
MOST_TOGETHER = 4
# What is expected to save less than this share of the exact design's cost is not measured.
LEAST_GAIN = 1e-5
# Choices of one measurement round differ by this share of the exact design's cost at least.
APART = 0.002


class LayerSearch(Protocol):
    """A search over whole layers."""

    def __call__(
        self,
        problem: Problem,
        measurer: Measurer,
        surrogate: ResponseSurrogate | NoiseSurrogate,
        *,
        seed: int,
        scoring_seconds: float,
    ) -> SearchResult:
        """Searches within the measurer's limits."""


def search_filters(
    problem: Problem,
    measurer: Measurer,
    surrogate: OfChannels,
    search_layers: LayerSearch,
    evaluations: int,
    *,
    seed: int = 0,
    scoring_seconds: float = 0.0,
) -> SearchResult:
    """Searches whole layers, then refines what was found channel by channel.

    Args:
        problem: The problem, some of whose units are channels.
        measurer: Runs the network.
        surrogate: Predicts accuracies.
        search_layers: The search over whole layers.
        evaluations: How many choices may be measured.
        seed: For the first stage.
        scoring_seconds: What the responses of the surrogate took.
    """
    start, before = time.perf_counter(), measurer.seconds
    layers = replace(problem, units=())
    share = max(LEAST_OF_LAYERS, round(LAYER_SHARE * evaluations))
    if len(problem.units) == len(layers.units):
        share = evaluations  # the hardware wants the channels of each layer together
    with measurer.at_most(share):
        first = search_layers(
            layers, measurer, surrogate.layers, seed=seed, scoring_seconds=scoring_seconds
        )
    with measurer.at_most(evaluations - measurer.evaluations):
        _Refinement(problem, measurer, surrogate).run()
    offset = {point.choice: point.predicted_accuracy for point in first.points}
    new = [choice for choice, _ in measurer.measured() if choice not in offset]
    rows = problem.encode(new).tolist() if new else []
    # One by one, as what is summed together moves the last digits.
    values = [surrogate.accuracy(tuple(row)) for row in rows]
    predicted = {choice: value for choice, value in offset.items() if value is not None}
    predicted.update(zip(new, values, strict=True))
    points = collect_points(problem, measurer, (*offset, *new), predicted)
    measuring = measurer.seconds - before
    return replace(
        first,
        points=points,
        evaluations=measurer.evaluations,
        solving_seconds=time.perf_counter() - start - measuring,
        measuring_seconds=measuring,
        space_size=problem.space_size,
        samples_run=measurer.samples_run,
        stopped_by=measurer.stopped_by,
        remembered=measurer.remembered,
    )


class _Refinement:
    """Measures choices of channels, one round after the other, each round where it pays most."""

    def __init__(self, problem: Problem, measurer: Measurer, surrogate: OfChannels) -> None:
        self.problem, self.measurer = problem, measurer
        self.damages = surrogate.damages()
        self.limit = problem.budget.max_accuracy_drop + 1e-6
        layers = [unit.layer for unit in problem.units]
        self.layers = np.array(layers, np.intp)
        self.exact_cost = float(problem.scores([problem.exact_choice])[0])
        self._known: dict[Choice, tuple[Picks, float]] = {}

    def run(self) -> None:
        """Goes on until the limits, or until nothing more is expected to be gained."""
        while not self.measurer.exhausted:
            left = self.measurer.left
            together = MOST_TOGETHER if left is None else min(MOST_TOGETHER, 1 + left // 8)
            chosen = self.next_choices(together)
            if not chosen or all(found is None for found in self.measurer.measure_all(chosen)):
                return

    def next_choices(self, most: int) -> list[Choice]:
        """Choices whose probability to meet the budget times what they save is greatest."""
        measured, drops, samples = self._measured()
        picks, costs = self._looked_up(measured)
        best = self._best(measured, drops, costs)
        around = None if best is None else picks[best]
        beat = self.exact_cost if best is None else costs[best]
        models = {
            name: DropModel(self._by_layer(damage, picks), drops, samples, self.limit)
            for name, damage in self.damages.items()
        }
        rows = np.concatenate(
            [
                local_fronts(self.problem, damage * self._per_unit(models[name]), around)
                for name, damage in self.damages.items()
            ]
        )
        cost = self.problem.scores_of(rows)
        rows, cost = rows[cost < beat], cost[cost < beat]
        gain = self._probability(models, rows) * (beat - cost) / (self.exact_cost or 1.0)
        ranked = np.argsort(-gain, kind="stable")
        return self._spread(rows, cost, ranked[gain[ranked] > LEAST_GAIN].tolist(), most)

    def _looked_up(self, choices: Sequence[Choice]) -> tuple[Picks, FloatArray]:
        """Multipliers of the units of choices [n, U], and what they cost [n]; found once each."""
        new = [choice for choice in choices if choice not in self._known]
        if new:
            rows = self.problem.encode(new)
            costs = self.problem.scores_of(rows).tolist()
            self._known.update(zip(new, zip(rows, costs, strict=True), strict=True))
        found = [self._known[choice] for choice in choices]
        return np.stack([row for row, _ in found]), np.array([cost for _, cost in found])

    def _per_unit(self, model: DropModel) -> FloatArray:
        """What a unit of damage in each unit lowers the accuracy by: [U, 1]."""
        return np.asarray(model.factors()[self.layers][:, None])

    def _probability(self, models: Mapping[str, DropModel], picks: Picks) -> FloatArray:
        """That choices meet the budget, by all models, each as far as it explains what is known."""
        most = max(model.evidence for model in models.values())
        weights = {name: np.exp(model.evidence - most) for name, model in models.items()}
        result = np.zeros(len(picks))
        for name, damage in self.damages.items():
            mean, deviation = models[name].predict(self._by_layer(damage, picks))
            result += weights[name] * probability(mean, deviation, self.limit)
        return np.asarray(result / sum(weights.values()))

    def _spread(
        self, picks: Picks, costs: FloatArray, ranked: Sequence[int], most: int
    ) -> list[Choice]:
        """The first choices that are not measured, within the limits, and apart in cost."""
        taken: list[Choice] = []
        near: list[float] = []
        for row in ranked:
            if any(abs(costs[row] - other) < APART * self.exact_cost for other in near):
                continue
            choice = self.problem.decode(picks[row].tolist())
            known = self.measurer.known(choice) is not None
            if known or not self.problem.affordable([choice])[0]:
                continue
            taken.append(choice)
            near.append(float(costs[row]))
            if len(taken) == most:
                break
        return taken

    def _measured(self) -> tuple[list[Choice], FloatArray, FloatArray]:
        """All that was measured, the exact design among it: choices, drops, samples."""
        baseline = self.measurer.baseline()
        known = dict([(self.problem.exact_choice, baseline), *self.measurer.measured()])
        drops = np.array([baseline.value - one.value for one in known.values()])
        sure = self.problem.budget.confidence
        for row, (choice, one) in enumerate(known.items()):
            if choice != self.problem.exact_choice and self.measurer.complete(choice):
                drops[row] += allowance(baseline, one, sure)
        return list(known), drops, np.array([float(one.samples) for one in known.values()])

    def _best(self, measured: Sequence[Choice], drops: FloatArray, costs: FloatArray) -> int | None:
        """The cheapest measured choice within all limits."""
        whole = np.array([self.measurer.complete(choice) for choice in measured])
        good = whole & (drops <= self.limit) & self.problem.affordable(measured)
        if not self.problem.allow_exact:
            good[0] = False
        rows = np.flatnonzero(good)
        return int(rows[costs[rows].argmin()]) if rows.size else None

    def _by_layer(self, damage: FloatArray, picks: Picks) -> FloatArray:
        """Damage of each layer: [choices, layers]."""
        of_units = damage[np.arange(len(damage)), picks]
        starts = np.flatnonzero(np.diff(self.layers, prepend=-1))
        return np.asarray(np.add.reduceat(of_units, starts, axis=1))
