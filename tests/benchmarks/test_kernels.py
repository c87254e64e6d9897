"""The benchmark of kernels: it runs, and all sides of it compute the same. No times are tested."""

from __future__ import annotations

import json

import numpy as np
import pytest

from hawx_onnx.runtime.reference import (
    approx_qlinear_conv,
    approx_qlinear_matmul,
    conv_accumulators,
    matmul_accumulators,
)

ROW = {
    *("shape", "op", "batch", "depth", "macs", "case", "rank", "multiplier", "isa", "threads"),
    *("ms", "least_ms", "gmacs", "of_exact", "times_loop", "times_one_thread", "disturbed"),
}
SIZES = {
    "conv": ("conv", 3, 4, 3, 5, 1, 1),
    "no padding": ("conv", 2, 3, 2, 4, 0, 1),
    "depthwise": ("conv", 4, 4, 3, 5, 1, 4),
    "grouped": ("conv", 4, 6, 3, 4, 1, 2),
    "matmul": ("matmul", 70, 5, 1, 1, 0, 1),
}


@pytest.fixture(scope="module")
def small(script):
    """Returns a small layer of a kind, and activations for it."""

    def make(kind, codes=(-128, 127)):
        nodes, shapes = script("side_by_side.nodes"), script("side_by_side.shapes")
        layer = nodes.layer_of(shapes.Shape(kind, *SIZES[kind]))
        return layer, nodes.activations(layer.shape, 2, codes)

    return make


@pytest.mark.parametrize("kind", SIZES)
def test_the_loop_computes_the_accumulators_of_the_reference(script, small, kind):
    layer, x = small(kind)
    table = script("side_by_side.cases").general_table()
    run, sums = script("side_by_side.loop").loop_run(layer, x, table)
    run()
    tables, index = table[None], np.zeros(layer.shape.filters, np.int32)
    zero = np.int8(0)
    if layer.shape.op == "matmul":
        expected = matmul_accumulators(x, zero, layer.weights, zero, tables, index)
        assert np.array_equal(sums[0].T, expected)
        return
    attributes = {"group": layer.shape.groups, "pads": [layer.shape.pad] * 4}
    expected = conv_accumulators(
        x, zero, layer.weights, zero, None, tables, index, **attributes
    )  # [images, channels, height, width]
    flat = sums.reshape(layer.shape.filters, len(x), -1).swapaxes(0, 1)
    assert np.array_equal(flat, expected.reshape(flat.shape))


def test_the_loop_wraps_around(script, small):
    layer, x = small("matmul", (1, 1))
    table = np.full((256, 256), 2**31 - 1, np.int32)
    run, sums = script("side_by_side.loop").loop_run(layer, x, table)
    run()
    assert (sums == np.int64(70 * (2**31 - 1)).astype(np.int32)).all()


@pytest.mark.parametrize("kind", SIZES)
def test_operator_loop_and_reference_give_the_same_bytes(script, small, kind):
    cases, nodes = script("side_by_side.cases"), script("side_by_side.nodes")
    for case in cases.all_cases():
        layer, x = small(kind, case.codes)
        _, output = nodes.bound_run(nodes.approximate_model(layer, case), x, 1)
        assert np.array_equal(
            output, script("side_by_side.loop").loop_output(layer, x, case.table)
        ), case.name
        assert np.array_equal(output, _reference(layer, x, case.table)), case.name


def _reference(layer, x, table):
    zero, index = np.int8(0), np.zeros(layer.shape.filters, np.int32)
    scales = (np.float32(1), zero, layer.weights, layer.w_scale, zero, layer.y_scale, zero)
    if layer.shape.op == "matmul":
        return approx_qlinear_matmul(x, *scales, table[None], index)
    attributes = {"group": layer.shape.groups, "pads": [layer.shape.pad] * 4}
    return approx_qlinear_conv(x, *scales, layer.bias, table[None], index, **attributes)


def test_each_case_takes_as_many_products_as_its_rank(script):
    cases = script("side_by_side.cases").all_cases()
    assert [case.rank for case in cases] == [1, 2, 3, 4, 5, 0, 0]
    assert [len(case.factors) for case in cases] == [case.rank for case in cases]


def test_a_quick_run_writes_what_it_measured(script, tmp_path, capsys):
    file = tmp_path / "rows.json"
    script("kernels").main(["--quick", "--markdown", "--json", str(file)])
    document = json.loads(file.read_text())
    assert set(document) == {
        *("machine", "cpu", "isa", "onnxruntime", "repeats", "kernels", "rows", "targets")
    }
    assert len(document["rows"]) == 3 * (1 + 2 * 8)
    for row in document["rows"]:
        assert set(row) == ROW
        assert row["ms"] > 0
        assert (row["multiplier"] is None) == (row["case"] in ("exact", "look-up loop"))
        assert (row["times_one_thread"] is None) == (row["threads"] == 1)
    printed = capsys.readouterr().out
    assert "LeNet-5 conv2, batch 16" in printed
    assert "| linear row 768->768 | 1 |" in printed
    assert "general, codes < 128" in printed


@pytest.mark.parametrize(("option", "word"), [("--shapes", "AlexNet"), ("--cases", "rank 9")])
def test_what_is_not_known_is_refused_with_what_there_is(script, option, word):
    with pytest.raises(SystemExit, match=f"{option}: .*{word}.*there are "):
        script("kernels").main(["--quick", option, word])


def test_targets_judge_each_figure_once(script):
    row = {
        **{"shape": "VGG-11 128->256", "batch": 1, "case": "general", "rank": 0, "threads": 1},
        **{"isa": "avx512vbmi", "gmacs": 21.0, "of_exact": 9.0, "times_loop": 1.5},
        **{"times_one_thread": None, "disturbed": False},
    }
    changes = (
        ({}, [True]),
        ({"case": "general, codes < 128"}, [False]),
        ({"case": "rank 1", "rank": 1, "of_exact": 1.4}, [True]),
        ({"case": "rank 2", "rank": 2, "of_exact": 3.1}, [False]),
        ({"threads": 2, "times_one_thread": 1.6}, [False]),
        ({"isa": "avx2"}, [False]),
        ({"case": "exact"}, []),
    )
    verdicts = script("side_by_side.targets").verdicts
    for change, met in changes:
        assert [verdict.met for verdict in verdicts([{**row, **change}])] == met, change
