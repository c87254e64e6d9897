"""Types and sizes of all tensors of a model.

Sizes that depend on the batch are found by trial: shape inference runs with a few numbers in the
place of each open size of the inputs. A size that stays the same is fixed; one that follows an open
size of the inputs gets its name, so that rules can tell equal sizes from broadcast ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from hawx_onnx.passes.gradient.node import Shape
from hawx_onnx.passes.graph import copy_of

Types = dict[str, tuple[np.dtype[Any], Shape | None]]
_BATCHES = (2, 3, 7)
# Other open sizes may be those of images, which networks halve five times.
_LENGTHS = (224, 320, 512)
_STEP = 32
# Constants with more values are no sizes, axes or scales, on which shapes depend.
_SMALL = 1024


def types_of(model: onnx.ModelProto) -> Types:
    """Element type and shape of each tensor whose type can be told.

    Args:
        model: A model; operators that onnxruntime has not are skipped.

    Returns:
        Tensor -> type and sizes: numbers, names of open sizes of the inputs, or None.
    """
    light = _without_weights(model)
    names = _open_sizes(light)
    types = {**_declared((*model.graph.value_info, *model.graph.output)), **_inferred(light)}
    if names:
        trials = [_trial(light, names, index) for index in range(len(_BATCHES))]
        for tensor, (dtype, shape) in types.items():
            found = [trial.get(tensor, (dtype, None))[1] for trial in trials]
            types[tensor] = (dtype, _generalized(shape, found, names))
    for initializer in model.graph.initializer:
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(initializer.data_type))
        types[initializer.name] = (dtype, tuple(initializer.dims))
    return types


def _without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with large constants as inputs, names for all open sizes, all tensors as outputs."""
    copy = onnx.ModelProto()
    copy.opset_import.extend(model.opset_import)
    copy.functions.extend(model.functions)
    copy.ir_version = max(model.ir_version, 4)  # constants need not be inputs
    copy.graph.name = "shapes"
    copy.graph.node.extend(model.graph.node)
    constants = {tensor.name for tensor in model.graph.initializer}
    copy.graph.input.extend(v for v in model.graph.input if v.name not in constants)
    for value in copy.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if not dim.dim_value and not dim.dim_param:
                dim.dim_param = f"{value.name}.{axis}"
    for tensor in model.graph.initializer:
        if int(np.prod(tensor.dims)) <= _SMALL:
            copy.graph.initializer.append(tensor)
        else:
            value = helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
            copy.graph.input.append(value)
    written = dict.fromkeys(name for node in copy.graph.node for name in node.output if name)
    copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in written)
    return copy


def _open_sizes(model: onnx.ModelProto) -> dict[str, tuple[int, ...]]:
    """Open sizes of the inputs -> the numbers that are tried in their places."""
    found: dict[str, tuple[int, ...]] = {}
    for value in model.graph.input:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.dim_param and dim.dim_param not in found:
                own = _LENGTHS if axis else _BATCHES
                step = _STEP if axis else 11
                found[dim.dim_param] = tuple(size + step * len(found) for size in own)
    return found


def _trial(model: onnx.ModelProto, names: dict[str, tuple[int, ...]], index: int) -> Types:
    bound = copy_of(model)
    for value in bound.graph.input:
        for dim in value.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = names[dim.dim_param][index]
    return _inferred(bound)


def _generalized(
    shape: Shape | None, trials: list[Shape | None], names: dict[str, tuple[int, ...]]
) -> Shape | None:
    known = [trial for trial in trials if trial is not None]
    ranks = {len(trial) for trial in known}
    if len(known) < len(trials) or len(ranks) != 1:
        return shape
    result: list[int | str | None] = []
    for axis, sizes in enumerate(zip(*known, strict=True)):
        given = shape[axis] if shape is not None and len(shape) == len(sizes) else None
        follows = [name for name, values in names.items() if values == sizes]
        if all(isinstance(size, int) for size in sizes) and len(set(sizes)) == 1:
            result.append(sizes[0])
        else:
            result.append(follows[0] if follows else given)
    return tuple(result)


def _inferred(model: onnx.ModelProto) -> Types:
    """What onnxruntime and the standard's shape inference know, numbers before names."""
    try:
        runtime = _by_runtime(model)
    except Exception:  # an operator that only the user's runtime knows
        runtime = {}
    types = _by_standard(model)
    for tensor, (dtype, shape) in runtime.items():
        other = types.get(tensor, (dtype, None))[1]
        types[tensor] = (dtype, _sharper(shape, other))
    return types


def _sharper(first: Shape | None, second: Shape | None) -> Shape | None:
    if first is None or second is None or len(first) != len(second):
        return second if first is None else first
    return tuple(
        b if a is None or isinstance(b, int) else a for a, b in zip(first, second, strict=True)
    )


def _by_runtime(model: onnx.ModelProto) -> Types:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = {"float": "FLOAT", "double": "DOUBLE"}
    types: Types = {}
    for value in (*session.get_inputs(), *session.get_outputs()):
        element = value.type.removeprefix("tensor(").removesuffix(")")
        number = TensorProto.DataType.Value(names.get(element, element.upper()))
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(number))
        types[value.name] = (dtype, tuple(value.shape))
    return types


def _by_standard(model: onnx.ModelProto) -> Types:
    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    return _declared((*graph.input, *graph.value_info, *graph.output))


def _declared(values: Iterable[onnx.ValueInfoProto]) -> Types:
    types: Types = {}
    for value in values:
        tensor = value.type.tensor_type
        if not tensor.elem_type:
            continue
        dtype = np.dtype(helper.tensor_dtype_to_np_dtype(tensor.elem_type))
        types[value.name] = (dtype, _sizes(tensor))
    return types


def _sizes(tensor: onnx.TypeProto.Tensor) -> Shape | None:
    if not tensor.HasField("shape"):
        return None
    dims = tensor.shape.dim
    return tuple(d.dim_value if d.HasField("dim_value") else d.dim_param or None for d in dims)
