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
    taken, units = scaling.seconds((work, work.__class__("b", "Conv", 16, 4, 9)), 3, "filter", 6)
    assert units == 12
    assert taken > 0


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
