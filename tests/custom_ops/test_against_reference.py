"""Every kernel gives what the numpy reference gives, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hawx_onnx.runtime.reference import conv_accumulators, matmul_accumulators

quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True
)
TYPES = st.sampled_from([np.uint8, np.int8])
ZERO_POINT = st.sampled_from(["absent", "constant", "fed"])
KINDS = ("exact", "bits8", "bits16", "bits17", "bits32", "flat", "few", "term", "terms", "wrong")


def make_tables(rng, kinds, x_type, w_type, ops):
    """One table of each kind: what fits one byte plane, two, and none; few distinct rows and
    columns; sums of products of factors.

    Returns the tables and the factors of those that have some; those of kind "wrong" do not fit.
    """
    factors = []

    def terms(position, count):
        factors.append(ops.random_factors(rng, position, count))
        return ops.table_of_factors(factors[-1])

    def exact(position):
        table = ops.exact_tables(x_type, w_type)[0]
        values = [np.arange(256, dtype=np.uint8).view(kind) for kind in (x_type, w_type)]
        factors.append(np.concatenate([[position, 1], *values])[None].astype(np.int32))
        return table

    def few(_):
        table = rng.integers(-(2**15), 2**15, (256, 256))
        return table[rng.integers(0, rng.choice([3, 64, 128]), 256)][:, rng.integers(0, 40, 256)]

    made = {
        "exact": exact,
        "bits8": lambda _: rng.integers(-100, 156, (256, 256)),
        "bits16": lambda _: rng.integers(-(2**15), 2**15, (256, 256)),
        "bits17": lambda _: rng.integers(0, 2**17, (256, 256)),
        "bits32": lambda _: rng.integers(-(2**31), 2**31, (256, 256)),
        "flat": lambda _: np.broadcast_to(rng.integers(-(2**31), 2**31, 256), (256, 256)),
        "few": few,
        "term": lambda position: terms(position, 1),
        "terms": lambda position: terms(position, rng.integers(2, 6)),
        "wrong": lambda position: terms(position, 2) + np.eye(256, dtype=np.int32),
    }
    tables = np.stack([made[kind](position) for position, kind in enumerate(kinds)])
    rows = np.concatenate([np.zeros((0, 514), np.int32), *factors])
    return tables.astype(np.int32), rng.permutation(rows)


def codes(rng, kind, shape):
    """Random codes; half of the time below 128 only."""
    top = 128 if rng.random() < 0.5 else 256
    return rng.integers(0, top, shape).astype(np.uint8).view(kind)


def quantisation(rng, names, x_type, w_type, y_type, channels):
    """Random zero points and scales, the weights' per tensor or per channel."""
    x, w = names
    weights = channels if rng.random() < 0.5 else ()
    return {
        f"{x}_scale": rng.random(1).astype(np.float32).reshape(() if rng.random() < 0.5 else 1),
        f"{x}_zero_point": codes(rng, x_type, ()),
        f"{w}_scale": np.asarray(rng.random(weights) + 0.01, np.float32),
        f"{w}_zero_point": np.asarray(
            codes(rng, w_type, channels if rng.random() < 0.3 else ())
            if rng.random() < 0.6
            else np.zeros((), w_type)
        ),
        "y_zero_point": codes(rng, y_type, ()),
    }


def with_output_scale(node, accumulators, rng):
    """Chooses y_scale so that the outputs spread over some 100 codes."""
    spread = float(np.std(accumulators.astype(np.float64))) if accumulators.size else 1.0
    scale = np.max(node.inputs[("w" if node.op == "conv" else "b") + "_scale"])
    x_scale = node.inputs[("x" if node.op == "conv" else "a") + "_scale"]
    y_scale = max(spread, 1.0) / 40 * float(scale) * float(x_scale.reshape(-1)[0])
    return node.replace(y_scale=np.array(max(y_scale, 1e-30), np.float32))


