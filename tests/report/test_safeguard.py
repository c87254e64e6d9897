"""What a choice rests on: the block of the report, its sentence, and its warning."""

from __future__ import annotations

import dataclasses

import pytest

from hawx_onnx.report.safeguard import safeguard_block, safeguard_warning
from hawx_onnx.report.safeguard_line import safeguard_line
from hawx_onnx.search import select
from hawx_onnx.search.result import SearchResult
from tests.search.test_result import point, problem_of, result_of


def held(confidence: float | None = 0.9):
    """A problem with confidence, three points and what is chosen of them."""
    problem = problem_of()
    problem = dataclasses.replace(
        problem, budget=dataclasses.replace(problem.budget, confidence=confidence)
    )
    lucky = dataclasses.replace(point(4, 0.893), allowance=0.006, samples=200)
    beyond = dataclasses.replace(point(3, 0.88), allowance=0.006)
    sure = dataclasses.replace(point(5, 0.897), allowance=0.004)
    return problem, result_of(beyond, lucky, sure), sure


def test_tells_the_bound_and_what_was_passed_over():
    problem, result, sure = held()
    assert select(problem, result) is sure
    block = safeguard_block(problem, result, sure)
    assert block == {
        "confidence": 0.9,
        "validation_drop": pytest.approx(0.003),
        "largest_drop": pytest.approx(0.007),
        "passed_over": 1,
        "exact": False,
    }
    line = safeguard_line({"safeguard": block, "search": {"samples": 2000}})
    assert "lost 0.30 points on 2,000 validation samples, with 90 % confidence at most 0.70" in line
    assert "; 1 cheaper assignment was measured within the budget, and passed over" in line


def test_says_nothing_where_measured_drops_decide():
    problem, result, sure = held(None)
    assert safeguard_block(problem, result, sure) is None
    assert safeguard_warning(problem, result, sure) == []
    assert safeguard_line({"safeguard": None}) == safeguard_line({}) == ""


def test_warns_where_samples_are_too_few_for_anything_but_the_exact_design():
    problem, result, _ = held()
    exact = dataclasses.replace(point(9, 0.9), choice=problem.exact_choice)
    (text,) = safeguard_warning(problem, result, exact)
    assert "200 validation samples are too few to be 90 % sure" in text
    assert "--confidence" in text
    nothing: SearchResult = result_of(exact)
    assert safeguard_warning(problem, nothing, exact) == []
    block = safeguard_block(problem, result, exact)
    line = safeguard_line({"safeguard": block, "search": {"samples": 200}})
    assert line.startswith("only the exact design keeps the budget with 90 % confidence; 2 cheaper")
