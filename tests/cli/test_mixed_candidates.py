"""Candidates that do not go together: costs of several technologies, codes of both kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hawx_onnx import components

QUICK = ("--max-evaluations", "2", "--score-samples", "16", "--quiet")
OTHER, OWN = "other-28nm-1V", "osu018-1.8V-unit-delay-flow1"


def library(folder: Path, technology: str) -> Path:
    """A library of one multiplier whose cost is of some technology."""
    known = components.load("mul8s_trunc2")
    assert known.cost is not None
    cost = replace(known.cost, technology=technology, netlist=None)
    table = known.table.copy()
    table[5, 7] += 1  # no built-in circuit has this table
    own = replace(known, name="mul8s_foreign", table=table, cost=cost)
    components.write_library([own], folder)
    return folder


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return library(tmp_path_factory.mktemp("foreign") / "library", OTHER)


@pytest.mark.parametrize("candidates", ["mul8s_foreign,mul8s_trunc3", "mul8s_foreign"])
@pytest.mark.parametrize("verb", ["optimize", "explore"])
def test_searches_refuse_costs_of_two_technologies_before_they_begin(
    cli: Callable,
    models: dict[str, Path],
    small_data: Path,
    foreign: Path,
    tmp_path: Path,
    verb: str,
    candidates: str,
) -> None:
    """The exact multiplier counts too: alone, a foreign one has none of its technology."""
    out = tmp_path / "out.json" if verb == "explore" else tmp_path / "out"
    words = (verb, models["open batch"], "--data", small_data, "--library", foreign)
    done = cli(*words, "--candidates", candidates, "-o", out, *QUICK[:-1])
    told = ("different technologies", OTHER, OWN, "mul8s_foreign", "mul8s_exact")
    done.refused(2, *told, "library characterize")
    assert "scoring" not in done.err
    assert not out.exists()


def test_costs_of_two_technologies_are_not_added_up(
    cli: Callable, models: dict[str, Path], foreign: Path, tmp_path: Path
) -> None:
    first, *_ = (row["name"] for row in cli("cost", models["open batch"], "--json").json["layers"])
    path = tmp_path / "assignment.json"
    path.write_text(json.dumps({"assignment": {first: "mul8s_foreign"}}), encoding="utf-8")
    words = ("cost", models["open batch"], "--assignment", path, "--library", foreign)
    cli(*words).refused(2, "different technologies", OTHER, "mul8s_foreign")


def test_what_weighs_no_costs_takes_both(
    cli: Callable, models: dict[str, Path], small_data: Path, foreign: Path, tmp_path: Path
) -> None:
    words = ("analyze", models["open batch"], "--data", small_data, "--library", foreign)
    cli(*words, "--candidates", "mul8s_foreign,mul8s_trunc3", "-o", tmp_path, "--quiet").check()
    document = json.loads((tmp_path / "sensitivity.json").read_text(encoding="utf-8"))
    assert {"mul8s_foreign", "mul8s_trunc3"} <= set(document["multipliers"])


def test_predictions_stand_in_for_figures_of_their_technology(
    cli: Callable, models: dict[str, Path], small_data: Path, tmp_path: Path
) -> None:
    predicted = library(tmp_path / "library", f"{OWN}-predicted")
    words = ("optimize", models["open batch"], "--data", small_data, "--library", predicted)
    candidates = ("--candidates", "mul8s_foreign,mul8s_trunc3")
    done = cli(*words, *candidates, "-o", tmp_path / "out", "--json", *QUICK).check()
    technologies = {row["name"]: row["technology"] for row in done.json["candidates"]}
    assert technologies["mul8s_foreign"] == f"{OWN}-predicted"
    assert technologies["mul8s_exact"] == technologies["mul8s_trunc3"] == OWN


@pytest.mark.parametrize("verb", ["optimize", "explore", "analyze"])
def test_codes_of_both_kinds_are_refused(
    cli: Callable, models: dict[str, Path], tmp_path: Path, verb: str
) -> None:
    unsigned = "mul8u_trunc2"
    words = (verb, models["open batch"], "--candidates", f"mul8s_trunc2,{unsigned}")
    done = cli(*words, "-o", tmp_path / "out")
    done.refused(2, "--candidates", "mul8s_trunc2", unsigned, "one network has one kind")
    assert not (tmp_path / "out").exists()
