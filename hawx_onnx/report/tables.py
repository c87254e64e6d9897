"""The tables of the report: layers and candidate multipliers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hawx_onnx.report.formats import (
    NONE,
    finite,
    is_exact,
    number,
    percent,
    section,
    share,
    shorten,
    unit_of,
)
from hawx_onnx.report.markup import Markup, element, join, text
from hawx_onnx.report.svg import bar, missing
from hawx_onnx.technology_names import budget_technology, is_predicted

# Distinct colours; beyond them come the same colours hatched (twice as many in all).
COLOURS = 7

_MOST_LAYERS = 120
_NAMES_SHOWN = 4
_SEGMENTS = 8


def table(
    caption: str, heads: Sequence[tuple[str, str]], rows: Sequence[Markup], *, wide: bool = True
) -> Markup:
    """Returns a table in a container that scrolls by itself.

    Args:
        caption: Says what the table shows.
        heads: The columns' names, with the class of each; an empty name is no heading.
        rows: The rows, as ``tr`` elements.
        wide: Whether the columns keep their width and the table may scroll at any width.
    """
    head = [
        element("th" if name else "td", name, scope="col" if name else None, class_=kind or None)
        for name, kind in heads
    ]
    content = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_="wide" if wide else None,
    )
    return element(
        "div", content, class_="scroll", tabindex=0, role="region", aria_label=f"{caption}, table"
    )


def colour_classes(report: Mapping[str, Any]) -> dict[str, str]:
    """Returns the colour class of each multiplier: those in use first, exact ones grey.

    Args:
        report: The content of ``report.json``.
    """
    used: dict[str, int] = {}
    for layer in report.get("layers") or ():
        for name, channels in (layer.get("multipliers") or {}).items():
            used[name] = used.get(name, 0) + (channels or 0)
    known = [str(c.get("name")) for c in report.get("candidates") or ()]
    order = [n for n in known if n in used] + [n for n in used if n not in known]
    order += [n for n in known if n not in used]
    classes = {name: "cx" for name in order if is_exact(name, report)}
    inexact = [name for name in order if name not in classes]
    for index, name in enumerate(inexact):
        hatched = " hatched" if index % (2 * COLOURS) >= COLOURS else ""
        classes[name] = f"c{index % COLOURS}{hatched}"
    return classes


def _chip(class_: str) -> Markup:
    return element("span", class_=f"chip {class_}", aria_hidden="true")


def _strip(counts: Mapping[str, int], classes: Mapping[str, str]) -> Markup:
    total = sum(counts.values())
    if not total:
        return element("span", NONE)
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    segments = [
        element("span", class_=classes.get(name, "cx"), style=f"flex-grow:{count}")
        for name, count in ordered[:_SEGMENTS]
    ]
    if rest := sum(count for _, count in ordered[_SEGMENTS:]):
        segments.append(element("span", style=f"flex-grow:{rest}"))
    names = []
    for name, count in ordered[:_NAMES_SHOWN]:
        times = "" if len(ordered) == 1 else f" × {count}"
        names.append(
            element(
                "span",
                _chip(classes.get(name, "cx")),
                shorten(name, 32) + times,
                class_="name",
                title=name if len(name) > 32 else None,
            )
        )
    if len(ordered) > _NAMES_SHOWN:
        names.append(element("span", f"and {len(ordered) - _NAMES_SHOWN} more", class_="name"))
    return join(
        [
            element("span", *segments, class_="strip", aria_hidden="true"),
            element("span", *names, class_="names"),
        ]
    )


def layers_section(report: Mapping[str, Any]) -> Markup:
    """Returns the table of layers: what each computes, what it got, and why.

    Args:
        report: The content of ``report.json``.
    """
    layers = list(report.get("layers") or ())
    if not layers:
        return missing("The model holds no layer that could be approximated.")
    classes = colour_classes(report)
    top = max((abs(s) for layer in layers if (s := finite(layer.get("sensitivity")))), default=0.0)
    unit = unit_of("energy_uj", *[layer.get("energy_uj") for layer in layers])
    rows = [_layer_row(layer, classes, top, unit[1]) for layer in layers[:_MOST_LAYERS]]
    heads = (
        ("Layer", "first"),
        ("Operator", ""),
        ("MACs", "num"),
        ("Channels", "num"),
        ("Multipliers", ""),
        ("Sensitivity", "num"),
        ("Cycles", "num"),
        ("Utilisation", "num"),
        (f"Energy ({unit[0]})", "num"),
        ("Left exact because", ""),
    )
    shown = table("In the order of the graph", heads, rows)
    if len(layers) > _MOST_LAYERS:
        note = f"Shown: the first {_MOST_LAYERS} of {len(layers)} layers; all are in report.json."
        shown = join([shown, element("p", note, class_="quiet")])
    return shown


def _layer_row(
    layer: Mapping[str, Any], classes: Mapping[str, str], top: float, unit: float
) -> Markup:
    name = str(layer.get("name"))
    sensitivity = finite(layer.get("sensitivity"))
    energy = finite(layer.get("energy_uj"))
    length = None if sensitivity is None or not top else max(0.0, sensitivity) / top
    return element(
        "tr",
        element(
            "th",
            shorten(name, 48),
            scope="row",
            class_="first code",
            title=name if len(name) > 48 else None,
        ),
        element("td", layer.get("op")),
        element("td", number(layer.get("macs")), class_="num"),
        element("td", number(layer.get("channels")), class_="num"),
        element("td", _strip(layer.get("multipliers") or {}, classes), class_="mix"),
        element("td", number(sensitivity), bar(length, "bar-plain", 0.02), class_="num bars"),
        element("td", number(layer.get("compute_cycles")), class_="num"),
        element("td", percent(layer.get("utilization"), 1), class_="num"),
        element("td", NONE if energy is None else number(energy / unit), class_="num"),
        element("td", layer.get("reason") or "", class_="reason"),
    )


def _mac_shares(report: Mapping[str, Any]) -> dict[str, float]:
    """Returns which share of the multiplications each multiplier does in the selected design."""
    done: dict[str, float] = {}
    total = 0.0
    for layer in report.get("layers") or ():
        counts: Mapping[str, int] = layer.get("multipliers") or {}
        channels, macs = sum(counts.values()), finite(layer.get("macs")) or 0.0
        total += macs
        for name, count in counts.items():
            done[name] = done.get(name, 0.0) + macs * count / channels if channels else 0.0
    return {name: macs / total for name, macs in done.items()} if total else {}


def candidates_section(report: Mapping[str, Any]) -> Markup:
    """Returns the table of candidate multipliers: errors, cost, kernel.

    Args:
        report: The content of ``report.json``.
    """
    candidates = list(report.get("candidates") or ())
    if not candidates:
        return missing("No candidate multipliers are listed.")
    classes, shares = colour_classes(report), _mac_shares(report)
    rows = [_candidate_row(c, classes, shares, section(report, "kernels")) for c in candidates]
    heads = (
        ("Multiplier", "first"),
        ("Share of MACs", "num"),
        ("Kernel", ""),
        ("Encoding", ""),
        ("MAE", "num"),
        ("WCE", "num"),
        ("MRE", "num"),
        ("EP", "num"),
        ("MSE", "num"),
        ("Mean error", "num"),
        ("Rank", "num"),
        ("Energy (fJ)", "num"),
        ("Area (µm²)", "num"),
        ("Delay (ns)", "num"),
        ("Technology", ""),
        ("Provenance", ""),
        ("SHA-256", ""),
    )
    note = (
        "MAE: mean absolute error; WCE: worst-case error; MRE: mean relative error; EP: "
        "probability of an error; MSE: mean squared error. The share of MACs is that of the "
        "selected design."
    )
    shown = table(
        "Errors over all 65,536 pairs of operands, and cost of one multiplier", heads, rows
    )
    return join([shown, element("p", note, class_="quiet")])


def _technology(name: str) -> str | Markup:
    """The technology of a cost; a predicted one is marked."""
    if not is_predicted(name):
        return name or NONE
    return join([text(budget_technology(name)), element("span", "predicted", class_="tag")])


def _candidate_row(
    candidate: Mapping[str, Any],
    classes: Mapping[str, str],
    shares: Mapping[str, float],
    kernels: Mapping[str, Any],
) -> Markup:
    name = str(candidate.get("name"))

    def cell(key: str) -> Markup:
        return element("td", number(candidate.get(key)), class_="num")

    digest = str(candidate.get("sha256") or "")
    return element(
        "tr",
        element(
            "th",
            _chip(classes.get(name, "cx")),
            shorten(name, 40),
            scope="row",
            class_="first code",
            title=name if len(name) > 40 else None,
        ),
        element("td", percent(shares.get(name, 0.0), 1) if shares else NONE, class_="num"),
        element("td", candidate.get("kernel") or kernels.get(name) or NONE),
        element("td", candidate.get("encoding") or NONE),
        cell("mae"),
        cell("wce"),
        element("td", share(candidate.get("mre")), class_="num"),
        element("td", share(candidate.get("ep")), class_="num"),
        *[cell(key) for key in ("mse", "mean_error", "rank", "energy_fj", "area_um2", "delay_ns")],
        element("td", _technology(str(candidate.get("technology") or ""))),
        element("td", candidate.get("provenance") or NONE, class_="source"),
        element("td", digest[:12] or NONE, class_="code", title=digest or None),
    )
