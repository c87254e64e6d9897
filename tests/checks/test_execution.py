from __future__ import annotations

from pathlib import Path

import onnx
import pytest

from hawx_onnx.errors import ModelError
from hawx_onnx.passes.approximate import TABLES


def test_portable_bodies_equal_the_kernel(one, rewritten: Path) -> None:
    found = one(rewritten, "portable-equals-kernel", True)
    assert found.status == "passed"
    assert found.message == "same bytes in 2 nodes, on 8 samples of digits"
    assert "3 samples" in one(rewritten, "portable-equals-kernel", {"samples": 3}).message


def bodies(model: onnx.ModelProto) -> list[onnx.FunctionProto]:
    return [function for function in model.functions if function.domain == "ai.hawx"]


def shift_codes(model: onnx.ModelProto) -> None:
    """Makes the last addition of the sums in the portable body a subtraction."""
    (body,) = bodies(model)
    adds = [node for node in body.node if node.op_type == "Add"]
    adds[-1].op_type = "Sub"


def test_another_body_is_found_with_its_nodes(one, rewritten, spoilt, convolutions) -> None:
    found = one(spoilt(rewritten, shift_codes), "portable-equals-kernel", True)
    assert found.status == "failed"
    assert found.nodes == tuple(convolutions)
    assert "other bytes in 2 of 2 nodes" in found.message


def test_differences_that_the_outputs_hide_are_found(one, rewritten, spoilt, convolutions) -> None:
    """The network's output is multiplied by 0: it is the same whatever its nodes give."""

    def hide(model: onnx.ModelProto) -> None:
        shift_codes(model)
        old = model.graph.output[0].name
        zero = onnx.helper.make_tensor("nothing", onnx.TensorProto.FLOAT, [], [0.0])
        model.graph.initializer.append(zero)
        model.graph.node.append(onnx.helper.make_node("Mul", [old, "nothing"], ["zero"], "hide"))
        model.graph.node.append(onnx.helper.make_node("Abs", ["zero"], ["end"], "sign"))
        model.graph.output[0].name = "end"

    found = one(spoilt(rewritten, hide), "portable-equals-kernel", True)
    assert found.status == "failed"
    assert found.nodes == tuple(convolutions)
    assert "outputs" not in found.message


def test_a_missing_body_is_found(one, rewritten, spoilt, convolutions) -> None:
    found = one(
        spoilt(rewritten, lambda model: model.ClearField("functions")),
        "portable-equals-kernel",
        True,
    )
    assert (found.status, found.message) == ("failed", "a node has no portable body")
    assert found.nodes == tuple(convolutions)


def test_without_data_random_inputs_are_compared(one, rewritten: Path) -> None:
    assert "synthetic" in one(rewritten, "portable-equals-kernel", True, data="synthetic").message


def test_a_library_that_refuses_the_model_is_an_error(one, rewritten, spoilt, constant) -> None:
    def wrong(model: onnx.ModelProto) -> None:
        constant(model, TABLES, lambda tables: None)
        (tensor,) = (t for t in model.graph.initializer if t.name == TABLES)
        value = onnx.numpy_helper.to_array(tensor)[:, :, :128].copy()
        tensor.CopyFrom(onnx.numpy_helper.from_array(value, TABLES))

    found = one(spoilt(rewritten, wrong), "portable-equals-kernel", True)
    assert found.status == "error"
    assert found.exit_code in (3, 4)


def test_bytes_stay_when_the_file_is_written_again(one, rewritten: Path, lenet: Path) -> None:
    assert one(rewritten, "deterministic-bytes", True).status == "passed"
    assert one(lenet, "deterministic-bytes", True).status == "passed"


def test_fields_in_another_order_are_other_bytes(one, lenet: Path, tmp_path: Path) -> None:
    """Protobuf takes fields in any order: such a file says the same and changes when written."""
    model = onnx.load(lenet)
    ir, model.ir_version = model.ir_version, 0
    model.ClearField("ir_version")
    path = tmp_path / "reordered.onnx"
    path.write_bytes(model.SerializeToString() + bytes([1 << 3, ir]))
    assert onnx.load(path).ir_version == ir
    found = one(path, "deterministic-bytes", True)
    assert found.status == "failed"
    assert "the first other one at 0" in found.message


@pytest.mark.parametrize(
    ("rule", "holds", "fails"),
    [("min-opset", 17, 18), ("max-opset", 17, 16), ("max-ir-version", 8, 7)],
)
def test_versions(one, rewritten: Path, rule: str, holds: int, fails: int) -> None:
    assert one(rewritten, rule, holds).status == "passed"
    found = one(rewritten, rule, fails)
    assert (found.status, found.measured, found.limit) == ("failed", holds, fails)


def test_functions_have_versions_too(one, rewritten, spoilt) -> None:
    def newer(model: onnx.ModelProto) -> None:
        for entry in bodies(model)[0].opset_import:
            if entry.domain == "":
                entry.version = 19

    found = one(spoilt(rewritten, newer), "max-opset", 17)
    assert (found.status, found.measured) == ("failed", 19)


def test_a_model_without_versions_passes_no_limit(one, lenet, spoilt) -> None:
    model = spoilt(lenet, lambda m: m.ClearField("ir_version"))
    assert one(model, "max-ir-version", 99).status == "failed"
    with pytest.raises(ModelError, match="opset"):
        one(spoilt(lenet, lambda m: m.ClearField("opset_import")), "max-opset", 99)


def test_batches_of_a_fixed_size_are_compared_whole(one, rewritten, spoilt) -> None:
    def fix(model: onnx.ModelProto) -> None:
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 4
        del model.graph.value_info[:]

    found = one(spoilt(rewritten, fix), "portable-equals-kernel", {"samples": 6})
    assert found.message == "same bytes in 2 nodes, on 6 samples of digits", found
