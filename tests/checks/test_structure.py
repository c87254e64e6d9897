from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

import hawx_onnx
from hawx_onnx.checks import CheckFileError
from hawx_onnx.components import load
from hawx_onnx.passes.approximate import TABLES


def test_allowed_multipliers_hold_by_pattern(one, rewritten: Path) -> None:
    found = one(rewritten, "allowed-multipliers", ["mul8s_trunc*"])
    assert found.status == "passed"
    assert "mul8s_trunc3" in found.message


def test_a_multiplier_that_is_not_allowed_is_named_with_its_node(
    one, rewritten: Path, convolutions
) -> None:
    found = one(rewritten, "allowed-multipliers", ["mul8s_trunc_a*"])
    assert found.status == "failed"
    assert found.nodes == (convolutions[0],)
    assert "mul8s_trunc3" in found.message


def test_a_pattern_that_matches_no_multiplier_is_an_error(rewritten: Path) -> None:
    with pytest.raises(
        CheckFileError, match=r"'mul8s_trnc3' matches no multiplier\n.*mul8s_trunc3"
    ):
        hawx_onnx.check(rewritten, rules={"allowed-multipliers": ["mul8s_*", "mul8s_trnc3"]})


def test_a_name_in_the_metadata_proves_nothing(one, rewritten, spoilt, constant, convolutions):
    """The table is swapped for another one; names and hashes in the metadata stay."""
    other = load("mul8s_trunc4").table

    def swap(model: onnx.ModelProto) -> None:
        constant(model, TABLES, lambda tables: tables.__setitem__(0, other))

    model = spoilt(rewritten, swap)
    found = one(model, "allowed-multipliers", ["mul8s_trunc3", "mul8s_trunc_a6"])
    assert (found.status, found.nodes) == ("failed", (convolutions[0],))
    assert "mul8s_trunc4" in found.message
    known = one(model, "known-tables", True)
    assert (known.status, known.nodes) == ("failed", (convolutions[0],))
    assert "its table is another one" in known.message
    cost = one(model, "max-power", 1e9)
    assert cost.status == "failed"
    assert "names in the metadata" in cost.message


def test_a_table_of_no_library_is_found(one, rewritten, spoilt, constant, convolutions) -> None:
    model = spoilt(
        rewritten, lambda m: constant(m, TABLES, lambda t: t.__setitem__((1, 3, 5), 12345))
    )
    found = one(model, "known-tables", True)
    assert (found.status, found.nodes) == ("failed", (convolutions[1],))
    assert "in no library" in found.message
    allowed = one(model, "allowed-multipliers", ["mul8s*"])
    assert (allowed.status, allowed.nodes) == ("failed", (convolutions[1],))


def test_tables_of_a_library_that_is_given_are_known(one, rewritten: Path) -> None:
    found = one(rewritten, "known-tables", True)
    assert (found.status, found.message) == ("passed", "2 tables, all known")


def test_exact_layers_are_fallbacks(one, rewritten: Path, convolutions) -> None:
    found = one(rewritten, "no-exact-fallback", True)
    assert found.status == "failed"
    assert len(found.nodes) == 3
    assert not set(found.nodes) & set(convolutions)
    assert "multiplied exactly: QLinear" in found.message
    excepted = one(rewritten, "no-exact-fallback", {"except": list(found.nodes)})
    assert excepted.status == "passed"


def test_an_exception_that_matches_no_layer_is_an_error(one, rewritten: Path) -> None:
    found = one(rewritten, "no-exact-fallback", {"except": ["conv99"]})
    assert (found.status, found.exit_code) == ("error", 2)
    assert "'conv99' matches no layer" in found.message


def test_exact_channels_of_an_approximate_layer_are_fallbacks(
    one, lenet: Path, tmp_path: Path, convolutions
) -> None:
    channels = ["mul8s_trunc3"] * 5 + ["mul8s_exact"]
    path = tmp_path / "channels.onnx"
    hawx_onnx.apply(lenet, {convolutions[0]: channels}, path, jobs=1)
    found = one(path, "no-exact-fallback", True)
    assert convolutions[0] in found.nodes
    assert "1 of 6 channels" in found.message
    assert one(path, "allowed-multipliers", ["mul8s_trunc3"]).status == "passed"


def test_tables_that_are_chosen_at_run_time_are_not_told(one, rewritten, spoilt, convolutions):
    def opened(model: onnx.ModelProto) -> None:
        name = f"{convolutions[0]}.table_index"
        (tensor,) = (t for t in model.graph.initializer if t.name == name)
        value = helper.make_tensor_value_info(name, tensor.data_type, list(tensor.dims))
        model.graph.input.append(value)  # the initializer is a default that callers can replace

    model = spoilt(rewritten, opened)
    for rule, value in (("allowed-multipliers", ["mul8s*"]), ("known-tables", True)):
        found = one(model, rule, value)
        assert (found.status, found.nodes) == ("failed", (convolutions[0],)), found
        assert "chosen at run time" in found.message
    assert convolutions[0] in one(model, "no-exact-fallback", True).nodes


def test_indices_out_of_range_pass_nothing(one, rewritten, spoilt, constant, convolutions) -> None:
    name = f"{convolutions[0]}.table_index"
    model = spoilt(rewritten, lambda m: constant(m, name, lambda index: index.fill(7)))
    for rule, value in (("allowed-multipliers", ["mul8s*"]), ("known-tables", True)):
        found = one(model, rule, value)
        assert (found.status, found.nodes) == ("failed", (convolutions[0],))


def test_what_lies_in_a_subgraph_is_found(one, rewritten, spoilt) -> None:
    def nested(model: onnx.ModelProto) -> None:
        node = next(n for n in model.graph.node if n.op_type.startswith("QLinear"))
        output, node.output[0] = node.output[0], "inner"
        ends = [helper.make_empty_tensor_value_info("inner")]
        inner = helper.make_graph([node], "then", [], ends)
        branch = helper.make_node("If", ["which"], [output], "choice", then_branch=inner)
        model.graph.node.append(branch)
        model.graph.node.remove(node)
        flag = helper.make_tensor("which", onnx.TensorProto.BOOL, [], [True])
        model.graph.initializer.append(flag)

    found = one(spoilt(rewritten, nested), "no-exact-fallback", True)
    assert "in a subgraph of choice" in found.message
    assert len(found.nodes) == 3


@pytest.mark.parametrize(
    ("rule", "value"),
    [("allowed-multipliers", ["mul8s*"]), ("known-tables", True), ("portable-equals-kernel", True)],
)
def test_a_model_that_was_not_rewritten_passes_nothing(one, lenet: Path, rule, value) -> None:
    found = one(lenet, rule, value)
    assert (found.status, found.exit_code) == ("error", 3)
    assert "no ai.hawx node" in found.message


def test_a_library_makes_its_tables_known(one, lenet: Path, tmp_path: Path, convolutions) -> None:
    table = load("mul8s_trunc3").table.copy()
    table[1, 1] += 64
    np.savez(tmp_path / "own.npz", own=table)
    library = str(tmp_path / "own.npz")
    path = tmp_path / "own.onnx"
    hawx_onnx.apply(lenet, {convolutions[0]: "own"}, path, library=library, jobs=1)
    assert one(path, "known-tables", True).status == "failed"
    assert one(path, "known-tables", True, library=library).status == "passed"
    assert one(path, "allowed-multipliers", ["own"], library=library).status == "passed"
    with pytest.raises(CheckFileError, match="--library brings others"):
        hawx_onnx.check(path, rules={"allowed-multipliers": ["own"]})
