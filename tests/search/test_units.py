"""Units: groups of channels, choices made of them, and their share of the costs."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.hardware import LayerWorkload, load_target
from hawx_onnx.hardware.loading import target_names
from hawx_onnx.search import Budget, Problem
from hawx_onnx.search.units import Unit, channel_units, decode, encode, layer_units

WORKLOADS = (
    LayerWorkload("conv1", "Conv", 64, 8, 27),
    LayerWorkload("conv2", "Conv", 16, 16, 72),
    LayerWorkload("fc", "Gemm", 1, 10, 64),
)
FILTERS = [work.filters for work in WORKLOADS]
MULTIPLIERS = tuple(
    components.load(name) for name in ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2")
)
ORDERS = [list(np.random.default_rng(i).permutation(n)) for i, n in enumerate(FILTERS)]


def test_groups_follow_the_order_and_cover_every_channel_once():
    units = channel_units(ORDERS, [3, 4, 10], whole=[2])
    assert [len(u.channels or ()) for u in units] == [3, 3, 2, 4, 4, 4, 4, 0]
    assert units[-1] == Unit(2)
    for layer in (0, 1):
        held = [c for u in units if u.layer == layer for c in u.channels]
        assert held == ORDERS[layer]


def test_a_unit_for_each_layer():
    """Picks are the choice; a layer told by its channels counts as the first of them."""
    units = layer_units(3)
    assert decode(np.array([2, 0, 1]), units, FILTERS) == (2, 0, 1)
    assert all(type(entry) is int for entry in decode(np.array([2, 0, 1]), units, FILTERS))
    np.testing.assert_array_equal(encode([(2, 0, 1), (0, 1, 1)], units), [[2, 0, 1], [0, 1, 1]])
    np.testing.assert_array_equal(
        encode([(2, 0, 1), ((1,) * 8, 2, 0)], units), [[2, 0, 1], [1, 2, 0]]
    )
    assert encode([], units).shape == (0, 3)


def test_choices_and_picks_are_the_same_thing():
    units = channel_units(ORDERS, [3, 4, 3])
    rng = np.random.default_rng(0)
    picks = rng.integers(0, 3, (20, len(units)))
    choices = [decode(row.tolist(), units, FILTERS) for row in picks]
    np.testing.assert_array_equal(encode(choices, units), picks)
    for unit, pick in zip(units, picks[0], strict=True):
        entry = choices[0][unit.layer]
        assert isinstance(entry, int) or {entry[c] for c in unit.channels} == {pick}


def test_a_layer_of_one_kind_gets_one_number():
    units = channel_units(ORDERS, [3, 4, 3])
    assert decode([2] * len(units), units, FILTERS) == (2, 2, 2)
    assert encode([(2, 2, 2)], units).tolist() == [[2] * len(units)]
    assert decode([1, 0, 2], layer_units(3), FILTERS) == (1, 0, 2)


def accelerator_of(name: str):
    """A preset, or the temporal one with a multiplier type for each column."""
    if name != "partitioned":
        return load_target(name)
    return load_target("temporal").override(heterogeneity="partitioned", cols=4)


@pytest.mark.parametrize("target", [*target_names(), "partitioned"])
@pytest.mark.parametrize("objective", ["power", "area", "energy", "latency"])
def test_costs_of_units_are_those_of_full_reports(target, objective):
    accelerator = accelerator_of(target)
    units = channel_units(ORDERS, accelerator.channels_together(WORKLOADS))
    assert sum(len(unit.channels) for unit in units) == sum(FILTERS)
    problem = Problem(WORKLOADS, MULTIPLIERS, accelerator, objective, units=units)
    rng = np.random.default_rng(1)
    choices = [problem.decode(rng.integers(0, 3, len(units)).tolist()) for _ in range(20)]
    full = [problem.objective_of(problem.report(choice).total) for choice in choices]
    np.testing.assert_allclose(problem.costs(choices)[:, 0], full, rtol=1e-9)
    np.testing.assert_allclose(problem.scores_of(problem.encode(choices)), full, rtol=1e-9)
    if target != "partitioned":  # its costs are no sums
        terms = problem.terms.evaluate(problem.encode(choices))
        np.testing.assert_allclose(terms, full, rtol=1e-9)


def test_an_element_of_an_engine_computes_several_channels():
    together = load_target("spatial").override(target_cycles=4096).channels_together(WORKLOADS)
    foldings = load_target("spatial").override(target_cycles=4096).foldings(WORKLOADS)
    assert together == tuple(f.neuron_fold for f in foldings)
    assert max(together) > 1
    assert load_target("temporal").channels_together(WORKLOADS) == (1, 1, 1)


def test_a_column_of_a_partitioned_array_computes_several_channels():
    accelerator = accelerator_of("partitioned")
    grouped = LayerWorkload("depthwise", "Conv", 16, 16, 9, 16)
    assert grouped.groups == 16
    assert accelerator.channels_together((*WORKLOADS, grouped)) == (2, 4, 3, 1)
    # Columns of two types, half of them each: what fills them takes no longer than one type alone.
    units = channel_units([list(range(n)) for n in FILTERS], (2, 4, 3))
    problem = Problem(WORKLOADS, MULTIPLIERS, accelerator, "latency", units=units)
    halves = problem.decode([0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1])
    uneven = problem.decode([0, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1])
    alone, even, odd = problem.costs([problem.exact_choice, halves, uneven])[:, 0]
    assert alone == even == odd


def test_space_and_limits_of_units():
    units = channel_units(ORDERS, [4, 4, 5])
    problem = Problem(
        WORKLOADS,
        MULTIPLIERS,
        load_target("temporal"),
        units=units,
        kept_exact=frozenset({1}),
        budget=Budget(max_multipliers=2),
    )
    assert problem.space_size == 3**4
    mixed = problem.decode([0, 1, 0, 0, 0, 0, 2, 0])
    assert problem.affordable([mixed, (0, 0, 1)]).tolist() == [False, True]
    names = problem.assignment(mixed)["conv1"]
    assert isinstance(names, tuple)
    assert names.count("mul8s_trunc1") == 4
