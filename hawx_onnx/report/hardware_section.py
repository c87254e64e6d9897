"""What each layer takes of the accelerator: bars of energy, time, use and area, and a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hawx_onnx.report.formats import NONE, finite, number, percent, shorten, unit_of
from hawx_onnx.report.layer_table import layer_head
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.svg import bar, figure, missing, path
from hawx_onnx.report.tables import table

ENERGY_PARTS = (
    ("multiplication_uj", "multiplications"),
    ("periphery_uj", "adders and registers"),
    ("sram_uj", "SRAM"),
    ("dram_uj", "DRAM"),
    ("leakage_uj", "leakage"),
)
CYCLE_PARTS = (("compute_cycles", "computing"), ("stall_cycles", "waiting for DRAM"))
AREA_NOTE = {
    "temporal": "The part of the array that the layer keeps switching; the layers share it.",
    "soft-gpu": "The elements that the layer keeps switching; the layers share them.",
    "spatial": "The layer's own engine with its memories.",
}

_MAPPED = {
    "pe": "PE",
    "simd": "SIMD",
    "start_cycle": "Starts at cycle",
    "weight_memory_bytes": "Weight memory (bytes)",
    "line_buffer_bytes": "Line buffer (bytes)",
    "fifo_bytes": "FIFO (bytes)",
    "wavefront_rounds": "Rounds of wavefronts",
}

_WIDTH, _ROW, _THICK = 460.0, 42.0, 10.0
_MOST_BARS, _MOST_ROWS, _MOST_TOLD = 40, 100, 5

Bar = tuple[Sequence[float], str]
"""Lengths of the parts of a bar, and what stands at its end."""


def hardware_section(layers: Sequence[Mapping[str, Any]], kind: str) -> Markup:
    """Returns bars and table of what the layers take of the accelerator.

    Args:
        layers: The ``layers`` of ``report.json`` or of ``cost --json``; those that were not costed
            are left out.
        kind: The kind of target: ``temporal``, ``soft-gpu`` or ``spatial``.
    """
    costed = [layer for layer in layers if finite(layer.get("energy_uj")) is not None]
    if not costed:
        return missing("No layer was costed.")
    drawn = element("div", *_panels(costed[:_MOST_BARS], kind), class_="panels")
    parts = [drawn]
    if len(costed) > _MOST_BARS:
        told = f"Drawn: the first {_MOST_BARS} of {len(costed)} layers."
        parts.append(element("p", told, class_="quiet"))
    parts += [_table(costed), *_mapping(costed)]
    return join(parts)


def types_table(types: Mapping[str, Any]) -> Markup:
    """Returns how the multipliers of each type are used.

    Args:
        types: The ``types`` of ``report.json`` or of ``cost --json``.
    """
    rows = []
    for name, use in types.items():
        cells = (number(use["multipliers"]), number(use["macs"]), percent(use["utilization"], 1))
        row = [element("td", cell, class_="num") for cell in cells]
        rows.append(element("tr", element("th", name, scope="row", class_="first code"), *row))
    heads = (("Multiplier", "first"), ("On the chip", "num"), ("MACs", "num"), ("Used", "num"))
    return table("Multipliers on the accelerator", heads, rows, wide=False, sortable=True)


def _panels(layers: Sequence[Mapping[str, Any]], kind: str) -> list[Markup]:
    """Returns one figure for each quantity."""
    unit = unit_of("energy_uj", *[layer.get("energy_uj") for layer in layers])
    area = unit_of("area_um2", *[layer.get("area_um2") for layer in layers])

    def energy(layer: Mapping[str, Any]) -> Bar:
        given = layer.get("energy_parts") or {}
        parts = [_amount(given, key) for key, _ in ENERGY_PARTS]
        if not any(parts):
            parts[0] = _amount(layer, "energy_uj")
        return parts, number(_amount(layer, "energy_uj") / unit[1])

    def cycles(layer: Mapping[str, Any]) -> Bar:
        parts = [_amount(layer, key) for key, _ in CYCLE_PARTS]
        return parts, number(int(sum(parts)))

    def busy(layer: Mapping[str, Any]) -> Bar:
        return [_amount(layer, "utilization")], percent(layer.get("utilization"), 1)

    def size(layer: Mapping[str, Any]) -> Bar:
        return [_amount(layer, "area_um2")], number(_amount(layer, "area_um2") / area[1])

    energies = [label for _, label in ENERGY_PARTS]
    return [
        _panel(f"Energy ({unit[0]})", "per inference", layers, energy, energies),
        _panel("Time (cycles)", "per inference", layers, cycles, [p[1] for p in CYCLE_PARTS]),
        _panel("Utilisation", "of the multiplier slots", layers, busy, [], whole=1.0),
        _panel(f"Area ({area[0]})", AREA_NOTE.get(kind, ""), layers, size, []),
    ]


def _amount(values: Mapping[str, Any], key: str) -> float:
    """Returns a figure that is drawn; none counts as zero."""
    return max(0.0, finite(values.get(key)) or 0.0)


def _panel(
    title: str,
    note: str,
    layers: Sequence[Mapping[str, Any]],
    read: Callable[[Mapping[str, Any]], Bar],
    parts: Sequence[str],
    whole: float | None = None,
) -> Markup:
    """Returns bars of one quantity, each under its layer's name.

    Args:
        title: The quantity with its unit.
        note: What it is told of.
        layers: The layers.
        read: Returns a layer's bar.
        parts: Names of the parts of a bar; none if it has but one.
        whole: Length of a full bar; that of the longest if None.
    """
    bars = [read(layer) for layer in layers]
    longest = whole or max((sum(lengths) for lengths, _ in bars), default=0.0) or 1.0
    rows = []
    for index, (layer, (lengths, told)) in enumerate(zip(layers, bars, strict=True)):
        top = index * _ROW
        rows.append(element("text", shorten(str(layer.get("name")), 26), x=0.0, y=top + 17))
        rows.append(element("text", told, x=_WIDTH, y=top + 17, text_anchor="end"))
        rows.append(_bar(top + 24, lengths, longest))
    order = sorted(range(len(layers)), key=lambda index: -sum(bars[index][0]))
    listed = ", ".join(
        f"{shorten(str(layers[index].get('name')), 40)} {bars[index][1]}"
        for index in order[:_MOST_TOLD]
    )
    height = len(layers) * _ROW
    drawing = element(
        "svg",
        element("title", title),
        element("desc", f"Most: {listed}. A table below holds the figures."),
        _grounds(len(layers)),
        *rows,
        viewBox=f"0 0 {_WIDTH:.0f} {height:.0f}",
        class_="plot layers",
        role="img",
    )
    return figure(title, note, *_legend(parts), drawing)


def _bar(top: float, lengths: Sequence[float], longest: float) -> Markup:
    """Returns the parts of one bar."""
    shapes, at = [], 0.0
    for index, length in enumerate(lengths):
        wide = _WIDTH * length / longest
        if wide > 0:
            shapes.append(
                element("rect", class_=f"p{index}", x=at, y=top, width=wide, height=_THICK)
            )
        at += wide
    return join(shapes)


def _grounds(count: int) -> Markup:
    """Returns what so many bars lie on, as one shape."""
    lines = (path([(0.0, y), (_WIDTH, y)]) for y in (index * _ROW + 29 for index in range(count)))
    return element("path", class_="ground", d="".join(lines), stroke_width=_THICK)


def _legend(parts: Sequence[str]) -> list[Markup]:
    """Returns the legend of the parts of bars; nothing where there is but one."""
    if len(parts) < 2:
        return []
    items = [
        element("li", element("span", class_=f"chip k{index}"), name)
        for index, name in enumerate(parts)
    ]
    return [element("ul", *items, class_="legend")]


def _table(layers: Sequence[Mapping[str, Any]]) -> Markup:
    """Returns the table with all figures of the layers."""
    energy = unit_of("energy_uj", *[layer.get("energy_uj") for layer in layers])
    area = unit_of("area_um2", *[layer.get("area_um2") for layer in layers])
    heads = (
        ("Layer", "first"),
        ("MACs", "num"),
        ("Cycles", "num"),
        ("Stalls", "num"),
        ("Utilisation", "num"),
        (f"Energy ({energy[0]})", "num"),
        ("Of it multiplications", "num"),
        (f"Area ({area[0]})", "num"),
        ("SRAM (bytes)", "num"),
        ("DRAM (bytes)", "num"),
    )
    rows = [_row(layer, energy[1], area[1]) for layer in layers[:_MOST_ROWS]]
    title = "Each layer on the accelerator"
    shown = table(title, heads, rows, sortable=True, figures=True)
    return join([shown, *_cut(len(layers), _MOST_ROWS)])


def _cut(layers: int, shown: int) -> list[Markup]:
    """Says how many layers are shown, where that is not all."""
    if layers <= shown:
        return []
    note = f"Shown: the first {shown} of {layers} layers."
    return [element("p", note, class_="quiet")]


def _row(layer: Mapping[str, Any], energy: float, area: float) -> Markup:
    name, total = str(layer.get("name")), _amount(layer, "energy_uj")
    multiplying = finite((layer.get("energy_parts") or {}).get("multiplication_uj"))
    part = NONE if multiplying is None or not total else percent(multiplying / total, 1)
    busy = finite(layer.get("utilization"))
    size = finite(layer.get("area_um2"))
    cells = (
        number(layer.get("macs")),
        number(layer.get("compute_cycles")),
        number(layer.get("stall_cycles")),
        None,
        number(total / energy),
        part,
        NONE if size is None else number(size / area),
        number(layer.get("sram_bytes")),
        number(layer.get("dram_bytes")),
    )
    used = element("td", percent(busy, 1), bar(busy, "bar-plain"), class_="bars")
    return element(
        "tr",
        layer_head(name),
        *[used if cell is None else element("td", cell) for cell in cells],
    )


def _mapping(layers: Sequence[Mapping[str, Any]]) -> list[Markup]:
    """Returns a table of how the layers lie on the hardware, if that is told."""
    told: list[Mapping[str, Any]] = [layer.get("mapping") or {} for layer in layers]
    keys = list(dict.fromkeys(key for mapping in told for key in mapping))
    if not keys:
        return []
    heads = [(_MAPPED.get(key, key.replace("_", " ").capitalize()), "num") for key in keys]
    rows = [
        element(
            "tr",
            layer_head(str(layer.get("name"))),
            *[element("td", number(mapping.get(key))) for key in keys],
        )
        for layer, mapping in list(zip(layers, told, strict=True))[:_MOST_BARS]
    ]
    title = "How each layer lies on the accelerator"
    shown = table(title, (("Layer", "first"), *heads), rows, sortable=True, figures=True)
    return [shown, *_cut(len(layers), _MOST_BARS)]
