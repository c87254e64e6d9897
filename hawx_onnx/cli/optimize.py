"""``hawx-onnx optimize``."""

from __future__ import annotations

import argparse

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import (
    ALL,
    COMPENSATION,
    add_output_folder,
    add_settings,
    settings_of,
)
from hawx_onnx.settings import PLACE

HELP = "quantise, score, search, compensate, rewrite, verify and report"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    add_output_folder(parser, "all files")
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with an interrupted run: take the measurements in its folder",
    )
    add_settings(parser, (*ALL, *PLACE, *COMPENSATION))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Runs the whole flow and writes the folder."""
    settings = settings_of(args)
    from hawx_onnx.optimization import optimize_model
    from hawx_onnx.report import print_report
    from hawx_onnx.writable import check_writable

    check_writable(args.output)
    ui.measure(settings.max_evaluations)
    result = optimize_model(
        args.model,
        settings,
        step=ui.step,
        progress=ui.tick,
        folder=args.output,
        resume=args.resume,
    )
    page = result.save(args.output)
    if ui.json:
        ui.print_json(result.report)
        for warning in result.report["warnings"]:
            ui.warn(str(warning))
        return 0
    ui.close()
    print_report(result.report)
    ui.line()
    ui.line(f"report: {page}")
    ui.line(f"model:  {page.with_name('model.onnx')}")
    return 0
