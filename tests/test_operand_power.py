"""--operand-aware-power: the report's energies follow each layer's operands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

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


@pytest.mark.parametrize(
    ("target", "stays"), [("temporal", "output"), ("spatial", "engine"), ("weights", "weight")]
)
def test_energies_are_those_of_the_models_own_windows(
    lenet: Path, tmp_path: Path, target: str, stays: str
) -> None:
    from hawx_onnx.components.element_power import element_energies
    from hawx_onnx.preparation import prepare
    from hawx_onnx.settings import Settings

    if target == "weights":
        path = tmp_path / "weights.yaml"
        keys = {"kind": "temporal", "rows": 8, "cols": 8, "dataflow": "weight-stationary"}
        lines = (f"{key}: {value}\n" for key, value in {**keys, "frequency_mhz": 100}.items())
        path.write_text("".join(lines))
        target = str(path)
    prepared = prepare(lenet, Settings(candidates=("mul8s_trunc2",), target=target))
    state = prepared.state
    assert prepared.target.stays == stays
    workloads = tuple(candidate.workload for candidate in state.candidates)
    lanes = prepared.target.lanes(workloads)
    traces = [state.traces[work.name] for work in workloads]
    wanted = element_energies(state.multipliers, traces, stays, lanes=lanes)
    for work, row in zip(workloads, wanted, strict=True):
        names = [multiplier.name for multiplier in state.multipliers]
        pairs = list(zip(names, row, strict=True))
        assert work.energies_fj == tuple((name, one.multiplication_fj) for name, one in pairs)
        assert work.around_fj == tuple((name, one.around_fj) for name, one in pairs)
