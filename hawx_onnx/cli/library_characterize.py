"""``hawx-onnx library characterize``."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Any

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_global_flags

if TYPE_CHECKING:
    from hawx_onnx.components import Multiplier
    from hawx_onnx.components.synthesis.libraries import Characterised

HELP = "area, delay, power and FPGA cost of a library by synthesis"
MODES = ("unit-delay", "zero-delay")
BAD_INPUT = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags."""
    add_global_flags(parser)
    parser.add_argument("library", metavar="LIB", help="a library folder or .npz file, or builtin")
    parser.add_argument(
        "--liberty",
        metavar="FILE",
        help="cells of a technology (default: OSU 0.18 um if installed, else generic ones)",
    )
    parser.add_argument(
        "--mode",
        choices=MODES,
        default=MODES[0],
        help="how toggles are counted: with glitches or without",
    )
    parser.add_argument(
        "--histogram",
        metavar="FILE",
        help=".npz file with how often operands occur (default: uniform)",
    )
    parser.add_argument(
        "--jobs", type=int, metavar="N", default=0, help="runs of yosys at once; 0 takes all cores"
    )
    parser.add_argument(
        "--output", "-o", metavar="LIB", help="library to write (default: the one that is read)"
    )


def run(args: argparse.Namespace, ui: Ui) -> int:
    """Characterises a library and writes it."""
    from hawx_onnx import components
    from hawx_onnx.components.library_files import check_place
    from hawx_onnx.components.synthesis import cell_library, technology_name
    from hawx_onnx.components.synthesis.libraries import characterize_library

    start = time.perf_counter()
    output = _output(args)
    check_place(output)
    operands = components.read_histograms(args.histogram) if args.histogram else None
    cells = cell_library(args.liberty)
    given: tuple[Multiplier, ...] = components.load_library(args.library)
    technology = technology_name(cells, args.mode, operands)
    ui.step(f"characterising {args.library} in {technology}")

    def tell(total: int) -> None:
        ui.measure(total)
        ui.tick()

    found = characterize_library(
        given, cells, mode=args.mode, operands=operands, jobs=max(args.jobs, 0), progress=tell
    )
    done = len(given) - len(found.failures)
    if done:
        ui.step(f"writing {output}")
        components.write_library(found.multipliers, output)
    _report(ui, output, technology, found, time.perf_counter() - start)
    return 0 if done else BAD_INPUT


def _output(args: argparse.Namespace) -> str:
    """Where the result goes; the built-in library and loose tables are not written in place."""
    from hawx_onnx.components.library_files import is_library
    from hawx_onnx.errors import ConfigError

    if args.output:
        return str(args.output)
    if is_library(args.library):
        return str(args.library)
    raise ConfigError(
        f"{args.library} cannot be written in place",
        where="--output",
        mend="name the library to write: --output LIB",
    )


def _report(ui: Ui, output: str, technology: str, found: Characterised, seconds: float) -> None:
    """Prints the summary."""
    failed = {failure.name: failure.error for failure in found.failures}
    if ui.json:
        from hawx_onnx.cli.library_rows import library_details, summary

        document: dict[str, Any] = {
            "library": output,
            "technology": technology,
            "multipliers": [
                {**summary(m), **library_details(m)}
                for m in found.multipliers
                if m.name not in failed
            ],
            "failed": [
                {"name": name, "what": error.what, "mend": error.mend}
                for name, error in failed.items()
            ],
            "seconds": round(seconds, 3),
        }
        ui.print_json(document)
        return
    for name, error in failed.items():
        ui.line(f"not characterised: {name}: {error.what}\n  {error.mend}".rstrip())
    total = len(found.multipliers)
    ui.line(
        f"characterised {total - len(failed)} of {total} in {technology}: {output}, {seconds:.1f} s"
    )
