"""Tables for the terminal; plain columns where the output is a file or a pipe."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hawx_onnx.printable import plain_lines
from hawx_onnx.report.compensation import compensation_line
from hawx_onnx.report.formats import (
    NONE,
    clean,
    duration,
    finite,
    number,
    percent,
    plain_ascii,
    quantity,
    section,
    shown_costs,
    unit_of,
)
from hawx_onnx.report.metric_text import MetricText
from hawx_onnx.report.safeguard_line import safeguard_line

# So many layers are named for each reason why some were left exact.
_NAMED = 6
# Exporters write whole scopes into node names; on a terminal they are folded at this width.
_WIDEST_NAME = 44

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table


def _table(
    title: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    texts: int,
    notes: Sequence[str] = (),
) -> Table:
    """Builds a table whose first ``texts`` columns are text and the others numbers."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    # Text, not str: brackets in a name are no markup, and control characters do nothing.
    table = Table(
        title=Text(_spaced(title)),
        title_justify="left",
        caption=Text("\n".join(map(_spaced, notes))) if notes else None,
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    for index, head in enumerate(heads):
        if index < texts:
            table.add_column(Text(head), overflow="fold")
        else:
            table.add_column(Text(head), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*[Text(_spaced(cell)) for cell in row])
    return table


def _spaced(cell: str) -> str:
    return " ".join(clean(cell).replace("\N{NO-BREAK SPACE}", " ").split())


def before_after_table(report: Mapping[str, Any]) -> Table:
    """Returns the comparison: accuracy and cost of the exact int8 and the selected model.

    Args:
        report: The content of ``report.json``.
    """
    before, after = section(report, "baseline"), section(report, "selected")
    drop = finite(report.get("accuracy_drop"))
    metric = MetricText.of(report)
    change = NONE if drop is None else f"{metric.change(drop)} {metric.drop_unit}".rstrip()
    bounds = metric.change_interval(report.get("accuracy_drop_ci95"))
    if bounds != NONE:
        change += f" ({bounds})"
    shown = [metric.value(entry.get("accuracy")) for entry in (before, after)]
    rows = [(metric.title, *shown, change)]
    for name, key, label in shown_costs(before, after):
        unit = unit_of(key, before.get(key), after.get(key))
        saved = finite(section(report, "savings").get(name))
        rows.append(
            (
                label,
                quantity(key, before.get(key), unit),
                quantity(key, after.get(key), unit),
                NONE if saved is None else percent(-saved, 1, signed=True),
            )
        )
    target = section(report, "target").get("name") or "target"
    samples = number(after.get("samples"))
    title = f"Exact against selected: {samples} test samples, modelled cost on {target}"
    return _table(title, ("", "Exact int8", "Selected", "Change"), rows, texts=1)


def layer_table(layers: Sequence[Mapping[str, Any]]) -> Table:
    """Returns the layers: what each computes and which multipliers it got.

    Args:
        layers: The ``layers`` of ``report.json``.
    """
    unit = unit_of("energy_uj", *[layer.get("energy_uj") for layer in layers])
    rows = []
    for layer in layers:
        energy = finite(layer.get("energy_uj"))
        rows.append(
            (
                str(layer.get("name")),
                str(layer.get("op") or NONE),
                _chosen(layer.get("multipliers") or {}),
                number(layer.get("macs")),
                number(layer.get("sensitivity")),
                number(layer.get("compute_cycles")),
                percent(layer.get("utilization"), 1),
                NONE if energy is None else number(energy / unit[1]),
            )
        )
    texts = ("Layer", "Operator", "Multipliers")
    heads = (*texts, "MACs", "Sensitivity", "Cycles", "Used", f"Energy ({unit[0]})")
    return _table("Layers", heads, rows, texts=len(texts), notes=_reasons(layers))


def cost_table(layers: Sequence[Mapping[str, Any]]) -> Table:
    """Returns the layers with what each takes of the accelerator.

    Args:
        layers: The ``layers`` of ``cost --json``.
    """
    energy = unit_of("energy_uj", *[layer.get("energy_uj") for layer in layers])
    area = unit_of("area_um2", *[layer.get("area_um2") for layer in layers])
    rows = [
        (
            str(layer.get("name")),
            str(layer.get("op") or NONE),
            _chosen(layer.get("multipliers") or {}),
            number(layer.get("macs")),
            number(layer.get("compute_cycles")),
            number(layer.get("stall_cycles")),
            percent(layer.get("utilization"), 1),
            number((finite(layer.get("energy_uj")) or 0.0) / energy[1]),
            number((finite(layer.get("area_um2")) or 0.0) / area[1]),
        )
        for layer in layers
    ]
    texts = ("Layer", "Operator", "Multipliers")
    sizes = (f"Energy ({energy[0]})", f"Area ({area[0]})")
    heads = (*texts, "MACs", "Cycles", "Stalls", "Used", *sizes)
    return _table("Layers", heads, rows, texts=len(texts))


def _chosen(counts: Mapping[str, int]) -> str:
    if len(counts) < 2:
        return next(iter(counts), NONE)
    return ", ".join(f"{name} ×{count}" for name, count in counts.items())


def _reasons(layers: Sequence[Mapping[str, Any]]) -> list[str]:
    """Returns why layers were left exact, one line per reason."""
    named: dict[str, list[str]] = {}
    for layer in layers:
        if layer.get("reason"):
            named.setdefault(str(layer["reason"]), []).append(str(layer.get("name")))
    lines = []
    for reason, names in named.items():
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        lines.append(f"left exact: {', '.join(names[:_NAMED])}{more} ({reason})")
    return lines


def _method_row(method: Mapping[str, Any], samples: float | None) -> tuple[str, ...]:
    run = finite(method.get("samples_run"))
    times = ("seconds", "scoring_seconds", "solving_seconds", "measuring_seconds")
    return (
        str(method.get("method")),
        number(method.get("evaluations")),
        number(run / samples if run is not None and samples else None),
        *[duration(method.get(key)) for key in times],
        number(method.get("space_size")),
        number(len(method.get("points") or ())),
        number(method.get("hypervolume")),
    )


def explore_table(explored: Mapping[str, Any]) -> Table:
    """Returns the search methods side by side.

    Args:
        explored: The document of ``explore --json``: ``methods``, ``speedup`` and ``regret``.
    """
    samples = finite(explored.get("validation_samples"))
    rows = [_method_row(method, samples) for method in explored.get("methods") or ()]
    title = "Search methods"
    if explored.get("compensation") == "fold-bias":
        title += ", biases folded"
    held = []
    if finite(explored.get("speedup")) is not None:
        held.append(f"speed-up {number(explored['speedup'])}×")
    if finite(explored.get("regret")) is not None:
        held.append(f"regret {number(explored['regret'])}")
    if held:
        title += f" (against exhaustive: {', '.join(held)})"
    heads = (
        "Method",
        "Evaluations",
        "Whole runs",
        "Time",
        "Scoring",
        "Solving",
        "Measuring",
        "Space",
        "Points",
        "Hypervolume",
    )
    return _table(title, heads, rows, texts=1)


def print_table(table: Table, console: Console | None = None) -> None:
    """Prints a table; as plain aligned columns, never wrapped, where there is no terminal.

    Args:
        table: One of the tables of this module.
        console: Where to print; by default a console on standard output. Colours follow its
            settings, ``NO_COLOR`` included.
    """
    from rich.console import Console

    out = console or Console()
    if out.is_terminal and not out.options.ascii_only:
        if table.columns:
            table.columns[0].max_width = _WIDEST_NAME
        out.print(table)
        return
    _print_lines(out, _plain(table))


def _print_lines(out: Console, text: str, style: str = "") -> None:
    """Prints text as it is, whatever the names in it look like."""
    from rich.text import Text

    shown = plain_lines(plain_ascii(text) if out.options.ascii_only else text)
    out.print(Text(shown, style=style), soft_wrap=True)


def _plain(table: Table) -> str:
    """Returns a table as aligned columns, each as wide as it needs to be."""
    from rich.console import Console

    title, caption = table.title, table.caption
    table.title = table.caption = table.box = None
    table.padding = (0, 2, 0, 0)
    # A pipe has no width: the table is drawn on a page of its own, wide enough for every cell.
    page = Console(file=io.StringIO(), width=100_000, color_system=None, force_terminal=False)
    page.width = max(1, page.measure(table).maximum)
    with page.capture() as captured:
        page.print(table)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    return "\n".join([str(title), *lines, *([str(caption)] if caption else [])])


def print_report(report: Mapping[str, Any], console: Console | None = None) -> None:
    """Prints what ``optimize`` shows at its end: comparison, layers, compensation, warnings.

    Args:
        report: The content of ``report.json``.
        console: Where to print; by default a console on standard output.
    """
    from rich.console import Console

    out = console or Console()
    print_table(before_after_table(report), out)
    out.print()
    print_table(layer_table(list(report.get("layers") or ())), out)
    shared = section(report, "reasons").get("shared") or ()
    for told in (safeguard_line(report), *shared, compensation_line(report)):
        line = _spaced(told or "")
        if line:
            _print_lines(out, line)
    for warning in report.get("warnings") or ():
        _print_lines(out, f"warning: {_spaced(str(warning))}", "yellow")
