"""``hawx-onnx analyze``: sensitivity without a search."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"]


def test_it_writes_scores_and_a_picture(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = ("--candidates", "mul8s_trunc1,mul8s_trunc3", "--json")
    done = cli("analyze", lenet, "-o", tmp_path / "out", *flags).check()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "sensitivity.html",
        "sensitivity.json",
    }
    written = json.loads((tmp_path / "out" / "sensitivity.json").read_text(encoding="utf-8"))
    assert done.json == written
    assert written["layers"] == LAYERS
    assert written["multipliers"] == ["mul8s_exact", "mul8s_trunc1", "mul8s_trunc3"]
    assert written["left_exact"] == []
    mse = written["layer_level"]["output_mse"]
    assert all(row[0] == 0 < row[1] < row[2] for row in mse)
    assert set(written["operator_level"]) == set(LAYERS)


def test_text_names_the_extremes(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    done = cli("analyze", lenet, "-o", tmp_path, "--candidates", "mul8s_trunc2").check()
    assert "most sensitive:" in done.out
    assert "least sensitive:" in done.out
    assert str(tmp_path / "sensitivity.html") in done.out


def test_nothing_is_left_of_a_failed_run(cli: Callable, tmp_path: Path) -> None:
    done = cli("analyze", tmp_path / "none.onnx", "-o", tmp_path / "out")
    done.refused(3, "none.onnx", "no such file")
    assert list(tmp_path.iterdir()) == []
