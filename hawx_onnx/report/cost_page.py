"""The cost of a model on an accelerator as one HTML file: what ``cost --html`` writes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hawx_onnx.report.files import atomic_write_text
from hawx_onnx.report.formats import (
    NONE,
    duration,
    finite,
    number,
    percent,
    quantity,
    section,
    shown_costs,
    unit_of,
)
from hawx_onnx.report.hardware_section import ENERGY_PARTS, hardware_section, types_table
from hawx_onnx.report.markup import Markup, element, join
from hawx_onnx.report.page import page
from hawx_onnx.report.summary import definitions, warnings_section
from hawx_onnx.report.tables import table


def render_cost_html(document: Mapping[str, Any], name: str) -> str:
    """Renders the document of ``cost --json`` as one self-contained HTML page.

    Args:
        document: What ``hawx_onnx.cost`` returns.
        name: Name of the model.
    """
    total, target = section(document, "total"), str(document.get("target") or "target")
    energy, latency = total.get("energy_uj"), total.get("latency_cycles")
    text = (
        f"{quantity('energy_uj', energy)} and {quantity('latency_cycles', latency)} for an "
        f"inference on {target}"
    )
    top = [
        element("header", element("h1", f"Hardware cost of {name}"), element("p", text)),
        warnings_section({"warnings": document.get("notes") or []}),
    ]
    layers = list(document.get("layers") or ())
    sections = [
        ("total", "Total", join([_totals(document), _parts(total), _facts(document)])),
        ("layers", "Layers", hardware_section(layers, str(document.get("kind") or ""))),
    ]
    if document.get("types"):
        sections.append(("types", "Multiplier types", types_table(section(document, "types"))))
    return page(f"{name} {NONE} hawx-onnx cost", text, top, sections)


def write_cost_html(document: Mapping[str, Any], name: str, path: str | os.PathLike[str]) -> Path:
    """Writes that page in one step.

    Args:
        document: What ``hawx_onnx.cost`` returns.
        name: Name of the model.
        path: The file to write or replace.

    Returns:
        The path as given.

    Raises:
        ConfigError: The path cannot be written.
    """
    return atomic_write_text(path, render_cost_html(document, name))


def _totals(document: Mapping[str, Any]) -> Markup:
    """Returns the totals beside those of the exact design."""
    before, after = section(document, "baseline"), section(document, "total")
    rows = []
    for name, key, label in shown_costs(before, after):
        unit = unit_of(key, before.get(key), after.get(key))
        saved = finite(section(document, "savings").get(name))
        cells = (
            quantity(key, before.get(key), unit),
            quantity(key, after.get(key), unit),
            NONE if saved is None else percent(-saved, 1, signed=True),
        )
        row = [element("td", cell, class_="num") for cell in cells]
        rows.append(element("tr", element("th", label, scope="row"), *row))
    heads = (("", ""), ("Exact int8", "num"), ("This assignment", "num"), ("Change", "num"))
    return table("Modelled cost of one inference", heads, rows, wide=False)


def _parts(total: Mapping[str, Any]) -> Markup:
    """Says what the energy is the sum of."""
    parts = section(total, "energy_parts")
    whole = sum(finite(value) or 0.0 for value in parts.values()) or 1.0
    told = ", ".join(
        f"{label} {percent((finite(parts.get(key)) or 0.0) / whole, 1)}"
        for key, label in ENERGY_PARTS
    )
    return element("p", f"Energy goes to: {told}.", class_="quiet")


def _facts(document: Mapping[str, Any]) -> Markup:
    """Returns what else is told of the whole design."""
    total, fpga = section(document, "total"), section(document, "fpga")
    rate = finite(total.get("inferences_per_second"))
    facts: list[tuple[str, object]] = [
        ("Inferences per second", number(rate)),
        ("One inference every", duration(1 / rate if rate else None)),
        ("Cycles that wait for DRAM", number(total.get("stall_cycles"))),
        ("SRAM read and written (bytes)", number(total.get("sram_bytes"))),
        ("DRAM read and written (bytes)", number(total.get("dram_bytes"))),
        ("Memories", document.get("memories") or "not counted"),
        ("Operands", document.get("operands")),
    ]
    if fpga:
        facts += [
            ("LUT6", number(fpga.get("area_lut6"))),
            ("Flip-flops", number(fpga.get("flip_flops"))),
            ("Block RAMs of 18 kbit", number(fpga.get("block_ram18"))),
        ]
    return definitions(facts)
