"""What `cost` refuses and notes, whatever the kind of target."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.hardware import LayerWorkload, load_target


@pytest.fixture(params=["temporal", "temporal-softgpu", "spatial"])
def target(request):
    return load_target(request.param)


def variant(multiplier, name=None, **figures):
    """A copy of a fake multiplier with other figures."""
    cost = replace(multiplier.cost, **figures)
    return type(multiplier)(name or multiplier.name, cost)


def test_mixed_technologies_name_the_multipliers(target, lenet, exact, foreign):
    with pytest.raises(ConfigError) as caught:
        target.cost(lenet, {"fc1": foreign}, exact)
    assert "test-node: exact" in str(caught.value)
    assert "other-node: foreign" in str(caught.value)
    assert "characterise" in caught.value.mend


def test_exact_of_another_technology_is_refused_even_if_unused(target, lenet, exact, foreign):
    with pytest.raises(ConfigError, match="different technologies"):
        target.cost(lenet, {work.name: foreign for work in lenet}, exact)


def test_multiplier_without_figures_is_named(target, lenet, exact):
    bare = type(exact)("bare", None)
    with pytest.raises(ConfigError, match="no cost figures for bare"):
        target.cost(lenet, {"fc1": bare}, exact)
    with pytest.raises(ConfigError, match="no cost figures for bare"):
        target.cost(lenet, {"conv1": [exact] * 5 + [bare]}, exact)


def test_wrong_number_of_channels_names_layer_and_both_lengths(target, lenet, exact):
    with pytest.raises(ConfigError, match=r"layer conv2: .* 6 channels, the layer has 16"):
        target.cost(lenet, {"conv2": [exact] * 6}, exact)


def test_unknown_layer_offers_close_names(target, lenet, exact, cheap):
    with pytest.raises(ConfigError, match=r"layer conv3.*(?s:.*)did you mean conv"):
        target.cost(lenet, {"conv3": cheap}, exact)


def test_one_name_for_two_figures_is_refused(target, lenet, exact):
    impostor = variant(exact, area_um2=1.0)
    with pytest.raises(ConfigError, match="two multipliers named exact"):
        target.cost(lenet, {"fc1": impostor}, exact)


def test_network_without_layers_or_with_twins_is_refused(target, lenet, exact):
    with pytest.raises(ModelError, match="no layer"):
        target.cost((), {}, exact)
    with pytest.raises(ModelError, match="several layers are named conv1"):
        target.cost((*lenet, lenet[0]), {}, exact)


def test_periphery_of_another_technology_is_left_out_and_noted(target, lenet, foreign):
    report = target.cost(lenet, {}, foreign)
    alone = target.override(periphery="none").cost(lenet, {}, foreign)
    assert report.notes[0].startswith("adders and registers are not counted: technology other-node")
    assert report.total == alone.total
    with pytest.raises(ConfigError, match="other-node has no adders and registers"):
        target.override(periphery="required").cost(lenet, {}, foreign)


def test_periphery_raises_every_cost_but_the_cycles(target, lenet, exact):
    with_periphery = target.cost(lenet, {}, exact).total
    alone = target.override(periphery="none").cost(lenet, {}, exact).total
    assert alone.area_um2 < with_periphery.area_um2
    assert alone.energy_uj < with_periphery.energy_uj
    assert alone.latency_cycles == with_periphery.latency_cycles
    assert alone.multiplication_energy_uj == with_periphery.multiplication_energy_uj


def test_multiplier_slower_than_the_clock_is_noted(target, lenet, exact):
    slow = variant(exact, "slow", delay_ns=20.0)
    assert "taken as pipelined: slow" in target.cost(lenet, {"fc1": slow}, exact).notes[-1]


def test_report_is_json_of_the_contract(target, lenet, exact, cheap):
    shown = json.loads(json.dumps(target.cost(lenet, {"fc1": cheap}, exact).to_dict()))
    assert shown["target"] == target.name
    assert shown["total"].keys() >= {
        "power_mw",
        "area_um2",
        "energy_uj",
        "latency_cycles",
        "multiplication_energy_uj",
    }
    assert shown["layers"][2].keys() >= {
        "name",
        "op",
        "macs",
        "compute_cycles",
        "stall_cycles",
        "utilization",
        "energy_uj",
        "power_mw",
        "area_um2",
        "multipliers",
    }
    assert shown["layers"][2]["multipliers"] == {"cheap": 120}


def test_workload_refuses_impossible_sizes():
    assert LayerWorkload("a", "Conv", 4, 6, 5, groups=3).macs == 120
    assert type(LayerWorkload("a", "Conv", np.int64(4), 6, 5).macs) is int
    with pytest.raises(ModelError, match="window is 0"):
        LayerWorkload("a", "Conv", 4, 6, 0)
    with pytest.raises(ModelError, match="filters is -1"):
        LayerWorkload("a", "Conv", 4, -1, 5)
    with pytest.raises(ModelError, match="4 groups do not divide 6 filters"):
        LayerWorkload("a", "Conv", 4, 6, 5, groups=4)


def test_builtin_components_have_periphery(lenet):
    """The real adders and registers share the built-in multipliers' technology."""
    from hawx_onnx import components

    signed = components.exact(components.Encoding.SIGNED)
    for kind in ("temporal", "spatial"):
        report = load_target(kind).override(periphery="required").cost(lenet, {}, signed)
        assert report.total.power_mw > 0
        assert report.total.multiplication_energy_uj < report.total.energy_uj
