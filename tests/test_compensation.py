"""What assignment.json holds of compensation: read as written, refused where it is damaged."""

from __future__ import annotations

import json

import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.compensation import Compensation, LayerCompensation
from hawx_onnx.errors import ConfigError

LAYER = {"int8": "00ff", "bias": [1, -(2**31)], "weight_scales": [0.5, 1e-30], "weights": "eJw="}


def document(**changes):
    layer = {key: value for key, value in {**LAYER, **changes}.items() if value != "left out"}
    compensation = {"passes": ["fold-bias"], "layers": {"conv": layer}}
    return {"assignment": {"conv": "mul8s_trunc1"}, "compensation": compensation}


def test_it_is_read_as_it_is_written(tmp_path):
    path = tmp_path / "assignment.json"
    path.write_text(json.dumps(document()))
    read = Assignment.load(path)
    layer = LayerCompensation("00ff", (1, -(2**31)), (0.5, 1e-30), "eJw=")
    assert read.compensation == Compensation(("fold-bias",), (("conv", layer),))
    assert read.document() == document()
    assert dict(read) == {"conv": "mul8s_trunc1"}


def test_files_without_it_are_as_before():
    read = Assignment.of_document({"assignment": {"conv": "mul8s_trunc1"}}, "file")
    assert read.compensation is None
    assert read.document() == {"assignment": {"conv": "mul8s_trunc1"}}
    bare = dict.fromkeys(("bias", "weight_scales", "weights"), "left out")
    assert Assignment.of_document(document(**bare), "file").document() == document(**bare)


def test_it_makes_no_two_assignments_different():
    plain = Assignment.of({"conv": "mul8s_trunc1"})
    assert Assignment.of_document(document(), "file") == plain


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (document(int8="left out"), "names no `int8` digest"),
        (document(int8=7), "names no `int8` digest"),
        (document(bias=[1.5]), "`bias` must hold whole numbers within int32"),
        (document(bias=[True]), "`bias` must hold whole numbers within int32"),
        (document(bias=[2**31]), "`bias` must hold whole numbers within int32"),
        (document(bias=3), "`bias` must hold whole numbers within int32"),
        (document(weight_scales=[0.0]), "`weight_scales` must hold positive"),
        (document(weight_scales=[-1]), "`weight_scales` must hold positive"),
        (document(weight_scales=[float("nan")]), "`weight_scales` must hold positive"),
        (document(weight_scales=[float("inf")]), "`weight_scales` must hold positive"),
        (document(weight_scales=[1e39]), "`weight_scales` must hold positive"),
        (document(weight_scales=[10**400]), "`weight_scales` must hold positive"),
        (document(weights=[1]), "`weights` must hold a base64 text"),
        (document(zeros=[1]), "holds 'zeros', which is not known"),
        ({"assignment": {}, "compensation": []}, "`compensation` has another form"),
        ({"assignment": {}, "compensation": {"layers": []}}, "`compensation` has another form"),
        (
            {"assignment": {}, "compensation": {"passes": [1], "layers": {}}},
            "`compensation` has another form",
        ),
        (
            {"assignment": {}, "compensation": {"layers": {"conv": []}}},
            "names no `int8` digest",
        ),
    ],
)
def test_damage_is_told(given, text):
    with pytest.raises(ConfigError, match=text) as error:
        Assignment.of_document(given, "assignment.json")
    assert "assignment.json" in str(error.value)


def test_unknown_layers_are_told():
    read = Assignment.of_document({**document(), "assignment": {}}, "file")
    with pytest.raises(ConfigError, match="no candidate layer is named 'conv'"):
        read.check(["conv1"], [])
