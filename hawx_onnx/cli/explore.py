"""``hawx-onnx explore``."""

from __future__ import annotations

import argparse
from typing import Any

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import ALL, add_settings, settings_of
from hawx_onnx.settings import PLACE

HELP = "run search methods side by side; exhaustive search is the reference"
METHODS = ("hawx", "exhaustive", "random", "nsga2")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    parser.add_argument(
        "--method",
        action="append",
        choices=METHODS,
        help="method to run; may be repeated (default: hawx)",
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="write the JSON document here, and the journal beside it",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with an interrupted run: take what the journal beside the output holds",
    )
    parser.add_argument("--plot", metavar="FILE", help="draw the methods side by side (SVG)")
    add_settings(parser, (*ALL, *PLACE, "fold_bias"))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Runs the methods and prints them side by side."""
    settings = settings_of(args)
    from hawx_onnx.exploration import explore_methods, journal_beside
    from hawx_onnx.preparation import prepare
    from hawx_onnx.report import (
        atomic_write_text,
        explore_svg,
        explore_table,
        print_table,
        write_json,
    )
    from hawx_onnx.runtime.workers import started
    from hawx_onnx.writable import check_writable_file

    for path in (args.output, args.plot):
        if path is not None:
            check_writable_file(path)
    ui.measure(settings.max_evaluations)
    filters = settings.granularity == "filter"
    with (
        started(settings.cluster, settings.workers, settings.jobs) as workers,
        journal_beside(args.output, args.resume) as journal,
    ):
        prepared = prepare(
            args.model,
            settings,
            ui.step,
            filters=filters,
            compensated=settings.fold_bias,
            journal=journal,
            workers=workers,
        )
        document = explore_methods(
            prepared,
            settings,
            args.method or ["hawx"],
            ui.tick,
            ui.step,
            journal=journal,
            workers=workers,
        )
    if args.output is not None:
        write_json(document, args.output)
    if args.plot is not None:
        atomic_write_text(args.plot, explore_svg(document))
    if ui.json:
        ui.print_json(document)
    else:
        ui.close()
        print_table(explore_table(document))
        for method in document["methods"]:
            ui.line(_choice(method, document))
    for warning in document["warnings"]:
        ui.warn(warning)
    return 0


def _choice(method: dict[str, Any], document: dict[str, Any]) -> str:
    """One line: what a method chose, and how it stands against exhaustive search."""
    from hawx_onnx.report.metric_text import MetricText

    name, chosen = method["method"], method["selected"]
    metric = MetricText.of(document)
    budget = metric.budget(document["max_accuracy_drop"])
    if chosen is None:
        return f"{name}: no measured assignment loses at most {budget}"
    accuracy = " ".join(metric.value(chosen["measured_accuracy"]).split())
    picks = ", ".join(str(value) for value in chosen["assignment"].values())
    text = f"{name}: {accuracy} {document['metric']}, {chosen['power_mw']:.4g} mW: {picks}"
    against = method.get("against_exhaustive")
    if against is None:
        return text
    regret = against["regret"]
    shown = "no choice" if regret is None else f"{100 * regret:.2f} % of the exact cost"
    return (
        f"{text}\n{name}: speed-up {against['speedup']:.1f} "
        f"({against['speedup_without_measuring']:.1f} without measuring), regret {shown}, "
        f"{100 * (against['hypervolume_ratio'] or 0):.2f} % of the exhaustive hypervolume"
    )
