"""``apply``, ``cost`` and ``evaluate`` on assignments written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

CONV1 = [
    "mul8s_trunc2",
    "mul8s_exact",
    "mul8s_trunc3",
    "mul8s_exact",
    "mul8s_exact",
    "mul8s_trunc1",
]


def write(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def by_channel(cli: Callable, lenet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a filter-level assignment and the model it makes."""
    folder = tmp_path_factory.mktemp("by_channel")
    given = write(folder / "a.json", {"assignment": {"conv1": CONV1, "fc3": "mul8s_trunc2"}})
    done = cli("apply", lenet, "--assignment", given, "-o", folder / "m.onnx", "--json").check()
    assert done.json["rewritten"] == ["conv1", "fc3"]
    assert done.json["assignment"] == {"conv1": CONV1, "fc3": "mul8s_trunc2"}
    assert done.err == ""
    return folder


def test_multipliers_per_channel_are_in_the_model(by_channel: Path) -> None:
    model = onnx.load(by_channel / "m.onnx")
    constants = {
        tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer
    }
    nodes = {node.name: node for node in model.graph.node if node.domain == "ai.hawx"}
    assert set(nodes) == {"conv1", "fc3"}
    index = constants[nodes["conv1"].input[10]]
    assert index.shape == (6,)
    assert index[1] == index[3] == index[4]
    assert len(set(index.tolist())) == 4


def test_multipliers_per_channel_are_costed(cli: Callable, lenet: Path, by_channel: Path) -> None:
    held = cli("cost", by_channel / "m.onnx", "--json").check().json
    given = cli("cost", lenet, "--assignment", by_channel / "a.json", "--json").check().json
    assert held["total"] == given["total"]
    counts = {layer["name"]: layer["multipliers"] for layer in held["layers"]}
    assert counts["conv1"] == {
        "mul8s_exact": 3,
        "mul8s_trunc1": 1,
        "mul8s_trunc2": 1,
        "mul8s_trunc3": 1,
    }
    assert counts["conv2"] == {"mul8s_exact": 16}
    assert counts["fc3"] == {"mul8s_trunc2": 10}


def test_both_paths_evaluate_multipliers_per_channel_alike(cli: Callable, by_channel: Path) -> None:
    library = cli("evaluate", by_channel / "m.onnx", "--json").check().json
    portable = cli("evaluate", by_channel / "m.onnx", "--portable", "--json").check().json
    assert library["path"] == "library"
    assert portable["path"] == "portable"
    assert library["correct"] == portable["correct"] > 570


def test_an_empty_assignment_gives_the_int8_model(
    cli: Callable, lenet: Path, tmp_path: Path, report: dict
) -> None:
    given = write(tmp_path / "a.json", {})
    cli("apply", lenet, "--assignment", given, "-o", tmp_path / "m.onnx").check()
    found = cli("evaluate", tmp_path / "m.onnx", "--json").check().json
    assert found["correct"] == report["baseline"]["correct"]
    assert found["path"] == "portable"


def test_a_broken_table_ruins_the_accuracy(
    cli: Callable, optimized: Path, tmp_path: Path, report: dict
) -> None:
    model = onnx.load(optimized / "model.onnx")
    (tables,) = [t for t in model.graph.initializer if t.dims[1:] == [256, 256]]
    broken = np.roll(onnx.numpy_helper.to_array(tables), 77, axis=1)
    tables.CopyFrom(onnx.numpy_helper.from_array(broken, tables.name))
    onnx.save(model, tmp_path / "broken.onnx")
    for flags in ((), ("--portable",)):
        found = cli("evaluate", tmp_path / "broken.onnx", "--json", *flags).check().json
        assert found["accuracy"] < report["selected"]["accuracy"] - 0.3


