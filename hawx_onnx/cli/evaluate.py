"""``hawx-onnx evaluate``."""

from __future__ import annotations

import argparse

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_settings, settings_of

HELP = "accuracy of any ONNX model: float, int8 or rewritten"
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
    add_settings(parser, ("data", "preprocess", "output_name", "jobs"))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Evaluates and prints accuracy with its interval."""
    settings = settings_of(args)
    from hawx_onnx.api import evaluate_with

    use_library = False if args.portable else None
    document = evaluate_with(args.model, settings, args.split, use_library)
    if ui.json:
        ui.print_json(document)
        return 0
    low, high = document["accuracy_ci95"]
    ui.line(
        f"accuracy {100 * document['accuracy']:.2f} % "
        f"(95 % interval {100 * low:.2f} to {100 * high:.2f} %), "
        f"{document['correct']} of {document['samples']} {document['split']} samples, "
        f"path: {document['path']}"
    )
    return 0
