"""The taken-apart objective equals the costed assignment, and marginal costs follow from it."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import load_target

OBJECTIVES = ("power", "area", "energy", "latency")


@pytest.fixture(params=["temporal", "partitioned", "temporal-softgpu", "spatial"])
def target(request):
    if request.param == "partitioned":
        return load_target("temporal").override(heterogeneity="partitioned")
    return load_target(request.param)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_terms_equal_costed_assignments(target, network, exact, cheap, cheapest, objective):
    candidates = (cheap, exact, cheapest)
    terms = target.cost_terms(network, candidates, objective)
    choices = np.random.default_rng(0).integers(0, 3, size=(40, len(network)))
    choices[0], choices[1] = 0, 1
    costed = [
        target.cost(
            network,
            {work.name: candidates[m] for work, m in zip(network, row, strict=True)},
            exact,
        ).total.value(objective)
        for row in choices
    ]
    np.testing.assert_allclose(terms.evaluate(choices), costed, rtol=1e-12)


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("layers", [1, 7])
def test_marginal_costs_equal_one_changed_layer(
    target, network, exact, cheap, cheapest, objective, layers
):
    network = network[:layers]
    candidates = (cheapest, exact, cheap)
    got = target.marginal_costs(network, candidates, exact, objective)
    baseline = target.cost(network, {}, exact).total.value(objective)
    for layer, work in enumerate(network):
        for column, candidate in enumerate(candidates):
            changed = target.cost(network, {work.name: candidate}, exact).total.value(objective)
            assert got[layer, column] == pytest.approx(
                changed - baseline, rel=1e-9, abs=1e-12 * abs(baseline)
            )
    assert (got[:, 1] == 0).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_separable_objectives_are_sums_of_marginal_costs(
    target, network, exact, cheap, cheapest, objective
):
    candidates = (exact, cheap, cheapest)
    marginal = target.marginal_costs(network, candidates, exact, objective)
    choice = np.array([1, 2, 1, 1, 2, 2, 0])
    assignment = {work.name: candidates[m] for work, m in zip(network, choice, strict=True)}
    change = target.cost(network, assignment, exact).total.value(objective) - target.cost(
        network, {}, exact
    ).total.value(objective)
    summed = marginal[np.arange(len(network)), choice].sum()
    assert target.separable(objective) == bool(np.isclose(summed, change, rtol=1e-9, atol=0))


def test_wrong_candidates_are_refused(target, network, exact, cheap, foreign):
    with pytest.raises(ConfigError, match="candidates repeat"):
        target.cost_terms(network, (exact, cheap, exact), "power")
    with pytest.raises(ConfigError, match="no candidate"):
        target.cost_terms(network, (), "power")
    with pytest.raises(ConfigError, match="different technologies"):
        target.marginal_costs(network, (cheap, foreign), exact, "power")
    with pytest.raises(ConfigError, match="no objective"):
        target.cost_terms(network, (exact,), "speed")
