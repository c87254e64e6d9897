"""Our compute cycles and SRAM reads against SCALE-Sim itself, where its environment is there."""

from __future__ import annotations

import importlib

import pytest

from hawx_onnx.hardware import DATAFLOWS, LayerWorkload


@pytest.fixture
def scalesim(root, monkeypatch):
    """``benchmarks/scalesim.py``; skips where it has not installed SCALE-Sim yet."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    found = importlib.import_module("scalesim")
    if not (found.FOLDER / "ready").exists():
        pytest.skip("SCALE-Sim is not installed: run benchmarks/scalesim.py once")
    return found


def test_layers_equal_scalesim(scalesim):
    shapes = (("conv", 100, 16, 150), ("linear", 1, 120, 400), ("narrow", 65, 33, 17))
    cases = [
        scalesim.Case("some", LayerWorkload(name, "MatMul", *sizes), 16, dataflow)
        for name, *sizes in shapes
        for dataflow in DATAFLOWS
    ]
    told = list(scalesim.simulate(cases, scalesim.FOLDER / "bin" / "python"))
    for case, answer in zip(cases, told, strict=True):
        assert {name: answer[name] for name in case.ours()} == case.ours(), case
    # A comparison that always says equal would be worth nothing.
    wrong = [{**answer, "cycles": answer["cycles"] + 1} for answer in told]
    assert scalesim.report(cases, told, markdown=False) == 0
    assert scalesim.report(cases, wrong, markdown=True) == len(cases)
