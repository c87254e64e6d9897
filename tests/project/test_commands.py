"""The commands and programs in the written pages: run, or, where marked, at least understood.

Blocks marked as shell or Python are run page by page, in order, in a folder of their own that holds
the shipped models, ``model.onnx``, ``data.npz`` and ``tables.npz``. A line
``<!-- not run: REASON -->`` in front of a block takes it out: its commands and options are parsed
then, and a program is compiled.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import runpy
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "models/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(
    r"^(?:<!-- not run: (?P<reason>[^>]+?) -->\n)?```(?P<language>sh|bash|shell|python)\n"
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"^<!-- not run.*$", re.MULTILINE)
SECONDS = 300


@dataclass(frozen=True)
class Block:
    """A block of code: where it stands, what it is in, and why it is not run (empty if it is)."""

    place: str
    language: str
    text: str
    reason: str


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for match in BLOCK.finditer(text):
        line = text[: match.start("text")].count("\n") + 1
        language = "python" if match["language"] == "python" else "sh"
        place = f"{page.relative_to(ROOT)}:{line}"
        yield Block(place, language, match["text"], match["reason"] or "")


RUN = {str(page.relative_to(ROOT)): [b for b in blocks(page) if not b.reason] for page in PAGES}
NOT_RUN = [block for page in PAGES for block in blocks(page) if block.reason]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one's own and its data, as the README assumes them."""
    import numpy as np

    from hawx_onnx.errors import LibraryError
    from hawx_onnx.models.lenet5.data import digits_raw
    from hawx_onnx.runtime.library import get_library_path

    try:
        get_library_path()
    except LibraryError as error:
        pytest.skip(f"the custom-op library is not built: {error.what}")
    folder = tmp_path_factory.mktemp("sample")
    images, labels = digits_raw()
    np.savez(folder / "data.npz", x=images, y=labels)
    codes = np.arange(256)
    np.savez(folder / "tables.npz", mul8u_mine=np.outer(codes // 2 * 2, codes))
    shipped = (ROOT / "models/lenet5/lenet5.onnx").read_bytes()
    (folder / "model.onnx").write_bytes(shipped)
    return folder


@pytest.mark.parametrize("page", [page for page, found in RUN.items() if found])
def test_what_a_page_shows_runs(page: str, sample: Path, tmp_path: Path) -> None:
    for linked in (ROOT / "models", ROOT / "examples", *sample.iterdir()):
        (tmp_path / linked.name).symlink_to(linked)
    programs = Path(sys.executable).parent
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / ".venv/bin/activate").touch()  # the programs of this environment are on PATH
    environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}
    for block in RUN[page]:
        shell = ["bash", "-euo", "pipefail", "-c", block.text]
        done = subprocess.run(
            shell if block.language == "sh" else [sys.executable, "-c", block.text],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, (
            f"{block.place} ends with {done.returncode}:\n{block.text}\n{done.stderr[-2000:]}\n"
            "(a line `<!-- not run: REASON -->` in front of a block takes it out)"
        )


def test_the_quick_start_and_the_commands_are_run() -> None:
    shown = {page: "".join(block.text for block in found) for page, found in RUN.items()}
    assert "hawx-onnx optimize model.onnx --data data.npz" in shown["README.md"]
    assert "hawx_onnx.create_session(" in shown["README.md"]
    verbs = ("optimize", "analyze", "explore", "evaluate", "cost", "apply", "report", "doctor")
    assert not [verb for verb in verbs if f"hawx-onnx {verb} " not in shown["docs/cli.md"]]


def test_every_mark_stands_in_front_of_a_block_and_gives_a_reason() -> None:
    for page in PAGES:
        marked = [block for block in blocks(page) if block.reason]
        found = MARK.findall(page.read_text(encoding="utf-8"))
        assert len(found) == len(marked), f"{page.name}: {found}"


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.place)
def test_what_is_not_run_is_understood(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    if block.language == "python":
        compile(block.text, block.place, "exec")
        return
    checked = subprocess.run(["bash", "-n", "-c", block.text], capture_output=True, check=False)
    assert checked.returncode == 0, checked.stderr
    for words in commands(block.text):
        understand(words, monkeypatch)


def commands(text: str) -> Iterator[list[str]]:
    """The commands of a block as words, without assignments of variables in front."""
    for line in text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
        lexer.whitespace_split = True
        words: list[str] = []
        for word in [*lexer, ";"]:
            if not re.fullmatch(r"[|&;]+", word):
                words.append(word)
                continue
            while words and re.fullmatch(r"[A-Z_]+=.*", words[0]):
                words.pop(0)
            if words:
                yield words
            words = []


def understand(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails unless a program of this project takes the words; other programs' are not known."""
    if words[0] == "hawx-onnx":
        from hawx_onnx.cli.main import build_parser

        with pytest.raises(Parsed):
            parse(lambda: build_parser().parse_args(words[1:]), monkeypatch)
    elif words[0] == "make":
        rules = (ROOT / "Makefile").read_text(encoding="utf-8")
        targets = [word for word in words[1:] if "=" not in word]
        assert all(re.search(rf"^{target}:", rules, re.MULTILINE) for target in targets), words
    elif words[:2] == ["python", "-m"] and words[2].startswith("hawx_onnx"):
        assert importlib.util.find_spec(words[2]) is not None, words
    elif words[0] == "python" and words[1].startswith("benchmarks/"):
        monkeypatch.setattr(sys, "argv", words[1:])
        monkeypatch.syspath_prepend(ROOT / "benchmarks")
        script = ROOT / words[1]
        with pytest.raises(Parsed):
            parse(lambda: runpy.run_path(str(script), run_name="__main__"), monkeypatch)


class Parsed(Exception):
    """A parser took its words; nothing further is to happen."""


def parse(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs something until it has parsed its arguments; those it does not take end it."""
    original = argparse.ArgumentParser.parse_args

    def parse_args(self: argparse.ArgumentParser, *given: Any, **named: Any) -> None:
        original(self, *given, **named)
        raise Parsed

    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, "parse_args", parse_args)
        run()
