"""Boolean functions of Liberty cells: ``(A B) + !C'`` turned into operations on words."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from hawx_onnx.components.netlist.network import Function, Words
from hawx_onnx.errors import LibraryError

_TOKEN = re.compile(r"\s*([A-Za-z_][\w\[\]]*|[01]|[!'^&*|+()])")

_Node = Callable[[tuple[Words, ...]], Words]


def compile_function(text: str, pins: Sequence[str], where: str) -> Function:
    """Returns a cell's function of its input pins' words.

    ``!`` and ``'`` invert and bind closest, then come ``^``, then ``&``, ``*`` or nothing at all
    (and), then ``|`` or ``+`` (or), as the Liberty reference has it. A parser of its own, since the
    text comes from files that are not trusted.

    Args:
        text: The function.
        pins: The input pins, in the order of the arguments.
        where: The cell's name, for messages.

    Raises:
        LibraryError: The text is no function of these pins.
    """
    parser = _Parser(text, pins, where)
    node = parser.either()
    parser.finish()
    return lambda *words: node(words)


class _Parser:
    """Recursive descent, one method for each level of binding."""

    def __init__(self, text: str, pins: Sequence[str], where: str) -> None:
        self._where, self._text = where, text
        self._pins = {pin: index for index, pin in enumerate(pins)}
        self._tokens: list[str] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                raise self._error()
            self._tokens.append(found[1])
            position = found.end()
        self._tokens.reverse()

    def _peek(self) -> str:
        return self._tokens[-1] if self._tokens else ""

    def _error(self) -> LibraryError:
        return LibraryError(f"{self._text!r} is no function of its pins", where=self._where)

    def finish(self) -> None:
        if self._tokens:
            raise self._error()

    def either(self) -> _Node:
        node = self._both()
        while self._peek() in ("+", "|"):
            self._tokens.pop()
            node = _binary(lambda a, b: a | b, node, self._both())
        return node

    def _both(self) -> _Node:
        node = self._differ()
        while self._peek() not in ("", "+", "|", ")"):
            if self._peek() in ("&", "*"):
                self._tokens.pop()
            node = _binary(lambda a, b: a & b, node, self._differ())
        return node

    def _differ(self) -> _Node:
        node = self._inverted()
        while self._peek() == "^":
            self._tokens.pop()
            node = _binary(lambda a, b: a ^ b, node, self._inverted())
        return node

    def _inverted(self) -> _Node:
        if self._peek() == "!":
            self._tokens.pop()
            return _inverse(self._inverted())
        node = self._atom()
        while self._peek() == "'":
            self._tokens.pop()
            node = _inverse(node)
        return node

    def _atom(self) -> _Node:
        token = self._tokens.pop() if self._tokens else ""
        if token == "(":
            node = self.either()
            if self._peek() != ")":
                raise self._error()
            self._tokens.pop()
            return node
        if token in self._pins:
            index = self._pins[token]
            return lambda words: words[index]
        if token in ("0", "1") and self._pins:
            return (lambda words: words[0] ^ words[0]) if token == "0" else _ones
        raise self._error()


def _ones(words: tuple[Words, ...]) -> Words:
    return ~(words[0] ^ words[0])


def _binary(operation: Callable[[Words, Words], Words], left: _Node, right: _Node) -> _Node:
    return lambda words: operation(left(words), right(words))


def _inverse(node: _Node) -> _Node:
    return lambda words: ~node(words)
