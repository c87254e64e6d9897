"""Open a batch size that the file fixes, so that many samples run at once."""

from __future__ import annotations

import numpy as np
import onnx

from hawx_onnx.errors import HawxError
from hawx_onnx.frontend.model import model_input
from hawx_onnx.passes.base import LeftAlone, Pass, PassResult, PassState
from hawx_onnx.passes.graph import copy_of, metadata, set_metadata
from hawx_onnx.runtime.runner import Runner, mixes_samples

BATCH_KEY = "hawx.batch"
# Samples that both forms are run on: more than one batch, and no multiple of a usual one.
SAMPLES = 9


class OpenBatch(Pass):
    """Leaves the batch size open where every sample then gives the same bytes as before.

    One call for many samples takes a fraction of the time of many calls. ``close_batch`` gives the
    rewritten model the user's size back.
    """

    name = "open-batch"

    def __init__(self, threads: int = 0) -> None:
        self.threads = threads

    def call(self, state: PassState) -> PassResult:
        """Opens the batch and runs both forms on calibration samples."""
        spec = model_input(state.model)
        size = spec.shape[0] if spec.shape else None
        if size is None or state.dataset is None:
            return PassResult(state, False)
        if mixes_samples(state.model):
            reason = f"ranges are found at run time, over batches of {size}"
            return PassResult(state, False, (LeftAlone(spec.name, "input", reason),))
        x = state.dataset.calibration.x[: max(SAMPLES, size + 1)]
        opened = opened_copy(state.model, size)
        if len(x) < 2 or not same_outputs(state.model, opened, x, self.threads):
            reason = f"the batch size of {size} is part of what the graph computes"
            return PassResult(state, False, (LeftAlone(spec.name, "input", reason),))
        set_metadata(opened, {BATCH_KEY: str(size)})
        return PassResult(state.replace(model=opened), True)


def opened_copy(model: onnx.ModelProto, size: int) -> onnx.ModelProto:
    """A copy whose input and outputs leave the batch size open; not checked.

    A Reshape to a constant shape that starts with the batch size copies that axis of its input
    instead.
    """
    opened = copy_of(model)
    graph = opened.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    values = [*graph.output, *(v for v in graph.input if v.name not in constants)]
    for value in values:
        dims = value.type.tensor_type.shape.dim
        if dims and dims[0].dim_value == size:
            dims[0].dim_param = "batch"
    del graph.value_info[:]
    for index, node in enumerate(graph.node):
        if node.op_type != "Reshape" or any(a.name == "allowzero" and a.i for a in node.attribute):
            continue
        shape = constants.get(node.input[1])
        if shape is None:
            continue
        sizes = np.array(onnx.numpy_helper.to_array(shape))
        if sizes.size and sizes[0] == size:
            sizes[0] = 0
            node.input[1] = f"hawx.open_batch.{index}"
            graph.initializer.append(onnx.numpy_helper.from_array(sizes, node.input[1]))
    return opened


def same_outputs(
    fixed: onnx.ModelProto, opened: onnx.ModelProto, x: np.ndarray, threads: int
) -> bool:
    """Whether one batch of all samples gives the bytes that the fixed batches give."""
    try:
        wanted = list(Runner(fixed, threads=threads).stream(x))
        (given,) = Runner(opened, threads=threads).stream(x, batch=len(x))
    except HawxError:
        return False
    stacked = [np.concatenate(parts) for parts in zip(*wanted, strict=True)]
    return all(
        a.shape == b.shape and a.tobytes() == b.tobytes()
        for a, b in zip(stacked, given, strict=True)
    )


def close_batch(model: onnx.ModelProto) -> None:
    """Gives a model that ``OpenBatch`` opened its batch size back, in place."""
    given = metadata(model).get(BATCH_KEY)
    if given is None:
        return
    constants = {tensor.name for tensor in model.graph.initializer}
    for value in (*model.graph.output, *model.graph.input):
        dims = value.type.tensor_type.shape.dim
        if value.name not in constants and dims and dims[0].dim_param == "batch":
            dims[0].dim_value = int(given)
    kept = [entry for entry in model.metadata_props if entry.key != BATCH_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
