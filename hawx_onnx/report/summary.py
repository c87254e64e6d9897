"""The head of the report: what was gained, at which accuracy, and what to beware of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hawx_onnx.report.formats import (
    NONE,
    duration,
    finite,
    interval,
    number,
    objective,
    percent,
    quantity,
    section,
    shown_costs,
    unit_of,
)
from hawx_onnx.report.markup import EMPTY, Markup, element, join
from hawx_onnx.report.metric_text import MetricText
from hawx_onnx.report.safeguard_line import safeguard_line
from hawx_onnx.report.svg import bar, missing
from hawx_onnx.report.tables import table

# The accuracies that are compared: key in the report, label, class of its colour.
ROWS = (("float", "Float"), ("baseline", "Exact int8"), ("selected", "Approximate"))

# What multiplications are costed under: value in the report, words.
OPERANDS = {"own": "the operands that each layer sees", "uniform": "uniform operands"}


def _loss(report: Mapping[str, Any]) -> str:
    drop = finite(report.get("accuracy_drop"))
    shown = MetricText.of(report)
    metric = shown.title.lower()
    if drop is None:
        return f"{metric} not measured"
    if abs(drop) < 5e-5:
        return f"the same {metric}"
    less = (drop > 0) == shown.higher_is_better
    return f"{shown.amount(abs(drop))} {'less' if less else 'more'} {metric}"


def headline(report: Mapping[str, Any]) -> str:
    """Returns the result in one sentence: the saving and what it costs in accuracy.

    Args:
        report: The content of ``report.json``.
    """
    name, _, _ = objective(report)
    saved = finite(section(report, "savings").get(name))
    if saved is None:
        return f"Cost not modelled, {_loss(report)}"
    if abs(saved) < 5e-5:
        return f"No {name} saved, {_loss(report)}"
    return f"{percent(abs(saved), 1)} {'less' if saved > 0 else 'more'} {name}, {_loss(report)}"


def _budget(report: Mapping[str, Any]) -> Markup:
    """Says how the drop on the test samples stands to the budget."""
    limit = finite(section(report, "budget").get("max_accuracy_drop"))
    drop = finite(report.get("accuracy_drop"))
    bounds = report.get("accuracy_drop_ci95")
    parts = []
    shown = MetricText.of(report)
    if drop is not None and shown.drop_interval(bounds) != NONE:
        told = f"{shown.drop_interval(bounds)} {shown.drop_unit}".rstrip()
        parts.append(f"95 % interval of the difference: {told}.")
    if limit is not None and drop is not None:
        held = "within" if drop <= limit + 1e-12 else "beyond"
        parts.append(f"On the test samples this is {held} the budget of {shown.budget(limit)}.")
    if limit is None:
        parts.append("No accuracy budget was set.")
    line = safeguard_line(report)
    if line:
        parts.append(f"{line[0].upper()}{line[1:]}.")
    return element("p", " ".join(parts), class_="lead")


def _mark(entry: Mapping[str, Any], low: float, high: float, kind: str) -> Markup:
    value = finite(entry.get("accuracy"))
    if value is None:
        return EMPTY

    def at(accuracy: float) -> float:
        return 100 * (accuracy - low) / (high - low)

    bounds = entry.get("accuracy_ci95")
    whisker = EMPTY
    if interval(bounds) != NONE and bounds is not None:
        start, end = at(bounds[0]), at(bounds[1])
        whisker = element(
            "span", class_="whisker", style=f"left:{start:.1f}%;width:{end - start:.1f}%"
        )
    dot = element("span", class_="dot", style=f"left:{at(value):.1f}%")
    return element("span", whisker, dot, class_=f"range {kind}", aria_hidden="true")


def _span(report: Mapping[str, Any]) -> tuple[float, float]:
    entries = [section(report, key) for key, _ in ROWS]
    shown = [v for e in entries for v in (e.get("accuracy"), *(e.get("accuracy_ci95") or ()))]
    values = [real for value in shown if (real := finite(value)) is not None]
    low, high = min(values, default=0.0), max(values, default=1.0)
    rim = 0.06 * (high - low) or 0.01
    return low - rim, high + rim


def _accuracy_table(report: Mapping[str, Any]) -> Markup:
    low, high = _span(report)
    shown_metric, rows = MetricText.of(report), []
    for key, label in ROWS:
        entry = section(report, key)
        samples, correct = entry.get("samples"), entry.get("correct")
        counted = (
            f"{number(correct)} of {number(samples)}" if correct is not None else number(samples)
        )
        rows.append(
            element(
                "tr",
                element("th", label, scope="row"),
                element("td", shown_metric.value(entry.get("accuracy")), class_="num strong"),
                element("td", shown_metric.interval(entry.get("accuracy_ci95")), class_="num"),
                element("td", _mark(entry, low, high, key)),
                element("td", counted, class_="num quiet"),
            )
        )
    metric = shown_metric.title
    heads = (
        ("Model", ""),
        (metric, "num"),
        ("95 % interval", "num"),
        ("", ""),
        ("Correct", "num"),
    )
    return table(f"{metric} on the test samples", heads, rows, wide=False)


def _time(report: Mapping[str, Any], cycles: object) -> str:
    mhz = finite(section(report, "target").get("frequency_mhz"))
    real = finite(cycles)
    return "" if not mhz or real is None else duration(real / mhz / 1e6)


def _cost_rows(report: Mapping[str, Any]) -> list[Markup]:
    before, after = section(report, "baseline"), section(report, "selected")
    savings = section(report, "savings")
    rows = []
    for name, key, label in shown_costs(before, after):
        unit = unit_of(key, before.get(key), after.get(key))
        cells = []
        for entry in (before, after):
            shown: list[object] = [quantity(key, entry.get(key), unit)]
            if key == "latency_cycles" and (time := _time(report, entry.get(key))):
                shown.append(element("span", time, class_="under"))
            cells.append(element("td", *shown, class_="num"))
        rows.append(_saving_row(label, cells, savings.get(name), name == objective(report)[0]))
    share = savings.get("multiplication_energy")
    if finite(share) is not None:
        key = "multiplication_energy_uj"
        unit = unit_of("energy_uj", before.get(key), after.get(key))
        shown = [quantity("energy_uj", entry.get(key), unit) for entry in (before, after)]
        cells = [element("td", text, class_="num") for text in shown]
        rows.append(_saving_row("Energy of the multiplications", cells, share, False))
    return rows


def _saving_row(label: str, cells: list[Markup], saved: object, main: bool) -> Markup:
    name: list[object] = [label]
    if main:
        name.append(element("span", "objective", class_="tag"))
    return element(
        "tr",
        element("th", *name, scope="row"),
        *cells,
        element("td", percent(saved, 1), class_="num strong"),
        element("td", bar(saved, "bar-gain"), class_="bars"),
    )


def result_section(report: Mapping[str, Any]) -> Markup:
    """Returns accuracy and cost, before and after.

    Args:
        report: The content of ``report.json``.
    """
    target = section(report, "target")
    heads = (
        ("Cost", ""),
        ("Exact int8", "num"),
        ("Selected", "num"),
        ("Saved", "num"),
        ("", "bars"),
    )
    caption = f"Modelled cost on {target.get('name', 'the target')}"
    costs = table(caption, heads, _cost_rows(report), wide=False)
    note = (
        "The interval of the difference is paired: both models answered the same test samples, "
        "which neither calibration nor search has seen. Costs come from the hardware model of the "
        "target, not from a measurement on this machine."
    )
    if operands := OPERANDS.get(str(report.get("operands"))):
        note += f" Multiplications are costed under {operands}."
    return join(
        [
            element("div", _accuracy_table(report), costs, class_="pair"),
            element("p", note, class_="quiet"),
        ]
    )


def head_section(report: Mapping[str, Any]) -> Markup:
    """Returns the title, the result in one sentence, and what it was made of.

    Args:
        report: The content of ``report.json``.
    """
    model, target, data = (section(report, key) for key in ("model", "target", "data"))
    frequency = finite(target.get("frequency_mhz"))
    kind = ", ".join(
        part
        for part in (str(target.get("kind") or ""), frequency and f"{number(frequency)} MHz")
        if part
    )
    facts: list[tuple[str, object]] = [
        ("Model", model.get("name")),
        ("Target", f"{target.get('name')} ({kind})" if kind else target.get("name")),
        ("Data", data.get("source")),
        ("Granularity", f"per {report.get('granularity') or NONE}"),
        ("Objective", report.get("objective")),
        ("Created", _minute(report.get("created"))),
    ]
    return element(
        "header",
        element("p", "hawx-onnx report", class_="kicker"),
        element("h1", headline(report)),
        _budget(report),
        definitions(facts),
    )


def _minute(created: object) -> str:
    text = str(created or "")
    return f"{text[:10]} {text[11:16]} UTC" if text.endswith("Z") and len(text) >= 17 else text


def definitions(facts: list[tuple[str, object]]) -> Markup:
    """Returns a list of terms and their values; values that are missing get a dash.

    Args:
        facts: Terms with their values, in order.
    """
    return element(
        "dl",
        *[
            element(
                "div", element("dt", term), element("dd", NONE if value in (None, "") else value)
            )
            for term, value in facts
        ],
        class_="facts",
    )


def warnings_section(report: Mapping[str, Any]) -> Markup:
    """Returns the warnings in a box, or nothing where there are none.

    Args:
        report: The content of ``report.json``.
    """
    warnings = [str(warning) for warning in report.get("warnings") or ()]
    if not warnings:
        return EMPTY
    title = "One warning" if len(warnings) == 1 else f"{len(warnings)} warnings"
    return element(
        "section",
        element("h2", title, id="warnings"),
        element("ul", *[element("li", warning) for warning in warnings]),
        class_="warnings",
        aria_labelledby="warnings",
    )


def data_note(report: Mapping[str, Any]) -> Markup:
    """Returns which samples were used for what, with the note that the data set carries.

    Args:
        report: The content of ``report.json``.
    """
    data = section(report, "data")
    splits = section(data, "splits")
    if not splits:
        return missing("The samples are not described.")
    counts = ", ".join(f"{number(count)} {name}" for name, count in splits.items())
    labels = "labelled" if data.get("labelled") else "without labels"
    note = f" {data['note']}" if data.get("note") else ""
    return element("p", f"Samples ({labels}): {counts}.{note}", class_="quiet")
