"""``hawx-onnx cost``."""

from __future__ import annotations

import argparse

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_settings, settings_of

HELP = "hardware cost alone, per layer and in total"
DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
TOTALS = (
    ("power", "power_mw", "mW"),
    ("area", "area_um2", "um2"),
    ("energy", "energy_uj", "uJ"),
    ("latency", "latency_cycles", "cycles"),
)

OPERANDS = {
    "own": "each layer's own",
    "uniform": "uniform",
    "mixed": "each layer's own, as far as known",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("model", metavar="MODEL", help="ONNX file: float, int8 or rewritten")
    parser.add_argument("--assignment", metavar="FILE", help="assignment.json; default: exact")
    parser.add_argument("--dataflow", choices=DATAFLOWS, help="over that of a temporal target")
    add_settings(parser, ("target", "library"))


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Costs and prints layers and totals."""
    settings = settings_of(args)
    from hawx_onnx.assignment import Assignment
    from hawx_onnx.costing import cost_model
    from hawx_onnx.report import layer_table, print_table

    assignment = None if args.assignment is None else Assignment.load(args.assignment)
    document = cost_model(args.model, settings, assignment, args.dataflow)
    if ui.json:
        ui.print_json(document)
        return 0
    print_table(layer_table(document["layers"]))
    for name, field, unit in TOTALS:
        before, after = document["baseline"][field], document["total"][field]
        saved = 100 * document["savings"][name]
        ui.line(f"{name}: {after:.6g} {unit} (exact: {before:.6g}, saved {saved:.1f} %)")
    ui.line(f"operands: {OPERANDS[document['operands']]}")
    for note in document["notes"]:
        ui.warn(note)
    return 0
