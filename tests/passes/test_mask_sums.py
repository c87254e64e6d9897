"""Masks of attention do not decide about the codes of its scores."""

from __future__ import annotations

import numpy as np
import pytest

from hawx_onnx.components import Encoding
from hawx_onnx.passes import Canonicalize
from hawx_onnx.passes.mask_sums import mask_sums
from hawx_onnx.passes.quantize import quantize_static
from hawx_onnx.runtime.runner import Runner

ATTENTION = """net (float[N, 4, 6] x) => (float[N, 4, 6] y) {
  q = MatMul (x, wq)
  k = Transpose <perm = [0, 2, 1]> (x)
  s = MatMul (q, k)
  m = Add (s, mask)
  t = Transpose <perm = [0, 2, 1]> (m)
  u = Transpose <perm = [0, 2, 1]> (t)
  p = Softmax <axis = -1> (u)
  z = MatMul (p, x)
  y = Add (z, x)
}"""


def attention(kit, least: float):
    rng = np.random.default_rng(0)
    mask = np.triu(np.full((4, 4), least), 1).astype(np.float32)
    weights = rng.standard_normal((6, 6)).astype(np.float32)
    return kit.model(ATTENTION, wq=weights, mask=mask, names=["q", "k", "s", "mask"])


def test_sums_in_front_of_a_softmax_alone(kit):
    model = attention(kit, -1e9)
    assert mask_sums(model) == ["mask"]
    model.graph.output.append(model.graph.output[0])
    model.graph.output[-1].name = "m"
    assert mask_sums(model) == []


@pytest.mark.parametrize("least", [-1e4, -1e9, float(np.finfo(np.float32).min)])
def test_scores_keep_their_codes(kit, least):
    state = Canonicalize()(kit.state(attention(kit, least)))
    quantized = quantize_static(state.model, state.dataset.calibration, Encoding.SIGNED)
    x = state.dataset.test.x
    exact, found = Runner(state.model).run(x), Runner(quantized).run(x)
    # Without the scores every row would be the mean of those that it may see.
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()
