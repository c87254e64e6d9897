from __future__ import annotations

import json
from pathlib import Path

import onnx
import pytest

import hawx_onnx
from hawx_onnx.passes.undo_rewrite import undo_rewrite


def metadata_of(model: onnx.ModelProto, key: str):
    return next(entry for entry in model.metadata_props if entry.key == key)


def test_a_layer_that_the_metadata_call_approximate_but_is_exact(
    one, rewritten, spoilt, lenet, convolutions
) -> None:
    """Costs would be those of a multiplier that the layer does not use."""

    def claim(model: onnx.ModelProto) -> None:
        entry = metadata_of(model, "hawx.assignment")
        layers = json.loads(entry.value)
        dense = next(n.name for n in model.graph.node if n.op_type.startswith("QLinear"))
        entry.value = json.dumps({**layers, dense: "mul8s_trunc4"})

    model = spoilt(rewritten, claim)
    assert "but it is exact" in one(model, "max-power", 1e9).message
    assert one(model, "known-tables", True).status == "failed"
    assert one(rewritten, "max-power", 1e9).status == "passed"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"conv1": "no_such"}'])
def test_damaged_metadata_pass_nothing(one, rewritten, spoilt, text: str) -> None:
    def damage(model: onnx.ModelProto) -> None:
        metadata_of(model, "hawx.assignment").value = text

    model = spoilt(rewritten, damage)
    assert one(model, "known-tables", True).status == "failed"
    assert one(model, "max-power", 1e9).status == "failed"


def test_hashes_in_the_metadata_have_to_be_those_of_the_tables(one, rewritten, spoilt) -> None:
    def damage(model: onnx.ModelProto) -> None:
        entry = metadata_of(model, "hawx.multipliers")
        entry.value = json.dumps({**json.loads(entry.value), "mul8s_trunc3": "0" * 64})

    found = one(spoilt(rewritten, damage), "known-tables", True)
    assert found.status == "failed"
    assert "mul8s_trunc3 in the metadata" in found.message


def test_a_model_that_only_claims_to_be_rewritten_has_no_cost(one, rewritten, spoilt) -> None:
    """Its layers are exact, and the metadata of the rewritten one would make them look cheap."""

    def strip(model: onnx.ModelProto) -> None:
        held = list(model.metadata_props)
        model.CopyFrom(undo_rewrite(model))
        del model.metadata_props[:]
        model.metadata_props.extend(held)

    found = one(spoilt(rewritten, strip), "max-power", 1e9)
    assert found.status == "failed"
    assert len(found.nodes) == 2
    assert "but it is exact" in found.message


def test_channels_are_compared_one_by_one(
    one, lenet: Path, tmp_path: Path, spoilt, constant, convolutions
) -> None:
    channels = ["mul8s_trunc3"] * 3 + ["mul8s_trunc4"] * 3
    path = tmp_path / "channels.onnx"
    hawx_onnx.apply(lenet, {convolutions[0]: channels}, path, jobs=1)
    assert one(path, "known-tables", True).status == "passed"
    index = f"{convolutions[0]}.table_index"
    swapped = spoilt(path, lambda m: constant(m, index, lambda i: i.__setitem__(2, i[3])))
    found = one(swapped, "known-tables", True)
    assert (found.status, found.nodes) == ("failed", (convolutions[0],))
    assert "mul8s_trunc3, but its table is another one" in found.message

    def fewer(model: onnx.ModelProto) -> None:
        metadata_of(model, "hawx.assignment").value = json.dumps({convolutions[0]: channels[:5]})

    assert "5 multipliers for 6 channels" in one(spoilt(path, fewer), "known-tables", True).message
