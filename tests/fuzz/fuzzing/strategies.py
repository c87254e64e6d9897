"""Strategies of damaged bytes, texts and trees.

All of them start from what is valid, since random bytes come no further than the first check.
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import zipfile
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]
Files = Mapping[str, bytes]

NUMBERS = (
    0,
    -1,
    1,
    2,
    7,
    255,
    256,
    -129,
    2**16,
    2**31 - 1,
    2**31,
    -(2**31) - 1,
    2**63 - 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**30,
    0.5,
    -0.0,
    1e-320,
    1e30,
    1.8e308,
    float("inf"),
    float("-inf"),
    float("nan"),
)
TEXTS = (
    "",
    " ",
    "x",
    "\x00",
    "\n",
    "a\nb: c",
    "../../../etc/passwd",
    "/etc/passwd",
    "C:\\x",
    "mul8s_exact",
    "no_such_name",
    "é\u202e\ufeff",
    "\ud800",
    "x" * 5000,
    "<script>alert(1)</script>",
    "=1+1",
    "%s%n",
    "${HOME}",
    "1e400",
    "nan",
    "true",
    "0x10",
    "2020-01-01",
)
VALUES: tuple[Any, ...] = (*NUMBERS, *TEXTS, None, True, False, [], {}, [[]], [0] * 300, {"": None})

# What a text of YAML, TOML or JSON may hold that a tree does not.
SNIPPETS = (
    b"!!python/object/apply:os.system ['true']",
    b"!!python/name:os.system",
    b"&a [*a]",
    b"*unknown",
    b"<<: {a: 1}",
    b"%TAG ! tag:x,2000:\n---\n",
    b"---\n",
    b"...\n",
    b"\t",
    b"\xff\xfe",
    b"\xef\xbb\xbf",
    b"[" * 3000,
    b"{a: " * 2000,
    b"a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n"
    b"d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\n"
    b"f: &f [*e,*e,*e,*e,*e,*e,*e,*e]\ng: &g [*f,*f,*f,*f,*f,*f,*f,*f]\n"
    b"h: &h [*g,*g,*g,*g,*g,*g,*g,*g]\nname: *h\n",
    b"9" * 5000,
    b"? [a, b]\n: c\n",
    b"null: 1\n",
    b"1: 2\n",
)


@st.composite
def damaged_bytes(draw: Draw, sources: Sequence[bytes], snippets: Sequence[bytes] = ()) -> bytes:
    """One of some files with up to four places damaged."""
    data = bytearray(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(len(data) - 1, 0)))
        count = draw(st.integers(1, 16))
        match draw(st.integers(0, 7)):
            case 0:
                data[at:] = b""
            case 1:
                del data[at : at + count]
            case 2:
                data[at:at] = data[at : at + count]
            case 3:
                data[at:at] = draw(st.binary(min_size=1, max_size=16))
            case 4 if snippets:
                data[at:at] = draw(st.sampled_from(snippets))
            case 5:
                data[at : at + 4] = draw(st.sampled_from(WORDS))
            case _:
                data[at : at + 1] = bytes([draw(st.integers(0, 255))])
    return bytes(data)


WORDS = tuple(
    number.to_bytes(4, "little") for number in (0, 1, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1)
)


def _places(tree: object) -> list[tuple[Any, Any]]:
    """Every (container, key) of a tree of mappings and lists."""
    found: list[tuple[Any, Any]] = []
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        keys: list[Any] = []
        if isinstance(one, dict):
            keys = list(one)
        elif isinstance(one, list):
            keys = list(range(len(one)))
        for key in keys:
            found.append((one, key))
            waiting.append(one[key])
    return found


@st.composite
def damaged_trees(draw: Draw, sources: Sequence[Any]) -> Any:
    """One of some documents with one to three values exchanged, removed, renamed or moved."""
    tree = copy.deepcopy(draw(st.sampled_from(sources)))
    for _ in range(draw(st.integers(1, 3))):
        places = _places(tree)
        if not places:
            return tree
        where, key = places[draw(st.integers(0, len(places) - 1))]
        match draw(st.integers(0, 5)):
            case 0:
                del where[key]
            case 1 if isinstance(where, dict):
                where[draw(st.sampled_from(TEXTS))] = where.pop(key)
            case 2:
                other, other_key = places[draw(st.integers(0, len(places) - 1))]
                where[key] = copy.deepcopy(other[other_key])
            case 3 if isinstance(where, list):
                where.append(copy.deepcopy(where[key]))
            case _:
                where[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
    return tree


@st.composite
def damaged_documents(
    draw: Draw, trees: Sequence[Any], texts: Sequence[bytes], dump: Callable[[Any], str]
) -> bytes:
    """A damaged tree as text, or a damaged text; seldom both."""
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return draw(damaged_bytes(texts, SNIPPETS))
    text = dump(draw(damaged_trees(trees))).encode("utf-8", "surrogatepass")
    return draw(damaged_bytes([text], SNIPPETS)) if kind == 1 else text


def json_text(tree: object) -> str:
    """JSON as Python writes it, NaN and all."""
    return json.dumps(tree)


def yaml_text(tree: object) -> str:
    """YAML, or JSON where YAML has no form for it."""
    with contextlib.suppress(yaml.YAMLError):
        return yaml.dump(tree, allow_unicode=True)
    return json.dumps(tree)


def toml_text(tree: Mapping[str, Any]) -> str:
    """TOML of a mapping, a line for each of its keys; what TOML has no form for becomes a text."""
    return "".join(f"{json.dumps(str(key))} = {_toml(value)}\n" for key, value in tree.items())


def _toml(value: object) -> str:
    if isinstance(value, dict):
        inner = ", ".join(f"{json.dumps(str(key))} = {_toml(one)}" for key, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, (int, float)) else json.dumps(value or "")


def alone(name: str, content: st.SearchStrategy[bytes]) -> st.SearchStrategy[Files]:
    """An input of one file."""
    return content.map(lambda data: {name: data})


def repacked(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """An archive with the head of its first entry changed, its checksum made to fit."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for number, name in enumerate(old.namelist()):
            content = old.read(name)
            if not number:
                content = change(content[:160]) + content[160:]
            new.writestr(name, content)
    return buffer.getvalue()
