"""Searches with too little of something: time, candidates, layers, room in the budget."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest

FAST = ("--score-samples", "32", "--no-fold-bias", "--no-map-weights", "--no-rescale")


@pytest.fixture
def optimize(cli: Callable, models: dict[str, Path], small_data: Path, tmp_path: Path) -> Callable:
    """Runs ``optimize`` on a small network."""

    def run(*flags: str | Path):
        words = (models["open batch"], "--data", small_data, "-o", tmp_path / "out")
        return cli("optimize", *words, *FAST, *flags)

    return run


def report_of(folder: Path) -> dict:
    return json.loads((folder / "out" / "report.json").read_text(encoding="utf-8"))


def test_too_little_time_leaves_the_exact_design(optimize: Callable, tmp_path: Path) -> None:
    done = optimize("--candidates", "mul8s_trunc2", "--max-seconds", "1e-6", "--json").check()
    found = done.json
    assert found["search"]["stopped_by"] == "seconds"
    assert found["search"]["evaluations"] == 0
    assert set(found["selected"]["assignment"].values()) == {"mul8s_exact"}
    assert "nothing but the exact design was measured" in done.err
    assert "1e-06 s of --max-seconds" in done.err
    assert found["accuracy_drop"] == 0


def test_too_little_time_without_exact_layers_chooses_nothing(optimize: Callable) -> None:
    done = optimize("--candidates", "mul8s_trunc2", "--max-seconds", "1e-6", "--no-exact")
    done.refused(1, "nothing was measured", "raise --max-seconds", "pareto.csv")


def test_explore_tells_too_little_time(
    cli: Callable, models: dict[str, Path], small_data: Path
) -> None:
    words = (models["open batch"], "--data", small_data, "--score-samples", "32")
    flags = ("--candidates", "mul8s_trunc2", "--max-seconds", "1e-6", "--json")
    done = cli("explore", *words, *flags).check()
    assert any("--max-seconds" in text for text in done.json["warnings"])
    assert "--max-seconds" in done.err


def test_one_candidate_is_enough(optimize: Callable, tmp_path: Path) -> None:
    optimize("--candidates", "mul8s_trunc1", "--max-accuracy-drop", "1").check()
    found = report_of(tmp_path)
    assert found["search"]["space_size"] == 4
    assert [row["name"] for row in found["candidates"]] == ["mul8s_exact", "mul8s_trunc1"]
    assert set(found["selected"]["assignment"].values()) == {"mul8s_trunc1"}


def test_one_candidate_alone_leaves_one_choice(optimize: Callable, tmp_path: Path) -> None:
    flags = ("--candidates", "mul8s_trunc1", "--no-exact", "--max-accuracy-drop", "1")
    optimize(*flags).check()
    found = report_of(tmp_path)
    assert found["search"]["space_size"] == found["search"]["evaluations"] == 1


def test_a_budget_that_nothing_meets(optimize: Callable, tmp_path: Path) -> None:
    flags = ("--candidates", "mul8s_trunc4", "--no-exact", "--max-accuracy-drop", "0.001")
    done = optimize(*flags, "--no-early-stop")
    front = tmp_path / "out" / "pareto.csv"
    done.refused(1, "loses", "points", "0.1 are allowed", "raise --max-evaluations", str(front))
    (row,) = csv.DictReader(front.open(encoding="utf-8"))
    assert row["on_front"] == "true"
    assert row["measured_accuracy"]
    assert row["selected"] == "false"
    assert not (front.parent / "assignment.json").exists()


def test_a_power_that_nothing_reaches_is_told_with_the_least_one(
    optimize: Callable, tmp_path: Path
) -> None:
    flags = ("--candidates", "mul8s_trunc1,mul8s_trunc3", "--max-power", "0.001")
    done = optimize(*flags).refused(1, "the least power found is", "mW, the limit 0.001")
    least = float(done.err.split("the least power found is ")[1].split()[0])
    optimize(
        *flags[:2], "--max-power", f"{least * 1.000001:.9g}", "--max-accuracy-drop", "1"
    ).check()
    assert report_of(tmp_path)["selected"]["power_mw"] == pytest.approx(least, rel=1e-5)


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ("conv9", ("no layer 'conv9'", "did you mean conv2")),
        ("conv1, cnv2", ("no layer 'cnv2'", "did you mean conv2")),
        ("none*", ("no layer 'none*'",)),
    ],
)
def test_layers_that_do_not_exist(
    cli: Callable, lenet: Path, tmp_path: Path, layers: str, words: tuple[str, ...]
) -> None:
    out = tmp_path / "out"
    done = cli("optimize", lenet, "-o", out, "--exclude", layers, "-v")
    done.refused(2, "--exclude", *words)
    assert "calibrating" not in done.err
    assert not out.exists()


def test_all_layers_excluded(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    done = cli("explore", lenet, "--exclude", "*", "--candidates", "mul8s_trunc1")
    done.refused(2, "--exclude", "no layer is left", "fewer layers")


@pytest.mark.parametrize("granularity", ["layer", "filter"])
def test_threads_and_repeats_change_no_byte_of_the_assignment(
    optimize: Callable, tmp_path: Path, granularity: str
) -> None:
    flags = ("--candidates", "mul8s_trunc2,mul8s_trunc3", "--max-evaluations", "8")
    flags = (*flags, "--granularity", granularity, "--max-accuracy-drop", "0.1")
    found = []
    for jobs in ("1", "1", "2"):
        optimize(*flags, "--jobs", jobs).check()
        found.append((tmp_path / "out" / "assignment.json").read_bytes())
    assert found[0] == found[1] == found[2]


def test_several_objectives_are_weighed_together(optimize: Callable, tmp_path: Path) -> None:
    flags = ("--candidates", "mul8s_trunc1,mul8s_trunc2", "--max-accuracy-drop", "1")
    chosen = {}
    for objectives in (("power",), ("area",), ("power", "area")):
        optimize(*flags, *(w for name in objectives for w in ("--objective", name))).check()
        chosen[objectives] = report_of(tmp_path)
    both = chosen["power", "area"]
    assert (both["objective"], both["further_objectives"]) == ("power", ["area"])

    def cost(report: dict) -> float:
        base = report["baseline"]
        return sum(report["selected"][f] / base[f] for f in ("power_mw", "area_um2"))

    assert cost(both) <= min(map(cost, chosen.values())) + 1e-9
