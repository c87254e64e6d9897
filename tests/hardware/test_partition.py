"""Partitioned arrays: make-ups against brute force, costs against sums by hand."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload, TemporalTarget, load_target
from hawx_onnx.hardware.partition import best_makeups, column_folds, compositions


def array(**keys):
    fixed = {"name": "t", "frequency_mhz": 500.0, "rows": 16, "cols": 16}
    return TemporalTarget(**{**fixed, "heterogeneity": "partitioned", **keys})


def brute(channels, steps, columns, leakage=None):
    """The least latency (times leakage) over all make-ups, without numpy."""
    types = len(channels[0])
    best = math.inf
    for makeup in itertools.product(range(columns + 1), repeat=types):
        if sum(makeup) != columns:
            continue
        if any(n and not c for layer in channels for n, c in zip(layer, makeup, strict=True)):
            continue
        cycles = sum(
            step * max(math.ceil(n / c) for n, c in zip(layer, makeup, strict=True) if n)
            for layer, step in zip(channels, steps, strict=True)
        )
        weight = 1 if leakage is None else sum(map(math.prod, zip(makeup, leakage, strict=True)))
        best = min(best, cycles * weight)
    return best


def score(channels, steps, makeup, leakage=None):
    cycles = float(column_folds(channels, makeup) @ np.array(steps))
    return cycles if leakage is None else cycles * float(np.dot(makeup, leakage))


@given(st.data(), st.integers(1, 3), st.integers(1, 3), st.integers(3, 9))
@settings(max_examples=60, deadline=None)
def test_makeup_is_the_best_of_all(data, layers, types, columns):
    row = st.lists(st.integers(0, 40), min_size=types, max_size=types).filter(any)
    channels = data.draw(st.lists(row, min_size=layers, max_size=layers))
    steps = data.draw(st.lists(st.integers(1, 50), min_size=layers, max_size=layers))
    found = best_makeups([channels], steps, columns)[0]
    assert found.sum() == columns
    assert score(channels, steps, found) == brute(channels, steps, columns)
    if np.all(np.any(channels, axis=0)):
        leakage = data.draw(st.lists(st.integers(1, 9), min_size=types, max_size=types))
        found = best_makeups([channels], steps, columns, leakage)[0]
        assert score(channels, steps, found, leakage) == brute(channels, steps, columns, leakage)


def test_compositions_are_all_and_sum_up():
    ways = compositions(6, 3)
    assert len(ways) == math.comb(5, 2) == len({tuple(way) for way in ways})
    assert (ways.sum(axis=1) == 6).all() and (ways >= 1).all()


def test_many_assignments_equal_each_alone():
    rng = np.random.default_rng(3)
    channels = rng.multinomial(64, [0.5, 0.2, 0.2, 0.1], size=(30, 5))
    channels[::3, :, 2] = 0
    channels[1] = [[64, 0, 0, 0]] * 5
    steps = rng.integers(1, 1000, 5)
    together = best_makeups(channels, steps, 16)
    assert (together[1] == [16, 0, 0, 0]).all()
    for one, makeup in zip(channels, together, strict=True):
        assert (best_makeups(one[None], steps, 16)[0] == makeup).all()


def test_climbing_comes_close_to_the_best(monkeypatch):
    rng = np.random.default_rng(5)
    channels = rng.multinomial(96, [0.4, 0.3, 0.2, 0.1], size=(10, 6))
    steps = rng.integers(100, 1000, 6)
    exact = best_makeups(channels, steps, 24)
    monkeypatch.setattr("hawx_onnx.hardware.partition.MOST_COMPOSITIONS", 0)
    climbed = best_makeups(channels, steps, 24)
    for one, least, near in zip(channels, exact, climbed, strict=True):
        assert near.sum() == 24
        assert score(one, steps, least) <= score(one, steps, near) <= 1.1 * score(one, steps, least)


def test_more_types_than_columns_are_refused():
    with pytest.raises(ConfigError, match="3 multiplier types are used, the array has 2 columns"):
        best_makeups([[[1, 1, 1]]], [5], 2)


def test_partitioned_array_by_hand(exact, cheap):
    layer = LayerWorkload("fc", "Gemm", 16, 64, 100)
    # 48 channels on 12 columns and 16 on 4 fold 4 times, as 64 on 16 do.
    mixed = {"fc": [exact] * 48 + [cheap] * 16}
    report = array().cost((layer,), mixed, exact)
    assert report.layers[0].compute_cycles == 4 * 130 - 1
    assert {name: use.multipliers for name, use in report.types.items()} == {
        "exact": 16 * 12,
        "cheap": 16 * 4,
    }
    # Adder 32, registers 2 * (8 + 8 + 16 + 32 + 1), multiplexer 8, gates 2.
    element = 32 + 130 + 8 + 2
    # The last column passes no activations on, the last row no weights.
    edge = 2 * (16 * 9 + 16 * 8)
    assert report.total.area_um2 == pytest.approx(16 * (12 * 400 + 4 * 250 + 16 * element) - edge)
    leakage_nw = 16 * (12 * 8000 + 4 * 5000 + 16 * element) - edge
    assert report.total.energy_parts.leakage_uj == pytest.approx(leakage_nw * 1e-9 * 519 / 500)
    use = report.types["cheap"]
    assert use.macs == 16 * 16 * 100
    assert use.utilization == pytest.approx(use.macs / (64 * 519))
    multi = array(heterogeneity="multi-mode").cost((layer,), mixed, exact)
    # A second type brings 32 gates.
    assert multi.total.area_um2 == pytest.approx(256 * (400 + 250 + element + 4) - edge)
    assert multi.types["cheap"].multipliers == 256


def test_one_type_makes_the_same_array_either_way(network, exact):
    for dataflow in ("output-stationary", "weight-stationary"):
        parted = array(dataflow=dataflow).cost(network, {}, exact)
        whole = array(dataflow=dataflow, heterogeneity="multi-mode").cost(network, {}, exact)
        assert parted.total == whole.total and parted.layers == whole.layers


def test_idle_columns_cost_latency(lenet, exact, cheap):
    # Layers of one type each leave the columns of the other idle.
    assignment = {"conv2": cheap, "fc1": cheap}
    parted = array().cost(lenet, assignment, exact).total
    whole = array(heterogeneity="multi-mode").cost(lenet, assignment, exact).total
    assert parted.latency_cycles > whole.latency_cycles
    assert parted.area_um2 < whole.area_um2


def test_input_stationary_cannot_be_partitioned():
    with pytest.raises(ConfigError, match="input-stationary array cannot be partitioned"):
        array(dataflow="input-stationary")


@pytest.mark.parametrize("heterogeneity", ["multi-mode", "partitioned"])
@pytest.mark.parametrize("makeup", ["latency", "energy"])
def test_many_totals_equal_reports(network, exact, cheap, cheapest, heterogeneity, makeup):
    target = array(heterogeneity=heterogeneity, makeup=makeup)
    candidates = (exact, cheap, cheapest)
    rng = np.random.default_rng(11)
    picks = [[rng.integers(0, 3, work.filters) for work in network] for _ in range(8)]
    channels = [[np.bincount(pick, minlength=3) for pick in row] for row in picks]
    many = target.cost_many(network, candidates, channels)
    for index, row in enumerate(picks):
        assignment = {
            work.name: [candidates[m] for m in pick]
            for work, pick in zip(network, row, strict=True)
        }
        total = target.cost(network, assignment, exact).total
        for field in (
            "power_mw",
            "area_um2",
            "energy_uj",
            "latency_cycles",
            "multiplication_energy_uj",
        ):
            assert getattr(many, field)[index] == pytest.approx(getattr(total, field), rel=1e-9)


def test_counts_that_do_not_fit_the_layers_are_refused(lenet, exact, cheap):
    target = array()
    right = np.array([[[work.filters, 0] for work in lenet]])
    assert target.cost_many(lenet, (exact, cheap), right).area_um2.shape == (1,)
    with pytest.raises(ConfigError, match=r"layer conv2: assignment 0 has 17 channels.* 16"):
        wrong = right.copy()
        wrong[0, 1, 1] = 1
        target.cost_many(lenet, (exact, cheap), wrong)
    with pytest.raises(ConfigError, match=r"need \[assignments, 5, 2\]"):
        target.cost_many(lenet, (exact, cheap), right[0])


@pytest.mark.parametrize("most", [5000, 0])
def test_the_order_of_types_changes_nothing(monkeypatch, most):
    """Of make-ups that are as fast as each other, the same one is taken."""
    monkeypatch.setattr("hawx_onnx.hardware.partition.MOST_COMPOSITIONS", most)
    rng = np.random.default_rng(7)
    area, leakage = np.array([5.0, 2.0, 9.0]), np.array([3.0, 1.0, 4.0])
    for channels in rng.integers(0, 12, (40, 2, 3)):
        for leaks in (None, leakage):
            found = best_makeups([channels], [3, 5], 12, leaks, area)[0]
            for order in ([2, 0, 1], [1, 2, 0], [2, 1, 0]):
                turned = None if leaks is None else leaks[order]
                again = best_makeups([channels[:, order]], [3, 5], 12, turned, area[order])[0]
                assert (again == found[order]).all()


def test_spare_columns_go_to_the_smallest_type():
    """One fold each, whatever the two columns hold that no type needs."""
    assert best_makeups([[[4, 4]]], [1], 10, None, [9.0, 2.0])[0].tolist() == [4, 6]


def test_many_at_once_cost_what_each_costs_alone():
    """Types in order of their first use against types in order of the candidates."""
    works = (
        LayerWorkload("conv1", "Conv", 64, 8, 27),
        LayerWorkload("conv2", "Conv", 16, 16, 72),
        LayerWorkload("fc", "Gemm", 1, 10, 64),
    )
    chosen = [components.load(f"mul8s_{name}") for name in ("exact", "trunc1", "trunc2")]
    target = load_target("temporal").override(heterogeneity="partitioned")
    rng = np.random.default_rng(1)
    for _ in range(60):
        channels = [rng.integers(0, 3, work.filters) for work in works]
        assignment = {w.name: [chosen[i] for i in c] for w, c in zip(works, channels, strict=True)}
        alone = target.cost(works, assignment, chosen[0]).total
        counts = np.array([[np.bincount(c, minlength=3) for c in channels]])
        many = target.cost_many(works, chosen, counts)
        for figure in ("power_mw", "area_um2", "energy_uj", "latency_cycles"):
            assert getattr(many, figure)[0] == pytest.approx(getattr(alone, figure), rel=1e-12)
