from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from hawx_onnx import components
from hawx_onnx.components import ComponentCost, Encoding, Multiplier
from hawx_onnx.components.selection import _spread
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.errors import ConfigError


def block(name: str, energy: float, offset: int, technology: str = "test") -> Multiplier:
    table = components.exact_table(Encoding.SIGNED) + offset
    cost = ComponentCost(technology, 1.0, 1.0, energy, 1.0, "")
    return Multiplier(name, Encoding.SIGNED, table.astype(np.int32), cost, "", "")


def test_pareto_keeps_what_nothing_beats():
    blocks = [
        block("dear", 9.0, 0),
        block("beaten", 5.0, 6),
        block("middle", 4.0, 3),
        block("twin", 4.0, 3),
        block("cheap", 1.0, -8),
    ]
    front = components.pareto(blocks)
    assert [each.name for each in front] == ["cheap", "middle", "dear"]
    # A negative mean error counts by its size.
    assert components.pareto(blocks, error="mean_error") == front
    assert components.pareto(blocks, cost="area_um2") == (blocks[0],)
    assert components.pareto([]) == ()


def test_pareto_by_brute_force():
    library = [each for each in components.load_library("builtin") if each.name[4] == "s"]
    front = components.pareto(library)
    points = {each.name: (each.cost.energy_fj, each.statistics.mae) for each in library}
    beaten = {
        name
        for name, (cost, error) in points.items()
        if any(c <= cost and e <= error and (c, e) != (cost, error) for c, e in points.values())
    }
    assert {each.name for each in front} == set(points) - beaten


def test_pareto_refuses_what_cannot_be_compared():
    good = block("good", 1.0, 1)
    with pytest.raises(ConfigError, match="no cost"):
        components.pareto([good, dataclasses.replace(good, cost=None)])
    with pytest.raises(ConfigError, match="several technologies"):
        components.pareto([good, block("other", 1.0, 1, "elsewhere")])
    with pytest.raises(ConfigError, match="energy_fj"):
        components.pareto([good], cost="energy")
    with pytest.raises(ConfigError, match="mae"):
        components.pareto([good], error="maee")


@pytest.mark.parametrize("codes_signed", [True, False])
def test_default_candidates_span_the_front(codes_signed):
    reference = components.exact(Encoding.SIGNED if codes_signed else Encoding.UNSIGNED)
    chosen = components.default_candidates(codes_signed)
    assert len(chosen) == 8
    assert all(each.encoding.codes_signed == codes_signed for each in chosen)
    assert not any(each.is_exact for each in chosen)
    most = shipped.network_energy(reference.name)
    energies = [shipped.network_energy(each.name) / most for each in chosen]
    errors = [components.network_error(each) for each in chosen]
    assert energies == sorted(energies)
    assert errors == sorted(errors, reverse=True)
    assert energies[0] < 0.3
    assert 0.75 < energies[-1] <= 0.95
    # The end of the front: whatever saves 5 % errs as much or more.
    for other in components.load_library("builtin"):
        saving = shipped.network_energy(other.name) <= 0.95 * most
        if saving and other.encoding.codes_signed == codes_signed:
            assert components.network_error(other) >= errors[-1]
    assert errors[-1] < 15


@pytest.mark.parametrize("limit", [0, 1, 2, 3, 5])
def test_default_candidates_limit(limit):
    assert len(components.default_candidates(limit=limit)) == limit


def test_spread_takes_the_ends_first():
    assert _spread([0.0, 1.0, 2.0, 9.0, 10.0], 2) == [0, 4]
    assert _spread([0.0, 1.0, 4.9, 9.0, 10.0], 3) == [0, 2, 4]
    assert _spread([0.0, 1.0], 5) == [0, 1]


def test_network_error_weighs_small_operands():
    # Truncation destroys small products, DRUM keeps them: the order of the two turns round.
    truncated, drum = components.load("mul8s_trunc1"), components.load("mul8sm_drum6")
    assert components.network_error(components.exact(Encoding.SIGNED)) == 0
    assert truncated.statistics.mae < drum.statistics.mae
    assert components.network_error(truncated) > components.network_error(drum)
