"""``hawx-onnx explore``: methods side by side, held against exhaustive search."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TWO = ("--candidates", "mul8s_trunc2,mul8s_bam_h2_v6", "--validation-samples", "200")
POINT = {
    "assignment",
    "predicted_accuracy",
    "measured_accuracy",
    "power_mw",
    "area_um2",
    "energy_uj",
    "latency_cycles",
}


@pytest.fixture(scope="module")
def both(cli: Callable, lenet: Path) -> dict[str, Any]:
    done = cli("explore", lenet, "--method", "exhaustive", "--method", "hawx", *TWO, "--json")
    assert done.check().err == ""
    return done.json


def test_the_document_has_the_keys_of_the_contract(both: dict[str, Any]) -> None:
    assert [block["method"] for block in both["methods"]] == ["exhaustive", "hawx"]
    for block in both["methods"]:
        parts = [block[f"{part}_seconds"] for part in ("scoring", "solving", "measuring")]
        assert block["seconds"] == pytest.approx(sum(parts))
        assert block["space_size"] == 3**5
        assert 0 < block["hypervolume"] <= 1
        assert all(set(point) >= POINT for point in block["points"])


def test_exhaustive_search_measures_the_whole_space(both: dict[str, Any]) -> None:
    exhaustive, hawx = both["methods"]
    assert exhaustive["evaluations"] == len(exhaustive["points"]) == 243
    assert exhaustive["scoring_seconds"] == 0
    assert all(point["measured_accuracy"] is not None for point in exhaustive["points"])
    assert len({json.dumps(point["assignment"]) for point in exhaustive["points"]}) == 243
    assert hawx["evaluations"] <= 40
    assert hawx["scoring_seconds"] > 0


def test_hawx_measures_less_and_is_nearly_as_good(both: dict[str, Any]) -> None:
    """Times are told, not tested: they are a matter of benchmarks."""
    exhaustive, hawx = both["methods"]
    assert both["speedup"] == pytest.approx(exhaustive["seconds"] / hawx["seconds"])
    assert hawx["samples_run"] < exhaustive["samples_run"] / 10
    assert 0 <= both["regret"] < 0.05
    assert hawx["against_exhaustive"]["regret"] == both["regret"]
    assert hawx["hypervolume"] <= exhaustive["hypervolume"] + 1e-9
    best = exhaustive["selected"]
    assert hawx["selected"]["power_mw"] >= best["power_mw"] - 1e-9


def test_both_methods_measure_the_same(both: dict[str, Any]) -> None:
    exhaustive, hawx = both["methods"]
    known = {json.dumps(p["assignment"]): p["measured_accuracy"] for p in exhaustive["points"]}
    for point in hawx["points"]:
        if point["measured_accuracy"] is not None:
            assert known[json.dumps(point["assignment"])] == point["measured_accuracy"]


def test_folding_can_be_left_out(cli: Callable, lenet: Path, both: dict[str, Any]) -> None:
    assert both["compensation"] == "fold-bias"
    words = ("--method", "hawx", *TWO, "--max-evaluations", "8", "--no-fold-bias")
    plain = cli("explore", lenet, *words, "--json").check().json
    assert plain["compensation"] is None
    measured = {
        json.dumps(point["assignment"]): point["measured_accuracy"]
        for point in both["methods"][0]["points"]
    }
    pairs = [
        (point["measured_accuracy"], measured[json.dumps(point["assignment"])])
        for point in plain["methods"][0]["points"]
        if point["measured_accuracy"] is not None
        and any(name != "mul8s_exact" for name in point["assignment"].values())
    ]
    assert len(pairs) >= 4 and any(ours != folded for ours, folded in pairs)
    title = cli("explore", lenet, *words).check().out.splitlines()[0]
    assert "biases folded" not in title


def test_without_exact_layers_the_space_is_smaller(cli: Callable, lenet: Path) -> None:
    done = cli("explore", lenet, "--method", "exhaustive", "--no-exact", *TWO, "--json").check()
    (block,) = done.json["methods"]
    assert block["space_size"] == block["evaluations"] == 2**5
    assert not any("mul8s_exact" in point["assignment"].values() for point in block["points"])
    assert done.json["speedup"] is None
    assert done.json["regret"] is None


def test_random_search_repeats_with_its_seed(cli: Callable, lenet: Path) -> None:
    flags = ("--method", "random", "--max-evaluations", "3", *TWO, "--json")
    first, same, other = (
        cli("explore", lenet, *flags, "--seed", seed).check().json["methods"][0]["points"]
        for seed in ("5", "5", "6")
    )
    assert first == same
    assert first != other


def test_text_and_file(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "explored.json"
    done = cli("explore", lenet, "-o", out, *TWO).check()
    assert "Hypervolume" in done.out
    assert "hawx: " in done.out
    assert json.loads(out.read_text(encoding="utf-8"))["methods"][0]["method"] == "hawx"


def test_an_output_that_cannot_be_written_is_told_first(
    cli: Callable, lenet: Path, tmp_path: Path
) -> None:
    cli("explore", lenet, "-o", tmp_path, "-v").refused(2, str(tmp_path), "is a folder")
    blocked = lenet / "x.json"
    assert "quantising" not in cli("explore", lenet, "-o", blocked, "-v").refused(2).err


def test_too_large_a_space_is_refused(cli: Callable, lenet: Path) -> None:
    done = cli("explore", lenet, "--method", "exhaustive", "--candidates", "mul8s_trunc*")
    done.refused(2, "--method exhaustive", "assignments", "fewer --candidates")


def test_plot(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = ("--method", "random", "--max-evaluations", "3", *TWO)
    done = cli("explore", lenet, *flags, "--plot", tmp_path / "methods.svg").check()
    assert "Whole runs" in done.out
    assert "random: 3 evaluations" in (tmp_path / "methods.svg").read_text(encoding="utf-8")
