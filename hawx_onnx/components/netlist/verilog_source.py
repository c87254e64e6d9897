"""What Verilog text holds before yosys sees it: modules, comments, and what it must not hold.

yosys runs constant system tasks, reads the files that ``$readmemh`` and ``include`` name, and calls
C functions that ``import "DPI-C"`` names. A netlist of somebody else gets to do none of that: such
constructs are refused by their tokens, and so is everything that could put them together from
parts (pasted tokens, macros beside strings).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from hawx_onnx.errors import ComponentError

MOST_CHARACTERS = 4_000_000

# Names of modules and wires keep to these characters, so that no name holds a quote or a comment.
_TOKENS = re.compile(
    r"""
    (?P<line>//[^\n]*) | (?P<block>/\*.*?\*/)
    | (?P<attribute>\(\*(?!\s*\)).*?\*\))
    | (?P<string>"(?:[^"\\\n]|\\.)*")
    | (?P<escaped>\\[^\s"`]+(?=\s))
    | (?P<directive>`[A-Za-z_]\w*)
    | (?P<system>\$[A-Za-z_]\w*)
    | (?P<word>[A-Za-z_][\w$]*)
    | (?P<number>[0-9]*\s*'[sS]?[bBoOdDhH]\s*[0-9a-fA-F_xXzZ?]+|[0-9][\w.]*)
    | (?P<loose>["`\$\\]|/\*)
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVES = frozenset(
    re.findall(
        r"\w+",
        "timescale default_nettype celldefine endcelldefine resetall define undef ifdef ifndef "
        "else elsif endif",
    )
)
_SYSTEM = frozenset({"$signed", "$unsigned", "$clog2", "$bits"})
_KEYWORDS = {
    "import": "imports are refused: they can call code of this machine",
    "bind": "bind is refused",
    "config": "configurations are refused",
}
_PLAIN = "give a netlist: modules, wires, gates and assigns"


@dataclass(frozen=True)
class Token:
    """A token that matters: its kind (a group's name of the scanner), text and line."""

    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class VerilogSource:
    """What a scan of a Verilog text found.

    Attributes:
        modules: Names of the modules defined, in order.
        instances: Words that stand where the name of an instantiated module can stand.
        comments: All comments, in order, without their delimiters.
    """

    modules: tuple[str, ...]
    instances: frozenset[str]
    comments: str

    @property
    def roots(self) -> tuple[str, ...]:
        """Modules that no other module of the text uses."""
        return tuple(name for name in self.modules if name not in self.instances)


def scan(text: str, where: str) -> VerilogSource:
    """Scans a Verilog text and refuses what yosys shall not see.

    Args:
        text: The text.
        where: The file, for error texts.

    Raises:
        ComponentError: The text includes files, calls system tasks or foreign code, pastes tokens,
            or holds no module.
    """
    if len(text) > MOST_CHARACTERS or "\0" in text:
        reason = "holds null characters" if "\0" in text else "is too long for a multiplier"
        raise ComponentError(f"the file {reason}", where=where, mend=_PLAIN)
    tokens = list(_tokens(text))
    _refuse(tokens, where)
    words = [t.text.lstrip("\\") for t in tokens if t.kind in ("word", "escaped")]
    modules, uses = _modules(words)
    if not modules:
        raise ComponentError("the file defines no module", where=where, mend=_PLAIN)
    comments = "\n".join(
        t.text[2:-2] if t.kind == "block" else t.text[2:]
        for t in tokens
        if t.kind in ("line", "block")
    )
    return VerilogSource(modules, uses, comments)


def _tokens(text: str) -> Iterator[Token]:
    line, done = 1, 0
    for match in _TOKENS.finditer(text):
        line += text.count("\n", done, match.start())
        done = match.start()
        yield Token(str(match.lastgroup), match[0], line)


def _modules(words: list[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Returns the names behind ``module``, and those of them that stand elsewhere too."""
    modules: list[str] = []
    used = set()
    for before, word in zip(["", *words], words, strict=False):
        if before in ("module", "macromodule"):
            modules.append(word)
        elif before != "endmodule":
            used.add(word)
    return tuple(modules), frozenset(used & set(modules))


def _refuse(tokens: list[Token], where: str) -> None:
    """Raises an error at the first token that must not be there."""
    macros = any(t.text == "`define" for t in tokens)
    for token in tokens:
        reason = _reason(token, macros=macros)
        if reason:
            raise ComponentError(reason, where=f"{where}:{token.line}", mend=_PLAIN)


def _reason(token: Token, *, macros: bool) -> str:
    """Why a token is refused; empty where it is not."""
    kind, text = token.kind, token.text
    if kind == "directive" and text == "`include":
        return "the file includes another one: every netlist stands in one file"
    if kind == "directive" and text[1:] not in _DIRECTIVES and not macros:
        return f"the directive {text} is not taken"
    if kind == "system" and text not in _SYSTEM:
        return f"the system task {text} is refused: nothing is read, printed or run"
    if kind == "word" and text in _KEYWORDS:
        return _KEYWORDS[text]
    if kind == "string" or (kind == "attribute" and '"' in text and macros):
        return "texts in quotes are taken in attributes (* ... *) only, and not beside macros"
    if kind == "escaped" and ("/*" in text or "//" in text):
        return f"the name {text} holds a comment"
    if kind == "loose":
        return f"a loose {text} is not taken"
    bare = re.sub(r'"[^"]*"', "", text)
    if kind == "attribute" and re.search(r"[`$\\]|//|/\*", bare):
        return "an attribute holds more than names, numbers and texts"
    return ""
