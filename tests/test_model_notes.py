"""What is told of a user's model: dynamic ranges, quantised weights, functions."""

from __future__ import annotations

import onnx
import onnx.parser
import pytest

from hawx_onnx.model_notes import notes_on
from hawx_onnx.preparation import prepare
from hawx_onnx.settings import Settings

DYNAMIC = """<ir_version: 8, opset_import: ["" : 17]> net (float[N,4] x) => (float[N,4] y)
<int8[4,4] w = {1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16}, float[1] s = {0.5}> {
    c, cs, cz = DynamicQuantizeLinear(x)
    p = MatMulInteger(c, w, cz)
    f = Cast<to=1>(p)
    t = Mul(cs, s)
    y = Mul(f, t)
}"""
WEIGHTS = """<ir_version: 8, opset_import: ["" : 17]> net (float[N,2] x) => (float[N,2] y)
<int8[2,2] w = {1,2,3,4}, float s = {0.5}> {
    d = DequantizeLinear(w, s)
    y = MatMul(x, d)
}"""
FUNCTIONS = """<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
net (float[N,2] x) => (float[N,2] y) { y = own.twice(x) }
<domain: "own", opset_import: ["" : 17]> twice (a) => (b) { b = Add(a, a) }
<domain: "own", opset_import: ["" : 17]> unused (a) => (b) { b = Mul(a, a) }"""
PLAIN = """<ir_version: 8, opset_import: ["" : 17]>
net (float[N,2] x) => (float[N,2] y) { y = Relu(x) }"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DYNAMIC, ("1 dynamically quantised products become static", "calibration samples")),
        (WEIGHTS, ("weights", "computed as floats")),
        (FUNCTIONS, ("inlined (twice)",)),
    ],
)
def test_what_is_told(text, words):
    (note,) = notes_on(onnx.parser.parse_model(text))
    for word in words:
        assert word in note


def test_dynamic_ranges_that_are_kept_are_no_news():
    assert notes_on(onnx.parser.parse_model(DYNAMIC), quantization="dynamic") == ()


def test_kept_functions_are_told():
    (note,) = notes_on(onnx.parser.parse_model(FUNCTIONS), "keep")
    assert "kept (twice)" in note and "stays exact" in note


def test_a_plain_model_has_no_notes():
    assert notes_on(onnx.parser.parse_model(PLAIN)) == ()


def test_a_run_warns_of_them(tmp_path):
    onnx.save(onnx.parser.parse_model(DYNAMIC), tmp_path / "m.onnx")
    settings = Settings.of({"candidates": ("mul8s_trunc1",), "jobs": 1, "score_samples": 8})
    prepared = prepare(tmp_path / "m.onnx", settings, costs=False)
    assert any("become static" in text for text in prepared.warnings)
