"""Splits a backward graph into what all directions share and what each of them needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import onnx

from hawx_onnx.passes.gradient.build import Gradient
from hawx_onnx.passes.gradient.emitter import live


@dataclass(frozen=True, eq=False)
class SplitGradient:
    """A backward graph in two parts, for many directions over the same samples.

    Attributes:
        prepare: Takes the saved tensors (``Gradient.forward``) that masks, normalised values and
            the like are computed from; gives ``prepared``. Run once for each batch.
        backward: Takes ``prepared``, the other saved tensors and the cotangents; gives what
            ``Gradient.backward`` gives. Run once for each direction.
        prepared: Outputs of ``prepare``. Masks are float32: four bytes for each code.
    """

    prepare: onnx.ModelProto
    backward: onnx.ModelProto
    prepared: tuple[str, ...]


def split_gradient(gradient: Gradient) -> SplitGradient:
    """Takes everything that does not depend on cotangents out of a backward graph.

    Args:
        gradient: Of ``build_gradient``.

    Returns:
        Both parts; ``prepare`` has no nodes and outputs if there is nothing to take out.
    """
    graph = gradient.backward.graph
    constants = {tensor.name for tensor in graph.initializer}
    saved = set(gradient.forward)
    directed = {value.name for value in graph.input} - saved
    fixed: set[str] = set(constants)
    for node in graph.node:
        own = {name for name in node.input if name}
        if own & directed:
            directed.update(node.output)
        elif own <= fixed:
            fixed.update(node.output)
    later = [node for node in graph.node if directed.intersection(node.output)]
    sooner = [node for node in graph.node if not directed.intersection(node.output)]
    read = dict.fromkeys(name for node in later for name in node.input)
    written = [name for node in sooner for name in node.output]
    prepared = tuple(name for name in written if name in read and name not in fixed)
    folded = [node for node in sooner if fixed.intersection(node.output)]
    return SplitGradient(
        prepare=_part(gradient.backward, sooner, prepared, ()),
        backward=_part(gradient.backward, folded + later, [v.name for v in graph.output], prepared),
        prepared=prepared,
    )


def _part(
    model: onnx.ModelProto,
    nodes: list[onnx.NodeProto],
    outputs: Iterable[str],
    inputs: Iterable[str],
) -> onnx.ModelProto:
    """Those of the nodes that outputs depend on, as a model of its own."""
    kept = live(nodes, set(outputs))
    read = {name for node in kept for name in node.input}
    types = _types(model)
    part = onnx.ModelProto()
    part.CopyFrom(model)
    part.graph.Clear()
    part.graph.name = model.graph.name
    part.graph.node.extend(kept)
    part.graph.initializer.extend(t for t in model.graph.initializer if t.name in read)
    own = [value.name for value in model.graph.input if value.name in read]
    part.graph.input.extend(types[name] for name in (*own, *inputs))
    part.graph.output.extend(types[name] for name in outputs)
    return part


def _types(model: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    """Types of all tensors; sizes may be open."""
    inferred = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    values = (*inferred.value_info, *inferred.input, *inferred.output)
    return {value.name: value for value in values}
