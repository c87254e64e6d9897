"""What is made at random, and who reads it."""

from __future__ import annotations

import contextlib
import functools
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import yaml
from hypothesis import strategies as st

import hawx_onnx
from fuzzing import models
from fuzzing.protobufs import damaged_models
from fuzzing.running import Files, Target
from fuzzing.strategies import damaged_bytes, damaged_documents, json_text
from hawx_onnx.assignment import Assignment
from hawx_onnx.components.importers import import_path
from hawx_onnx.components.library import load_library
from hawx_onnx.errors import ComponentError
from hawx_onnx.frontend.data import load_dataset
from hawx_onnx.frontend.data_types import InputSpec
from hawx_onnx.frontend.preprocessing import Preprocessing
from hawx_onnx.hardware import load_target
from hawx_onnx.settings_file import load_config

PRESETS = Path(hawx_onnx.__file__).parent / "hardware/presets"


def _alone(name: str, content: st.SearchStrategy[bytes]) -> st.SearchStrategy[Files]:
    return content.map(lambda data: {name: data})


# Models: costed, run, and every eighth one quantised and rewritten.


@st.composite
def _models(draw: Callable[[Any], Any]) -> Files:
    files = {"model.onnx": draw(damaged_models(models.models())), **models.arrays()}
    if not draw(st.integers(0, 7)):
        files["rewrite"] = b""
    return files


def _read_model(folder: Path) -> None:
    path, data = folder / "model.onnx", folder / "data.npz"
    hawx_onnx.cost(path)
    hawx_onnx.evaluate(path, data=data, jobs=1)
    if (folder / "rewrite").exists():
        layers = [node.name for node in onnx.load(path).graph.node if node.op_type == "Conv"]
        hawx_onnx.apply(path, dict.fromkeys(layers[:1], "mul8s_trunc2"), data=data, jobs=1)


# Truth tables and libraries of them.


@functools.cache
def _tables() -> dict[str, bytes]:
    table = np.outer(np.arange(-128, 128), np.arange(-128, 128)).astype(np.int32)
    table = np.roll(table, (128, 128), (0, 1))
    plain, archive, text = io.BytesIO(), io.BytesIO(), io.StringIO()
    np.save(plain, table)
    np.savez_compressed(archive, mine=table, **{"mine.encoding": np.array("signed")})
    np.savetxt(text, table[:8], fmt="%d", delimiter=",")
    return {
        "t.npy": plain.getvalue(),
        "t.npz": archive.getvalue(),
        "t.csv": text.getvalue().encode(),
        "t.bin": table.astype("<i2").tobytes(),
    }


@st.composite
def _table_files(draw: Callable[[Any], Any]) -> Files:
    name = draw(st.sampled_from(sorted(_tables())))
    data = _tables()[name]
    if name == "t.npz" and draw(st.booleans()):
        # Damage inside of the archive: checksums would hide it.
        return {name: _repacked(data, lambda inner: draw(damaged_bytes([inner])))}
    return {name: draw(damaged_bytes([data]))}


