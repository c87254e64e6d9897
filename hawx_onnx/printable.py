"""Texts that models and paths bring, made fit for a terminal or a log.

The runner of GitHub Actions takes a line of a log that begins with ``::`` for a command, blanks in
front or not, and ``##[`` wherever it stands.
"""

from __future__ import annotations

import unicodedata


def one_line(text: str, most: int = 400) -> str:
    """A text in one line of printable characters.

    Whatever is not printable (line ends, terminal escapes, marks that turn the direction of
    writing, parts of surrogates) is written as an escape, as is ``##[``, which starts a command
    wherever it stands in a log of GitHub Actions. Long texts are cut.

    Args:
        text: A message, or a name that a model or a path brings.
        most: How many characters are kept.
    """
    cut = text if len(text) <= most else text[: most - 3] + "..."
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return _no_command(shown)


def plain_lines(text: str) -> str:
    """A text of several lines, none of which is a command or does more than be shown.

    Args:
        text: What a command prints, names that a model or a path brings among it.
    """
    return "\n".join(_no_command("".join(map(_shown, line))) for line in text.split("\n"))


def plain_json(text: str) -> str:
    """The same document in JSON, without what starts a command wherever it stands in a log."""
    return text.replace("##[", "\\u0023#[")


def _shown(character: str) -> str:
    if character.isprintable() or character == "\t" or unicodedata.category(character) == "Zs":
        return character
    return character.encode("unicode_escape").decode()


def _no_command(line: str) -> str:
    line = line.replace("##[", "#\\x23[")
    return line.replace("::", ":\\x3a", 1) if line.lstrip().startswith("::") else line
