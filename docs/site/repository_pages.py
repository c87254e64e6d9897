"""Pages that lie outside docs/, and links between files of the repository."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[2]
_SINGLE = {
    "index.md": "README.md",
    "contributing.md": "CONTRIBUTING.md",
    "changelog.md": "CHANGELOG.md",
    "security.md": "SECURITY.md",
}
# Code is matched too, to be passed over: brackets in it are no links.
_CODE_OR_LINK = re.compile(
    r"^```.*?^```$|\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)|`[^`\n]*`",
    re.MULTILINE | re.DOTALL,
)


def repository_pages() -> dict[str, Path]:
    """Returns the file of each page of the site that does not lie in docs/, by the page's name."""
    pages = {name: ROOT / path for name, path in _SINGLE.items()}
    for folder in ("benchmarks", "examples", "models"):
        for readme in sorted((ROOT / folder).glob("**/README.md")):
            inside = readme.parent.relative_to(ROOT).as_posix()
            if "node_modules" not in inside:
                pages[f"{inside}/index.md"] = readme
    return pages


def relink(markdown: str, page: str, repo_url: str) -> str:
    """Leads the links of a page to other pages, or to sources where they are hosted.

    A link to a source becomes its mere text as long as mkdocs.yml names no ``repo_url``. One that
    leads nowhere is left to MkDocs, which refuses it.

    Args:
        markdown: The text, with links as they are right in the repository.
        page: Name of the page in the site, such as ``benchmarks/index.md``.
        repo_url: Where the sources are hosted, or nothing.
    """
    pages = {path.relative_to(ROOT).as_posix(): name for name, path in repository_pages().items()}
    source = next((path for path, name in pages.items() if name == page), f"docs/{page}")

    def lead(match: re.Match[str]) -> str:
        text, target = match["text"], match["target"]
        if target is None or target.startswith("#") or re.match(r"[a-z]+:", target):
            return match[0]
        path, mark, fragment = target.partition("#")
        goal = os.path.normpath(PurePosixPath(source).parent / path)
        name = _page_of(goal, pages)
        if name is not None:
            return f"[{text}]({os.path.relpath(name, PurePosixPath(page).parent)}{mark}{fragment})"
        if not (ROOT / goal).exists():
            return match[0]
        return f"[{text}]({repo_url.rstrip('/')}/blob/HEAD/{goal})" if repo_url else text

    return _CODE_OR_LINK.sub(lead, markdown)


def _page_of(path: str, pages: dict[str, str]) -> str | None:
    """The page of the site that shows a file or folder of the repository."""
    name = pages.get(path) or pages.get(f"{path}/README.md")
    if name is None and path.startswith("docs/") and path.endswith(".md"):
        return path.removeprefix("docs/") if (ROOT / path).exists() else None
    return name
