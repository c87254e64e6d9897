"""Scores by worker processes: the bytes of a run in one process, whoever ran what."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hawx_onnx.passes import Calibrate, Score
from hawx_onnx.passes.shared_folds import shared_folds
from hawx_onnx.runtime.workers import started
from hawx_onnx.sensitivity import GRADIENT, RUNS

pytestmark = pytest.mark.usefixtures("library")


@pytest.fixture(scope="module")
def workers():
    with started(None, 2, 1) as found:
        yield found


@pytest.mark.parametrize("way", ["layers", GRADIENT, RUNS])
def test_scores_are_those_of_one_process(kit, residual, signed, workers, way):
    x = kit.samples(residual, 150)
    state = Calibrate(1)(kit.prepare(residual, signed, x))
    enough = (lambda sensitivity: len(sensitivity.baseline) > 100) if way == RUNS else None
    here, there = (
        Score(
            150,
            1,
            filters=way != "layers",
            enough=enough,
            folds=shared_folds(state, 1),
            kept=("b", "c") if way == RUNS else (),
            workers=place,
        )(state).sensitivity
        for place in (None, workers)
    )
    documents = [one.to_dict() for one in (here, there)]
    for document in documents:
        document.pop("seconds")
    assert json.dumps(documents[0]) == json.dumps(documents[1])
    assert here.responses.shape[2] == (128 if way == RUNS else 150)
    assert here.baseline.tobytes() == there.baseline.tobytes()
    assert here.responses.tobytes() == there.responses.tobytes()
    assert list(here.filters) == list(there.filters)
    for name, score in here.filters.items():
        assert score.method == way
        assert np.array_equal(score.margin_shifts, there.filters[name].margin_shifts)
    assert bool(here.filters) == (way != "layers")