@pytest.mark.parametrize("verb", ["apply", "cost"])
@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ({"conv1": CONV1[:-1]}, ("conv1", "5 multipliers", "6 output channels")),
        ({"conv1": []}, ("conv1", "6 output channels")),
        ({"convl": "mul8s_trunc2"}, ("'convl'", "did you mean", "conv1")),
        ({"conv1": "mul8s_trnc2"}, ("'mul8s_trnc2'", "did you mean mul8s_trunc2")),
        ({"conv1": "mul8s_trunc2", "fc1": "mul8u_trunc2"}, ("int8", "uint8")),
        ({"conv1": 3}, ("a.json", "no assignment", "layer: multiplier")),
        (["conv1"], ("a.json", "no assignment")),
    ],
    ids=["short", "empty", "layer", "multiplier", "mixed", "number", "list"],
)
def test_wrong_assignments(
    cli: Callable, lenet: Path, tmp_path: Path, verb: str, assignment: object, words: tuple
) -> None:
    given = write(tmp_path / "a.json", assignment)
    output = ("-o", tmp_path / "m.onnx") if verb == "apply" else ()
    cli(verb, lenet, "--assignment", given, *output).refused(2, *words)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_assignment_files_that_cannot_be_read(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    cli("cost", lenet, "--assignment", tmp_path / "none.json").refused(
        2, "none.json", "cannot be read"
    )
    (tmp_path / "text.json").write_text("hello", encoding="utf-8")
    cli("cost", lenet, "--assignment", tmp_path / "text.json").refused(2, "text.json", "no JSON")


def test_apply_refuses_a_folder_before_it_works(
    cli: Callable, lenet: Path, by_channel: Path, tmp_path: Path
) -> None:
    done = cli("apply", lenet, "--assignment", by_channel / "a.json", "-o", tmp_path, "-v")
    assert "quantise" not in done.refused(2, str(tmp_path), "is a folder").err


def test_cost_document(cli: Callable, lenet: Path) -> None:
    found = cli("cost", lenet, "--json").check().json
    assert {"target", "total", "baseline", "layers"} <= set(found)
    totals = {"power_mw", "area_um2", "energy_uj", "latency_cycles"}
    assert totals <= set(found["total"])
    assert totals <= set(found["baseline"])
    keys = {
        "name",
        "op",
        "macs",
        "compute_cycles",
        "stall_cycles",
        "utilization",
        "energy_uj",
        "power_mw",
        "area_um2",
        "multipliers",
    }
    assert all(keys <= set(layer) for layer in found["layers"])
    assert [layer["macs"] for layer in found["layers"]] == [117600, 240000, 48000, 10080, 840]
    assert found["total"]["energy_uj"] == pytest.approx(
        sum(layer["energy_uj"] for layer in found["layers"]), rel=0.05
    )


def test_dataflow_is_for_temporal_targets(cli: Callable, lenet: Path) -> None:
    default = cli("cost", lenet, "--json").check().json
    found = cli("cost", lenet, "--dataflow", "weight-stationary", "--json").check().json
    assert found["total"]["latency_cycles"] != default["total"]["latency_cycles"]
    done = cli("cost", lenet, "--dataflow", "weight-stationary", "--target", "spatial")
    done.refused(2, "dataflow")
    cli("cost", lenet, "--dataflow", "sideways").refused(2, "sideways", "weight-stationary")


def test_cost_text(cli: Callable, lenet: Path) -> None:
    done = cli("cost", lenet).check()
    for word in ("conv1", "power:", "mW", "area:", "um2", "latency:", "cycles"):
        assert word in done.out
    heads = done.out.splitlines()[1]
    for head in ("MACs", "Cycles", "Stalls", "Used", "Energy", "Area"):
        assert head in heads
    assert done.err == ""


@pytest.mark.parametrize("target", ["temporal", "spatial"])
def test_cost_page(cli: Callable, lenet: Path, tmp_path: Path, target: str) -> None:
    page = tmp_path / "new" / "cost.html"
    done = cli("cost", lenet, "--target", target, "--html", page, "--json").check()
    text = page.read_text(encoding="utf-8")
    assert "Hardware cost of lenet5" in text
    assert all(layer["name"] in text for layer in done.json["layers"])
    refused = cli("cost", lenet, "--html", tmp_path)
    refused.refused(2, "is a folder", "give the name of a file")


def test_evaluate_document(cli: Callable, lenet: Path) -> None:
    found = cli("evaluate", lenet, "--data", "digits", "--json").check().json
    assert found["metric"] == "accuracy"
    assert found["path"] == "portable"
    assert found["samples"] == 599
    assert found["accuracy"] == found["correct"] / 599 > 0.98
    low, high = found["accuracy_ci95"]
    assert low < found["accuracy"] < high


@pytest.mark.parametrize(("split", "samples"), [("validation", 399), ("calibration", 256)])
def test_evaluate_other_splits(cli: Callable, lenet: Path, split: str, samples: int) -> None:
    done = cli("evaluate", lenet, "--split", split).check()
    assert f"of {samples} {split} samples" in done.out


def test_evaluate_needs_labels(cli: Callable, models: dict[str, Path]) -> None:
    cli("evaluate", models["open batch"], "-q").refused(2, "--data", "no labels")
