"""Benchmarks of searches: what is fitted and told, and what a missing collection gives."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7])
def test_the_exponent_of_growth_is_found(script, power):
    rows = [
        {"layers": layers, "candidates": count, "seconds": 0.01 * (layers * count) ** power}
        for layers in (5, 20)
        for count in (2, 13)
    ]
    assert script("search_scaling").exponent(rows) == pytest.approx(power)


def test_random_scores_have_the_networks_shapes(script):
    scaling = script("search_scaling")
    work = scaling.LayerWorkload("conv", "Conv", 64, 8, 27)
    layers = (work, work.__class__("b", "Conv", 16, 4, 9))
    taken, units, measured = scaling.seconds(layers, 3, "filter", 6)
    assert units == 12
    assert 0 < measured <= 6
    assert taken > 0


@pytest.mark.parametrize("count", [2, 3, 13])
def test_candidates_are_spread_down_to_the_cheapest(script, count):
    scaling = script("search_scaling")
    found, every = scaling.multipliers_of(count), scaling.multipliers_of(13)
    energies = [multiplier.cost.energy_fj for multiplier in found[1:]]
    assert len({multiplier.name for multiplier in found}) == count
    assert found[0].is_exact
    assert energies == sorted(energies, reverse=True)
    assert energies[-1] == min(multiplier.cost.energy_fj for multiplier in every)


@pytest.mark.parametrize(
    ("name", "place"),
    [("filter_level", "MODEL"), ("search_scaling", "MODELS"), ("evoapprox", "")],
)
def test_a_missing_collection_is_told(script, name, place, tmp_path, monkeypatch, capsys):
    module = script(name)
    if place:
        monkeypatch.setattr(module, place, tmp_path / "missing")
    module.main([] if place else ["--shared", str(tmp_path / "missing")])
    assert "left out" in capsys.readouterr().out
