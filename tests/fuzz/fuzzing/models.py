"""Small models of every form that the product takes, and models damaged from them."""

from __future__ import annotations

import contextlib
import functools
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx.parser
from onnx import numpy_helper

import hawx_onnx
from hawx_onnx.errors import BudgetError

SAMPLES = 60
_SHAPE = (2, 6, 6)

_HEAD = '<ir_version: 8, opset_import: ["" : 17]>\n'
_CONVOLUTION = """
net (float[N, 2, 6, 6] x) => (float[N, 3] y) {
  c = Conv <pads = [1, 1, 1, 1]> (x, w, b)
  r = Relu (c)
  d = Conv <group = 4, kernel_shape = [3, 3]> (r, g)
  p = GlobalAveragePool (d)
  f = Flatten (p)
  y = Gemm <transB = 1> (f, v, e)
}"""
_ATTENTION = """
net (float[N, 2, 6, 6] x) => (float[N, 3] y) {
  t = Reshape (x, rows)
  k = Transpose <perm = [0, 2, 1]> (t)
  q = MatMul (t, k)
  s = Softmax <axis = -1> (q)
  m = MatMul (s, t)
  z = ReduceMean <axes = [1], keepdims = 0> (m)
  y = MatMul (z, u)
}"""
_BRANCH = """
net (float[N, 2, 6, 6] x) => (float[N, 3] y) {
  f = Flatten (x)
  h = MatMul (f, a)
  s = ReduceMax <keepdims = 0> (h)
  yes = Greater (s, half)
  y = If (yes) <
    then_branch = t () => (float[N, 3] ty) { ty = Relu (h) },
    else_branch = e () => (float[N, 3] ey) { ey = Identity (h) }
  >
}"""


@functools.cache
def arrays() -> dict[str, bytes]:
    """Data files that fit the models, by name."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((SAMPLES, *_SHAPE)).astype(np.float32)
    y = rng.integers(0, 3, SAMPLES)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder, "data.npz")
        np.savez(place, x=x, y=y)
        return {"data.npz": place.read_bytes()}


@functools.cache
def models() -> tuple[bytes, ...]:
    """Float models, and one rewritten to truth tables, serialised."""
    rng = np.random.default_rng(1)

    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape).astype(np.float32)

    convolution = _model(
        _CONVOLUTION, w=normal(4, 2, 3, 3), b=normal(4), g=normal(4, 1, 3, 3), v=normal(3, 4),
        e=normal(3),
    )  # fmt: skip
    attention = _model(_ATTENTION, rows=np.array([0, 12, 6]), u=normal(6, 3))
    branch = _model(_BRANCH, a=normal(72, 3), half=np.array(0.5, np.float32))
    found = [convolution, attention, branch]
    with tempfile.TemporaryDirectory() as folder:
        for name, content in arrays().items():
            Path(folder, name).write_bytes(content)
        onnx.save(convolution, Path(folder, "model.onnx"))
        layers = [node.name for node in convolution.graph.node if node.op_type == "Conv"]
        rewritten = hawx_onnx.apply(
            Path(folder, "model.onnx"),
            {layers[0]: "mul8s_trunc2"},
            data=Path(folder, "data.npz"),
            jobs=1,
        )
    return tuple(model.SerializeToString() for model in (*found, rewritten))


RUN: Mapping[str, Any] = {
    "candidates": ("mul8s_trunc2", "mul8s_trunc4"),
    "confidence": 0.5,
    "max_accuracy_drop": 0.5,
    "max_evaluations": 3,
    "fold_bias": False,
    "map_weights": False,
    "rescale": False,
    "jobs": 1,
}
"""How the runs of `runs` were made; the folder holds ``model.onnx`` and ``data.npz`` too."""


@functools.cache
def runs() -> tuple[dict[str, bytes], ...]:
    """What `optimize` leaves behind: of a run that is finished, and of one that chose nothing."""
    found = []
    for limit in (None, 1e-9):
        with tempfile.TemporaryDirectory() as folder:
            lay_run(Path(folder))
            with contextlib.suppress(BudgetError):
                optimize_run(Path(folder), max_power=limit)
            out = sorted(Path(folder, "run").iterdir())
            found.append({path.name: path.read_bytes() for path in out})
    return tuple(found)


def lay_run(folder: Path) -> None:
    """Lays down the model and the data of the runs."""
    (folder / "model.onnx").write_bytes(models()[0])
    for name, content in arrays().items():
        (folder / name).write_bytes(content)


def optimize_run(folder: Path, **options: object) -> None:
    """Runs `optimize` into the folder ``run``."""
    model, data = folder / "model.onnx", folder / "data.npz"
    hawx_onnx.optimize(model, output=folder / "run", data=data, **{**RUN, **options})


def _model(text: str, **tensors: np.ndarray) -> onnx.ModelProto:
    model = onnx.parser.parse_model(_HEAD + text)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}{number}"
    for name, values in tensors.items():
        model.graph.initializer.append(numpy_helper.from_array(values, name))
    return model
