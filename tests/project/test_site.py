"""The documentation site: built strictly, complete, and asking no other server for anything."""

from __future__ import annotations

import argparse
import html
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FETCHED = re.compile(r"<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=\"([^\"]*)\"")
FRAME = """<!DOCTYPE html><meta charset="utf-8"><body><iframe id="page" src="PAGE"
style="width:WIDTHpx;height:900px;border:0"></iframe><script>
addEventListener("load", () => {
  const inside = document.getElementById("page").contentDocument.documentElement;
  document.body.dataset.found = inside.clientWidth + " " + inside.scrollWidth;
});</script></body>"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site."""
    for name in ("mkdocs", "material", "mkdocstrings"):
        pytest.importorskip(name, reason="the site is built with the extra `docs`")
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def repository_pages() -> ModuleType:
    """The module that leads links to pages of the site."""
    path = ROOT / "docs/site/repository_pages.py"
    spec = importlib.util.spec_from_file_location("repository_pages", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        yield str(path.relative_to(site)), path.read_text(encoding="utf-8")


def text_of(page: Path) -> str:
    """What a page shows, without tags."""
    return html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


def test_every_written_page_stands_in_the_navigation(site: Path) -> None:
    start = (site / "index.html").read_text(encoding="utf-8")
    written = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert {"cli", "operators", "troubleshooting"} <= written
    missing = [name for name in sorted(written) if f'href="{name}.html"' not in start]
    assert not missing


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    found = []
    for name, text in pages(site):
        for target in FETCHED.findall(text):
            if re.match(r"(?:[a-z]+:)?//", target):
                found.append(f"{name}: {target}")
            elif name != "404.html":  # which is served from anywhere
                assert ((site / name).parent / target.partition("?")[0]).exists(), (name, target)
    assert not found
    styles = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.css"))
    assert not re.findall(r"url\(['\"]?(?:https?:)?//[^)]*\)|@import", styles)


def test_the_page_of_commands_has_every_flag(site: Path) -> None:
    from hawx_onnx.cli.main import build_parser

    shown = text_of(site / "reference/commands.html")

    def flags(parser: argparse.ArgumentParser) -> Iterator[str]:
        for action in parser._actions:
            yield from action.option_strings
            if isinstance(action, argparse._SubParsersAction):
                for sub in action.choices.values():
                    yield from flags(sub)

    wanted = set(flags(build_parser()))
    assert {"--max-accuracy-drop", "--from-table", "--portable"} <= wanted
    assert not [flag for flag in sorted(wanted) if flag not in shown]


@pytest.mark.parametrize("name", ["", "components", "hardware", "passes", "search", "predictors"])
def test_the_pages_of_python_have_every_public_name(site: Path, name: str) -> None:
    package = f"hawx_onnx.{name}".rstrip(".")
    page = site / f"reference/python/{name or 'hawx_onnx'}.html"
    anchors = set(re.findall(r'id="([\w.]+)"', page.read_text(encoding="utf-8")))
    module = importlib.import_module(package)
    public = [f"{package}.{one}" for one in module.__all__ if not one.startswith("_")]
    assert len(public) >= 5
    assert not [one for one in public if one not in anchors]


def test_headings_have_the_anchors_of_the_repository(site: Path) -> None:
    assert 'id="running-without-the-library"' in (site / "operators.html").read_text("utf-8")


@pytest.mark.parametrize(
    ("page", "given", "made"),
    [
        ("index.md", "[c](docs/cli.md#data)", "[c](cli.md#data)"),
        ("cli.md", "[q](../README.md)", "[q](index.md)"),
        ("benchmarks/index.md", "[o](../docs/operators.md)", "[o](../operators.md)"),
        ("cli.md", "[`a`](../passes/base.py)", "`a`"),
        ("cli.md", "[a](../passes/nowhere.py)", "[a](../passes/nowhere.py)"),
        ("cli.md", "`[a](../README.md)`", "`[a](../README.md)`"),
        ("cli.md", "[a](#data) [b](mailto:x@y)", "[a](#data) [b](mailto:x@y)"),
    ],
)
def test_links_lead_to_pages(
    repository_pages: ModuleType, page: str, given: str, made: str
) -> None:
    assert repository_pages.relink(given, page, "") == made


def test_links_to_sources_lead_to_their_host(repository_pages: ModuleType) -> None:
    made = repository_pages.relink("[a](../passes/base.py)", "cli.md", "https://host.example/a/b/")
    assert made == "[a](https://host.example/a/b/blob/HEAD/passes/base.py)"


@pytest.mark.parametrize("page", ["reference/commands.html", "hardware.html"])
def test_a_narrow_page_does_not_scroll_sideways(
    browser: str, site: Path, tmp_path: Path, page: str
) -> None:
    frame = tmp_path / "frame.html"
    address = (site / page).as_uri()
    frame.write_text(FRAME.replace("PAGE", address).replace("WIDTH", "400"), encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"]
    command += ["--disable-background-networking", "--allow-file-access-from-files"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=3000", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", frame.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = re.search(r'data-found="(\d+) (\d+)"', done.stdout)
    assert found, done.stdout[-500:]
    visible, needed = (int(number) for number in found.groups())
    assert 0 < visible <= 400
    assert needed <= visible
    assert "CONSOLE" not in done.stderr


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_rule_on_accessibility_is_broken(
    judge: Callable[..., dict[tuple[str, int], Any]], site: Path, scheme: str
) -> None:
    names = ("library.html", "reference/python/predictors.html")
    found = judge([site / name for name in names], scheme)
    assert {where: about.told for where, about in found.items() if about.told} == {}
    assert min(about.held for about in found.values()) > 30
