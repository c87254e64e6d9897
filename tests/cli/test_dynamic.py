"""Networks whose ranges are found at run time: every command, on what it writes."""

from __future__ import annotations

import json

import numpy as np
import onnx
import pytest

DYNAMIC = ("--quantization", "dynamic", "--data", "digits")
FEW = ("--validation-samples", "200", "--score-samples", "32", "--max-evaluations", "4")
NAMES = "mul8s_trunc1,mul8s_trunc2"


def ops(path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


@pytest.fixture(scope="module")
def dynamic(lenet, tmp_path_factory):
    """The shipped network as onnxruntime's dynamic quantiser writes it."""
    from onnxruntime import quantization as ortq

    path = tmp_path_factory.mktemp("dynamic") / "dynamic.onnx"
    ortq.quantize_dynamic(lenet, path, weight_type=ortq.QuantType.QUInt8)
    return path


@pytest.fixture(scope="module")
def written(cli, dynamic, tmp_path_factory):
    """The folder that ``optimize`` writes."""
    folder = tmp_path_factory.mktemp("optimized")
    words = ("--candidates", NAMES, "--confidence", "0.5", *FEW, "--jobs", "1")
    cli("optimize", dynamic, "-o", folder, *DYNAMIC, *words).check()
    return folder


def test_optimize_writes_operators_that_give_accumulators(dynamic, written) -> None:
    before, after = ops(dynamic), ops(written / "model.onnx")
    assert before.count("ConvInteger") + before.count("MatMulInteger") == 5
    assert after.count("DynamicQuantizeLinear") == before.count("DynamicQuantizeLinear")
    approximate = {"ApproxConvInteger", "ApproxMatMulInteger"}
    assignment = json.loads((written / "assignment.json").read_text())["assignment"]
    assert sum(op in approximate for op in after) == len(assignment) > 0


def test_what_is_reported_is_measured_on_what_is_written(cli, dynamic, written) -> None:
    report = json.loads((written / "report.json").read_text())
    for path, part in ((dynamic, "baseline"), (written / "model.onnx", "selected")):
        done = cli("evaluate", path, "--data", "digits", "--json").check().json
        assert done["accuracy"] == report[part]["accuracy"]
        assert done["samples"] == report[part]["samples"]
    assert report["savings"]["power"] > 0
    told = cli("cost", written / "model.onnx", "--json").check().json
    assert told["total"]["energy_uj"] == pytest.approx(report["selected"]["energy_uj"])


def test_the_result_does_not_depend_on_the_samples_beside(written) -> None:
    from hawx_onnx.runtime.runner import Runner

    runner = Runner(onnx.load(written / "model.onnx"))
    shape = [size or 1 for size in runner.spec.shape[1:]]
    x = np.random.default_rng(0).standard_normal((5, *shape)).astype(np.float32)
    alone = [runner.run(x[i : i + 1]) for i in range(5)]
    assert runner.run(x, batch=64).tobytes() == np.concatenate(alone).tobytes()


def test_apply_repeats_the_model(cli, dynamic, written, tmp_path) -> None:
    from hawx_onnx.runtime.runner import Runner

    given, output = written / "assignment.json", tmp_path / "applied.onnx"
    cli("apply", dynamic, "--assignment", given, *DYNAMIC, "-o", output).check()
    models = [onnx.load(path) for path in (output, written / "model.onnx")]
    x = np.random.default_rng(1).random((4, 1, 28, 28), np.float32)
    shape = [size or 1 for size in Runner(models[0]).spec.shape[1:]]
    x = np.resize(x, (4, *shape))
    first, second = (Runner(model).run(x) for model in models)
    assert first.tobytes() == second.tobytes()


def test_check_holds(cli, written, tmp_path) -> None:
    rules = tmp_path / "rules.yaml"
    rules.write_text("known-tables: true\nportable-equals-kernel: true\n", encoding="utf-8")
    cli("check", written / "model.onnx", "--rules", rules, "--data", "digits").check()
    rules.write_text("no-exact-fallback: true\n", encoding="utf-8")
    assignment = json.loads((written / "assignment.json").read_text())["assignment"]
    done = cli("check", written / "model.onnx", "--rules", rules)
    done.check(0 if len(assignment) == 5 else 1)


def test_a_rewritten_model_is_opened_again(cli, written, tmp_path) -> None:
    everywhere = {"assignment": {node.name: "mul8u_trunc1" for node in _layers(written)}}
    given, output = tmp_path / "assignment.json", tmp_path / "again.onnx"
    given.write_text(json.dumps(everywhere), encoding="utf-8")
    words = ("--assignment", given, *DYNAMIC, "-o", output)
    cli("apply", written / "model.onnx", *words).refused(3, "--force")
    cli("apply", written / "model.onnx", *words, "--force").check()
    after = ops(output)
    assert after.count("ApproxConvInteger") + after.count("ApproxMatMulInteger") == 5


def _layers(folder) -> list[onnx.NodeProto]:
    names = ("ConvInteger", "MatMulInteger")
    nodes = onnx.load(folder / "model.onnx").graph.node
    return [node for node in nodes if node.op_type.removeprefix("Approx") in names]


def test_a_float_network_becomes_a_dynamic_one(cli, lenet, tmp_path) -> None:
    words = ("--candidates", "mul8u_trunc1", "--score-samples", "16", "--jobs", "1")
    cli("analyze", lenet, *DYNAMIC, *words, "-o", tmp_path).check()
    scores = json.loads((tmp_path / "sensitivity.json").read_text())
    assert len(scores["layers"]) == 5


def test_the_default_tells_how_to_keep_dynamic_ranges(cli, dynamic, tmp_path) -> None:
    words = ("--candidates", "mul8s_trunc1", "--score-samples", "8", "--data", "digits")
    done = cli("analyze", dynamic, *words, "-o", tmp_path).check()
    assert "--quantization dynamic" in done.err + done.out
