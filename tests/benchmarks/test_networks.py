"""The benchmark of whole networks runs, with and without the reference collection."""

from __future__ import annotations

import json

import pytest


def test_a_quick_run_writes_what_it_measured(script, tmp_path, capsys):
    file = tmp_path / "rows.json"
    script("networks").main(["--quick", "--targets", "--markdown", "--json", str(file)])
    rows = json.loads(file.read_text())["rows"]
    found = {(row["network"], row["batch"], row["case"], row["threads"]) for row in rows}
    cases = ("int8", "rank 1", "general")
    assert found == {
        ("LeNet-5", batch, case, count) for batch in (1, 16) for case in cases for count in (1, 2)
    }
    assert all(row["ms"] > 0 and row["of_int8"] > 0 for row in rows)
    printed = capsys.readouterr().out
    assert ", limit 1.5" in printed
    assert "| LeNet-5 | 16 | 2 |" in printed


def test_a_network_that_is_not_there_is_left_out(script, tmp_path, monkeypatch, capsys):
    networks = script("networks")
    monkeypatch.setattr(networks, "DATA", tmp_path)
    networks.main(["--networks", "ResNet-20"])
    assert "ResNet-20 is left out" in capsys.readouterr().out


def test_a_network_that_is_not_known_is_refused(script, capsys):
    with pytest.raises(SystemExit):
        script("networks").main(["--networks", "LeNet-6"])
    assert "LeNet-5, ResNet-20" in capsys.readouterr().err
