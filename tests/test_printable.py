from __future__ import annotations

import json

from hawx_onnx.printable import one_line, plain_json, plain_lines


def test_one_line_escapes_what_cannot_be_shown() -> None:
    assert one_line("a\nb\r\tc\x1b[0m") == "a\\nb\\r\\tc\\x1b[0m"
    assert one_line("\u202e") == "\\u202e"
    assert one_line("\udcff") == "\\udcff"
    assert one_line("Größe 日本") == "Größe 日本"
    assert one_line("abcdef", 5) == "ab..."
    assert one_line("##[error]x") == "#\\x23[error]x"
    assert one_line(" ::error::x") == " :\\x3aerror::x"


def test_no_line_is_a_command() -> None:
    assert plain_lines("a\n  ::error::b\n::c") == "a\n  :\\x3aerror::b\n:\\x3ac"
    assert plain_lines("a ##[error]b") == "a #\\x23[error]b"
    # What ends lines elsewhere ends none here.
    for mark in ("\r", "\x0b", "\x1c", "\x85", "\u2028", "\u2029"):
        assert plain_lines(f"a{mark}::b").isprintable()
    assert plain_lines("a\x1b[2Jb\u202ec") == "a\\x1b[2Jb\\u202ec"
    assert (
        plain_lines("5\N{NO-BREAK SPACE}mW: a::b\t日本\n") == "5\N{NO-BREAK SPACE}mW: a::b\t日本\n"
    )


def test_json_says_the_same_without_commands() -> None:
    document = {"##[a]": ["x##[error]##[", "::y"]}
    shown = plain_json(json.dumps(document))
    assert "##[" not in shown
    assert json.loads(shown) == document
