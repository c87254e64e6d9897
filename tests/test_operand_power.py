"""--operand-aware-power: the report's energies follow each layer's operands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import hawx_onnx
from hawx_onnx import components


@pytest.fixture
def lenet(root: Path) -> Path:
    return root / "models" / "lenet5" / "lenet5.onnx"


QUICK = {"candidates": ("mul8s_trunc2",), "max_evaluations": 2, "max_accuracy_drop": 0.5}


def energies(report: dict) -> dict[str, float]:
    return {row["name"]: row["energy_uj"] for row in report["layers"]}


def test_the_flag_changes_the_cost_of_layers(lenet: Path) -> None:
    plain = hawx_onnx.optimize(lenet, operand_aware_power=False, **QUICK).report
    aware = hawx_onnx.optimize(lenet, **QUICK).report
    assert (plain["operands"], aware["operands"]) == ("uniform", "own")
    assert aware["baseline"]["energy_uj"] < plain["baseline"]["energy_uj"]
    assert aware["baseline"]["area_um2"] == plain["baseline"]["area_um2"]
    assert energies(aware) != energies(plain)
    assert not any("uniform operands" in warning for warning in aware["warnings"])


def test_a_multiplier_without_netlist_keeps_all_uniform(lenet: Path, tmp_path: Path) -> None:
    known = components.load("mul8s_trunc2")
    table = known.table.copy()
    table[200, 100] += 1
    bare = replace(known.cost, netlist=None)
    odd = components.StoredMultiplier("odd", known.encoding, table, bare, "", "")
    components.write_library([odd], tmp_path / "odd")
    options = {"library": (str(tmp_path / "odd"),), "candidates": ("odd",), "max_evaluations": 2}
    plain = hawx_onnx.optimize(lenet, operand_aware_power=False, **options).report
    found = hawx_onnx.optimize(lenet, **options)
    aware = found.report
    assert aware["operands"] == "uniform"
    assert aware["baseline"]["energy_uj"] == plain["baseline"]["energy_uj"]
    assert any("no netlist at hand of odd" in warning for warning in aware["warnings"])
    assert found.assignment.energies is None
    own = found.sensitivity["multiplication_energy"]["own_fj"]
    assert all(exact > 0 and odd is None for exact, odd in own)


def test_analyze_tells_what_a_layers_operands_cost(lenet: Path) -> None:
    names = ("mul8s_trunc2", "mul8sm_drum4")
    sensitivity = hawx_onnx.analyze(lenet, candidates=names)
    found = sensitivity.energies
    assert found is not None
    shelf = [components.load(name) for name in ("mul8s_exact", *names)]
    assert found.uniform_fj == tuple(m.cost.energy_fj for m in shelf)
    assert found.technology == tuple(m.cost.technology for m in shelf)
    assert len(found.own_fj) == len(sensitivity.layers) == 5
    # Zeros after a ReLU and small weights switch less than random bits.
    assert all(0 < row[0] < found.uniform_fj[0] for row in found.own_fj[1:])
    assert hawx_onnx.analyze(lenet, candidates=names, operand_aware_power=False).energies is None


def test_energies_are_those_of_the_models_own_codes(lenet: Path) -> None:
    """Counted again here, from the int8 model and the calibration samples."""
    import onnx

    from hawx_onnx.components.operand_power import component_energy
    from hawx_onnx.preparation import prepare
    from hawx_onnx.settings import Settings

    prepared = prepare(lenet, Settings(candidates=("mul8s_trunc2",)))
    state, layer = prepared.state, "conv1"
    node = next(node for node in state.model.graph.node if node.name == layer)
    constants = {t.name: onnx.numpy_helper.to_array(t) for t in state.model.graph.initializer}
    weights = np.bincount(constants[node.input[3]].view(np.uint8).ravel(), minlength=256)
    activations = state.histograms[layer].sum(axis=0)
    (workload,) = [c.workload for c in state.candidates if c.name == layer]
    for multiplier in state.multipliers:
        wanted = component_energy(multiplier, activations, weights)
        assert dict(workload.energies_fj)[multiplier.name] == wanted
