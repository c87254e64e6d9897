"""The benchmark of sensitivities runs without the reference collection and judges its figures."""

from __future__ import annotations

import json

import numpy as np
import pytest


def test_a_quick_run_writes_what_it_measured(script, tmp_path, capsys):
    file = tmp_path / "rows.json"
    script("sensitivity").main(["--quick", "--markdown", "--json", str(file)])
    found = json.loads(file.read_text())
    layers = ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert [row["layer"] for row in found["fidelity"]] == layers
    for row in found["fidelity"]:
        assert row["samples"] == [200, 200]
        assert 0 <= row["mean_deviation_max"] < 1
        assert row["std_spearman"] > 0.9
    # Taps of a 5x5 kernel without padding read different parts of an 8x8 input.
    assert found["fidelity"][1]["mean_deviation_max"] < found["fidelity"][1]["pooled_deviation_max"]
    assert [row["pairs"] for row in found["channels"]] == [2 * n for n in (6, 16, 120, 84, 10)]
    for row in found["channels"]:
        assert row["spearman"] > 0.9
        assert 0.5 < row["median_ratio"] < 2
    assert found["models"] == []  # there are no test images of its own
    (level,) = found["cost"]["levels"]
    assert level["filter_seconds"] > 0
    assert level["operator_seconds"] > 0
    assert level["layer_of_runs"] > level["stream_of_runs"] > 1
    assert [row["chance"] is None for row in found["fidelity"]] == [True, True, False, False, False]
    ((peak, needs),) = [(row["peak_bytes"], row["needs"]) for row in found["cost"]["memory"]]
    assert 2**26 < peak < 2**29
    assert needs is None
    printed = capsys.readouterr().out
    assert "| LeNet-5, digits | fc3 |" in printed
    assert "| LeNet-5, digits | 2 of several positions |" in printed
    assert "limit 1.3" in printed


def test_halves_share_no_sample(script):
    subjects = script("scoring.subjects")
    data = subjects.halves(subjects.subjects()[0])
    first = {sample.tobytes() for sample in data.calibration.x}
    both = [sample.tobytes() for sample in data.validation.x]
    assert len(data.calibration) == len(data.validation) > 500
    # The data set itself may hold equal samples.
    assert np.mean([sample in first for sample in both]) < 0.01


def test_a_network_that_is_not_there_is_left_out(script, tmp_path, monkeypatch, capsys):
    benchmark, subjects = script("sensitivity"), script("scoring.subjects")
    monkeypatch.setattr(subjects, "SHARED", tmp_path)
    with pytest.raises(SystemExit):
        benchmark.main(["--networks", "ResNet"])
    assert "ResNet-20 is left out" in capsys.readouterr().out


def test_targets_judge_each_figure(script):
    row = {"network": "n", "layer": "a", "mean_deviation_max": 0.06, "std_spearman": 0.96}
    level = {"network": "n", "of_exact_passes": {"library": 99.0}, "layer_of_runs": 1.4}
    memory = {"network": "n", "peak_bytes": 2**30, "limit": "2G", "needs": None}
    costs = {"levels": [level], "memory": [memory], "all_levels_seconds": 0.4}
    verdicts = script("sensitivity").verdicts
    assert [met for _, met in verdicts([row], costs)] == [False, True, True, False, True, True]
    assert verdicts([{**row, "std_spearman": None}], {})[0][1] is False
