"""``hawx-onnx analyze``: sensitivity without a search."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.parser

from hawx_onnx import components

LAYERS = ["conv1", "conv2", "fc1", "fc2", "fc3"]


def test_it_writes_scores_and_a_picture(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = ("--candidates", "mul8s_trunc1,mul8s_trunc3", "--json")
    done = cli("analyze", lenet, "-o", tmp_path / "out", *flags).check()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "sensitivity.html",
        "sensitivity.json",
    }
    written = json.loads((tmp_path / "out" / "sensitivity.json").read_text(encoding="utf-8"))
    assert done.json == written
    assert written["layers"] == LAYERS
    assert written["multipliers"] == ["mul8s_exact", "mul8s_trunc1", "mul8s_trunc3"]
    assert written["left_exact"] == []
    mse = written["layer_level"]["output_mse"]
    assert all(row[0] == 0 < row[1] < row[2] for row in mse)
    assert set(written["operator_level"]) == set(LAYERS)
    channels = {
        name: len(entry["output_mse"][1]) for name, entry in written["filter_level"].items()
    }
    assert channels == {"conv1": 6, "conv2": 16, "fc1": 120, "fc2": 84, "fc3": 10}
    uniform = written["model_level"]["uniform"]
    assert list(uniform) == written["multipliers"]
    assert uniform["mul8s_exact"]["agreement"] == 1
    assert uniform["mul8s_trunc1"]["accuracy"] >= uniform["mul8s_trunc3"]["accuracy"]
    energy = written["multiplication_energy"]
    assert len(set(energy["technology"])) == 1
    assert len(energy["technology"]) == len(energy["uniform_fj"]) == 3
    assert [len(row) for row in energy["own_fj"]] == [3] * 5
    assert all(exact > first > second > 0 for exact, first, second in energy["own_fj"])
    page = (tmp_path / "out" / "sensitivity.html").read_text(encoding="utf-8")
    assert "Energy of one multiplication" in page


def test_energies_can_be_left_out(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    flags = ("--candidates", "mul8s_trunc2", "--no-operand-aware-power", "--json")
    done = cli("analyze", lenet, "-o", tmp_path, *flags).check()
    assert "multiplication_energy" not in done.json
    page = (tmp_path / "sensitivity.html").read_text(encoding="utf-8")
    assert "Energy of one multiplication" not in page


def test_tables_without_costs_have_no_energies(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    odd = components.load("mul8s_trunc2").table.copy()
    odd[200, 100] += 1
    np.savez(tmp_path / "odd.npz", odd=odd)
    flags = ("--library", tmp_path / "odd.npz", "--candidates", "odd,mul8s_trunc1", "--json")
    done = cli("analyze", lenet, "-o", tmp_path / "out", *flags).check()
    energy = done.json["multiplication_energy"]
    assert energy["technology"][1] is energy["uniform_fj"][1] is None
    assert all(a > c > 0 and b is None for a, b, c in energy["own_fj"])
    assert "warning" not in done.err


def test_it_predicts_an_assignment(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    conv1 = ["mul8s_trunc3", *["mul8s_exact"] * 5]
    (tmp_path / "a.json").write_text(json.dumps({"conv1": conv1, "fc2": "mul8s_trunc3"}))
    flags = ("--candidates", "mul8s_trunc3", "--assignment", tmp_path / "a.json", "--json")
    document = cli("analyze", lenet, "-o", tmp_path / "out", *flags).check().json
    given = document["model_level"]["assignment"]
    whole = document["model_level"]["uniform"]["mul8s_trunc3"]
    assert 0 < given["output_mse"] < whole["output_mse"]
    assert given["accuracy"] > 0.9
    (tmp_path / "a.json").write_text(json.dumps({"conv9": "mul8s_trunc3"}))
    cli("analyze", lenet, "-o", tmp_path / "no", *flags).refused(2, "conv9", "conv1")


def test_compensated_scores(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    """Layers lose less with their biases folded; the file, the page and the text say so."""
    words = ("analyze", lenet, "--candidates", "mul8s_trunc4", "--score-samples", "64")
    plain = cli(*words, "-o", tmp_path / "plain", "--json").check().json
    done = cli(*words, "-o", tmp_path / "folded", "--compensated").check()
    assert "; with folded biases)" in done.out
    folded = json.loads((tmp_path / "folded" / "sensitivity.json").read_text(encoding="utf-8"))
    assert plain["compensation"] is None
    layers = ["conv1", "conv2", "fc1", "fc2", "fc3"]
    assert folded["compensation"] == {"pass": "fold-bias", "layers": layers, "samples": 128}
    errors = [np.array(one["layer_level"]["output_mse"])[:, 1] for one in (folded, plain)]
    assert (errors[0] < errors[1]).all() and errors[0].sum() < errors[1].sum() / 2
    pages = [tmp_path / name / "sensitivity.html" for name in ("folded", "plain")]
    told = ["64 samples, biases folded" in page.read_text(encoding="utf-8") for page in pages]
    assert told == [True, False]


def test_text_names_the_extremes(cli: Callable, lenet: Path, tmp_path: Path) -> None:
    done = cli("analyze", lenet, "-o", tmp_path, "--candidates", "mul8s_trunc2").check()
    assert "most sensitive:" in done.out
    assert "least sensitive:" in done.out
    assert str(tmp_path / "sensitivity.html") in done.out


def test_nothing_is_left_of_a_failed_run(cli: Callable, tmp_path: Path) -> None:
    done = cli("analyze", tmp_path / "none.onnx", "-o", tmp_path / "out")
    done.refused(3, "none.onnx", "no such file")
    assert list(tmp_path.iterdir()) == []


def test_an_operator_outside_the_standard(cli: Callable, tmp_path: Path) -> None:
    """Nothing is known of its derivative: what lies before it is told by measured responses."""
    text = """<ir_version: 8, opset_import: ["": 17, "com.microsoft": 1]>
    net (float[N,3,12,12] x) => (float[N,10] y) {
        a = Conv(x, wa)
        b = com.microsoft.QuickGelu(a)
        f = GlobalAveragePool(b)
        g = Flatten(f)
        y = Gemm(g, wb)
    }"""
    model = onnx.parser.parse_model(text)
    rng = np.random.default_rng(0)
    for name, shape in (("wa", (8, 3, 3, 3)), ("wb", (8, 10))):
        values = rng.standard_normal(shape).astype(np.float32)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values, name))
    onnx.save(model, tmp_path / "model.onnx")
    x = rng.standard_normal((90, 3, 12, 12)).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=rng.integers(0, 10, 90))
    words = ("--data", tmp_path / "data.npz", "--candidates", "mul8s_trunc2", "--json")
    done = cli("analyze", tmp_path / "model.onnx", "-o", tmp_path / "out", *words).check()
    first, last = done.json["filter_level"].values()
    assert (first["method"], last["method"]) == ("measured", "gradient")
    assert "QuickGelu" in first["reason"]
    assert sum(first["output_mse"][1]) > 0
    assert first["margin_change"] is None
    assert "share the layer's measured response" in done.err
    assert "QuickGelu" in done.err
