"""What scoring costs, in seconds of the processor: other programs do not count."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from hawx_onnx.frontend.data import Split
from hawx_onnx.memory import parse_bytes
from hawx_onnx.passes import Calibrate, PassState, Score, responses
from hawx_onnx.passes.exact_form import exact_form
from hawx_onnx.passes.layer_level import LayerLevel, SampleRuns
from hawx_onnx.passes.measured_error import measure_errors
from hawx_onnx.passes.operator_level import score_operator
from hawx_onnx.passes.responses import LayerResponses
from hawx_onnx.runtime.runner import Runner
from scoring.channels import calibrated, filter_scores
from scoring.subjects import Subject

SAMPLES = 256
ANALYZE = """
import sys
from hawx_onnx.cli.main import main
from hawx_onnx.memory import peak_bytes
code = main(sys.argv[1:])
print(peak_bytes(), file=sys.stderr)
sys.exit(code)
"""


def cpu_seconds(work: Callable[[], object], repeats: int = 1) -> float:
    """The least time that one run took: with one thread, what an idle core would take."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def exact_passes(state: PassState) -> dict[str, float]:
    """Seconds of one exact int8 forward pass over the samples: onnxruntime's own, and ours."""
    assert state.dataset is not None
    x = state.dataset.calibration.x[:SAMPLES]
    runners = {
        "onnxruntime": Runner(state.model, threads=1),
        "library": Runner(exact_form(state), threads=1, use_library=True),
    }
    return {name: cpu_seconds(lambda r=runner: r.run(x), 3) for name, runner in runners.items()}


def operator_level(state: PassState) -> PassState:
    """Counts codes, measures spreads, scores every layer: the whole of the operator level."""
    assert state.dataset is not None
    few = Split("calibration", state.dataset.calibration.x[:SAMPLES], None)
    state = Calibrate(1)(state.replace(dataset=replace(state.dataset, calibration=few)))
    measured = measure_errors(state, few.x, 1)
    for candidate in state.candidates:
        score_operator(state, candidate, measured[candidate.name])
    return state


def level_rows(name: str, state: PassState) -> list[dict[str, Any]]:
    """Operator and filter level over exact passes, layer level over its own runs."""
    assert state.dataset is not None
    passes = exact_passes(state)
    operator = cpu_seconds(lambda: operator_level(state), 2)
    filters = cpu_seconds(lambda: filter_scores(calibrated(state)))
    filters -= cpu_seconds(lambda: calibrated(state))
    x = state.dataset.calibration.x[:SAMPLES]
    whole, stream, runs = layer_seconds(state, x)
    return [
        {
            "network": name,
            "multipliers": len(state.multipliers) - 1,
            "samples": len(x),
            "exact_pass_seconds": passes,
            "operator_seconds": operator,
            "filter_seconds": filters,
            "of_exact_passes": {k: (operator + filters) / v for k, v in passes.items()},
            "layer_seconds": whole,
            "layer_of_runs": whole / runs,
            "stream_of_runs": stream / runs,
        }
    ]


def layer_seconds(state: PassState, x: np.ndarray) -> tuple[float, float, float]:
    """Seconds of the layer level with all set-up, of its streaming alone, and of its own runs."""
    own: list[float] = []
    run = responses.run

    def timed(*words: object) -> list[np.ndarray]:
        start = time.process_time()
        result = run(*words)
        own.append(time.process_time() - start)
        return result

    with mock.patch.object(responses, "run", timed):
        start = time.process_time()
        probe = LayerResponses(state.model, state.candidates, state.multipliers, 1)
        batch = probe.fitting_batch(x, parse_bytes("2G"), 10)
        begun = time.process_time()
        for _ in LayerLevel(SampleRuns(probe, x)).stream(batch=batch):
            pass
        end = time.process_time()
    return end - start, end - begun, sum(own)


def all_levels_seconds(state: PassState) -> float:
    """Calibration and all levels of the score, on 256 samples."""

    def work() -> None:
        Score(SAMPLES, 1)(Calibrate(1)(state))

    return cpu_seconds(work, 3)


def memory_row(
    subject: Subject, limit: str, candidates: str, library: Path | None
) -> dict[str, Any]:
    """Peak memory of a whole ``hawx-onnx analyze`` in a process of its own, or what it needs."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["analyze", str(subject.path), "-o", folder, "--memory-limit", limit]
        words += ["--candidates", candidates, "--jobs", "1", "-q"]
        if subject.data:
            card = Path(folder) / "preprocessing.yaml"
            card.write_text(json.dumps(subject.preprocessing))  # JSON is YAML
            words += ["--data", str(subject.data[-1]), "--preprocess", str(card)]
        if library is not None:
            words += ["--library", str(library)]
        done = subprocess.run(
            [sys.executable, "-c", ANALYZE, *words], capture_output=True, text=True, check=False
        )
    peak = int(done.stderr.split()[-1])
    if done.returncode:  # refused: the last word of the advice is what is needed
        needed = done.stderr.split("give at least ")[1].split()[0].rstrip(",")
        return {"network": subject.name, "limit": limit, "peak_bytes": None, "needs": needed}
    return {"network": subject.name, "limit": limit, "peak_bytes": peak, "needs": None}
