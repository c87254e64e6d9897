"""What was left exact: whole nodes and channels, by reason, with their share of the work."""

from __future__ import annotations

import re
from typing import Any

import pytest

from hawx_onnx.report.left_exact import left_exact, left_exact_section


def plain(markup: str) -> str:
    return re.sub(r"<[^>]*>", " ", markup)


def test_whole_nodes_and_channels_are_told(report: dict[str, Any]) -> None:
    whole, part = sorted(left_exact(report), key=lambda one: not one.whole)
    assert whole.name == "/classifier/fc2/Gemm (Gemm)"
    assert whole.macs == 840
    assert part.name == "/features/conv3/Conv (10 of 120 channels)"
    assert part.macs == pytest.approx(48_000 * 10 / 120)
    shown = plain(left_exact_section(report))
    assert "1 of 5 nodes that multiply is exact, and 1 more in part: 1.2" in shown
    assert "Exact: every candidate costs more accuracy" in shown


def test_nodes_of_one_reason_share_a_row(report: dict[str, Any]) -> None:
    left = {**report["layers"][0], "macs": None, "multipliers": {}, "reason": "no constant <w>"}
    report["layers"] += [{**left, "name": f"node{index}"} for index in range(300)]
    shown = left_exact_section(report)
    assert shown.count("No constant &lt;w&gt;") == 1
    assert "<summary>and 295 more</summary>" in shown
    assert "and 100 more" in shown
    assert "those of 300 nodes not counted" in shown


def test_nothing_left_exact_is_told_as_such(report: dict[str, Any]) -> None:
    report["layers"] = report["layers"][:2]
    assert "every node that multiplies is approximate" in left_exact_section(report)
    assert "Not told" in left_exact_section({})
