"""``--metric`` through evaluate, optimize and explore, on a small network."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx.frontend.model import load_model
from hawx_onnx.runtime.runner import Runner

FLAGS = ("--candidates", "mul8s_trunc2,mul8s_trunc3", "--jobs", "1", "--no-operand-aware-power")
# Few samples cannot make a small drop sure.
FLAGS = (*FLAGS, "--max-evaluations", "8", "--confidence", "0.5")
FUNCTION = """
import numpy as np

def largest_error(outputs, targets):
    return np.abs(outputs - targets).max(axis=(1, 2))

largest_error.higher_is_better = False
largest_error.unit = "V"
"""


@pytest.fixture(scope="module")
def sequences(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that gives 7 scores at each of 5 positions, and data for it.

    Tokens are drawn from the float network's own distribution, so that it is the best there is.
    """
    folder = tmp_path_factory.mktemp("sequences")
    rng = np.random.default_rng(0)
    shapes = {"a": (6, 24), "b": (24, 7)}
    scale = {"a": 0.7, "b": 0.9}
    weights = {n: (scale[n] * rng.standard_normal(s)).astype(np.float32) for n, s in shapes.items()}
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "a"], ["h"], name="first"),
        onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node("MatMul", ["r", "b"], ["y"], name="second"),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = onnx.helper.make_graph(
        nodes,
        "sequences",
        [onnx.helper.make_tensor_value_info("x", kind, ["N", 5, 6])],
        [onnx.helper.make_tensor_value_info("y", kind, ["N", 5, 7])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    model.ir_version = 8
    onnx.save(model, folder / "m.onnx")
    x = rng.standard_normal((300, 5, 6)).astype(np.float32)
    scores = Runner(load_model(folder / "m.onnx"), threads=1).run(x)
    y = (scores + rng.gumbel(size=scores.shape)).argmax(axis=2)
    y[:, 0] = -100
    np.savez(folder / "tokens.npz", x=x, y=y)
    np.savez(folder / "values.npz", x=x, y=scores + 0.1 * rng.standard_normal(scores.shape))
    np.savez(folder / "alone.npz", x=x)
    (folder / "my_figures.py").write_text(FUNCTION)
    return folder


def on_test(folder: Path, model: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Outputs of a model and labels of the test samples, split as the tool does."""
    with np.load(folder / name) as data:
        order = np.random.default_rng(0).permutation(len(data["x"]))
        rows = order[60 + 120 :]
        outputs = Runner(load_model(model), threads=1).run(data["x"][rows])
        return outputs.astype(np.float64), data["y"][rows]


def perplexity(outputs: np.ndarray, labels: np.ndarray) -> float:
    p = np.exp(outputs) / np.exp(outputs).sum(axis=2, keepdims=True)
    kept = labels >= 0
    right = np.take_along_axis(p, np.maximum(labels, 0)[:, :, None], 2)[:, :, 0]
    return float(np.exp(-np.log(right[kept]).mean()))


def test_optimize_under_perplexity(cli: Callable, sequences: Path, tmp_path: Path) -> None:
    command = ("optimize", sequences / "m.onnx", "--data", sequences / "tokens.npz")
    command += ("--metric", "perplexity", "--max-accuracy-drop", "0.02", "-o", tmp_path, *FLAGS)
    report = cli(*command, "--json").check().json
    about = report["data"]
    assert (about["metric"], about["higher_is_better"]) == ("perplexity", False)
    baseline, selected = report["baseline"], report["selected"]
    # The written model does what the report says, and its drop is a logarithm of a ratio.
    found = perplexity(*on_test(sequences, tmp_path / "model.onnx", "tokens.npz"))
    assert selected["accuracy"] == pytest.approx(found, rel=1e-5)
    ratio = np.log(selected["accuracy"] / baseline["accuracy"])
    assert report["accuracy_drop"] == pytest.approx(ratio, abs=1e-9)
    assert report["accuracy_drop_ci95"][0] < ratio < report["accuracy_drop_ci95"][1]
    worst = baseline["validation_accuracy"] * np.exp(0.02)
    chosen = next(point for point in report["pareto"] if point["selected"])
    assert 1 < chosen["measured_accuracy"] <= worst * (1 + 1e-5)
    measured = [p["measured_accuracy"] for p in report["pareto"] if p["measured_accuracy"]]
    assert len(measured) > 3 and max(measured) > worst
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Perplexity on the test samples" in page and "more perplexity" in page
    # Interrupted or not, the same values come back from the journal.
    again = cli(*command, "--resume", "--json").check().json
    assert [p["measured_accuracy"] for p in again["pareto"] if p["measured_accuracy"]] == measured
    shown = cli("report", tmp_path, "--json").check().json
    assert shown["selected"]["accuracy"] == selected["accuracy"]
    # A pipeline holds the result against that report, and against the float model.
    check = ("check", tmp_path / "model.onnx", *command[2:6], "--jobs", "1", "--json")
    (rule,) = cli(*check, "--baseline", tmp_path / "report.json").json["results"]
    assert rule["measured"] == pytest.approx(report["accuracy_drop"], abs=1e-6)
    assert (rule["metric"], rule["unit"]) == ("perplexity", "log ratio")
    baseline = tmp_path / "baseline.json"
    done = cli("check", *command[1:6], "--write-baseline", baseline).check()
    assert done.out.startswith("perplexity ") and "on 120 test samples" in done.out
    (rule,) = cli(*check, "--baseline", baseline).json["results"]
    assert (rule["id"], rule["metric"]) == ("HAWX101", "perplexity")
    mismatch = ("check", tmp_path / "model.onnx", "--baseline", baseline)
    done = cli(*mismatch, "--metric", "mse", "--data", sequences / "values.npz")
    done.refused(2, "is on perplexity, these rules go by mse", "--metric perplexity")


@pytest.mark.parametrize("metric", ["perplexity", "mse"])
def test_single_channels_under_metrics_without_classes(
    cli: Callable, sequences: Path, tmp_path: Path, metric: str
) -> None:
    data = {"perplexity": "tokens.npz", "mse": "values.npz"}[metric]
    command = ("optimize", sequences / "m.onnx", "--data", sequences / data, "--metric", metric)
    command += ("--granularity", "filter", "--max-accuracy-drop", "0.004", *FLAGS)
    command += ("--max-evaluations", "40", "-o", tmp_path)
    cli(*command).check()
    report = json.loads((tmp_path / "report.json").read_text())
    layers = report["layers"]
    assert any(len(layer["multipliers"]) > 1 for layer in layers), layers
    chosen = next(point for point in report["pareto"] if point["selected"])
    assert chosen["predicted_accuracy"] is not None
    exact, found = (report[name]["validation_accuracy"] for name in ("baseline", "selected"))
    drop = {"perplexity": np.log(found / exact), "mse": (found - exact) / report["data"]["scale"]}
    assert drop[metric] <= 0.004 + 1e-6
    for trial in report["compensation"]:
        before, after = (trial[f"validation_accuracy_{when}"] for when in ("before", "after"))
        assert (trial["gain"] > 0) == (after < before)
        assert 0.9 * exact < after < 10 * exact
    page = (tmp_path / "report.html").read_text()
    title = {"perplexity": "Perplexity", "mse": "Mean squared error"}[metric]
    assert not report["compensation"] or f"{title} before" in page


def test_explore_under_the_squared_error(cli: Callable, sequences: Path, tmp_path: Path) -> None:
    command = ("explore", sequences / "m.onnx", "--data", sequences / "values.npz")
    command += ("--metric", "mse", "--method", "hawx", "--method", "exhaustive")
    found = cli(*command, *FLAGS, "--max-evaluations", "9", "--plot", tmp_path / "p.svg", "--json")
    document = found.check().json
    assert document["metric"] == "mse" and document["baseline_accuracy"] > 0.01 * 0.9
    hawx, exhaustive = document["methods"]
    assert len(exhaustive["points"]) == 9
    everything = {str(p["assignment"]): p["measured_accuracy"] for p in exhaustive["points"]}
    for point in hawx["points"]:
        if point["measured_accuracy"] is not None:
            expected = everything[str(point["assignment"])]
            assert point["measured_accuracy"] == pytest.approx(expected)
    # Worse than exact by more than a hundredth of the targets' variance is not chosen.
    worst = document["baseline_accuracy"] + 0.01 * document["scale"]
    assert hawx["selected"]["measured_accuracy"] <= worst + 1e-6 * document["scale"]
    assert max(everything.values()) > worst
    assert "mse on validation samples" in (tmp_path / "p.svg").read_text("utf-8")


def test_without_labels_the_error_is_that_against_the_float_model(
    cli: Callable, sequences: Path
) -> None:
    command = ("explore", sequences / "m.onnx", "--data", sequences / "alone.npz")
    done = cli(*command, "--metric", "mse", *FLAGS, "--json").check()
    assert 0 < done.json["baseline_accuracy"] < 0.01 * done.json["scale"]
    assert "the score is mse against the float model" in done.err


def test_a_function_of_the_users(
    cli: Callable, sequences: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(sequences)
    command = ("--data", "values.npz", "--metric", "my_figures:largest_error")
    outputs, targets = on_test(sequences, sequences / "m.onnx", "values.npz")
    found = cli("evaluate", "m.onnx", *command, "--json").check().json
    expected = np.abs(outputs - targets).max(axis=(1, 2)).mean()
    assert found["accuracy"] == pytest.approx(expected, rel=1e-5)
    assert found["unit"] == "V" and found["correct"] is None
    line = cli("evaluate", "m.onnx", *command).check().out
    assert line.startswith(f"my_figures:largest_error {expected:.4g} V (95 % interval ")
    done = cli("explore", "m.onnx", *command, *FLAGS, "--max-accuracy-drop", "1.5").check()
    assert "largest_error, " in done.out and " V " in done.out


def test_top_5_and_agreement(cli: Callable, lenet: Path) -> None:
    one, five = (
        cli("evaluate", lenet, "--metric", name, "--json").check().json
        for name in ("top-1", "top-5")
    )
    assert one["metric"] == "accuracy" and five["metric"] == "top-5"
    assert one["correct"] < five["correct"] <= five["samples"]
    found = cli("explore", lenet, "--metric", "agreement", *FLAGS, "--json").check().json
    assert found["metric"] == "agreement" and found["baseline_accuracy"] > 0.97


@pytest.mark.parametrize(
    ("flags", "code", "text"),
    [
        (("--metric", "perplexty"), 2, "did you mean perplexity"),
        (("--metric", "nothing:here"), 2, "cannot be imported"),
        (("--metric", "perplexity", "--max-accuracy-drop", "2"), 2, "between 0 and 1"),
        (("--metric", "accuracy"), 3, "labels have shape"),
    ],
)
def test_refusals(cli: Callable, sequences: Path, flags: tuple, code: int, text: str) -> None:
    command = ("explore", sequences / "m.onnx", "--data", sequences / "tokens.npz", *FLAGS)
    assert text in cli(*command, *flags).check(code).err


def test_perplexity_needs_labels(cli: Callable, sequences: Path) -> None:
    command = ("explore", sequences / "m.onnx", "--data", sequences / "alone.npz", *FLAGS)
    assert "store y with" in cli(*command, "--metric", "perplexity").check(3).err


def test_a_run_that_chose_nothing_tells_values_of_the_metric(
    cli: Callable, sequences: Path, tmp_path: Path
) -> None:
    command = ("optimize", sequences / "m.onnx", "--data", sequences / "tokens.npz", *FLAGS)
    command += ("--metric", "perplexity", "--no-exact", "--max-accuracy-drop", "0")
    failed = cli(*command, "-o", tmp_path).check(1)
    assert "% (" in failed.err or " %, 0 are allowed" in failed.err
    shown = cli("report", tmp_path, "--json").check().json
    exact = shown["baseline"]["validation_accuracy"]
    measured = [point["measured_accuracy"] for point in shown["pareto"]]
    assert 1 < exact < min(value for value in measured if value is not None) < 20
    front = (tmp_path / "pareto.csv").read_text("utf-8").splitlines()
    assert len(front) == 1 + len(measured)


def test_analyze_takes_the_same_data(cli: Callable, sequences: Path, tmp_path: Path) -> None:
    command = ("analyze", sequences / "m.onnx", "--data", sequences / "tokens.npz", "-o", tmp_path)
    cli(*command, "--metric", "perplexity", *FLAGS[:4]).check()
    assert "labels have shape" in cli(*command, *FLAGS[:4]).check(3).err
