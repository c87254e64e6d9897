"""Documents that one run writes and another reads, damaged."""

from __future__ import annotations

import functools
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

import hawx_onnx
from fuzzing import models
from fuzzing.strategies import Files, alone, damaged_documents, json_text
from hawx_onnx.assignment import Assignment
from hawx_onnx.checks import measure_baseline
from hawx_onnx.settings import Settings

_ASSIGNMENT = {
    "assignment": {"conv0": "mul8s_trunc2", "gemm5": ["mul8s_trunc2"] * 3},
    "energies_fj": {"conv0": {"mul8s_trunc2": 10.5, "mul8s_exact": 100.0}},
    "around_fj": {"conv0": {"mul8s_trunc2": 1.5, "mul8s_exact": 1.0}},
    "stays": "output",
    "technology": "osu018-1.8V-unit-delay-flow1",
}  # fmt: skip


def assignment_files() -> st.SearchStrategy[Files]:
    """An ``assignment.json``."""
    texts = [json_text(_ASSIGNMENT).encode()]
    return alone("assignment.json", damaged_documents([_ASSIGNMENT], texts, json_text))


def read_assignment(folder: Path) -> None:
    """Costs a model by it."""
    path = folder / "assignment.json"
    assignment = Assignment.load(path)
    model = folder.parent / "costed.onnx"
    if not model.exists():
        model.write_bytes(models.models()[0])
    hawx_onnx.cost(model, assignment=assignment)


@functools.cache
def _baselines() -> tuple[dict[str, Any], ...]:
    """A baseline file as `check` writes it, and the report of a run."""
    with tempfile.TemporaryDirectory() as folder:
        models.lay_run(Path(folder))
        settings = Settings(data=str(Path(folder, "data.npz")), jobs=1)
        written = measure_baseline(str(Path(folder, "model.onnx")), settings, "test", False)
    return written, json.loads(models.runs()[0]["report.json"])


def baseline_files() -> st.SearchStrategy[Files]:
    """A baseline, or a ``report.json``."""
    texts = [json_text(tree).encode() for tree in _baselines()]
    return alone("baseline.json", damaged_documents(_baselines(), texts, json_text))


def read_baseline_file(folder: Path) -> None:
    """Holds the accuracy of a model against it."""
    at = folder.parent / "held"
    if not at.exists():
        at.mkdir()
        models.lay_run(at)
    hawx_onnx.check(
        at / "model.onnx", baseline=folder / "baseline.json", data=at / "data.npz", jobs=1
    )
