"""What lies in bodies of If and in kept functions stays exact, is listed, and runs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import onnx.parser
import pytest
from onnx import numpy_helper

import hawx_onnx
from hawx_onnx.runtime.runner import Runner

TEXT = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
net (float[N,8] x) => (float[N,4] y) {
    a = MatMul(x, wa)
    r = Relu(a)
    b = own.block(r, wf)
    total = ReduceSum<keepdims=0>(b)
    positive = Greater(total, zero)
    d = If (positive) <
        then_branch = yes () => (float[N,8] p) { p = MatMul(b, wf) },
        else_branch = no () => (float[N,8] q) { n = Neg(b) q = MatMul(n, wf) }
    >
    y = MatMul(d, wb)
}
<domain: "own", opset_import: ["" : 17]> block (u, w) => (v) {
    t = MatMul(u, w)
    h = Tanh(t)
    v = MatMul(h, w)
}"""


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nested")
    model = onnx.parser.parse_model(TEXT)
    rng = np.random.default_rng(0)
    tensors = {
        "wa": rng.standard_normal((8, 8)),
        "wf": rng.standard_normal((8, 8)),
        "wb": rng.standard_normal((8, 4)),
        "zero": np.zeros(()),
    }
    for name, values in tensors.items():
        model.graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))
    names = ("first", "relu", "block", "sum", "greater", "branch", "last")
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    onnx.save(model, folder / "m.onnx")
    np.savez(folder / "d.npz", x=rng.standard_normal((120, 8)).astype(np.float32))
    hawx_onnx.optimize(
        folder / "m.onnx",
        data=folder / "d.npz",
        output=folder / "run",
        candidates=("mul8s_trunc1",),
        functions="keep",
        confidence=0.5,
        max_accuracy_drop=1.0,
        max_evaluations=2,
        jobs=1,
    )
    return folder


def test_the_report_lists_each_product(reported: Path) -> None:
    report = json.loads((reported / "run" / "report.json").read_text())
    reasons = {layer["name"]: layer["reason"] for layer in report["layers"]}
    assert reasons.pop("first") is None and reasons.pop("last") is None
    function = "it lies in the function block, which is kept whole"
    subgraph = "it lies in a subgraph of branch (If)"
    assert reasons == {
        "block/t": function,
        "block/v": function,
        "branch/p": subgraph,
        "branch/q": subgraph,
    }
    assert any("functions are kept (block)" in text for text in report["warnings"])


def test_the_page_counts_them_by_reason(reported: Path) -> None:
    page = (reported / "run" / "report.html").read_text()
    for words in ("It lies in the function block, which is kept whole", "branch (If)", "block/v"):
        assert words in page
    assert "4 of 6 nodes that multiply are exact" in page


@pytest.mark.parametrize("use_library", [None, False])
def test_the_written_model_runs(reported: Path, use_library: bool | None) -> None:
    model = onnx.load(reported / "run" / "model.onnx")
    assert [n.op_type for n in model.graph.node if n.domain == "own"] == ["block"]
    assert {f.name for f in model.functions if f.domain == "own"} == {"block"}
    x = np.load(reported / "d.npz")["x"][:30]
    exact = Runner(onnx.load(reported / "m.onnx"), threads=1).run(x)
    ours = Runner(model, threads=1, use_library=use_library).run(x)
    assert np.corrcoef(exact.ravel(), ours.ravel())[0, 1] > 0.98
