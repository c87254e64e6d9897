"""FindCandidates: which nodes can be approximated, their shapes, and why the others cannot."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from hawx_onnx import components
from hawx_onnx.assignment import Assignment
from hawx_onnx.components import Encoding
from hawx_onnx.errors import ModelError
from hawx_onnx.hardware import Geometry, LayerWorkload
from hawx_onnx.passes import FindCandidates, PassState, Rewrite, Verify

F32 = np.float32


def found(kit, text, names=(), multipliers=(), **tensors):
    return kit.prepare(kit.model(text, names=names, **tensors), multipliers)


def layer(*sizes, **more):
    """The workload of a node that reads the network's input."""
    return LayerWorkload("n", *sizes, sources=(), **more)


FORMS = {
    "conv": (
        "g (float[N,3,8,9] x) => (float[N,4,a,b] y) { y = Conv(x, w) }",
        {"w": (4, 3, 3, 2)},
        ("Conv", "QLinearConv", layer("Conv", 48, 4, 18, geometry=Geometry(3, 8, 9, 6, 3, 2))),
    ),
    "strided": (
        "g (float[N,3,8,8] x) => (float[N,4,a,b] y) "
        "{ y = Conv<strides=[2,2], dilations=[2,1], pads=[1,1,1,1]>(x, w) }",
        {"w": (4, 3, 3, 3)},
        ("Conv", "QLinearConv", layer("Conv", 12, 4, 27, geometry=Geometry(3, 8, 8, 3, 5, 3))),
    ),
    "same": (
        'g (float[N,3,7,7] x) => (float[N,4,a,b] y) { y = Conv<auto_pad="SAME_LOWER">(x, w) }',
        {"w": (4, 3, 2, 2)},
        ("Conv", "QLinearConv", layer("Conv", 49, 4, 12, geometry=Geometry(3, 7, 7, 7, 2, 2))),
    ),
    "grouped": (
        "g (float[N,6,8,8] x) => (float[N,4,a,b] y) { y = Conv<group=2>(x, w) }",
        {"w": (4, 3, 1, 1)},
        ("Conv", "QLinearConv", layer("Conv", 64, 4, 3, 2, geometry=Geometry(6, 8, 8, 8, 1, 1))),
    ),
    "depthwise": (
        "g (float[N,3,8,8] x) => (float[N,6,a,b] y) { y = Conv<group=3>(x, w) }",
        {"w": (6, 1, 3, 3)},
        ("Conv", "QLinearConv", layer("Conv", 36, 6, 9, 3, geometry=Geometry(3, 8, 8, 6, 3, 3))),
    ),
    "1-D": (
        "g (float[N,3,8] x) => (float[N,4,a] y) { y = Conv(x, w) }",
        {"w": (4, 3, 3)},
        ("Conv", "QLinearConv", layer("Conv", 6, 4, 9)),
    ),
    "3-D": (
        "g (float[N,3,4,5,6] x) => (float[N,4,a,b,c] y) { y = Conv(x, w) }",
        {"w": (4, 3, 2, 2, 2)},
        ("Conv", "QLinearConv", layer("Conv", 60, 4, 24)),
    ),
    "gemm": (
        "g (float[N,6] x) => (float[N,4] y) { y = Gemm<transB=1>(x, w) }",
        {"w": (4, 6)},
        ("Gemm", "QLinearConv", layer("Gemm", 1, 4, 6)),
    ),
    "matmul": (
        "g (float[N,5,6] x) => (float[N,5,4] y) { y = MatMul(x, w) }",
        {"w": (6, 4)},
        ("MatMul", "QLinearMatMul", layer("MatMul", 5, 4, 6)),
    ),
    "batched": (
        "g (float[N,2,5,6] x) => (float[N,2,5,4] y) { y = MatMul(x, w) }",
        {"w": (2, 6, 4)},
        ("MatMul", "QLinearMatMul", layer("MatMul", 10, 4, 6, batches=2)),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_and_their_workloads(kit, form):
    text, shapes, (op, kind, work) = FORMS[form]
    tensors = {name: kit.normal(*shape) for name, shape in shapes.items()}
    state = found(kit, text, ("n",), **tensors)
    (candidate,) = state.candidates
    assert (candidate.name, candidate.op, candidate.kind) == ("n", op, kind)
    assert candidate.channels == work.filters
    assert candidate.workload == work
    assert state.left_exact == ()


def test_product_of_two_activations(kit):
    state = found(
        kit,
        """g (float[N,5,6] x) => (float[N,5,5] y) {
            t = Transpose<perm=[0,2,1]>(x)
            y = MatMul(x, t)
        }""",
        ("t", "n"),
    )
    (candidate,) = state.candidates
    assert candidate.workload == layer("MatMul", 5, 5, 6)


def test_heads_of_an_attention_are_products_of_their_own(kit):
    state = found(
        kit,
        """g (float[N,3,5,6] x) => (float[N,3,5,5] y) {
            t = Transpose<perm=[0,1,3,2]>(x)
            y = MatMul(x, t)
        }""",
        ("t", "n"),
    )
    (candidate,) = state.candidates
    assert candidate.workload == layer("MatMul", 15, 5, 6, batches=3)


def test_sources_of_residual_branches(kit):
    state = found(
        kit,
        """g (float[N,6,8,8] x) => (float[N,6,8,8] y) {
            a = Conv(x, w)
            r = Relu(a)
            b = Conv(r, w)
            s = Add(b, r)
            y = Conv(s, w)
        }""",
        ("first", "relu", "branch", "add", "last"),
        w=kit.normal(6, 6, 1, 1),
    )
    sources = {c.name: c.workload.sources for c in state.candidates}
    assert sources == {"first": (), "branch": ("first",), "last": ("first", "branch")}


def test_fixed_batch_does_not_count(kit):
    text = "g (float[4,5,6] x) => (float[4,5,3] y) { y = MatMul(x, w) }"
    state = found(kit, text, ("n",), w=kit.normal(6, 3))
    assert state.candidates[0].workload.output_positions == 5


def test_vector_operand_is_left_exact(kit):
    """A product with a vector stays exact; the other node of the model is a candidate."""
    state = found(
        kit,
        """g (float[N,5,6] x) => (float[N,5] y) {
            h = MatMul(x, w)
            y = MatMul(h, v)
        }""",
        ("good", "vector"),
        w=kit.normal(6, 6),
        v=kit.normal(6, seed=2),
    )
    assert [c.name for c in state.candidates] == ["good"]
    assert [(n.node, n.op, n.reason) for n in state.left_exact] == [
        ("vector", "MatMul", "one of its operands is a vector")
    ]


def test_constant_first_operand_is_left_exact(kit):
    model = kit.model(
        """g (int8[N,6,5] x) => (int8[N,3,4] y) {
            h = QLinearMatMul(w, s, z, x, s, z, s, z)
            y = QLinearMatMul(h, s, z, v, s, z, s, z)
        }""",
        names=("first", "second"),
        w=np.ones((3, 6), np.int8),
        v=np.ones((5, 4), np.int8),
        s=F32(0.1),
        z=np.int8(0),
    )
    state = FindCandidates()(PassState(model, None, (components.exact(Encoding.SIGNED),)))
    assert [c.name for c in state.candidates] == ["second"]
    (left,) = state.left_exact
    assert "first operand is a constant" in left.reason


def test_other_products_are_listed_with_reasons(kit):
    state = found(
        kit,
        """g (float[N,3,8,8] x, ) => (float[N,a,b,c] y) {
            h = Conv(x, w)
            y = ConvTranspose(h, u)
        }""".replace("x, )", "x)"),
        ("conv", "up"),
        w=kit.normal(4, 3, 1, 1),
        u=kit.normal(4, 2, 2, 2, seed=2),
    )
    assert [c.name for c in state.candidates] == ["conv"]
    assert [(n.node, n.op) for n in state.left_exact] == [("up", "ConvTranspose")]
    assert "no approximate counterpart" in state.left_exact[0].reason


def test_gemm_of_two_activations_is_found(kit):
    state = found(
        kit,
        """g (float[4,6] x) => (float[4,4] y) {
            h = MatMul(x, w)
            i = Sigmoid(h)
            y = Gemm<transB=1>(i, i)
        }""",
        ("good", "", "gemm"),
        w=kit.normal(6, 5),
    )
    assert [(c.name, c.op) for c in state.candidates] == [("good", "MatMul"), ("gemm", "Gemm")]
    assert state.left_exact == ()


LOOP = """net (float[N,8] x) => (float[N,5] y) {
    a = MatMul(x, wa)
    l = Loop(count, go, a) <body = inner (int64 i, bool before, float[N,8] h)
        => (bool after, float[N,8] t) {
        p = MatMul(h, wl)
        t = Tanh(p)
        after = Identity(before)
    }>
    y = MatMul(l, wy)
}"""


def test_the_body_of_a_loop_is_left_alone_and_listed(kit, library, signed):
    """Layers before and behind it are rewritten; what it computes stays as it was."""
    constants = {"count": np.int64(3), "go": np.bool_(True)}
    weights = {"wa": kit.normal(8, 8), "wl": kit.normal(8, 8, seed=2), "wy": kit.normal(8, 5)}
    model = kit.model(LOOP, names=("a", "loop", "y"), **weights, **constants)
    body = model.graph.node[1].attribute[0].g
    body.node[0].name = "inner"
    state = kit.prepare(model, signed)
    assert [candidate.name for candidate in state.candidates] == ["a", "y"]
    (left,) = state.left_exact
    assert (left.node, left.op) == ("inner", "MatMul")
    assert left.reason == "it lies in a subgraph of loop (Loop)"
    chosen = Assignment.of({"a": "mul8s_trunc1", "y": "mul8s_trunc1"})
    after = Verify(state.model, 1)(Rewrite()(state.replace(assignment=chosen))).model
    (loop,) = (node for node in after.graph.node if node.op_type == "Loop")
    (kept,) = (attribute.g for attribute in loop.attribute if attribute.name == "body")
    ops = [sorted(node.op_type for node in graph.node) for graph in (kept, body)]
    assert ops[0] == ops[1]
    assert {node.name for node in after.graph.node if node.domain == "ai.hawx"} == {"a", "y"}


def test_nodes_in_subgraphs_are_listed(kit):
    model = kit.model(
        """g (float[N,4] x) => (float[N,4] y) {
            h = MatMul(x, w)
            k = If<then_branch = yes () => (float[N,4] t) { t = MatMul(x, u) },
                   else_branch = no () => (float[N,4] e) { e = Relu(x) }>(go)
            y = Add(h, k)
        }""",
        names=("out", "if"),
        w=kit.normal(4, 4),
        u=kit.normal(4, 4, seed=2),
    )
    model.graph.node[1].attribute[0].g.node[0].name = "inner"
    go = "h0 = ReduceMax<keepdims=0>(x) go = Cast<to=9>(h0)"
    head = kit.model(f"g (float[N,4] x) => (bool go) {{ {go} }}")
    for node in reversed(head.graph.node):
        model.graph.node.insert(0, node)
    state = kit.prepare(model)
    assert [c.name for c in state.candidates] == ["out"]
    (left,) = state.left_exact
    assert (left.node, left.op, left.reason) == (
        "inner",
        "MatMul",
        "it lies in a subgraph of if (If)",
    )


def qlinear(kit, **changes):
    """A QLinearConv as a user's model may hold it."""
    tensors = {
        "xs": F32(0.1), "xz": np.int8(0), "w": np.ones((2, 2, 1, 1), np.int8),
        "ws": F32(0.1), "wz": np.int8(0), "ys": F32(0.1),
        **changes,
    }  # fmt: skip
    return kit.model(
        f"""g ({tensors["xz"].dtype.name}[N,2,4,4] x) => ({tensors["xz"].dtype.name}[N,2,4,4] y) {{
            y = QLinearConv(x, xs, xz, w, ws, wz, ys, xz)
        }}""",
        names=("conv",),
        **tensors,
    )


def left_of(kit, model, encoding=Encoding.SIGNED):
    with pytest.raises(ModelError) as error:
        FindCandidates()(PassState(model, None, (components.exact(encoding),)))
    return str(error.value)


def test_integer_model_of_the_user_has_candidates(kit):
    state = FindCandidates()(PassState(qlinear(kit), None, (components.exact(Encoding.SIGNED),)))
    assert [(c.name, c.op, c.channels) for c in state.candidates] == [("conv", "Conv", 2)]


def test_codes_of_another_kind_are_told(kit):
    model = qlinear(kit, xz=np.uint8(3))
    assert "its activation codes are uint8, the multipliers take int8" in left_of(kit, model)
    assert "its weight codes are int8, the multipliers take uint8" in left_of(
        kit, model, Encoding.UNSIGNED
    )


def test_scales_and_weights_at_run_time_are_told(kit):
    model = qlinear(kit)
    graph = model.graph
    graph.initializer.remove(next(t for t in graph.initializer if t.name == "ys"))
    graph.node.insert(0, helper.make_node("ReduceMax", ["scales"], ["ys"], "max", keepdims=0))
    graph.initializer.append(onnx.numpy_helper.from_array(np.ones(3, F32), "scales"))
    assert "its scales or zero points are computed at run time" in left_of(kit, model)
    model = qlinear(kit)
    graph = model.graph
    graph.node[0].input[3] = "turned"
    graph.node.insert(0, helper.make_node("Identity", ["w"], ["turned"], "turn"))
    assert "its weights are computed at run time" in left_of(kit, model)


def test_model_without_candidate_is_an_error_that_tells_why(kit):
    model = kit.model("g (float[N,4] x) => (float[N,4] y) { y = Relu(x) }")
    assert "no node can be approximated" in left_of(kit, model)


def test_open_sizes_take_those_of_the_samples(kit):
    model = kit.model(
        "g (float[N,3,H,8] x) => (float[N,4,H,8] y) { y = Conv(x, w) }", w=kit.normal(4, 3, 1, 1)
    )
    state = kit.prepare(model, x=kit.normal(8, 3, 5, 8))
    assert [c.workload.output_positions for c in state.candidates] == [40]
    with pytest.raises(ModelError, match=r"axes \[2\] have no fixed size"):
        FindCandidates()(state.replace(dataset=None))
