"""Texts that models and paths bring, made fit for one line of a terminal or a log."""

from __future__ import annotations


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
    return shown.replace("##[", "#\\x23[")
