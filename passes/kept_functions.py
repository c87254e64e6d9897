"""Take calls of model-local functions out of a graph, and put them back.

onnxruntime inlines a function as soon as it opens a session, so that what it simplifies comes back
without. Calls that are to stay are taken out before: what they write becomes an input of the graph
and what they read an output.
"""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from hawx_onnx.frontend.graph_checks import tensors_read
from hawx_onnx.passes.graph import HAWX_DOMAIN, copy_of
from hawx_onnx.runtime.runner import Runner

# What becomes of model-local functions: their nodes join the graph, or calls of them stay.
INLINE, KEEP = FUNCTIONS = ("inline", "keep")


def function_calls(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes of the main graph that call a user's function, in their order."""
    known = {(f.domain, f.name) for f in model.functions if f.domain != HAWX_DOMAIN}
    return [node for node in model.graph.node if (node.domain, node.op_type) in known]


@dataclass(frozen=True, eq=False)
class SetAside:
    """A graph without its calls, and what to put back.

    Attributes:
        model: Its inputs and outputs are those of the whole and the borders of the calls.
        calls: The nodes that were taken out.
        whole: The model that they were taken out of.
    """

    model: onnx.ModelProto
    calls: tuple[onnx.NodeProto, ...]
    whole: onnx.ModelProto

    def put_back(self, simplified: onnx.ModelProto) -> onnx.ModelProto:
        """Returns a graph with the calls in it again; its nodes are in no order.

        Args:
            simplified: What became of ``model``.
        """
        result = copy_of(simplified)
        result.graph.node.extend(self.calls)
        for own, before in (
            (result.graph.input, self.whole.graph.input),
            (result.graph.output, self.whole.graph.output),
        ):
            del own[:]
            own.extend(before)
        domains = {entry.domain for entry in result.opset_import}
        result.opset_import.extend(
            entry for entry in self.whole.opset_import if entry.domain not in domains
        )
        return result


def set_aside(model: onnx.ModelProto) -> SetAside:
    """Takes all calls of users' functions out of a graph.

    Args:
        model: A model that onnxruntime can run.

    Raises:
        ModelError: onnxruntime does not take the model.
    """
    calls = function_calls(model)
    if not calls:
        return SetAside(model, (), model)
    written = [name for call in calls for name in call.output if name]
    types = Runner(model, threads=1, expose=written).types()
    result = copy_of(model)
    graph = result.graph
    taken = set(written)
    kept = [node for node in graph.node if not taken.intersection(node.output)]
    del graph.node[:]
    graph.node.extend(kept)
    graph.input.extend(types[name] for name in written)
    known = {value.name for value in (*model.graph.input, *model.graph.output)} | taken
    read = dict.fromkeys(name for call in calls for name in tensors_read(call))
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in read if name not in known)
    # An input that is handed out as it is tells nothing to simplify.
    handed = [value for value in graph.output if value.name not in taken]
    del graph.output[:]
    graph.output.extend(handed)
    return SetAside(result, tuple(calls), model)
