"""JSON documents: plain types, finite numbers, the schema of report.json."""

from __future__ import annotations

import copy
import dataclasses
import enum
import json
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from hawx_onnx.report import json_text, report_schema, to_plain, write_json


class Kind(str, enum.Enum):
    SIGNED = "signed"


@dataclasses.dataclass(frozen=True)
class Cost:
    power_mw: float
    layers: tuple[str, ...]


def check(document: Any) -> None:
    jsonschema.Draft202012Validator(report_schema()).validate(document)


def test_the_schema_is_one_and_the_sample_fits_it(report: dict[str, Any]):
    jsonschema.Draft202012Validator.check_schema(report_schema())
    check(json.loads(json_text(report)))


def test_unknown_numbers_may_be_null(report: dict[str, Any]):
    report["accuracy_drop"] = report["accuracy_drop_ci95"] = None
    report["search"]["speedup"] = float("inf")
    report["layers"][0]["sensitivity"] = float("nan")
    for entry in ("float", "baseline", "selected"):
        report[entry].update(accuracy=None, accuracy_ci95=None, correct=None)
    check(json.loads(json_text(report)))


@pytest.mark.parametrize("key", list(report_schema()["required"]))
def test_every_part_is_required(report: dict[str, Any], key: str):
    del report[key]
    with pytest.raises(jsonschema.ValidationError):
        check(to_plain(report))


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("data", "metric", "loss"),
        ("target", "kind", "quantum"),
        ("baseline", "accuracy", 98.9),
        ("selected", "accuracy_ci95", [0.1]),
        ("selected", "assignment", {"conv": []}),
        ("savings", "power", 1.5),
        ("search", "evaluations", -1),
        ("kernels", "m", 3),
    ],
)
def test_wrong_values_are_refused(report: dict[str, Any], part: str, key: str, value: object):
    broken = copy.deepcopy(report)
    broken[part][key] = value
    with pytest.raises(jsonschema.ValidationError):
        check(to_plain(broken))


def test_plain_types():
    plain = to_plain(
        {
            "scalar": np.float32(0.5),
            "count": np.int64(3),
            "flag": np.bool_(True),
            "array": np.array([[1.0, np.nan], [np.inf, -np.inf]]),
            "kind": Kind.SIGNED,
            "cost": Cost(1.5, ("a", "b")),
            "path": Path("a") / "b",
            "names": {"b", "a", "c"},
            np.int8(4): None,
            "huge": 6**236,
        }
    )
    assert plain == {
        "scalar": 0.5,
        "count": 3,
        "flag": True,
        "array": [[1.0, None], [None, None]],
        "kind": "signed",
        "cost": {"power_mw": 1.5, "layers": ["a", "b"]},
        "path": "a/b",
        "names": ["a", "b", "c"],
        "4": None,
        "huge": 6**236,
    }
    assert type(plain["kind"]) is str  # type: ignore[index,call-overload]


def test_what_has_no_form_is_refused_with_its_place():
    with pytest.raises(TypeError, match=r"\$\.layers\[1\]\.x: object has no JSON form"):
        to_plain({"layers": [1, {"x": object()}]})


def test_written_text_is_stable_and_reads_back(tmp_path: Path, report: dict[str, Any]):
    report["nested"] = {"empty": {}, "none": [], "rows": [[1, 2], [3, 4]], "µ": "\udc80 ok"}
    first, second = tmp_path / "1.json", tmp_path / "2.json"
    write_json(report, first)
    write_json(copy.deepcopy(report), second)
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text(encoding="utf-8")
    assert json.loads(text) == to_plain(report)
    assert text.endswith("}\n")
    assert '"rows": [\n      [1, 2],\n      [3, 4]\n    ]' in text


def test_nothing_is_written_where_a_value_has_no_form(tmp_path: Path):
    with pytest.raises(TypeError):
        write_json({"x": object()}, tmp_path / "x.json")
    assert list(tmp_path.iterdir()) == []
