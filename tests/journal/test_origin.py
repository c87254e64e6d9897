"""The origin tells apart what makes scores and measurements other ones, and nothing else."""

from __future__ import annotations

import dataclasses

import numpy as np
import onnx
import pytest

from hawx_onnx import components
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.journal import origin_of
from hawx_onnx.settings import Settings

MULTIPLIERS = [components.load("mul8s_exact"), components.load("mul8s_trunc1")]


def model_named(name):
    return onnx.helper.make_model(onnx.helper.make_graph([], name, [], []))


def data_of(x, y):
    splits = (Split(name, x, y) for name in ("calibration", "validation", "test"))
    return Dataset("data", *splits, "")


X, Y = np.zeros((2, 3), np.float32), np.array([0, 1])
GIVEN = (model_named("g"), MULTIPLIERS, data_of(X, Y), Settings())
FIRST = origin_of(*GIVEN)


@pytest.mark.parametrize(
    ("place", "value", "key"),
    [
        (0, model_named("h"), "model"),
        (1, MULTIPLIERS[::-1], "multipliers"),
        (2, data_of(X + 1, Y), "data"),
        (2, data_of(X, Y[::-1]), "data"),
        (3, Settings(seed=1), "seed"),
    ],
)
def test_what_changes_measurements_changes_the_origin(place, value, key):
    other = origin_of(*(value if place == at else one for at, one in enumerate(GIVEN)))
    assert {name for name in FIRST if FIRST[name] != other[name]} == {key}


def test_what_is_searched_for_does_not():
    settings = dataclasses.replace(
        Settings(), target="spatial", max_accuracy_drop=0.1, max_evaluations=7, jobs=1
    )
    assert origin_of(model_named("g"), MULTIPLIERS, data_of(X.copy(), Y), settings) == FIRST
