"""Cut a graph between its candidates, so that runs can share their beginnings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import onnx

from hawx_onnx.frontend.graph_checks import tensors_read

# The depth before anything is computed.
START = -1


@dataclass(frozen=True, eq=False)
class Segment:
    """What can be computed between two depths.

    Attributes:
        model: The nodes; its inputs have no types yet. Without nodes where nothing is to be done.
        inputs: Tensors of the state before, or the data input.
        outputs: Tensors that join the state behind.
    """

    model: onnx.ModelProto
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


class SegmentedGraph:
    """A graph by depth: a node has that of the last candidate, counted from 1, it depends on.

    So that with the multipliers of the first d candidates, all nodes up to depth d are known.
    Where a cut would run behind a DequantizeLinear, as on a skip connection, that node is taken
    in again: codes take a quarter of the memory, and the op behind them is run as in the whole.

    Args:
        model: A model whose nodes are sorted, as the ONNX standard demands.
        candidates: Names of nodes, in the order of the graph.
        output: The output that is asked for; what it does not need is left out.
    """

    def __init__(self, model: onnx.ModelProto, candidates: Sequence[str], output: str) -> None:
        self._model, self._output = model, output
        self._nodes = list(model.graph.node)
        self._makers = {n: i for i, node in enumerate(self._nodes) for n in node.output if n}
        self._constants = {tensor.name for tensor in model.graph.initializer}
        self._depths = self._find_depths({name: i + 1 for i, name in enumerate(candidates)})
        self._states: dict[int, tuple[str, ...]] = {}

    def state(self, depth: int) -> tuple[str, ...]:
        """Tensors that must be kept at a depth: what is read behind it, and the output."""
        if depth not in self._states:
            self._states[depth] = self._find_state(depth)
        return self._states[depth]

    def _find_state(self, depth: int) -> tuple[str, ...]:
        keep = self._needed([self._output], lambda d: d > depth)
        read = [name for name in self._cut(keep) if name in self._makers]
        known = self._depths[self._makers[self._output]] <= depth
        return tuple(sorted({*read, *([self._output] if known else [])}))

    def between(self, first: int, last: int) -> Segment:
        """The nodes behind one depth, ``START`` for all, up to another."""
        wanted = [n for n in self.state(last) if self._depths[self._makers[n]] > first]
        keep = self._needed(wanted, lambda d: first < d <= last)
        inputs = self._cut(keep)
        nodes = [self._nodes[index] for index in sorted(keep)]
        return Segment(self._part(nodes, inputs, wanted), inputs, tuple(wanted))

    def _find_depths(self, own: dict[str, int]) -> list[int]:
        depths: list[int] = []
        for node in self._nodes:
            makers = (self._makers[name] for name in tensors_read(node) if name in self._makers)
            depths.append(max([own.get(node.name, 0), *(depths[index] for index in makers)]))
        return depths

    def _needed(self, wanted: Iterable[str], belongs: Callable[[int], bool]) -> set[int]:
        """Nodes of some depths that tensors need, with the DequantizeLinear nodes before them."""
        keep: set[int] = set()
        names = list(wanted)
        while names:
            index = self._makers.get(names.pop())
            if index is None or index in keep:
                continue
            if belongs(self._depths[index]) or self._nodes[index].op_type == "DequantizeLinear":
                keep.add(index)
                names += tensors_read(self._nodes[index])
        return keep

    def _cut(self, keep: set[int]) -> tuple[str, ...]:
        """What nodes read that is neither constant nor their own."""
        read = (name for index in sorted(keep) for name in tensors_read(self._nodes[index]))
        return tuple(
            dict.fromkeys(
                name
                for name in read
                if name not in self._constants and self._makers.get(name) not in keep
            )
        )

    def _part(
        self, nodes: Sequence[onnx.NodeProto], inputs: Iterable[str], outputs: Iterable[str]
    ) -> onnx.ModelProto:
        read = {name for node in nodes for name in tensors_read(node)}
        graph = onnx.GraphProto(name=f"{self._model.graph.name}.segment")
        graph.node.extend(nodes)
        graph.initializer.extend(t for t in self._model.graph.initializer if t.name in read)
        graph.input.extend(onnx.ValueInfoProto(name=name) for name in inputs)
        graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
        result = onnx.ModelProto(ir_version=self._model.ir_version)
        result.opset_import.extend(self._model.opset_import)
        result.functions.extend(self._model.functions)
        result.graph.CopyFrom(graph)
        return result
