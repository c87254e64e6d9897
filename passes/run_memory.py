"""How many samples can be run at once within a limit on memory."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np
import onnx

from hawx_onnx.errors import ConfigError
from hawx_onnx.frontend.copies import without_weights
from hawx_onnx.frontend.graph_checks import tensors_read
from hawx_onnx.frontend.model import DEFAULT_BATCH, batches
from hawx_onnx.memory import MEBIBYTE, describe_bytes, release_freed, resident_bytes
from hawx_onnx.runtime.model_session import APART
from hawx_onnx.runtime.runner import Runner, data_input

MARGIN = 32 * MEBIBYTE
"""Scratch of operators and of the allocator, which does not depend on the batch."""
SLACK = 2.0
"""Memory of a run over that of its tensors: onnxruntime allocates in pieces that grow."""
AMPLE = 4.0
"""How many times what is needed leaves no doubt that it fits."""
STEPS = 32
"""Into how many steps of what a process holds its limit is cut."""


def tensor_bytes(
    model: onnx.ModelProto, x: np.ndarray, threads: int = 0
) -> tuple[dict[str, int], int]:
    """Bytes of every tensor that a model computes, of one batch of the least size.

    Taken from the shapes that follow from the model; where they do not, measured.

    Args:
        model: A model with one data input.
        x: Samples; the first one is run, as many times as a fixed batch size asks for.
        threads: Threads within an operator.

    Returns:
        Tensor -> bytes, the input's own included, and the samples of that run.
    """
    spec = data_input(model)
    rows, _ = next(iter(batches(x[:1], spec, 1)))
    known = _inferred_bytes(model, spec.feeds(rows))
    if known is not None:
        return known, len(rows)
    names = [name for node in model.graph.node for name in node.output if name]
    runner = Runner(model, threads=threads, expose=names)
    values = runner.run_batch(rows, names)
    sizes = {
        name: int(getattr(value, "nbytes", 0)) for name, value in zip(names, values, strict=True)
    }
    return {**_bytes(spec.feeds(rows)), **sizes}, len(rows)


def _bytes(arrays: Mapping[str, np.ndarray]) -> dict[str, int]:
    return {name: array.nbytes for name, array in arrays.items()}


def _inferred_bytes(
    model: onnx.ModelProto, feeds: Mapping[str, np.ndarray]
) -> dict[str, int] | None:
    """The same without a run; None where a shape does not follow from the model."""
    fixed = without_weights(model, APART)
    for value in fixed.graph.input:
        if value.name in feeds:
            number, shape = value.type.tensor_type.elem_type, feeds[value.name].shape
            value.CopyFrom(onnx.helper.make_tensor_value_info(value.name, number, shape))
    try:
        graph = onnx.shape_inference.infer_shapes(fixed, data_prop=True).graph
    except Exception:  # what onnx cannot infer is measured
        return None
    sizes = _bytes(feeds)
    for value in (*graph.value_info, *graph.output):
        kind = value.type.tensor_type
        dims = [dim.dim_value if dim.HasField("dim_value") else -1 for dim in kind.shape.dim]
        if not value.type.HasField("tensor_type") or not kind.HasField("shape") or -1 in dims:
            return None
        sizes[value.name] = math.prod(dims) * element_bytes(kind.elem_type)
    names = {name for node in model.graph.node for name in node.output if name}
    return sizes if names <= sizes.keys() else None


def element_bytes(number: int) -> int:
    """Bytes of one element of an ONNX type; those of the largest where it has no fixed size."""
    try:
        return max(1, onnx.helper.tensor_dtype_to_np_dtype(number).itemsize)
    except KeyError:
        return 16


def live_bytes(model: onnx.ModelProto, sizes: Mapping[str, int], kept: Collection[str]) -> int:
    """The most that tensors of a run take together, each from its node to its last reader.

    Args:
        model: The model; its inputs are not counted.
        sizes: Bytes of its tensors.
        kept: Tensors that stay to the end, besides the outputs.
    """
    stay = {*kept, *(value.name for value in model.graph.output)}
    last: dict[str, int] = {}
    for place, node in enumerate(model.graph.node):
        for name in tensors_read(node):
            last[name] = place
    ends: dict[int, list[str]] = {}
    live = most = 0
    for place, node in enumerate(model.graph.node):
        for name in filter(None, node.output):
            live += sizes.get(name, 0)
            if name not in stay:
                ends.setdefault(last.get(name, place), []).append(name)
        most = max(most, live)
        live -= sum(sizes.get(name, 0) for name in ends.pop(place, ()))
    return most


def plenty(limit: int, needed: float) -> bool:
    """Whether some bytes fit beyond doubt, so that nobody has to look closely."""
    return resident_bytes() + AMPLE * (SLACK * needed + MARGIN) <= limit


def fitting_batch(
    limit: int, each: float, fixed: int = 0, *, least: int = 1, most: int = DEFAULT_BATCH
) -> int:
    """Samples of a batch that fits beside what this process holds already.

    Args:
        limit: Bytes that the process may hold.
        each: Bytes of tensors for each sample of a batch.
        fixed: Further bytes, whatever the batch.
        least: The smallest batch that can be run, of a model with a fixed batch size that.
        most: The largest that is of use.

    Raises:
        ConfigError: Not even the smallest batch fits; the text says how much is needed.
    """
    if plenty(limit, each * most + fixed):
        return most
    release_freed()  # takes longer than a small network's run
    # In steps: what a process holds differs a little each time, and samples must not.
    step = max(1, limit // STEPS)
    around = -(-resident_bytes() // step) * step + fixed + MARGIN
    count = int((limit - around) / max(1.0, SLACK * each))
    if count < least:
        needed = around + int(SLACK * each * least)
        raise ConfigError(
            f"{describe_bytes(limit)} is too little: a batch of {least} needs "
            f"{describe_bytes(needed)}, {describe_bytes(around - MARGIN)} of it besides the batch",
            where="--memory-limit",
            mend=f"give at least {describe_bytes(needed)}"
            + (", or lower --score-samples" if fixed else ""),
        )
    return min(count, most)
