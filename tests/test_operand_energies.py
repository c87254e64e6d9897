"""Energies that assignments carry: kept in files to the last digit, and read with care."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.errors import ConfigError
from hawx_onnx.hardware import LayerWorkload
from hawx_onnx.operand_energies import OperandEnergies

ENERGIES = OperandEnergies(
    "node-1V", (("conv1", (("exact", 1 / 3), ("cheap", 0.0))), ("fc", (("exact", 2e5),)))
)
PLAIN = {"conv1": ["cheap", "exact"], "fc": "exact"}


def document(**changes: Any) -> dict[str, Any]:
    energies = {"conv1": {"exact": 2, "cheap": 1.5}}
    return {"assignment": PLAIN, "technology": "node-1V", "energies_fj": energies, **changes}


def load(path: Path, content: object) -> Assignment:
    path.write_text(json.dumps(content), encoding="utf-8")
    return Assignment.load(path)


def test_a_file_brings_back_every_digit(tmp_path: Path) -> None:
    chosen = Assignment.of(PLAIN, ENERGIES)
    assert load(tmp_path / "a.json", chosen.document()).energies == ENERGIES
    assert load(tmp_path / "a.json", chosen.document()) == chosen


def test_energies_make_no_other_assignment() -> None:
    assert Assignment.of(PLAIN, ENERGIES) == Assignment.of(PLAIN)
    assert hash(Assignment.of(PLAIN, ENERGIES)) == hash(Assignment.of(PLAIN))
    assert Assignment.of(PLAIN).document() == {"assignment": PLAIN}


@pytest.mark.parametrize("content", [PLAIN, {"assignment": PLAIN}, document(energies_fj=None)])
def test_files_without_energies(tmp_path: Path, content: object) -> None:
    found = load(tmp_path / "a.json", content)
    assert found == Assignment.of(PLAIN)
    assert found.energies is None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"energies_fj": [1]}, ("no table of energies", "energies_fj")),
        ({"energies_fj": {"conv1": 3}}, ("no table of energies",)),
        ({"technology": None}, ("not the technology",)),
        ({"technology": ""}, ("not the technology",)),
        ({"technology": 3}, ("not the technology",)),
        *(
            ({"energies_fj": {"conv1": {"exact": value}}}, ("conv1", "energy of exact", shown))
            for value, shown in (
                (-1, "-1"),
                (float("nan"), "nan"),
                (float("inf"), "inf"),
                ("3", "'3'"),
                (None, "None"),
                (True, "True"),
                ([1.0], "[1.0]"),
                (10**400, "1000"),
            )
        ),
    ],
)
def test_what_is_no_energy_is_refused(tmp_path: Path, changes: dict, words: tuple) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "a.json", document(**changes))
    for word in (*words, "a.json", "femtojoules"):
        assert word in str(caught.value)


def test_an_unknown_layer_is_refused_with_close_names() -> None:
    chosen = Assignment.of(PLAIN, ENERGIES)
    chosen.check(["conv1", "fc"], ["exact", "cheap"])
    wrong = Assignment.of({}, OperandEnergies("node-1V", (("conv11", (("exact", 1.0),)),)))
    with pytest.raises(ConfigError, match="'conv11'") as caught:
        wrong.check(["conv1", "fc"], ["exact", "cheap"])
    assert "did you mean conv1" in str(caught.value)


def test_only_some_multipliers() -> None:
    found = ENERGIES.only({"conv1": ["exact", "other", "cheap"], "fc": []})
    assert found.technology == "node-1V"
    # By name, so that it does not depend on the order of the candidates.
    assert found.layers == (("conv1", (("cheap", 0.0), ("exact", 1 / 3))),)
    assert ENERGIES.of_layer("fc") == (("exact", 2e5),)
    assert ENERGIES.of_layer("none") == ()


def test_what_else_elements_switch_comes_back_too(tmp_path: Path) -> None:
    around = (("conv1", (("exact", 1 / 7), ("cheap", 3.0))),)
    energies = OperandEnergies("node-1V", ENERGIES.layers, around, "weight")
    found = load(tmp_path / "a.json", Assignment.of(PLAIN, energies).document()).energies
    assert found == energies
    assert found.around_layer("conv1") == around[0][1]
    assert found.around_layer("fc") == ()
    only = found.only({"conv1": ["cheap"]})
    assert (only.around, only.stays) == ((("conv1", (("cheap", 3.0),)),), "weight")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"stays": "input"}, ("`stays` is 'input'", "output, weight")),
        ({"around_fj": {"conv1": 3}}, ("`around_fj` is no table",)),
        ({"around_fj": {"conv1": {"exact": -1}}}, ("conv1", "energy of exact")),
    ],
)
def test_damaged_figures_of_elements(tmp_path: Path, changes: dict, words: tuple) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "a.json", document(**changes))
    for word in words:
        assert word in str(caught.value)


def test_of_workloads() -> None:
    bare = LayerWorkload("a", "Conv", 4, 6, 5)
    told = (("exact", 3.0),)
    own = LayerWorkload("b", "Conv", 4, 6, 5, energies_fj=told, around_fj=told)
    assert OperandEnergies.of_workloads("node-1V", [bare]) is None
    found = OperandEnergies.of_workloads("node-1V", [bare, own])
    assert found == OperandEnergies("node-1V", (("b", told),), (("b", told),))
