"""The table of reasons: what is the same for several candidates is said once."""

from __future__ import annotations

from typing import Any

from hawx_onnx.report.reasons_table import reasons_section


def test_candidates_of_which_the_same_is_said_share_a_row(report: dict[str, Any]) -> None:
    shown = reasons_section(report["reasons"])
    assert shown is not None
    assert shown.count("<tr>") == 1 + 5 + 1
    assert "no candidate would save nothing (3 candidates)" in shown
    assert "<p>All layers share the array.</p>" in shown
    assert shown.count("mul8s_1KTY would save nothing</td>") == 5


def test_of_many_rows_the_first_are_shown(report: dict[str, Any]) -> None:
    (row, *_) = report["reasons"]["layers"]
    rows = [{**row, "layer": f"<b>{index}"} for index in range(200)]
    shown = reasons_section({"layers": rows})
    assert shown is not None
    assert shown.count("<tr>") == 1 + 120
    assert "the first 120 of 200" in shown
    assert "<b>" not in shown


def test_nothing_told_is_no_section() -> None:
    assert reasons_section({}) is None
    assert reasons_section({"shared": ["x"], "layers": [], "everywhere": None}) is None
