"""The frame of every HTML page: head, style, script, policy, and a list of its sections."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib import resources

from hawx_onnx.report.markup import Markup, element

# The page may load nothing at all, and run this one script alone: should a name ever slip through
# the escaping, it stays inert.
_POLICY = (
    "default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)


def page(
    title: str, description: str, top: list[Markup], sections: list[tuple[str, str, Markup]]
) -> str:
    """Returns a page with the style of all reports, which loads nothing.

    Everything is there without the script, which adds sorting and tooltips.

    Args:
        title: Its title.
        description: One line on what it holds.
        top: What stands above the sections.
        sections: Anchor, title and content of each.
    """
    blocks = [
        element("section", element("h2", title, id=anchor), content, aria_labelledby=anchor)
        for anchor, title, content in sections
    ]
    body = element(
        "body",
        _skip(sections),
        element("div", *top, _contents(sections), class_="page top"),
        element("main", *blocks, class_="page", id="content", tabindex=-1),
        element("script", script()),
    )
    return "<!DOCTYPE html>\n" + element("html", _head(title, description), body, lang="en") + "\n"


@cache
def script() -> Markup:
    """Returns the script of the page."""
    return _resource("page.js")


def _resource(name: str) -> Markup:
    return Markup(resources.files("hawx_onnx.report").joinpath(name).read_text("utf-8"))


def _skip(sections: list[tuple[str, str, Markup]]) -> Markup | None:
    """Returns a link that spares who goes by keyboard the list of sections."""
    if len(sections) < 2:
        return None
    return element("a", "Skip to the content", href="#content", class_="skip")


def _contents(sections: list[tuple[str, str, Markup]]) -> Markup | None:
    """Returns links to the sections, where there are several."""
    if len(sections) < 2:
        return None
    links = [element("a", title, href=f"#{anchor}") for anchor, title, _ in sections]
    return element("nav", *links, aria_label="Sections")


def _head(title: str, description: str) -> Markup:
    digest = base64.b64encode(hashlib.sha256(script().encode()).digest()).decode()
    policy = _POLICY.format(digest=digest)
    return element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", name="description", content=description),
        element("title", title),
        element("style", _resource("page.css")),
    )
