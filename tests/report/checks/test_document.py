from __future__ import annotations

import json

import jsonschema
import pytest

from hawx_onnx.checks import CheckReport, Finding
from hawx_onnx.checks.catalogue import RULES
from hawx_onnx.report.checks import check_json, check_schema


def test_documents_follow_the_schema(hostile, good) -> None:
    jsonschema.Draft202012Validator.check_schema(check_schema())
    for report in (hostile, good):
        jsonschema.validate(json.loads(check_json(report)), check_schema())


def test_the_schema_refuses_what_is_none() -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"schema_version": 1}, check_schema())


def test_names_stand_in_it_as_they_are(hostile, names) -> None:
    (failed,) = (r for r in json.loads(check_json(hostile))["results"] if r["status"] == "failed")
    assert tuple(failed["location"]["nodes"]) == names


def test_it_tells_whether_the_gate_is_open(hostile, good) -> None:
    for report, passed, code in ((hostile, False, 2), (good, True, 0)):
        document = json.loads(check_json(report))
        assert (document["passed"], document["exit_code"]) == (passed, code)
        assert sum(document["counts"].values()) == len(document["results"])


def test_paths_that_are_no_utf8_are_written_all_the_same() -> None:
    path = "model\udcff.onnx"
    finding = Finding(RULES["known-tables"], "passed", "fine", path)
    report = CheckReport((finding,), {path: "0" * 64}, None, None, None, 1)
    assert json.loads(check_json(report).encode("utf-8"))["models"][0]["path"] == path


def test_the_page_tells_every_key_of_the_schema(root) -> None:
    text = (root / "docs" / "check.md").read_text(encoding="utf-8")
    result = check_schema()["$defs"]["result"]
    keys = [*check_schema()["required"], *result["required"]]
    assert not [key for key in keys if f"`{key}`" not in text]
