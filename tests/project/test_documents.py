"""The written pages: their links lead somewhere, their commands and options exist."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "models/**/*.md", "examples/**/*.md")
    for path in ROOT.glob(pattern)
)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
SHELL = re.compile(r"^```(?:sh|bash|shell)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def local_links(page: Path) -> Iterator[tuple[str, str]]:
    """Path and fragment of each link that is no web address; code is no text with links."""
    text = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text(encoding="utf-8")))
    for match in LINK.finditer(text):
        target = match["target"]
        if not re.match(r"[a-z]+:", target):
            path, _, fragment = target.partition("#")
            yield path, fragment


def anchors(page: Path) -> set[str]:
    """What the headings of a page are called in links."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    heads = re.findall(r"^#+ +(.+?) *$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def commands(page: Path) -> Iterator[list[str]]:
    """The hawx-onnx commands in a page's shell blocks, as words."""
    for block in SHELL.finditer(page.read_text(encoding="utf-8")):
        for line in block["text"].replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["hawx-onnx"]:
                yield words


def accepted(parser: argparse.ArgumentParser, words: list[str]) -> bool:
    try:
        parser.parse_args(words)
    except SystemExit as stop:
        return not stop.code
    return True


def test_the_expected_pages_are_there() -> None:
    names = {page_id(page) for page in PAGES}
    assert names >= {
        "README.md",
        "CHANGELOG.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "docs/architecture.md",
        "docs/cli.md",
        "docs/hardware.md",
        "docs/operators.md",
        "docs/reports.md",
        "benchmarks/README.md",
    }


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_local_links_lead_somewhere(page: Path) -> None:
    broken = []
    for path, fragment in local_links(page):
        target = (page.parent / path) if path else page
        if not target.exists():
            broken.append(path)
        elif fragment and target.suffix == ".md" and fragment not in anchors(target):
            broken.append(f"{path}#{fragment}")
    assert not broken, f"{page_id(page)} links to {', '.join(broken)}"


def test_the_readme_tells_the_test_command() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = [match["text"].strip() for match in SHELL.finditer(text)]
    assert "make test" in blocks
    assert (ROOT / ".ci/run").read_text(encoding="utf-8").rstrip().endswith("\nmake test")


def test_the_quick_start_fits_ten_lines() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = text.split("## Quick start", 1)[1].split("\n## ", 1)[0]
    lines = [
        line for match in SHELL.finditer(section) for line in match["text"].splitlines() if line
    ]
    assert 2 <= len(lines) <= 10


@pytest.mark.parametrize("target", ["demo", "test", "lint", "bench", "format", "clean", "help"])
def test_make_has_the_target(target: str) -> None:
    rules = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:.*## ", rules, re.MULTILINE)


@pytest.mark.parametrize("page", [page for page in PAGES if any(commands(page))], ids=page_id)
def test_commands_in_the_pages_have_the_options_they_use(page: Path) -> None:
    from hawx_onnx.cli.main import build_parser

    parser = build_parser()
    for words in commands(page):
        assert accepted(parser, words[1:]), f"{page_id(page)}: {shlex.join(words)}"


def test_the_page_of_commands_tells_every_option_and_its_default() -> None:
    import dataclasses

    from hawx_onnx.settings import Settings, flag_name

    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `--")]
    for item in dataclasses.fields(Settings):
        told = [row for row in rows if f"`--{flag_name(item.name)}" in row]
        assert told, f"docs/cli.md does not tell --{flag_name(item.name)}"
        if isinstance(item.default, (int, float, str)) and not isinstance(item.default, bool):
            assert re.search(rf"\b{re.escape(str(item.default))}\b", told[0]), told[0]


def test_the_page_of_commands_tells_every_command() -> None:
    from hawx_onnx.cli.main import VERBS

    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    assert not [verb for verb in VERBS if f"\n## {verb}\n" not in text]


def test_the_page_of_reports_tells_every_key_of_the_schema() -> None:
    from hawx_onnx.report import report_schema

    text = (ROOT / "docs/reports.md").read_text(encoding="utf-8")
    assert not [key for key in report_schema()["required"] if f"`{key}`" not in text]


def test_the_page_of_operators_tells_every_kernel() -> None:
    import numpy as np

    from hawx_onnx.errors import LibraryError
    from hawx_onnx.runtime.library import describe_kernels

    try:
        kernels = describe_kernels(np.zeros((256, 256), np.int32))["kernels"]
    except LibraryError as error:
        pytest.skip(f"the custom-op library does not run: {error.what}")
    text = (ROOT / "docs/operators.md").read_text(encoding="utf-8")
    missing = [k["name"] for k in kernels if f"\n| `{k['name']}` |" not in text]
    assert not missing, missing
