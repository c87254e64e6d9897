"""When the engines of a pipeline start and end, along the branches of the network.

A layer starts when the layers that it reads have made as much as its first output row takes:
kernel height / input height of each feature map (padding is not deducted), or all of it where the
layer is no convolution. It ends no sooner than its own cycles after that, and no sooner than one
row of its own after the layers that it reads. The latency is the end of the last layer: the longest
path through the graph, weighted with fill times. Where branches join, the shorter one waits in a
FIFO, which several readers of the join share. Joined branches count as one stream: of the size of
the latest after an addition, of all of them after a concatenation, which is told by the channels of
the layer that reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hawx_onnx.errors import ModelError
from hawx_onnx.hardware.workload import LayerWorkload


@dataclass(frozen=True)
class Schedule:
    """A pipeline that works on its first inference.

    Args:
        starts: Clock cycle in which each layer starts.
        ends: Clock cycle in which each layer has made its last result.
        fifo_values: Results that wait before each layer because another branch is later.
    """

    starts: tuple[float, ...]
    ends: tuple[float, ...]
    fifo_values: tuple[int, ...]

    @property
    def latency_cycles(self) -> int:
        """Clock cycles from the first operand to the last result."""
        return -int(-max(self.ends) // 1)


def first_share(work: LayerWorkload) -> float:
    """Returns the share of its input that a layer takes before its first row of results."""
    if work.geometry is None:
        return 1.0
    return min(1.0, work.geometry.kernel_height / work.geometry.height)


def sources_of(workloads: Sequence[LayerWorkload]) -> list[tuple[str, ...]]:
    """Returns the layers that each reads; where they are not known, the one before it.

    Raises:
        ModelError: If a layer reads one that is not there.
    """
    names = {work.name for work in workloads}
    result = []
    for index, work in enumerate(workloads):
        chain = (workloads[index - 1].name,) if index else ()
        sources = chain if work.sources is None else work.sources
        missing = [name for name in sources if name not in names]
        if missing:
            raise ModelError(
                f"reads layer {missing[0]}, which the network does not have",
                where=f"layer {work.name}",
            )
        result.append(tuple(sources))
    return result


def schedule(workloads: Sequence[LayerWorkload], cycles: Sequence[int]) -> Schedule:
    """Lays the layers out in time.

    Args:
        workloads: The layers.
        cycles: Clock cycles per inference that the engine of each takes.

    Raises:
        ModelError: If the layers read each other in a circle, or one that is not there.
    """
    import networkx as nx

    place = {work.name: index for index, work in enumerate(workloads)}
    sources = sources_of(workloads)
    graph = nx.DiGraph()
    graph.add_nodes_from(place)
    graph.add_edges_from(
        (source, work.name)
        for work, names in zip(workloads, sources, strict=True)
        for source in names
    )
    if not nx.is_directed_acyclic_graph(graph):
        circle = " -> ".join(edge[0] for edge in nx.find_cycle(graph))
        raise ModelError(f"layers read each other in a circle: {circle}", where="hardware cost")
    starts, ends, waiting = ([0.0] * len(workloads) for _ in range(3))
    joins: dict[frozenset[int], int] = {}
    for name in nx.topological_sort(graph):
        at = place[name]
        work, before = workloads[at], [place[source] for source in sources[at]]
        share, rows = first_share(work), work.geometry.output_height if work.geometry else 1
        starts[at] = max((starts[p] + share * (ends[p] - starts[p]) for p in before), default=0.0)
        waited = max((ends[p] + cycles[at] / rows for p in before), default=0.0)
        ends[at] = max(starts[at] + cycles[at], waited)
        if frozenset(before) not in joins:
            waiting[at] = sum(
                values
                * max(0.0, min(1.0, (starts[at] - starts[p]) / (ends[p] - starts[p])) - share)
                for p, values in _streams(workloads, before, joins, starts)
            )
            joins[frozenset(before)] = _joined_values(workloads, work, before, starts)
    return Schedule(
        starts=tuple(starts),
        ends=tuple(ends),
        fifo_values=tuple(-int(-values // 1) for values in waiting),
    )


def _joined_values(
    workloads: Sequence[LayerWorkload],
    reader: LayerWorkload,
    before: Sequence[int],
    starts: Sequence[float],
) -> int:
    """Returns the values of the stream that branches make for a layer that reads them together."""
    if not before:
        return 0
    channels = sum(workloads[p].filters for p in before)
    if reader.geometry is not None and channels == reader.geometry.channels:
        return sum(workloads[p].output_values for p in before)
    return workloads[max(before, key=lambda p: starts[p])].output_values


def _streams(
    workloads: Sequence[LayerWorkload],
    before: Sequence[int],
    joins: Mapping[frozenset[int], int],
    starts: Sequence[float],
) -> list[tuple[int, int]]:
    """Returns the streams that arrive at a join: the layer that each begins with, its values.

    Layers that an earlier join made one stream of, such as the blocks before a residual block or
    the earlier layers of a dense one, arrive as that stream, which begins with the latest of them.
    """
    merged = max((join for join in joins if join < set(before)), key=len, default=frozenset())
    streams = [(p, workloads[p].output_values) for p in before if p not in merged]
    if merged:
        streams.append((max(merged, key=lambda p: starts[p]), joins[merged]))
    return streams
