"""Filter level: holds the layer level, improves on it, and keeps to its evaluations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.predictors import FilterSurrogate
from hawx_onnx.search import Budget, Limits, Measurer, Problem, search_hawx, select
from hawx_onnx.search.filter_level import LAYER_SHARE, LEAST_OF_LAYERS
from hawx_onnx.search.units import channel_units
from hawx_onnx.sensitivity import GRADIENT, FilterScore, Sensitivity

ENERGIES = {"mul8s_exact": 212, "mul8s_trunc1": 150, "mul8s_trunc2": 100, "mul8s_trunc3": 63}
SCORED, VALIDATED, CLASSES, BATCH = 128, 500, 4, 100


@dataclasses.dataclass
class Toy:
    """A network whose outputs move with each channel's errors, which disturb each other a little.

    Scores come from samples of their own.
    """

    problem: Problem
    sensitivity: Sensitivity
    baseline: np.ndarray
    moves: list[np.ndarray]
    labels: np.ndarray
    interaction: float

    @property
    def sizes(self) -> list[int]:
        return [BATCH] * (VALIDATED // BATCH)

    def prepare(self, choices) -> None:
        pass

    def expect(self, choices, batches) -> None:
        pass

    def forget(self, batch) -> None:
        pass

    def scores(self, choice, batch) -> np.ndarray:
        rows = slice(batch * BATCH, (batch + 1) * BATCH)
        total = np.zeros((BATCH, CLASSES))
        for moves, entry in zip(self.moves, choice, strict=True):
            channels = moves.shape[1]
            picks = np.full(channels, entry) if isinstance(entry, int) else np.array(entry)
            total += moves[picks, np.arange(channels), rows].sum(axis=0)
        size = np.abs(total).mean(axis=1, keepdims=True)
        found = (self.baseline[rows] + total * (1 + self.interaction * size)).argmax(axis=1)
        return found == self.labels[rows]

    def search(self, evaluations, units=()):
        problem = dataclasses.replace(self.problem, units=units)
        measurer = Measurer(self, problem, Limits(evaluations))
        surrogate = FilterSurrogate(self.sensitivity, units)
        return problem, search_hawx(problem, measurer, surrogate if units else surrogate.layers)

    def orders(self):
        return [range(work.filters) for work in self.problem.workloads]


def toy(seed, target="spatial", layers=8, interaction=0.1, drop=0.01, **options) -> Toy:
    rng = np.random.default_rng(seed)
    filters = [int(n) for n in rng.choice([8, 12, 16], layers)]
    workloads = tuple(
        LayerWorkload(f"layer{i}", "Conv", int(rng.integers(16, 200)), n, 9 * (1 + i % 3))
        for i, n in enumerate(filters)
    )
    multipliers = tuple(
        dataclasses.replace(
            components.load(name),
            cost=components.ComponentCost("toy", energy, 1.0, energy, 10.0 * energy, "toy"),
        )
        for name, energy in ENERGIES.items()
    )
    count, samples = len(multipliers), SCORED + VALIDATED
    labels = rng.integers(0, CLASSES, samples)
    baseline = rng.standard_normal((samples, CLASSES))
    baseline[np.arange(samples), labels] += 4
    growth = np.array([0.0, 0.25, 0.6, 1.4])[:, None, None, None]
    moves = [
        growth
        * np.exp(rng.normal(-1.5, 0.8, (1, n, 1, 1)))
        * np.exp(rng.normal(0, 0.2, (count, n, 1, 1)))
        * rng.standard_normal((count, n, samples, CLASSES))
        / np.sqrt(n)
        for n in filters
    ]
    accelerator = load_target(target)
    if target == "spatial":  # some elements for each layer, so that there are several units
        accelerator = accelerator.override(target_cycles=1024)
    problem = Problem(workloads, multipliers, accelerator, **options)
    problem = dataclasses.replace(problem, budget=Budget(drop))
    sensitivity = scores_of(problem, baseline[:SCORED], [m[:, :, :SCORED] for m in moves], labels)
    kept = [m[:, :, SCORED:] for m in moves]
    return Toy(problem, sensitivity, baseline[SCORED:], kept, labels[SCORED:], interaction)


def scores_of(problem, baseline, moves, labels) -> Sensitivity:
    """The scores that the first samples give."""
    labels = labels[:SCORED]
    rows = np.arange(SCORED)
    rivals = baseline.copy()
    rivals[rows, labels] = -np.inf
    rival = rivals.argmax(axis=1)
    filters = {}
    for work, move in zip(problem.workloads, moves, strict=True):
        shifts = (move[:, :, rows, labels] - move[:, :, rows, rival]).astype(np.float32)
        squared = (move**2).mean(axis=(2, 3))
        filters[work.name] = FilterScore(squared, squared, shifts.mean(axis=2), shifts, GRADIENT)
    return Sensitivity(
        tuple(work.name for work in problem.workloads),
        tuple(m.name for m in problem.multipliers),
        {},
        baseline.astype(np.float32),
        np.stack([move.sum(axis=1) for move in moves]).astype(np.float32),
        labels,
        filters,
    )


def chosen_cost(problem, result) -> float:
    """The cheapest choice within the budget, the exact one where there is none."""
    point = select(problem, result)
    totals = problem.report(problem.exact_choice).total if point is None else point.totals
    return problem.objective_of(totals)


@pytest.mark.parametrize("target", ["spatial", "temporal"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("evaluations", [16, 40])
def test_never_dearer_than_the_layers_that_it_begins_with(seed, target, evaluations):
    one = toy(seed, target)
    together = one.problem.target.channels_together(one.problem.workloads)
    by_layer = one.search(max(LEAST_OF_LAYERS, round(LAYER_SHARE * evaluations)))
    by_filter = one.search(evaluations, channel_units(one.orders(), together))
    assert by_filter[1].evaluations <= evaluations
    assert chosen_cost(*by_filter) <= chosen_cost(*by_layer) * (1 + 1e-9)


def test_cheaper_than_layers_at_equal_evaluations():
    """On the whole, where channels are free: the spatial target takes whole layers."""
    ratios = []
    for seed in range(6):
        one = toy(seed, "temporal")
        together = one.problem.target.channels_together(one.problem.workloads)
        by_filter = one.search(40, channel_units(one.orders(), together))
        ratios.append(chosen_cost(*by_filter) / chosen_cost(*one.search(40)))
    assert np.mean(ratios) < 1


@pytest.mark.parametrize("target", ["spatial", "temporal"])
@pytest.mark.parametrize("seed", range(4))
def test_never_dearer_than_layers_at_equal_evaluations(seed, target):
    one = toy(seed, target)
    together = one.problem.target.channels_together(one.problem.workloads)
    by_filter = one.search(40, channel_units(one.orders(), together))
    assert chosen_cost(*by_filter) <= chosen_cost(*one.search(40)) * (1 + 1e-9)


def test_channels_save_what_layers_cannot():
    """Well below the best choice of layers at the same number of evaluations, on most networks."""
    gains = []
    for seed in range(6):
        one = toy(seed)
        units = channel_units(one.orders(), [1] * 8)
        gains.append(chosen_cost(*one.search(40, units)) / chosen_cost(*one.search(40)))
    assert np.median(gains) < 0.95


def test_first_measures_what_the_search_over_layers_does():
    one = toy(1)
    measured = []
    for units in ((), channel_units(one.orders(), [1] * 8)):
        problem = dataclasses.replace(one.problem, units=units)
        measurer = Measurer(one, problem, Limits(16 if not units else 24))
        surrogate = FilterSurrogate(one.sensitivity, units)
        search_hawx(problem, measurer, surrogate if units else surrogate.layers)
        measured.append([choice for choice, _ in measurer.measured()])
    layers, filters = measured
    assert filters[: len(layers)] == layers
    assert any(isinstance(entry, tuple) for choice in filters for entry in choice)


def test_same_search_twice():
    one = toy(2, "temporal")
    units = channel_units(one.orders(), [2] * 8)
    first, again = (one.search(24, units)[1] for _ in range(2))
    assert [p.choice for p in first.points] == [p.choice for p in again.points]
    assert [p.predicted_accuracy for p in first.points] == [
        p.predicted_accuracy for p in again.points
    ]


def test_limits_on_hardware_hold():
    one = toy(3, "temporal")
    one.problem = dataclasses.replace(one.problem, budget=Budget(0.02, max_multipliers=2))
    problem, result = one.search(40, channel_units(one.orders(), [1] * 8))
    point = select(problem, result)
    assert point is not None
    assert problem.allows(point.choice, point.totals)
    mixed = [p for p in result.points if any(isinstance(e, tuple) for e in p.choice)]
    assert mixed
    assert all(problem.allows(p.choice, p.totals) for p in mixed)


def test_a_single_evaluation_goes_to_layers():
    one = toy(4)
    _, result = one.search(1, channel_units(one.orders(), [1] * 8))
    assert result.evaluations == 1
    assert result.stopped_by == "evaluations"
    assert all(isinstance(entry, int) for p in result.points for entry in p.choice)


def test_without_a_limit_it_stops_by_itself():
    one = toy(5)
    problem, result = one.search(None, channel_units(one.orders(), [1] * 8))
    assert result.evaluations <= 40
    assert result.stopped_by is None
    assert chosen_cost(problem, result) < 0.7 * chosen_cost(
        problem, dataclasses.replace(result, points=())
    )
