"""What every table needs, and the one of candidate multipliers."""

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
)
from hawx_onnx.report.markup import Markup, element, join, text
from hawx_onnx.report.svg import missing
from hawx_onnx.technology_names import budget_technology, is_predicted

# Distinct colours; beyond them come the same colours in narrower bands (twice as many in all).
COLOURS = 7


def table(
    caption: str,
    heads: Sequence[tuple[str, str]],
    rows: Sequence[Markup],
    *,
    wide: bool = True,
    sortable: bool = False,
    figures: bool = False,
) -> Markup:
    """Returns a table in a container that scrolls by itself.

    Args:
        caption: Says what the table shows.
        heads: The columns' names, with the class of each; an empty name is no heading.
        rows: The rows, as ``tr`` elements.
        wide: Whether the columns keep their width and the table may scroll at any width.
        sortable: Whether the script lets a click on a heading sort it; columns of the class
            ``num`` as numbers, by what their cells begin with.
        figures: Whether all cells but the headings are numbers, which then need no class.
    """
    head = [
        element("th" if name else "td", name, scope="col" if name else None, class_=kind or None)
        for name, kind in heads
    ]
    kinds = {"wide": wide, "sortable": sortable, "figures": figures}
    content = element(
        "table",
        element("caption", element("span", caption)),
        element("thead", element("tr", *head)),
        element("tbody", *rows),
        class_=" ".join(name for name, on in kinds.items() if on) or None,
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
        narrow = " narrow" if index % (2 * COLOURS) >= COLOURS else ""
        classes[name] = f"c{index % COLOURS}{narrow}"
    return classes


def chip(class_: str) -> Markup:
    """Returns a small square of a multiplier's colour."""
    return element("span", class_=f"chip {class_}")


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
        "Errors over all 65,536 pairs of operands, and cost of one multiplier",
        heads,
        rows,
        sortable=True,
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
            chip(classes.get(name, "cx")),
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
        element("td", candidate.get("provenance") or NONE, class_="source long"),
        element("td", digest[:12] or NONE, class_="code", title=digest or None),
    )
