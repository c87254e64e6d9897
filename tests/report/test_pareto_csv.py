"""pareto.csv: every point, numbers in full, no formula."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from hawx_onnx.report import assignment_text, pareto_csv, write_pareto_csv
from hawx_onnx.report.pareto_csv import COLUMNS


def test_round_trip(tmp_path: Path, report: dict[str, Any]):
    path = write_pareto_csv(report, tmp_path / "pareto.csv")
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == len(report["pareto"])
    for index, (row, point) in enumerate(zip(rows, report["pareto"], strict=True)):
        assert int(row["index"]) == index
        assert row["selected"] == str(point["selected"]).lower()
        assert row["on_front"] == str(point["on_front"]).lower()
        assert float(row["power_mw"]) == point["power_mw"]
        assert int(row["latency_cycles"]) == point["latency_cycles"]
        measured = point["measured_accuracy"]
        assert row["measured_accuracy"] == ("" if measured is None else repr(measured))
        pairs = dict(part.rsplit("=", 1) for part in row["assignment"].split(";"))
        assert pairs == point["assignment"]


def test_choices_per_channel_are_runs():
    chosen = {"conv1": ["a", "a", "b", "a"], "fc": "c"}
    assert assignment_text(chosen) == "conv1=a*2,b*1,a*1;fc=c"


@pytest.mark.parametrize("start", "=+-@")
def test_formulas_are_disarmed(report: dict[str, Any], start: str):
    name = f"{start}cmd|' /C calc'!A0"
    report["pareto"] = [{**report["pareto"][0], "assignment": {name: "m"}}]
    row = next(csv.DictReader(io.StringIO(pareto_csv(report))))
    assert row["assignment"].startswith("'" + start)
    report["search"]["compensation"] = name
    assert next(csv.DictReader(io.StringIO(pareto_csv(report))))["compensation"] == "'" + name


def test_reserved_and_control_characters_are_encoded():
    text = assignment_text({'a;b%c"\n,d': "m=1,2*3;4"})
    assert text == 'a%3Bb%25c"%0A,d=m%3D1%2C2%2A3%3B4'
    assert assignment_text({"\tx": "m"}).startswith("%09x")


def test_missing_and_infinite_numbers_are_empty(report: dict[str, Any]):
    report["pareto"] = [{"assignment": {}, "power_mw": float("inf"), "area_um2": -1.5}]
    row = next(csv.DictReader(io.StringIO(pareto_csv(report))))
    assert row["power_mw"] == row["energy_uj"] == row["assignment"] == ""
    assert row["area_um2"] == "-1.5"


def test_no_points_give_the_names_alone():
    assert pareto_csv({"pareto": []}) == ",".join(COLUMNS) + "\n"
