"""Speed of the approximate operators against onnxruntime's exact ones, side by side in one run.

    python benchmarks/kernels.py [--repeats N] [--threads N] [--json FILE]

For each shape the exact QLinearConv (uint8 activations, int8 weights: onnxruntime's fast path) and
ApproxQLinearConv with a general truth table take turns; the medians and their ratio are printed,
with the throughput in GMAC/s. Absolute times depend on the machine; the ratio is what counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from hawx_onnx import components
from hawx_onnx.passes.approximate import with_tables
from hawx_onnx.runtime.library import create_session, describe_kernels


@dataclass(frozen=True)
class Shape:
    """A convolution: input channels, output channels, window, height and width, batch."""

    name: str
    channels: int
    filters: int
    window: int
    size: int
    batch: int
    groups: int = 1


SHAPES = (
    Shape("LeNet-5 conv2", 6, 16, 5, 14, 16),
    Shape("VGG-11 128->256", 128, 256, 3, 8, 1),
    Shape("VGG-11 128->256", 128, 256, 3, 8, 16),
    Shape("ResNet-18 64->64", 64, 64, 3, 32, 1),
    Shape("pointwise 112->672", 112, 672, 1, 14, 1),
    Shape("depthwise 672 5x5", 672, 672, 5, 14, 1, 672),
    Shape("linear 768->768", 768, 768, 1, 1, 128),
)


def exact_model(shape: Shape, rng: np.random.Generator) -> onnx.ModelProto:
    """A QLinearConv with uint8 activations and int8 weights, padded to keep its size."""
    depth = shape.channels // shape.groups
    weights = rng.integers(-127, 128, (shape.filters, depth, shape.window, shape.window), np.int8)
    constants = {
        "x_scale": np.float32(0.02),
        "x_zero": np.uint8(0),
        "w": weights,
        "w_scale": np.full(shape.filters, 0.01, np.float32),
        "w_zero": np.zeros(shape.filters, np.int8),
        "y_scale": np.float32(0.5),
        "y_zero": np.uint8(128),
        "bias": rng.integers(-1000, 1000, shape.filters, np.int32),
    }
    node = helper.make_node(
        "QLinearConv",
        ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias"],
        ["y"],
        "conv",
        group=shape.groups,
        kernel_shape=[shape.window] * 2,
        pads=[shape.window // 2] * 4,
    )
    dims = [shape.batch, shape.channels, shape.size, shape.size]
    graph = helper.make_graph(
        [node],
        "benchmark",
        [helper.make_tensor_value_info("x", TensorProto.UINT8, dims)],
        [helper.make_tensor_value_info("y", TensorProto.UINT8, [None] * 4)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def general_table(rng: np.random.Generator) -> np.ndarray:
    """A truth table without any structure: int32 [256, 256], 16-bit entries."""
    noise = rng.integers(-200, 201, (256, 256), np.int32)
    return np.clip(components.exact_table(components.Encoding.SIGNED) + noise, -32768, 32767)


def measure(shape: Shape, repeats: int, threads: int) -> dict[str, object]:
    """Median seconds of the exact and the approximate operator, runs taking turns."""
    rng = np.random.default_rng(0)
    model = exact_model(shape, rng)
    index = {"conv": np.zeros(shape.filters, np.int32)}
    approximate = with_tables(model, general_table(rng)[None], index, portable=False)
    sessions = [
        create_session(model.SerializeToString(), threads=threads, use_library=True),
        create_session(approximate.SerializeToString(), threads=threads, use_library=True),
    ]
    dims = (shape.batch, shape.channels, shape.size, shape.size)
    feeds = {"x": rng.integers(0, 256, dims, np.uint8)}
    times: list[list[float]] = [[], []]
    for turn in range(repeats + 1):
        for session, record in zip(sessions, times, strict=True):
            start = time.perf_counter()
            (output,) = session.run(None, feeds)
            if turn:
                record.append(time.perf_counter() - start)
    macs = output.size * (shape.channels // shape.groups) * shape.window**2
    exact, ours = (statistics.median(record) for record in times)
    return {
        "shape": shape.name,
        "batch": shape.batch,
        "exact_ms": 1e3 * exact,
        "approximate_ms": 1e3 * ours,
        "ratio": ours / exact,
        "exact_gmacs": macs / exact / 1e9,
        "approximate_gmacs": macs / ours / 1e9,
    }


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", metavar="FILE")
    args = parser.parse_args()
    kernel = describe_kernels(general_table(np.random.default_rng(0)))["chosen"][0]
    print(f"kernel {kernel}, {args.threads} thread(s), median of {args.repeats}")
    print(f"{'shape':22}{'batch':>6}{'exact ms':>10}{'approx ms':>11}{'ratio':>7}{'GMAC/s':>8}")
    rows = [measure(shape, args.repeats, args.threads) for shape in SHAPES]
    for row in rows:
        print(
            f"{row['shape']:22}{row['batch']:6}{row['exact_ms']:10.3f}"
            f"{row['approximate_ms']:11.3f}{row['ratio']:7.1f}{row['approximate_gmacs']:8.1f}"
        )
    if args.json:
        Path(args.json).write_text(json.dumps({"kernel": kernel, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
