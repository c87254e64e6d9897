"""Why the layers have their multipliers on this accelerator, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from hawx_onnx.report.formats import NONE
from hawx_onnx.report.layer_table import layer_head
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.tables import table

_MOST_ROWS = 120

Row = tuple[str, str, str]
"""Layer, what decided, and the reason in words."""


def reasons_section(reasons: Mapping[str, Any]) -> Markup | None:
    """Returns why the layers have their multipliers on this accelerator, or None if not told.

    Args:
        reasons: The ``reasons`` of ``report.json``.
    """
    given = [*(reasons.get("layers") or ()), *(reasons.get("everywhere") or ())]
    # Candidates of which the same is to be said share a row.
    counts: Counter[Row] = Counter(
        (
            str(row.get("layer") or "all layers"),
            str(row.get("kept_by") or NONE),
            str(row.get("text") or NONE),
        )
        for row in given
    )
    if not counts:
        return None
    told = [element("p", _sentence(text)) for text in reasons.get("shared") or ()]
    rows = [_row(row, count) for row, count in list(counts.items())[:_MOST_ROWS]]
    heads = (("Layer", "first"), ("Decided by", ""), ("The alternative that says most", ""))
    caption = "What else there was, all other layers as selected"
    parts = [*told, table(caption, heads, rows, sortable=True)]
    if len(counts) > _MOST_ROWS:
        note = f"Shown: the first {_MOST_ROWS} of {len(counts)}; all are in report.json."
        parts.append(element("p", note, class_="quiet"))
    return join(parts)


def _row(row: Row, count: int) -> Markup:
    layer, decided, text = row
    several = f" ({count} candidates)" if count > 1 else ""
    return element(
        "tr",
        layer_head(layer),
        element("td", decided),
        element("td", text + several, class_="source"),
    )


def _sentence(text: object) -> str:
    told = str(text)
    return f"{told[:1].upper()}{told[1:]}."
