"""An assignment as a choice: what a problem can say is found again, what it cannot is None."""

from __future__ import annotations

import itertools

import pytest

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.search import Problem
from hawx_onnx.search.held_choice import held_choice
from hawx_onnx.search.units import channel_units

WORKLOADS = (LayerWorkload("conv", "Conv", 64, 4, 27), LayerWorkload("fc", "Gemm", 1, 2, 64))
NAMES = ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2")
MULTIPLIERS = tuple(components.load(name) for name in NAMES)


def problem_of(**options) -> Problem:
    return Problem(WORKLOADS, MULTIPLIERS, load_target("spatial"), **options)


def test_every_choice_is_found_again():
    problem = problem_of()
    for choice in itertools.product(range(3), repeat=2):
        assert held_choice(problem, problem.assignment(choice)) == choice


def test_channels_are_found_again():
    problem = problem_of(units=channel_units([[0, 1, 2, 3], [0, 1]], [2, 1]))
    for picks in itertools.product(range(3), repeat=len(problem.units)):
        choice = problem.decode(picks)
        assert held_choice(problem, problem.assignment(choice)) == choice


def test_layers_left_out_are_exact():
    assert held_choice(problem_of(), Assignment.of({"fc": NAMES[2]})) == (0, 2)


def test_one_multiplier_in_all_channels_is_the_layers():
    assert held_choice(problem_of(), Assignment.of({"conv": [NAMES[1]] * 4})) == (1, 0)


@pytest.mark.parametrize(
    ("choices", "options"),
    [
        ({"other": NAMES[1]}, {}),
        ({"fc": "mul8s_trunc4"}, {}),
        ({"conv": [NAMES[1]] * 3}, {}),
        ({"conv": [NAMES[1], NAMES[1], NAMES[2], NAMES[2]]}, {}),
        ({"conv": NAMES[1]}, {"kept_exact": frozenset({0})}),
        ({"conv": NAMES[1]}, {"allow_exact": False}),
    ],
    ids=["layer", "multiplier", "channels", "mixed", "kept exact", "exact not allowed"],
)
def test_what_is_no_choice_of_the_problem(choices, options):
    assert held_choice(problem_of(**options), Assignment.of(choices)) is None
