"""``hawx-onnx evaluate``."""

from __future__ import annotations

import argparse

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_settings, settings_of

HELP = "accuracy, or another metric, of any ONNX model: float, int8 or rewritten"
SPLITS = ("test", "validation", "calibration")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    parser.add_argument("--split", choices=SPLITS, default="test", help="default: test")
    parser.add_argument(
        "--portable",
        action="store_true",
        help="run the portable bodies in a stock onnxruntime, without the custom-op library",
    )
    add_settings(parser, ("data", "preprocess", "metric", "output_name", "jobs"))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Evaluates and prints accuracy, or the metric, with its interval."""
    settings = settings_of(args)
    from hawx_onnx.api import evaluate_with
    from hawx_onnx.report.metric_text import MetricText

    use_library = False if args.portable else None
    document = evaluate_with(args.model, settings, args.split, use_library)
    if ui.json:
        ui.print_json(document)
        return 0
    shown = MetricText.of(document)
    counted = f"{document['samples']} {document['split']} samples"
    if document["correct"] is not None:
        counted = f"{document['correct']} of {counted}"
    percent = " %" if shown.is_fraction else ""
    bounds = f"{shown.interval(document['accuracy_ci95'])}{percent}"
    value = " ".join(shown.value(document["accuracy"]).split())
    told = f"{document['metric']} {value} (95 % interval {bounds})"
    ui.line(f"{told}, {counted}, path: {document['path']}")
    return 0
