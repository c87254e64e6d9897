"""Models, damaged: costed, run, and rewritten."""

from __future__ import annotations

from pathlib import Path

import onnx
from hypothesis import strategies as st

import hawx_onnx
from fuzzing import models
from fuzzing.protobufs import damaged_models
from fuzzing.strategies import Draw, Files


@st.composite
def damaged_networks(draw: Draw) -> Files:
    """A model that is damaged, and data."""
    files = {"model.onnx": draw(damaged_models(models.models())), **models.arrays()}
    if draw(st.integers(1, 16)) == 7:  # the ends of a range are drawn more often
        files["rewrite"] = b""
    return files


def read_network(folder: Path) -> None:
    """Costs and runs it, and quantises and rewrites every sixteenth."""
    path, data = folder / "model.onnx", folder / "data.npz"
    hawx_onnx.cost(path)
    hawx_onnx.evaluate(path, data=data, jobs=1)
    if (folder / "rewrite").exists():
        layers = [node.name for node in onnx.load(path).graph.node if node.op_type == "Conv"]
        hawx_onnx.apply(path, dict.fromkeys(layers[:1], "mul8s_trunc2"), data=data, jobs=1)
