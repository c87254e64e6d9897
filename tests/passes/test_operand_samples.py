"""Windows that calibration keeps, held against the codes of the model itself."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import numpy_helper

from hawx_onnx.frontend.copies import exposed
from hawx_onnx.passes import Calibrate
from hawx_onnx.passes.calibrate import operand_tensors
from hawx_onnx.passes.operand_samples import NEIGHBOURS, RUNS

CONV = """net (float[N,4,9,9] x) => (float[N,6,4,4] y) {
    y = Conv<group=2, strides=[2,2], pads=[0,0,0,0]>(x, w)
}"""
ATTENTION = """net (float[N,6,8] x) => (float[N,6,6] y) {
    t = Transpose<perm=[0,2,1]>(x)
    y = MatMul(x, t)
}"""


def calibrated(kit, text, signed, count=20):
    rng = np.random.default_rng(0)
    weights = {"w": rng.normal(size=(6, 2, 3, 3)).astype(np.float32)} if "Conv" in text else {}
    model = kit.model(text, **weights)
    return Calibrate()(kit.prepare(model, signed, kit.samples(model, count)))


def codes_of(kit, state):
    (candidate,) = state.candidates
    constants = {t.name: numpy_helper.to_array(t) for t in state.model.graph.initializer}
    names = operand_tensors(state.model, candidate)
    wanted = [name for name in names if name not in constants]
    x = state.dataset.calibration.x
    found = dict(zip(wanted, kit.run(exposed(state.model, wanted), x, outputs=wanted), strict=True))
    return candidate, *({**constants, **found}[name].view(np.uint8) for name in names)


def test_windows_of_a_grouped_convolution(kit, signed):
    state = calibrated(kit, CONV, signed)
    candidate, x, w = codes_of(kit, state)
    trace = state.traces[candidate.name]
    assert trace.activations.shape == (RUNS, NEIGHBOURS, 18)
    assert trace.weights.shape == (RUNS, 3, 18)
    for run in range(RUNS):
        group = 0 if np.array_equal(trace.weights[run], w[:3].reshape(3, 18)) else 1
        np.testing.assert_array_equal(trace.weights[run], w[3 * group :][:3].reshape(3, 18))
        every = [
            x[run, 2 * group : 2 * group + 2, r : r + 3, c : c + 3].ravel()
            for r in range(0, 7, 2)
            for c in range(0, 7, 2)
        ]
        starts = [i for i in range(8) if np.array_equal(every[i : i + 9], trace.activations[run])]
        assert len(starts) == 1
    assert len({row.tobytes() for row in trace.weights}) == 2


def test_windows_of_a_product_of_activations(kit, signed):
    state = calibrated(kit, ATTENTION, signed)
    candidate, x, second = codes_of(kit, state)
    trace = state.traces[candidate.name]
    for run in range(RUNS):
        np.testing.assert_array_equal(trace.activations[run], x[run])
        np.testing.assert_array_equal(trace.weights[run], second[run].T)


@pytest.mark.parametrize("batch", [1, 7])
def test_batches_make_no_difference(kit, signed, monkeypatch, batch):
    whole = calibrated(kit, CONV, signed).traces
    monkeypatch.setattr("hawx_onnx.passes.calibrate.DEFAULT_BATCH", batch)
    for name, one in calibrated(kit, CONV, signed).traces.items():
        np.testing.assert_array_equal(one.activations, whole[name].activations)
        np.testing.assert_array_equal(one.weights, whole[name].weights)


def test_few_samples_are_used_several_times(kit, signed):
    (trace,) = calibrated(kit, CONV, signed, count=3).traces.values()
    assert len(trace.activations) == RUNS
