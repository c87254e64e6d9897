"""The syntax of Liberty files: groups, attributes and values, whatever they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from hawx_onnx.errors import LibraryError

_TOKEN = re.compile(
    r"""
    (?P<skip>\s+|\\\r?\n|/\*.*?\*/|//[^\n]*)
    |"(?P<text>(?:[^"\\]|\\.)*)"
    |(?P<mark>[(){}:;,])
    |(?P<word>[^\s(){}:;,"\\]+)
    """,
    re.VERBOSE | re.DOTALL,
)

_Token = tuple[str, str, int]
"""Kind (``text``, ``mark``, ``word`` or ``end``), value and position."""


@dataclass
class Group:
    """``kind (names) { ... }``.

    Attributes:
        kind: For instance ``cell``.
        names: What stands in its parentheses.
        attributes: Simple and complex attributes, each a list of values; of repeated ones the last.
        groups: The groups inside, in order.
    """

    kind: str
    names: tuple[str, ...]
    attributes: dict[str, list[str]] = field(default_factory=dict)
    groups: list[Group] = field(default_factory=list)

    def all(self, kind: str) -> Iterator[Group]:
        """Yields the groups of a kind inside this one."""
        return (group for group in self.groups if group.kind == kind)

    def text(self, name: str, default: str = "") -> str:
        """Returns the first value of an attribute."""
        values = self.attributes.get(name)
        return values[0] if values else default

    def number(self, name: str, default: float = 0.0) -> float:
        """Returns an attribute as a number.

        Raises:
            ValueError: It is no number.
        """
        values = self.attributes.get(name)
        return float(values[0]) if values else default


def read_groups(path: Path) -> Group:
    """Returns the outermost group of a Liberty file.

    Raises:
        LibraryError: The file cannot be read or is no Liberty file; the message names the line.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LibraryError(f"cannot be read: {error.strerror}", where=str(path)) from None
    return _Parser(text, path).library()


class _Parser:
    """A parser of statements by one token of look-ahead."""

    def __init__(self, text: str, path: Path) -> None:
        self._text, self._path = text, path
        self._tokens = self._scan()
        self._next: _Token = next(self._tokens)

    def library(self) -> Group:
        """Reads the whole file."""
        kind = self._take("word")
        holder = Group("file", ())
        self._statement(kind, holder)
        if not holder.groups or self._next[0] != "end":
            self._fail("a Liberty file holds one group, library (NAME) { ... }")
        return holder.groups[0]

    def _scan(self) -> Iterator[_Token]:
        text, position = self._text, 0
        match = _TOKEN.match
        while position < len(text):
            found = match(text, position)
            if found is None:
                self._fail(f"{text[position]!r} is not expected here", position)
            kind = str(found.lastgroup)
            if kind != "skip":
                yield kind, found[kind], position
            position = found.end()
        yield "end", "", len(text)

    def _advance(self) -> _Token:
        token = self._next
        if token[0] != "end":
            self._next = next(self._tokens)
        return token

    def _take(self, kind: str, value: str | None = None) -> str:
        found, text, position = self._advance()
        if found != kind or (value is not None and text != value):
            what = repr(text) if found != "end" else "the end of the file"
            self._fail(f"{value or 'a ' + kind} is expected, not {what}", position)
        return text

    def _is(self, mark: str) -> bool:
        return self._next[:2] == ("mark", mark)

    def _body(self, group: Group) -> None:
        while not self._is("}"):
            self._statement(self._take("word"), group)
        self._advance()

    def _statement(self, name: str, group: Group) -> None:
        if self._is(":"):
            self._advance()
            group.attributes[name] = [self._simple_value()]
        else:
            self._take("mark", "(")
            values = self._arguments()
            if self._is("{"):
                self._advance()
                inner = Group(name, tuple(values))
                group.groups.append(inner)
                self._body(inner)
            else:
                group.attributes[name] = values
        if self._is(";"):
            self._advance()

    def _simple_value(self) -> str:
        """Reads a value up to the semicolon or the end of the line, where it is left out."""
        parts = [self._value()]
        while self._next[0] in ("word", "text") and not self._new_line():
            parts.append(self._value())
        return " ".join(parts)

    def _value(self) -> str:
        kind, text, position = self._advance()
        if kind not in ("word", "text"):
            self._fail("a value is expected", position)
        self._end = position + len(text)
        return text

    def _new_line(self) -> bool:
        return "\n" in self._text[self._end : self._next[2]]

    def _arguments(self) -> list[str]:
        values = []
        while not self._is(")"):
            if self._is(","):
                self._advance()
                continue
            values.append(self._value())
        self._advance()
        return values

    def _fail(self, what: str, position: int | None = None) -> NoReturn:
        at = self._next[2] if position is None else position
        line = self._text.count("\n", 0, at) + 1
        raise LibraryError(what, where=f"{self._path}:{line}", mend="give a Liberty (.lib) file")
