"""Tables for the terminal and for pipes."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from hawx_onnx.report import (
    before_after_table,
    explore_table,
    layer_table,
    print_report,
    print_table,
)

EXPLORED = {
    "methods": [
        {
            "method": "hawx",
            "evaluations": 12,
            "seconds": 3.2,
            "scoring_seconds": 1.0,
            "solving_seconds": 0.2,
            "measuring_seconds": 2.0,
            "space_size": 243,
            "hypervolume": 0.8312,
            "points": [{}, {}],
        },
        {"method": "exhaustive", "evaluations": 243, "seconds": 141.0, "space_size": 243},
    ],
    "speedup": 44.1,
    "regret": 0.0012,
}


def printed(table: Any, **options: Any) -> str:
    stream = io.StringIO()
    print_table(table, Console(file=stream, **options))
    return stream.getvalue()


def test_before_and_after(report: dict[str, Any]):
    lines = printed(before_after_table(report)).splitlines()
    assert "10,000 test samples" in lines[0]
    rows = {line.split("  ")[0].strip(): line for line in lines[2:]}
    assert "98.91 %" in rows["Accuracy"]
    assert "−0.49 points (−0.69 to −0.29)" in rows["Accuracy"]
    assert "28.4 mW" in rows["Power"]
    assert rows["Latency"].rstrip().endswith("0.0 %")
    assert set(rows) == {"Accuracy", "Power", "Area", "Energy per inference", "Latency"}


def test_a_pipe_gets_plain_lines_that_are_never_cut(report: dict[str, Any]):
    report["layers"][0]["name"] = "/very" * 40
    text = printed(layer_table(report["layers"]), width=40)
    assert "/very" * 40 in text
    assert not set("\x1b─│┃━") & set(text)
    assert len(text.splitlines()) == 3 + len(report["layers"])
    assert "every candidate costs more accuracy" in text


def test_a_terminal_gets_rules_and_its_width(report: dict[str, Any]):
    text = printed(layer_table(report["layers"]), width=70, force_terminal=True)
    assert "─" in text
    assert max(map(len, printed_plain(text))) <= 70


def printed_plain(text: str) -> list[str]:
    import re

    return re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()


def test_no_color_is_honoured(report: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NO_COLOR", "1")
    stream = io.StringIO()
    print_report(report, Console(file=stream, force_terminal=True, width=120))
    assert "\x1b[33m" not in stream.getvalue()
    assert "warning: Layer /classifier/fc2/Gemm was left exact." in stream.getvalue()


def test_names_are_no_markup_and_no_control_sequences(hostile: Callable[[str], dict[str, Any]]):
    report = hostile("[red]x[/red]\x1b[31m\x07\n")
    stream = io.StringIO()
    print_report(report, Console(file=stream))
    assert "[red]x[/red]" in stream.getvalue()
    assert not set("\x1b\x07") & set(stream.getvalue())


def test_an_ascii_stream_gets_ascii(report: dict[str, Any]):
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    report["warnings"] = ["µ → π"]
    print_report(report, Console(file=stream))
    stream.flush()
    text = stream.buffer.getvalue().decode("ascii")  # type: ignore[attr-defined]
    assert "-0.49 points" in text
    assert "um2" in text


def test_reasons_are_told_once_each(report: dict[str, Any]):
    for index, layer in enumerate(report["layers"]):
        layer["reason"] = "zero point\nis not 0" if index else None
    report["layers"] = [*report["layers"], *report["layers"]]
    lines = printed(layer_table(report["layers"])).splitlines()
    assert lines[-1].startswith("left exact: /features/conv2/Conv, ")
    assert lines[-1].endswith("and 2 more (zero point is not 0)")
    for layer in report["layers"]:
        layer["reason"] = None
    assert "left exact" not in printed(layer_table(report["layers"]))


def test_methods_side_by_side():
    text = printed(explore_table(EXPLORED))
    assert "against exhaustive: speed-up 44.1×, regret 0.00120" in text
    assert "2.35 min" in text
    assert "0.831" in text
    assert "Search methods\n" in printed(explore_table({"methods": []}))
