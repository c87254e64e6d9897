"""Layers to blame for what int8 loses: one that no 8 bits can hold is found."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from hawx_onnx.components import Encoding
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.quantization_loss import QuantizationLoss, Trial, find_loss
from hawx_onnx.settings import Settings
from hawx_onnx.signal_noise import snr_db


def network() -> onnx.ModelProto:
    """Three products; inputs of the middle one have outliers that leave the others few codes."""
    model = onnx.parser.parse_model(
        """<ir_version: 8, opset_import: ["" : 13]>
        net (float[N,16] x) => (float[N,4] y) {
            a = MatMul(x, wa)
            wide = Mul(a, gains)
            b = MatMul(wide, wb)
            r = Relu(b)
            y = MatMul(r, wc)
        }"""
    )
    rng = np.random.default_rng(0)
    gains = np.ones(16, np.float32)
    gains[0] = 3000
    wb = rng.standard_normal((16, 16)).astype(np.float32)
    wb[0] = 0.0
    for name, values in {
        "wa": rng.standard_normal((16, 16)).astype(np.float32),
        "gains": gains,
        "wb": wb,
        "wc": rng.standard_normal((16, 4)).astype(np.float32),
    }.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    names = ("first", "gains", "middle", "relu", "last")
    for node, name in zip(model.graph.node, names, strict=True):
        node.name = name
    return model


def dataset() -> Dataset:
    x = np.random.default_rng(1).standard_normal((32, 16)).astype(np.float32)
    return Dataset("test", *(Split(n, x, None) for n in ("calibration", "validation", "test")), "")


def test_the_layer_to_blame_is_named() -> None:
    loss = find_loss(network(), dataset(), Encoding.SIGNED, Settings(jobs=1), 0.2)
    assert loss is not None
    best = next(trial for trial in loss.trials if trial.flag == "--keep-float")
    assert best.value == "middle"
    assert best.output_snr_db > loss.output_snr_db + 6
    assert [t.output_snr_db for t in loss.trials] == sorted(
        (t.output_snr_db for t in loss.trials), reverse=True
    )
    told = loss.warning()
    for word in ("20.0 points", "most of it in middle", "--keep-float 'middle'", "dB"):
        assert word in told
    assert "\n" not in told
    assert loss.document()["trials"][0]["flag"] in ("--keep-float", "--calibration")
    # Of the other ways those are told that help; this one may or may not.
    asked = [t for t in loss.trials if t.flag == "--quantization"]
    assert [t.value for t in asked] in ([], ["dynamic"])


def test_dynamic_ranges_that_help_are_told() -> None:
    """Static ranges hold samples that are 30 times as large as those that noise is measured on."""
    given = dataset()
    wide = np.concatenate([given.calibration.x[:16], 30 * given.calibration.x[16:]])
    given = Dataset("test", *(Split(s.name, wide, None) for s in given.splits), "")
    loss = find_loss(network(), given, Encoding.SIGNED, Settings(jobs=1), 0.2)
    assert loss is not None
    assert any((t.flag, t.value) == ("--quantization", "dynamic") for t in loss.trials)
    settings = Settings(jobs=1, quantization="dynamic")
    loss = find_loss(network(), given, Encoding.SIGNED, settings, 0.2)
    assert loss is not None
    assert {t.flag for t in loss.trials} <= {"--keep-float"}


@pytest.mark.parametrize(
    ("trials", "words"),
    [
        ((), "no other calibration, and no layer alone, helps"),
        ((Trial("--calibration", "entropy", 9.0),), "; --calibration 'entropy' leaves 9.0 dB"),
        (
            (Trial("--calibration", "entropy", 9.0), Trial("--keep-float", "conv", 8.0)),
            "most of it in conv: signal to noise at the output is 7.0 dB; --calibration 'entropy' "
            "leaves 9.0 dB; --keep-float 'conv' leaves 8.0 dB",
        ),
        ((Trial("--keep-float", "conv", 8.0),), "7.0 dB; --keep-float 'conv' leaves 8.0 dB"),
    ],
)
def test_the_warning_tells_what_helps(trials: tuple[Trial, ...], words: str) -> None:
    assert QuantizationLoss(0.02, 7.0, trials).warning().endswith(words)


def test_small_losses_are_not_looked_into() -> None:
    assert find_loss(network(), dataset(), Encoding.SIGNED, Settings(jobs=1), 0.015) is None


@pytest.mark.parametrize(("noise", "expected"), [(0.1, 20.0), (1.0, 0.0), (0.0, 200.0)])
def test_signal_to_noise(noise: float, expected: float) -> None:
    signal = np.array([3.0, -4.0, 5.0])
    assert snr_db(signal, signal * (1 + noise)) == pytest.approx(expected, abs=1e-6)
