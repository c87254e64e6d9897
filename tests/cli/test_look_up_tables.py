"""Look-up tables of an FPGA as objective and as limit, and refusals where there are none."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

QUICK = ("--candidates", "mul8s_trunc2,mul8s_trunc3", "--max-evaluations", "6")
FPGA = ("temporal-systolic-16x16-fpga", "spatial-dataflow-fpga")


def optimized(cli: Callable, lenet: Path, folder: Path, *words: str) -> dict[str, Any]:
    cli("optimize", lenet, "-o", folder, *QUICK, *words).check()
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    from hawx_onnx.report import report_schema

    jsonschema.Draft202012Validator(report_schema()).validate(report)
    return report


@pytest.mark.parametrize("target", FPGA)
def test_look_up_tables_are_minimised(
    cli: Callable, lenet: Path, tmp_path: Path, target: str
) -> None:
    # By measured drops, which the report tells of every assignment.
    words = ("--target", target, "--objective", "luts", "--confidence", "0.5")
    report = optimized(cli, lenet, tmp_path, *words)
    assert report["objective"] == "luts"
    budget = report["budget"]["max_accuracy_drop"]
    exact = report["baseline"]
    assert exact["area_lut6"] > report["selected"]["area_lut6"] > 0
    assert report["savings"]["luts"] == pytest.approx(
        1 - report["selected"]["area_lut6"] / exact["area_lut6"]
    )
    # None of the measured assignments that keep the accuracy has fewer.
    chosen = next(point for point in report["pareto"] if point["selected"])
    every = [p for p in report["pareto"] if p["measured_accuracy"] is not None]
    best = next(p["measured_accuracy"] for p in every if p["area_lut6"] == exact["area_lut6"])
    kept = [p["area_lut6"] for p in every if best - p["measured_accuracy"] <= budget + 1e-12]
    assert chosen["area_lut6"] == min(kept)
    with (tmp_path / "pareto.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["area_lut6"]) for row in rows] == [p["area_lut6"] for p in report["pareto"]]
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Look-up tables" in html
    # The reasons tell sizes in look-up tables, not in um2.
    assert "of the look-up tables" in " ".join(report["reasons"]["shared"])
    changes = [row["changes"] for row in report["reasons"]["layers"] if row["changes"]]
    assert all("luts" in one for one in changes)
    # `cost` counts as many of what was written.
    costed = cli("cost", tmp_path / "model.onnx", "--target", target, "--json").check().json
    counted = report["selected"]["area_lut6"]
    assert costed["fpga"]["area_lut6"] == costed["total"]["area_lut6"] == counted
    assert costed["savings"]["luts"] == pytest.approx(report["savings"]["luts"])
    printed = cli("cost", tmp_path / "model.onnx", "--target", target).check().out
    assert f"LUT6 {counted} (exact: {exact['area_lut6']}, saved" in printed


def test_a_limit_on_look_up_tables_holds(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    target = ("--target", "spatial-dataflow-fpga")
    exact = cli("cost", lenet, *target, "--json").check().json["total"]["area_lut6"]
    limit = str(int(exact * 0.9))
    report = optimized(cli, lenet, tmp_path, *target, "--max-luts", limit)
    assert report["budget"]["max_area_lut6"] == int(limit)
    assert report["selected"]["area_lut6"] <= int(limit) < exact
    explored = cli(
        "explore", lenet, *QUICK, *target, "--max-luts", limit, "--method", "hawx", "--json"
    ).check()
    points = explored.json["methods"][0]["points"]
    assert any(point["area_lut6"] <= int(limit) for point in points)
    few = cli("optimize", lenet, "-o", tmp_path / "few", *QUICK, *target, "--max-luts", "10")
    few.refused(1, "the least luts found", "LUT6", "the limit 10")


def test_an_asic_has_no_look_up_tables(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    names = ("temporal-systolic-16x16-fpga", "temporal-softgpu-fpga", "spatial-dataflow-fpga")
    for command in ("optimize", "explore"):
        out = ("-o", tmp_path / "out") if command == "optimize" else ()
        run = cli(command, lenet, *out, "--objective", "luts")
        run.refused(2, "--objective luts", "ASIC", "--objective area", *names)
        run = cli(command, lenet, *out, "--target", "spatial", "--max-luts", "9000")
        run.refused(2, "--max-luts", "spatial-dataflow is an ASIC", "--max-area", *names)
    assert not (tmp_path / "out").exists()
    config = tmp_path / "run.yaml"
    config.write_text("objective: [power, luts]\n", encoding="utf-8")
    cli("optimize", lenet, "-o", tmp_path / "out", "--config", config).refused(2, "ASIC")


@pytest.mark.parametrize(
    ("words", "where", "mend"),
    [
        (("--objective", "area"), "--objective area", "--objective luts"),
        (("--max-area", "1e6"), "--max-area", "--max-luts N"),
    ],
)
def test_an_fpga_has_no_area_in_um2(
    cli: Callable, lenet: Path, tmp_path: Path, words: tuple[str, ...], where: str, mend: str
) -> None:
    run = cli("optimize", lenet, "-o", tmp_path / "out", "--target", FPGA[0], *words)
    run.refused(2, where, "is an FPGA", mend, "fabric: asic")


def test_look_up_tables_that_are_not_known_are_refused(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    from hawx_onnx import components

    path = tmp_path / "mine.npz"
    np.savez(path, table=components.load("mul8s_trunc2").table)
    words = ("--library", path, "--predict-costs", "--target", FPGA[1], "--objective", "luts")
    run = cli("optimize", lenet, "-o", tmp_path / "out", *words)
    run.refused(2, "no LUT6 count of", "built-in")
