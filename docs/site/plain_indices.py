"""Markdown in which ``T[a][w]`` is an entry of a table, and no link to something called ``w``."""

from __future__ import annotations

import re

from markdown import Markdown
from markdown.extensions import Extension
from markdown.inlinepatterns import InlineProcessor

# After code, and before mkdocs-autorefs (168) takes it for a reference to a heading.
_PRIORITY = 169


class _Indices(InlineProcessor):
    def handleMatch(self, m: re.Match[str], data: str) -> tuple[str, int, int]:
        """Gives the text back as it stands."""
        return m[0], m.start(0), m.end(0)


class PlainIndices(Extension):
    """Our pages link by addresses alone, so that two pairs of brackets are never a link."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Registers the pattern."""
        md.inlinePatterns.register(
            _Indices(r"\[[^\]\n]*\]\[[^\]\n]*\]"), "plain_indices", _PRIORITY
        )
