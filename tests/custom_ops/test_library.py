"""The built library: what it exports, how it is found, which kernels it chooses."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from onnx import ModelProto, TensorProto, helper

from hawx_onnx import components
from hawx_onnx.components import stacked_factors
from hawx_onnx.errors import LibraryError, ModelError
from hawx_onnx.runtime import library

ABI = "custom_ops/include/hawx/ort_abi.h"


@pytest.mark.skipif(sys.platform != "linux", reason="reads ELF symbols")
@pytest.mark.skipif(shutil.which("nm") is None, reason="needs nm of binutils")
def test_only_the_entry_point_is_exported(ops):
    command = ["nm", "-D", "--defined-only", str(ops.library)]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert [line.split()[-1] for line in listing.splitlines()] == ["RegisterCustomOps"]


def test_slots_are_those_of_the_official_header(root, shared):
    official = json.loads(shared("ort_c_api_slots.json").read_text())
    text = (root / ABI).read_text()
    body = re.search(r"enum class Slot : size_t \{(.*?)\};", text, re.DOTALL)
    assert body is not None
    slots = {name: int(slot) for name, slot in re.findall(r"(\w+) = (\d+),", body[1])}
    assert len(slots) > 15
    assert slots == {name: official[name] for name in slots}


def test_kernel_of_each_table(ops):
    rng = np.random.default_rng(0)
    tables = np.stack(
        [
            np.zeros((256, 256)),
            ops.exact_tables(np.int8, np.int8)[0],
            rng.integers(0, 2**31, (256, 256)),
        ]
    )
    description = library.describe_kernels(tables)
    kernels = {kernel["name"]: kernel for kernel in description["kernels"]}
    assert {"name", "isa", "op", "supported"} <= set(kernels["gather_scalar"])
    assert kernels["gather_scalar"]["supported"]
    takes_all = {"gather_scalar", "lanes_avx2"}
    assert description["chosen"][2] in takes_all
    best = kernels[description["chosen"][0]]
    assert best["supported"]
    assert best["isa"] == description["isa"]
    assert set(description["cpu"]) <= set(re.findall(r"avx\w*", " ".join(description["cpu"])))


def test_kernel_of_a_table_with_factors(ops, monkeypatch):
    """Few channels do not pay for many terms; wrong factors are no factors."""
    monkeypatch.setenv("HAWX_ISA", "scalar")
    multipliers = [components.load(name) for name in ("mul8s_trunc2", "mul8s_bam_h3_v7")]
    tables, rows = np.stack([m.table for m in multipliers]), stacked_factors(multipliers)
    assert np.bincount(rows[:, 0]).tolist() == [1, 5]

    def chosen(*args):
        return library.describe_kernels(tables, *args)["chosen"]

    assert chosen() == ["gather_scalar"] * 2
    assert chosen(rows) == ["product_scalar", "gather_scalar"]
    assert chosen(rows, np.array([1, 64])) == ["product_scalar", "gather_scalar"]
    wrong = rows.copy()
    wrong[0, 1] += 1
    assert chosen(wrong) == ["gather_scalar"] * 2
    for channels, problem in (([1], r"\[1\], it must be \[2\]"), ([1, 0], "must be positive")):
        with pytest.raises(LibraryError, match=problem):
            chosen(rows, np.array(channels))


def test_best_instruction_set_is_preferred_and_each_can_be_forced(ops, monkeypatch):
    table = np.zeros((256, 256), np.int32)
    description = library.describe_kernels(table)
    kernels = {kernel["name"]: kernel["supported"] for kernel in description["kernels"]}
    best_first = [
        (isa, name)
        for isa, name in (
            ("avx512", "permute_avx512vbmi"),
            ("avx2", "lanes_avx2"),
            ("scalar", "gather_scalar"),
        )
        if kernels.get(name)
    ]
    assert ("lanes_avx2" in dict(best_first).values()) == ("avx2" in description["cpu"])
    assert description["chosen"] == [best_first[0][1]]
    assert set(ops.isas) == set(dict(best_first))
    for isa, name in best_first:
        monkeypatch.setenv("HAWX_ISA", isa)
        assert library.describe_kernels(table)["chosen"] == [name]


def test_scalar_can_be_forced(ops, monkeypatch):
    monkeypatch.setenv("HAWX_ISA", "scalar")
    description = library.describe_kernels(np.zeros((256, 256), np.int32))
    assert description["isa"] == "scalar"
    assert description["chosen"] == ["gather_scalar"]


def test_unknown_instruction_set_is_refused(ops, monkeypatch):
    monkeypatch.setenv("HAWX_ISA", "avx1024")
    with pytest.raises(LibraryError, match="HAWX_ISA=avx1024: this build has no such"):
        library.describe_kernels(np.zeros((1, 256, 256), np.int32))


def test_tables_of_a_wrong_shape_are_refused(ops):
    with pytest.raises(LibraryError, match=r"must be \[T,256,256\]"):
        library.describe_kernels(np.zeros((1, 256, 16), np.int32))


def test_environment_variable_names_the_library(ops, monkeypatch):
    monkeypatch.setenv(library.LIBRARY_VARIABLE, str(ops.library))
    assert library.get_library_path() == ops.library


@pytest.mark.parametrize("use_library", [True, None])
def test_wrong_environment_variable_is_an_error(tmp_path, monkeypatch, use_library):
    monkeypatch.setenv(library.LIBRARY_VARIABLE, str(tmp_path / "none.so"))
    with pytest.raises(LibraryError, match="HAWX_ONNX_LIBRARY"):
        library.create_session(b"", use_library=use_library)


def test_file_that_is_no_library(tmp_path, monkeypatch):
    path = tmp_path / "text.so"
    path.write_text("no library")
    monkeypatch.setenv(library.LIBRARY_VARIABLE, str(path))
    with pytest.raises(LibraryError, match="could not load"):
        library.create_session(b"", use_library=True)


def test_missing_library_lists_the_places(tmp_path, monkeypatch):
    monkeypatch.delenv(library.LIBRARY_VARIABLE, raising=False)
    monkeypatch.setattr(library, "_FILE_NAME", "libnowhere.so")
    with pytest.raises(LibraryError, match=r"tried .*lib.libnowhere\.so"):
        library.get_library_path()


def test_unregistered_ops_name_the_library():
    value = helper.make_tensor_value_info
    node = helper.make_node("DescribeKernels", ["t"], ["y"], domain="ai.hawx")
    graph = helper.make_graph([node], "g", [value("t", 6, [None] * 3)], [value("y", 2, [None])])
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid("ai.hawx", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    with pytest.raises(LibraryError, match="library is not in use"):
        library.create_session(model.SerializeToString(), use_library=False)


def test_broken_models_are_model_errors(tmp_path):
    with pytest.raises(ModelError, match="does not take the model"):
        library.create_session(b"no model", use_library=False)
    with pytest.raises(ModelError, match="no such file"):
        library.create_session(tmp_path / "none.onnx", use_library=False)


def test_several_sessions_share_one_set_of_options(ops):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    library.register(options)
    rng = np.random.default_rng(0)
    node = ops.conv(
        rng.integers(0, 256, (1, 2, 9)).astype(np.uint8),
        rng.integers(0, 256, (3, 2, 3)).astype(np.uint8),
    )
    model = ops.model(node, ("x",), False)
    for _ in range(3):
        session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        result = session.run(None, {"x": node.inputs["x"]})[0]
        np.testing.assert_array_equal(result, ops.reference(node))


@pytest.mark.parametrize("kind", [np.uint8, np.int8])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("declared", [True, False])
def test_type_of_an_inner_output(ops, kind, bias, declared):
    """Overloads by type share one name; the output's type follows the zero point's."""
    import onnxruntime

    version = tuple(int(part) for part in onnxruntime.__version__.split(".")[:2])
    if not bias and not declared and version < (1, 18):
        pytest.skip("onnxruntime before 1.18 infers no type past an absent optional input")
    rng = np.random.default_rng(0)
    node = ops.conv(
        rng.integers(0, 256, (1, 2, 9)).astype(np.uint8),
        rng.integers(0, 256, (3, 2, 3)).astype(np.uint8),
    ).replace(y_zero_point=np.array(1, kind))
    if bias:
        node = node.replace(bias=np.arange(3, dtype=np.int32))
    model = ModelProto.FromString(ops.model(node, ("x",), False))
    inner = model.graph.output.pop()
    if declared:
        model.graph.value_info.append(inner)
    model.graph.node.append(
        helper.make_node("DequantizeLinear", ["y", "y_scale", "y_zero_point"], ["real"])
    )
    model.graph.output.append(helper.make_tensor_value_info("real", TensorProto.FLOAT, None))
    session = library.create_session(model.SerializeToString(), use_library=True)
    (real,) = session.run(None, {"x": node.inputs["x"]})
    expected = ops.reference(node).astype(np.float32) - 1
    np.testing.assert_allclose(real, expected * node.inputs["y_scale"], rtol=1e-6)
