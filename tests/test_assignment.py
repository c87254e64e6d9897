"""Assignment: a mapping that is immutable, hashable, and read from JSON with care."""

from __future__ import annotations

import json

import pytest

from hawx_onnx.assignment import Assignment
from hawx_onnx.errors import ConfigError

PLAIN = {"conv1": "m1", "conv2": ["m2", "m1", "m2"], "fc": "exact"}


def test_mapping():
    chosen = Assignment.of(PLAIN)
    assert list(chosen) == ["conv1", "conv2", "fc"]
    assert len(chosen) == 3
    assert chosen["conv2"] == ("m2", "m1", "m2")
    assert chosen.get("conv9") is None
    assert "fc" in chosen
    with pytest.raises(KeyError):
        chosen["conv9"]
    assert chosen.to_dict() == PLAIN
    assert chosen.multipliers() == ("m1", "m2", "exact")


def test_equal_ones_are_one_key():
    one, other = Assignment.of(PLAIN), Assignment.of(dict(PLAIN))
    assert one == other
    assert len({one, other}) == 1
    assert one != Assignment.of({"conv1": "m1"})


def test_per_channel():
    chosen = Assignment.of(PLAIN)
    assert chosen.per_channel("conv1", 2, "exact") == ("m1", "m1")
    assert chosen.per_channel("conv2", 3, "exact") == ("m2", "m1", "m2")
    assert chosen.per_channel("unknown", 2, "exact") == ("exact", "exact")
    with pytest.raises(ConfigError, match="3 multipliers given, the layer has 4 output channels"):
        chosen.per_channel("conv2", 4, "exact")


def test_check():
    chosen = Assignment.of(PLAIN)
    chosen.check(["conv1", "conv2", "fc", "more"], ["m1", "m2", "exact"])
    with pytest.raises(ConfigError, match="no candidate layer is named 'conv1'") as error:
        chosen.check(["conv_1", "conv2", "fc"], ["m1", "m2", "exact"])
    assert "conv_1" in str(error.value)
    with pytest.raises(ConfigError, match="multiplier 'm2' is not among"):
        chosen.check(["conv1", "conv2", "fc"], ["m1", "exact"])


@pytest.mark.parametrize("document", [PLAIN, {"assignment": PLAIN, "other": 1}])
def test_load(tmp_path, document):
    path = tmp_path / "assignment.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert Assignment.load(path) == Assignment.of(PLAIN)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "is no JSON"),
        ("[1, 2]", "is no assignment"),
        ('{"a": 3}', "is no assignment"),
        ('{"a": ["m", 3]}', "is no assignment"),
        ("\xff", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_files_that_are_none(tmp_path, text, reason):
    path = tmp_path / "assignment.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=reason) as error:
        Assignment.load(path)
    assert error.value.where == str(path)


def test_missing_file(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        Assignment.load(tmp_path / "none.json")
