"""What a direction of reverse mode costs, in forward passes of the same int8 network.

    python benchmarks/gradient.py ../shared/data/models/resnet20_cifar10_fp32.onnx --batch 32
    python benchmarks/gradient.py --quick      # the shipped LeNet-5

One thread; processor time, so that other programs count little; the best of several runs.
Weights are those of the file, samples are random: times do not depend on them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from hawx_onnx import components, models
from hawx_onnx.components import Encoding, stacked_factors
from hawx_onnx.frontend.copies import exposed
from hawx_onnx.frontend.data import Dataset, Split
from hawx_onnx.frontend.model import load_model, model_input
from hawx_onnx.passes import Canonicalize, FindCandidates, LowerQdq, PassState, Quantize
from hawx_onnx.passes.approximate import with_tables
from hawx_onnx.passes.gradient import build_gradient, split_gradient
from hawx_onnx.runtime.library import create_session

CALIBRATION = 16
COLUMNS = ("onnxruntime forward", "library forward", "saving tensors", "prepare", "one direction")


def prepared(source: onnx.ModelProto, x: np.ndarray) -> PassState:
    """The int8 graph with its candidates, signed codes."""
    data = Dataset(
        "random", *(Split(n, x, None) for n in ("calibration", "validation", "test")), ""
    )
    state = PassState(source, data, (components.exact(Encoding.SIGNED),))
    for one in (Canonicalize(), Quantize(Encoding.SIGNED), LowerQdq(), FindCandidates()):
        state = one(state)
    return state


def best(session: Any, feeds: Mapping[str, np.ndarray], runs: int) -> tuple[float, dict[str, Any]]:  # noqa: ANN401
    """Processor seconds of the fastest run, and the outputs by name."""
    given = {value.name: feeds[value.name] for value in session.get_inputs()}
    names = [value.name for value in session.get_outputs()]
    if not names:
        return 0.0, {}
    seconds = []
    for _ in range(runs + 1):
        start = time.process_time()
        results = session.run(names, given)
        seconds.append(time.process_time() - start)
    return min(seconds[1:]), dict(zip(names, results, strict=True))


def open_session(model: onnx.ModelProto) -> Any:  # noqa: ANN401
    """One thread, with the library."""
    return create_session(model.SerializeToString(), threads=1, use_library=True)


def measure(source: onnx.ModelProto, batch: int, runs: int) -> list[float]:
    """Milliseconds for each sample, as in ``COLUMNS``."""
    spec = model_input(source)
    shape = [size or 1 for size in spec.shape[1:]]
    count = spec.shape[0] or batch
    rng = np.random.default_rng(0)
    x = rng.standard_normal((max(count, CALIBRATION), *shape)).astype(spec.dtype)
    state = prepared(source, x[:CALIBRATION])
    exact = (components.exact(Encoding.SIGNED),)
    index = {c.name: np.zeros(c.channels, np.int32) for c in state.candidates}
    tables = np.stack([m.table for m in exact])
    fast = with_tables(state.model, tables, index, factors=stacked_factors(exact), portable=False)
    gradient = build_gradient(state.model, list(index))
    split = split_gradient(gradient)
    feeds = {spec.name: x[:count]}
    times = [best(open_session(model), feeds, runs)[0] for model in (state.model, fast)]
    seconds, saved = best(open_session(exposed(fast, gradient.forward)), feeds, runs)
    feeds |= saved
    for value in state.model.graph.output:
        shape = saved[value.name].shape
        feeds[f"cotangent/{value.name}"] = rng.standard_normal(shape).astype(np.float32)
    preparing, ready = best(open_session(split.prepare), feeds, runs)
    direction, _ = best(open_session(split.backward), feeds | ready, runs)
    return [1e3 * t / count for t in (*times, seconds, preparing, direction)]


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", nargs="*", type=Path, help="float models")
    parser.add_argument("--batch", type=int, default=32, help="samples in a run")
    parser.add_argument("--runs", type=int, default=10, help="runs of which the best counts")
    parser.add_argument("--quick", action="store_true", help="the shipped LeNet-5, three runs")
    arguments = parser.parse_args()
    paths = arguments.models or [models.reference("lenet5").path]
    print(f"| network, ms for each sample | {' | '.join(COLUMNS)} | direction / library forward |")
    print("| --- " * (len(COLUMNS) + 2) + "|")
    for path in paths:
        source = load_model(path)
        times = measure(source, arguments.batch, 3 if arguments.quick else arguments.runs)
        cells = " | ".join(f"{t:.3f}" for t in times)
        print(f"| {path.stem} | {cells} | {times[-1] / times[1]:.1f} |")


if __name__ == "__main__":
    main()
