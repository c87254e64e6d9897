"""The search methods on problems whose answer is known: optimum, budgets, limits, seeds."""

from __future__ import annotations

import dataclasses
import itertools
import sys

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components.synthesis.technology_costs import TechnologyCosts
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.predictors import ResponseSurrogate
from hawx_onnx.search import (
    METHODS,
    Budget,
    Limits,
    Measurer,
    Problem,
    search_exhaustive,
    search_hawx,
    search_nsga2,
    search_random,
    select,
)
from hawx_onnx.search.result import front_mask
from hawx_onnx.sensitivity import Sensitivity

# Costs of the toy's own: how well a search does must not hang on how components are characterised.
FIGURES = {
    "mul8s_exact": (296.3, 1.5, 211.9, 4203.0),
    "mul8s_trunc1": (223.3, 1.29, 149.7, 3167.0),
    "mul8s_trunc2": (160.4, 1.081, 100.4, 2276.0),
    "mul8s_trunc3": (107.8, 0.872, 62.6, 1529.0),
    "mul8s_trunc4": (65.4, 0.663, 35.0, 928.0),
}
NAMES = tuple(FIGURES)
SAMPLES, BATCH = 400, 50


# Adders and registers of the toy's technology, by the bit: area, delay, energy, leakage.
PERIPHERY = TechnologyCosts(
    "toy",
    "toy",
    adders=tuple((4.1 * n, 1.0, 2.9 * n, 58.0 * n) for n in (1, 2)),
    register_bit=(4.3, 1.0, 3.5, 62.0),
    exact={},
)


