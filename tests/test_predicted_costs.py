"""--predict-costs: multipliers of which only a table is known take part, and the report says so."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import hawx_onnx
from hawx_onnx import components
from hawx_onnx.errors import ConfigError
from hawx_onnx.report.html import render_html
from hawx_onnx.technology_names import is_predicted

QUICK = {"max_evaluations": 2, "max_accuracy_drop": 0.5}


@pytest.fixture
def lenet(root: Path) -> Path:
    return root / "models" / "lenet5" / "lenet5.onnx"


@pytest.fixture
def tables(tmp_path: Path) -> str:
    table = components.load("mul8s_trunc3").table.copy()
    table[::7, ::5] += 3
    np.savez(tmp_path / "mine.npz", mine=table)
    return str(tmp_path / "mine.npz")


def test_only_where_asked_for(lenet: Path, tables: str) -> None:
    with pytest.raises(ConfigError, match="no cost figures for mine"):
        hawx_onnx.optimize(lenet, library=tables, candidates="mine,mul8s_trunc2", **QUICK)


def test_the_report_marks_predictions(lenet: Path, tables: str) -> None:
    report = hawx_onnx.optimize(
        lenet, library=tables, candidates="mine,mul8s_trunc2", predict_costs=True, **QUICK
    ).report
    rows = {row["name"]: row for row in report["candidates"]}
    assert is_predicted(rows["mine"]["technology"])
    assert rows["mine"]["provenance"].startswith("predicted by CatBoost")
    assert not is_predicted(rows["mul8s_trunc2"]["technology"])
    assert not is_predicted(rows["mul8s_exact"]["technology"])
    assert any("costs of mine are predicted" in warning for warning in report["warnings"])
    assert "--predict-costs" in report["command"]
    page = render_html(report)
    assert page.count('<span class="tag">predicted</span>') == 1


def test_nothing_is_predicted_where_costs_are_known(lenet: Path) -> None:
    options = {"candidates": "mul8s_trunc2", **QUICK}
    plain = hawx_onnx.optimize(lenet, **options).report
    asked = hawx_onnx.optimize(lenet, predict_costs=True, **options).report
    assert asked["candidates"] == plain["candidates"]
    assert asked["warnings"] == plain["warnings"]
    assert asked["selected"] == plain["selected"]