@st.composite
def conv_cases(draw):
    rank = draw(st.integers(1, 3))
    group = draw(st.sampled_from([1, 1, 2, 3]))
    size = {1: 40, 2: 12, 3: 5}[rank]

    def each(low, high):
        return [draw(st.integers(low, high)) for _ in range(rank)]

    attributes = {
        "group": group,
        "kernel_shape": each(1, 3),
        "strides": each(1, 3),
        "dilations": each(1, 2),
        "skip_padding": draw(st.integers(0, 1)),
    }
    padding = draw(st.sampled_from(["none", "pads", "VALID", "SAME_UPPER", "SAME_LOWER"]))
    if padding == "pads":
        attributes["pads"] = each(0, 3) + each(0, 3)
    elif padding != "none":
        attributes["auto_pad"] = padding
    spans = [
        d * (k - 1) + 1
        for d, k in zip(attributes["dilations"], attributes["kernel_shape"], strict=True)
    ]
    return {
        "attributes": attributes,
        "images": draw(st.integers(1, 3)),
        "inputs": draw(st.integers(1, 3)),
        "outputs": draw(st.integers(1, 4)),
        "spatial": [span + draw(st.integers(0, size)) for span in spans],
        "types": (draw(TYPES), draw(TYPES), draw(TYPES)),
        "kinds": draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)),
        "fed": draw(
            st.lists(st.sampled_from(["w", "tables", "table_index", "factors"]), unique=True)
        ),
        "bias": draw(st.booleans()),
        "threads": draw(st.integers(1, 2)),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


def conv_node(case, ops):
    rng = np.random.default_rng(case["seed"])
    x_type, w_type, y_type = case["types"]
    attributes = case["attributes"]
    group = attributes["group"]
    channels = group * case["outputs"]
    tables, factors = make_tables(rng, case["kinds"], x_type, w_type, ops)
    inputs = {
        "x": codes(rng, x_type, (case["images"], group * case["inputs"], *case["spatial"])),
        "w": codes(rng, w_type, (channels, case["inputs"], *attributes["kernel_shape"])),
        **quantisation(rng, "xw", x_type, w_type, y_type, channels),
        "tables": tables,
        "table_index": rng.integers(0, len(case["kinds"]), channels).astype(np.int32),
    }
    if len(factors):
        inputs["factors"] = factors
    if case["bias"]:
        inputs["bias"] = rng.integers(-(2**31), 2**31, channels).astype(np.int32)
    node = ops.node("conv", inputs, attributes)
    rest = {k: v for k, v in attributes.items() if k != "kernel_shape"}
    names = ["x", "x_zero_point", "w", "w_zero_point", "bias", "tables", "table_index"]
    sums = conv_accumulators(*[inputs.get(name) for name in names], **rest)
    return with_output_scale(node, sums, rng)


def fed_of(case, node):
    return tuple(name for name in case["fed"] if name in node.inputs)


@quick
@given(case=conv_cases())
def test_convolution(ops, case):
    node = conv_node(case, ops)
    expected = ops.reference(node)
    for isa in ops.isas:
        result = ops.run(node, fed=fed_of(case, node), isa=isa, threads=case["threads"])
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected, err_msg=isa)


def assert_accumulators_match(ops, node, fed, threads):
    expected = ops.reference(node)
    assert expected.dtype == np.int32
    for isa in ops.isas:
        result = ops.run(node, fed=tuple(fed), isa=isa, threads=threads)
        assert result.dtype == np.int32
        np.testing.assert_array_equal(result, expected, err_msg=isa)


@quick
@given(case=conv_cases(), zero_points=st.tuples(ZERO_POINT, ZERO_POINT))
def test_integer_convolution(ops, case, zero_points):
    node = conv_node(case, ops).integer()
    states = dict(zip(["x_zero_point", "w_zero_point"], zero_points, strict=True))
    node = node.without(*(name for name, state in states.items() if state == "absent"))
    fed = [*fed_of(case, node), *(name for name, state in states.items() if state == "fed")]
    assert_accumulators_match(ops, node, fed, case["threads"])


@st.composite
def matmul_cases(draw):
    batch = draw(
        st.sampled_from(
            [
                ((), ()),
                ((3,), ()),
                ((2, 3), ()),
                ((), (3,)),
                ((2, 3), (3,)),
                ((2, 1), (3,)),
                ((1, 2), (2, 1)),
                ((2,), (2,)),
            ]
        )
    )
    return {
        "batch": batch,
        "rows": draw(st.integers(1, 90) | st.integers(1, 8)),
        "depth": draw(st.integers(1, 40)),
        "columns": draw(st.integers(1, 40) | st.integers(41, 300)),
        "types": (draw(TYPES), draw(TYPES), draw(TYPES)),
        "kinds": draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=3)),
        "fed": draw(
            st.lists(st.sampled_from(["b", "tables", "table_index", "factors"]), unique=True)
        ),
        "threads": draw(st.integers(1, 2)),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


