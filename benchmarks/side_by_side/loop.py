"""The plain look-up loop in C, compiled when it is asked for."""

from __future__ import annotations

import ctypes
import functools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from side_by_side.nodes import Layer

SOURCE = Path(__file__).resolve().parent.parent / "lookup_loop.c"
FLAGS = ("-O3", "-march=native", "-shared", "-fPIC")


@functools.cache
def _library() -> ctypes.CDLL:
    """Compiles and loads lookup_loop.c.

    Raises:
        SystemExit: There is no C compiler, or it fails.
    """
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        raise SystemExit("there is no C compiler for the look-up loop; install one, or set CC")
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "lookup_loop.so"
        done = subprocess.run(
            [compiler, *FLAGS, str(SOURCE), "-o", str(target)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise SystemExit(f"{compiler} cannot compile {SOURCE.name}: {done.stderr.strip()}")
        library = ctypes.CDLL(str(target))  # stays mapped when the file is gone
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    library.lookup_loop.argtypes = [pointer, pointer, pointer, size, size, size, size, pointer]
    library.lookup_loop.restype = None
    return library


def unfolded(layer: Layer, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Activations [groups, positions, depth] and weights [groups, channels, depth], uint8.

    Positions run over all images; padding holds the code 0.
    """
    shape, w = layer.shape, layer.weights
    if shape.op == "matmul":
        return x.view(np.uint8)[None], np.ascontiguousarray(w.T).view(np.uint8)[None]
    around = (shape.pad, shape.pad)
    padded = np.pad(x, ((0, 0), (0, 0), around, around)).view(np.uint8)
    windows = sliding_window_view(padded, (shape.window, shape.window), axis=(2, 3))
    batch, _, height, width = windows.shape[:4]
    windows = windows.reshape(batch, shape.groups, -1, height, width, *windows.shape[4:])
    columns = windows.transpose(1, 0, 3, 4, 2, 5, 6)
    columns = columns.reshape(shape.groups, batch * height * width, shape.depth)
    return columns, w.view(np.uint8).reshape(shape.groups, -1, shape.depth)


def loop_run(
    layer: Layer, x: np.ndarray, table: np.ndarray
) -> tuple[Callable[[], object], np.ndarray]:
    """Prepares the loop on one thread.

    Args:
        layer: Sizes and weights.
        x: int8 activations.
        table: int32 [256, 256].

    Returns:
        What runs it once, and its output: int32 accumulators without bias [groups, channels of a
        group, positions], which each run fills.
    """
    columns, weights = unfolded(layer, x)
    (groups, positions, depth), channels = columns.shape, weights.shape[1]
    sums = np.zeros((groups, channels, positions), np.int32)
    function = _library().lookup_loop
    held = [np.ascontiguousarray(array) for array in (columns, weights, table.astype(np.int32))]

    def run() -> None:
        first, second, third = (array.ctypes.data for array in held)
        function(first, second, third, groups, positions, channels, depth, sums.ctypes.data)

    return run, sums


def loop_output(layer: Layer, x: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The layer's int8 output by way of the loop, in the shape of the operator's."""
    from hawx_onnx.runtime.reference import requantize

    run, sums = loop_run(layer, x, table)
    run()
    shape = layer.shape
    flat = sums.reshape(shape.filters, len(x), -1).swapaxes(0, 1)  # [batch, filters, positions]
    if layer.bias is not None:
        flat = (flat.view(np.uint32) + layer.bias.view(np.uint32)[:, None]).view(np.int32)
    scales = np.float32(1) * layer.w_scale / layer.y_scale
    codes = requantize(flat, scales[:, None], np.int8(0))
    side = shape.size + 2 * shape.pad - shape.window + 1
    dims = (len(x), shape.filters, side, side) if shape.op == "conv" else (len(x), shape.filters)
    return codes.reshape(dims)
