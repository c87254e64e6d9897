"""What was left exact, and why: nodes with the same reason together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hawx_onnx.report.formats import finite, is_exact, number, percent, shorten
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.tables import table

_SHOWN_AT_ONCE, _MOST_NAMES = 5, 200
_IN_PART = "the search keeps some of its channels exact"


@dataclass(frozen=True)
class Left:
    """A node that is exact as a whole or in part.

    Attributes:
        name: Its name, with its operator or how many channels are exact.
        reason: Why.
        macs: Multiplications that are exact; None where they are not counted.
        whole: Whether all of it is exact.
    """

    name: str
    reason: str
    macs: float | None
    whole: bool


def left_exact(report: Mapping[str, Any]) -> list[Left]:
    """Returns the nodes that multiply exactly, in the order of the graph.

    Args:
        report: The content of ``report.json``.
    """
    found = []
    for layer in report.get("layers") or ():
        name, macs = shorten(str(layer.get("name")), 60), finite(layer.get("macs"))
        counts: Mapping[str, int] = layer.get("multipliers") or {}
        exact = sum(count for one, count in counts.items() if is_exact(one, report))
        channels = sum(counts.values())
        if layer.get("reason"):
            found.append(Left(f"{name} ({layer.get('op')})", str(layer["reason"]), macs, True))
        elif 0 < exact < channels:
            part = None if macs is None else macs * exact / channels
            label = f"{name} ({exact} of {channels} channels)"
            found.append(Left(label, _IN_PART, part, False))
    return found


def left_exact_section(report: Mapping[str, Any]) -> Markup:
    """Returns what was left exact, by reason, with its share of the multiplications.

    Args:
        report: The content of ``report.json``.
    """
    layers = list(report.get("layers") or ())
    found = left_exact(report)
    if not found:
        told = "Nothing: every node that multiplies is approximate." if layers else "Not told."
        return element("p", told)
    total = sum(finite(layer.get("macs")) or 0.0 for layer in layers)
    groups: dict[str, list[Left]] = {}
    for one in found:
        groups.setdefault(one.reason, []).append(one)
    rows = [_row(reason, group, total) for reason, group in groups.items()]
    heads = (("Because", "first"), ("Nodes", "num"), ("Share of MACs", "num"), ("Which", ""))
    caption = "Nodes that multiply exactly, by reason"
    shown = table(caption, heads, rows, wide=False)
    return join([element("p", _summary(found, len(layers), total)), shown])


def _summary(found: Sequence[Left], nodes: int, total: float) -> str:
    whole = sum(one.whole for one in found)
    text = f"{whole} of {nodes} nodes that multiply {'is' if whole == 1 else 'are'} exact"
    if len(found) > whole:
        text += f", and {len(found) - whole} more in part"
    done = sum(one.macs or 0.0 for one in found)
    text += f": {percent(done / total, 1)} of the multiplications" if total else ""
    unknown = sum(one.macs is None for one in found)
    return f"{text}, those of {unknown} nodes not counted." if unknown else f"{text}."


def _row(reason: str, group: Sequence[Left], total: float) -> Markup:
    known = [one.macs for one in group if one.macs is not None]
    part = percent(sum(known) / total, 1) if known and total else percent(None)
    return element(
        "tr",
        element("th", f"{reason[:1].upper()}{reason[1:]}", scope="row", class_="because"),
        element("td", number(len(group)), class_="num"),
        element("td", part, class_="num"),
        element("td", _names([one.name for one in group]), class_="which"),
    )


def _names(names: Sequence[str]) -> Markup:
    """Returns a few names, and the others behind a click."""
    if len(names) <= _SHOWN_AT_ONCE:
        return element("span", ", ".join(names))
    rest = names[_SHOWN_AT_ONCE:_MOST_NAMES]
    more = f", and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return join(
        [
            element("span", ", ".join(names[:_SHOWN_AT_ONCE])),
            element(
                "details",
                element("summary", f"and {len(names) - _SHOWN_AT_ONCE} more"),
                element("span", ", ".join(rest) + more),
            ),
        ]
    )
