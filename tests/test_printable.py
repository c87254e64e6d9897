from __future__ import annotations

from hawx_onnx.printable import one_line


def test_one_line_escapes_what_cannot_be_shown() -> None:
    assert one_line("a\nb\r\tc\x1b[0m") == "a\\nb\\r\\tc\\x1b[0m"
    assert one_line("\u202e") == "\\u202e"
    assert one_line("\udcff") == "\\udcff"
    assert one_line("Größe 日本") == "Größe 日本"
    assert one_line("abcdef", 5) == "ab..."
    assert one_line("##[error]x") == "#\\x23[error]x"
