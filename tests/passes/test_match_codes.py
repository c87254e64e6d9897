"""Codes of the other kind: the same bytes afterwards, and every product a candidate."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.passes import Canonicalize, FindCandidates, LowerQdq, MatchCodes


@pytest.fixture(scope="module")
def forms(residual, kit, tmp_path_factory):
    """Makes int8 forms of the network by format and types of codes; each once."""
    from onnxruntime import quantization as ortq

    folder, made = tmp_path_factory.mktemp("forms"), {}

    def make(fmt: str, activations: str, weights: str) -> onnx.ModelProto:
        key = (fmt, activations, weights)
        if key not in made:
            left = [{"x": kit.samples(residual)}]

            class Reader(ortq.CalibrationDataReader):
                def get_next(self) -> dict[str, np.ndarray] | None:
                    return left.pop() if left else None

            source, target = folder / "float.onnx", folder / f"{'_'.join(key)}.onnx"
            onnx.save(residual, source)
            ortq.quantize_static(
                source,
                target,
                Reader(),
                quant_format=getattr(ortq.QuantFormat, fmt),
                activation_type=getattr(ortq.QuantType, activations),
                weight_type=getattr(ortq.QuantType, weights),
            )
            made[key] = onnx.load(target)
        return made[key]

    return make


@pytest.mark.parametrize("encoding", [Encoding.SIGNED, Encoding.UNSIGNED])
@pytest.mark.parametrize(
    ("fmt", "activations", "weights"),
    [
        ("QDQ", "QUInt8", "QInt8"),
        ("QDQ", "QUInt8", "QUInt8"),
        ("QDQ", "QInt8", "QInt8"),
        ("QOperator", "QUInt8", "QInt8"),
        ("QOperator", "QUInt8", "QUInt8"),
        ("QOperator", "QInt8", "QInt8"),
    ],
)
def test_all_exporters_forms(forms, kit, residual, encoding, fmt, activations, weights) -> None:
    state = kit.state(forms(fmt, activations, weights), (components.exact(encoding),))
    before = LowerQdq()(Canonicalize()(state))
    after = MatchCodes(encoding)(before)
    found = FindCandidates()(after)
    assert [c.op for c in found.candidates] == ["Conv", "Conv", "Conv", "Gemm"]
    assert found.left_exact == ()
    x = kit.samples(residual, seed=5)
    first, second = (kit.run(s.model, x, optimised=False)[0] for s in (before, after))
    assert first.tobytes() == second.tobytes()
    assert np.ptp(first) > 0


def test_codes_of_the_right_kind_stay(forms, kit) -> None:
    lowered = LowerQdq()(Canonicalize()(kit.state(forms("QDQ", "QInt8", "QInt8"))))
    result = MatchCodes(Encoding.SIGNED)(lowered)
    assert result.model is lowered.model
    assert not result.records[-1].modified


def test_nodes_between_operators_work_on_the_new_codes(kit) -> None:
    model = kit.model(
        """net (float[N,2,6,6] x) => (uint8[N,3,2,2] y) {
            q = QuantizeLinear(x, s, z)
            a = QLinearConv<pads=[1,1,1,1]>(q, s, z, w, ws, wz, s, z)
            c = Clip(a, low, high)
            m = MaxPool<kernel_shape=[2,2], strides=[2,2]>(c)
            y = QLinearConv(m, s, z, v, ws, wz, s, z)
        }""",
        names=("q", "a", "c", "m", "y"),
        s=np.float32(0.05),
        z=np.uint8(120),
        ws=np.float32(0.02),
        wz=np.uint8(128),
        low=np.uint8(120),
        high=np.uint8(200),
        w=np.random.default_rng(0).integers(0, 256, (3, 2, 3, 3), np.uint8),
        v=np.random.default_rng(1).integers(0, 256, (3, 3, 2, 2), np.uint8),
    )
    after = MatchCodes(Encoding.SIGNED)(kit.state(model)).model
    # One pair remains: the graph's output has the user's type.
    assert kit.ops(after) == sorted([*kit.ops(model), "DequantizeLinear", "QuantizeLinear"])
    x = kit.samples(model)
    first, second = (kit.run(m, x, optimised=False)[0] for m in (model, after))
    assert first.dtype == np.uint8
    assert first.tobytes() == second.tobytes()
    assert len(np.unique(first)) > 10


def test_inputs_of_codes_are_moved_exactly(kit) -> None:
    model = kit.model(
        """net (uint8[N,256] x) => (uint8[N,4] y) {
            y = QLinearMatMul(x, s, z, w, ws, wz, s, z)
        }""",
        s=np.float32(0.1),
        z=np.uint8(3),
        ws=np.float32(0.01),
        wz=np.uint8(99),
        w=np.random.default_rng(0).integers(0, 256, (256, 4), np.uint8),
    )
    x = np.arange(256, dtype=np.uint8)[None].repeat(3, axis=0)
    after = MatchCodes(Encoding.SIGNED)(kit.state(model, x=x)).model
    first, second = (kit.run(m, x)[0] for m in (model, after))
    assert first.tobytes() == second.tobytes()


def test_zero_points_of_run_time_are_told(kit) -> None:
    model = kit.model(
        """net (uint8[N,8] x) => (uint8[N,4] y) {
            z = Squeeze(c)
            y = QLinearMatMul(x, s, z, w, s, zw, s, zw)
        }""",
        names=("z", "y"),
        c=np.array([3], np.uint8),
        s=np.float32(0.1),
        zw=np.uint8(99),
        w=np.zeros((8, 4), np.uint8),
    )
    (note,) = MatchCodes(Encoding.SIGNED)(kit.state(model)).records[-1].left_alone
    assert (note.node, note.reason) == ("y", "a zero point is computed at run time")
