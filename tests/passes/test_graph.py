"""Graph surgery."""

from __future__ import annotations

import onnx_graphsurgeon as gs

from hawx_onnx.passes.graph import remove_node


def test_this_very_node_is_removed_not_one_that_equals_it() -> None:
    nodes = [gs.Node("Relu", "same"), gs.Node("Relu", "same"), gs.Node("Relu", "other")]
    assert nodes[0] == nodes[1]
    graph = gs.Graph(nodes=list(nodes))
    remove_node(graph, nodes[1])
    assert [id(node) for node in graph.nodes] == [id(nodes[0]), id(nodes[2])]