def _repacked(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """An archive with the head of its first entry changed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for number, name in enumerate(old.namelist()):
            content = old.read(name)
            if not number:
                content = change(content[:160]) + content[160:]
            new.writestr(name, content)
    return buffer.getvalue()


def _read_tables(folder: Path) -> None:
    (path,) = folder.iterdir()
    _imported(path)
    if path.suffix in (".npy", ".npz"):
        for multiplier in load_library(path):
            multiplier.table.sum()


def _imported(path: Path) -> None:
    """Imports a file; what the import calls a defect of its own is one."""
    for failure in import_path(path, jobs=1).failures:
        if failure.what.startswith("unexpected"):
            raise AssertionError(failure.what)
        raise ComponentError(failure.what, where=failure.where, mend=failure.mend)


# Verilog, elaborated by yosys where the scan lets it pass.

_ADDER = b"""// SPDX-License-Identifier: MIT
module mul8s_mine(input [7:0] A, input [7:0] B, output [15:0] O);
  wire signed [7:0] a, b;
  assign a = A; assign b = B;
  assign O = a * b;
endmodule
"""
_GATES = b"""module mul8u_part(A, B, O);
  input [7:0] A; input [7:0] B; output [15:0] O;
  wire n1, n2; wire [7:0] p;
  genvar i;
  generate for (i = 0; i < 8; i = i + 1) begin : row
    assign p[i] = A[i] & B[7 - i];
  end endgenerate
  half u(.x(p[0]), .y(p[1]), .s(n1), .c(n2));
  assign O = {A[7:1], n1, B[7:1], n2} ^ 16'h00FF;
endmodule
module half(input x, y, output s, c);
  assign s = x ^ y; assign c = x & y;
endmodule
"""
_VERILOG = (
    b'`include "/etc/passwd"\n',
    b'$readmemh("x", m);',
    b"initial $finish;",
    b"(* blackbox *)",
    b"[1000000:0]",
    b"[-1:0]",
    b"while (1) ;",
    b"always @* ",
    b"function f; ",
    b"1'bx",
    b"endmodule",
    b"module m; m m(); endmodule",
    b"parameter N = 1 << 30;",
    b"{1000000{A}}",
    b"#5",
    b"\\esc ",
    b"assign O = O + 1;",
    b"/* ",
    b"`define a `a\n`a",
    b'import "DPI-C" function int f();',
    b"generate for (i = 0; i < 100000000; i = i + 1) begin end endgenerate",
    b"A ** B",
    b"A / B",
)


def _read_verilog(folder: Path) -> None:
    _imported(folder / "mul8s_mine.v")


# Configuration: targets, preprocessing, options, indices of libraries.


@functools.cache
def _targets() -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted(PRESETS.glob("*.yaml")))


_PREPROCESSING = {
    "resize": [32, 32],
    "crop": [28, 28],
    "scale": 255,
    "mean": [0.4, 0.5, 0.6],
    "std": [0.2, 0.2, 0.2],
    "layout": "nchw",
}
_CONFIG = {
    "target": "spatial",
    "candidates": ["mul8s_trunc*"],
    "max-accuracy-drop": 0.01,
    "granularity": "layer",
    "seed": 3,
    "max-evaluations": 10,
    "exclude": ["fc*"],
}


def _yaml(tree: object) -> str:
    with contextlib.suppress(yaml.YAMLError):
        return yaml.dump(tree, allow_unicode=True)
    return json.dumps(tree)


@st.composite
def _configuration(draw: Callable[[Any], Any]) -> Files:
    name = draw(st.sampled_from(["target.yaml", "preprocess.yaml", "config.yaml"]))
    if name == "target.yaml":
        texts = _targets()
        trees = [yaml.safe_load(text) for text in texts]
    else:
        trees = [_PREPROCESSING if name == "preprocess.yaml" else _CONFIG]
        texts = tuple(yaml.safe_dump(tree).encode() for tree in trees)
    return {name: draw(damaged_documents(trees, texts, _yaml))}


def _read_configuration(folder: Path) -> None:
    (path,) = folder.iterdir()
    if path.name == "target.yaml":
        load_target(path)
    elif path.name == "preprocess.yaml":
        spec = InputSpec("x", np.dtype(np.float32), (None, 3, 28, 28))
        images = np.zeros((2, 40, 40, 3), np.uint8)
        Preprocessing.from_yaml(path).apply(images, spec, where="images")
    else:
        load_config(path)


# Data files.


@functools.cache
def _data() -> dict[str, bytes]:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((40, 2, 3, 3)).astype(np.float32)
    images = rng.integers(0, 256, (40, 3, 3)).astype(np.uint8)
    labels = rng.integers(0, 4, 40).astype(np.uint8)
    archive = io.BytesIO()
    np.savez(archive, x=x, y=labels)
    tensor = onnx.numpy_helper.from_array(x, "x").SerializeToString()
    return {
        "data.npz": archive.getvalue(),
        "set/test_data_set_0/input_0.pb": tensor,
        "idx/t10k-images-idx3-ubyte": _idx(images),
    }


def _idx(values: np.ndarray) -> bytes:
    head = bytes([0, 0, 8, values.ndim])
    return head + b"".join(size.to_bytes(4, "big") for size in values.shape) + values.tobytes()


@st.composite
def _data_files(draw: Callable[[Any], Any]) -> Files:
    name = draw(st.sampled_from(sorted(_data())))
    data = _data()[name]
    if name == "data.npz" and draw(st.booleans()):
        return {name: _repacked(data, lambda inner: draw(damaged_bytes([inner])))}
    return {name: draw(damaged_bytes([data]))}


def _read_data(folder: Path) -> None:
    (path,) = folder.iterdir()
    shape = (None, 3, 3) if path.name == "idx" else (None, 2, 3, 3)
    load_dataset(str(path), InputSpec("x", np.dtype(np.float32), shape))


# Documents that one run writes and another reads.

_ASSIGNMENT = {
    "assignment": {"conv0": "mul8s_trunc2", "gemm5": ["mul8s_trunc2"] * 3},
    "energies_fj": {"conv0": {"mul8s_trunc2": 10.5, "mul8s_exact": 100.0}},
    "around_fj": {"conv0": {"mul8s_trunc2": 1.5, "mul8s_exact": 1.0}},
    "stays": "output",
    "technology": "osu018-1.8V-unit-delay-flow1",
}  # fmt: skip


def _read_document(folder: Path) -> None:
    path = folder / "assignment.json"
    assignment = Assignment.load(path)
    model = folder.parent / "costed.onnx"
    if not model.exists():
        model.write_bytes(models.models()[0])
    hawx_onnx.cost(model, assignment=assignment)


def targets() -> Mapping[str, Target]:
    """All targets by name."""
    found = (
        Target("models", _models(), _read_model),
        Target("tables", _table_files(), _read_tables),
        Target(
            "verilog",
            _alone("mul8s_mine.v", damaged_bytes([_ADDER, _GATES], _VERILOG)),
            _read_verilog,
        ),
        Target("configuration", _configuration(), _read_configuration),
        Target("data", _data_files(), _read_data),
        Target(
            "documents",
            _alone(
                "assignment.json",
                damaged_documents([_ASSIGNMENT], [json_text(_ASSIGNMENT).encode()], json_text),
            ),
            _read_document,
        ),
    )
    return {target.name: target for target in found}
