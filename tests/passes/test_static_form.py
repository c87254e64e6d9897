"""Dynamic and weight-only quantisation: float products on the same weights."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from hawx_onnx import components
from hawx_onnx.components import Encoding
from hawx_onnx.passes import StaticForm
from hawx_onnx.passes.static_form import needs_static_form


def dynamic(residual, folder, weights: str, per_channel: bool) -> onnx.ModelProto:
    from onnxruntime import quantization as ortq

    source, target = folder / "float.onnx", folder / "dynamic.onnx"
    onnx.save(residual, source)
    kind = getattr(ortq.QuantType, weights)
    ortq.quantize_dynamic(source, target, weight_type=kind, per_channel=per_channel)
    return onnx.load(target)


@pytest.mark.parametrize(
    ("weights", "per_channel"), [("QInt8", False), ("QUInt8", False), ("QInt8", True)]
)
def test_onnxruntimes_dynamic_form(residual, kit, tmp_path, weights, per_channel) -> None:
    model = dynamic(residual, tmp_path, weights, per_channel)
    assert "ConvInteger" in kit.ops(model)
    after = StaticForm()(kit.state(model)).model
    ops = set(kit.ops(after))
    assert {"Conv", "MatMul"} <= ops
    assert not ops & {"ConvInteger", "MatMulInteger", "DynamicQuantizeLinear"}
    x = kit.samples(residual, seed=3)
    exact, coarse, given = (kit.run(m, x)[0] for m in (residual, model, after))
    # The weights' rounding is still there, the activations' is not.
    distance = np.abs(given - exact).max()
    assert 0 < distance < 0.1 * np.ptp(exact)
    assert np.abs(given - coarse).max() < 0.1 * np.ptp(exact)


def test_a_dynamic_network_is_quantised_with_static_ranges(residual, kit, tmp_path) -> None:
    model = dynamic(residual, tmp_path, "QInt8", False)
    state = kit.prepare(StaticForm()(kit.state(model)).model)
    assert [c.op for c in state.candidates].count("Conv") == 3
    assert len(state.candidates) == 4


def test_weights_keep_their_values(kit) -> None:
    codes = np.random.default_rng(0).integers(-128, 128, (8, 4), np.int8)
    zeros, scales = np.array([3, -2, 0, 7], np.int8), np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    model = kit.model(
        """net (float[N,8] x) => (float[N,4] y) {
            q, s, z = DynamicQuantizeLinear(x)
            p = MatMulInteger(q, w, z, wz)
            f = Cast<to=1>(p)
            k = Mul(s, ws)
            y = Mul(f, k)
        }""",
        names=("q", "p", "f", "k", "y"),
        w=codes,
        wz=zeros,
        ws=scales,
    )
    after = StaticForm()(kit.state(model)).model
    (node,) = after.graph.node
    assert (node.op_type, node.name) == ("MatMul", "p")
    (weights,) = after.graph.initializer
    expected = (codes.astype(np.int32) - zeros) * scales
    assert np.allclose(onnx.numpy_helper.to_array(weights), expected, rtol=1e-6)


def test_products_of_two_activations_stay(kit) -> None:
    model = kit.model(
        """net (float[N,4,4] x) => (float[N,4,4] y) {
            q, s, z = DynamicQuantizeLinear(x)
            p = MatMulInteger(q, q, z, z)
            f = Cast<to=1>(p)
            k = Mul(s, s)
            y = Mul(f, k)
        }""",
        names=("q", "p", "f", "k", "y"),
    )
    result = StaticForm()(kit.state(model))
    assert result.model is model
    (note,) = result.records[-1].left_alone
    assert note.node == "p"
    assert "scale" in note.reason


def test_weight_only_quantisation_is_computed(kit) -> None:
    model = kit.model(
        """net (float[N,8] x) => (float[N,4] y) {
            d = DequantizeLinear<axis=1>(w, s, z)
            y = MatMul(x, d)
        }""",
        names=("d", "y"),
        w=np.random.default_rng(0).integers(-128, 128, (8, 4), np.int8),
        s=np.array([0.1, 0.2, 0.3, 0.4], np.float32),
        z=np.array([1, 2, 3, 4], np.int8),
    )
    x = kit.samples(model)
    after = StaticForm()(kit.state(model)).model
    assert kit.ops(after) == ["MatMul"]
    wanted, given = (kit.run(m, x, optimised=False)[0] for m in (model, after))
    assert np.allclose(given, wanted, rtol=1e-5, atol=1e-5)
    assert len(kit.prepare(after, (components.exact(Encoding.SIGNED),)).candidates) == 1


def test_embeddings_that_are_quantised_alone_are_computed(kit) -> None:
    """As onnxruntime's dynamic quantiser leaves them: codes are picked, then dequantised."""
    model = kit.model(
        """net (int64[N,3] x) => (float[N,3,2] y) {
            g = Gather(e, x)
            d = DequantizeLinear(g, s, z)
            y = MatMul(d, w)
        }""",
        names=("g", "d", "y"),
        e=np.random.default_rng(0).integers(-128, 128, (9, 4), np.int8),
        s=np.array(0.1, np.float32),
        z=np.array(3, np.int8),
        w=kit.normal(4, 2),
    )
    x = np.random.default_rng(1).integers(0, 9, (5, 3))
    state = StaticForm()(kit.state(model, x=x))
    assert kit.ops(state.model) == ["Gather", "MatMul"]
    wanted, given = (kit.run(m, x, optimised=False)[0] for m in (model, state.model))
    assert given.tobytes() == wanted.tobytes()
    assert [c.name for c in kit.prepare(state.model, x=x).candidates] == ["y"]
    assert "DequantizeLinear" in kit.ops(StaticForm(keep_dynamic=True)(kit.state(model, x=x)).model)


def test_static_graphs_stay(residual, kit) -> None:
    quantised = kit.prepare(residual).model
    assert not needs_static_form(residual)
    assert not needs_static_form(quantised)
    assert StaticForm()(kit.state(quantised)).model is quantised
