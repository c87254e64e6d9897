"""The JSON document of a check, and its schema."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any

from hawx_onnx.report.documents import json_text

if TYPE_CHECKING:
    from hawx_onnx.checks import CheckReport


def check_json(report: CheckReport) -> str:
    """The document of ``check --json``; names stand in it as the model has them."""
    text = json_text(report.to_dict())
    # Bytes of a path that are no UTF-8 cannot be written as such.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def check_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of that document, ``schema_version`` 1."""
    text = resources.files("hawx_onnx.report.checks").joinpath("schema.json").read_text("utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema
