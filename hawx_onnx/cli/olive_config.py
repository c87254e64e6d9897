"""``hawx-onnx olive-config``."""

from __future__ import annotations

import argparse

from hawx_onnx.cli.console import Ui

HELP = "Olive's package configuration with the pass HawxApproximate in it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument(
        "-o", "--output", metavar="FILE", help="file to write; otherwise it is printed"
    )
    parser.add_argument(
        "--base",
        metavar="FILE",
        help="configuration to add the pass to (default: that of the installed Olive)",
    )


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Merges, and prints or writes."""
    from hawx_onnx.integrations.olive_config import PASS, merged_config
    from hawx_onnx.report import json_text, write_json

    document = merged_config(args.base)
    if args.output is None:
        ui.line(json_text(document).rstrip("\n"))
        return 0
    write_json(document, args.output)
    if ui.json:
        ui.print_json({"output": args.output, "passes": len(document["passes"])})
    else:
        ui.line(f"{PASS} beside {len(document['passes']) - 1} passes of Olive: {args.output}")
    return 0
