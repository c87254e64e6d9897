"""Sessions over large models: the same results, their weights in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx.runtime import model_session
from hawx_onnx.runtime.runner import Runner

WEIGHTS = np.random.default_rng(0).normal(size=(64, 64)).astype(np.float32)


def network() -> onnx.ModelProto:
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 17], producer_name: "maker",
            metadata_props: ["a": "b"]>
        net (float[N,64] x) => (float[N,64] y) <float[N,64] h>
        { h = MatMul(x, w)  r = Relu(h)  y = Add(r, b) }"""
    )
    model.graph.initializer.append(numpy_helper.from_array(WEIGHTS, "w"))
    model.graph.initializer.append(numpy_helper.from_array(WEIGHTS[0], "b"))
    return model


@pytest.fixture
def files(monkeypatch) -> None:
    monkeypatch.setattr(model_session, "LARGE", 1000)


def test_sources(files, monkeypatch) -> None:
    model = network()
    before = model.SerializeToString()
    with model_session.source_of(model) as source:
        assert isinstance(source, str)
        light = onnx.load(source, load_external_data=False)
        assert Path(source).stat().st_size < WEIGHTS.nbytes
        full = onnx.load(source)
    assert not Path(source).exists()
    assert [t.data_location for t in light.graph.initializer] == [1, 0]
    for tensor in full.graph.initializer:
        tensor.ClearField("data_location")
    assert full == model
    assert model.SerializeToString() == before
    monkeypatch.setattr(model_session, "LARGE", 10**9)
    with model_session.source_of(model) as source:
        assert source == before


def test_weights_are_written_once(files) -> None:
    with model_session.source_of(network()) as first:
        written = set(Path(first).parent.glob("*.bin"))
        with model_session.source_of(network(), ["h"]) as second:
            assert set(Path(second).parent.glob("*.bin")) == written


@pytest.mark.parametrize("large", [False, True])
def test_runs_with_further_outputs(monkeypatch, large) -> None:
    monkeypatch.setattr(model_session, "LARGE", 1000 if large else 10**9)
    x = np.random.default_rng(1).normal(size=(5, 64)).astype(np.float32)
    runner = Runner(network(), expose=["h"])
    assert runner.outputs == ["y", "h"]
    ((y, h),) = runner.stream(x)
    np.testing.assert_allclose(h, x @ WEIGHTS, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(y, np.maximum(x @ WEIGHTS, 0) + WEIGHTS[0], rtol=1e-4, atol=1e-4)