def matmul_node(case, ops):
    rng = np.random.default_rng(case["seed"])
    a_type, b_type, y_type = case["types"]
    a_batch, b_batch = case["batch"]
    columns = case["columns"]
    tables, factors = make_tables(rng, case["kinds"], a_type, b_type, ops)
    inputs = {
        "a": codes(rng, a_type, (*a_batch, case["rows"], case["depth"])),
        "b": codes(rng, b_type, (*b_batch, case["depth"], columns)),
        **quantisation(rng, "ab", a_type, b_type, y_type, columns),
        "tables": tables,
        "table_index": rng.integers(0, len(case["kinds"]), columns).astype(np.int32),
    }
    if len(factors):
        inputs["factors"] = factors
    node = ops.node("matmul", inputs)
    names = ["a", "a_zero_point", "b", "b_zero_point", "tables", "table_index"]
    sums = matmul_accumulators(*[inputs[name] for name in names])
    return with_output_scale(node, sums, rng)


@quick
@given(case=matmul_cases())
def test_matrix_product(ops, case):
    node = matmul_node(case, ops)
    expected = ops.reference(node)
    for isa in ops.isas:
        result = ops.run(node, fed=fed_of(case, node), isa=isa, threads=case["threads"])
        assert result.dtype == expected.dtype
        np.testing.assert_array_equal(result, expected, err_msg=isa)


@quick
@given(
    case=matmul_cases(),
    zero_points=st.tuples(ZERO_POINT, ZERO_POINT),
    rows=st.sampled_from(["one", "rows", "all"]),
)
def test_integer_matrix_product(ops, case, zero_points, rows):
    rng = np.random.default_rng(case["seed"])
    node = matmul_node(case, ops).integer()
    if rows != "one":
        shape = node.inputs["a"].shape
        shape = shape[-2:-1] if rows == "rows" else (*shape[:-1], 1)
        node = node.replace(a_zero_point=codes(rng, case["types"][0], shape))
    states = dict(zip(["a_zero_point", "b_zero_point"], zero_points, strict=True))
    node = node.without(*(name for name, state in states.items() if state == "absent"))
    fed = [*fed_of(case, node), *(name for name, state in states.items() if state == "fed")]
    assert_accumulators_match(ops, node, fed, case["threads"])


@pytest.mark.parametrize("kind", ["exact", "bits16", "bits32", "terms"])
@pytest.mark.parametrize("depth", [1, 255, 256, 257, 1500])
def test_every_bit_of_long_sums(ops, kind, depth):
    """A bias of minus the sum leaves 0 at one row, at scale 1: one wrong bit would show."""
    rng = np.random.default_rng(depth)
    w = codes(rng, np.uint8, (8, depth, 1))
    x = rng.integers(0, 256, (1, depth, 70)).astype(np.uint8)
    tables, factors = make_tables(rng, [kind], np.uint8, np.uint8, ops)
    node = ops.conv(x, w, tables=tables).replace(y_scale=np.array(1.0, np.float32))
    if len(factors):
        node = node.replace(factors=factors)
    zero = np.zeros((), np.uint8)
    sums = conv_accumulators(x, zero, w, zero, None, tables, np.zeros(8, np.int32))
    for position in (0, 33, 69):
        with np.errstate(over="ignore"):
            bias = np.int32(0) - sums[0, :, position]
        centred = node.replace(bias=bias)
        for isa in ops.isas:
            result = ops.run(centred, isa=isa)
            assert not result[0, :, position].any()
            np.testing.assert_array_equal(result, ops.reference(centred))


def test_threads_do_not_change_the_result(ops):
    rng = np.random.default_rng(5)
    x = codes(rng, np.int8, (4, 16, 40, 40))
    w = codes(rng, np.int8, (70, 16, 3, 3))
    tables, factors = make_tables(rng, ["bits16", "bits32", "term"], np.int8, np.int8, ops)
    node = ops.conv(x, w, tables=tables, pads=[1, 1, 1, 1]).replace(
        factors=factors,
        table_index=rng.integers(0, 3, 70).astype(np.int32),
        y_scale=np.array(2e6, np.float32),
    )
    for one in (node, node.integer()):
        results = [ops.run(one, isa=isa, threads=t) for isa in ops.isas for t in (1, 2, 4)]
        assert np.unique(results[0]).size > 20
        for result in results[1:]:
            np.testing.assert_array_equal(result, results[0])
