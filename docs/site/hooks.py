"""MkDocs hooks: the pages that do not lie in docs/, their places in the site, and their links.

MkDocs calls the functions named ``on_...``. Pages of the repository, such as README.md, are taken
as they are; pages of commands and of Python are made from the argument parsers and docstrings.
"""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from command_pages import command_page  # noqa: E402 - beside this file, see above
from plain_indices import PlainIndices  # noqa: E402
from python_pages import python_pages  # noqa: E402
from repository_pages import relink, repository_pages  # noqa: E402

PYTHON_FOLDER = "reference/python"


def _lay_out() -> None:
    """Lays the packages out as a wheel does, for mkdocstrings."""
    package = ROOT / "build/docs/hawx_onnx"
    shutil.rmtree(package, ignore_errors=True)
    package.mkdir(parents=True)
    sources = [path for path in (ROOT / "hawx_onnx").iterdir() if path.name != "__pycache__"]
    for source in (*sources, ROOT / "passes", ROOT / "models"):
        (package / source.name).symlink_to(source, target_is_directory=source.is_dir())


# Not in `on_config`: mkdocstrings looks for the folder before that, and does without it.
_lay_out()


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Sets how Markdown is read."""
    config.markdown_extensions.append(PlainIndices())
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the pages that do not lie in docs/ and gives every page its place in the site."""
    added = {name: path.read_text(encoding="utf-8") for name, path in repository_pages().items()}
    added["reference/commands.md"] = command_page()
    python = {f"{PYTHON_FOLDER}/{name}.md": text for name, text in python_pages().items()}
    for name, text in {**added, **python}.items():
        files.append(File.generated(config, name, content=text))
    _section(config, "Reference").extend(python)
    _section(config, "Guides").extend(_unplaced(files, config))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Leads links between files of the repository to pages of the site."""
    return relink(markdown, page.file.src_uri, config.repo_url or "")


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Makes heads of tables that hold no text plain cells, so that none is read out as a head."""
    return re.sub(r"<th([^>]*)></th>", r"<td\1></td>", html)


def _section(config: MkDocsConfig, title: str) -> list[str | dict[str, str]]:
    """The entries of a section of the navigation; what is added to them is shown."""
    return next(entry[title] for entry in config.nav or [] if title in entry)


def _unplaced(files: Files, config: MkDocsConfig) -> list[str]:
    """Pages that stand nowhere in the navigation, so that a new page needs no entry."""
    placed = set(_targets(config.nav or []))
    return sorted(
        page.src_uri for page in files.documentation_pages() if page.src_uri not in placed
    )


def _targets(entries: list) -> list[str]:
    found: list[str] = []
    for entry in entries:
        if isinstance(entry, str):
            found.append(entry)
            continue
        for value in entry.values():
            found += [value] if isinstance(value, str) else _targets(value)
    return found
