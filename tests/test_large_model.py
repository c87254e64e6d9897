"""A network of more than a message holds, rewritten without holding its weights twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

LAYERS = 10
FULL = "HAWX_TEST_LARGE"  # set for the real size; the short form takes 160 MiB for large

SCRIPT = """
import json, sys
import hawx_onnx
from hawx_onnx.frontend import external_data
from hawx_onnx.memory import peak_bytes
from hawx_onnx.passes import base
from hawx_onnx.runtime import model_session
folder, layers, shrink = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
chosen = {f"layer{i}": "mul8s_trunc1" for i in range(0, layers, 2)}
# Python, its packages and onnxruntime, whatever the model.
hawx_onnx.apply(f"{folder}/small/m.onnx", chosen, jobs=1)
before = peak_bytes()
external_data.LARGEST //= shrink
model_session.LARGE = base.LARGE = model_session.LARGE // shrink
model = hawx_onnx.apply(f"{folder}/m.onnx", chosen, f"{folder}/out.onnx", jobs=1)
ops = [node.op_type for node in model.graph.node]
rewritten = ops.count("ApproxQLinearMatMul")
print(json.dumps({"before": before, "peak": peak_bytes(), "rewritten": rewritten}))
"""


def generate(folder: Path, size: int) -> Path:
    """Writes ten products of [size, size] weights with a Relu behind each."""
    rows = np.random.default_rng(0).normal(0, size**-0.5, (64, size)).astype(np.float32)
    nodes, tensors, source = [], [], "x"
    with (folder / "w.bin").open("wb") as file:
        for layer in range(LAYERS):
            tensor = TensorProto(name=f"w{layer}", data_type=TensorProto.FLOAT, dims=[size, size])
            tensor.data_location = TensorProto.EXTERNAL
            place = {"location": "w.bin", "offset": file.tell(), "length": 4 * size * size}
            for key, value in place.items():
                tensor.external_data.add(key=key, value=str(value))
            for block in range(size // 64):
                np.roll(rows, block * 977 + layer, axis=1).tofile(file)
            tensors.append(tensor)
            nodes += [
                helper.make_node("MatMul", [source, tensor.name], [f"p{layer}"], f"layer{layer}"),
                helper.make_node("Relu", [f"p{layer}"], [f"r{layer}"]),
            ]
            source = f"r{layer}"
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "large",
        [value("x", TensorProto.FLOAT, ["N", size])],
        [value(source, TensorProto.FLOAT, ["N", size])],
        tensors,
    )
    model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    (folder / "m.onnx").write_bytes(model.SerializeToString())
    return folder / "w.bin"


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read as Linux tells it")
def test_weights_are_not_held_twice(tmp_path: Path) -> None:
    size, shrink = (8192, 1) if os.environ.get(FULL) else (2048, 16)
    (tmp_path / "small").mkdir()
    generate(tmp_path / "small", 64)
    weights = generate(tmp_path, size).stat().st_size
    words = [sys.executable, "-c", SCRIPT, str(tmp_path), str(LAYERS), str(shrink)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rewritten"] == LAYERS // 2
    # Of a small network, tables and factors of multipliers take their part.
    assert found["peak"] - found["before"] < (1.6 if shrink == 1 else 2) * weights
    written = onnx.load(tmp_path / "out.onnx")
    assert written.ByteSize() < 0.3 * weights
