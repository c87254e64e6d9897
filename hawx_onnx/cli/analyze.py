"""``hawx-onnx analyze``."""

from __future__ import annotations

import argparse
from pathlib import Path

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import (
    CHOICE,
    DATA,
    QUANTIZATION,
    SCORE,
    add_output_folder,
    add_settings,
    settings_of,
)
from hawx_onnx.settings import PLACE

HELP = "score how much each multiplier would hurt each layer, without a search"
SHOWN = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file")
    add_output_folder(parser, "sensitivity.json and sensitivity.html")
    parser.add_argument(
        "--assignment", metavar="FILE", help="assignment.json to predict the effect of, too"
    )
    parser.add_argument(
        "--compensated",
        action="store_true",
        help="score with mean errors folded into biases, as a search does",
    )
    add_settings(parser, (*DATA, *QUANTIZATION, *CHOICE, *SCORE, "jobs", *PLACE))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Scores and writes ``sensitivity.json`` and its picture."""
    settings = settings_of(args)
    from hawx_onnx.assignment import Assignment
    from hawx_onnx.preparation import prepare
    from hawx_onnx.report import atomic_write_text, render_sensitivity_html, write_json
    from hawx_onnx.report.layer_rows import layer_sensitivity
    from hawx_onnx.report.sensitivity_document import sensitivity_document
    from hawx_onnx.runtime.workers import started
    from hawx_onnx.writable import check_writable

    out = Path(args.output)
    check_writable(args.output)
    given = None if args.assignment is None else Assignment.load(args.assignment)
    with started(settings.cluster, settings.workers, settings.jobs) as workers:
        prepared = prepare(
            args.model,
            settings,
            ui.step,
            costs=False,
            filters=True,
            compensated=args.compensated,
            workers=workers,
        )
        sensitivity = prepared.state.sensitivity
        assert sensitivity is not None
        document = sensitivity_document(sensitivity, prepared.state.left_exact, given)
    page = render_sensitivity_html(document, Path(args.model).stem)
    atomic_write_text(out / "sensitivity.html", page)
    write_json(document, out / "sensitivity.json")
    if ui.json:
        ui.print_json(document)
    else:
        ranked = sorted(layer_sensitivity(sensitivity).items(), key=lambda pair: -pair[1])
        names = ", ".join(f"{name} ({value:.3g})" for name, value in ranked[:SHOWN])
        ui.line(f"most sensitive:  {names}")
        names = ", ".join(f"{name} ({value:.3g})" for name, value in ranked[::-1][:SHOWN])
        ui.line(f"least sensitive: {names}")
        kind = "with folded biases" if sensitivity.folded else "not compensated"
        ui.line(f"(relative RMS change of the outputs, mean over the candidates; {kind})")
        ui.line(f"picture: {out / 'sensitivity.html'}")
    for warning in (*prepared.warnings, *sensitivity.notes):
        ui.warn(warning)
    return 0
