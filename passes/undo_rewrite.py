"""Take a rewritten model back to the int8 model that it was made from."""

from __future__ import annotations

import json

import onnx

from hawx_onnx.compensation import Compensation
from hawx_onnx.errors import ConfigError, ModelError
from hawx_onnx.passes.approximate import index_input
from hawx_onnx.passes.compensated import undo_compensation
from hawx_onnx.passes.graph import (
    HAWX_DOMAIN,
    TABLES_AT,
    copy_of,
    initializers,
    metadata,
    set_metadata,
)
from hawx_onnx.passes.integer_ops import EXACT_OP, integer_op
from hawx_onnx.passes.layer_constants import BIAS, drop_unused
from hawx_onnx.passes.moved_codes import move_back
from hawx_onnx.passes.rewrite import OWN_KEYS, UNCOMPENSATED_KEY

_AGAIN = "give the model that it was made from"


def undo_rewrite(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy with the standard's operators in place of ai.hawx ones.

    Tables, their indices and the portable bodies go, and codes that were moved for the multipliers
    are read where they came from. Constants that compensation changed get their
    own values back where the model carries them; one that an older version wrote does not, and
    keeps the compensated ones.

    Args:
        model: What ``rewrite`` made.

    Raises:
        ModelError: It holds ai.hawx operators that are not known, or its metadata are damaged.
    """
    result = copy_of(model)
    tensors = initializers(model)
    channels = _channels(result.graph, tensors)
    for node in result.graph.node:
        if node.domain == HAWX_DOMAIN:
            _to_standard(node, tensors)
    move_back(result.graph)
    for entries in (result.functions, result.opset_import):
        kept = [entry for entry in entries if entry.domain != HAWX_DOMAIN]
        del entries[:]
        entries.extend(kept)
    drop_unused(result.graph)
    text = metadata(model).get(UNCOMPENSATED_KEY)
    if text is not None:
        result = _uncompensated(result, channels, text)
    set_metadata(result, dict.fromkeys(OWN_KEYS))
    return result


def _channels(graph: onnx.GraphProto, tensors: dict[str, onnx.TensorProto]) -> dict[str, int]:
    """Output channels of the layers whose weights or table indices tell them."""
    found = {}
    for node in graph.node:
        index = tensors.get(index_input(node.name))
        known = integer_op(node.op_type)
        if node.domain == HAWX_DOMAIN and index is not None:
            found[node.name] = int(index.dims[0])
        elif known is not None and node.input[known.weight] in tensors:
            axis = 0 if known.convolves else -1
            found[node.name] = int(tensors[node.input[known.weight]].dims[axis])
    return found


def _to_standard(node: onnx.NodeProto, tensors: dict[str, onnx.TensorProto]) -> None:
    """Turns one node back, in place."""
    kind = EXACT_OP.get(node.op_type)
    if kind is None:
        raise ModelError(
            f"is {node.op_type} of {HAWX_DOMAIN}, which is not known",
            where=f"node {node.name}",
            mend=_AGAIN,
        )
    inputs = list(node.input[: TABLES_AT[node.op_type]])
    if kind == "QLinearConv" and _is_filler(node, inputs[BIAS], tensors):
        inputs.pop()
    while inputs and not inputs[-1]:
        inputs.pop()
    del node.input[:]
    node.input.extend(inputs)
    attributes = [one for one in node.attribute if one.name != "skip_padding"]
    del node.attribute[:]
    node.attribute.extend(attributes)
    node.op_type, node.domain = kind, ""


def _is_filler(node: onnx.NodeProto, bias: str, tensors: dict[str, onnx.TensorProto]) -> bool:
    """Whether a bias is the one of zeros that the rewrite gave a layer that had none."""
    if bias != f"{node.name}.bias" or bias not in tensors:
        return False
    return not onnx.numpy_helper.to_array(tensors[bias]).any()


def _uncompensated(model: onnx.ModelProto, channels: dict[str, int], text: str) -> onnx.ModelProto:
    """The model with the constants that its layers had before they were compensated."""
    try:
        given = Compensation.read({"compensation": json.loads(text)}, UNCOMPENSATED_KEY)
        assert given is not None
        return undo_compensation(model, channels, given)
    except (ConfigError, ValueError, RecursionError, AssertionError) as error:
        raise ModelError(
            f"metadata {UNCOMPENSATED_KEY} is damaged", where="model", mend=_AGAIN
        ) from error
