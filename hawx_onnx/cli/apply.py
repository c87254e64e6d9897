"""``hawx-onnx apply``."""

from __future__ import annotations

import argparse

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import QUANTIZATION, add_settings, settings_of

HELP = "rewrite a model by a given assignment, without a search"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    parser.add_argument("--assignment", metavar="FILE", required=True, help="assignment.json")
    parser.add_argument("-o", "--output", metavar="OUT.onnx", required=True, help="file to write")
    add_settings(parser, ("data", "preprocess", "library", "force", "jobs", *QUANTIZATION))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Rewrites, verifies and writes the model."""
    settings = settings_of(args)
    from hawx_onnx.api import apply_with
    from hawx_onnx.assignment import Assignment
    from hawx_onnx.passes.graph import HAWX_DOMAIN

    assignment = Assignment.load(args.assignment)
    model = apply_with(args.model, assignment, args.output, settings)
    nodes = [node.name for node in model.graph.node if node.domain == HAWX_DOMAIN]
    if ui.json:
        ui.print_json(
            {"model": args.output, "assignment": assignment.to_dict(), "rewritten": nodes}
        )
    else:
        ui.line(f"{len(nodes)} nodes rewritten and verified: {args.output}")
    return 0
