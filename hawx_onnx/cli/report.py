"""``hawx-onnx report``."""

from __future__ import annotations

import argparse

from hawx_onnx.cli.console import Ui

HELP = "write the report of a run once more, or that of one that is not finished"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("folder", metavar="DIR", help="folder that optimize wrote, or was writing")


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Rebuilds the report and shows it."""
    from hawx_onnx.journal import FILE, sound
    from hawx_onnx.report import print_report
    from hawx_onnx.reporting import rebuild_report

    report, page = rebuild_report(args.folder)
    if ui.json:
        ui.print_json(report)
        return 0
    with sound(page.parent / FILE):
        print_report(report)
    ui.line()
    ui.line(f"report: {page}")
    return 0
