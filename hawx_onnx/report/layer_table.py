"""The table of layers: what each computes, and which multipliers its channels got."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hawx_onnx.report.formats import NONE, finite, number, percent, section, shorten, unit_of
from hawx_onnx.report.markup import Markup, element, join, text
from hawx_onnx.report.multiplier_strips import multiplier_strip, runs_of
from hawx_onnx.report.svg import bar, missing
from hawx_onnx.report.tables import chip, colour_classes, table

_MOST_LAYERS = 120
_NAMES_SHOWN = 3

_HEADS = (
    ("Layer", "first"),
    ("Multipliers by channel", ""),
    ("Sensitivity", "num"),
    ("Operator", ""),
    ("MACs", "num"),
    ("Channels", "num"),
    ("Cycles", "num"),
    ("Utilisation", "num"),
)


def layers_section(report: Mapping[str, Any]) -> Markup:
    """Returns the table of layers: what each computes, and what it got.

    Args:
        report: The content of ``report.json``.
    """
    layers = list(report.get("layers") or ())
    if not layers:
        return missing("The model holds no layer that could be approximated.")
    classes = colour_classes(report)
    assignment = section(section(report, "selected"), "assignment")
    top = max((abs(s) for layer in layers if (s := finite(layer.get("sensitivity")))), default=0.0)
    unit = unit_of("energy_uj", *[layer.get("energy_uj") for layer in layers])
    rows = [
        _row(layer, assignment.get(str(layer.get("name"))), classes, top, unit[1])
        for layer in layers[:_MOST_LAYERS]
    ]
    heads = (*_HEADS, (f"Energy ({unit[0]})", "num"))
    parts = [table("Each layer, and what its channels got", heads, rows, sortable=True)]
    if len(layers) > _MOST_LAYERS:
        note = f"Shown: the first {_MOST_LAYERS} of {len(layers)} layers; all are in report.json."
        parts.append(element("p", note, class_="quiet"))
    return join(parts)


def _row(
    layer: Mapping[str, Any], chosen: object, classes: Mapping[str, str], top: float, unit: float
) -> Markup:
    name = str(layer.get("name"))
    sensitivity = finite(layer.get("sensitivity"))
    energy = finite(layer.get("energy_uj"))
    length = None if sensitivity is None or not top else max(0.0, sensitivity) / top
    return element(
        "tr",
        layer_head(name),
        _multipliers(layer.get("multipliers") or {}, chosen, classes),
        element("td", number(sensitivity), bar(length, "bar-plain", 0.02), class_="num bars"),
        element("td", layer.get("op")),
        element("td", number(layer.get("macs")), class_="num"),
        element("td", number(layer.get("channels")), class_="num"),
        element("td", number(layer.get("compute_cycles")), class_="num"),
        element("td", percent(layer.get("utilization"), 1), class_="num"),
        element("td", NONE if energy is None else number(energy / unit), class_="num"),
    )


def layer_head(name: str) -> Markup:
    """Returns the cell at the head of a layer's row; a long name is told in full on pointing."""
    parts = shorten(name, 48).split("/")
    # Wrapped where people read a break: after the slashes of a node's path.
    shown = join([text(part) for part in parts], "/<wbr/>")
    return element(
        "th",
        shown,
        scope="row",
        class_="first code",
        title=name if len(name) > 48 else None,
    )


def _multipliers(counts: Mapping[str, int], chosen: object, classes: Mapping[str, str]) -> Markup:
    """Returns the strip of a layer's channels, and how many each multiplier has."""
    runs = runs_of(chosen, counts)
    if not runs:
        return element("td", NONE, class_="mix")
    ordered = sorted(counts.items(), key=lambda item: -item[1])
    names = []
    for name, count in ordered[:_NAMES_SHOWN]:
        times = "" if len(ordered) == 1 else f" × {count}"
        names.append(
            element(
                "span",
                chip(classes.get(name, "cx")),
                shorten(name, 32) + times,
                class_="name",
                title=name if len(name) > 32 else None,
            )
        )
    if len(ordered) > _NAMES_SHOWN:
        names.append(element("span", f"and {len(ordered) - _NAMES_SHOWN} more", class_="name"))
    strip = multiplier_strip(runs, classes)
    words = element("span", *names, class_="names")
    return element("td", strip, words, class_="mix")
