"""Measurer: each choice once, limits, early stop, and what a journal saves."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.search import Budget, Limits, Measurer, Problem
from hawx_onnx.search import measurer as measurer_module
from hawx_onnx.search.result import collect_points

WORKLOADS = (LayerWorkload("a", "Conv", 64, 8, 27), LayerWorkload("b", "Conv", 16, 16, 72))
MULTIPLIERS = tuple(
    components.load(name) for name in ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2")
)
SAMPLES, BATCH = 400, 50
ALL = list(itertools.product(range(3), repeat=2))


class Network:
    """Right on the first samples of a random order, so many as the choice's accuracy says."""

    def __init__(self, accuracies=None):
        self.accuracies = accuracies or {c: 0.9 - 0.02 * sum(c) for c in ALL}
        order = np.random.default_rng(0).permutation(SAMPLES)
        self.hits = {c: order < round(a * SAMPLES) for c, a in self.accuracies.items()}
        self.runs: list[tuple] = []
        self.prepared: list[list] = []
        self.forgotten: list[int] = []

    sizes = [BATCH] * (SAMPLES // BATCH)

    def prepare(self, choices):
        self.prepared.append(list(choices))

    def classes(self, choice, batch):
        self.runs.append((choice, batch))
        return self.hits[choice][batch * BATCH :][:BATCH].astype(int)

    def forget(self, batch):
        self.forgotten.append(batch)


class Journal(dict):
    def hits(self, choice):
        return self.get(choice)

    def seconds(self, choice):
        return 0.5 if choice in self else 0.0

    def add(self, found, seconds):
        assert seconds >= 0
        self.update(found)


def measurer_of(network, journal=None, ticks=None, budget=None, **limits):
    problem = Problem(WORKLOADS, MULTIPLIERS, load_target("spatial"), budget=budget or Budget())
    progress = None if ticks is None else lambda: ticks.append(1)
    labels = np.ones(SAMPLES, int)
    return Measurer(network, problem, labels, Limits(**limits), journal, progress)


def test_each_choice_runs_once():
    network, ticks = Network(), []
    measurer = measurer_of(network, ticks=ticks)
    assert measurer.known((1, 0)) is None
    for _ in range(3):
        assert measurer.measure((1, 0)).value == 0.88
    assert network.runs == [((0, 0), b) for b in range(8)] + [((1, 0), b) for b in range(8)]
    assert (measurer.evaluations, measurer.samples_run, len(ticks)) == (1, SAMPLES, 1)
    assert measurer.complete((1, 0))
    assert measurer.seconds > 0
    assert [choice for choice, _ in measurer.measured()] == [(1, 0)]


def test_the_baseline_counts_only_where_it_is_asked_for():
    network = Network()
    measurer = measurer_of(network, evaluations=1)
    assert measurer.baseline().value == 0.9
    assert (measurer.evaluations, measurer.left) == (0, 1)
    assert measurer.measure((0, 0)).value == 0.9
    assert (measurer.evaluations, measurer.left, len(network.runs)) == (1, 0, 8)


@pytest.mark.parametrize("limit", [None, 3])
def test_fewer_evaluations_for_a_while(limit):
    measurer = measurer_of(Network(), evaluations=limit, early_stop=False)
    with measurer.at_most(2):
        assert measurer.left == 2
        found = measurer.measure_all(ALL[1:5])
        assert [one is None for one in found] == [False, False, True, True]
        assert measurer.exhausted
    assert measurer.stopped_by is None
    assert not measurer.exhausted
    assert measurer.left == (None if limit is None else 1)
    with measurer.at_most(5):
        measurer.measure_all(ALL[3:7])
    assert measurer.evaluations == (6 if limit is None else 3)
    assert measurer.stopped_by == (None if limit is None else "evaluations")


def test_together_batch_by_batch_in_order():
    network = Network()
    measurer = measurer_of(network, early_stop=False)
    found = measurer.measure_all([(2, 1), (0, 1), (1, 2), (0, 1)])
    assert [a.value for a in found] == [pytest.approx(v) for v in (0.84, 0.88, 0.84, 0.88)]
    assert network.prepared == [[(0, 1), (1, 2), (2, 1)]]
    assert network.runs[:6] == [(c, b) for b in (0, 1) for c in ((0, 1), (1, 2), (2, 1))]
    assert network.forgotten == list(range(8))


def test_evaluations_are_limited_in_the_order_asked_for():
    measurer = measurer_of(Network(), evaluations=2)
    found = measurer.measure_all([(2, 1), (0, 1), (1, 2)])
    assert [a is None for a in found] == [False, False, True]
    assert measurer.stopped_by == "evaluations"
    assert measurer.exhausted
    assert measurer.measure((1, 1)) is None
    assert measurer.measure((0, 1)).value == 0.88


def test_blocks():
    network = Network()
    measurer_of(network, block=4, early_stop=False).measure_all(ALL)
    assert [len(block) for block in network.prepared] == [4, 4, 1]


def test_time_ends_the_measuring(monkeypatch):
    clock = itertools.count()
    monkeypatch.setattr(measurer_module.time, "perf_counter", lambda: float(next(clock)))
    measurer = measurer_of(Network(), seconds=40, block=2, early_stop=False)
    found = measurer.measure_all(ALL)
    measured = sum(a is not None for a in found)
    assert 0 < measured < len(ALL)
    assert measurer.stopped_by == "seconds"
    assert all(a is None or a.samples == SAMPLES for a in found)
    assert measurer.evaluations == measured
    late = measurer_of(Network(), seconds=-1)
    assert late.measure((1, 1)) is None
    assert late.baseline().value == 0.9


def test_bad_ones_are_given_up_and_counted():
    accuracies = {c: 0.3 if c == (2, 2) else 0.9 for c in ALL}
    network = Network(accuracies)
    measurer = measurer_of(network)
    bad = measurer.measure((2, 2))
    assert bad.samples == BATCH
    assert not measurer.complete((2, 2))
    assert bad.value == pytest.approx(0.3, abs=0.2)
    assert (measurer.evaluations, measurer.samples_run) == (1, BATCH)
    assert measurer.measure((1, 1)).samples == SAMPLES
    whole = measurer_of(Network(accuracies), early_stop=False)
    assert whole.measure((2, 2)).samples == SAMPLES


def test_dominated_ones_are_given_up():
    """Dearer than one measured before and clearly less accurate, if within the budget."""
    accuracies = {c: 0.86 if c == (0, 1) else 0.95 for c in ALL}
    measurer = measurer_of(Network(accuracies))
    assert measurer.measure((0, 1)).samples == SAMPLES
    measurer = measurer_of(Network(accuracies))
    measurer.measure((2, 2))
    assert measurer.measure((0, 1)).samples < SAMPLES


def test_a_journal_saves_runs():
    journal, network = Journal(), Network()
    first = measurer_of(network, journal)
    wanted = [a.value for a in first.measure_all(ALL)]
    assert set(journal) == set(ALL)
    again = Network()
    second = measurer_of(again, journal)
    assert [a.value for a in second.measure_all(ALL)] == wanted
    assert again.runs == []
    assert (first.remembered, first.remembered_seconds) == (0, 0)
    assert (second.remembered, second.remembered_seconds) == (len(ALL), 0.5 * len(ALL))
    assert (second.evaluations, second.samples_run) == (first.evaluations, first.samples_run)


def test_time_limits_count_what_an_interrupted_run_took():
    journal, network = Journal(), Network()
    measurer_of(network, journal).measure_all(ALL[:4])
    again = measurer_of(Network(), journal, seconds=1.2, block=1)
    assert sum(accuracy is not None for accuracy in again.measure_all(ALL)) == 3
    assert again.stopped_by == "seconds"


def test_what_was_given_up_goes_on_where_it_must():
    accuracies = {c: 0.3 if c == (2, 2) else 0.9 for c in ALL}
    journal = Journal()
    measurer_of(Network(accuracies), journal).measure((2, 2))
    assert len(journal[2, 2]) == BATCH
    network = Network(accuracies)
    whole = measurer_of(network, journal, early_stop=False).measure((2, 2))
    assert whole.value == 0.3
    assert [b for c, b in network.runs if c == (2, 2)] == list(range(1, 8))
    assert len(journal[2, 2]) == SAMPLES


def test_an_interruption_keeps_the_blocks_before():
    class Interrupted(Network):
        def classes(self, choice, batch):
            if choice == (1, 2):
                raise KeyboardInterrupt
            return super().classes(choice, batch)

    journal = Journal()
    measurer = measurer_of(Interrupted(), journal, block=2, early_stop=False)
    with pytest.raises(KeyboardInterrupt):
        measurer.measure_all(ALL)
    assert set(journal) == {(0, 0), (0, 1), (0, 2), (1, 0)}


def test_points_know_their_place_among_the_measurements():
    measurer = measurer_of(Network(), early_stop=False)
    measurer.baseline()
    for choice in ((2, 1), (1, 0)):
        measurer.measure(choice)
    points = collect_points(measurer._problem, measurer, [(0, 0), (1, 0), (1, 1), (2, 1)])
    assert {point.choice: point.order for point in points} == {
        (0, 0): None,
        (1, 0): 2,
        (1, 1): None,
        (2, 1): 1,
    }
