"""Active choice: what the search learns, and what it does with many and few evaluations."""

from __future__ import annotations

import itertools
import subprocess
import sys

import numpy as np
import pytest

from hawx_onnx.search import Budget, search_hawx, select
from hawx_onnx.search.confidence import allowance
from hawx_onnx.search.learner import GROWTH
from tests.search.test_methods import toy


def large(**options):
    options = {"interaction": 0.4, "strength": 0.5, "budget": Budget(0.02), **options}
    return toy(10, 5, **options)


def run(case, evaluations, **options):
    return search_hawx(case.problem, case.measurer(evaluations), case.surrogate, **options)


def saved(case, result) -> float:
    exact, chosen = (
        case.problem.report(case.problem.exact_choice).total,
        select(case.problem, result),
    )
    return 0.0 if chosen is None else 1 - chosen.totals.power_mw / exact.power_mw


def test_same_seed_same_measurements():
    first, second = (run(large(), 25, seed=3) for _ in range(2))
    assert first.points == second.points
    assert first.predictor == second.predictor


def test_more_evaluations_go_on_where_fewer_ended():
    """The same choices first, so that more evaluations never find worse."""
    orders, found = [], []
    for count in (3, 15, 40):
        case = large()
        measurer = case.measurer(count)
        result = search_hawx(case.problem, measurer, case.surrogate)
        orders.append({choice for choice, _ in measurer.measured()})
        found.append(saved(case, result))
    assert orders[0] < orders[1] < orders[2]
    assert found[0] <= found[1] <= found[2]
    assert found[0] < found[2]


def test_predictions_are_told_as_they_stood_before_measuring():
    case = large()
    result = run(case, 40)
    report = result.predictor
    assert report is not None
    assert report.method in ("surrogate", "calibrated", "catboost")
    assert 20 <= report.assignments < result.evaluations
    assert report.assignments < report.fitted_on <= result.evaluations
    assert report.quality.budget_mae < report.methods["surrogate"].budget_mae
    assert 0 < report.budget_assignments <= report.assignments
    assert report.regret_drop is None or report.regret_drop >= 0


def test_nothing_is_told_of_predictions_that_none_were_made_of():
    assert run(large(), 1).predictor is None


def test_the_search_goes_beyond_the_first_pool():
    """Choices are measured that no front of the surrogate holds."""
    from hawx_onnx.search.pool import build_pool

    case = large()
    pool, _ = build_pool(case.problem, case.surrogate.damages())
    result = run(case, 60)
    measured = {p.choice for p in result.points if p.measured_accuracy is not None}
    assert measured - set(pool)


def test_fits_are_few(monkeypatch):
    from hawx_onnx.predictors import AccuracyPredictor

    sizes = []
    plain = AccuracyPredictor.fit_logs

    def counted(self, features, targets, costs=None):
        sizes.append(len(targets))
        return plain(self, features, targets, costs)

    monkeypatch.setattr(AccuracyPredictor, "fit_logs", counted)
    run(large(), 60)
    assert len(sizes) > 3
    assert all(b >= GROWTH * a for a, b in itertools.pairwise(sizes))


def test_the_search_ends_where_nothing_is_likely_to_improve():
    """Without any harm the cheapest is found at once, and most evaluations are left."""
    case = large(strength=0.0)
    result = run(case, 100)
    assert set(select(case.problem, result).choice) == {4}
    assert result.evaluations < 30
    assert result.stopped_by is None


def test_a_budget_that_no_choice_meets_does_not_cost_all_evaluations():
    case = toy(4, 3, strength=4.0, allow_exact=False, budget=Budget(0.0))
    result = run(case, 81)
    assert select(case.problem, result) is None
    assert result.evaluations < 81


def test_what_is_dearer_than_an_exact_design_beyond_the_limits_is_still_tried():
    case = toy(9, 4, strength=0.3, target="temporal")
    areas = [case.problem.report((index,) * 9).total.area_um2 for index in range(4)]
    case = toy(
        9, 4, strength=0.3, target="temporal", budget=Budget(0.5, max_area_um2=max(areas) * 0.99)
    )
    chosen = select(case.problem, run(case, 20))
    assert chosen is not None
    assert chosen.totals.area_um2 < max(areas)


def test_small_spaces_wait_for_no_heavy_package():
    """A space that is enumerated is searched without CatBoost."""
    code = (
        "import sys\n"
        "from hawx_onnx.search import search_hawx\n"
        "from tests.search.test_methods import toy\n"
        "case = toy(4, 3)\n"
        "search_hawx(case.problem, case.measurer(20), case.surrogate)\n"
        "sys.exit('catboost' in sys.modules)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_nothing_is_printed_and_no_file_is_written(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    run(large(), 30)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("evaluations", [9, 10, 11, 12])
def test_predictors_that_are_not_fitted_yet_do_no_harm(evaluations):
    result = run(large(), evaluations)
    assert result.evaluations == evaluations
    assert np.isfinite(saved(large(), result))


@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_confidence_holds_the_choice_to_what_drops_may_truly_be(confidence):
    """The chosen one keeps the budget with its allowance; the search still finds a saving."""
    case = large(budget=Budget(0.02, confidence=confidence))
    measurer = case.measurer(40)
    result = search_hawx(case.problem, measurer, case.surrogate)
    point = select(case.problem, result)
    assert point is not None
    exact, found = measurer.baseline(), measurer.known(point.choice)
    assert found is not None
    more = allowance(exact, found, confidence)
    assert more > 0
    assert exact.value - found.value + more <= 0.02 + 1e-6
    assert 0 < saved(case, result) <= saved(large(), run(large(), 40))
