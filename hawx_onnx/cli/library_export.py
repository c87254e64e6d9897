"""``hawx-onnx library export``."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from hawx_onnx.cli.console import Ui
from hawx_onnx.cli.options import add_global_flags, add_settings

if TYPE_CHECKING:
    from hawx_onnx.components.rtl import Rtl


HELP = "Verilog of multipliers, with self-checking testbenches"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the flags."""
    add_global_flags(parser)
    parser.add_argument("name", metavar="NAME", nargs="+", help="names, patterns or table files")
    parser.add_argument(
        "--rtl", metavar="DIR", required=True, help="folder for NAME.v, NAME_tb.v and NAME.hex"
    )
    parser.add_argument(
        "--from-table",
        action="store_true",
        help="make a circuit of multiplexers where nothing but a truth table is known",
    )
    add_settings(parser, ("library",))


def run(args: argparse.Namespace, ui: Ui, libraries: tuple[str, ...]) -> int:
    """Writes the Verilog of the named multipliers; nothing where one of them has none."""
    from hawx_onnx import components
    from hawx_onnx.components.rtl import rtl
    from hawx_onnx.report import atomic_write_text

    chosen = components.resolve(args.name, libraries)
    ui.step(f"Verilog of {len(chosen)} multipliers")
    found = [(multiplier, rtl(multiplier, from_table=args.from_table)) for multiplier in chosen]
    _check_distinct([each for _, each in found])
    rows = []
    for multiplier, each in found:
        for name, text in each.files().items():
            atomic_write_text(Path(args.rtl) / name, text)
        names = ("design", "testbench", "expected")
        files = dict(zip(names, each.files(), strict=True))
        rows.append({"name": multiplier.name, "origin": each.origin, **files})
    if ui.json:
        ui.print_json({"folder": str(args.rtl), "multipliers": rows})
        return 0
    for row in rows:
        ui.line(str(Path(args.rtl) / row["design"]))
    return 0


def _check_distinct(found: list[Rtl]) -> None:
    """Checks that no file would overwrite another one, on any file system."""
    from hawx_onnx.errors import ConfigError

    counts = Counter(name.lower() for each in found for name in each.files())
    for name, count in counts.items():
        if count > 1:
            raise ConfigError(
                f"{count} of the multipliers would be written to {name}",
                mend="export them into different folders",
            )
