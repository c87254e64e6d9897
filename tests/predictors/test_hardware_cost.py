"""Costs predicted from truth tables: against synthesis, and as commands use them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from hawx_onnx import components, costing
from hawx_onnx.components import Encoding, Multiplier
from hawx_onnx.components.netlist.yosys import find_yosys
from hawx_onnx.components.synthesis import cell_library, shipped, technology_name
from hawx_onnx.errors import ConfigError, LibraryError
from hawx_onnx.hardware.technology import figures_of
from hawx_onnx.predictors import hardware_cost, spearman
from hawx_onnx.predictors.hardware_cost import (
    QUANTITIES,
    fidelity,
    predicted_cost,
    prediction_warning,
    with_predicted_costs,
)
from hawx_onnx.predictors.training import errors, leave_one_family_out, train
from hawx_onnx.predictors.training_designs import pruned_designs
from hawx_onnx.predictors.training_table import read_table, synthesise
from hawx_onnx.technology_names import budget_technology, is_predicted

TECHNOLOGY = shipped.technologies()[0]


def bare(builtin, **changes):
    """A built-in multiplier as if only its table were known."""
    return dataclasses.replace(components.load(builtin), cost=None, **changes)


@pytest.fixture(scope="module")
def table():
    return read_table()


def _has_cells():
    try:
        find_yosys()
    except LibraryError:
        return False
    return technology_name(cell_library(), "unit-delay") == TECHNOLOGY


def test_predicts_the_technology_of_the_shipped_figures(table):
    cost = predicted_cost(bare("mul8s_trunc2"))
    assert is_predicted(cost.technology)
    assert budget_technology(cost.technology) == TECHNOLOGY == table.technology
    assert cost.provenance.startswith("predicted by CatBoost from the truth table")


@pytest.mark.parametrize("encoding", list(Encoding))
def test_ranks_built_in_multipliers_of_every_encoding(encoding):
    names = [n for n in components.names() if components.load(n).encoding is encoding]
    chosen = [components.load(name) for name in names[::6]]
    for quantity in ("area_um2", "energy_fj"):
        truth = [getattr(m.cost, quantity) for m in chosen]
        found = [getattr(predicted_cost(m), quantity) for m in chosen]
        assert spearman(found, truth) > 0.9


def test_looks_at_the_table_alone():
    one = bare("mul8sm_drum4")
    other = bare("mul8sm_drum4", name="mul8sm_exact", source="exact", description="exact")
    assert predicted_cost(one) == predicted_cost(other)


def test_exact_and_constant_tables():
    for name in ("mul8s_exact", "mul8u_exact", "mul8sm_exact"):
        known = components.load(name).cost
        assert predicted_cost(bare(name)).area_um2 == pytest.approx(known.area_um2, rel=0.25)
    nothing = Multiplier("none", Encoding.SIGNED, np.zeros((256, 256), int), None, "", "")
    cost = predicted_cost(nothing)
    assert [getattr(cost, quantity) for quantity in QUANTITIES] == [0, 0, 0, 0]


def test_only_what_has_no_cost_is_predicted():
    given = (components.load("mul8s_trunc2"), bare("mul8s_trunc3"))
    whole = with_predicted_costs(given)
    assert whole[0] is given[0]
    assert is_predicted(whole[1].cost.technology)
    assert prediction_warning(given) == ()
    (warning,) = prediction_warning(whole)
    assert "mul8s_trunc3" in warning
    assert "mul8s_trunc2" not in warning
    assert "library characterize" in warning


def test_predictions_share_a_budget_with_what_they_predict():
    exact, guess = components.load("mul8s_exact"), with_predicted_costs([bare("mul8s_trunc3")])[0]
    assert set(figures_of([exact, guess])) == {"mul8s_exact", "mul8s_trunc3"}
    assert components.exact_for([guess]).cost == exact.cost
    assert len(components.pareto([exact, guess])) == 2
    generic = shipped.characterization("mul8s_trunc2", shipped.technologies()[2]).cost
    other = dataclasses.replace(components.load("mul8s_trunc2"), cost=generic)
    with pytest.raises(ConfigError, match="different technologies"):
        figures_of([other, guess])


def test_refusal_tells_of_predictions():
    with pytest.raises(ConfigError) as caught:
        figures_of([bare("mul8s_trunc3")])
    assert "--predict-costs" in caught.value.mend
    assert "library characterize" in caught.value.mend


def test_model_of_another_fidelity_file_is_refused(monkeypatch):
    monkeypatch.setattr(hardware_cost, "fidelity", lambda: {**fidelity(), "model_sha256": "0" * 64})
    hardware_cost._model.cache_clear()
    try:
        with pytest.raises(LibraryError, match="fidelity file"):
            predicted_cost(bare("mul8s_trunc3"))
    finally:
        hardware_cost._model.cache_clear()


def test_files_are_small():
    files = list(hardware_cost.DATA.iterdir())
    assert sum(file.stat().st_size for file in files) < 1_000_000


def test_fidelity_of_a_family_left_out_is_what_training_finds(table):
    told = fidelity()["leave_one_family_out"]["families"]["drum"]
    out = table.groups == "drum"
    predicted = np.exp(train(table, ~out).predict(table.features[out]))
    found = errors(predicted, table.costs[out])
    assert told["designs"] == out.sum()
    for quantity in QUANTITIES:
        assert found[quantity]["mape"] == pytest.approx(told[quantity]["mape"], abs=0.02)


def test_all_families_are_left_out_in_turn(table):
    few = np.isin(table.groups, ["drum", "logarithm", "static segment"])
    part = dataclasses.replace(
        table,
        features=table.features[few],
        costs=table.costs[few],
        groups=table.groups[few],
    )
    predicted = leave_one_family_out(part)
    again = leave_one_family_out(part)
    assert (predicted > 0).all()
    assert predicted.tobytes() == again.tobytes()
    assert set(fidelity()["leave_one_family_out"]["families"]) == set(table.groups.tolist())


@pytest.mark.skipif(not _has_cells(), reason="needs yosys and the OSU 0.18 um cells")
def test_new_designs_cost_what_was_predicted_within_the_stated_error():
    pytest.importorskip("ariths_gen")
    fresh = list(pruned_designs(seed=12345, count=2))
    found = synthesise(1, fresh)
    names = fidelity()["features"]
    assert list(found.names) == names
    predicted = np.exp(hardware_cost._model().predict(found.features))
    stated = fidelity()["leave_one_family_out"]["all"]
    for quantity, each in errors(predicted, found.costs).items():
        assert each["mape"] <= stated[quantity]["mape"]


@pytest.fixture
def lenet(root):
    return root / "models" / "lenet5" / "lenet5.onnx"


@pytest.fixture
def table_library(tmp_path):
    """Tables without circuits: nobody's multipliers."""
    table = components.load("mul8s_trunc3").table.copy()
    table[::7, ::5] += 3
    np.savez(tmp_path / "mine.npz", mine=table)
    return str(tmp_path / "mine.npz")


def test_cost_of_an_assignment_with_a_bare_table(lenet, table_library):
    from hawx_onnx.assignment import Assignment
    from hawx_onnx.frontend.model import load_model
    from hawx_onnx.settings import Settings

    first = costing.model_workloads(load_model(lenet))[0].name
    assignment = Assignment.of({first: "mine"})
    with pytest.raises(ConfigError, match="no cost figures for mine"):
        costing.cost_model(lenet, Settings(library=(table_library,)), assignment)
    settings = Settings(library=(table_library,), predict_costs=True)
    document = costing.cost_model(lenet, settings, assignment)
    assert document["total"]["energy_uj"] < document["baseline"]["energy_uj"]
    assert any("predicted from truth tables" in note for note in document["notes"])
    json.dumps(document)
