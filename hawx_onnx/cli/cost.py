"""``hawx-onnx cost``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_settings, settings_of

if TYPE_CHECKING:
    from hawx_onnx.rtl_emission import RtlRequest

HELP = "hardware cost alone, per layer and in total"
DATAFLOWS = ("output-stationary", "weight-stationary", "input-stationary")
TOTALS = (
    ("power", "power_mw", "mW"),
    ("area", "area_um2", "um2"),
    ("energy", "energy_uj", "uJ"),
    ("latency", "latency_cycles", "cycles"),
)

SIZES = {
    "rows": "rows of a temporal target's array; default: its own if small, else 4",
    "columns": "columns of the array; default: its own if small, else 4",
    "pe": "elements of a spatial target's engine; default: its own if small, else 4 or fewer",
    "simd": "lanes of an element; default: its own if small, else 4 or fewer",
}

PARTS = (
    ("multiplication_uj", "multiplications"),
    ("periphery_uj", "adders and registers"),
    ("sram_uj", "SRAM"),
    ("dram_uj", "DRAM"),
    ("leakage_uj", "leakage"),
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
    keys = ("target", "library", "predict_costs", "data", "preprocess", "jobs")
    add_settings(parser, keys)
    parser.add_argument("--html", metavar="FILE", help="write tables and pictures as one page")
    group = parser.add_argument_group("Verilog", "its operands come from --data")
    group.add_argument(
        "--emit-rtl", metavar="DIR", help="folder for an array or engine with these multipliers"
    )
    group.add_argument(
        "--layer", metavar="NAME", help="layer that proves it; default: the first convolution"
    )
    for name, what in SIZES.items():
        group.add_argument(f"--{name}", type=int, metavar="N", help=what)
    group.add_argument(
        "--from-table",
        action="store_true",
        help="make a circuit of multiplexers where nothing but a truth table is known",
    )


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Costs and prints layers and totals."""
    settings = settings_of(args)
    from hawx_onnx.assignment import Assignment
    from hawx_onnx.costing import cost_model
    from hawx_onnx.report import cost_table, print_table, write_cost_html
    from hawx_onnx.writable import check_writable_file

    if args.html is not None:
        check_writable_file(args.html)
    assignment = None if args.assignment is None else Assignment.load(args.assignment)
    document = cost_model(args.model, settings, assignment, args.dataflow, _rtl(args))
    if args.html is not None:
        write_cost_html(document, Path(args.model).stem, args.html)
    if ui.json:
        ui.print_json(document)
        return 0
    print_table(cost_table(document["layers"]))
    for name, field, unit in TOTALS:
        before, after = document["baseline"][field], document["total"][field]
        saved = 100 * document["savings"][name]
        ui.line(f"{name}: {after:.6g} {unit} (exact: {before:.6g}, saved {saved:.1f} %)")
    if document["fpga"] is not None:
        area = document["fpga"]
        luts = "unknown"
        if "luts" in document["savings"]:
            before, saved = document["baseline"]["area_lut6"], document["savings"]["luts"]
            luts = f"{area['area_lut6']} (exact: {before}, saved {100 * saved:.1f} %)"
        ui.line(
            f"FPGA: LUT6 {luts}, {area['flip_flops']} flip-flops, "
            f"{area['block_ram18']} block RAMs of 18 kbit"
        )
    ui.line(_parts(document["total"]["energy_parts"], document["memories"]))
    ui.line(f"operands: {OPERANDS[document['operands']]}")
    for note in document["notes"]:
        ui.warn(note)
    if "rtl" in document:
        written = document["rtl"]
        ui.line(f"{written['accelerator']}, layer {written['layer']}: {written['folder']}")
    if args.html is not None:
        ui.line(f"page: {args.html}")
    return 0


def _rtl(args: argparse.Namespace) -> RtlRequest | None:
    """Returns what to write in Verilog, or None.

    Raises:
        ConfigError: A flag that says how is there, and --emit-rtl is not.
    """
    from hawx_onnx.errors import ConfigError
    from hawx_onnx.rtl_emission import RtlRequest

    given = {name: getattr(args, name) for name in ("layer", *SIZES)}
    if args.emit_rtl is not None:
        return RtlRequest(args.emit_rtl, **given, from_table=args.from_table)
    if args.from_table or any(value is not None for value in given.values()):
        raise ConfigError(
            "--layer, --rows, --columns, --pe, --simd and --from-table say what --emit-rtl writes",
            mend="give --emit-rtl DIR too",
        )
    return None


def _parts(parts: dict[str, float], memories: str) -> str:
    """One line on what the energy is the sum of."""
    whole = sum(parts.values()) or 1.0
    told = ", ".join(
        f"{label} {100 * parts[key] / whole:.1f} %"
        for key, label in PARTS
        if parts[key] or key not in ("sram_uj", "dram_uj")
    )
    return f"energy goes to: {told}" + (f" (memories: {memories})" if memories else "")
