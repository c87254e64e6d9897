"""Costs by the energies that an assignment or a model carries, and what is told of lacking ones."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest

import hawx_onnx
from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components.synthesis import shipped
from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.operand_energies import OperandEnergies

LAYERS = ("conv1", "conv2", "fc1", "fc2", "fc3")
MACS = {"conv1": 117600, "conv2": 240000, "fc1": 48000, "fc2": 10080, "fc3": 840}
CHOICE = {"conv1": "mul8s_trunc2", "fc3": ["mul8s_trunc1", *["mul8s_exact"] * 9]}
UNIFORM = "power is that of uniform operands"


@pytest.fixture(scope="module")
def lenet(root: Path) -> Path:
    return root / "models" / "lenet5" / "lenet5.onnx"


def energies(**changes: dict[str, float]) -> OperandEnergies:
    """Round energies of all layers: 1000, 400 and 700 fJ."""
    row = {"mul8s_exact": 1000.0, "mul8s_trunc2": 400.0, "mul8s_trunc1": 700.0}
    rows = {**dict.fromkeys(LAYERS, row), **changes}
    pairs = tuple((layer, tuple(row.items())) for layer, row in rows.items())
    return OperandEnergies(shipped.technologies()[0], pairs)


def cost(lenet: Path, carried: OperandEnergies | None, **options: Any) -> dict[str, Any]:
    return hawx_onnx.cost(lenet, assignment=Assignment.of(CHOICE, carried), **options)


@pytest.mark.parametrize("target", ["temporal", "spatial"])
def test_multiplications_cost_what_the_assignment_says(lenet: Path, target: str) -> None:
    found = cost(lenet, energies(), target=target)
    assert found["operands"] == "own"
    assert not [note for note in found["notes"] if UNIFORM in note]
    exact = sum(MACS.values()) * 1000.0
    saved = MACS["conv1"] * 600.0 + MACS["fc3"] / 10 * 300.0
    total = found["total"]["multiplication_energy_uj"]
    assert total == pytest.approx((exact - saved) * 1e-9)
    assert found["baseline"]["multiplication_energy_uj"] == pytest.approx(exact * 1e-9)


def test_elements_of_another_order_take_what_fits_them(lenet: Path) -> None:
    around = tuple((layer, (("mul8s_exact", 7e3), ("mul8s_trunc2", 7e3))) for layer in LAYERS)
    carried = dataclasses.replace(energies(), around=around, stays="output")
    array, engine = (cost(lenet, carried, target=target) for target in ("temporal", "spatial"))
    assert (array["operands"], engine["operands"]) == ("own", "own")
    plain = cost(lenet, energies(), target="temporal")
    layer, bare = (found["layers"][1]["energy_parts"] for found in (array, plain))
    assert layer["periphery_uj"] != bare["periphery_uj"]
    # An engine multiplies alike, but adds otherwise.
    assert engine["layers"] == cost(lenet, energies(), target="spatial")["layers"]
    other = cost(lenet, carried, target="temporal", dataflow="weight-stationary")
    assert other["operands"] == "uniform"
    (note,) = [note for note in other["notes"] if UNIFORM in note]
    assert "the output stays" in note and "the weight" in note


def test_without_energies_operands_are_uniform(lenet: Path) -> None:
    found = cost(lenet, None)
    assert found["operands"] == "uniform"
    (note,) = [note for note in found["notes"] if UNIFORM in note]
    assert "the assignment carries no energies" in note


def test_energies_of_another_technology_do_not_count(lenet: Path) -> None:
    foreign = dataclasses.replace(energies(), technology="other-node")
    found = cost(lenet, foreign)
    assert found["operands"] == "uniform"
    assert found["total"] == cost(lenet, None)["total"]
    (note,) = [note for note in found["notes"] if UNIFORM in note]
    assert "other-node" in note and shipped.technologies()[0] in note


def test_multipliers_of_another_technology_leave_the_energies(lenet: Path, tmp_path: Path) -> None:
    zero_delay = shipped.technologies()[1]
    stored = []
    for name in ("mul8s_exact", "mul8s_trunc1", "mul8s_trunc2"):
        known, figures = components.load(name), shipped.characterization(name, zero_delay)
        assert figures is not None
        stored.append(
            components.StoredMultiplier(name, known.encoding, known.table, figures.cost, "", "")
        )
    components.write_library(stored, tmp_path / "zero")
    library = (str(tmp_path / "zero"),)
    found = cost(lenet, energies(), library=library)
    assert found["operands"] == "uniform"
    assert found["total"] == cost(lenet, None, library=library)["total"]
    assert any(zero_delay in note for note in found["notes"])


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        ({"mul8s_exact": 1000.0, "mul8s_trunc1": 700.0}, "mul8s_trunc2"),
        ({"mul8s_trunc2": 400.0}, "mul8s_exact"),
        ({}, "mul8s_exact"),
    ],
)
def test_a_layer_that_lacks_an_energy_is_uniform(lenet: Path, row: dict, missing: str) -> None:
    found = cost(lenet, energies(conv1=row))
    assert found["operands"] == "mixed"
    (note,) = [note for note in found["notes"] if UNIFORM in note]
    assert f"{UNIFORM} in conv1: the assignment carries no energy of {missing} there" in note
    own, uniform = (
        {layer["name"]: layer["energy_uj"] for layer in cost(lenet, carried)["layers"]}
        for carried in (energies(), None)
    )
    for layer in found["layers"]:
        wanted = uniform if layer["name"] == "conv1" else own
        assert layer["energy_uj"] == wanted[layer["name"]]
        assert own[layer["name"]] != uniform[layer["name"]]


def test_several_layers_that_lack_energies_are_counted(lenet: Path) -> None:
    found = cost(lenet, energies(conv1={}, fc1={}, fc2={}))
    assert any("in conv1 and 2 more layers" in note for note in found["notes"])


def test_energies_of_unknown_layers_are_refused(lenet: Path) -> None:
    with pytest.raises(ConfigError, match="'conv3'") as caught:
        cost(lenet, energies(conv3={"mul8s_exact": 1.0}))
    assert "did you mean" in str(caught.value)


@pytest.fixture(scope="module")
def applied(lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("applied") / "m.onnx"
    hawx_onnx.apply(lenet, Assignment.of(CHOICE, energies()), path)
    return path


def test_apply_carries_the_energies_into_the_model(lenet: Path, applied: Path) -> None:
    held, given = hawx_onnx.cost(applied), cost(lenet, energies())
    assert held["operands"] == "own"
    for key in ("total", "baseline", "layers", "assignment"):
        assert held[key] == given[key]


def test_a_model_holds_no_more_than_its_cost_takes(applied: Path) -> None:
    entries = {entry.key: entry.value for entry in onnx.load(applied).metadata_props}
    held = json.loads(entries["hawx.energies"])
    assert held["technology"] == shipped.technologies()[0]
    assert {layer: set(row) for layer, row in held["energies_fj"].items()} == {
        "conv1": {"mul8s_exact", "mul8s_trunc2"},
        "conv2": {"mul8s_exact"},
        "fc1": {"mul8s_exact"},
        "fc2": {"mul8s_exact"},
        "fc3": {"mul8s_exact", "mul8s_trunc1"},
    }


def test_energies_of_an_earlier_assignment_are_dropped(lenet: Path, tmp_path: Path) -> None:
    model = onnx.load(lenet)
    model.metadata_props.add(key="hawx.energies", value=json.dumps(energies().to_dict()))
    onnx.save(model, tmp_path / "stale.onnx")
    rewritten = hawx_onnx.apply(tmp_path / "stale.onnx", CHOICE, data="digits")
    keys = {entry.key for entry in rewritten.metadata_props}
    assert "hawx.assignment" in keys
    assert "hawx.energies" not in keys


@pytest.fixture
def damaged(applied: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes the applied model with another metadata property; None leaves it out."""

    def write(key: str, text: str | None) -> Path:
        model = onnx.load(applied)
        kept = [entry for entry in model.metadata_props if entry.key != key]
        rest = [(entry.key, entry.value) for entry in kept]
        del model.metadata_props[:]
        for name, value in rest + ([] if text is None else [(key, text)]):
            model.metadata_props.add(key=name, value=value)
        onnx.save(model, tmp_path / "damaged.onnx")
        return tmp_path / "damaged.onnx"

    return write