@dataclasses.dataclass
class Toy:
    """A network whose outputs are a sum over layers, plus an interaction where asked for."""

    problem: Problem
    sensitivity: Sensitivity
    interaction: float = 0.0
    calls: int = 0
    samples: int = 0

    @property
    def sizes(self) -> list[int]:
        return [BATCH] * (SAMPLES // BATCH)

    def prepare(self, choices) -> None:
        pass

    def expect(self, choices, batches) -> None:
        pass

    def forget(self, batch) -> None:
        pass

    def scores(self, choice, batch) -> np.ndarray:
        self.calls += batch == 0
        self.samples += BATCH
        total = ResponseSurrogate(self.sensitivity).outputs(choice)
        share = sum(choice) / (len(choice) * (len(self.problem.multipliers) - 1))
        mixed = total * (1 - self.interaction * share) + self.interaction * share * total[:, ::-1]
        found = mixed[batch * BATCH :][:BATCH].argmax(axis=1)
        return found == self.sensitivity.labels[batch * BATCH :][:BATCH]

    def measurer(self, evaluations=None, **limits) -> Measurer:
        return Measurer(self, self.problem, Limits(evaluations, **limits))

    @property
    def surrogate(self) -> ResponseSurrogate:
        return ResponseSurrogate(self.sensitivity)

    def best(self) -> float:
        """The least objective within all budgets, by enumeration."""
        problem, measurer = self.problem, self.measurer(early_stop=False)
        base = measurer.baseline().value
        costs = []
        for choice in itertools.product(problem.allowed, repeat=len(problem.workloads)):
            totals = problem.report(choice).total
            drop = base - measurer.measure(choice).value
            if drop <= problem.budget.max_accuracy_drop + 1e-6 and problem.budget.allows_cost(
                totals
            ):
                costs.append(problem.objective_of(totals))
        return min(costs)


def toy(layers=4, multipliers=3, *, target="spatial", seed=0, strength=1.0, **options) -> Toy:
    rng = np.random.default_rng(seed)
    workloads = tuple(
        LayerWorkload(f"layer{i}", "Conv", int(rng.integers(10, 400)), 8, 9 * (i + 1))
        for i in range(layers)
    )
    interaction = options.pop("interaction", 0.0)
    chosen = tuple(
        dataclasses.replace(
            components.load(name),
            cost=components.ComponentCost(
                "toy", *FIGURES[name], provenance="toy", periphery=PERIPHERY
            ),
        )
        for name in NAMES[:multipliers]
    )
    problem = Problem(workloads, chosen, load_target(target), **options)
    labels = rng.integers(0, 4, SAMPLES)
    baseline = rng.standard_normal((SAMPLES, 4)).astype(np.float32)
    baseline[np.arange(SAMPLES), labels] += 3
    responses = rng.standard_normal((layers, multipliers, SAMPLES, 4)).astype(np.float32)
    growth = np.arange(multipliers, dtype=np.float32) * 0.25 * strength
    responses *= growth[None, :, None, None] * rng.uniform(0.3, 1.5, (layers, 1, 1, 1))
    sensitivity = Sensitivity(
        tuple(w.name for w in workloads),
        tuple(m.name for m in chosen),
        {},
        baseline,
        responses.astype(np.float32),
        labels,
    )
    return Toy(problem, sensitivity, interaction)


@pytest.mark.parametrize("target", ["spatial", "temporal"])
@pytest.mark.parametrize("objective", ["power", "area", "energy"])
@pytest.mark.parametrize("drop", [0.0, 0.01, 0.05])
def test_hawx_finds_the_optimum_of_a_separable_problem(target, objective, drop):
    case = toy(target=target, objective=objective, budget=Budget(max_accuracy_drop=drop))
    result = search_hawx(case.problem, case.measurer(20), case.surrogate)
    chosen = select(case.problem, result)
    assert case.problem.objective_of(chosen.totals) == pytest.approx(case.best())
    assert result.space_size == 81
    assert not result.relaxed


@pytest.mark.parametrize("seed", range(4))
def test_hawx_comes_near_the_optimum_where_layers_interact(seed):
    case = toy(seed=seed, interaction=0.4, budget=Budget(max_accuracy_drop=0.03))
    result = search_hawx(case.problem, case.measurer(20), case.surrogate)
    chosen = select(case.problem, result)
    assert case.problem.objective_of(chosen.totals) <= 1.03 * case.best()


def test_hawx_in_a_space_too_large_to_enumerate():
    """14 layers of 5: against the best of a long random search and the knapsack's bound."""
    case = toy(14, 5, strength=0.5, budget=Budget(max_accuracy_drop=0.02))
    assert case.problem.space_size > 6e9
    hawx = search_hawx(case.problem, case.measurer(40), case.surrogate)
    found = case.problem.objective_of(select(case.problem, hawx).totals)
    random = search_random(case.problem, case.measurer(400), seed=1)
    point = select(case.problem, random)
    exact = case.problem.objective_of(case.problem.report(case.problem.exact_choice).total)
    assert found < 0.95 * exact
    assert point is None or found < case.problem.objective_of(point.totals)


@pytest.mark.parametrize("evaluations", [1, 2, 7, 25])
@pytest.mark.parametrize("method", METHODS)
def test_evaluations_are_never_exceeded(method, evaluations):
    case = toy(interaction=0.5)
    measurer = case.measurer(evaluations)
    result = METHODS[method](case.problem, measurer, case.surrogate)
    assert result.evaluations <= evaluations
    assert case.calls <= evaluations + 1  # the exact baseline comes on top
    assert result.evaluations == measurer.evaluations >= case.calls - 1
    assert sum(p.measured_accuracy is not None for p in result.points) <= evaluations + 1


@pytest.mark.parametrize("limit", ["power", "area"])
@pytest.mark.parametrize("layers", [4, 9])
def test_hardware_limits_hold(limit, layers):
    """In a small space and in one that is too large to enumerate."""
    case = toy(layers, 4, strength=0.3, budget=Budget(max_accuracy_drop=0.3))
    field = {"power": "power_mw", "area": "area_um2"}[limit]
    exact, cheap = (
        getattr(case.problem.report((index,) * layers).total, field) for index in (0, 3)
    )
    most = cheap + 0.4 * (exact - cheap)
    budget = Budget(0.3, **{f"max_{field}": most})
    problem = dataclasses.replace(case.problem, budget=budget, objective="energy")
    case.problem = problem
    result = search_hawx(problem, case.measurer(20), case.surrogate)
    chosen = select(problem, result)
    assert chosen is not None
    assert getattr(chosen.totals, field) <= most


def test_area_limit_where_the_objective_pulls_the_other_way():
    """On a shared array every further type of multiplier costs area, and saves energy."""
    case = toy(8, 4, target="temporal", strength=0.3)
    areas = [case.problem.report((index,) * 8).total.area_um2 for index in range(4)]
    budget = Budget(0.5, max_area_um2=1.001 * min(areas))
    case.problem = dataclasses.replace(case.problem, budget=budget, objective="energy")
    result = search_hawx(case.problem, case.measurer(20), case.surrogate)
    chosen = select(case.problem, result)
    assert chosen is not None
    assert chosen.totals.area_um2 <= budget.max_area_um2


@pytest.mark.parametrize("layers", [4, 9])
def test_limit_under_an_objective_that_no_choice_changes(layers):
    """Latency is the same for all: the exact design is the whole front, and over the limit."""
    case = toy(layers, 4, strength=0.3)
    powers = [case.problem.report((index,) * layers).total.power_mw for index in (0, 3)]
    budget = Budget(0.5, max_power_mw=sum(powers) / 2)
    case.problem = dataclasses.replace(case.problem, budget=budget, objective="latency")
    result = search_hawx(case.problem, case.measurer(20), case.surrogate)
    chosen = select(case.problem, result)
    assert chosen is not None
    assert chosen.totals.power_mw <= budget.max_power_mw


@pytest.mark.filterwarnings("error")
def test_impossible_budget_selects_nothing():
    case = toy(budget=Budget(0.01, max_power_mw=1e-12))
    for method in METHODS.values():
        assert select(case.problem, method(case.problem, case.measurer(), case.surrogate)) is None


def test_layers_may_be_forced_to_be_approximate():
    case = toy(budget=Budget(max_accuracy_drop=0.9), allow_exact=False)
    for method in METHODS.values():
        result = method(case.problem, case.measurer(), case.surrogate)
        assert result.space_size == 16
        assert result.points
        assert all(0 not in point.choice for point in result.points)


def test_ties_go_to_the_more_accurate_point():
    """Two layers of one shape: which of them is approximated costs the same."""
    case = toy(2, 2, budget=Budget(max_accuracy_drop=0.05))
    same = tuple(LayerWorkload(n, "Conv", 50, 8, 9) for n in ("layer0", "layer1"))
    responses = case.sensitivity.responses.copy()
    responses[0] *= 0.0
    responses[0, 1, :4, :] = [100, 0, 0, 0]
    responses[1, 1, :40, :] = [100, 0, 0, 0]
    case.sensitivity = dataclasses.replace(case.sensitivity, responses=responses)
    case.problem = dataclasses.replace(case.problem, workloads=same)
    for method in METHODS.values():
        result = method(case.problem, case.measurer(), case.surrogate)
        assert select(case.problem, result).choice == (1, 0)


def test_exhaustive_measures_the_whole_space():
    case = toy(3, 3)
    result = search_exhaustive(case.problem, case.measurer(early_stop=False))
    assert result.samples_run == 27 * SAMPLES
    assert result.evaluations == 27
    assert len({point.choice for point in result.points}) == 27
    costs = [case.problem.objective_of(point.totals) for point in result.points]
    assert costs == sorted(costs)
    assert result.baseline_accuracy == case.surrogate.accuracy((0, 0, 0))
    assert case.calls == 27
    assert result.seconds > 0


def test_exhaustive_refuses_a_huge_space_at_once():
    case = toy(14, 5)
    with pytest.raises(ConfigError, match="6,103,515,625 assignments, more than 100,000"):
        search_exhaustive(case.problem, case.measurer())
    assert case.calls == 0


def test_random_draws_none_twice_and_repeats_by_its_seed():
    case = toy(4, 3)
    runs = [search_random(case.problem, case.measurer(50), seed=seed) for seed in (3, 3, 4)]
    choices = [[point.choice for point in run.points] for run in runs]
    assert choices[0] == choices[1] != choices[2]
    assert len(set(choices[0])) == 50
    everything = search_random(case.problem, case.measurer(500))
    assert everything.evaluations == 81


def test_hawx_without_scores_is_a_configuration_error():
    case = toy()
    with pytest.raises(ConfigError, match="needs scores"):
        search_hawx(case.problem, case.measurer(), None)


def test_points_carry_what_is_known_of_them():
    case = toy(interaction=0.3)
    measurer = case.measurer(10)
    result = search_hawx(case.problem, measurer, case.surrogate)
    for point in result.points:
        known = measurer.known(point.choice)
        assert point.measured_accuracy == (None if known is None else known.value)
        predicted = case.surrogate.accuracy(point.choice)
        assert point.predicted_accuracy == pytest.approx(predicted, abs=1e-6)
        assert point.totals == case.problem.report(point.choice).total
    costs = [case.problem.objective_of(point.totals) for point in result.points]
    np.testing.assert_allclose(costs, sorted(costs))
    assert result.scoring_seconds == 0
    assert result.measuring_seconds == pytest.approx(measurer.seconds, abs=0.05)


def test_nsga2_repeats_by_its_seed_and_finds_the_front_of_a_small_space():
    pytest.importorskip("pymoo")
    case = toy(3, 3, budget=Budget(max_accuracy_drop=0.03))
    runs = [search_nsga2(case.problem, case.measurer(20), seed=seed) for seed in (3, 3, 4)]
    choices = [[point.choice for point in run.points] for run in runs]
    assert choices[0] == choices[1] != choices[2]
    assert all(run.evaluations == 20 for run in runs)
    assert {(i,) * 3 for i in range(3)} <= set(choices[0])
    everything = search_nsga2(case.problem, case.measurer(early_stop=False))
    assert case.problem.objective_of(select(case.problem, everything).totals) == pytest.approx(
        case.best()
    )


def test_nsga2_without_pymoo_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymoo.algorithms.moo.nsga2", None)
    case = toy()
    with pytest.raises(ConfigError, match="needs pymoo"):
        search_nsga2(case.problem, case.measurer())


@pytest.mark.parametrize("method", METHODS)
def test_layers_kept_exact_stay_so_in_every_method(method):
    if method == "nsga2":
        pytest.importorskip("pymoo")
    case = toy(3, 3, budget=Budget(0.5), kept_exact=frozenset({1}))
    result = METHODS[method](case.problem, case.measurer(), case.surrogate)
    assert result.space_size == 9
    assert {point.choice[1] for point in result.points} == {0}
    assert len({point.choice for point in result.points}) > 1


@pytest.mark.parametrize("method", METHODS)
def test_no_method_runs_on_when_its_time_is_over(method):
    if method == "nsga2":
        pytest.importorskip("pymoo")
    case = toy()
    result = METHODS[method](case.problem, case.measurer(seconds=-1.0), case.surrogate)
    assert result.evaluations == 0
    assert result.stopped_by == "seconds"
    assert case.calls == 1


def test_few_multipliers():
    case = toy(6, 5, budget=Budget(0.1, max_multipliers=2), target="temporal")
    result = search_hawx(case.problem, case.measurer(30), case.surrogate)
    assert len(set(select(case.problem, result).choice)) <= 2


def test_several_objectives_give_a_front_in_all_of_them():
    case = toy(4, 4, target="temporal", further_objectives=("area",), budget=Budget(0.05))
    result = search_hawx(case.problem, case.measurer(40), case.surrogate)
    marks = front_mask(case.problem, result.points)
    front = [p.totals for p, mark in zip(result.points, marks, strict=True) if mark]
    # What was given up is more than ten points below the exact model: no point of the front.
    whole = [p.totals for p in result.points if p.complete]
    assert min(t.power_mw for t in front) == min(t.power_mw for t in whole)
    assert min(t.area_um2 for t in front) == min(t.area_um2 for t in whole)
    assert case.problem.objective_of(select(case.problem, result).totals) == pytest.approx(
        case.best()
    )
