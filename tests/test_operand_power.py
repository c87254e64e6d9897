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
    plain = hawx_onnx.optimize(lenet, **QUICK).report
    aware = hawx_onnx.optimize(lenet, operand_aware_power=True, **QUICK).report
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
    plain = hawx_onnx.optimize(lenet, **options).report
    aware = hawx_onnx.optimize(lenet, operand_aware_power=True, **options).report
    assert np.isclose(aware["baseline"]["energy_uj"], plain["baseline"]["energy_uj"])
    assert any("no netlist at hand of odd" in warning for warning in aware["warnings"])
