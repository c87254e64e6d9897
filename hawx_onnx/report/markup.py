"""HTML and SVG elements that escape everything which is not markup already."""

from __future__ import annotations

import re
from html import escape

from hawx_onnx.report.formats import clean

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
_VOID = frozenset({"meta", "link", "br", "hr", "img", "col", "wbr"})
# SVG shapes without content are written short: a plot has thousands of them.
_SHAPES = frozenset({"rect", "circle", "line", "path", "polyline", "polygon"})


class Markup(str):
    """Text that is safe markup already; every other text is escaped when it is put in."""

    __slots__ = ()


EMPTY = Markup()


def text(value: object) -> Markup:
    """Returns a value as markup: escaped, unless it is ``Markup``; ``None`` is nothing."""
    if isinstance(value, Markup):
        return value
    return EMPTY if value is None else Markup(escape(clean(str(value)), quote=True))


def join(parts: list[Markup] | tuple[Markup, ...], separator: str = "") -> Markup:
    """Joins markup; the separator must be safe markup itself."""
    return Markup(separator.join(parts))


def _number(value: object) -> str:
    # Coordinates: a tenth of a pixel is enough, and the short form keeps pages small.
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else str(value)


def _attribute(key: str, value: object) -> str:
    name = key.rstrip("_").replace("_", "-")
    if not _NAME.fullmatch(name):
        raise ValueError(f"not an attribute name: {name!r}")
    return f" {name}" + ('=""' if value is True else f'="{text(_number(value))}"')


def element(name: str, /, *children: object, **attributes: object) -> Markup:
    """Builds one element.

    Args:
        name: The element's name.
        *children: Its content; what is not ``Markup`` is escaped, ``None`` is left out.
        **attributes: Its attributes; a final underscore is dropped (``class_``), other
            underscores become hyphens, ``None`` and ``False`` leave the attribute out, ``True``
            gives an empty one. Floats are coordinates and are rounded to a tenth.

    Raises:
        ValueError: A name is not a plain identifier.
    """
    if not _NAME.fullmatch(name):
        raise ValueError(f"not an element name: {name!r}")
    shown = "".join(
        _attribute(key, value)
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    content = "".join(text(child) for child in children)
    if name in _VOID or (name in _SHAPES and not content):
        return Markup(f"<{name}{shown}/>")
    return Markup(f"<{name}{shown}>{content}</{name}>")
