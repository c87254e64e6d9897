"""Portable bodies in a stock onnxruntime: sums of products against look-ups, and the library.

    python benchmarks/portable.py [--model FILE] [--multipliers NAMES] [--batch N] [--repeats N]

Every candidate layer of the model gets the multiplier. The body that makes use of factors, the one
that only looks products up, and the library run the same samples on one thread, in turn; medians
of processor time are printed, and the outputs are checked to be the same bytes.
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path

import numpy as np
import onnx

from hawx_onnx import components, models
from hawx_onnx.assignment import Assignment
from hawx_onnx.frontend.data import load_dataset
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.passes import (
    Canonicalize,
    FindCandidates,
    LowerQdq,
    PassState,
    Quantize,
    Rewrite,
)
from hawx_onnx.passes.graph import default_opset
from hawx_onnx.passes.portable import portable_body
from hawx_onnx.runtime.runner import Runner

PATHS = ("products", "look-ups", "library")


def rewritten(path: Path, name: str) -> tuple[onnx.ModelProto, np.ndarray]:
    """The model with one multiplier in every candidate, and samples for it."""
    model, multiplier = load_model(path), components.load(name)
    dataset = load_dataset("synthetic", model_input(model))
    exact = components.exact(multiplier.encoding)
    state = PassState(model, dataset, (exact, multiplier))
    for one in (Canonicalize(), Quantize(multiplier.encoding), LowerQdq(), FindCandidates()):
        state = one(state)
    assignment = Assignment.of({candidate.name: name for candidate in state.candidates})
    return Rewrite()(state.replace(assignment=assignment)).model, dataset.test.x


def looking_up(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with bodies that make no use of factors."""
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    del copy.functions[:]
    opset = default_opset(model)
    copy.functions.extend(portable_body(body.name, opset) for body in model.functions)
    return copy


def measure(path: Path, name: str, batch: int, repeats: int) -> dict[str, float]:
    """Median milliseconds of processor time of each way to run a batch."""
    model, x = rewritten(path, name)
    runners = (
        Runner(model, threads=1, use_library=False),
        Runner(looking_up(model), threads=1, use_library=False),
        Runner(model, threads=1, use_library=True),
    )
    times: dict[str, list[float]] = {way: [] for way in PATHS}
    for turn in range(repeats + 1):
        outputs = []
        for way, runner in zip(PATHS, runners, strict=True):
            start = time.thread_time()
            outputs.append(runner.run(x[:batch], batch=batch))
            if turn:
                times[way].append(1e3 * (time.thread_time() - start))
        if any(output.tobytes() != outputs[0].tobytes() for output in outputs):
            raise SystemExit(f"{name}: the outputs differ")
    return {way: statistics.median(record) for way, record in times.items()}


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, default=models.reference("lenet5").path)
    parser.add_argument("--multipliers", default="mul8s_trunc2,mul8u_trunc2,mul8sm_drum6")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    print(f"{args.model.name}, batch {args.batch}: processor ms of one thread, {args.repeats} runs")
    print(f"{'multiplier':20}{'products':>10}{'look-ups':>10}{'library':>10}{'speed-up':>10}")
    for name in args.multipliers.split(","):
        ms = measure(args.model, name, args.batch, args.repeats)
        cells = "".join(f"{ms[way]:10.2f}" for way in PATHS)
        print(f"{name:20}{cells}{ms['look-ups'] / ms['products']:10.1f}")


if __name__ == "__main__":
    main()
