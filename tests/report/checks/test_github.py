from __future__ import annotations

import html
import re

from hawx_onnx.report.checks import github_commands, github_summary
from hawx_onnx.report.checks.github import escape_data, escape_property


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """Workflow commands as the runner reads them: name, properties, message."""
    found = []
    for line in re.split(r"[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]", text):
        match = re.fullmatch(r"::(?P<name>[\w-]+)(?: (?P<given>.*?))?::(?P<data>.*)", line.strip())
        assert "##[" not in line
        if match is None:
            assert not line.strip().startswith("::"), line
            continue
        pairs = dict(pair.split("=", 1) for pair in (match["given"] or "").split(",") if pair)
        found.append((match["name"], {k: unescape(v) for k, v in pairs.items()}, match["data"]))
    return found


def unescape(text: str) -> str:
    for code, mark in (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")):
        text = text.replace(code, mark)
    return text


def test_escapes_are_those_of_the_runner() -> None:
    assert escape_data("100%\r\n: , ::x") == "100%25%0D%0A: , ::x"
    assert escape_property("100%\r\n: , ::x") == "100%25%0D%0A%3A %2C %3A%3Ax"


def test_what_does_not_hold_is_annotated(hostile) -> None:
    found = commands(github_commands(hostile))
    assert [name for name, _, _ in found] == ["error", "error"]
    (_, model, data), (_, rules, _) = found
    assert model["file"] == "models/a model: 100%,\\n::error::.onnx"
    assert model["title"] == "HAWX301 allowed-multipliers"
    assert (rules["file"], rules["line"], rules["title"]) == (
        "rules.yaml",
        "3",
        "HAWX001 rules-file",
    )
    assert set(model) == {"file", "title"}
    assert "100%25 %250A %2525" in data  # what a name says of escapes stays a text


def test_what_holds_is_not(good) -> None:
    assert commands(github_commands(good)) == []
    assert "all 2 checks hold" in github_commands(good)


def test_the_summary_is_one_table_whatever_names_say(hostile, names) -> None:
    text = github_summary(hostile)
    head, _, table = text.partition("\n\n")
    assert head.startswith("### ")
    rows = table.strip().splitlines()
    assert len(rows) == 2 + len(hostile.findings)
    assert {row.count("|") for row in rows} == {6}
    bare = re.sub(r"&#\d+;|<br>", "", text)
    assert not re.search(r"[<>`*_\[\]\\&!]", bare.replace("###", "")), bare
    shown = html.unescape(text)
    assert names[3] in shown
    assert names[5] in shown


def test_the_summary_stays_within_its_limit(in_checkout) -> None:
    from hawx_onnx.checks import CheckReport, Finding
    from hawx_onnx.checks.catalogue import RULES

    one = Finding(RULES["known-tables"], "failed", "\x00" * 5000, "m", nodes=("\x01" * 5000,) * 9)
    report = CheckReport((one,) * 5000, {"m": "0" * 64}, None, None, None, 5000)
    text = github_summary(report)
    assert len(text.encode("utf-8")) < 2**20
    told = sum(line.startswith("| ") for line in text.splitlines()) - 1
    assert 100 < told < 5000
    assert f"and {5000 - told} more" in text
