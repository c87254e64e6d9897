from __future__ import annotations

from pathlib import Path

import pytest

from hawx_onnx.report.checks import check_text
from hawx_onnx.report.checks.text import place


def test_lines_hold_what_was_found(good) -> None:
    assert check_text(good).splitlines() == [
        "model model.onnx",
        "  pass  HAWX303 known-tables: fine",
        "  pass  HAWX402 deterministic-bytes: fine",
        "all 2 checks hold",
    ]


def test_names_cannot_act_in_a_log(hostile, printable) -> None:
    text = check_text(hostile)
    assert printable(text)
    starts = ("model ", "file ", "  pass  ", "  FAIL  ", "  ERROR ", "        mend ", "failed: ")
    lines = text.splitlines()
    assert len(lines) == 7
    assert all(line.startswith(starts) for line in lines), lines
    assert "##[" not in text
    assert max(map(len, lines)) < 1500


def test_places_are_relative_to_the_checkout(
    in_checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert place("a/b.onnx") == "a/b.onnx"
    assert place("./a/../b.onnx") == "b.onnx"
    assert place(str(in_checkout / "a" / "b.onnx")) == "a/b.onnx"
    assert place(str(in_checkout.parent / "b.onnx")) == (in_checkout.parent / "b.onnx").as_posix()
    inner = in_checkout / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(in_checkout))
    assert place("b.onnx") == "inner/b.onnx"