def test_a_model_without_energies_is_uniform(damaged: Callable[..., Path]) -> None:
    found = hawx_onnx.cost(damaged("hawx.energies", None))
    assert found["operands"] == "uniform"
    assert any(UNIFORM in note for note in found["notes"])


@pytest.mark.parametrize(
    ("key", "text", "words"),
    [
        ("hawx.assignment", "{", "is no JSON"),
        ("hawx.assignment", "[" * 100_000, "is no JSON"),
        ("hawx.assignment", "[1]", "is no assignment"),
        ("hawx.assignment", '{"conv1": 3}', "is no assignment"),
        ("hawx.assignment", None, "hold no assignment"),
        ("hawx.energies", "{", "is no JSON"),
        ("hawx.energies", "[1]", "no table of energies"),
        ("hawx.energies", '{"energies_fj": {"conv1": {"mul8s_exact": -1}}}', "technology"),
        (
            "hawx.energies",
            '{"technology": "t", "energies_fj": {"conv1": {"mul8s_exact": NaN}}}',
            "energy of mul8s_exact is nan",
        ),
    ],
)
def test_damaged_metadata(
    damaged: Callable[..., Path], key: str, text: str | None, words: str
) -> None:
    with pytest.raises(ModelError, match=words):
        hawx_onnx.cost(damaged(key, text))
