"""Portable bodies with factors: which path runs, and that long sums wrap as the library's do."""

from __future__ import annotations

import time

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx import components
from hawx_onnx.components import stacked_factors
from hawx_onnx.passes.portable import add_portable_bodies
from hawx_onnx.runtime.library import create_session
from hawx_onnx.runtime.reference_integer import approx_conv_integer, approx_matmul_integer

KINDS = {"x": TensorProto.UINT8, "w": TensorProto.UINT8, "table_index": TensorProto.INT32}


def node_of(op, number, factors):
    """An integer operator on x and w, without zero points."""
    names = ["x", "w", "zero", "zero", "tables", "table_index", *(["factors"] if factors else [])]
    extra = {}
    if op == "ApproxConvInteger":
        extra = {
            "auto_pad": "NOTSET",
            **{"dilations": [1], "group": 1, "kernel_shape": [1], "pads": [0, 0]},
            **{"skip_padding": 0, "strides": [1]},
        }
    return helper.make_node(op, names, [f"y{number}"], f"n{number}", domain="ai.hawx", **extra)


def model_of(nodes, fed, **constants):
    """Nodes and the bodies they need; ``fed`` names the graph inputs."""
    outputs = [output for node in nodes for output in node.output]
    constants["zero"] = np.zeros((), np.uint8)
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info(name, KINDS[name], None) for name in fed],
        [helper.make_tensor_value_info(name, TensorProto.INT32, None) for name in outputs],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    imports = [helper.make_opsetid("", 13), helper.make_opsetid("ai.hawx", 1)]
    model = helper.make_model(graph, opset_imports=imports, ir_version=8)
    add_portable_bodies(model, 13)
    return model


def run(model, feeds, use_library=False):
    session = create_session(model.SerializeToString(), threads=1, use_library=use_library)
    return session.run(None, feeds)


def has_choice(model):
    """Whether the only body of a model decides between products and look-ups."""
    (body,) = model.functions
    return any(node.op_type == "If" for node in body.node)


@pytest.mark.parametrize("use_library", [False, True])
@pytest.mark.parametrize("op", ["ApproxConvInteger", "ApproxMatMulInteger"])
def test_long_sums_wrap(library, op, use_library):
    """70,000 products of 255 * 255 at scale 3: the terms' sums wrap as well as theirs."""
    depth = 70_000
    table = 3 * np.full((1, 256, 256), 255 * 255, np.int32)
    rows = np.array([[0, 3, *[255] * 512]], np.int32)
    x = np.full((1, depth, 1) if op == "ApproxConvInteger" else (1, depth), 7, np.uint8)
    w = np.full((1, depth, 1) if op == "ApproxConvInteger" else (depth, 1), 9, np.uint8)
    index = np.zeros(1, np.int32)
    model = model_of(
        [node_of(op, 0, True)], ["x", "w"], tables=table, table_index=index, factors=rows
    )
    assert has_choice(model)
    (sums,) = run(model, {"x": x, "w": w}, use_library)
    wanted = (3 * 255 * 255 * depth + 2**31) % 2**32 - 2**31
    assert sums.reshape(-1).tolist() == [wanted]


def test_table_index_chosen_at_run_time(library):
    """One session runs products for a table with factors, and look-ups for one without."""
    rng = np.random.default_rng(0)
    multipliers = [components.load("mul8u_trunc2"), components.load("mul8u_mitchell")]
    tables, rows = np.stack([m.table for m in multipliers]), stacked_factors(multipliers)
    assert rows[:, 0].tolist() == [0]
    x, w = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((5, 9), (9, 4)))
    model = model_of(
        [node_of("ApproxMatMulInteger", 0, True)],
        ["x", "table_index"],
        w=w,
        tables=tables,
        factors=rows,
    )
    session = create_session(model.SerializeToString(), threads=1, use_library=False)
    for index in ([0] * 4, [1] * 4, [0, 1, 1, 0]):
        chosen = np.array(index, np.int32)
        wanted = approx_matmul_integer(x, w, None, None, tables, chosen)
        (found,) = session.run(None, {"x": x, "table_index": chosen})
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("change", ["scale", "factor", "beyond 8 bits", "no rows", "other table"])
def test_factors_that_do_not_hold_change_nothing(change):
    rng = np.random.default_rng(1)
    multiplier = components.load("mul8u_ctrunc4")
    rows = stacked_factors([multiplier]).copy()
    if change == "scale":
        rows[0, 1] += 1
    elif change == "factor":
        rows[0, 300] ^= 1
    elif change == "beyond 8 bits":
        rows[0, 2:258] *= 2
        rows[0, 258:] *= 3
    elif change == "no rows":
        rows = rows[:0]
    else:
        rows[:, 0] = 1
    x, w = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((2, 3, 8), (4, 3, 1)))
    constants = {"tables": multiplier.table[None], "table_index": np.zeros(4, np.int32)}
    model = model_of([node_of("ApproxConvInteger", 0, True)], ["x"], w=w, factors=rows, **constants)
    assert has_choice(model)
    wanted = approx_conv_integer(x, w, None, None, *constants.values())
    np.testing.assert_array_equal(run(model, {"x": x})[0], wanted)


def test_a_table_of_zeros():
    """Its one row has scale 0, and gives an output of the right shape."""
    rows = np.zeros((1, 514), np.int32)
    tables, index = np.zeros((1, 256, 256), np.int32), np.zeros(4, np.int32)
    x, w = np.full((2, 3, 8), 5, np.uint8), np.full((4, 3, 1), 6, np.uint8)
    node = node_of("ApproxConvInteger", 0, True)
    model = model_of([node], ["x"], w=w, tables=tables, table_index=index, factors=rows)
    (found,) = run(model, {"x": x})
    assert found.shape == (2, 4, 8)
    assert not found.any()


def test_a_node_without_factors_makes_its_operator_look_up(library):
    """One body serves both nodes, and cannot take an input that one of them lacks."""
    rng = np.random.default_rng(2)
    multiplier = components.load("mul8u_trunc2")
    x, w = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((5, 9), (9, 4)))
    nodes = [node_of("ApproxMatMulInteger", number, factors=number == 0) for number in (0, 1)]
    constants = {"tables": multiplier.table[None], "table_index": np.zeros(4, np.int32)}
    model = model_of(nodes, ["x"], w=w, factors=stacked_factors([multiplier]), **constants)
    assert not has_choice(model)
    wanted = approx_matmul_integer(x, w, None, None, *constants.values())
    for use_library in (False, True):
        for found in run(model, {"x": x}, use_library):
            np.testing.assert_array_equal(found, wanted)


def test_products_are_much_faster_than_look_ups():
    """Not a benchmark: the wrong path would be some 50 times slower."""
    rng = np.random.default_rng(3)
    multiplier = components.load("mul8u_trunc2")
    x, w = (rng.integers(0, 256, shape).astype(np.uint8) for shape in ((96, 256), (256, 96)))
    constants = {"tables": multiplier.table[None], "table_index": np.zeros(96, np.int32)}
    seconds = {}
    for factors in (True, False):
        node = node_of("ApproxMatMulInteger", 0, factors)
        model = model_of([node], ["x"], w=w, factors=stacked_factors([multiplier]), **constants)
        session = create_session(model.SerializeToString(), threads=1, use_library=False)
        session.run(None, {"x": x})
        start = time.thread_time()
        session.run(None, {"x": x})
        seconds[factors] = time.thread_time() - start
    assert seconds[True] < seconds[False] / 4
