"""Our steps and traffic beside ZigZag's, where its environment is there."""

from __future__ import annotations

import importlib

import pytest

from hawx_onnx.hardware import DATAFLOWS, LayerWorkload


@pytest.fixture
def zigzag(root, monkeypatch):
    """``benchmarks/zigzag.py``."""
    monkeypatch.syspath_prepend(root / "benchmarks")
    return importlib.import_module("zigzag")


def cases(zigzag):
    shapes = (("conv", 100, 16, 150), ("linear", 1, 120, 400))
    return [
        zigzag.Case("some", LayerWorkload(name, "MatMul", *sizes), 16, dataflow)
        for name, *sizes in shapes
        for dataflow in DATAFLOWS[:2]
    ]


def test_our_side_by_hand(zigzag):
    ours = cases(zigzag)[0].ours()
    # 7 folds of rows, one of columns, 150 products each; operands read once per fold, filled once.
    assert (ours.steps, ours.slots) == (7 * 150, 7 * 150 * 256)
    assert ours.sram_bytes == 15000 + 15000 + 7 * 2400 + 2400 + 2 * 1600
    assert ours.dram_bytes == 15000 + 2400 + 1600
    assert (ours + ours).dram_bytes == 2 * ours.dram_bytes


def test_layers_equal_zigzag(zigzag, capsys):
    if not (zigzag.FOLDER / "ready").exists():
        pytest.skip("ZigZag is not installed: run benchmarks/zigzag.py once")
    some = cases(zigzag)
    told = list(zigzag.evaluate([*some, some[0]], zigzag.FOLDER / "bin" / "python"))
    assert told[-1] == told[0]
    for case, answer in zip(some, told, strict=False):
        ours, theirs = case.ours(), case.theirs(answer)
        assert theirs.steps == ours.steps
        assert theirs.dram_bytes == pytest.approx(ours.dram_bytes, rel=1e-6)
    assert zigzag.report(some, told[:4], markdown=False, layers=True) == 0
    wrong = [{**answer, "cycles": answer["cycles"] + 1} for answer in told[:4]]
    assert zigzag.report(some, wrong, markdown=True, layers=False) == 4
    assert "| some | 16 x 16 | output-stationary |" in capsys.readouterr().out
