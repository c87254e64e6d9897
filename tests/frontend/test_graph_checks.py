"""Graphs that do not hang together are refused by name."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from hawx_onnx.errors import ModelError
from hawx_onnx.frontend.graph_checks import check_graph, check_output_depends, tensors_read
from hawx_onnx.frontend.model import load_model


def parsed(body: str, output: str = "y", more: str = "") -> onnx.ModelProto:
    return onnx.parser.parse_model(
        f"""<ir_version: 8, opset_import: ["" : 17]>
        net (float[N] x{more}) => (float[N] {output}) {{ {body} }}"""
    )


@pytest.mark.parametrize(
    "body",
    [
        "y = Relu(x)",
        "y = Relu(a) a = Neg(x)",
        "a = Neg(x) b = Abs(x) y = Add(a, b) z = Sub(a, b)",
    ],
    ids=["chain", "unsorted", "unread node"],
)
def test_sound_graphs(body: str) -> None:
    check_graph(parsed(body))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("a = Add(x, b) b = Neg(a) y = Relu(b)", ("cycle", "0 (Add), 1 (Neg)")),
        ("y = Add(x, y)", ("cycle", "0 (Add)")),
        ("c = Relu(b) a = Add(x, b) b = Neg(a) y = Relu(c)", ("cycle", "1 (Add)", "2 (Neg)")),
        ("y = Add(x, nowhere)", ("nowhere", "nothing writes")),
        ("a = Relu(x)", ("output y", "nothing writes")),
    ],
)
def test_unsound_graphs(body: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ModelError) as caught:
        check_graph(parsed(body))
    for word in words:
        assert word in str(caught.value)


def test_a_cycle_names_its_own_nodes_alone() -> None:
    with pytest.raises(ModelError) as caught:
        check_graph(parsed("c = Relu(b) a = Add(x, b) b = Neg(a) y = Relu(c)"))
    assert "Relu" not in str(caught.value)


def test_a_file_with_a_cycle_is_refused_with_its_path(tmp_path: Path) -> None:
    path = tmp_path / "round.onnx"
    onnx.save(parsed("y = Add(x, y)"), path)
    with pytest.raises(ModelError, match="cycle") as caught:
        load_model(path)
    assert str(path) in caught.value.where


def test_bodies_read_from_outside() -> None:
    model = parsed(
        """c = Cast<to=9>(x)
        y = If (c) <then_branch = yes () => (float[N] t) { t = Neg(x) },
                    else_branch = no () => (float[N] e) { k = Abs(w) e = Relu(k) }>""",
        more=", float[N] w",
    )
    assert sorted(tensors_read(model.graph.node[1])) == ["c", "w", "x"]
    check_graph(model)


def test_an_output_has_to_depend_on_the_data() -> None:
    model = parsed("a = Relu(x) y = Neg(w)", more=", float[N] w")
    check_output_depends(model, {"w"}, "y")
    with pytest.raises(ModelError, match="not connected") as caught:
        check_output_depends(model, {"x"}, "y")
    assert caught.value.where == "output y"
