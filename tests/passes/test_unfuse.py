"""Gemms of all forms and onnxruntime's fused products: candidates that compute the same."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx.passes import Canonicalize


def same(kit, model: onnx.ModelProto) -> onnx.ModelProto:
    """The canonical form, after a look that it gives the same outputs."""
    after = Canonicalize()(kit.state(model)).model
    x = kit.samples(model)
    wanted, given = (kit.run(m, x, optimised=False)[0] for m in (model, after))
    assert np.ptp(wanted) > 0
    assert np.allclose(given, wanted, rtol=1e-4, atol=1e-4 * np.ptp(wanted))
    return after


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("columns", [0, 1])
@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("bias", ["row", "column", "matrix", "scalar", "input", "none"])
def test_gemms_of_all_forms(kit, rows, columns, alpha, beta, bias) -> None:
    shapes = {"row": (5,), "column": (6, 1), "matrix": (6, 5), "scalar": (), "input": (6, 5)}
    constants = {"w": kit.normal(5, 8) if columns else kit.normal(8, 5)}
    if bias != "none":
        constants["c"] = kit.normal(*shapes[bias], seed=3)
    if bias == "input":
        constants["k"] = constants.pop("c")
    body = "c = Neg(k) " if bias == "input" else ""
    inputs = "s, w" if bias == "none" else "s, w, c"
    model = kit.model(
        f"""net (float[N,{"8,6" if rows else "6,8"}] x) => (float[6,5] y) {{
            {body}
            s = ReduceMean<axes=[0], keepdims=0>(x)
            y = Gemm<transA={rows}, transB={columns}, alpha={alpha}, beta={beta}>({inputs})
        }}""",
        **constants,
    )
    assert "Gemm" not in kit.ops(same(kit, model))


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("columns", [0, 1])
def test_gemms_of_two_activations(kit, rows, columns) -> None:
    model = kit.model(
        f"""net (float[N,6,6] x) => (float[6,6] y) {{
            s = ReduceMean<axes=[0], keepdims=0>(x)
            t = Tanh(s)
            y = Gemm<transA={rows}, transB={columns}, alpha=0.5, beta=3.0>(s, t, c)
        }}""",
        names=("s", "t", "y"),
        c=kit.normal(6, seed=4),
    )
    after = same(kit, model)
    (product,) = [node for node in after.graph.node if node.op_type == "MatMul"]
    assert product.name == "y"


def fused(kit, op: str, inputs: list[str], **attributes) -> onnx.ModelProto:
    """A network of one fused operator of com.microsoft."""
    gemm = op == "FusedGemm"
    node = helper.make_node(op, inputs, ["y"], "f", domain="com.microsoft", **attributes)
    constants = {
        "w": kit.normal(8, 5) if gemm else kit.normal(4, 3, 3, 3),
        "b": kit.normal(5 if gemm else 4, seed=2),
        "z": kit.normal(1, 4, 6, 6, seed=3),
    }
    shape = ["N", 8] if gemm else ["N", 3, 8, 8]
    used = [numpy_helper.from_array(v, k) for k, v in constants.items() if k in inputs]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        used,
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


@pytest.mark.parametrize(
    ("op", "inputs", "attributes"),
    [
        ("FusedConv", ["x", "w"], {"activation": "Relu"}),
        ("FusedConv", ["x", "w", "b"], {"activation": "Tanh"}),
        ("FusedConv", ["x", "w", "b"], {"activation": "Sigmoid"}),
        ("FusedConv", ["x", "w", "b"], {"activation": "LeakyRelu", "activation_params": [0.2]}),
        ("FusedConv", ["x", "w", "b"], {"activation": "Clip", "activation_params": [-0.5, 0.5]}),
        (
            "FusedConv",
            ["x", "w", "b"],
            {"activation": "HardSigmoid", "activation_params": [0.3, 0.4]},
        ),
        ("FusedGemm", ["x", "w", "b"], {"activation": "Relu"}),
        ("FusedGemm", ["x", "w"], {"activation": "LeakyRelu", "activation_alpha": 0.3}),
    ],
)
def test_fused_activations_are_kept(kit, op, inputs, attributes) -> None:
    after = same(kit, fused(kit, op, inputs, **attributes))
    ops = kit.ops(after)
    assert "Conv" in ops
    assert attributes["activation"] in ops


def test_open_sequence_lengths_take_those_of_the_samples(kit) -> None:
    model = kit.model(
        """net (float[N,S,8] x) => (float[N,S,4] y) {
            q = MatMul(x, w)
            t = Transpose<perm=[0,2,1]>(q)
            a = MatMul(q, t)
            p = Softmax(a)
            y = MatMul(p, q)
        }""",
        names=tuple("qtapy"),
        w=kit.normal(8, 4),
    )
    x = np.random.default_rng(0).standard_normal((24, 6, 8)).astype(np.float32)
    state = kit.prepare(model, x=x)
    found = {c.name: c.workload for c in state.candidates}
    assert list(found) == ["q", "a", "y"]
    # Six rows for each sample, and sums as long as the operands are.
    assert [found[name].output_positions for name in "qay"] == [6, 6, 6]
    assert [found[name].window for name in "qay"] == [8, 4, 6]


def test_transposed_activations_of_quantised_gemms(kit) -> None:
    model = kit.model(
        """net (float[N,6,4] x) => (float[6,5] y) {
            q = QuantizeLinear(x, s, z)
            d = DequantizeLinear(q, s, z)
            first = Reshape(d, shape)
            r = QuantizeLinear(first, s, z)
            a = DequantizeLinear(r, s, z)
            w = DequantizeLinear(k, ws, z)
            g = Gemm<transA=1>(a, w)
            o = QuantizeLinear(g, s, z)
            y = DequantizeLinear(o, s, z)
        }""",
        names=(*"qd", "reshape", *"raw", "gemm", *"oy"),
        s=np.float32(0.05),
        z=np.int8(0),
        ws=np.float32(0.01737),  # no sum falls between two codes
        shape=np.array([4, 6]),
        k=np.random.default_rng(0).integers(-99, 100, (4, 5), np.int8),
    )
    x = np.random.default_rng(1).standard_normal((1, 6, 4)).astype(np.float32)
    state = kit.prepare(model, x=x)
    assert [(c.name, c.op) for c in state.candidates] == [("gemm", "Gemm")]
    wanted, given = (kit.run(m, x, optimised=False)[0] for m in (model, state.model))
    assert np.ptp(wanted) > 0
    assert np.array_equal(wanted, given)
