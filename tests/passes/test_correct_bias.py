"""Corrected biases: they mend what rounded weights do to means, and nothing else is touched."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.passes import CorrectBias, PassState
from hawx_onnx.signal_noise import snr_db


@pytest.fixture(scope="module")
def cancelling(kit) -> onnx.ModelProto:
    """Depthwise filters whose large products cancel, behind a ReLU6, as in MobileNet-v1."""
    rng = np.random.default_rng(0)
    depthwise = rng.standard_normal((12, 1, 3, 3)) * 4
    depthwise -= depthwise.mean((1, 2, 3), keepdims=True)
    return kit.model(
        """net (float[N,3,10,10] x) => (float[N,6] y) {
            a = Conv(x, wa, ba)
            ar = Clip(a, low, high)
            b = Conv<group=12>(ar, wb, bb)
            br = Clip(b, low, high)
            c = Conv(br, wc, bc)
            p = GlobalAveragePool(c)
            y = Flatten(p)
        }""",
        names=("a", "ar", "b", "br", "c", "p", "f"),
        wa=kit.normal(12, 3, 1, 1, scale=0.02),
        ba=np.full(12, 4, np.float32),
        wb=depthwise.astype(np.float32),
        bb=np.zeros(12, np.float32),
        wc=kit.normal(6, 12, 1, 1, seed=3),
        bc=np.zeros(6, np.float32),
        low=np.float32(0),
        high=np.float32(6),
    )


def outputs(kit, state: PassState, x: np.ndarray) -> np.ndarray:
    return kit.run(state.model, x, optimised=False)[0]


@pytest.mark.parametrize("encoding", [Encoding.SIGNED, Encoding.UNSIGNED])
def test_what_rounded_weights_shift_is_mended(kit, cancelling, encoding: Encoding) -> None:
    state = kit.prepare(cancelling, (components.exact(encoding),))
    corrected = CorrectBias(threads=1)(state)
    assert corrected.records[-1].modified
    told = corrected.bias_correction
    assert told is not None and told.layers == 3
    # On samples that nothing was fitted on.
    x = kit.samples(cancelling, count=64, seed=5)
    exact = kit.run(cancelling, x)[0]
    before, after = (snr_db(exact, outputs(kit, one, x)) for one in (state, corrected))
    assert after > before + 10
    assert told.snr_after_db == pytest.approx(after, abs=3)
    assert told.snr_before_db == pytest.approx(before, abs=3)
    shift = [np.abs(outputs(kit, one, x).mean(0) - exact.mean(0)) for one in (state, corrected)]
    assert shift[1].max() < shift[0].max() / 2


def test_weights_and_scales_stay(kit, cancelling) -> None:
    state = kit.prepare(cancelling)
    corrected = CorrectBias(threads=1)(state)
    for old, new in zip(state.model.graph.node, corrected.model.graph.node, strict=True):
        assert old.op_type == new.op_type
        assert list(old.input)[:8] == list(new.input)[:8]
    assert corrected.float_model is None


def test_a_network_with_little_noise_stays_byte_for_byte(kit, residual) -> None:
    state = kit.prepare(residual)
    corrected = CorrectBias(threads=1)(state)
    assert not corrected.records[-1].modified
    assert corrected.model.SerializeToString() == state.model.SerializeToString()
    (note,) = corrected.records[-1].left_alone
    assert "dB at the output, which is enough" in note.reason
    assert corrected.bias_correction is None


def test_noise_that_no_bias_mends_leaves_the_network_alone(kit) -> None:
    # One outlier takes all codes of a tensor: its noise has no mean.
    model = kit.model(
        """net (float[N,8,4,4] x) => (float[N,4] y) {
            a = Conv(x, wa, ba)
            b = Conv(a, wb, bb)
            p = GlobalAveragePool(b)
            y = Flatten(p)
        }""",
        names=("a", "b", "p", "f"),
        wa=np.diag([900, 1, 1, 1, 1, 1, 1, 1]).astype(np.float32).reshape(8, 8, 1, 1),
        ba=np.zeros(8, np.float32),
        wb=np.concatenate([np.zeros((4, 1, 1, 1)), kit.normal(4, 7, 1, 1)], 1).astype(np.float32),
        bb=np.zeros(4, np.float32),
    )
    state = kit.prepare(model)
    corrected = CorrectBias(threads=1)(state)
    assert corrected.model.SerializeToString() == state.model.SerializeToString()
    (note,) = corrected.records[-1].left_alone
    assert "corrected biases take" in note.reason


def test_an_int8_network_has_no_float_one(kit, cancelling) -> None:
    state = kit.prepare(cancelling).replace(float_model=None)
    corrected = CorrectBias(threads=1)(state)
    assert corrected.model is state.model
    assert corrected.records[-1].left_alone[0].reason == (
        "there is no float network to come close to"
    )


def test_products_without_a_bias_are_named(kit) -> None:
    rng = np.random.default_rng(1)
    filters = rng.standard_normal((8, 3, 3, 3)) * 4
    filters -= filters.mean((1, 2, 3), keepdims=True)
    model = kit.model(
        """net (float[N,3,6,6] x) => (float[N,5] y) {
            a = Conv(x, wa)
            p = GlobalAveragePool(a)
            f = Flatten(p)
            y = MatMul(f, wb)
        }""",
        names=("a", "p", "f", "product"),
        wa=filters.astype(np.float32),
        wb=kit.normal(8, 5),
    )
    x = kit.samples(model) + np.float32(30)
    corrected = CorrectBias(threads=1)(kit.prepare(model, x=x))
    assert corrected.records[-1].modified
    notes = {note.node: note.reason for note in corrected.records[-1].left_alone}
    assert notes == {"product": "its operator has no bias input"}


def test_a_network_without_biases_stays(kit) -> None:
    # One column takes all codes, so that there is noise; products of matrices take no bias.
    model = kit.model(
        "net (float[N,16] x) => (float[N,4] y) { h = MatMul(x, wa) y = MatMul(h, wb) }",
        names=("a", "b"),
        wa=np.diag([3000.0] + [1.0] * 15).astype(np.float32),
        wb=np.concatenate([np.zeros((1, 4)), kit.normal(15, 4)]).astype(np.float32),
    )
    state = kit.prepare(model)
    corrected = CorrectBias(threads=1)(state)
    assert corrected.model.SerializeToString() == state.model.SerializeToString()
    assert [note.node for note in corrected.records[-1].left_alone] == ["a", "b"]
