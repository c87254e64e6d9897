"""The output that is scored: its choice, its shape, its values."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.frontend.outputs import (
    OUTPUT_KEY,
    are_class_scores,
    check_finite,
    check_rows,
    model_output,
    with_output,
)

F, I64 = TensorProto.FLOAT, TensorProto.INT64


def model_of(*outputs: tuple[str, int]):
    node = helper.make_node("Identity", ["x"], [outputs[0][0]])
    values = [helper.make_tensor_value_info(name, kind, ["N", 3]) for name, kind in outputs]
    x = helper.make_tensor_value_info("x", F, ["N", 3])
    return helper.make_model(helper.make_graph([node], "g", [x], values))


def test_the_first_output_of_floats_is_the_default() -> None:
    model = model_of(("ids", I64), ("scores", F), ("more", F))
    assert model_output(model) == "scores"
    same, told = with_output(model, None)
    assert same is model
    assert told.startswith("the model has 3 outputs: 'scores' is scored")
    assert "--output-name" in told and "'ids', 'more'" in told
    assert model_output(model_of(("ids", I64))) == "ids"


def test_one_output_needs_no_words() -> None:
    assert with_output(model_of(("y", F)), None)[1] == ""


def test_a_choice_travels_with_the_model() -> None:
    model = model_of(("scores", F), ("more", F))
    chosen, told = with_output(model, "more")
    assert (model_output(chosen), told) == ("more", "")
    assert model_output(model) == "scores"
    again, _ = with_output(chosen, "scores")
    assert model_output(again) == "scores"
    assert [entry.key for entry in again.metadata_props].count(OUTPUT_KEY) == 1


def test_an_unknown_output_is_told_with_close_names() -> None:
    with pytest.raises(ConfigError) as caught:
        with_output(model_of(("scores", F), ("boxes", F)), "score")
    assert "no output 'score'" in str(caught.value)
    assert "did you mean scores" in str(caught.value)


@pytest.mark.parametrize(
    ("shape", "scores"),
    [
        ((10,), True),
        ((10, 1, 1), True),
        ((1, 10), True),
        ((1,), False),
        ((), False),
        ((21, 8, 8), False),
        ((6, 2), False),
    ],
)
def test_class_scores(shape: tuple[int, ...], scores: bool) -> None:
    assert are_class_scores(np.zeros((4, *shape))) == scores


NAN = np.ones((4, 2), np.float32)
NAN[2, 1] = np.nan


@pytest.mark.parametrize(
    ("outputs", "first", "words"),
    [
        (np.zeros((7, 6)), None, ("shape [7, 6] for 4 samples",)),
        (np.zeros(()), None, ("shape [] for 4 samples",)),
        (np.zeros((4, 5, 6)), np.zeros((4, 3, 6)), ("shapes [3, 6] and [5, 6]",)),
        (np.array(["a"] * 4), None, ("holds no numbers",)),
    ],
)
def test_outputs_that_cannot_be_scored(outputs, first, words) -> None:
    with pytest.raises(ModelError) as caught:
        check_rows(outputs, 4, "boxes", ["'logits'"], first)
    text = str(caught.value)
    assert text.startswith("output boxes: ")
    for word in (*words, "--output-name: 'logits'"):
        assert word in text


def test_values_that_are_not_finite() -> None:
    check_finite(np.zeros((4, 2)), "y")
    with pytest.raises(ModelError, match=r"output y: is NaN or infinite for 1 of 4 samples"):
        check_finite(NAN, "y")


def test_outputs_that_can_be_scored() -> None:
    check_rows(np.zeros((4, 2, 2)), 4, "y", [], np.zeros((1, 2, 2)))
    check_rows(np.zeros(4, np.int64), 4, "y", [])
